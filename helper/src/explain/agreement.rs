//! Heading and sentence agree, and the sentence claims no more than the headers show.

use wallwatch_dbus::Kind;

use super::*;
use crate::decode;

/// What a line tells of that begins with the interface.
fn told(line: &str) -> Explanation {
    let report =
        decode::log_line(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
    explain(&report, &Neighbourhood::default())
}

#[test]
fn heading_and_sentence_agree() {
    // Words that sow doubt, and words that say how much is a guess.
    const DOUBTS: [&str; 7] = [
        "astray",
        "forged",
        "attack",
        "somebody",
        "slip past",
        "does not seem",
        "no honest router",
    ];
    const GUESSES: [&str; 3] = ["probably", "does not tell", "only its first piece"];
    let mut seen = [0_u32; 5];
    for row in include_str!("../../../tests/data/lines/explained.tsv").lines() {
        let line = row.split('\t').nth(3).unwrap();
        let Ok(report) = decode::log_line(line.as_bytes()) else {
            continue;
        };
        let Explanation {
            class,
            outlook,
            reason,
        } = explain(&report, &Neighbourhood::default());
        seen[outlook as usize] += 1;
        let says = |words: &[&str]| {
            words
                .iter()
                .any(|word| reason.to_lowercase().contains(word))
        };
        let agree = match outlook {
            Outlook::Fine => !says(&DOUBTS) && !says(&GUESSES),
            Outlook::Likely => says(&GUESSES),
            Outlook::Void => says(&[
                "nobody will take",
                "kernel ignores",
                "kernel threw",
                "kernel does nothing",
            ]),
            Outlook::Odd => says(&DOUBTS),
            Outlook::Probe => says(&["no alert"]),
        };
        assert!(agree, "{outlook}: {class}: {reason}");
        assert_eq!(
            matches!(class, Class::Probe(_)),
            outlook == Outlook::Probe,
            "{class}"
        );
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn a_router_is_believed_as_far_as_it_can_be_one() {
    let v4 = |src: &str, rest: &str| {
        told(&format!(
            "X IN=eth0 OUT= MAC= SRC={src} DST=192.168.1.5 LEN=56 TOS=0x00 PREC=0x00 TTL=60 ID=1 {rest}"
        ))
    };
    let v6 = |src: &str, limit: u8, kind: u8| {
        told(&format!(
            "X IN=eth0 OUT= MAC= SRC={src} DST=fe80:0000:0000:0000:0000:0000:0000:0005 LEN=72 TC=0 HOPLIMIT={limit} FLOWLBL=0 \
             PROTO=ICMPv6 TYPE={kind} CODE=0 "
        ))
    };
    let redirect = "PROTO=ICMP TYPE=5 CODE=1 GATEWAY=192.168.1.66 ";
    let offer = "PROTO=UDP SPT=67 DPT=68 LEN=28 ";
    let router = "fe80:0000:0000:0000:0000:0000:0000:0001";
    let stranger = "2001:0db8:0009:0000:0000:0000:0000:0053";
    for (explained, outlook, part) in [
        (
            v4("192.168.1.1", redirect),
            Outlook::Odd,
            "if this is not its address",
        ),
        (
            v4("203.0.113.9", redirect),
            Outlook::Odd,
            "does not seem to be on this network",
        ),
        (
            v4("192.168.1.1", offer),
            Outlook::Likely,
            "the line does not tell",
        ),
        (
            v4("203.0.113.9", offer),
            Outlook::Odd,
            "does not seem to be on this network",
        ),
        (
            v4("203.0.113.9", "PROTO=2 "),
            Outlook::Odd,
            "does not seem to be on this network",
        ),
        (
            v4("192.168.1.1", "PROTO=2 "),
            Outlook::Likely,
            "a router or a switch",
        ),
        (
            v6(router, 255, 134),
            Outlook::Likely,
            "the line does not tell",
        ),
        (v6(stranger, 255, 134), Outlook::Odd, "no honest router"),
        (
            v6(router, 255, 137),
            Outlook::Odd,
            "if this is not its address",
        ),
        (v6(stranger, 255, 137), Outlook::Odd, "no honest router"),
        (
            v6(stranger, 60, 134),
            Outlook::Void,
            "The kernel ignores it",
        ),
    ] {
        assert_eq!(explained.outlook, outlook, "{}", explained.reason);
        assert!(explained.reason.contains(part), "{}", explained.reason);
    }
}

#[test]
fn a_forged_sender_is_not_named_as_the_attacker() {
    for (input, src, why, kind) in [
        ("eth0", "127.0.0.1", "talks to itself", Kind::Bogon),
        ("eth0", "224.0.0.5", "the address of a group", Kind::Bogon),
        (
            "eth0",
            "255.255.255.255",
            "the address of everybody",
            Kind::Bogon,
        ),
        ("eth0", "240.0.0.1", "the block 240.0.0.0/4", Kind::Bogon),
        ("eth0", "0.1.2.3", "the block 0.0.0.0/8", Kind::Bogon),
        (
            "eth0",
            "192.0.2.2",
            "from 192.0.2.2 itself (LAND)",
            Kind::Land,
        ),
    ] {
        for rest in [
            "PROTO=TCP SPT=40000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ",
            "PROTO=UDP SPT=53 DPT=40000 LEN=20 ",
            "PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=1 ",
        ] {
            let Explanation {
                class,
                outlook,
                reason,
            } = told(&format!(
                "DROP IN={input} OUT= MAC= SRC={src} DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 {rest}"
            ));
            assert_eq!(
                (class, outlook),
                (Class::Probe(kind), Outlook::Probe),
                "{src}: {reason}"
            );
            assert!(
                reason.starts_with("Somebody sent ")
                    && reason.contains(why)
                    && reason.contains("who it is, the packet does not tell"),
                "{reason}"
            );
            assert!(reason.contains("three different ones are."), "{reason}");
        }
    }
}

#[test]
fn a_ping_to_everybody_from_afar_is_worth_a_look() {
    let ping = |src: &str| {
        told(&format!(
            "X IN=eth0 OUT= MAC=ff:ff:ff:ff:ff:ff:02:00:00:00:aa:01:08:00 SRC={src} DST=192.168.1.255 LEN=84 TOS=0x00 PREC=0x00 TTL=50 \
             ID=1 PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=1 "
        ))
    };
    assert_eq!(ping("192.168.1.20").outlook, Outlook::Fine);
    let afar = ping("203.0.113.9");
    assert_eq!(afar.outlook, Outlook::Odd);
    assert!(afar.reason.contains("smurf"), "{}", afar.reason);
}

#[test]
fn a_search_and_an_announcement_are_not_told_apart_where_ports_cannot() {
    for (sport, dport) in [
        (5353, 5353),
        (41000, 1900),
        (1900, 1900),
        (53000, 3702),
        (137, 137),
    ] {
        let reason = told(&format!(
            "X IN=eth0 OUT= MAC=ff:ff:ff:ff:ff:ff:02:00:00:00:aa:01:08:00 SRC=192.168.1.20 DST=192.168.1.255 LEN=48 TOS=0x00 PREC=0x00 \
             TTL=64 ID=1 PROTO=UDP SPT={sport} DPT={dport} LEN=28 "
        ))
        .reason;
        assert!(
            reason.contains("asks") && reason.contains("announces"),
            "{reason}"
        );
    }
}
