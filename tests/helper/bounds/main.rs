//! Whatever strangers send, detection holds no more memory than it says, and finds a patient scanner among them.
#![expect(
    clippy::format_push_string,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking, and what it stands on need not be fast"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{collection::vec, prelude::*, test_runner::Config as Runs};
use random::Told;
use wallwatch_helper::{
    alert::Change,
    detect::Config,
    event::{Event, Feed, Interface, Prefix, Timestamp, Verdict},
    neighbourhood::Neighbourhood,
    packet::{Packet, Protocol, Tcp, TcpFlags, TcpOptions, Transport, Udp},
    watcher::Watcher,
};

mod counting;
#[path = "../../support/format/mod.rs"]
pub mod format;
#[path = "../../support/random.rs"]
pub mod random;

/// 2026-11-22 12:00 UTC.
const NOW: Timestamp = Timestamp(1_795_348_800_000_000);
/// So many senders are a million.
const MILLION: u32 = 1_000_000;
/// So many of those who make no flood, each of whom is watched: three times as many as the largest table has places, and a million
/// where that does not take minutes.
const WATCHED: u32 = if cfg!(debug_assertions) {
    50_000
} else {
    MILLION
};
/// A million senders who are nobody in particular add so much at most, in bytes.
const SPOOFED: usize = 8 << 20;
/// Nothing whatever makes detection hold more, in bytes: 512 incidents, open or remembered, of two sets of all ports each (8 KiB), and
/// the tables of a million senders.
const ANYTHING: usize = 12 << 20;
/// Knuth's factor, 2^32 over the golden ratio: numbers without a visible order, each once.
const SCATTER: u32 = 2_654_435_761;

/// A SYN as nmap makes it, from 203.0.113.9 to port 80.
fn syn(time: Timestamp) -> Event {
    let tcp = Tcp {
        sport: 40_000,
        dport: 80,
        seq: Some(1),
        ack: Some(0),
        flags: TcpFlags::SYN,
        window: 1024,
        urgp: 0,
        options: Some(TcpOptions::new()),
    };
    Event {
        time,
        packet: Packet {
            src: Ipv4Addr::new(203, 0, 113, 9).into(),
            dst: Ipv4Addr::new(198, 51, 100, 1).into(),
            protocol: Protocol::TCP,
            len: 40,
            ttl: 50,
            ip_id: Some(7),
            transport: Transport::Tcp(tcp),
            ..Packet::BLANK
        },
        verdict: Verdict::Dropped,
        feed: Feed::Nflog,
        trusted: true,
        interface: Interface::new(),
        prefix: Prefix::new(),
        group: false,
    }
}

/// The `n`-th of many IPv4 addresses in no order, none of which is reserved.
fn somebody(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(n.wrapping_mul(SCATTER) & 0x3fff_ffff | 0x4000_0000).into()
}

/// An address in the `n`-th of many networks of IPv6, with 64 bits each.
fn somebody_of_six(n: u32) -> IpAddr {
    let network = 0x2a00_0000_0000_0000 | u128::from(n.wrapping_mul(SCATTER)) << 16;
    Ipv6Addr::from_bits(network << 64 | 1).into()
}

/// The port of TCP or UDP that a packet is for.
fn set_dport(event: &mut Event, port: u16) {
    match &mut event.packet.transport {
        Transport::Tcp(tcp) => tcp.dport = port,
        Transport::Udp(udp) => udp.dport = port,
        _ => {}
    }
}

/// Any number as a port.
fn port(n: u32) -> u16 {
    u16::try_from(n & 0xffff).expect("16 bits")
}

/// The most that a watcher holds, in bytes, where so many packets come, each `gap` microseconds after the last and changed by `change`.
fn most_held(packets: u32, gap: i64, mut change: impl FnMut(u32, &mut Event)) -> usize {
    let count = counting::begin();
    let mut watcher = Watcher::new(Config::default(), Neighbourhood::default(), 1);
    let mut changes = Vec::new();
    let mut time = NOW;
    let first = syn(NOW);
    for n in 0..packets {
        time = time.plus(gap);
        let mut event = first.clone();
        event.time = time;
        change(n, &mut event);
        watcher.observe(&event, &mut changes);
        changes.clear();
    }
    count.most()
}

#[test]
fn a_flood_of_a_million_senders_adds_next_to_nothing() {
    let held = most_held(MILLION, 100, |n, event| event.packet.src = somebody(n));
    println!("{held} bytes");
    assert!(held <= SPOOFED / 8, "{held} bytes");
}

#[test]
fn senders_who_make_no_flood_add_no_more_than_is_said() {
    // 20 a second, to any port: each is watched.
    let held = most_held(WATCHED, 50_000, |n, event| {
        event.packet.src = somebody(n);
        set_dport(event, port(n.wrapping_mul(SCATTER) >> 7));
    });
    println!("{held} bytes");
    assert!(held <= SPOOFED, "{held} bytes");
}

#[test]
fn networks_of_ipv6_add_no_more_than_is_said() {
    let held = most_held(WATCHED, 50_000, |n, event| {
        event.packet.src = somebody_of_six(n);
        event.packet.dst = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into();
        set_dport(event, port(n >> 3));
    });
    println!("{held} bytes");
    assert!(held <= SPOOFED, "{held} bytes");
}

