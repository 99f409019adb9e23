#!/bin/sh
# Installs the Debian or Ubuntu packages that Wallwatch needs, where they are missing.
#
#   packages.sh [rust] [build] [run] [test] [bench] [corpus]
#
# Says what is missing. As root it installs at once; else it asks on a terminal and uses sudo. Where nobody could answer
# (no terminal, sudo wants a password) it says which command to run and exits with 1. It never waits without a terminal.
# For "rust" it only looks whether there is a toolchain, which is the user's own and no package.
set -eu

say() {
    echo "wallwatch: $*"
}

# The packages of one purpose.
list() {
    case $1 in
    rust) ;;
    # The compiler's linker, and GTK for the tray (libgtk-3-dev brings the library itself).
    build) echo gcc libc6-dev make pkg-config libgtk-3-dev ;;
    # nft(8) for the own table, a bus and polkitd to ask, setpriv and unshare for rights and mounts.
    run) echo nftables dbus polkitd util-linux procps ;;
    # Attacks, cables for them, firewalls of others, a debugger to break things with, screens, and a real desktop to be seen on.
    test) echo nmap masscan iproute2 conntrack hping3 dnsmasq-base busybox dropbear-bin openssh-client iptables ufw python3-firewall python3-nftables gdb faketime xvfb \
        xfce4-panel xfwm4 xfce4-notifyd xfconf adwaita-icon-theme librsvg2-common \
        fonts-dejavu-core imagemagick xdotool libglib2.0-bin logrotate ulogd2 ulogd2-json systemd ;;
    # Whom we are compared with, and a counter of instructions.
    bench) echo ulogd2 ulogd2-json conntrack valgrind libnetfilter-queue-dev libmnl-dev ;;
    # Attackers and ordinary programs to record anew what tests/data/corpus holds (scripts/corpus.sh); no test needs them.
    corpus) echo nmap ncat masscan zmap hping3 hydra ike-scan slowhttptest thc-ipv6 python3-scapy python3 netcat-openbsd sshpass \
        openssh-client openssh-server nginx-light apache2-utils curl vsftpd tftp-hpa tftpd-hpa radvd ndisc6 dnsmasq-base udhcpc \
        bind9-dnsutils avahi-daemon miniupnpc minidlna samba samba-common-bin aria2 iputils-ping traceroute mtr-tiny \
        tcpdump ethtool iproute2 nftables conntrack procps util-linux ;;
    *) say "'$1' is none of rust, build, run, test, bench, corpus" >&2; exit 2 ;;
    esac
}

# Is package $1 installed?
installed() {
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Runs apt-get by way of $sudo, which is empty for root.
apt() {
    # shellcheck disable=SC2086 # empty is no word
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

check_rust() {
    if ! command -v cargo >/dev/null; then
        say "a Rust toolchain is missing. Install one as https://rustup.rs says, then run this again:" >&2
        say "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
        exit 1
    fi
    # 1.90 is rust-version in Cargo.toml; cargo's own message about it is clear, but comes after minutes of building.
    minor=$(cargo --version | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
    if [ "${minor:-90}" -lt 90 ]; then
        say "$(cargo --version) is too old: Wallwatch needs Rust 1.90 or newer. Run: rustup update stable" >&2
        exit 1
    fi
}

[ $# -gt 0 ] || set -- rust build run
for purpose in "$@"; do
    [ "$purpose" != rust ] || check_rust
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "this is neither Debian nor Ubuntu, so please see yourself that you have what these packages hold:"
    for purpose in "$@"; do say "    $(list "$purpose")"; done
    exit 0
fi

missing=
for purpose in "$@"; do
    for package in $(list "$purpose"); do
        installed "$package" || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

command="apt-get install --no-install-recommends$missing"
say "these packages are missing:$missing"
if [ "$(id -u)" = 0 ]; then
    sudo=
elif ! command -v sudo >/dev/null; then
    say "only root can install them, and there is no sudo. Run as root: $command" >&2
    exit 1
elif [ -t 0 ] && [ -t 1 ]; then
    printf 'wallwatch: install them now with sudo? [Y/n] '
    read -r answer
    case $answer in
    '' | [yY]*) sudo=sudo ;;
    *) say "nothing installed. Later: sudo $command" >&2; exit 1 ;;
    esac
elif sudo -n true 2>/dev/null; then
    sudo='sudo -n'
else
    say "sudo wants a password and there is no terminal to ask on. Run: sudo $command" >&2
    exit 1
fi

say "installing them"
# The package lists may be old or absent, as in a fresh container; they are only fetched when it does not work without.
# shellcheck disable=SC2086 # one word for each package
if ! apt install --yes --no-install-recommends $missing; then
    say "that did not work with the package lists that are here; fetching new ones"
    apt update
    apt install --yes --no-install-recommends $missing
fi
