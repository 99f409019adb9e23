//! What comes to every desktop without anybody attacking it.

use std::net::{IpAddr, Ipv4Addr};

use wallwatch_helper::packet::{IpOptions, Protocol, TcpFlags};

use crate::{
    check::Noise,
    packets::{self, SYN_ACK},
    place::{Host, Place},
    scene::Scene,
};

/// Names each noise and makes a test of each.
macro_rules! noises {
    ($($(#[doc = $what:literal])+ $name:ident;)+) => {
        /// Each.
        pub const ALL: &[Noise] = &[$(Noise { name: stringify!($name), make: $name },)+];

        mod each {
            $(
                $(#[doc = $what])+
                #[test]
                fn $name() {
                    let found = super::ALL.iter().find(|noise| noise.name == stringify!($name));
                    crate::check::is_quiet(found.expect("a noise of this name"));
                }
            )+
        }
    };
}

noises! {
    /// FIN, data and RST of servers whose connection the firewall has forgotten.
    late_ends_of_connections;
    /// Answers to many ports that came when nobody waited any more.
    late_answers_of_a_name_server;
    /// NTP and STUN.
    late_answers_of_clocks;
    /// The last datagrams of HTTP/3.
    tails_of_quic;
    /// Neighbours that tell their services.
    multicast_dns;
    /// SSDP's searches.
    media_players_are_looked_for;
    /// SSDP's answers.
    media_players_answer;
    /// LLMNR and `NetBIOS`.
    names_are_looked_for;
    /// DHCP.
    addresses_are_given_out;
    /// IGMP.
    groups_are_joined;
    /// Neighbour discovery and MLD.
    neighbours_of_ipv6;
    /// Dropbox, Spotify, Steam and their like.
    broadcasts_of_programs;
    /// The peers, who come to one port long after.
    peers_of_a_client;
    /// traceroute, by somebody who wonders where we are.
    a_trace_of_the_route;
    /// Single probes of very many.
    background_of_the_internet;
    /// Clients that the firewall lets in.
    visitors_of_a_web_server;
    /// A container that wants a port of its host.
    a_container_tries_again;
    /// Somebody who wonders whether we are there.
    a_neighbour_pings;
    /// Unreachable ports, and routers on the way.
    errors_about_what_we_sent;
    /// Backscatter of what somebody sent in our name.
    answers_to_forged_packets;
    /// Windows and Samba that look for shares.
    file_sharing_of_neighbours;
    /// Ansible, rsync and their like, from time to time.
    logins_by_a_program;
    /// Active FTP: the server comes back from port 20.
    data_of_ftp;
}

/// Lets one of them come beside an attack: from when it begins. Says which.
pub fn beside(scene: &mut Scene) -> &'static str {
    let noise = scene.dice.pick(ALL);
    if let Some(first) = scene.sent.first() {
        scene.now = first.time;
    }
    (noise.make)(scene);
    noise.name
}

/// A port that Linux gives to who asks for any.
fn ephemeral(scene: &mut Scene) -> u16 {
    scene.dice.short(32_768..=60_999)
}

fn strangers(scene: &mut Scene, count: std::ops::RangeInclusive<u64>) -> Vec<Host> {
    let count = scene.dice.count(count);
    (0..count)
        .map(|_| scene.place.stranger(&mut scene.dice))
        .collect()
}

fn late_ends_of_connections(scene: &mut Scene) {
    let is_v6 = scene.dice.one_in(4);
    for _ in 0..scene.dice.count(20..=60) {
        let server = if is_v6 {
            scene.place.stranger6(&mut scene.dice)
        } else {
            scene.place.stranger(&mut scene.dice)
        };
        let dst = scene.place.asked_by(&server);
        let ports = (
            scene.dice.pick(&[443, 443, 443, 80, 993, 5228]),
            ephemeral(scene),
        );
        let flags = scene.dice.pick(&[
            TcpFlags::FIN.with(TcpFlags::ACK),
            TcpFlags::FIN.with(TcpFlags::ACK).with(TcpFlags::PSH),
            TcpFlags::ACK.with(TcpFlags::PSH),
            TcpFlags::ACK,
            TcpFlags::RST,
            TcpFlags::RST.with(TcpFlags::ACK),
        ]);
        let mut packet = packets::late(&mut scene.dice, &server, dst, ports, flags);
        // It is sent again and again, each time after twice the pause (RFC 6298 section 5).
        let mut pause = 0.2;
        let again = if flags.contains(TcpFlags::RST) {
            1
        } else {
            scene.dice.count(1..=9)
        };
        for _ in 0..again {
            scene.comes(&server, packet.clone());
            packet.ip_id = packet.ip_id.map(|id| (id + 1) & 0xffff);
            scene.wait(pause..pause * 1.1);
            pause *= 2.0;
        }
        scene.wait(1.0..300.0);
    }
}

fn late_answers_of_a_name_server(scene: &mut Scene) {
    let resolver = scene.place.resolver;
    for _ in 0..scene.dice.count(40..=150) {
        let ports = (53, ephemeral(scene));
        let data = scene.dice.short(40..=300);
        let packet = packets::udp(&mut scene.dice, &resolver, scene.place.own[0], ports, data);
        scene.comes(&resolver, packet);
        // Two questions are asked at once, for either family.
        let most = scene.dice.pick(&[0.01, 20.0, 200.0]);
        scene.wait(0.0..most);
    }
}

fn late_answers_of_clocks(scene: &mut Scene) {
    for server in strangers(scene, 5..=30) {
        let (sport, data) = scene.dice.pick(&[(123, 48), (3478, 72), (3478, 104)]);
        let dport = ephemeral(scene);
        for _ in 0..scene.dice.count(1..=3) {
            let packet = packets::udp(
                &mut scene.dice,
                &server,
                scene.place.own[0],
                (sport, dport),
                data,
            );
            scene.comes(&server, packet);
            scene.wait(0.1..5.0);
        }
        scene.wait(5.0..300.0);
    }
}

fn tails_of_quic(scene: &mut Scene) {
    for server in strangers(scene, 10..=40) {
        let dport = ephemeral(scene);
        for _ in 0..scene.dice.count(1..=6) {
            let data = scene.dice.pick(&[25, 33, 40, 120, 1250]);
            let packet = packets::udp(
                &mut scene.dice,
                &server,
                scene.place.own[0],
                (443, dport),
                data,
            );
            scene.comes(&server, packet);
            scene.wait(0.01..10.0);
        }
        scene.wait(1.0..200.0);
    }
}

/// Neighbours that speak to a group from time to time: from which port, to whom, with how many bytes.
fn to_group(
    scene: &mut Scene,
    hosts: &[Host],
    (group, dport): (IpAddr, u16),
    same_port: bool,
    ttl: u8,
) {
    for _ in 0..scene.dice.count(40..=120) {
        let mut host = scene.dice.pick(hosts);
        host.ttl = ttl;
        let sport = if same_port { dport } else { ephemeral(scene) };
        for _ in 0..scene.dice.count(1..=3) {
            let data = scene.dice.short(40..=600);
            let packet = packets::udp(&mut scene.dice, &host, group, (sport, dport), data);
            scene.comes(&host, packet);
            scene.wait(0.01..1.0);
        }
        scene.wait(1.0..120.0);
    }
}

fn neighbours(scene: &mut Scene, count: std::ops::RangeInclusive<u64>) -> Vec<Host> {
    let count = scene.dice.count(count);
    (0..count)
        .map(|_| scene.place.neighbour(&mut scene.dice))
        .collect()
}

fn neighbours6(scene: &mut Scene) -> Vec<Host> {
    (0..3).map(|_| Place::neighbour6(&mut scene.dice)).collect()
}

fn group(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn multicast_dns(scene: &mut Scene) {
    let hosts = neighbours(scene, 2..=6);
    let is_full = !scene.dice.one_in(3);
    to_group(scene, &hosts, (group("224.0.0.251"), 5353), is_full, 255);
    let hosts = neighbours6(scene);
    to_group(scene, &hosts, (group("ff02::fb"), 5353), true, 255);
}

fn media_players_are_looked_for(scene: &mut Scene) {
    let hosts = neighbours(scene, 2..=6);
    let ttl = scene.dice.pick(&[1, 2, 4]);
    to_group(scene, &hosts, (group("239.255.255.250"), 1900), false, ttl);
    to_group(scene, &hosts, (group("239.255.255.250"), 3702), false, ttl);
    let hosts = neighbours6(scene);
    to_group(scene, &hosts, (group("ff02::c"), 1900), false, ttl);
}

fn media_players_answer(scene: &mut Scene) {
    let players = neighbours(scene, 1..=3);
    let high = ephemeral(scene);
    let sport = scene.dice.pick(&[1900, 1900, high]);
    for _ in 0..scene.dice.count(15..=40) {
        let dport = ephemeral(scene);
        for player in &players {
            for _ in 0..scene.dice.count(1..=3) {
                let data = scene.dice.short(280..=420);
                let packet = packets::udp(
                    &mut scene.dice,
                    player,
                    scene.place.own[0],
                    (sport, dport),
                    data,
                );
                scene.comes(player, packet);
                scene.wait(0.05..1.0);
            }
        }
        scene.wait(60.0..200.0);
    }
}

fn names_are_looked_for(scene: &mut Scene) {
    let hosts = neighbours(scene, 2..=6);
    let broadcast = scene.place.broadcast();
    to_group(scene, &hosts, (group("224.0.0.252"), 5355), false, 1);
    to_group(scene, &hosts, (broadcast, 137), true, 128);
    to_group(scene, &hosts, (broadcast, 138), true, 128);
    let hosts = neighbours6(scene);
    to_group(scene, &hosts, (group("ff02::1:3"), 5355), false, 1);
}

fn addresses_are_given_out(scene: &mut Scene) {
    let everybody = IpAddr::V4(Ipv4Addr::BROADCAST);
    let server = scene.place.router;
    for client in neighbours(scene, 5..=20) {
        let nobody = client.at(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        for _ in 0..2 {
            let packet = packets::udp(&mut scene.dice, &nobody, everybody, (68, 67), 300);
            scene.comes(&nobody, packet);
            scene.wait(0.01..0.5);
            let packet = packets::udp(&mut scene.dice, &server, everybody, (67, 68), 300);
            scene.comes(&server, packet);
            scene.wait(0.01..0.5);
        }
        scene.wait(10.0..600.0);
    }
}

fn groups_are_joined(scene: &mut Scene) {
    let mut hosts = neighbours(scene, 2..=6);
    hosts.push(scene.place.router);
    let unnamed = scene.place.router.at(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    hosts.push(unnamed);
    for _ in 0..scene.dice.count(30..=100) {
        let mut host = scene.dice.pick(&hosts);
        host.ttl = 1;
        let to = scene
            .dice
            .pick(&["224.0.0.1", "224.0.0.22", "224.0.0.251", "239.255.255.250"]);
        let mut packet = packets::bare(&mut scene.dice, &host, group(to), Protocol::IGMP.0);
        // Router alert (RFC 2113), which every message of IGMP has.
        packet.has_options = true;
        packet.ip_options = [0x94, 4, 0, 0].into_iter().collect::<IpOptions>();
        packet.len = 32;
        packet.tos = 0xc0;
        scene.comes(&host, packet);
        scene.wait(0.5..60.0);
    }
}

fn neighbours_of_ipv6(scene: &mut Scene) {
    let hosts = neighbours6(scene);
    let router = Place::neighbour6(&mut scene.dice);
    for _ in 0..scene.dice.count(40..=120) {
        let mut host = scene.dice.pick(&hosts);
        host.ttl = 255;
        let own = scene.place.own6;
        let all = group("ff02::1");
        let (kind, dst, length) = scene.dice.pick(&[
            (135, own, 32),
            (136, own, 32),
            (135, all, 32),
            (136, all, 32),
            (134, all, 64),
            (143, group("ff02::16"), 28),
        ]);
        if kind == 134 {
            host = Host { ttl: 255, ..router };
        }
        if kind == 143 {
            host.ttl = 1;
        }
        let mut packet = packets::icmp6_bare(&mut scene.dice, &host, dst, kind, length);
        // MLD tells routers to look (RFC 3810 section 5).
        packet.has_options = kind == 143;
        packet.len += if packet.has_options { 8 } else { 0 };
        scene.comes(&host, packet);
        scene.wait(0.5..60.0);
    }
}

fn broadcasts_of_programs(scene: &mut Scene) {
    let hosts = neighbours(scene, 1..=4);
    let directed = scene.place.broadcast();
    for (port, same) in [
        (17_500, true),
        (57_621, true),
        (21_027, true),
        (27_036, false),
        (32_412, false),
        (1716, true),
    ] {
        let to = scene
            .dice
            .pick(&[directed, IpAddr::V4(Ipv4Addr::BROADCAST)]);
        to_group(scene, &hosts, (to, port), same, 64);
    }
}

fn peers_of_a_client(scene: &mut Scene) {
    let port = scene.dice.pick(&[6881, 51_413, 22_000, 43_210]);
    for peer in strangers(scene, 150..=400) {
        for _ in 0..scene.dice.count(1..=3) {
            let dst = scene.place.own[0];
            let packet = if scene.dice.one_in(3) {
                let sport = ephemeral(scene);
                packets::kernel_syn(&mut scene.dice, &peer, dst, sport, port)
            } else {
                let (sport, data) = (
                    scene.dice.short(1025..=65_000),
                    scene.dice.pick(&[20, 38, 95, 103]),
                );
                packets::udp(&mut scene.dice, &peer, dst, (sport, port), data)
            };
            scene.comes(&peer, packet);
            scene.wait(0.1..4.0);
        }
        scene.wait(0.1..10.0);
    }
}

fn a_trace_of_the_route(scene: &mut Scene) {
    let mut host = scene.place.stranger(&mut scene.dice);
    let is_classic = scene.dice.one_in(2);
    let sport = ephemeral(scene);
    // The first probes end on their way; from our own distance on, all arrive.
    let first = 33_434 + 3 * u16::from(host.hops);
    // It gives up at the thirtieth hop (traceroute(8), option -m).
    let hops = scene.dice.byte(1..=30 - host.hops);
    for hop in 0..hops {
        host.ttl = hop + 1;
        for n in 0..3 {
            let dport = first + 3 * u16::from(hop) + n;
            let sport = if is_classic {
                sport + u16::from(hop)
            } else {
                sport
            };
            let packet = packets::udp(
                &mut scene.dice,
                &host,
                scene.place.own[0],
                (sport, dport),
                32,
            );
            scene.comes(&host, packet);
            scene.wait(0.01..0.2);
        }
    }
}

fn background_of_the_internet(scene: &mut Scene) {
    for host in strangers(scene, 60..=160) {
        let dst = scene.place.own[0];
        let dice = &mut scene.dice;
        let port = dice.pick(&[
            22, 23, 80, 443, 445, 3389, 5060, 8080, 8728, 6379, 5555, 123, 1433,
        ]);
        let packet = match dice.within(0..=5) {
            0 => packets::masscan(dice, &host, dst, 61_000, port),
            1 => packets::zmap(dice, &host, dst, port),
            2 => packets::mirai(dice, &host, dst, 5000),
            3 => packets::udp(dice, &host, dst, (40_000, port), 20),
            4 => packets::icmp(dice, &host, dst, 8, (7, 1), 32),
            _ => packets::kernel_syn(dice, &host, dst, 50_000, port),
        };
        let again = packet.tcp().is_some_and(|tcp| tcp.window == 64240) && scene.dice.one_in(2);
        scene.comes(&host, packet.clone());
        if again {
            scene.wait(1.0..1.1);
            scene.comes(&host, packet);
        }
        scene.wait(5.0..180.0);
    }
}

fn visitors_of_a_web_server(scene: &mut Scene) {
    for visitor in strangers(scene, 20..=60) {
        for _ in 0..scene.dice.count(1..=4) {
            // A browser opens up to six connections at once.
            for _ in 0..scene.dice.count(1..=6) {
                let (sport, dport) = (ephemeral(scene), scene.dice.pick(&[443, 443, 443, 80]));
                let dst = scene.place.own[0];
                let packet = packets::kernel_syn(&mut scene.dice, &visitor, dst, sport, dport);
                scene.passes(&visitor, packet);
                scene.wait(0.001..0.3);
            }
            scene.wait(1.0..30.0);
        }
        scene.wait(0.5..20.0);
    }
}

fn a_container_tries_again(scene: &mut Scene) {
    let mut container = scene.place.neighbour(&mut scene.dice);
    container.address = IpAddr::V4(Ipv4Addr::new(172, 17, 0, scene.dice.byte(2..=20)));
    container.ttl = 64;
    let dst = IpAddr::V4(Ipv4Addr::new(172, 17, 0, 1));
    let dport = scene.dice.pick(&[5432, 3306, 8080, 6379, 3128]);
    for _ in 0..scene.dice.count(20..=80) {
        let sport = ephemeral(scene);
        let packet = packets::kernel_syn(&mut scene.dice, &container, dst, sport, dport);
        for pause in [1.0, 2.0, 4.0] {
            scene.bridged(&container, packet.clone());
            scene.wait(pause..pause + 0.05);
        }
        scene.wait(1.0..10.0);
    }
}

fn a_neighbour_pings(scene: &mut Scene) {
    let host = scene.place.neighbour(&mut scene.dice);
    let id = scene.dice.short(1..=u16::MAX);
    for seq in 1..scene.dice.short(60..=600) {
        let packet = packets::icmp(&mut scene.dice, &host, scene.place.own[0], 8, (id, seq), 56);
        scene.comes(&host, packet);
        scene.wait(1.0..1.01);
    }
}

fn errors_about_what_we_sent(scene: &mut Scene) {
    let about = scene.place.stranger(&mut scene.dice).address;
    for router in strangers(scene, 10..=60) {
        let what = scene.dice.pick(&[(11, 0), (3, 1), (3, 3), (3, 13)]);
        for _ in 0..scene.dice.count(1..=3) {
            let packet = packets::error(&mut scene.dice, &router, scene.place.own[0], what, about);
            scene.comes(&router, packet);
            scene.wait(0.01..5.0);
        }
        scene.wait(0.1..60.0);
    }
}

fn answers_to_forged_packets(scene: &mut Scene) {
    for server in strangers(scene, 5..=30) {
        let sport = scene.dice.pick(&[80, 443, 22, 25_565]);
        for _ in 0..scene.dice.count(1..=4) {
            let dport = ephemeral(scene);
            let flags = scene
                .dice
                .pick(&[SYN_ACK, TcpFlags::RST.with(TcpFlags::ACK)]);
            let segment = packets::Segment {
                sport,
                dport,
                flags,
                seq: scene.dice.word(),
                ack: scene.dice.word(),
                window: if flags == SYN_ACK { 65_160 } else { 0 },
                options: if flags == SYN_ACK {
                    &[2, 4, 5, 0xb4]
                } else {
                    &[]
                },
                data: 0,
            };
            let packet = packets::tcp(&mut scene.dice, &server, scene.place.own[0], segment);
            scene.comes(&server, packet);
            scene.wait(0.5..60.0);
        }
        scene.wait(1.0..300.0);
    }
}

fn file_sharing_of_neighbours(scene: &mut Scene) {
    for neighbour in neighbours(scene, 1..=4) {
        for _ in 0..scene.dice.count(3..=12) {
            for dport in [445, 139] {
                let sport = scene.dice.short(49_152..=65_000);
                let packet = packets::kernel_syn(
                    &mut scene.dice,
                    &neighbour,
                    scene.place.own[0],
                    sport,
                    dport,
                );
                for pause in [1.0, 2.0] {
                    scene.comes(&neighbour, packet.clone());
                    scene.wait(pause..pause + 0.05);
                }
            }
            scene.wait(30.0..600.0);
        }
    }
}

fn logins_by_a_program(scene: &mut Scene) {
    let host = scene.place.neighbour(&mut scene.dice);
    for _ in 0..scene.dice.count(6..=12) {
        let sport = ephemeral(scene);
        let packet = packets::kernel_syn(&mut scene.dice, &host, scene.place.own[0], sport, 22);
        scene.passes(&host, packet);
        scene.wait(20.0..300.0);
    }
}

fn data_of_ftp(scene: &mut Scene) {
    let server = scene.place.stranger(&mut scene.dice);
    for _ in 0..scene.dice.count(4..=20) {
        let dport = ephemeral(scene);
        let packet = packets::kernel_syn(&mut scene.dice, &server, scene.place.own[0], 20, dport);
        for pause in [1.0, 2.0] {
            scene.comes(&server, packet.clone());
            scene.wait(pause..pause + 0.05);
        }
        scene.wait(2.0..60.0);
    }
}
