# How one case is recorded: what came in, what the kernel logged, what is true of it; for corpus.sh.

# Says what the case is: an attack of a type (kinds.tsv lists the kinds of alert that are right for it), benign traffic,
# or noise. Sources are who did it, as an alert may name them.
attack() { LABEL=attack TYPE=$1 TOOL=$2; shift 2; SOURCES=("$@"); }
benign() { LABEL=benign TYPE=$1 TOOL=$2; shift 2; SOURCES=("$@"); }
noise() { LABEL=noise TYPE=$1 TOOL=$2; shift 2; SOURCES=("$@"); }
note() { NOTE=$*; }

# The version that Debian gives a package.
version() { dpkg-query --show --showformat '${Version}' "$1" | sed 's/^[0-9]*://; s/[+-].*//'; }

# Runs a program in namespace $1 to its end, a minute at most. What it says goes to $WORK/said.
from() {
    local name=$1
    shift
    printf '[%s] %s\n' "$name" "$*" >>"$WORK/commands"
    ip netns exec "$name" timeout --kill-after=2 60 "$@" >>"$WORK/said" 2>&1 </dev/null || echo "exit code $?: $*" >>"$WORK/said"
}

# Starts a program in namespace $1 that goes on beside what follows.
beside() {
    local name=$1
    shift
    printf '[%s, in the background] %s\n' "$name" "$*" >>"$WORK/commands"
    ip netns exec "$name" "$@" >>"$WORK/said" 2>&1 </dev/null &
}

# The packets that no tool here sends.
craft() { from "$1" /usr/bin/python3 "$HERE/craft.py" "${@:2}"; }

# Waits until somebody listens on TCP port $2 in namespace $1.
listening() {
    for _ in $(seq 100); do
        [ -z "$(ip netns exec "$1" ss -Hltn "sport = :$2")" ] || return 0
        sleep 0.1
    done
    echo "nobody listens on port $2" >>"$WORK/said"
    return 1
}

# From here on it counts. Before it: servers; behind it: the traffic.
record() {
    firewall
    printf 1 | nsenter --net=/proc/self/fd/7 tee /proc/sys/net/netfilter/nf_log_all_netns >/dev/null
    /usr/bin/python3 "$HERE/kernel_log.py" "$WORK" "$DROPPED" "$ACCEPTED" "on dev $WHERE" &
    LOGGER=$!
    # -Z: tcpdump would change its user and could not write here.
    ip netns exec victim tcpdump -i "$WHERE" -Q in -n -U --immediate-mode -B 16384 -s "$SNAP" -Z root -w "$WORK/all.pcap" 2>"$WORK/tcpdump" &
    for _ in $(seq 100); do grep -q listening "$WORK/tcpdump" 2>/dev/null && [ -e "$WORK/ready" ] && break; sleep 0.05; done
    sleep 0.1
}

# Records case $1 into $into/$1.
take() {
    local HERE=$root/scripts/corpus WORK=$CORPUS_INSIDE/$1 code=0
    rm -rf "$WORK"
    mkdir -p "$WORK"
    # Some tools leave a file where they stand.
    cd "$WORK"
    # Every case has numbers of its own, so that it comes out alike alone and among others.
    chance "$1"
    choose
    # SNAP: bytes of a packet; KEEP: packets at most; STRETCH: by how much the recorded times are drawn out.
    LABEL='' TYPE='' TOOL='' NOTE='' SOURCES=() SNAP=128 KEEP=150 STRETCH=1 BORDER='' CRAFTED='' WHERE=$CARD LOGGER=
    lower
    if raise >"$WORK/raise" 2>&1 && "case_$1"; then
        sleep 0.4
    else
        code=1
    fi
    [ -z "$LOGGER" ] || { kill "$LOGGER" && wait "$LOGGER" || true; }
    [ "$(nsenter --net=/proc/self/fd/7 cat /proc/sys/net/netfilter/nf_log_all_netns)" = 1 ] || code=1
    # bash would tell of each that is ended.
    { lower; wait; } 2>/dev/null
    if [ $code = 0 ]; then
        # The cases' own words go by the environment: they may hold anything.
        LABEL=$LABEL TYPE=$TYPE TOOL=$TOOL NOTE=$NOTE SOURCES="${SOURCES[*]}" KEEP=$KEEP STRETCH=$STRETCH BORDER=$BORDER \
            CRAFTED=$CRAFTED /usr/bin/python3 "$HERE/keep.py" "$WORK" "$into/$1" || code=1
    fi
    [ $code = 0 ] || { echo "corpus.sh: $1 did not work:" >&2; tail -n 5 "$WORK"/{raise,said,tcpdump} >&2 || true; }
    cd "$root"
    rm -rf "$WORK"
    return $code
}
