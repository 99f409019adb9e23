//! The whole way from events to alerts, tried on made-up attacks.

use wallwatch_dbus::Alert;

use super::*;
use crate::{
    alert::{MAX_OPEN, MAX_TESTS, UPDATE_INTERVAL},
    exposure::Listener,
    flow::{Ends, TcpState, Tuple},
};

mod ruled;

const START: Timestamp = Timestamp(1_800_000_000_000_000);
const MINUTE: i64 = 60 * Timestamp::SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A watcher with what it told.
struct Scene {
    watcher: Watcher,
    changes: Vec<Change>,
}

impl Scene {
    fn new() -> Self {
        Self {
            watcher: Watcher::new(detect::Config::default(), Neighbourhood::default(), 100),
            changes: Vec::new(),
        }
    }

    /// A SYN of nmap's to a port.
    fn syn(&mut self, time: Timestamp, src: &str, dport: u16) -> Vec<Change> {
        self.tcp(time, src, dport, TcpFlags::SYN)
    }

    fn tcp(&mut self, time: Timestamp, src: &str, dport: u16, flags: TcpFlags) -> Vec<Change> {
        let mut event = test_event(time);
        event.verdict = Verdict::Dropped;
        event.packet.src = src.parse().unwrap();
        event.packet.df = false;
        event.packet.len = if event.packet.src.is_ipv4() { 44 } else { 64 };
        if let Transport::Tcp(tcp) = &mut event.packet.transport {
            (tcp.dport, tcp.flags, tcp.window) = (dport, flags, 1024);
        }
        self.watcher.observe(&event, &mut self.changes);
        self.told()
    }

    fn tick(&mut self, now: Timestamp) -> Vec<Change> {
        self.watcher.tick(now, &mut self.changes);
        self.told()
    }

