#!/bin/sh
# Counts the instructions that a packet costs from the kernel's datagram to detection, by valgrind's callgrind.
#
#   instructions.sh [FLOOD...]      scan, many-scans, one-port and spoofed, as helper/benches/watch.rs makes them
#   instructions.sh 10-fast 1000-fast 100000-fast 1000000-fast
#                                   the same for so many senders in turn: what a packet costs does not depend on their number
#
# Each flood runs twice, once twice as long: the difference is what the packets cost, without the program's start.
set -eu
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
[ $# -gt 0 ] || set -- scan many-scans one-port spoofed
packets=262144

scripts/packages.sh rust build bench
program=$(cargo bench --quiet --locked --package wallwatch-helper --bench watch --no-run --message-format=json |
    sed -n 's/.*"name":"watch".*"executable":"\([^"]*\)".*/\1/p')
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The instructions of $1 packets of the flood $2.
count() {
    valgrind --tool=callgrind --callgrind-out-file="$scratch/profile" "$program" --packets "$1" "$2" >"$scratch/output" 2>&1 ||
        { cat "$scratch/output" >&2; exit 1; }
    sed -n 's/^\(summary\|totals\): *\([0-9]*\).*/\2/p' "$scratch/profile" | head -n 1
}

for flood; do
    once=$(count "$packets" "$flood")
    twice=$(count $((packets * 2)) "$flood")
    printf '%-12s %6d instructions a packet\n' "$flood" $(((twice - once) / packets))
done
