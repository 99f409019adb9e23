#!/bin/sh
# Unpacks Debian packages into the build folder, for tests of programs whose installation alone would change this machine:
# firewalld's starts it, and with it a firewall.
#
#   unpack.sh PACKAGE...
#
# What it needs besides (python3-firewall) is installed by packages.sh.
set -eu
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
target=${CARGO_TARGET_DIR:-$PWD/target}/unpacked

for package in "$@"; do
    [ ! -e "$target/usr/share/doc/$package" ] || continue
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "wallwatch: this is neither Debian nor Ubuntu: tests of $package need it installed"
        continue
    fi
    echo "wallwatch: unpacking $package, which is not installed"
    mkdir -p "$target"
    (
        cd "$target"
        if ! apt-get -q download "$package"; then
            echo "wallwatch: that did not work with the package lists that are here; fetching new ones"
            if [ "$(id -u)" = 0 ]; then apt-get -q update; else sudo apt-get -q update; fi
            apt-get -q download "$package"
        fi
        for file in "$package"_*.deb; do dpkg-deb --extract "$file" . && rm "$file"; done
    )
done
