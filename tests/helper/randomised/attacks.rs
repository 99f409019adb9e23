//! Attacks of every kind that can be told by the headers of packets.

use std::{net::IpAddr, ops::Range};

use wallwatch_helper::packet::{Packet, TcpFlags};

use crate::{
    check::Attack,
    dice::Dice,
    packets::{self, Nmap, SYN_ACK},
    place::{Host, Place},
    scene::Scene,
};

/// Names each attack and makes a test of each.
macro_rules! attacks {
    ($($name:ident $(($needs:ident))? => $kinds:expr, $make:expr;)+) => {
        /// Each.
        pub const ALL: &[Attack] = &[
            $(Attack {
                name: stringify!($name),
                kinds: &$kinds,
                is_plain: {
                    const NEEDS: &[&str] = &[$(stringify!($needs),)?];
                    NEEDS.is_empty()
                },
                make: $make,
            },)+
        ];

        mod each {
            $(
                #[test]
                fn $name() {
                    crate::check::is_known(super::named(stringify!($name)));
                }
            )+
        }
    };
}

/// The attack of this name.
pub fn named(name: &str) -> &'static Attack {
    let found = ALL.iter().find(|attack| attack.name == name);
    found.expect("an attack of this name")
}

/// FIN, PSH and URG.
const XMAS: TcpFlags = TcpFlags::FIN.with(TcpFlags::PSH).with(TcpFlags::URG);
const NULL: TcpFlags = TcpFlags(0);
const FIN_ACK: TcpFlags = TcpFlags::FIN.with(TcpFlags::ACK);
const SYN_FIN: TcpFlags = TcpFlags::SYN.with(TcpFlags::FIN);

