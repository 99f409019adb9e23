#!/bin/bash
# Runs every test of the workspace, and installs what they need.
#
#   test.sh [ARGUMENT...]      the arguments go to `cargo test` in place of --workspace
#
# The real programs are built once, in release, and the tests find them by WALLWATCH_HELPER, WALLWATCH_TRAY and
# WALLWATCHCTL. Tests that make namespaces need root: where the user is not, each test program is started by sudo.
set -euo pipefail
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"

scripts/packages.sh rust build run test
scripts/unpack.sh firewalld
target=${CARGO_TARGET_DIR:-$PWD/target}

echo "wallwatch: building the programs to be tested"
cargo build --release --workspace --bins --locked
export WALLWATCH_HELPER=$target/release/wallwatch-helper
export WALLWATCH_TRAY=$target/release/wallwatch
export WALLWATCHCTL=$target/release/wallwatchctl

if [ "$(id -u)" != 0 ]; then
    if [ ! -t 0 ] && ! sudo -n true 2>/dev/null; then
        echo "wallwatch: tests that make network namespaces need root, and sudo wants a password that nobody can type here." >&2
        echo "wallwatch: run them as root, or where sudo asks for no password." >&2
        exit 1
    fi
    triple=$(rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)
    # Relative, because cargo takes what stands behind a space in it for an argument.
    export "CARGO_TARGET_${triple}_RUNNER=scripts/as-root.sh"
fi

results=$(mktemp)
trap 'rm -f "$results"' EXIT
failed=0
# $@: arguments of cargo test. Its output is shown and kept, to be counted.
run() {
    cargo test --locked --no-fail-fast "$@" </dev/null 2>&1 | tee -a "$results" || failed=1
}

# Tests of whole programs measure times and take what exists once, as the screen; they run one at a time.
if [ $# -gt 0 ]; then
    RUST_TEST_THREADS=1 run "$@"
else
    run --workspace --lib --bins
    run --workspace --doc
    RUST_TEST_THREADS=1 run --workspace --test '*'
fi

awk '/^test result:/ { passed += $4; broken += $6; ignored += $8 }
    END { printf "wallwatch: %d tests passed, %d failed, %d ignored\n", passed, broken, ignored }' "$results"
[ "$failed" = 0 ] || echo "wallwatch: failed:" $(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$results") >&2
exit "$failed"