    fn told(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Raises an incident by probes of three ports.
    fn raise(&mut self, time: Timestamp, src: &str) -> Alert {
        let told: Vec<Change> = (1..=3)
            .flat_map(|dport| self.syn(time, src, dport))
            .collect();
        let [Change::Raised(alert)] = told.as_slice() else {
            panic!("{told:?}")
        };
        alert.clone()
    }
}

/// A connection from `src` that every rule let pass.
fn accepted(time: Timestamp, src: &str, dport: u16) -> Flow {
    let ends = |sport, dport| Ends::Ports { sport, dport };
    let original = Tuple {
        src: src.parse().unwrap(),
        dst: "198.51.100.1".parse().unwrap(),
        protocol: Protocol::TCP,
        ends: ends(40000, dport),
    };
    Flow {
        time,
        stage: Stage::Began,
        id: Some(1),
        original,
        reply: Tuple {
            src: original.dst,
            dst: original.src,
            protocol: Protocol::TCP,
            ends: ends(dport, 40000),
        },
        answered: false,
        assured: false,
        tcp: Some(TcpState::SYN_SENT),
        mark: 0,
        began: None,
        sent: None,
        received: None,
    }
}

#[test]
fn a_scan_of_ports_that_every_rule_lets_pass_is_found_by_its_flows() {
    let mut scene = Scene::new();
    scene.watcher.set_neighbourhood(Neighbourhood {
        addresses: vec!["198.51.100.1".parse().unwrap()],
        ..Neighbourhood::default()
    });
    let mut raised = Vec::new();
    for dport in 1..=12 {
        let flow = accepted(START, "203.0.113.9", dport);
        assert!(scene.watcher.observe_flow(&flow, &mut scene.changes));
        scene.watcher.remember_flow(&flow);
        raised.extend(scene.told());
    }
    let [Change::Raised(alert)] = raised.as_slice() else {
        panic!("{raised:?}")
    };
    assert_eq!(
        (alert.kind.as_str(), alert.feed.as_str(), alert.trusted),
        ("tcp-connect-scan", "conntrack", true)
    );
    assert_eq!(
        (alert.verdict.as_str(), alert.ports.as_str(), alert.packets),
        ("passed", "1-12", 12)
    );
    assert_eq!(alert.tags, ["accepted"]);
    assert_eq!(alert.targets, ["198.51.100.1"]);
}

/// The event of a line.
fn line(time: Timestamp, rest: &str) -> Event {
    let line = format!("X IN=eth0 OUT= MAC= {rest}");
    let read = crate::decode::log_line(line.as_bytes()).unwrap();
    Event {
        verdict: Verdict::Dropped,
        ..read.into_event(time).unwrap()
    }
}

#[test]
fn a_flood_of_router_advertisements_is_one_incident() {
    let mut scene = Scene::new();
    let mut raised = Vec::new();
    for n in 0..2000 {
        let event = line(
            START.plus(n * 1000),
            &format!(
                "SRC=fe80::{n:x} DST=ff02::1 LEN=56 TC=0 HOPLIMIT=255 FLOWLBL=0 PROTO=ICMPv6 TYPE=134 CODE=0 "
            ),
        );
        scene.watcher.observe(&event, &mut scene.changes);
        let told = scene.told().into_iter();
        raised.extend(told.filter(|change| matches!(change, Change::Raised(_))));
    }
    let [Change::Raised(alert)] = raised.as_slice() else {
        panic!("{raised:?}")
    };
    assert_eq!(
        (alert.kind.as_str(), alert.severity, alert.packets_to_alert),
        ("rogue-ra", 3, 1)
    );
    assert_eq!(alert.tags, ["on-link"]);
    let told = scene.tick(START.plus(HOUR));
    let Some(Change::Closed(alert)) = told.last() else {
        panic!("{told:?}")
    };
    assert_eq!(alert.packets, 1999);
    assert!(
        (1700..2300).contains(&alert.source_count),
        "{}",
        alert.source_count
    );
}

#[test]
fn a_scan_in_pieces_is_one_incident_whatever_its_flags_show_later() {
    for flags in ["SYN ", "FIN ", ""] {
        // The own table tells of pieces at once and of packets a moment later; lines tell of both in turn.
        for burst in [1, 4] {
            let mut scene = Scene::new();
            let mut told = Vec::new();
            for first in (0..8).step_by(burst) {
                let each = first..first + burst;
                let pieces = each
                    .clone()
                    .map(|n| format!("{n} MF PROTO=TCP INCOMPLETE [8 bytes] "));
                let whole = each.map(|n| {
                    format!(
                        "{n} PROTO=TCP SPT=40000 DPT={} WINDOW=1024 RES=0x00 {flags}URGP=0 ",
                        20 + n
                    )
                });
                for rest in pieces.chain(whole) {
                    let event = line(
                        START,
                        &format!(
                            "SRC=203.0.113.9 DST=198.51.100.1 LEN=28 TOS=0x00 PREC=0x00 TTL=50 ID={rest}"
                        ),
                    );
                    scene.watcher.observe(&event, &mut scene.changes);
                    told.extend(scene.told());
                }
            }
            told.extend(scene.tick(START.plus(HOUR)));
            let raised = told
                .iter()
                .filter(|change| matches!(change, Change::Raised(_)));
            assert_eq!(raised.count(), 1, "{flags} {burst}: {told:#?}");
            let alert = told.last().unwrap().alert();
            let kind = match flags {
                "SYN " => "tcp-syn-scan",
                "FIN " => "tcp-fin-scan",
                _ => "tcp-null-scan",
            };
            assert_eq!(alert.kind, kind);
            assert!(alert.tags.iter().any(|tag| tag == "fragmented"));
            assert!(alert.port_count >= 5, "{alert:?}");
        }
    }
}

#[test]
fn an_incident_keeps_its_first_packets_and_a_reason() {
    let mut scene = Scene::new();
    let first = scene.raise(START, "203.0.113.9");
    assert_eq!(
        first.reason,
        "Only 3 ports were tried. The firewall dropped all packets."
    );
    assert!(
        first.evidence.is_empty(),
        "it is told where one is asked for"
    );
    assert_eq!(scene.watcher.evidence(first.id).len(), 3);
    assert_eq!(scene.watcher.evidence(first.id + 1), []);
    for dport in 4..=40 {
        let time = START.plus(i64::from(dport));
        scene.syn(time, "203.0.113.9", dport);
    }
    let told = scene.tick(START.plus(HOUR));
    let alert = told.last().unwrap().alert();
    assert_eq!(
        alert.reason,
        "40 ports were tried. The firewall dropped all packets."
    );
    let lines: Vec<String> = scene
        .watcher
        .evidence(alert.id)
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected: Vec<String> = (1..=8)
        .map(|dport| {
            format!(
                "SRC=203.0.113.9 DST=198.51.100.1 LEN=44 TTL=64 PROTO=TCP SPT=40000 DPT={dport} SYN"
            )
        })
        .collect();
    assert_eq!(lines, expected, "also of one that is closed");
}

#[test]
fn what_listens_is_a_part_of_the_reason() {
    let mut scene = Scene::new();
    let ssh = Listener {
        protocol: Protocol::TCP,
        port: 2,
        address: "0.0.0.0".parse().unwrap(),
        v6_only: false,
        interface: Interface::new(),
        uid: 0,
        owner: "ssh.service".to_owned(),
    };
    let mut changes: Vec<Change> = (1..=3)
        .flat_map(|dport| scene.syn(START, "203.0.113.9", dport))
        .collect();
    scene
        .watcher
        .set_exposure(Exposure::new(vec![ssh], Vec::new()), &mut changes);
    let [Change::Raised(alert)] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(
        alert.reason,
        "Only 3 ports were tried. Here ssh.service listens on port 2, which was tried, and the firewall dropped all packets."
    );
}

#[test]
fn many_senders_that_nobody_can_be_are_one_incident() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for n in 0..40 {
        let event = line(
            START.plus(n),
            &format!(
                "SRC=240.1.2.{n} DST=198.51.100.1 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID={n} PROTO=TCP SPT=1132 DPT=445 WINDOW=512 \
                 RES=0x00 SYN URGP=0 "
            ),
        );
        scene.watcher.observe(&event, &mut scene.changes);
        told.extend(scene.told());
    }
    let [Change::Raised(alert)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((alert.kind.as_str(), alert.packets_to_alert), ("bogon", 3));
    assert_eq!(alert.tags, ["spoofable"]);
    assert_eq!(alert.sources, ["240.1.2.0", "240.1.2.1", "240.1.2.2"]);
}

#[test]
fn one_who_uses_what_is_open_is_no_attacker() {
    let mut scene = Scene::new();
    scene.watcher.set_neighbourhood(Neighbourhood {
        addresses: vec!["198.51.100.1".parse().unwrap()],
        ..Neighbourhood::default()
    });
    for n in 0..1000 {
        for dport in [22, 80, 443] {
            let flow = accepted(START.plus(n), "203.0.113.9", dport);
            scene.watcher.observe_flow(&flow, &mut scene.changes);
        }
    }
    assert_eq!(scene.told(), []);
}

#[test]
fn late_packets_of_flows_of_ours_are_no_attack_and_are_one_where_nobody_told_of_the_flows() {
    let late = |scene: &mut Scene| {
        let told: Vec<_> = (0..40)
            .flat_map(|n| {
                let mut event = test_event(START);
                event.packet.src = "203.0.113.9".parse().unwrap();
                if let Transport::Tcp(tcp) = &mut event.packet.transport {
                    (tcp.sport, tcp.dport) = (40000, 1000 + n);
                    tcp.flags = TcpFlags::ACK.with(TcpFlags::FIN);
                }
                scene.watcher.observe(&event, &mut scene.changes);
                scene.told()
            })
            .collect();
        told.len()
    };
    let mut blind = Scene::new();
    assert_eq!(late(&mut blind), 1);
    let mut scene = Scene::new();
    scene.watcher.set_neighbourhood(Neighbourhood {
        addresses: vec!["198.51.100.1".parse().unwrap()],
        ..Neighbourhood::default()
    });
    for n in 0..40 {
        let mut flow = accepted(START, "203.0.113.9", 1000 + n);
        std::mem::swap(&mut flow.original, &mut flow.reply);
        scene.watcher.remember_flow(&flow);
        flow.stage = Stage::Ended;
        scene.watcher.remember_flow(&flow);
    }
    assert_eq!(late(&mut scene), 0);
}

#[test]
fn a_packet_that_passed_after_all_puts_the_verdict_right_before_and_behind_the_alarm() {
    let mut scene = Scene::new();
    let late = |scene: &mut Scene, dport: u16| {
        let mut event = test_event(START);
        (event.packet.df, event.packet.len) = (false, 44);
        event.packet.src = "203.0.113.9".parse().unwrap();
        if let Transport::Tcp(tcp) = &mut event.packet.transport {
            (tcp.dport, tcp.window) = (dport, 1024);
        }
        event.verdict = Verdict::Passed;
        scene.watcher.put_right(&event, Verdict::Dropped);
    };
    scene.syn(START, "203.0.113.9", 1);
    late(&mut scene, 1);
    let told = [2, 3]
        .map(|dport| scene.syn(START, "203.0.113.9", dport))
        .concat();
    let [Change::Raised(alert)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((alert.verdict.as_str(), alert.packets), ("mixed", 3));
    late(&mut scene, 2);
    late(&mut scene, 3);
    let told = scene.tick(START.plus(UPDATE_INTERVAL));
    let [Change::Updated(alert)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((alert.verdict.as_str(), alert.packets), ("passed", 3));
    let evidence = scene.watcher.evidence(alert.id);
    let became: Vec<String> = evidence.iter().map(|fact| fact.told().verdict).collect();
    assert_eq!(became, ["passed"; 3]);
    assert!(alert.tags.iter().any(|tag| tag == "accepted"));
}

#[test]
fn an_incident_is_raised_once_with_all_that_led_to_it() {
    let mut scene = Scene::new();
    let alert = scene.raise(START, "203.0.113.9");
    assert_eq!((alert.id, alert.seq), (100, 100));
    assert_eq!(
        (alert.kind.as_str(), alert.severity, alert.popup),
        ("tcp-syn-scan", 2, true)
    );
    assert_eq!((alert.ports.as_str(), alert.port_count), ("1-3", 3));
    assert_eq!((alert.packets, alert.packets_to_alert), (3, 3));
    assert_eq!(alert.sources, ["203.0.113.9"]);
    assert_eq!(alert.targets, ["198.51.100.1"]);
    assert_eq!(
        (alert.verdict.as_str(), alert.tool.as_str()),
        ("dropped", "nmap")
    );
    assert_eq!(
        (scene.watcher.open_incidents(), scene.watcher.last_seq()),
        (1, 100)
    );
}

#[test]
fn updates_are_told_twice_a_second_at_most_and_none_is_lost() {
    let mut scene = Scene::new();
    scene.raise(START, "203.0.113.9");
    for dport in 4..=20 {
        assert_eq!(
            scene.syn(START.plus(i64::from(dport) * 1000), "203.0.113.9", dport),
            []
        );
    }
    let due = scene.watcher.next_deadline().unwrap();
    assert_eq!(due, START.plus(UPDATE_INTERVAL));
    assert_eq!(scene.tick(due.plus(-1)), []);
    let told = scene.tick(due);
    let [Change::Updated(alert)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((alert.id, alert.seq), (100, 101));
    assert_eq!(
        (alert.ports.as_str(), alert.packets, alert.packets_to_alert),
        ("1-20", 20, 3)
    );
    assert_eq!(alert.severity, 3, "15 ports are a medium scan");
    assert_eq!(scene.tick(due.plus(MINUTE)), []);
}

#[test]
fn severity_rises_with_the_ports() {
    let mut scene = Scene::new();
    scene.raise(START, "203.0.113.9");
    let told: Vec<Change> = (4..=250)
        .flat_map(|dport| {
            scene.syn(
                START.plus(i64::from(dport) * Timestamp::SECOND),
                "203.0.113.9",
                dport,
            )
        })
        .collect();
    let mut severities: Vec<u8> = told.iter().map(|change| change.alert().severity).collect();
    assert!(severities.is_sorted());
    severities.dedup();
    assert_eq!(severities, [2, 3, 4]);
}

#[test]
fn silence_closes_an_incident_and_then_nothing_waits() {
    let mut scene = Scene::new();
    scene.raise(START, "203.0.113.9");
    let due = scene.watcher.next_deadline().unwrap();
    assert_eq!(due, START.plus(15 * MINUTE));
    let told = scene.tick(due);
    let [Change::Closed(alert)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert!(alert.closed);
    assert_eq!(
        (
            scene.watcher.open_incidents(),
            scene.watcher.next_deadline()
        ),
        (0, None)
    );
}

#[test]
fn a_slow_scan_stays_open_for_six_of_its_gaps() {
    let mut scene = Scene::new();
    let gap = 10 * MINUTE;
    let times = (0..6).map(|n| START.plus(n * gap));
    let told: Vec<Change> = (1..)
        .zip(times)
        .flat_map(|(dport, time)| scene.syn(time, "203.0.113.9", dport))
        .collect();
    assert!(told[0].alert().tags.contains(&"slow".to_owned()));
    assert!(
        !told
            .iter()
            .any(|change| matches!(change, Change::Closed(_)))
    );
    let early = scene.watcher.next_deadline().unwrap();
    assert_eq!(scene.tick(early), []);
    assert_eq!(
        scene.watcher.next_deadline(),
        Some(START.plus(5 * gap + 6 * gap))
    );
}

#[test]
fn what_begins_again_within_a_day_is_the_same_without_a_popup() {
    let mut scene = Scene::new();
    let first = scene.raise(START, "203.0.113.9");
    scene.tick(START.plus(HOUR));
    let told: Vec<Change> = (1..=3)
        .flat_map(|dport| scene.syn(START.plus(20 * HOUR), "203.0.113.9", dport))
        .collect();
    let [Change::Updated(again)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(again.id, first.id);
    assert!(!again.popup && !again.closed);
    scene.tick(START.plus(21 * HOUR));
    assert_ne!(
        scene.raise(START.plus(50 * HOUR), "203.0.113.9").id,
        first.id
    );
}

#[test]
fn changes_are_numbered_without_gaps() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for n in 0..2000_u16 {
        let src = format!("203.0.113.{}", n % 5);
        told.extend(scene.syn(START.plus(i64::from(n) * 100_000), &src, n));
    }
    told.extend(scene.tick(START.plus(HOUR)));
    let seqs: Vec<u64> = told.iter().map(|change| change.alert().seq).collect();
    assert!(seqs.iter().copied().eq(100..=scene.watcher.last_seq()));
}

#[test]
fn two_kinds_of_one_family_are_both_named() {
    let mut scene = Scene::new();
    for dport in 1..=20 {
        scene.tcp(START, "203.0.113.9", dport, TcpFlags::FIN);
    }
    for dport in 1..=10 {
        scene.tcp(START, "203.0.113.9", dport, TcpFlags(0));
    }
    let told = scene.tick(START.plus(MINUTE));
    let alert = told[0].alert();
    assert_eq!(alert.kind, "tcp-fin-scan");
    assert!(
        alert.tags.contains(&"tcp-null-scan".to_owned()),
        "{:?}",
        alert.tags
    );
}

#[test]
fn one_port_of_three_of_our_addresses_is_a_sweep() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for host in 1..=4 {
        let mut event = test_event(START);
        event.packet.src = "203.0.113.9".parse().unwrap();
        event.packet.dst = IpAddr::V4(Ipv4Addr::new(198, 51, 100, host));
        scene.watcher.observe(&event, &mut told);
    }
    assert_eq!(told[0].alert().kind, "host-sweep");
}

#[test]
fn the_addresses_of_one_ipv6_host_are_one_source() {
    let mut scene = Scene::new();
    let told: Vec<Change> = (1..=8)
        .flat_map(|n| {
            scene.syn(
                START.plus(i64::from(n) * Timestamp::SECOND),
                &format!("2001:db8::{n}"),
                n,
            )
        })
        .collect();
    assert_eq!(scene.watcher.open_incidents(), 1);
    let alert = told.last().unwrap().alert();
    assert!(
        alert.source_count >= 5 && alert.tags.contains(&"rotating-source".to_owned()),
        "{alert:?}"
    );
}

#[test]
fn a_clock_that_goes_back_raises_nothing_and_stops_nothing() {
    let mut scene = Scene::new();
    assert_eq!(scene.syn(START, "203.0.113.9", 1), []);
    assert_eq!(scene.syn(START.plus(-HOUR), "203.0.113.9", 1), []);
    let raised: Vec<Change> = (2..=3)
        .flat_map(|dport| scene.syn(START.plus(-HOUR), "203.0.113.9", dport))
        .collect();
    assert_eq!(raised.len(), 1);
    let told = scene.syn(START.plus(-2 * HOUR), "203.0.113.9", 4);
    assert!(matches!(told.as_slice(), [Change::Updated(_)]));
    for time in [Timestamp(i64::MIN), Timestamp(i64::MAX), Timestamp(0)] {
        scene.syn(time, "203.0.113.9", 5);
        scene.tick(time);
    }
}

#[test]
fn an_alert_names_what_listens_on_the_attacked_ports() {
    let listener = |protocol, port, owner: &str| Listener {
        protocol,
        port,
        address: Ipv4Addr::UNSPECIFIED.into(),
        v6_only: false,
        interface: Interface::new(),
        uid: 0,
        owner: owner.to_owned(),
    };
    let exposure = Exposure::new(
        vec![
            listener(Protocol::TCP, 2, "two.service"),
            listener(Protocol::UDP, 3, "three.service"),
            listener(Protocol::TCP, 5, ""),
        ],
        Vec::new(),
    );
    let mut scene = Scene::new();
    let mut told: Vec<Change> = (1..=3)
        .flat_map(|dport| scene.syn(START, "203.0.113.9", dport))
        .collect();
    assert_eq!(told[0].alert().exposed, []);
    scene.watcher.set_exposure(exposure, &mut told);
    let two = (2, "tcp".to_owned(), "two.service".to_owned());
    assert_eq!(told[0].alert().exposed, std::slice::from_ref(&two));
    scene.syn(START, "203.0.113.9", 5);
    let told = scene.tick(START.plus(MINUTE));
    let five = (5, "tcp".to_owned(), String::new());
    assert_eq!(told[0].alert().exposed, [two, five]);
}

#[test]
fn open_incidents_are_bounded() {
    let mut scene = Scene::new();
    let mut closed = 0;
    for n in 0..2000_u32 {
        let src = Ipv4Addr::from_bits(0xcb00_0000 + n).to_string();
        for dport in 1..=3 {
            let told = scene.syn(START.plus(i64::from(n) * 3_100_000), &src, dport);
            closed += told
                .iter()
                .filter(|change| matches!(change, Change::Closed(_)))
                .count();
        }
    }
    assert_eq!(
        (scene.watcher.open_incidents(), closed),
        (MAX_OPEN, 2000 - MAX_OPEN)
    );
}

#[test]
fn a_patient_scanner_is_found_inside_a_flood_of_single_packets() {
    let mut scene = Scene::new();
    let mut raised = Vec::new();
    for second in 0..120_u32 {
        let now = START.plus(i64::from(second) * Timestamp::SECOND);
        for n in 0..50 {
            scene.syn(
                now,
                &Ipv4Addr::from_bits(0x0b00_0000 + second * 7919 + n * 104_729).to_string(),
                80,
            );
        }
        if second.is_multiple_of(15) {
            raised.extend(scene.syn(now, "203.0.113.9", u16::try_from(second).unwrap()));
        }
    }
    assert!(
        raised
            .iter()
            .any(|change| change.alert().sources == ["203.0.113.9"]),
        "{raised:?}"
    );
}

#[test]
fn each_test_alert_is_an_incident_of_its_own() {
    let mut scene = Scene::new();
    let first = scene.watcher.test_alert(START, &mut scene.changes);
    let second = scene.watcher.test_alert(START, &mut scene.changes);
    assert_ne!(first, second);
    let told = scene.told();
    assert!(
        told.iter()
            .all(|change| matches!(change, Change::Raised(alert) if alert.test && alert.popup))
    );
    assert_eq!(scene.tick(START.plus(HOUR)).len(), 2);
    assert_eq!(scene.watcher.next_deadline(), None);
}

#[test]
fn those_who_ask_for_tests_push_no_real_incident_out() {
    let mut scene = Scene::new();
    let mut raised = Vec::new();
    for port in 1..=5 {
        raised.extend(scene.syn(START, "203.0.113.9", port));
    }
    assert!(matches!(raised[0], Change::Raised(_)), "{raised:?}");
    let asked = (0..MAX_OPEN * 2).map(|_| scene.watcher.test_alert(START, &mut scene.changes));
    assert_eq!(asked.flatten().count(), MAX_TESTS);
    let told = scene.told();
    assert!(
        told.iter().all(|change| change.alert().test),
        "the scan is open as before: {told:?}"
    );
    assert!(scene.tick(START.plus(HOUR)).len() > MAX_TESTS);
    let again = scene
        .watcher
        .test_alert(START.plus(HOUR), &mut scene.changes);
    assert!(again.is_some(), "those that are over make room");
}

#[test]
fn decoys_that_come_late_join_the_incident_that_was_raised_before() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for (host, dport) in [
        (1, 110),
        (1, 80),
        (2, 110),
        (1, 25),
        (2, 80),
        (2, 25),
        (2, 21),
    ] {
        told.extend(scene.syn(START, &format!("203.0.113.{host}"), dport));
    }
    told.extend(scene.tick(START.plus(MINUTE)));
    assert_eq!(told.len(), 2, "{told:?}");
    let alert = told[1].alert();
    assert_eq!((alert.source_count, alert.packets), (2, 7));
    assert_eq!(alert.tags, ["decoy"]);
}

#[test]
fn a_scanner_among_decoys_is_one_incident_that_accuses_nobody() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for dport in [110, 25, 23, 21, 80] {
        for host in 1..=6 {
            told.extend(scene.syn(START, &format!("203.0.113.{host}"), dport));
        }
    }
    told.extend(scene.tick(START.plus(MINUTE)));
    let raised: Vec<_> = told
        .iter()
        .filter(|change| matches!(change, Change::Raised(_)))
        .collect();
    assert_eq!(raised.len(), 1, "{told:?}");
    let alert = told.last().unwrap().alert();
    assert_eq!((alert.source_count, alert.packets), (6, 30));
    assert_eq!(alert.tags, ["decoy"]);
}

/// Rules as they stand in the configuration.
fn rules(text: &str) -> Rules {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        rule: Vec<crate::rules::Rule>,
    }
    Rules::of(&toml::from_str::<File>(text).unwrap().rule)
}

#[test]
fn who_is_trusted_is_not_weighed_and_is_counted() {
    let mut scene = Scene::new();
    let trust =
        "[[rule]]\ntype = \"trust\"\nsource = \"203.0.113.0/28\"\ncomment = \"my scanner\"\n";
    scene.watcher = scene.watcher.with_rules(rules(trust));
    for dport in 1..=500 {
        let time = START.plus(i64::from(dport));
        assert_eq!(scene.syn(time, "203.0.113.9", dport), []);
    }
    let noise: Vec<_> = scene.watcher.noise().entries().collect();
    let [trusted] = noise.as_slice() else {
        panic!("{noise:?}")
    };
    assert_eq!((trusted.noise, trusted.packets), (Noise::Trusted, 500));
    assert_eq!(
        trusted.example.reason,
        "203.0.113.9 asks for port 1, which a rule trusts (\"my scanner\"): it is not weighed."
    );
    scene.raise(START, "203.0.113.17");
}

#[test]
fn who_is_trusted_floods_nobody() {
    let flood = |rule: &str| {
        let mut scene = Scene::new();
        scene.watcher = scene.watcher.with_rules(rules(rule));
        (0..4000_i64)
            .flat_map(|n| scene.syn(START.plus(n * 500), "203.0.113.9", 80))
            .count()
    };
    assert_ne!(flood("[[rule]]\ntype = \"trust\"\nport = 81\n"), 0);
    assert_eq!(flood("[[rule]]\ntype = \"trust\"\nport = 80\n"), 0);
}

#[test]
fn a_muted_incident_is_told_without_a_popup() {
    let mute = "[[rule]]\ntype = \"mute\"\nsource = \"203.0.113.9\"\n";
    for (src, popup) in [("203.0.113.9", false), ("203.0.113.10", true)] {
        let mut scene = Scene::new();
        scene.watcher = scene.watcher.with_rules(rules(mute));
        let mut changes = [Change::Raised(scene.raise(START, src))];
        scene.watcher.mute(&mut changes);
        assert_eq!(changes[0].alert().popup, popup, "{src}");
    }
}

#[test]
fn noise_is_counted_by_class_and_raises_nothing() {
    let mut scene = Scene::new();
    let resolver = "198.51.100.53";
    scene.watcher.set_neighbourhood(Neighbourhood {
        resolvers: vec![resolver.parse().unwrap()],
        ..Neighbourhood::default()
    });
    let udp = |sport, dport| {
        Transport::Udp(crate::packet::Udp {
            sport,
            dport,
            len: None,
        })
    };
    let mut told = Vec::new();
    for n in 0..500_u16 {
        let mut event = test_event(START.plus(i64::from(n) * 100_000));
        event.packet.src = resolver.parse().unwrap();
        event.packet.protocol = Protocol::UDP;
        event.packet.transport = udp(53, 40000 + n);
        assert!(!scene.watcher.observe(&event, &mut scene.changes));
        if n % 5 == 0 {
            event.packet.src = "192.0.2.77".parse().unwrap();
            (event.packet.dst, event.group) = ("224.0.0.251".parse().unwrap(), true);
            event.packet.transport = udp(5353, 5353);
            assert!(!scene.watcher.observe(&event, &mut scene.changes));
        }
        told.extend(scene.told());
    }
    assert_eq!(told, []);
    let noise: Vec<_> = scene
        .watcher
        .noise()
        .entries()
        .map(|entry| (entry.noise, entry.packets, entry.example.feed))
        .collect();
    let expected = [
        (Noise::Mdns, 100, Feed::Test),
        (Noise::LateDns, 500, Feed::Test),
    ];
    assert_eq!(noise, expected);
    let dns = scene.watcher.noise().entries().last().unwrap();
    let reason = &dns.example.reason;
    assert!(reason.contains("late answer of a name server"), "{reason}");
    // The very same address is an attacker where it scans.
    let alert = scene.raise(START.plus(MINUTE), resolver);
    assert_eq!(alert.ports, "1-3");
}

/// The alerts in their latest state, by number.
fn latest(told: &[Change]) -> Vec<Alert> {
    let mut latest = std::collections::BTreeMap::new();
    for change in told {
        latest.insert(change.alert().id, change.alert().clone());
    }
    latest.into_values().collect()
}

#[test]
fn senders_who_share_out_the_ports_are_one_distributed_scan() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for round in 0..4_u16 {
        for host in 1..=20_u16 {
            let at = START.plus(i64::from(round * 20 + host) * Timestamp::SECOND);
            let src = format!("203.0.113.{host}");
            told.extend(scene.syn(at, &src, 100 + round * 20 + host));
        }
    }
    told.extend(scene.tick(START.plus(5 * MINUTE)));
    let alerts = latest(&told);
    let [alert] = alerts.as_slice() else {
        panic!("{alerts:?}")
    };
    assert_eq!(
        (alert.kind.as_str(), alert.severity, alert.source_count),
        ("distributed-scan", 3, 20)
    );
    assert_eq!((alert.packets, alert.port_count), (80, 80));
}

