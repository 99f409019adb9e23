# The network of a case, and what is chosen by chance; for corpus.sh.
#
#   attacker ---wan--- router ---br0--- victim, near, beside
#   far      ---wan2---
#
# attacker and far live in documentation ranges (RFC 5737, RFC 3849), the rest in a private one. Every namespace calls its
# cable as $CARD; only the router has several.

# Opens the numbers that chance has for case $1. They are read from a file, as bash's RANDOM begins anew in each subshell.
chance() {
    /usr/bin/python3 -c 'import random, sys
chance = random.Random(sys.argv[1])
for _ in range(20000): print(chance.getrandbits(30))' "$seed $1" >"$WORK/chance"
    exec 8<"$WORK/chance"
}

# A number from $1 to $2.
pick() {
    local number
    read -r -u 8 number
    echo $(($1 + number % ($2 - $1 + 1)))
}

# One of the words.
one_of() { local words=("$@"); echo "${words[$(pick 0 $(($# - 1)))]}"; }

# The words in another order.
shuffled() {
    local words=("$@") i j word
    for ((i = $# - 1; i > 0; i--)); do
        j=$(pick 0 $i) word=${words[i]}
        words[i]=${words[j]} words[j]=$word
    done
    echo "${words[@]}"
}

# Waits from $1 to $2 milliseconds.
pause() { local ms; ms=$(pick "$1" "$2"); sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"; }

# $1 different ports from $2 (1) to $3 (1023) in an order of chance, none of them open at the victim.
ports() {
    local -A seen=([22]=1 [80]=1)
    local port all=()
    while [ ${#all[@]} -lt "$1" ]; do
        port=$(pick "${2-1}" "${3-1023}")
        [ -z "${seen[$port]-}" ] || continue
        seen[$port]=1
        all+=("$port")
    done
    echo "${all[@]}"
}

# The words with commas between.
commas() { local IFS=,; echo "$*"; }

# A group of an IPv6 address.
group() { printf '%x' "$(pick 4096 65535)"; }

# A hardware address of a maker's.
mac() { printf '%s:%02x:%02x:%02x' "$(one_of 3c:52:82 f4:4d:30 e8:df:70 00:1b:21 b8:27:eb 5c:f3:70)" "$(pick 0 255)" "$(pick 0 255)" "$(pick 0 255)"; }

choose() {
    local nets first
    CARD=$(one_of eth0 enp3s0 wlp2s0 eno1)
    case $(pick 1 3) in
    1) LAN=10.$(pick 0 254).$(pick 0 254) ;;
    2) LAN=172.$(pick 18 31).$(pick 0 254) ;;
    3) LAN=192.168.$(pick 0 254) ;;
    esac
    read -ra nets <<<"$(shuffled 192.0.2 198.51.100 203.0.113)"
    WAN=${nets[0]} WEB=${nets[1]} ELSEWHERE=${nets[2]}
    LAN6=$(one_of "fd$(printf %02x "$(pick 0 255)"):$(group):$(group)" "2001:db8:$(group)"):$(group)
    WAN6=2001:db8:$(group):$(group)
    # The victim and eight more addresses of its own, in no order.
    first=$(pick 60 200)
    read -ra OWN <<<"$(shuffled $(seq -f "$LAN.%.0f" "$first" $((first + 8))))"
    VICTIM=${OWN[0]}
    OWN6=() && for _ in 1 2 3 4 5 6; do OWN6+=("$LAN6::$(group)"); done
    VICTIM6=${OWN6[0]}
    NEAR=$LAN.$(pick 5 29) BESIDE=$LAN.$(pick 30 55) BROADCAST=$LAN.255
    ATTACKER=$WAN.$(pick 10 250) ATTACKER6=$WAN6::$(group)
    FAR=$WEB.$(pick 10 200)
    NEAR6=$LAN6::$(pick 10 49) BESIDE6=$LAN6::$(pick 50 99)
    RUN=$(printf %c%c%c%c "$(one_of A B C D E F)" "$(one_of G H J K L)" "$(one_of M N P Q R)" "$(one_of S T U V W)")
    DROPPED="[$RUN DROP] " ACCEPTED="[$RUN ACCEPT] "
    OPEN=(22 80) PING=drop
    # What a chain before everything else logs, and what it does then: `drop`, or nothing, and the kernel tells of martians.
    EARLY="" THEN=drop
}

# Connects namespace $1 with $2 by a cable that is $CARD here and $3 there.
cable() {
    ip link add "x$3" netns "$1" address "$(mac)" type veth peer name "$3" netns "$2" address "$(mac)"
    ip -n "$1" link set "x$3" name "$CARD"
    # A checksum that is left to a card which is not there would be wrong in the capture.
    ip netns exec "$1" ethtool -K "$CARD" tx off gro off >/dev/null
    ip netns exec "$2" ethtool -K "$3" tx off gro off >/dev/null
    ip -n "$1" link set "$CARD" up
    ip -n "$2" link set "$3" up
}

raise() {
    local name address
    for name in victim near beside router attacker far; do
        ip netns add $name
        ip -n $name link set lo up
        ip netns exec $name sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
            net.ipv6.conf.default.router_solicitations=0 net.ipv4.icmp_ratelimit=0
    done
    ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
        net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
    ip netns exec victim sysctl -qw net.ipv4.conf.all.log_martians=1 net.ipv4.conf.all.rp_filter=2
    ip -n router link add br0 address "$(mac)" type bridge
    ip -n router link set br0 up
    for name in victim near beside; do
        cable $name router port-$name
        ip -n router link set port-$name master br0
    done
    cable attacker router wan
    cable far router wan2
    ip -n router addr add "$LAN.1/24" dev br0
    ip -n router addr add "$LAN6::1/64" dev br0
    ip -n router addr add "$WAN.1/24" dev wan
    ip -n router addr add "$WAN6::1/64" dev wan
    ip -n router addr add "$WEB.1/24" dev wan2
    for address in "${OWN[@]}"; do ip -n victim addr add "$address/24" brd + dev "$CARD"; done
    for address in "${OWN6[@]}"; do ip -n victim addr add "$address/64" dev "$CARD"; done
    ip -n near addr add "$NEAR/24" brd + dev "$CARD"
    ip -n near addr add "$NEAR6/64" dev "$CARD"
    ip -n beside addr add "$BESIDE/24" brd + dev "$CARD"
    ip -n beside addr add "$BESIDE6/64" dev "$CARD"
    for name in victim near beside; do
        ip -n $name route add default via "$LAN.1"
        ip -6 -n $name route add default via "$LAN6::1"
    done
    ip -n attacker addr add "$ATTACKER/24" dev "$CARD"
    ip -n attacker addr add "$ATTACKER6/64" dev "$CARD"
    ip -n attacker route add default via "$WAN.1"
    ip -6 -n attacker route add default via "$WAN6::1"
    ip -n far addr add "$FAR/24" dev "$CARD"
    ip -n far route add default via "$WEB.1"
    # The way is known before anything is recorded, as in a house that has been lived in. A bridge's port needs a moment.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        ip netns exec attacker ping -q -c 1 -W 1 "$VICTIM" >/dev/null && break
    done
    for name in near beside far; do ip netns exec $name ping -q -c 1 -W 1 "$VICTIM" >/dev/null || return 1; done
    for name in near attacker; do ip netns exec $name ping -q -c 1 -W 1 "$VICTIM6" >/dev/null || return 1; done
}

# Ends what runs in the namespaces, then removes them.
lower() {
    local name try
    for name in victim near beside router attacker far container; do
        [ -e /run/netns/$name ] || continue
        for try in TERM TERM TERM KILL; do
            local pids
            pids=$(ip netns pids $name)
            [ -n "$pids" ] || break
            # shellcheck disable=SC2086 # one word for each
            kill -$try $pids 2>/dev/null || true
            sleep 0.1
        done
        ip netns del $name
    done
}

# The victim's firewall: open ports and neighbour discovery come in, the rest is dropped; both are logged as iptables'
# LOG does it with --log-tcp-sequence --log-tcp-options --log-ip-options.
firewall() {
    local flags='flags tcp sequence,options flags ip options'
    ip netns exec victim nft -f - <<R
table inet host {
    chain early {
        type filter hook prerouting priority -450; policy accept;
        ${EARLY:+$EARLY log prefix \"$DROPPED\" $flags $THEN}
    }
    chain input {
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
        icmpv6 type nd-router-advert log prefix "$ACCEPTED" $flags accept
        $([ "$PING" = drop ] || echo "icmp type echo-request ct state new log prefix \"$ACCEPTED\" $flags accept")
        tcp dport { $(commas "${OPEN[@]}") } ct state new log prefix "$ACCEPTED" $flags accept
        log prefix "$DROPPED" $flags
        drop
    }
}
R
}
