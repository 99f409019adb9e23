# What is no attack: programs of ordinary desktops and servers, and the noise of the Internet; for corpus.sh.
# shellcheck disable=SC2034,SC2046,SC2086,SC2154 # as in attacks.sh

case_late_tcp() {
    local n addresses=() address
    for n in $(shuffled $(seq 201 240) | cut -d' ' -f1-8); do
        ip -n far addr add "$WEB.$n/32" dev "$CARD"
        addresses+=("$WEB.$n")
    done
    web far 80 "limit_rate 4k;"
    head -c 60000 /dev/urandom >"$WORK/page"
    benign late_replies "curl $(version curl), nginx" "${addresses[@]}"
    note "Downloads whose connections the firewall forgets; what the servers still send comes back unasked."
    KEEP=180 SNAP=96
    STRETCH=$(pick 20 40)
    record
    for _ in 1 2 3; do
        for address in "${addresses[@]}"; do
            from victim timeout 2 curl -s -o /dev/null "http://$address/page" &
            pause 20 200
        done
        pause 300 700
        from victim conntrack -F
        pause 500 1500
        from victim conntrack -F
        sleep 1
    done
}

case_late_dns() {
    local n
    beside far /usr/bin/python3 "$HERE/craft.py" late_dns "$FAR" 1.6
    sleep 1.5
    ip netns exec victim sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1
    benign late_dns "dig $(version bind9-dnsutils)" "$FAR"
    note "The resolver is slower than the firewall remembers a question."
    STRETCH=$(pick 40 80)
    record
    for n in $(seq 28); do
        from victim dig +tries=1 +time=1 "@$FAR" "host$n.example" &
        pause 20 600
    done
    sleep 2
}

case_dhcp() {
    dhcpd router br0 "$LAN"
    benign dhcp "dnsmasq $(version dnsmasq-base), udhcpc" "$LAN.1" 0.0.0.0
    note "Neighbours and the victim take leases; broadcasts reach the victim."
    record
    for _ in 1 2 3; do
        for name in $(shuffled near beside victim); do
            from $name udhcpc -f -n -q -i "$CARD" -s /bin/true -t 2 -T 1
            pause 100 900
        done
    done
}

# An mDNS responder in namespace $1. Its folder below /run is one for all, so that each has mounts of its own.
avahi() {
    mkdir -p "$WORK/$1"
    printf '[server]\nhost-name=%s\nenable-dbus=no\nuse-ipv6=yes\n' "$1" >"$WORK/$1.conf"
    beside "$1" unshare --mount bash -c "mkdir -p /run/avahi-daemon; mount --bind $WORK/$1 /run/avahi-daemon
        exec avahi-daemon --no-chroot --no-drop-root --no-rlimits -f $WORK/$1.conf"
}

case_mdns() {
    benign discovery "avahi-daemon $(version avahi-daemon)" "$NEAR" "$BESIDE" "$(link_local near "$CARD")" "$(link_local beside "$CARD")"
    avahi victim
    sleep 2
    record
    avahi near
    pause 800 2500
    avahi beside
    sleep 5
}

case_ssdp() {
    mkdir -p "$WORK/media"
    printf 'media_dir=%s\ndb_dir=%s\nlog_dir=%s\nnetwork_interface=%s\nnotify_interval=4\nport=8200\n' "$WORK" "$WORK/media" "$WORK/media" "$CARD" >"$WORK/dlna.conf"
    beside near minidlnad -S -f "$WORK/dlna.conf" -P "$WORK/dlna.pid"
    listening near 8200
    benign discovery_reply "upnpc $(version miniupnpc), minidlnad" "$NEAR"
    note "The answers to a multicast search belong to no connection that the firewall knows."
    KEEP=170 SNAP=72
    STRETCH=$(pick 10 30)
    record
    for _ in $(seq 6); do
        from victim upnpc -m "$CARD" -l
        pause 100 900
    done
}

