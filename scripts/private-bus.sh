#!/bin/bash
# Runs a program where the shipped bus and polkit files are installed, without touching the machine's own files.
#
#   private-bus.sh [OPTION...] -- PROGRAM [ARGUMENT...]
#
# In a mount namespace of its own /usr/share/dbus-1, /usr/share/polkit-1/actions and /etc/polkit-1/rules.d are copies
# with Wallwatch's files added, and /run/dbus is DIR/socket. The program then starts dbus-daemon and polkitd, or has
# them started inside. Needs root.
#
#   --dir DIR         an empty directory for the copies; whoever made it removes it, and the directories that DIR/made
#                     lists, which the machine did not have (required)
#   --rules FILE      a polkit rules file (may be repeated)
#   --limits FILE     a busconfig file with the bus's limits, as system-local.conf
#   --user NAME:UID   a user for the private /etc/passwd (may be repeated; a name that exists is left alone)
#   --no-sessions     hides /run/systemd, so that polkit knows of no login session
#   --program FILE    shows FILE as DIR/bin/NAME, where every user may run it: a home directory may be closed to others
#                     (may be repeated)
#
# Nothing is activated by the bus: whoever runs this starts the helper.
set -euo pipefail

project=$(dirname "$(dirname "$(readlink -f "$0")")")

die() {
    echo "private-bus: $1" >&2
    exit "${2:-1}"
}

if [ "${1-}" != --inside ]; then
    [ "$(id -u)" = 0 ] || die "this needs root: it mounts copies of /etc/passwd and of the bus's directories" 77
    unshare --mount true 2>/dev/null || die "mounts are not allowed here (a container without CAP_SYS_ADMIN?)" 77
    exec unshare --mount --propagation private "$0" --inside "$@"
fi
shift

dir='' limits='' sessions=yes rules=() users=() programs=()
while [ $# -gt 0 ]; do
    case $1 in
    --dir) dir=$2; shift 2 ;;
    --rules) rules+=("$2"); shift 2 ;;
    --limits) limits=$2; shift 2 ;;
    --user) users+=("$2"); shift 2 ;;
    --program) programs+=("$2"); shift 2 ;;
    --no-sessions) sessions=no; shift ;;
    --) shift; break ;;
    *) die "unknown option '$1'" 2 ;;
    esac
done
[ -d "$dir" ] || die "--dir names no directory" 2
[ $# -gt 0 ] || die "no program given" 2

# Makes directory $1 where it is missing.
need() {
    [ -d "$1" ] || { mkdir -p "$1" && echo "$1" >>"$dir/made"; }
}

# Covers directory $1 by a copy that belongs to $2; prints the copy's path.
cover() {
    copy=$dir/$(echo "$1" | tr / _)
    need "$1"
    mkdir "$copy"
    cp -a "$1/." "$copy/"
    chmod 755 "$copy"
    chown "$2" "$copy"
    mount --bind "$copy" "$1"
    echo "$copy"
}

# Puts file $1 into directory $2, readable by everybody.
put() {
    install -m 644 "$1" "$2/"
}

mkdir -p "$dir/bin"
for file in "${programs[@]}"; do
    touch "$dir/bin/$(basename "$file")"
    mount --bind "$file" "$dir/bin/$(basename "$file")"
done

for word in "${users[@]}"; do
    name=${word%%:*} uid=${word#*:}
    [ -e "$dir/passwd" ] || cp /etc/passwd /etc/group "$dir/"
    grep -q "^$name:" "$dir/passwd" && continue
    echo "$name:x:$uid:$uid:$name:/nonexistent:/usr/sbin/nologin" >>"$dir/passwd"
    echo "$name:x:$uid:" >>"$dir/group"
done
if [ -e "$dir/passwd" ]; then
    chmod 644 "$dir/passwd" "$dir/group"
    mount --bind "$dir/passwd" /etc/passwd
    mount --bind "$dir/group" /etc/group
fi

policies=$(cover /usr/share/dbus-1/system.d root)
services=$(cover /usr/share/dbus-1/system-services root)
actions=$(cover /usr/share/polkit-1/actions root)
# polkitd runs as this user since polkit 0.120.
polkit_user=$(getent passwd polkitd | cut -d: -f1 || true)
private_rules=$(cover /etc/polkit-1/rules.d "${polkit_user:-root}")
# What an installed Wallwatch put there must not stand beside the files to be tried.
rm -f "$policies"/org.wallwatch.* "$services"/org.wallwatch.* "$actions"/org.wallwatch.*
# Whoever runs this starts polkitd; the bus shall not start another one where that one is ended.
rm -f "$services"/org.freedesktop.PolicyKit1.service
for file in "$project"/dbus/*.conf; do put "$file" "$policies"; done
for file in "$project"/dbus/*.policy; do put "$file" "$actions"; done
for file in "${rules[@]}"; do put "$file" "$private_rules"; done
chown -R "${polkit_user:-root}" "$private_rules"

if [ -n "$limits" ]; then
    settings=$(cover /etc/dbus-1 root)
    install -m 644 "$limits" "$settings/system-local.conf"
fi

need /run/dbus
mkdir "$dir/socket"
chmod 755 "$dir/socket"
mount --bind "$dir/socket" /run/dbus
if [ "$sessions" = no ]; then
    need /run/systemd
    mount -t tmpfs -o mode=755 tmpfs /run/systemd
    # polkitd watches these for sessions that come and go, all or none.
    mkdir /run/systemd/seats /run/systemd/users /run/systemd/sessions /run/systemd/machines
fi
exec "$@"
