#!/bin/sh
# Measures what is promised to be quick.
#
#   bench.sh [decode] [latency]      all without arguments
#
# decode: lines and packets a second, by criterion. latency: from the packet that decides to the popup, over 200 alerts
# (median and p99). compare-psad.sh sets the analysis of a long log beside psad's.
set -eu
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
[ $# -gt 0 ] || set -- decode latency
for what in "$@"; do
    case $what in
    decode) cargo bench --locked --package wallwatch-helper --bench decode ;;
    latency) scripts/test.sh --test latency -- --nocapture ;;
    *) echo "wallwatch: '$what' is neither decode nor latency" >&2; exit 2 ;;
    esac
done
