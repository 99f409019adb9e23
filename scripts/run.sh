#!/bin/bash
# Starts Wallwatch here and now from the source tree: helper and tray, capture on, watching this machine.
#
# Nothing is installed but packages that are missing (scripts/packages.sh says which). A private system bus with the
# shipped policy files runs beside the machine's own, in a mount namespace (scripts/private-bus.sh). Ctrl+C ends
# everything and leaves nothing behind: no process, no nftables table, no file but the build folder.
#
# It runs in three steps: as the starting user it builds; `--root` makes and removes the temporary directory; `--inside`
# starts and ends the programs where the private files are mounted.
set -euo pipefail

project=$(dirname "$(dirname "$(readlink -f "$0")")")
cd "$project"
target=${CARGO_TARGET_DIR:-$project/target}
address_file=$target/run-bus-address
# What leads to the user's screen and session, and what a program there should look like.
session='DISPLAY WAYLAND_DISPLAY XAUTHORITY DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR XDG_SESSION_TYPE XDG_SESSION_ID
    XDG_CURRENT_DESKTOP XDG_DATA_DIRS XDG_CONFIG_DIRS GDK_BACKEND GDK_SCALE GTK_THEME LANG LANGUAGE LC_ALL LC_TIME TZ'

say() {
    echo "wallwatch: $*"
}

die() {
    say "$1" >&2
    exit "${2:-1}"
}

# --- as the starting user ---------------------------------------------------------------------------------------------

# Did another user start this by sudo?
by_sudo() {
    [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER-}" ] && [ "$SUDO_USER" != root ]
}

# Runs "$@" as the user who ran sudo, so that the build folder stays that user's.
as_starter() {
    if by_sudo; then runuser -u "$SUDO_USER" -- "$@"; else "$@"; fi
}

# The variables of $session that are set, as words for env(1). After sudo, which drops some, they are looked for where
# pam_systemd(8) puts them.
session_variables() {
    local uid=${SUDO_UID:-$(id -u)} name
    if [ -n "${SUDO_UID-}" ]; then
        [ -n "${XDG_RUNTIME_DIR-}" ] && [ "$XDG_RUNTIME_DIR" != /run/user/0 ] || XDG_RUNTIME_DIR=/run/user/$uid
        [ -n "${DBUS_SESSION_BUS_ADDRESS-}" ] || [ ! -S "$XDG_RUNTIME_DIR/bus" ] ||
            DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus
        [ -n "${WAYLAND_DISPLAY-}" ] || [ ! -S "$XDG_RUNTIME_DIR/wayland-0" ] || WAYLAND_DISPLAY=wayland-0
    fi
    for name in $session; do
        [ -z "${!name-}" ] || printf '%s=%s\n' "$name" "${!name}"
    done
}

start() {
    # The toolchain is the starting user's, and run by nobody else; packages are installed by root where this is root.
    ! by_sudo || HOME=$(getent passwd "$SUDO_USER" | cut -d: -f6)
    export HOME PATH=${HOME:-/root}/.cargo/bin:$PATH
    as_starter scripts/packages.sh rust
    scripts/packages.sh build run
    say "building (the first time takes some minutes)"
    as_starter cargo build --release --locked --workspace --bins

    mapfile -t variables < <(session_variables)
    variables+=("CARGO_TARGET_DIR=$target" "STARTER=${SUDO_UID:-$(id -u)}")
    if [ "$(id -u)" = 0 ]; then
        exec env "${variables[@]}" scripts/run.sh --root
    fi
    command -v sudo >/dev/null || die "watching the firewall needs root's rights, and there is no sudo. Run as root: make run" 77
    sudo=(sudo)
    if [ ! -t 0 ]; then
        sudo=(sudo -n)
        sudo -n true 2>/dev/null || die "watching the firewall needs root's rights, and sudo wants a password. Run: sudo make run" 77
    fi
    say "watching the firewall needs root's rights: sudo starts the helper, which then keeps two capabilities and no more"
    exec "${sudo[@]}" env "${variables[@]}" "$project/scripts/run.sh" --root
}