#[test]
fn senders_of_every_kind_add_no_more_than_is_said() {
    // One after the other sends SYNs, UDP, other flags, a stack's SYN that is let in where one logs in, and what has no ports; for
    // 10,000 packets it is slow, then as many are a flood.
    let held = most_held(WATCHED, 0, |n, event| {
        let tick = if (n / 10_000).is_multiple_of(2) {
            40_000
        } else {
            100
        };
        event.time = NOW.plus(i64::from(n) * 40_000 + i64::from(n % 10_000) * (tick - 40_000));
        event.packet.src = somebody(n);
        match n % 6 {
            0 => {}
            1 => {
                event.packet.protocol = Protocol::UDP;
                event.packet.transport = Transport::Udp(Udp {
                    sport: 40_000,
                    dport: port(n),
                    len: Some(20),
                });
            }
            2 => set_flags(event, TcpFlags::FIN),
            3 => {
                event.verdict = Verdict::Passed;
                event.packet.len = 60;
                if let Transport::Tcp(tcp) = &mut event.packet.transport {
                    (tcp.dport, tcp.sport, tcp.window) = (22, port(n), 64_240);
                    tcp.options = Some([1; 20].into_iter().collect());
                }
            }
            4 => {
                event.packet.protocol = Protocol(47);
                event.packet.transport = Transport::Other;
            }
            _ => set_dport(event, port(n)),
        }
    });
    println!("{held} bytes");
    assert!(held <= SPOOFED, "{held} bytes");
}

fn set_flags(event: &mut Event, flags: TcpFlags) {
    if let Transport::Tcp(tcp) = &mut event.packet.transport {
        tcp.flags = flags;
    }
}

#[test]
fn the_most_that_attackers_can_make_it_hold_is_bounded() {
    // Each of 600 attackers scans 300 ports, so that each incident that is open or remembered has a map of them, and sends as much
    // that has no ports. Ten packets a second are no flood.
    let held = most_held(600 * 600, 100_000, |n, event| {
        event.packet.src = somebody(n / 600);
        if n.is_multiple_of(2) {
            set_dport(event, port(n % 600));
        } else {
            event.packet.protocol = Protocol::SCTP;
            event.packet.ip_id = Some(n);
            event.packet.transport = Transport::Other;
        }
    });
    println!("{held} bytes");
    assert!(held <= ANYTHING, "{held} bytes");
}

/// Anything that a source could tell.
fn event() -> impl Strategy<Value = Event> {
    let time = prop_oneof![
        8 => (0..3_600_000_000_i64).prop_map(|after| NOW.plus(after)),
        1 => any::<i64>().prop_map(Timestamp),
    ];
    let verdict = prop_oneof![
        Just(Verdict::Dropped),
        Just(Verdict::Passed),
        Just(Verdict::Unknown)
    ];
    (
        random::packet(Told::Bytes),
        time,
        verdict,
        any::<(bool, bool)>(),
    )
        .prop_map(|(packet, time, verdict, (group, trusted))| Event {
            time,
            packet,
            verdict,
            trusted,
            group,
            ..syn(NOW)
        })
}

proptest! {
    #![proptest_config(Runs { cases: 64, ..Runs::default() })]

    #[test]
    fn nothing_that_is_sent_makes_it_hold_more(
        kinds in vec((event(), any::<u32>(), 0..20_000_i64), 1..40)
    ) {
        // Each of these again and again, from one sender after the other, for one port after the other.
        let held = most_held(4000, 0, |n, event| {
            let place = usize::try_from(n).expect("a number of 32 bits") % kinds.len();
            let (kind, seed, gap) = &kinds[place];
            *event = kind.clone();
            event.time = kind.time.plus(i64::from(n) * gap);
            if n & 1 == 0 {
                event.packet.src = match event.packet.src {
                    IpAddr::V4(_) => somebody(n ^ seed),
                    IpAddr::V6(_) => somebody_of_six(n ^ seed),
                };
            }
            if n & 2 == 0 {
                set_dport(event, port(n.wrapping_mul(*seed)));
            }
        });
        prop_assert!(held <= SPOOFED, "{held} bytes");
    }
}

#[test]
fn a_patient_scanner_is_found_inside_a_spoofed_flood() {
    // What it holds must not count for another.
    let _count = counting::begin();
    // 1,000 SYNs a second from anywhere to port 80, and one from the scanner every 15 seconds, each to another port.
    let mut watcher = Watcher::new(Config::default(), Neighbourhood::default(), 1);
    let mut changes = Vec::new();
    let mut told: Vec<Change> = Vec::new();
    let mut probes = 0;
    for n in 0..120_000_u32 {
        let time = NOW.plus(i64::from(n) * 1000);
        let mut event = syn(time);
        event.packet.src = somebody(n);
        watcher.observe(&event, &mut changes);
        if n % 15_000 == 7_500 {
            probes += 1;
            let mut event = syn(time);
            set_dport(&mut event, 1000 + probes);
            watcher.observe(&event, &mut changes);
        }
        told.append(&mut changes);
    }
    let scanner = told
        .iter()
        .find(|change| change.alert().sources == ["203.0.113.9"]);
    assert!(
        scanner.is_some(),
        "the scanner is not found by {probes} probes"
    );
    let flood =
        |change: &&Change| matches!(change, Change::Raised(alert) if alert.kind == "syn-flood");
    assert_eq!(
        told.iter().filter(flood).count(),
        1,
        "one flood is one incident"
    );
}
