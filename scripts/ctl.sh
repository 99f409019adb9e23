#!/bin/sh
# wallwatchctl for the Wallwatch that `make run` started, as `scripts/ctl.sh test-alert`.
set -eu
project=$(dirname "$(dirname "$(readlink -f "$0")")")
target=${CARGO_TARGET_DIR:-$project/target}
if ! address=$(cat "$target/run-bus-address" 2>/dev/null); then
    echo "wallwatch: nothing runs here. Start it in another terminal: make run" >&2
    exit 3
fi
DBUS_SYSTEM_BUS_ADDRESS=$address exec "$target/release/wallwatchctl" "$@"
