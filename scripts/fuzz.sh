#!/bin/bash
# Runs the fuzz targets, one after the other, and shows what each did in one table.
#
#   fuzz.sh [SECONDS] [TARGET...]      all targets and a minute each, where nothing else is said
#
# What the fuzzer finds new stays in a scratch folder, whose name is shown; the committed inputs are only read.
set -euo pipefail
cd "$(dirname "$(dirname "$(readlink -f "$0")")")/helper"

seconds=60
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)

for target in "${targets[@]}"; do
    if [ ! -d "fuzz/seeds/$target" ]; then
        echo "wallwatch: no fuzz target $target; there are: $(ls fuzz/seeds | xargs)" >&2
        exit 2
    fi
done

cargo +nightly fuzz build
triple=$(rustc +nightly -vV | sed -n 's/^host: //p')
scratch=$(mktemp -d -t wallwatch-fuzz.XXXXXX)
echo "wallwatch: logs and findings in $scratch"

printf '%-14s %12s %9s %9s %9s\n' target executions 'per s' inputs findings
broken=0
for target in "${targets[@]}"; do
    mkdir -p "$scratch/$target/"{corpus,found}
    cp "fuzz/seeds/$target/"* "$scratch/$target/corpus/"
    # Where an input is a text of lines, each is an input of its own too: short ones are tried more often.
    if [ "$target" = log_line ]; then
        awk 1 "fuzz/seeds/$target/"* | split -l 1 -a 3 - "$scratch/$target/corpus/line_"
    fi
    arguments=(-max_total_time="$seconds" -timeout=10 -print_final_stats=1)
    [ ! -f "fuzz/dictionaries/$target" ] || arguments+=(-dict="fuzz/dictionaries/$target")
    log=$scratch/$target/log
    # The limit of time is the fuzzer's own; where it does not keep that, it is ended.
    timeout -k 5 $((seconds + 60)) "fuzz/target/$triple/release/$target" "${arguments[@]}" \
        -artifact_prefix="$scratch/$target/found/" "$scratch/$target/corpus" >"$log" 2>&1 || broken=1
    found=$(find "$scratch/$target/found" -type f | wc -l)
    printf '%-14s %12s %9s %9s %9s\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
        "$(find "$scratch/$target/corpus" -type f | wc -l)" "$found"
done
exit "$broken"
