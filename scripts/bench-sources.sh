#!/bin/sh
# Measures what the sources of events lose and cost, beside the programs that people use today, by turns in one run.
#
#   bench-sources.sh [--rounds N] [PART...]      all parts, 3 rounds
#
# nflog: a group of the user's own rules, beside ulogd with LOGEMU and JSON. own: is each packet of the own table in a record or
# in a counter? kmsg: LOG lines, beside dmesg -W. conntrack: flows that begin, beside conntrack -E.
# nfqueue: a queue, beside a reader in C. memory: the helper behind ten million packets. latency: from the packet that decides to the
# alert and the popup. tests/bench/sources/main.rs says how. Needs root for network namespaces, and ten minutes.
set -eu
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
rounds=3
parts='' latency=''
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift ;;
    latency) latency=yes ;;
    nflog | own | kmsg | conntrack | nfqueue | memory) parts="$parts $1" ;;
    *) echo "wallwatch: '$1' is none of nflog, own, kmsg, conntrack, nfqueue, memory, latency" >&2; exit 2 ;;
    esac
    shift
done
[ -n "$parts$latency" ] || { parts='nflog own kmsg conntrack nfqueue memory'; latency=yes; }

scripts/packages.sh rust build run test bench
target=${CARGO_TARGET_DIR:-$PWD/target}
export WALLWATCH_HELPER="$target/release/wallwatch-helper"
failed=0
if [ -n "$parts" ]; then
    cargo build --release --locked --package wallwatch-helper --bin wallwatch-helper
    cargo build --release --locked --package wallwatch-test-support --bin pktsend
    gcc -O2 -o "$target/release/queue-c" tests/bench/sources/queue.c -lnetfilter_queue -lmnl
    triple=$(rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)
    # Relative, because cargo takes what stands behind a space in it for an argument.
    export "CARGO_TARGET_${triple}_RUNNER=scripts/as-root.sh"
    # shellcheck disable=SC2086 # one word for each part
    cargo bench --locked --package wallwatch-helper --bench sources -- --rounds "$rounds" $parts || failed=1
fi
[ -z "$latency" ] || scripts/test.sh --test latency -- --nocapture || failed=1
exit "$failed"