attacks! {
    syn_scan_by_nmap => ["tcp-syn-scan"], |scene| nmap(scene, TcpFlags::SYN);
    syn_scan_by_masscan => ["tcp-syn-scan"], |scene| each_port(scene, 20..=120, |dice, host, dst, port| {
        let sport = dice.short(40_000..=40_003);
        packets::masscan(dice, host, dst, sport, port)
    });
    syn_scan_by_zmap => ["tcp-syn-scan"], |scene| each_port(scene, 20..=120, packets::zmap);
    syn_scan_by_hping => ["tcp-syn-scan"], |scene| hping(scene, TcpFlags::SYN);
    syn_scan_from_a_server_port => ["tcp-syn-scan"], |scene| {
        let sport = scene.dice.pick(&[20, 53, 67, 80, 88, 443]);
        let seq = scene.dice.word();
        each_port(scene, 20..=100, move_probe(Nmap { sport, seq }, TcpFlags::SYN))
    };
    connect_scan => ["tcp-connect-scan"], |scene| each_port(scene, 15..=100, connect);
    fin_scan_by_nmap => ["tcp-fin-scan"], |scene| nmap(scene, TcpFlags::FIN);
    fin_scan_by_hping => ["tcp-fin-scan"], |scene| hping(scene, TcpFlags::FIN);
    null_scan_by_nmap => ["tcp-null-scan"], |scene| nmap(scene, NULL);
    null_scan_by_hping => ["tcp-null-scan"], |scene| hping(scene, NULL);
    xmas_scan_by_nmap => ["tcp-xmas-scan"], |scene| nmap(scene, XMAS);
    xmas_scan_by_hping => ["tcp-xmas-scan"], |scene| hping(scene, XMAS);
    maimon_scan_by_nmap => ["tcp-maimon-scan"], |scene| nmap(scene, FIN_ACK);
    ack_scan_by_nmap => ["tcp-ack-scan"], |scene| nmap(scene, TcpFlags::ACK);
    ack_scan_by_hping => ["tcp-ack-scan"], |scene| hping(scene, TcpFlags::ACK);
    scan_by_syn_and_fin => ["tcp-bad-flags"], |scene| nmap(scene, SYN_FIN);
    scan_by_syn_and_ack => ["tcp-bad-flags"], |scene| nmap(scene, SYN_ACK);
    scan_by_resets => ["tcp-bad-flags"], |scene| nmap(scene, TcpFlags::RST);
    udp_scan_by_nmap => ["udp-scan"], |scene| {
        let sport = scene.dice.short(33_000..=65_000);
        each_port(scene, 15..=100, move |dice, host, dst, port| {
            let data = dice.pick(&[0, 0, 0, 12, 40]);
            let mut packet = packets::udp(dice, host, dst, (sport, port), data);
            (packet.df, packet.ttl) = (false, dice.byte(37..=59) - host.hops);
            packet
        })
    };
    udp_scan_by_sockets => ["udp-scan"], |scene| each_port(scene, 20..=100, |dice, host, dst, port| {
        let ports = (dice.short(32_768..=60_999), port);
        packets::udp(dice, host, dst, ports, 1)
    });
    sctp_scan => ["sctp-scan"], |scene| {
        let sport = scene.dice.short(33_000..=65_000);
        each_port(scene, 10..=60, move |dice, host, dst, port| packets::sctp(dice, host, dst, sport, port))
    };
    ip_protocol_scan => ["ip-protocol-scan"], ip_protocols;
    os_detection => ["os-fingerprint", "tcp-syn-scan"], os_detection;
    pings_of_several_types => ["ping-sweep"], ping_types;
    ping_sweep => ["ping-sweep"], |scene| {
        let id = scene.dice.short(1..=u16::MAX);
        each_address(scene, move |dice, host, dst| packets::icmp(dice, host, dst, 8, (id, 1), 0))
    };
    host_sweep_by_zmap => ["host-sweep"], |scene| {
        let port = scene.ports(1)[0];
        each_address(scene, move |dice, host, dst| packets::zmap(dice, host, dst, port))
    };
    host_sweep_by_sockets => ["host-sweep"], |scene| {
        let port = scene.dice.pick(&[22, 23, 80, 445, 3389, 8080]);
        each_address(scene, move |dice, host, dst| connect(dice, host, dst, port))
    };
    host_sweep_by_udp => ["host-sweep"], |scene| {
        let (port, sport) = (scene.dice.pick(&[161, 137, 500, 5060]), scene.dice.short(33_000..=60_000));
        each_address(scene, move |dice, host, dst| packets::udp(dice, host, dst, (sport, port), 40))
    };
    distributed_scan => ["distributed-scan"], distributed;
    decoys => ["tcp-syn-scan", "distributed-scan"], decoys;
    brute_force => ["brute-force"], brute_force;
    worm (numbers) => ["worm"], worm;
    syn_flood_by_one => ["syn-flood"], |scene| {
        let host = scene.place.stranger(&mut scene.dice);
        let port = scene.ports(1)[0];
        flood(scene, false, move |dice, dst, n| {
            (host, packets::hping(dice, &host, dst, (1024 + n % 60_000, port), TcpFlags::SYN))
        });
        vec![host.address]
    };
    syn_flood_by_forged_sources => ["syn-flood"], |scene| forged_syns(scene, false);
    syn_flood_on_an_open_port => ["syn-flood"], |scene| forged_syns(scene, true);
    udp_flood => ["udp-flood"], |scene| {
        let host = scene.place.stranger(&mut scene.dice);
        let (port, data) = (scene.ports(1)[0], scene.dice.short(1..=1400));
        flood(scene, false, move |dice, dst, n| {
            (host, packets::udp(dice, &host, dst, (1024 + n % 60_000, port), data))
        });
        vec![host.address]
    };
    icmp_flood => ["icmp-flood"], |scene| {
        let host = scene.place.stranger(&mut scene.dice);
        let (id, data) = (scene.dice.short(1..=u16::MAX), scene.dice.short(0..=1400));
        flood(scene, false, move |dice, dst, n| (host, packets::icmp(dice, &host, dst, 8, (id, n), data)));
        vec![host.address]
    };
    reply_flood => ["reply-flood"], reply_flood;
    land => ["land"], land;
    smurf => ["smurf"], smurf;
    bogon => ["bogon"], bogon;
    slow_syn_scan => ["tcp-syn-scan"], |scene| slow(scene, 5.0..300.0, |dice, nmap, host, dst, port| {
        nmap.probe(dice, host, dst, port, TcpFlags::SYN)
    });
    slow_connect_scan => ["tcp-connect-scan"], |scene| slow(scene, 5.0..120.0, |dice, _, host, dst, port| {
        connect(dice, host, dst, port)
    });
    slow_udp_scan => ["udp-scan"], |scene| slow(scene, 5.0..120.0, |dice, nmap, host, dst, port| {
        packets::udp(dice, host, dst, (nmap.sport, port), 0)
    });
    one_probe_in_half_an_hour => ["tcp-syn-scan"], |scene| slow(scene, 1795.0..1800.0, |dice, nmap, host, dst, port| {
        nmap.probe(dice, host, dst, port, TcpFlags::SYN)
    });
    syn_scan_by_ipv6 => ["tcp-syn-scan"], |scene| by_ipv6(scene, |dice, nmap, host, dst, port| {
        nmap.probe(dice, host, dst, port, TcpFlags::SYN)
    });
    connect_scan_by_ipv6 => ["tcp-connect-scan"], |scene| by_ipv6(scene, |dice, _, host, dst, port| {
        connect(dice, host, dst, port)
    });
    fin_scan_by_ipv6 => ["tcp-fin-scan"], |scene| by_ipv6(scene, |dice, nmap, host, dst, port| {
        nmap.probe(dice, host, dst, port, TcpFlags::FIN)
    });
    udp_scan_by_ipv6 => ["udp-scan"], |scene| by_ipv6(scene, |dice, nmap, host, dst, port| {
        packets::udp(dice, host, dst, (nmap.sport, port), 0)
    });
    scan_from_a_whole_network_of_ipv6 => ["tcp-syn-scan", "tcp-connect-scan"], |scene| {
        let first = scene.place.stranger6(&mut scene.dice);
        let nmap = scene.dice.one_in(2).then(|| Nmap::any(&mut scene.dice));
        let pace = scene.pace();
        let count = scene.dice.count(20..=100);
        for port in scene.ports(count) {
            let host = first.at(Place::beside6(first.address, &mut scene.dice));
            let (dice, dst) = (&mut scene.dice, scene.place.own6);
            let packet = match nmap {
                Some(nmap) => nmap.probe(dice, &host, dst, port, TcpFlags::SYN),
                None => connect(dice, &host, dst, port),
            };
            scene.comes(&host, packet);
            scene.wait(pace.clone());
        }
        // The network is its first address's, so whoever names it names that.
        vec![first.address]
    };
}