#[test]
fn who_was_told_as_an_attacker_of_his_own_is_of_the_crowd_in_the_end() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for host in 1..=10_u16 {
        for n in 0..3 {
            let at = START.plus(i64::from(host * 4 + n) * Timestamp::SECOND);
            let src = format!("203.0.113.{host}");
            told.extend(scene.syn(at, &src, host * 10 + n));
        }
    }
    told.extend(scene.tick(START.plus(5 * MINUTE)));
    let open: Vec<Alert> = latest(&told)
        .into_iter()
        .filter(|alert| !alert.closed)
        .collect();
    let [alert] = open.as_slice() else {
        panic!("{open:?}")
    };
    assert_eq!(
        (alert.kind.as_str(), alert.source_count, alert.packets),
        ("distributed-scan", 10, 30)
    );
    let raised = told
        .iter()
        .filter(|change| matches!(change, Change::Raised(_)))
        .count();
    assert!(raised < 8, "{told:?}");
}

#[test]
fn a_flood_from_everywhere_is_one_incident_and_a_patient_scanner_is_found_inside() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for n in 0..120_000_u32 {
        let now = START.plus(i64::from(n) * 1000);
        let src = Ipv4Addr::from_bits(0x0b00_0000 + n.wrapping_mul(0x9e37_79b1) % 0x0100_0000);
        told.extend(scene.syn(now, &src.to_string(), 80));
        if n.is_multiple_of(15_000) {
            let dport = 1000 + u16::try_from(n / 15_000).unwrap();
            told.extend(scene.syn(now, "203.0.113.9", dport));
        }
    }
    let alerts = latest(&told);
    let [flood, scan] = alerts.as_slice() else {
        panic!("{alerts:?}")
    };
    assert_eq!((flood.kind.as_str(), flood.severity), ("syn-flood", 4));
    assert!(flood.source_count > 50_000, "{}", flood.source_count);
    assert!(flood.tags.contains(&"spoofable".to_owned()));
    assert_eq!(scan.sources, ["203.0.113.9"]);
    assert!(scan.packets_to_alert <= 5);
}

