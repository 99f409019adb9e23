//! Whom captures blame in which nobody can tell which machine is the own one: scanners, and no clients.
#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the frames are the test's own"
)]

use super::super::Capture;
use crate::{detect, event::Timestamp, neighbourhood::Neighbourhood, replay::Replay};

const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const RST: u8 = 0x04;
const RST_ACK: u8 = 0x14;

/// Link types and their frames' headers: raw IP, and Ethernet between two machines.
const RAW: u32 = 101;
const ETHERNET: u32 = 1;
const COOKED_V2: u32 = 276;

type End = ([u8; 4], u16);

/// A TCP packet without options.
fn tcp(src: End, dst: End, ttl: u8, id: u16, flags: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    [
        &[0x45, 0, 0, 40, high, low, 0x40, 0, ttl, 6, 0, 0][..],
        &src.0,
        &dst.0,
        &src.1.to_be_bytes(),
        &dst.1.to_be_bytes(),
        &[0; 8],
        &[0x50, flags, 4, 0, 0, 0, 0, 0],
    ]
    .concat()
}

fn ethernet(src: u8, dst: u8, packet: &[u8]) -> Vec<u8> {
    let header = [[2, 0, 0, 0, 0, dst], [2, 0, 0, 0, 0, src]].concat();
    [&header[..], &[8, 0], packet].concat()
}

/// A frame of `tcpdump -i any`.
fn any(interface: u8, outgoing: bool, packet: &[u8]) -> Vec<u8> {
    let kind = if outgoing { 4 } else { 0 };
    let header = [8, 0, 0, 0, 0, 0, 0, interface, 0, 1, kind, 6];
    [&header[..], &[2, 0, 0, 0, 0, 1, 0, 0], packet].concat()
}

fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [
        &0xa1b2_c3d4_u32.to_le_bytes()[..],
        &[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0],
        &link.to_le_bytes(),
    ]
    .concat();
    for (number, frame) in frames.iter().enumerate() {
        let seconds = 1_795_310_000 + u32::try_from(number / 20).unwrap();
        let len = u32::try_from(frame.len()).unwrap();
        for field in [seconds, 0, len, len] {
            file.extend(field.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// The kinds and the first sources of the alerts that a capture raises.
fn alerts(link: u32, frames: &[Vec<u8>]) -> Vec<(String, String)> {
    let start = Timestamp(0);
    let config = detect::Config::default();
    let mut replay = Replay::new(config, Neighbourhood::default(), start, start);
    let bytes = pcap(link, frames);
    let mut capture = Capture::new(&bytes[..]).unwrap();
    while let Some(frame) = capture.next().unwrap() {
        replay.feed(frame);
    }
    assert!(capture.talks.openings.is_empty() && capture.talks.doors.is_empty());
    assert!(capture.talks.onward.is_empty());
    let told = |alert: wallwatch_dbus::Alert| (alert.kind, alert.sources[0].clone());
    replay.finish().map(told).collect()
}

const fn server(n: u8) -> [u8; 4] {
    [93, 184, n, 1]
}

const PORTS: [u16; 6] = [22, 53, 80, 443, 445, 3389];
const CLIENT: [u8; 4] = [10, 8, 0, 6];
const PEER: [u8; 4] = [10, 8, 0, 1];

/// Packets between two hosts without a gateway between them, to so many ports.
fn between(
    ports: impl Iterator<Item = u16>,
    talk: &dyn Fn(u16) -> Vec<(bool, u8)>,
) -> Vec<Vec<u8>> {
    ports
        .flat_map(|port| {
            let (client, peer) = ((CLIENT, 40000 + port), (PEER, port));
            talk(port).into_iter().map(move |(forth, flags)| {
                if forth {
                    tcp(client, peer, 64, port, flags)
                } else {
                    tcp(peer, client, 64, 0, flags)
                }
            })
        })
        .collect()
}

#[test]
fn who_is_answered_at_each_port_holds_conversations() {
    let answered = |_| vec![(true, SYN), (false, SYN_ACK)];
    assert_eq!(alerts(RAW, &between(PORTS.into_iter(), &answered)), []);
    let taken_up = |_| vec![(true, SYN), (false, SYN_ACK), (true, ACK), (true, RST)];
    assert_eq!(alerts(RAW, &between(PORTS.into_iter(), &taken_up)), []);
}

#[test]
fn a_scan_is_one_however_many_ports_are_open() {
    let scan = |ports: u16, talk: &dyn Fn(u16) -> Vec<(bool, u8)>| {
        let alerts = alerts(RAW, &between(1..=ports, talk));
        assert_eq!(alerts, [("tcp-syn-scan".to_owned(), "10.8.0.6".to_owned())]);
    };
    scan(6, &|_| vec![(true, SYN)]);
    scan(40, &|_| vec![(true, SYN), (false, RST_ACK)]);
    // Half of the ports are open, and each connection is made and closed, as by a scanner without rights.
    scan(40, &|port| match port % 2 {
        0 => vec![(true, SYN), (false, RST_ACK)],
        _ => vec![(true, SYN), (false, SYN_ACK), (true, ACK), (true, RST_ACK)],
    });
    // All are open, and each is let go before it is a connection.
    scan(40, &|_| vec![(true, SYN), (false, SYN_ACK), (true, RST)]);
    // A long conversation before it hides nothing of it.
    scan(60, &|port| match port {
        0..=30 => vec![(true, SYN), (false, SYN_ACK), (true, ACK)],
        _ => vec![(true, SYN), (false, RST_ACK)],
    });
}

#[test]
fn clients_behind_a_router_that_browse_are_no_scanners() {
    let browse = |answered: bool| -> Vec<Vec<u8>> {
        (0..60)
            .flat_map(|n| {
                let host = 10 + n % 3;
                let (client, port) = (
                    ([192, 168, 1, host], 40000 + u16::from(n)),
                    (server(n), 443),
                );
                let syn = tcp(client, port, 64, n.into(), SYN);
                let answer = tcp(port, client, 54, 0, SYN_ACK);
                let mut frames = vec![ethernet(host, 1, &syn)];
                frames.extend(answered.then(|| ethernet(1, host, &answer)));
                frames
            })
            .collect()
    };
    assert_eq!(alerts(ETHERNET, &browse(true)), []);
    assert_eq!(alerts(ETHERNET, &browse(false)).len(), 3);
}

#[test]
fn a_client_behind_a_gateway_that_hides_the_way_is_no_scanner() {
    for (ttl_out, ttl_in, own) in [(64, 64, [10, 0, 2, 15]), (63, 57, [198, 51, 100, 9])] {
        let mut frames = Vec::new();
        for (n, port) in (0..).zip(PORTS.repeat(2)) {
            let (client, to) = (
                (own, 40000 + n),
                (server((n % 2).try_into().unwrap()), port),
            );
            frames.push(ethernet(1, 2, &tcp(client, to, ttl_out, n, SYN)));
            frames.push(ethernet(2, 1, &tcp(to, client, ttl_in, 0, SYN_ACK)));
            frames.push(ethernet(1, 2, &tcp(client, to, ttl_out, n, ACK)));
        }
        assert_eq!(alerts(ETHERNET, &frames), [], "{own:?}");
    }
}

#[test]
fn what_a_router_sends_on_for_a_client_is_no_attack_on_it() {
    const INSIDE: [u8; 4] = [172, 17, 0, 2];
    const OUTSIDE: [u8; 4] = [10, 0, 0, 5];
    let browse = |sent_on: bool| -> Vec<Vec<u8>> {
        (0..12)
            .flat_map(|n| {
                let (port, to) = (40000 + u16::from(n), (server(n), 443));
                let syn = |src, ttl| tcp((src, port), to, ttl, 700 + u16::from(n), SYN);
                let answer = |dst, ttl| tcp(to, (dst, port), ttl, 0, SYN_ACK);
                let mut frames = vec![any(3, false, &syn(INSIDE, 64))];
                if sent_on {
                    frames.push(any(2, true, &syn(OUTSIDE, 63)));
                    frames.push(any(2, false, &answer(OUTSIDE, 55)));
                }
                frames.push(any(3, true, &answer(INSIDE, 54)));
                frames
            })
            .collect()
    };
    assert_eq!(alerts(COOKED_V2, &browse(true)), []);
    // What this machine answers itself came in for it.
    let itself = alerts(COOKED_V2, &browse(false));
    assert_eq!(itself, [("host-sweep".to_owned(), "172.17.0.2".to_owned())]);
}

#[test]
fn a_crowd_at_one_port_is_left_to_the_detectors() {
    let flood = |openings: u16| {
        let frames: Vec<_> = (0..openings)
            .flat_map(|n| {
                let (client, door) = (([10, 8, 0, 6], 1024 + n), (PEER, 80));
                [
                    tcp(client, door, 64, n, SYN),
                    tcp(door, client, 64, 0, SYN_ACK),
                ]
            })
            .collect();
        let bytes = pcap(RAW, &frames);
        let mut capture = Capture::new(&bytes[..]).unwrap();
        let first = capture.next().unwrap().unwrap().unwrap();
        first.answer
    };
    assert!(flood(20));
    assert!(!flood(200));
}

#[test]
fn what_is_counted_is_bounded_however_many_sources_there_are() {
    let frames: Vec<_> = (0..20_000_u32)
        .map(|n| {
            let [_, a, b, c] = n.to_be_bytes();
            tcp(([198, a, b, c], 40000), (PEER, 80), 64, 0, SYN)
        })
        .collect();
    let bytes = pcap(RAW, &frames);
    let mut capture = Capture::new(&bytes[..]).unwrap();
    while capture.next().unwrap().is_some() {
        assert!(capture.talks.openings.len() <= super::super::LOOK_AHEAD);
        assert!(capture.talks.sources.len() <= super::MAX_SOURCES);
    }
}