/// A scan of ports by somebody, probe by probe.
fn each_port(
    scene: &mut Scene,
    count: std::ops::RangeInclusive<u64>,
    probe: impl Fn(&mut Dice, &Host, IpAddr, u16) -> Packet,
) -> Vec<IpAddr> {
    let host = scene.place.somebody(&mut scene.dice);
    let dst = scene.place.own[0];
    let pace = scene.pace();
    let count = scene.dice.count(count);
    for port in scene.ports(count) {
        let packet = probe(&mut scene.dice, &host, dst, port);
        scene.comes(&host, packet);
        scene.wait(pace.clone());
    }
    vec![host.address]
}

/// What makes nmap's probes with these flags.
fn move_probe(nmap: Nmap, flags: TcpFlags) -> impl Fn(&mut Dice, &Host, IpAddr, u16) -> Packet {
    move |dice, host, dst, port| nmap.probe(dice, host, dst, port, flags)
}

fn nmap(scene: &mut Scene, flags: TcpFlags) -> Vec<IpAddr> {
    let nmap = Nmap::any(&mut scene.dice);
    each_port(scene, 15..=150, move_probe(nmap, flags))
}

/// hping3 counts its source port on with each packet.
fn hping(scene: &mut Scene, flags: TcpFlags) -> Vec<IpAddr> {
    let first = scene.dice.short(1000..=3000);
    let next = std::cell::Cell::new(first);
    each_port(scene, 20..=100, |dice, host, dst, port| {
        let sport = next.get();
        next.set(sport + 1);
        packets::hping(dice, host, dst, (sport, port), flags)
    })
}

/// A connection that a program tries.
fn connect(dice: &mut Dice, host: &Host, dst: IpAddr, port: u16) -> Packet {
    let sport = dice.short(32_768..=60_999);
    packets::kernel_syn(dice, host, dst, sport, port)
}