#[test]
fn tries_at_a_log_in_are_told_and_those_of_a_program_now_and_then_are_not() {
    let log_in = |scene: &mut Scene, time: Timestamp, sport: u16| {
        let mut event = test_event(time);
        event.verdict = Verdict::Passed;
        event.packet.src = "203.0.113.9".parse().unwrap();
        if let Transport::Tcp(tcp) = &mut event.packet.transport {
            tcp.sport = sport;
        }
        scene.watcher.observe(&event, &mut scene.changes);
        scene.told()
    };
    let mut scene = Scene::new();
    let told: Vec<Change> = (0..40)
        .flat_map(|n| {
            let at = START.plus(i64::from(n) * Timestamp::SECOND);
            log_in(&mut scene, at, 40_000 + n)
        })
        .collect();
    let [alert] = latest(&told).try_into().unwrap();
    assert_eq!(
        (alert.kind.as_str(), alert.severity, alert.ports.as_str()),
        ("brute-force", 3, "22")
    );
    assert!(alert.packets_to_alert <= 9, "{}", alert.packets_to_alert);
    let mut scene = Scene::new();
    let told: Vec<Change> = (0..18)
        .flat_map(|n| {
            let at = START.plus(i64::from(n) * 20 * MINUTE);
            log_in(&mut scene, at, 40_000 + n)
        })
        .collect();
    assert_eq!(told, []);
    let again: Vec<Change> = (0..500)
        .flat_map(|_| log_in(&mut scene, START.plus(HOUR), 40_000))
        .collect();
    assert_eq!(again, [], "one opening, sent again and again");
}

#[test]
fn a_connection_that_is_let_in_from_one_who_scans_is_the_worst() {
    let mut scene = Scene::new();
    scene.raise(START, "203.0.113.9");
    let mut event = test_event(START.plus(Timestamp::SECOND));
    event.verdict = Verdict::Passed;
    event.packet.src = "203.0.113.9".parse().unwrap();
    scene.watcher.observe(&event, &mut scene.changes);
    let told = scene.told();
    let [Change::Updated(alert)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(alert.severity, 5);
    assert!(alert.tags.contains(&"connected".to_owned()));
}
