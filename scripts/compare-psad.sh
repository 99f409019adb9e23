#!/bin/bash
# Reads one long log by turns with psad -A and with wallwatchctl analyze, and prints what each took.
#
#   compare-psad.sh [LINES] [SOURCES] [ROUNDS]      100000 lines of 30000 sources, 3 rounds
#
# What psad needs stands in psad.sh.
set -euo pipefail
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
. scripts/psad.sh
lines=${1:-100000} sources=${2:-30000} rounds=${3:-3}
target=${CARGO_TARGET_DIR:-$PWD/target}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cargo build --quiet --release --locked --package wallwatch --no-default-features --bin wallwatchctl
cargo build --quiet --release --locked --package wallwatch-helper --example mixed_lines
log=$scratch/log
"$target/release/examples/mixed_lines" "$lines" "$sources" >"$log"

unpack_psad "$scratch"

# Runs the command and prints its seconds of wall clock and processor, and its greatest memory.
measure() {
    local name=$1
    shift
    /usr/bin/env time --format '%e %U %S %M' --output "$scratch/time" "$@" </dev/null >"$scratch/output" 2>&1 ||
        { echo "$name failed:" >&2; tail -n 5 "$scratch/output" >&2; exit 1; }
    awk -v name="$name" -v lines="$lines" '{ cpu = $2 + $3
        printf "%-9s %8.2f s  %8.2f s of processor  %7d KiB  %9d lines a second of processor\n", name, $1, cpu, $4, lines / (cpu > 0 ? cpu : 0.01) }' "$scratch/time"
}

for ((round = 0; round < rounds; round++)); do
    fresh_psad "$scratch"
    psad_words "$scratch" "$log"
    measure psad "${psad[@]}"
    measure wallwatch "$target/release/wallwatchctl" analyze "$log"
done