/// Several of our addresses in turn, by somebody far away.
fn each_address(
    scene: &mut Scene,
    probe: impl Fn(&mut Dice, &Host, IpAddr) -> Packet,
) -> Vec<IpAddr> {
    let host = scene.place.stranger(&mut scene.dice);
    let pace = scene.pace();
    for dst in scene.place.own.clone() {
        let packet = probe(&mut scene.dice, &host, dst);
        scene.comes(&host, packet);
        scene.wait(pace.clone());
    }
    vec![host.address]
}

/// Probes with the same long pause between them, as nmap's -T0 and -T1 make it, or with any.
fn slow(
    scene: &mut Scene,
    gaps: Range<f64>,
    probe: impl Fn(&mut Dice, Nmap, &Host, IpAddr, u16) -> Packet,
) -> Vec<IpAddr> {
    let host = scene.place.stranger(&mut scene.dice);
    let nmap = Nmap::any(&mut scene.dice);
    let dst = scene.place.own[0];
    let regular = scene.dice.one_in(2).then(|| scene.dice.gap(gaps.clone()));
    for port in scene.ports(12) {
        let packet = probe(&mut scene.dice, nmap, &host, dst, port);
        scene.comes(&host, packet);
        match regular {
            Some(gap) => scene.now = scene.now.plus(gap),
            None => scene.wait(gaps.clone()),
        }
    }
    vec![host.address]
}

fn by_ipv6(
    scene: &mut Scene,
    probe: impl Fn(&mut Dice, Nmap, &Host, IpAddr, u16) -> Packet,
) -> Vec<IpAddr> {
    let host = if scene.dice.one_in(4) {
        Place::neighbour6(&mut scene.dice)
    } else {
        scene.place.stranger6(&mut scene.dice)
    };
    let nmap = Nmap::any(&mut scene.dice);
    let pace = scene.pace();
    let count = scene.dice.count(20..=100);
    for port in scene.ports(count) {
        let packet = probe(&mut scene.dice, nmap, &host, scene.place.own6, port);
        scene.comes(&host, packet);
        scene.wait(pace.clone());
    }
    vec![host.address]
}

/// nmap -sO: headers of protocols, most of them of none that is spoken.
fn ip_protocols(scene: &mut Scene) -> Vec<IpAddr> {
    let host = scene.place.somebody(&mut scene.dice);
    let mut protocols: Vec<u8> = (2..=255)
        .filter(|number| ![6, 17, 58, 132].contains(number))
        .collect();
    scene.dice.shuffle(&mut protocols);
    protocols.truncate(scene.dice.count(15..=200));
    let pace = scene.pace();
    for protocol in protocols {
        let mut packet = packets::bare(&mut scene.dice, &host, scene.place.own[0], protocol);
        // A named protocol's header is asked for (`nf_log_syslog.c`), and nmap sends none.
        packet.ttl = scene.dice.byte(37..=59) - host.hops;
        scene.comes(&host, packet);
        scene.wait(pace.clone());
    }
    vec![host.address]
}

/// nmap -O behind a short scan (`osscan2.cc` of 7.93): the windows of T2 to T7, the code 9 of the first echo, and 300 bytes of UDP.
fn os_detection(scene: &mut Scene) -> Vec<IpAddr> {
    let host = scene.place.somebody(&mut scene.dice);
    let nmap = Nmap::any(&mut scene.dice);
    let dst = scene.place.own[0];
    for port in scene.ports(10) {
        let packet = nmap.probe(&mut scene.dice, &host, dst, port, TcpFlags::SYN);
        scene.comes(&host, packet);
        scene.wait(0.001..0.05);
    }
    let closed = scene.ports(1)[0];
    let options = [
        3, 3, 10, 1, 2, 4, 1, 9, 8, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 4, 2,
    ];
    let probes = [
        (128, NULL),
        (256, XMAS.with(TcpFlags::SYN)),
        (1024, TcpFlags::ACK),
        (31_337, TcpFlags::SYN),
        (32_768, TcpFlags::ACK),
        (65_535, XMAS),
    ];
    let id = scene.dice.short(1..=u16::MAX);
    for (code, seq, data) in [(9, 295, 120), (0, 296, 150)] {
        let mut echo = packets::icmp(&mut scene.dice, &host, dst, 8, (id, seq), data);
        if let wallwatch_helper::packet::Transport::Icmp(icmp) = &mut echo.transport {
            icmp.code = code;
        }
        scene.comes(&host, echo);
        scene.wait(0.02..0.1);
    }
    let mut datagram = packets::udp(&mut scene.dice, &host, dst, (nmap.sport, closed), 300);
    (datagram.ip_id, datagram.df) = (Some(0x1042), false);
    scene.comes(&host, datagram);
    for (n, (window, flags)) in (1..).zip(probes) {
        scene.wait(0.02..0.1);
        let segment = packets::Segment {
            sport: nmap.sport + n,
            dport: closed,
            flags,
            seq: nmap.seq,
            ack: scene.dice.word(),
            window,
            options: &options,
            data: 0,
        };
        let mut packet = packets::tcp(&mut scene.dice, &host, dst, segment);
        packet.ttl = scene.dice.byte(37..=59) - host.hops;
        scene.comes(&host, packet);
    }
    vec![host.address]
}