# --- as root ----------------------------------------------------------------------------------------------------------

# The number of the user wallwatch, or one that is free and of the system's.
helper_uid() {
    getent passwd wallwatch | cut -d: -f3 | grep . && return
    local uid
    for ((uid = 999; uid > 100; uid--)); do
        getent passwd "$uid" >/dev/null || getent group "$uid" >/dev/null || { echo "$uid"; return; }
    done
    die "no user number below 1000 is free for the user wallwatch"
}

# Removes the temporary directory, and what had to be made beside it.
forget() {
    local made
    while read -r made; do rmdir "$made" 2>/dev/null || true; done < <(cat "$dir/copies/made" 2>/dev/null)
    rm -rf "$dir" "$address_file"
}

as_root() {
    # Ctrl+C reaches every process of the terminal; this one passes it on and waits until the inner one has tidied up.
    trap 'exit 0' INT TERM HUP
    dir=$(mktemp -d /tmp/wallwatch-run.XXXXXX)
    trap forget EXIT
    chmod 711 "$dir"
    mkdir "$dir/copies"
    starter=$(getent passwd "$STARTER" | cut -d: -f1 | sed 's/[\\"]/\\&/g')
    cat >"$dir/49-wallwatch-run.rules" <<RULES
polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.wallwatch.") == 0 && subject.user == "$starter") { return polkit.Result.YES; }
});
RULES
    local program programs=()
    for program in wallwatch-helper wallwatch wallwatchctl; do programs+=(--program "$target/release/$program"); done
    # Dies with this shell, so that nothing stays when this is killed (PR_SET_PDEATHSIG in prctl(2)).
    setpriv --pdeathsig TERM -- scripts/private-bus.sh --dir "$dir/copies" --rules "$dir/49-wallwatch-run.rules" \
        --user "wallwatch:$(helper_uid)" "${programs[@]}" -- "$project/scripts/run.sh" --inside "$dir" &
    inner=$!
    trap 'kill -TERM "$inner" 2>/dev/null || true' INT TERM HUP
    code=0
    # A signal ends `wait`, not the program waited for.
    while kill -0 "$inner" 2>/dev/null; do wait "$inner" && code=0 || code=$?; done
    exit "$code"
}

# --- inside the mount namespace -----------------------------------------------------------------------------------------

declare -A pids=()

# Starts the program "${@:3}" under the name $1, with the rights that the words $2 leave it. It has a session of its own,
# so that Ctrl+C reaches this shell alone, and dies with this shell; setpriv says so last, because a change of user
# forgets it (PR_SET_PDEATHSIG in prctl(2)).
launch() {
    # shellcheck disable=SC2086 # the words are simple
    setsid $2 setpriv --pdeathsig TERM -- "${@:3}" &
    pids[$1]=$!
}

# As launch, with the output in a file.
launch_quiet() {
    launch "$@" >"$dir/$1.log" 2>&1
}