case_netbios() {
    mkdir -p "$WORK/smb" /run/samba /var/log/samba
    printf '[global]\nworkgroup=HOME\nnetbios name=NAS\ninterfaces=%s\nlock directory=%s\nstate directory=%s\ncache directory=%s\nprivate dir=%s\npid directory=%s\nlog file=/dev/null\n' \
        "$NEAR/24" "$WORK/smb" "$WORK/smb" "$WORK/smb" "$WORK/smb" "$WORK/smb" >"$WORK/smb.conf"
    benign discovery "nmbd and nmblookup $(version samba-common-bin)" "$NEAR" "$BESIDE"
    record
    beside near nmbd -F --no-process-group -s "$WORK/smb.conf"
    sleep 3
    for _ in 1 2 3 4; do
        from victim nmblookup -s "$WORK/smb.conf" -B "$BROADCAST" NAS
        from beside nmblookup -s "$WORK/smb.conf" -B "$BROADCAST" "$(one_of NAS PRINTER TV)"
        pause 200 900
    done
}

case_traceroute() {
    benign traceroute "traceroute $(version traceroute), mtr $(version mtr-tiny)" "$ATTACKER" "$BESIDE"
    KEEP=110
    record
    from attacker traceroute -n -w 1 "$VICTIM"
    from beside mtr -n -c 6 -i 0.5 -r "$VICTIM"
    from attacker mtr -n -c 6 -i 0.5 -r "$VICTIM"
}

case_tftp() {
    local n
    mkdir -p "$WORK/tftp"
    for n in 1 2 3 4 5; do head -c 700 /dev/urandom >"$WORK/tftp/f$n"; done
    chmod -R a+rX "$WORK"
    beside near in.tftpd -L -u root --secure -a "$NEAR:69" "$WORK/tftp"
    benign late_udp "tftp-hpa $(version tftp-hpa)" "$NEAR"
    note "The server answers from a port of its own."
    STRETCH=$(pick 5 15)
    record
    for n in 1 2 3 4 5; do
        from victim timeout 2 tftp -m octet "$NEAR" -c get "f$n" "$WORK/got"
        pause 100 600
    done
}

case_ftp_active() {
    mkdir -p "$WORK/ftp" /run/vsftpd/empty
    echo hello >"$WORK/ftp/file"
    chmod -R a+rX "$WORK"
    printf 'listen=YES\nlisten_ipv6=NO\nbackground=NO\nanonymous_enable=YES\nno_anon_password=YES\nanon_root=%s\nconnect_from_port_20=YES\nseccomp_sandbox=NO\nsecure_chroot_dir=/run/vsftpd/empty\nport_enable=YES\n' \
        "$WORK/ftp" >"$WORK/vsftpd.conf"
    beside far vsftpd "$WORK/vsftpd.conf"
    listening far 21
    benign active_ftp "vsftpd $(version vsftpd), curl" "$FAR"
    note "The server connects back from port 20, to a new port each time."
    STRETCH=$(pick 5 15)
    record
    for _ in 1 2 3 4; do
        from victim curl -s -m 2 --ftp-port - --disable-eprt -o /dev/null "ftp://$FAR/file"
        pause 100 600
    done
}

case_ping() {
    benign ping "ping $(version iputils-ping)" "$BESIDE" "$NEAR"
    PING=$(one_of accept drop)
    record
    from beside ping -n -c "$(pick 4 8)" -i 0.5 -W 1 "$VICTIM"
    from near ping -n -c 4 -i 0.5 -W 1 "$VICTIM"
}

case_container() {
    WHERE=docker0
    ip netns add container
    ip -n container link set lo up
    ip -n victim link add docker0 type bridge
    ip -n victim addr add 172.17.0.1/16 dev docker0
    ip link add h0 netns victim type veth peer name eth0 netns container
    ip -n victim link set h0 master docker0 up
    ip -n victim link set docker0 up
    ip -n container addr add "172.17.0.$(pick 2 9)/16" dev eth0
    ip -n container link set eth0 up
    ip -n container route add default via 172.17.0.1
    benign local_container "curl $(version curl), dig" "$(ip -n container -4 -br addr show eth0 | awk '{sub("/.*", "", $3); print $3}')"
    sleep 1
    record
    for _ in 1 2 3 4; do
        from container curl -s -m 1 http://172.17.0.1:5432/
        from container curl -s -m 1 http://172.17.0.1:9090/
        from container dig +tries=1 +time=1 @172.17.0.1 db.internal
        pause 100 900
    done
}