/// Echo, time stamp, mask and information: what else answers than the ping that everybody knows (RFC 792, RFC 950).
fn ping_types(scene: &mut Scene) -> Vec<IpAddr> {
    let host = scene.place.somebody(&mut scene.dice);
    let id = scene.dice.short(1..=u16::MAX);
    for kind in [8, 13, 17, 15] {
        for seq in 0..scene.dice.short(2..=4) {
            let packet = packets::icmp(
                &mut scene.dice,
                &host,
                scene.place.own[0],
                kind,
                (id, seq),
                12,
            );
            scene.comes(&host, packet);
            scene.wait(0.05..0.5);
        }
    }
    vec![host.address]
}

/// Very many machines that have a few ports each.
fn distributed(scene: &mut Scene) -> Vec<IpAddr> {
    let each = scene.dice.count(2..=4);
    let hosts: Vec<Host> = (0..scene.dice.count(40..=100))
        .map(|_| scene.place.stranger(&mut scene.dice))
        .collect();
    let mut probes: Vec<(Host, u16)> = Vec::new();
    let ports = scene.ports(hosts.len() * each);
    for (host, ports) in hosts.iter().zip(ports.chunks(each)) {
        probes.extend(ports.iter().map(|port| (*host, *port)));
    }
    scene.dice.shuffle(&mut probes);
    for (host, port) in probes {
        let packet = connect(&mut scene.dice, &host, scene.place.own[0], port);
        scene.comes(&host, packet);
        scene.wait(0.05..0.4);
    }
    hosts.into_iter().map(|host| host.address).collect()
}

/// nmap -D: every probe comes from each address at once.
fn decoys(scene: &mut Scene) -> Vec<IpAddr> {
    let count = scene.dice.count(4..=12);
    let hosts: Vec<Host> = (0..count)
        .map(|_| scene.place.stranger(&mut scene.dice))
        .collect();
    let nmap = Nmap::any(&mut scene.dice);
    let pace = scene.pace();
    for port in scene.ports(60) {
        for host in &hosts {
            let packet = nmap.probe(
                &mut scene.dice,
                host,
                scene.place.own[0],
                port,
                TcpFlags::SYN,
            );
            scene.comes(host, packet);
            scene.wait(0.000_01..0.000_05);
        }
        scene.wait(pace.clone());
    }
    hosts.into_iter().map(|host| host.address).collect()
}

/// Connections to a port where people log in, one after another; the firewall lets them in.
fn brute_force(scene: &mut Scene) -> Vec<IpAddr> {
    let host = scene.place.stranger(&mut scene.dice);
    let port = scene.dice.pick(&[22, 22, 22, 21, 3389, 5900]);
    for _ in 0..scene.dice.count(40..=80) {
        let packet = connect(&mut scene.dice, &host, scene.place.own[0], port);
        scene.passes(&host, packet);
        scene.wait(0.2..2.5);
    }
    vec![host.address]
}

/// A bot that comes by now and then.
fn worm(scene: &mut Scene) -> Vec<IpAddr> {
    let host = scene.place.stranger(&mut scene.dice);
    for _ in 0..scene.dice.count(8..=16) {
        let sport = scene.dice.short(1024..=65_000);
        let packet = packets::mirai(&mut scene.dice, &host, scene.place.own[0], sport);
        scene.comes(&host, packet);
        scene.wait(0.2..8.0);
    }
    vec![host.address]
}

