#!/bin/bash
# Scores how well attacks are known in a folder of labelled cases, and how often something else is taken for one.
#
#   evaluate.sh [--json] [CORPUS] [CASE...]      tests/data without arguments
#
# CORPUS holds the cases and kinds.tsv, or a folder `corpus` that does; tests/support/evaluation/case.rs tells their form. Each case is
# replayed as a log, as what ufw's limit leaves of it, without TCP's numbers and options, and as a capture.
# psad -A reads the same lines of the full log where it can be had (psad.sh tells what it needs); a source with a danger level counts as
# told. PSAD=no leaves it out, PSAD=all lets it read the lines of every stream: about a second for each case.
set -euo pipefail
here=$PWD
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
. scripts/psad.sh
words=()
[ "${1-}" != --json ] || { words=(--json); shift; }
corpus=${1:-tests/data}
[ $# = 0 ] || shift
# A folder is named from where one stands, else from the project's own.
[ ! -d "$here/$corpus" ] || corpus=$here/$corpus
target=${CARGO_TARGET_DIR:-$PWD/target}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cargo build --quiet --locked --package wallwatch-helper --example evaluate
evaluate=$target/debug/examples/evaluate

# Lets psad read every log of a stream.
read_by_psad() {
    local log
    for log in "$scratch/lines/$1"/*.log; do
        fresh_psad "$scratch"
        psad_words "$scratch" "$log"
        if "${psad[@]}" </dev/null >"$scratch/output" 2>&1; then
            psad_sources "$scratch" >"${log%.log}.psad"
        else
            echo "evaluate: psad failed on $(basename "$log"): $(tail -n 1 "$scratch/output")" >&2
        fi
    done
}

case ${PSAD:-full} in
no) streams= ;;
all) streams="full ufw stripped" ;;
full) streams=full ;;
*) echo "evaluate: PSAD is one of no, full and all" >&2; exit 2 ;;
esac
if [ -n "$streams" ] && unpack_psad "$scratch"; then
    "$evaluate" --lines "$scratch/lines" "$corpus" "$@"
    for stream in $streams; do
        read_by_psad "$stream"
    done
    words+=(--psad "$scratch/lines")
fi
"$evaluate" "${words[@]}" "$corpus" "$@"
