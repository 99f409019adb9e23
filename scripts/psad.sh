# What unpacks psad and lets it read a log; compare-psad.sh and evaluate.sh source it.
#
# psad is unpacked from its Debian package into a scratch folder, not installed. The Perl modules that it needs must be there:
#   apt-get install --no-install-recommends libunix-syslog-perl libnet-ip-perl libdate-calc-perl libiptables-parse-perl libiptables-chainmgr-perl

# unpack_psad SCRATCH: fetches and unpacks it. Where that cannot be done, says why on standard error and fails.
unpack_psad() {
    local scratch=$1 program
    perl -MUnix::Syslog -MNet::IP -MDate::Calc -MIPTables::Parse -MIPTables::ChainMgr -e 1 2>"$scratch/missing" ||
        { echo "psad's Perl modules are not there: $(head -n 1 "$scratch/missing" | cut -c1-60)..." >&2; return 1; }
    (cd "$scratch" && apt-get download --quiet psad >download 2>&1) ||
        { echo "psad's package is not to be had: $(tail -n 1 "$scratch/download")" >&2; return 1; }
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
}

# fresh_psad SCRATCH: forgets what it knew.
fresh_psad() {
    rm -rf "$1/run"
    mkdir -p "$1"/run/{etc,usr/lib,var/{log,run,lib}/psad}
    cp -r "$1/unpacked/etc/psad" "$1/run/etc/"
}

# psad_words SCRATCH LOG: puts the words that let it read a log into the array `psad`.
psad_words() {
    psad=(perl "$1/unpacked/usr/sbin/psad" -A --analysis-write-data -m "$2" -c "$1/unpacked/etc/psad/psad.conf"
        -O "$1/override.conf" --no-whois --no-rdns --no-netstat --no-fwcheck)
}

# psad_sources SCRATCH: prints each source that it gave a danger level of 1 or more, one a line.
psad_sources() {
    local file level
    for file in "$1"/run/var/log/psad/ipt_analysis/*/danger_level; do
        [ -f "$file" ] || continue
        level=$(<"$file")
        [ "${level:-0}" -lt 1 ] || basename "$(dirname "$file")"
    done
}