case_p2p() {
    local n peers=() port
    port=$(pick 49152 60000)
    for n in $(shuffled $(seq 2 254) | cut -d' ' -f1-14); do
        ip -n attacker addr add "$WAN.$n/32" dev "$CARD" 2>/dev/null || true
        peers+=("$WAN.$n")
    done
    benign p2p "aria2 $(version aria2)" "${peers[@]}"
    note "Peers of a file-sharing program that has just been closed still ask its port."
    STRETCH=$(pick 20 40)
    record
    for n in "${peers[@]}"; do
        # "sh -c": each has a home of its own for its table of peers.
        beside attacker sh -c "HOME=$WORK/$n exec timeout 9 aria2c -q --interface=$n --enable-dht=true --dht-listen-port=$(pick 20000 60000) \
            --dht-entry-point=$VICTIM:$port --dht-file-path=$WORK/$n.dht --bt-enable-lpd=false --enable-dht6=false --dht-message-timeout=2 \
            -d $WORK/media 'magnet:?xt=urn:btih:$(printf '%08x%08x%08x%08x%08x' $(pick 1 1000000000) $(pick 1 1000000000) $(pick 1 1000000000) $(pick 1 1000000000) $(pick 1 1000000000))'"
        pause 100 500
    done
    sleep 5
}

case_web_clients() {
    local n
    web victim
    for n in 2 3 4 5 6; do ip -n attacker addr add "$WAN.$n/32" dev "$CARD" 2>/dev/null || true; done
    benign accepted_service "curl $(version curl), ab" "$ATTACKER" "$WAN.2" "$WAN.3" "$WAN.4" "$WAN.5" "$WAN.6" "$BESIDE"
    KEEP=300 SNAP=96
    record
    for n in $(shuffled 2 3 4 5 6 2 3 4 5 6); do
        from attacker curl -s -o /dev/null --interface "$WAN.$n" "http://$VICTIM/page"
        pause 100 700
    done
    from beside ab -q -n 12 -c 4 "http://$VICTIM/page"
    for n in $(shuffled 2 3 4 5 6); do
        from attacker curl -s -o /dev/null --interface "$WAN.$n" "http://$VICTIM/page" "http://$VICTIM/other"
        pause 100 700
    done
}

case_ssh_automation() {
    ssh-keygen -q -t ed25519 -N '' -f "$WORK/id"
    sshd -o "AuthorizedKeysFile=$WORK/id.pub" -o PermitRootLogin=prohibit-password
    benign accepted_service "ssh $(version openssh-client)" "$BESIDE"
    note "Backups and deployments log in with a key, one after the other."
    KEEP=220 SNAP=80 STRETCH=$(pick 2 5)
    record
    for _ in $(seq 10); do
        from beside ssh "${SSH[@]}" -i "$WORK/id" "root@$VICTIM" true
        pause 300 1500
    done
}

case_ipv6_ordinary() {
    ip netns exec router ip link set br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_query_interval 200 mcast_startup_query_interval 200
    benign ipv6_nd "radvd $(version radvd), ping, bridge's MLD querier" "$(link_local router br0)" "$NEAR6" "$(link_local near "$CARD")"
    note "Announcements, neighbour discovery and multicast listener queries."
    radvd_on router br0 "$LAN6::/64"
    record
    for _ in 1 2 3; do
        ip -n near neigh flush dev "$CARD"
        from near ping -n -6 -c 2 -i 0.5 -W 1 "$VICTIM6"
        from near rdisc6 -1 -q -w 500 "$CARD"
        pause 500 1500
    done
    sleep 2
}

case_backscatter() {
    web far
    noise backscatter "hping3 $(version hping3), nginx" "$FAR"
    note "Somebody floods a web server in our name; its answers come to ports that we never opened."
    record
    from attacker hping3 -S -a "$VICTIM" -p 80 -s "$(pick 33000 55000)" -i "u$(pick 30000 80000)" -c 28 -q "$FAR"
}

case_background() {
    STRETCH=$(pick 200 400)
    noise background_radiation "scapy $(version python3-scapy)" "28 strangers"
    CRAFTED=1
    record
    craft attacker background "$(pick 1 99999)" "$VICTIM" 28 $WAN $ELSEWHERE
}

case_stray() {
    noise stray "nc $(version netcat-openbsd)" "$ATTACKER"
    note "One connection that is tried once, with the kernel's retransmissions."
    record
    from attacker nc -z -w 4 "$VICTIM" "$(ports 1)"
}
