#!/bin/bash
# Reads one long log by turns with psad -A and with wallwatchctl analyze, and prints what each took.
#
#   compare-psad.sh [LINES] [SOURCES] [ROUNDS]      100000 lines of 30000 sources, 3 rounds
#
# psad is unpacked from its Debian package into a scratch folder, not installed. The Perl modules that it needs must be there:
#   apt-get install --no-install-recommends libunix-syslog-perl libnet-ip-perl libdate-calc-perl libiptables-parse-perl libiptables-chainmgr-perl
set -euo pipefail
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
lines=${1:-100000} sources=${2:-30000} rounds=${3:-3}
target=${CARGO_TARGET_DIR:-$PWD/target}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cargo build --quiet --release --locked --package wallwatch --no-default-features --bin wallwatchctl
cargo build --quiet --release --locked --package wallwatch-helper --example mixed_lines
log=$scratch/log
"$target/release/examples/mixed_lines" "$lines" "$sources" >"$log"

(cd "$scratch" && apt-get download --quiet psad >download 2>&1) || { cat "$scratch/download" >&2; exit 1; }
dpkg -x "$scratch"/psad_*.deb "$scratch/unpacked"
# The first value of a setting counts. Nothing is mailed, looked up or written outside the scratch folder.
cat >"$scratch/override.conf" <<END
ALERTING_METHODS         noemail,nosyslog;
AUTO_DETECT_JOURNALCTL   N;
ENABLE_FW_LOGGING_CHECK  N;
IFCFGTYPE                iproute2;
HOSTNAME                 localhost;
INSTALL_ROOT             $scratch/run;
END
for program in psad psadwatchd fwcheck_psad kmsgsd whois mail sendmail; do
    echo "${program}Cmd /bin/true;" >>"$scratch/override.conf"
done

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
    rm -rf "$scratch/run"
    mkdir -p "$scratch"/run/{etc,usr/lib,var/{log,run,lib}/psad}
    cp -r "$scratch/unpacked/etc/psad" "$scratch/run/etc/"
    measure psad perl "$scratch/unpacked/usr/sbin/psad" -A --analysis-write-data -m "$log" -c "$scratch/unpacked/etc/psad/psad.conf" \
        -O "$scratch/override.conf" --no-whois --no-rdns --no-netstat --no-fwcheck
    measure wallwatch "$target/release/wallwatchctl" analyze "$log"
done
