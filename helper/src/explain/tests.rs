//! What the sentences say and what they must not say.

use wallwatch_dbus::{Kind, Verdict};

use super::*;
use crate::{
    decode,
    detect::{Config, Probe},
    replay::Replay,
};

/// The report of a line that goes on behind the addresses.
fn report(prefix: &str, rest: &str) -> Report {
    let line = format!(
        "{prefix}IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 {rest}"
    );
    decode::log_line(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn explained(prefix: &str, rest: &str) -> Explanation {
    explain(&report(prefix, rest), &Neighbourhood::default())
}

#[test]
fn a_probe_is_told_to_be_stopped_only_where_the_line_says_so() {
    let report = |prefix| {
        report(
            prefix,
            "PROTO=TCP SPT=40000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ",
        )
    };
    for (prefix, verdict, claim) in [
        ("DROP ", Verdict::Dropped, "Your firewall stopped it."),
        ("ACCEPT ", Verdict::Passed, "Your firewall let it pass."),
        (
            "X ",
            Verdict::Unknown,
            "What became of it, the line does not tell.",
        ),
    ] {
        let report = report(prefix);
        assert_eq!(report.verdict(), verdict);
        let event = report.into_event(Timestamp(0)).unwrap();
        let (home, flows) = (Neighbourhood::default(), FlowRing::none());
        let case = Case::of(&event, &home, &flows);
        for kind in Kind::ALL {
            let probe = Probe {
                kind: *kind,
                weight: 1.0,
                nature: Nature::Plain,
                tool: None,
                unit: 0,
            };
            let Explanation {
                class,
                outlook,
                reason,
            } = probe::explain(&case, &probe);
            assert_eq!((class, outlook), (Class::Probe(*kind), Outlook::Probe));
            let begin = match kind {
                Kind::Bogon | Kind::Land => "Somebody ",
                _ => "203.0.113.9 ",
            };
            assert!(reason.starts_with(begin), "{reason}");
            assert!(reason.ends_with(claim), "{reason}");
            assert_eq!(
                reason.matches("Your firewall").count(),
                usize::from(verdict != Verdict::Unknown)
            );
        }
    }
}

#[test]
fn an_event_is_explained_as_its_line_is_and_its_class_needs_no_words() {
    let (home, flows) = (Neighbourhood::default(), FlowRing::none());
    let mut alike = 0_u32;
    for row in include_str!("../../../tests/data/lines/explained.tsv").lines() {
        let line = row.split('\t').nth(3).unwrap();
        let Ok(report) = decode::log_line(line.as_bytes()) else {
            continue;
        };
        let Some(event) = report.clone().into_event(Timestamp(0)) else {
            continue;
        };
        let judged = detect::classify(&event, &home, &flows);
        let of_line = explain(&report, &home);
        let of_event = explain_event(&event, &judged, &home, &flows);
        // Where a packet goes on to, and by which port of a bridge it came, an event does not tell.
        if report.output.is_empty() && report.physical_input.is_empty() {
            assert_eq!(of_event, of_line, "{line}");
            alike += 1;
        }
        assert_eq!(
            class_of(&event, &judged, &home, &flows),
            of_event.class,
            "{line}"
        );
    }
    assert!(alike > 100, "{alike}");
}

#[test]
fn what_is_handed_on_is_for_another_where_our_addresses_are_known() {
    let event = report("", "PROTO=UDP SPT=443 DPT=45000 LEN=20 ")
        .into_event(Timestamp(0))
        .unwrap();
    let flows = FlowRing::none();
    let target = |addresses: &[&str]| {
        let home = Neighbourhood {
            addresses: addresses.iter().map(|own| own.parse().unwrap()).collect(),
            ..Neighbourhood::default()
        };
        Case::of(&event, &home, &flows).target().into_owned()
    };
    let dst = event.packet.dst.to_string();
    assert_eq!(target(&[]), "this computer");
    assert_eq!(target(&[&dst]), "this computer");
    assert_eq!(target(&["198.51.100.77"]), dst);
}

#[test]
fn what_is_inferred_is_only_probable() {
    for rest in [
        "PROTO=TCP SPT=443 DPT=45000 WINDOW=0 RES=0x00 RST URGP=0 ",
        "PROTO=TCP SPT=443 DPT=45000 WINDOW=501 RES=0x00 ACK FIN URGP=0 ",
        "PROTO=TCP SPT=443 DPT=45000 WINDOW=501 RES=0x00 ACK SYN URGP=0 ",
        "PROTO=TCP SPT=80 DPT=1025 WINDOW=501 RES=0x00 ACK SYN URGP=0 ",
        "PROTO=TCP SPT=20 DPT=45000 WINDOW=64240 RES=0x00 SYN URGP=0 ",
        "PROTO=UDP SPT=53 DPT=45000 LEN=20 ",
        "PROTO=UDP SPT=123 DPT=123 LEN=20 ",
        "PROTO=UDP SPT=443 DPT=45000 LEN=20 ",
        "PROTO=UDP SPT=3478 DPT=45000 LEN=20 ",
        "PROTO=UDP SPT=1900 DPT=45000 LEN=20 ",
        "PROTO=UDP SPT=27015 DPT=45000 LEN=20 ",
        "PROTO=UDP SPT=51413 DPT=51413 LEN=20 ",
        "PROTO=ICMP TYPE=0 CODE=0 ID=1 SEQ=1 ",
    ] {
        let Explanation { class, reason, .. } = explained("", rest);
        assert!(matches!(class, Class::Noise(_)), "{rest}: {class}");
        assert!(
            reason.to_lowercase().contains("probably"),
            "{rest}: {reason}"
        );
    }
}

#[test]
fn three_impossible_packets_are_an_alert_and_one_is_none_as_it_is_told() {
    let null = |port| format!("PROTO=TCP SPT=40000 DPT={port} WINDOW=4000 RES=0x00 URGP=0 ");
    let alerts = |count| {
        let mut replay = Replay::new(
            Config::default(),
            Neighbourhood::default(),
            Timestamp(0),
            Timestamp(0),
        );
        (0..count).for_each(|port| replay.feed(Ok(report("", &null(25 + port)))));
        replay.finish().count()
    };
    assert_eq!((alerts(1), alerts(3)), (0, 1));
    let reason = explained("", &null(25)).reason;
    assert!(
        reason.contains("One such packet is no alert; three to different ports or computers are."),
        "{reason}"
    );
}

#[test]
fn what_would_be_an_alert_is_told_by_what_is_counted() {
    for (rest, told) in [
        (
            "PROTO=TCP SPT=40000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ",
            "tries of several ports, or of one port at several computers, are.",
        ),
        (
            "PROTO=UDP SPT=40000 DPT=161 LEN=20 ",
            "tries of several ports, or of one port at several computers, are.",
        ),
        (
            "PROTO=ESP SPI=0x1 ",
            "tries of several protocols, or of several computers, are.",
        ),
        (
            "PROTO=47 ",
            "tries of several protocols, or of several computers, are.",
        ),
        (
            "PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=1 ",
            "different ones, or pings of several computers, are.",
        ),
        ("PROTO=132 ", "One is no alert; several different ones are."),
        (
            "PROTO=ICMP TYPE=8 CODE=9 ID=1 SEQ=295 ",
            "One such packet is no alert; three different ones are.",
        ),
    ] {
        let reason = explained("", rest).reason;
        assert!(reason.contains(told), "{rest}: {reason}");
        assert!(reason.matches(" no alert").count() == 1, "{reason}");
    }
    let passed = "PROTO=TCP SPT=40000 DPT=22 WINDOW=4000 RES=0x00 URGP=0 ";
    let reason = explained("ACCEPT ", passed).reason;
    assert!(reason.contains("many different ones are."), "{reason}");
}

#[test]
fn what_is_told_to_be_an_alert_is_one() {
    let alerts = |lines: &[String]| {
        let mut replay = Replay::new(
            Config::default(),
            Neighbourhood::default(),
            Timestamp(0),
            Timestamp(0),
        );
        for line in lines {
            replay.feed(decode::log_line(line.as_bytes()));
        }
        replay.finish().count()
    };
    let line = |to: u8, rest: &str| {
        format!(
            "DROP IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.{to} LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 {rest}"
        )
    };
    let syn =
        |port: u16| format!("PROTO=TCP SPT=40000 DPT={port} WINDOW=1024 RES=0x00 SYN URGP=0 ");
    let ports: Vec<_> = (20..24).map(|port| line(2, &syn(port))).collect();
    let computers: Vec<_> = (2..6).map(|to| line(to, &syn(22))).collect();
    let protocols: Vec<_> = [46, 47, 4, 89]
        .iter()
        .map(|protocol| line(2, &format!("PROTO={protocol} ")))
        .collect();
    let of_computers: Vec<_> = (2..6).map(|to| line(to, "PROTO=47 ")).collect();
    for several in [ports, computers, protocols, of_computers] {
        assert_eq!(alerts(&several), 1, "{several:?}");
        assert_eq!(alerts(&several[..1]), 0, "{several:?}");
        let same = vec![several[0].clone(); 4];
        assert_eq!(alerts(&same), 0, "{same:?}");
    }
}

#[test]
fn a_bare_protocol_is_told_by_what_it_is_good_for() {
    for (rest, told) in [
        ("PROTO=47 ", "Tunnels and private networks (VPN)"),
        ("PROTO=ESP SPI=0x1 ", "Tunnels and private networks (VPN)"),
        ("PROTO=103 ", "hardly any desktop speaks"),
        ("PROTO=ICMP INCOMPLETE [2 bytes] ", "ends before its type"),
        ("PROTO=UDP INCOMPLETE [2 bytes] ", "ends before its ports"),
    ] {
        let Explanation { class, reason, .. } = explained("", rest);
        assert_eq!(class, Class::Probe(Kind::IpProtocolScan), "{rest}");
        assert!(reason.contains(told), "{rest}: {reason}");
    }
}

#[test]
fn a_datagram_is_called_by_its_protocol() {
    let reason = |protocol: &str, sport: u16, dport: u16| {
        let rest = format!("PROTO={protocol} SPT={sport} DPT={dport} LEN=20 ");
        explained("", &rest).reason
    };
    for (sport, dport) in [(40000, 161), (53, 45000), (5000, 45000), (1000, 2000)] {
        let lite = reason("UDPLITE", sport, dport);
        assert!(!lite.contains("UDP datagram"), "{lite}");
        let udp = reason("UDP", sport, dport);
        assert!(udp.contains("a UDP datagram"), "{udp}");
    }
    assert!(reason("UDPLITE", 40000, 161).contains("a UDP-Lite datagram to port 161 (SNMP)"));
}

#[test]
fn whatever_is_read_of_a_damaged_line_is_a_sentence() {
    let mut explained = 0_u32;
    for row in include_str!("../../../tests/data/lines/explained.tsv").lines() {
        let line = row.split('\t').nth(3).unwrap();
        for (at, _) in line.char_indices() {
            let (head, tail) = line.split_at(at);
            for damaged in [
                head.to_owned(),
                format!("{head}{}", &tail[1..]),
                format!("{head}9{}", &tail[1..]),
            ] {
                let reason = match decode::log_line(damaged.as_bytes()) {
                    Ok(report) => {
                        explained += 1;
                        explain(&report, &Neighbourhood::default()).reason
                    }
                    Err(error) => refused(error, damaged.as_bytes()),
                };
                assert!(
                    (10..600).contains(&reason.len()) && reason.ends_with('.'),
                    "{damaged}: {reason}"
                );
            }
        }
    }
    assert!(explained > 1000);
}

#[test]
fn a_tool_is_named_by_its_traits() {
    let reason = |tcp: &str| explained("", &format!("PROTO=TCP SPT=40000 DPT=22 {tcp}")).reason;
    assert!(reason("WINDOW=1024 RES=0x00 FIN URGP=0 ").contains("It bears the traits of nmap."));
    assert!(!reason("WINDOW=4000 RES=0x00 FIN URGP=0 ").contains("traits"));
}