/// At least 600 packets a second, for two seconds and more.
fn flood(
    scene: &mut Scene,
    accepted: bool,
    packet: impl Fn(&mut Dice, IpAddr, u16) -> (Host, Packet),
) {
    let gap = scene.dice.pick(&[0.000_4, 0.000_8, 0.001_6]);
    let count = scene.dice.short(2000..=2500);
    for n in 0..count {
        let (host, packet) = packet(&mut scene.dice, scene.place.own[0], n);
        if accepted {
            scene.passes(&host, packet);
        } else {
            scene.comes(&host, packet);
        }
        scene.wait(gap * 0.5..gap * 1.2);
    }
}

fn forged_syns(scene: &mut Scene, accepted: bool) -> Vec<IpAddr> {
    let port = scene.dice.pick(&[22, 80, 443, 8080]);
    let place = scene.place.clone();
    flood(scene, accepted, move |dice, dst, n| {
        let host = place.stranger(dice);
        (
            host,
            packets::hping(dice, &host, dst, (1024 + n, port), TcpFlags::SYN),
        )
    });
    Vec::new()
}

/// Answers of very many servers to what somebody asked them in our name.
fn reply_flood(scene: &mut Scene) -> Vec<IpAddr> {
    let service = scene.dice.pick(&[53, 123, 389, 1900, 11_211]);
    let hosts: Vec<Host> = (0..scene.dice.count(100..=300))
        .map(|_| scene.place.stranger(&mut scene.dice))
        .collect();
    let to = scene
        .dice
        .one_in(2)
        .then(|| scene.dice.short(1024..=65_000));
    flood(scene, false, move |dice, dst, _| {
        let host = dice.pick(&hosts);
        let dport = to.unwrap_or_else(|| dice.short(1024..=65_000));
        let data = dice.short(400..=1400);
        (host, packets::udp(dice, &host, dst, (service, dport), data))
    });
    Vec::new()
}

/// A SYN that claims to come from where it goes (CERT CA-1997-28).
fn land(scene: &mut Scene) -> Vec<IpAddr> {
    let own = scene.place.own[0];
    let host = scene.place.stranger(&mut scene.dice).at(own);
    let port = scene.ports(1)[0];
    for _ in 0..scene.dice.count(10..=50) {
        let packet = packets::hping(&mut scene.dice, &host, own, (port, port), TcpFlags::SYN);
        scene.comes(&host, packet);
        scene.wait(0.005..0.1);
    }
    vec![own]
}

/// Pings to everybody on the network in the name of one, who gets all the answers (CERT CA-1998-01).
fn smurf(scene: &mut Scene) -> Vec<IpAddr> {
    let host = scene.place.somebody(&mut scene.dice);
    let (id, broadcast) = (scene.dice.short(1..=u16::MAX), scene.place.broadcast());
    for seq in 0..scene.dice.short(200..=400) {
        let packet = packets::icmp(&mut scene.dice, &host, broadcast, 8, (id, seq), 56);
        scene.comes(&host, packet);
        scene.wait(0.002..0.02);
    }
    vec![host.address]
}

/// Sources that no packet can come from (RFC 6890): of "this network", and those for later use. A capture names no interface, so there what
/// comes from the loopback's addresses may be this machine itself.
fn bogon(scene: &mut Scene) -> Vec<IpAddr> {
    let stranger = scene.place.stranger(&mut scene.dice);
    let first = scene.dice.pick(&[0, 240, 250]);
    let address = [
        first,
        scene.dice.byte(1..=254),
        scene.dice.byte(1..=254),
        scene.dice.byte(1..=254),
    ];
    let host = stranger.at(IpAddr::from(address));
    let port = scene.ports(1)[0];
    for n in 0..scene.dice.short(6..=40) {
        let packet = packets::hping(
            &mut scene.dice,
            &host,
            scene.place.own[0],
            (1024 + n, port),
            TcpFlags::SYN,
        );
        scene.comes(&host, packet);
        scene.wait(0.01..0.5);
    }
    vec![host.address]
}
