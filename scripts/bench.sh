#!/bin/sh
# Prints how long Wallwatch takes from the packet that decides to the popup, over 200 alerts (median and p99).
set -eu
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
exec scripts/test.sh --test latency -- --nocapture