# Ends the program of the name $1 and waits for its end.
finish() {
    local pid=${pids[$1]-} i
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2>/dev/null || true
    for ((i = 0; i < 50; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

tidy_up() {
    trap : INT TERM HUP
    local name
    # The bus goes last, so that everybody can say goodbye.
    for name in face helper polkit bus; do finish "$name"; done
    # The outer shell forgets too, but not where it was killed.
    umount "$bin"/* /run/dbus
    forget
}

has_name() {
    dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner "string:$1" 2>/dev/null |
        grep -q 'boolean true'
}

# Waits until the program $1 has the name $2 on the bus.
await_name() {
    local i
    for ((i = 0; i < 200; i++)); do
        has_name "$2" && return
        kill -0 "${pids[$1]}" 2>/dev/null || break
        sleep 0.1
    done
    cat "$dir/$1.log" >&2
    die "$1 did not start; its words stand above"
}

# The words that make a program the helper's user with CAP_NET_ADMIN (netlink, nftables) and CAP_SYSLOG (/dev/kmsg).
helper_rights() {
    local caps=-all,+net_admin,+syslog
    echo setpriv "--reuid=$(id -u wallwatch)" "--regid=$(id -g wallwatch)" --clear-groups --no-new-privs \
        "--bounding-set=$caps" "--inh-caps=$caps" "--ambient-caps=$caps"
}

# The words that make a program the starting user's own.
starter_rights() {
    [ "$STARTER" = 0 ] || echo setpriv "--reuid=$STARTER" "--regid=$(id -g "$STARTER")" --init-groups --inh-caps=-all
}

start_services() {
    export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$dir/copies/socket/system_bus_socket
    launch_quiet bus "" scripts/leash.sh dbus-daemon --system --nofork --nopidfile
    await_name bus org.freedesktop.DBus
    local polkitd
    for polkitd in /usr/lib/polkit-1/polkitd /usr/libexec/polkitd; do
        [ ! -x "$polkitd" ] || break
    done
    launch_quiet polkit "" scripts/leash.sh "$polkitd" --no-debug
    await_name polkit org.freedesktop.PolicyKit1
    install -d -m 700 -o wallwatch -g wallwatch "$dir/state"
    launch_quiet helper "$(helper_rights)" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SYSTEM_BUS_ADDRESS" \
        "$bin/wallwatch-helper" --capture on --state-dir "$dir/state"
    await_name helper org.wallwatch.Helper1
    echo "$DBUS_SYSTEM_BUS_ADDRESS" >"$address_file"
}

# Is there a screen, and a session bus to find the desktop by?
has_desktop() {
    [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ] && [ -n "${DBUS_SESSION_BUS_ADDRESS-}" ]
}

introduce() {
    say "watching every packet that reaches this computer ($(hostname)), by the nftables table 'inet wallwatch'"
    say "your firewall and your files are untouched; the table is gone when this ends"
    if has_desktop; then
        say "attacks pop up on your desktop; the shield icon in the panel holds the recent ones and the pause"
    else
        say "there is no screen or no session bus here, so alerts are shown below in place of the desktop"
    fi
    say "try it: scripts/ctl.sh test-alert"
    local address
    address=$(hostname -I 2>/dev/null | cut -d' ' -f1)
    say "or scan from another computer: nmap -Pn ${address:-THIS-COMPUTER}"
    say "Ctrl+C ends it"
}

start_face() {
    local home name
    home=$(getent passwd "$STARTER" | cut -d: -f6)
    install -d -m 700 -o "$STARTER" "$dir/face" "$dir/face/state" "$dir/face/cache"
    own=("HOME=$home" "USER=$(id -un "$STARTER")" "PATH=/usr/local/bin:/usr/bin:/bin" "XDG_STATE_HOME=$dir/face/state"
        "XDG_CACHE_HOME=$dir/face/cache" "DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SYSTEM_BUS_ADDRESS")
    for name in $session; do
        [ -z "${!name-}" ] || own+=("$name=${!name}")
    done
    if has_desktop; then
        launch_quiet face "$(starter_rights)" env -i "${own[@]}" "$bin/wallwatch"
    else
        launch face "$(starter_rights)" env -i "${own[@]}" "$bin/wallwatchctl" watch
    fi
}

inside() {
    dir=$1 bin=$1/copies/bin
    trap tidy_up EXIT
    trap 'exit 0' INT TERM HUP
    start_services
    introduce
    local started=$SECONDS
    start_face
    local ended=0
    wait -n "${pids[@]}" || ended=$?
    local name
    for name in "${!pids[@]}"; do
        kill -0 "${pids[$name]}" 2>/dev/null && continue
        if [ "$name" = face ] && [ "$ended" = 0 ]; then
            # A second instance hands over to the first one and ends at once.
            [ $((SECONDS - started)) -gt 3 ] || die "another Wallwatch runs on this desktop already: quit that one first"
            say "Wallwatch was quit; ending"
            exit 0
        fi
        [ ! -s "$dir/$name.log" ] || tail -n 20 "$dir/$name.log" >&2
        die "$name ended by itself (exit code $ended); its last words stand above"
    done
}

case ${1-} in
'') start ;;
--root) as_root ;;
--inside) inside "$2" ;;
*) die "run.sh takes no arguments" 2 ;;
esac
