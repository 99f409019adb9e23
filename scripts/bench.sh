#!/bin/sh
# Measures what is promised to be quick.
#
#   bench.sh [decode] [store] [latency]      all without arguments
#
# decode: lines and packets a second, by criterion. store: what is asked of a history of 100,000 incidents. latency: from the
# packet that decides to the popup, over 200 alerts (median and p99). compare-psad.sh sets the analysis of a long log beside psad's.
set -eu
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
[ $# -gt 0 ] || set -- decode store latency
for what in "$@"; do
    case $what in
    decode) cargo bench --locked --package wallwatch-helper --bench decode ;;
    store) cargo bench --locked --package wallwatch-helper --bench store ;;
    latency) scripts/test.sh --test latency -- --nocapture ;;
    *) echo "wallwatch: '$what' is none of decode, store and latency" >&2; exit 2 ;;
    esac
done
