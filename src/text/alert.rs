//! An alert in words: as a title, a sentence, a technical line, an entry of a menu and a line of a terminal.

use std::{borrow::Cow, fmt::Write as _};

use wallwatch_dbus::{Alert, Kind, Severity, Verdict};

use super::{ago, count, date_time, moment_of_day, sanitize, sanitize_sentences, span};

/// What an incident is, in a few words: "Port scan (SYN)". A kind this version does not know is named by its word.
#[must_use]
pub fn what(alert: &Alert) -> Cow<'_, str> {
    match alert.kind() {
        Some(kind) => Cow::Borrowed(kind.title()),
        None => sanitize(&alert.kind),
    }
}

/// The first line of a popup: "Port scan (SYN) - high".
#[must_use]
pub fn title(alert: &Alert) -> String {
    if alert.test {
        what(alert).into_owned()
    } else {
        format!("{} - {}", what(alert), alert.severity())
    }
}

/// How many sources there are, as far as they are known.
fn source_count(alert: &Alert) -> u64 {
    alert.source_count.max(alert.sources.len() as u64)
}

/// Who attacks: the source, or how many there are.
#[must_use]
pub fn who(alert: &Alert) -> Cow<'_, str> {
    match (source_count(alert), alert.sources.as_slice()) {
        (0 | 1, [source]) => sanitize(source),
        (0 | 1, _) => Cow::Borrowed("Somebody"),
        (many, _) => Cow::Owned(count(many, "address", "addresses")),
    }
}

/// What the attacker does, behind the name of the attacker. Two forms: going on, and over.
const fn doing(kind: Kind, closed: bool) -> &'static str {
    match (kind, closed) {
        (
            Kind::TcpSynScan
            | Kind::TcpConnectScan
            | Kind::UdpScan
            | Kind::SctpScan
            | Kind::DistributedScan,
            false,
        ) => "is trying the doors of this computer",
        (
            Kind::TcpSynScan
            | Kind::TcpConnectScan
            | Kind::UdpScan
            | Kind::SctpScan
            | Kind::DistributedScan,
            true,
        ) => "tried the doors of this computer",
        (
            Kind::TcpFinScan
            | Kind::TcpNullScan
            | Kind::TcpXmasScan
            | Kind::TcpMaimonScan
            | Kind::TcpBadFlags,
            false,
        ) => "is feeling for the doors of this computer with malformed packets",
        (
            Kind::TcpFinScan
            | Kind::TcpNullScan
            | Kind::TcpXmasScan
            | Kind::TcpMaimonScan
            | Kind::TcpBadFlags,
            true,
        ) => "felt for the doors of this computer with malformed packets",
        (Kind::TcpAckScan, false) => {
            "is finding out what the firewall of this computer lets through"
        }
        (Kind::TcpAckScan, true) => {
            "tried to find out what the firewall of this computer lets through"
        }
        (Kind::IpProtocolScan, false) => "is finding out which protocols this computer speaks",
        (Kind::IpProtocolScan, true) => "tried to find out which protocols this computer speaks",
        (Kind::PingSweep | Kind::HostSweep, false) => "is looking for computers on this network",
        (Kind::PingSweep | Kind::HostSweep, true) => "looked for computers on this network",
        (Kind::OsFingerprint, false) => "is finding out which system runs on this computer",
        (Kind::OsFingerprint, true) => "tried to find out which system runs on this computer",
        (Kind::BruteForce, false) => "is trying to log in to this computer",
        (Kind::BruteForce, true) => "tried to log in to this computer",
        (
            Kind::SynFlood | Kind::UdpFlood | Kind::IcmpFlood | Kind::ReplyFlood | Kind::Smurf,
            false,
        ) => "is flooding this computer",
        (
            Kind::SynFlood | Kind::UdpFlood | Kind::IcmpFlood | Kind::ReplyFlood | Kind::Smurf,
            true,
        ) => "flooded this computer",
        (Kind::RogueDhcp, _) => "answers DHCP requests on this network",
        (Kind::RogueRa, _) => "claims to be the IPv6 router of this network",
        (Kind::Worm | Kind::Land | Kind::Bogon | Kind::Signature | Kind::Test, false) => {
            "is attacking this computer"
        }
        (Kind::Worm | Kind::Land | Kind::Bogon | Kind::Signature | Kind::Test, true) => {
            "attacked this computer"
        }
    }
}

/// What the attackers do, where [`doing`] says what one does.
fn doing_together(doing: &str) -> String {
    let plural = |(verb, rest): (&str, &str)| {
        let verb = match verb {
            "is" => "are",
            "answers" => "answer",
            "claims" => "claim",
            // The past has one form.
            other => other,
        };
        format!("{verb} {rest}")
    };
    doing
        .split_once(' ')
        .map_or_else(|| doing.to_owned(), plural)
}

/// Is this a kind that the number of ports tells the size of? A flood or a log-in attempt is many packets to one port.
const fn is_about_ports(kind: Option<Kind>) -> bool {
    matches!(
        kind,
        None | Some(
            Kind::TcpSynScan
                | Kind::TcpConnectScan
                | Kind::TcpFinScan
                | Kind::TcpNullScan
                | Kind::TcpXmasScan
                | Kind::TcpMaimonScan
                | Kind::TcpAckScan
                | Kind::TcpBadFlags
                | Kind::UdpScan
                | Kind::SctpScan
                | Kind::DistributedScan
        )
    )
}

/// Is this a kind whose packets name a sender that nobody can be?
const fn is_forged(kind: Option<Kind>) -> bool {
    matches!(kind, Some(Kind::Bogon | Kind::Land))
}

/// How much was tried and in which time ("1,000 ports in 2 s"), and what became of it, as a sentence that refers to that.
fn extent_and_outcome(alert: &Alert) -> String {
    let (n, what) = if alert.port_count > 0 && is_about_ports(alert.kind()) {
        (alert.port_count, count(alert.port_count, "port", "ports"))
    } else {
        (alert.packets, count(alert.packets, "packet", "packets"))
    };
    let (all, it) = match n {
        1 if alert.packets <= 1 => ("it", "it"),
        1 => ("every packet", "the packets"),
        _ => ("all of them", "them"),
    };
    let outcome = match alert.verdict() {
        Verdict::Dropped => format!("Your firewall stopped {all}."),
        Verdict::Passed => {
            let (first, rest) = all.split_at(1);
            format!("{}{rest} reached this computer.", first.to_uppercase())
        }
        Verdict::Mixed => {
            "Your firewall stopped some of the packets, others reached this computer.".to_owned()
        }
        Verdict::Unknown => format!("What became of {it} is not known."),
    };
    let time = span(alert.last_seen.saturating_sub(alert.first_seen));
    format!("{what} in {time}. {outcome}")
}

/// What became of the packets, in a word or three, for a column of a list.
#[must_use]
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Dropped => "stopped",
        Verdict::Passed => "reached this computer",
        Verdict::Mixed => "partly stopped",
        Verdict::Unknown => "not known",
    }
}

/// An alert in plain words: "192.168.1.66 is trying the doors of this computer: 1,000 ports in 2 s. Your firewall stopped all of
/// them."
#[must_use]
pub fn sentence(alert: &Alert) -> String {
    if alert.test {
        return "This is a test: alerts of Wallwatch reach your screen.".to_owned();
    }
    let who = who(alert);
    let doing = match alert.kind() {
        Some(kind) => doing(kind, alert.closed),
        None if alert.closed => "attacked this computer",
        None => "is attacking this computer",
    };
    if is_forged(alert.kind()) {
        return format!(
            "Somebody {doing} in the name of {who}: {}",
            extent_and_outcome(alert)
        );
    }
    let doing = if source_count(alert) > 1 {
        Cow::Owned(doing_together(doing))
    } else {
        Cow::Borrowed(doing)
    };
    format!("{who} {doing}: {}", extent_and_outcome(alert))
}

/// The same for somebody who knows networks: kind, tool, ports and interface.
#[must_use]
pub fn technical(alert: &Alert) -> String {
    let mut text = sanitize(&alert.kind).into_owned();
    for (label, value) in [
        ("by", &alert.tool),
        ("ports", &alert.ports),
        ("on", &alert.interface),
    ] {
        if !value.is_empty() {
            // Writing to a String cannot fail.
            _ = write!(text, ", {label} {}", sanitize(value));
        }
    }
    if !alert.tags.is_empty() {
        _ = write!(text, " ({})", sanitize(&alert.tags.join(", ")));
    }
    if !alert.trusted && !alert.test {
        text.push_str("; from a log that a local user could have written");
    }
    text
}

/// An alert as one entry of a menu: "192.168.1.66 - Port scan (SYN) - 2 min ago".
#[must_use]
pub fn menu_line(alert: &Alert, now: i64) -> String {
    let when = ago(now.saturating_sub(alert.last_seen));
    if alert.test {
        format!("{} - {when}", what(alert))
    } else {
        format!("{} - {} - {when}", who(alert), what(alert))
    }
}

/// An alert as one line of a terminal: time, severity, what, and the sentence.
#[must_use]
pub fn terminal_line(alert: &Alert) -> String {
    format!(
        "{}  {:<8}  {}: {}",
        date_time(alert.last_seen),
        alert.severity(),
        what(alert),
        sentence(alert)
    )
}

/// What a terminal shows below [`terminal_line`] where everything is wanted: the alert for those who know networks, why it is so
/// severe, and its first packets.
#[must_use]
pub fn details(alert: &Alert) -> Vec<String> {
    let mut lines = vec![format!("  {}", technical(alert))];
    if !alert.reason.is_empty() {
        lines.push(format!(
            "  Why {}: {}",
            alert.severity(),
            sanitize_sentences(&alert.reason)
        ));
    }
    match alert.evidence.as_slice() {
        [] => {}
        [_] if alert.packets <= 1 => lines.push("  The packet:".to_owned()),
        packets if alert.packets <= packets.len() as u64 => lines.push("  The packets:".to_owned()),
        _ => lines.push("  The first packets:".to_owned()),
    }
    lines.extend(alert.evidence.iter().map(|packet| {
        let (when, line) = (moment_of_day(packet.time), sanitize_sentences(&packet.line));
        match packet.verdict.parse() {
            Ok(Verdict::Unknown) | Err(_) => format!("    {when}  {line}"),
            Ok(known) => format!("    {when}  {line}  ({})", verdict(known)),
        }
    }));
    lines
}

/// The colour of a severity on a terminal, as an ANSI SGR parameter (ECMA-48 section 8.3.117).
#[must_use]
pub const fn terminal_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "2",
        Severity::Low => "36",
        Severity::Medium => "33",
        Severity::High => "31",
        Severity::Critical => "1;31",
    }
}

#[cfg(test)]
mod tests {
    use wallwatch_dbus::Evidence;

    use super::*;
    use crate::text::units::SECOND;

    fn scan(verdict: Verdict) -> Alert {
        Alert {
            kind: Kind::TcpSynScan.to_string(),
            severity: 4,
            sources: vec!["192.168.1.66".to_owned()],
            source_count: 1,
            port_count: 1000,
            ports: "1-1000".to_owned(),
            tool: "nmap".to_owned(),
            interface: "eth0".to_owned(),
            verdict: verdict.to_string(),
            last_seen: 2 * SECOND,
            trusted: true,
            ..Alert::default()
        }
    }

    #[test]
    fn details_tell_the_reason_and_the_first_packets() {
        let packet = |line: &str, verdict: &str| Evidence {
            line: line.to_owned(),
            verdict: verdict.to_owned(),
            ..Evidence::default()
        };
        let alert = Alert {
            reason: "As many as 1000 ports were tried.".to_owned(),
            packets: 1000,
            evidence: vec![
                packet("SRC=192.168.1.66 SPT=1", "dropped"),
                packet("SRC=192.168.1.66 SPT=2", "unknown"),
            ],
            ..scan(Verdict::Dropped)
        };
        let lines = details(&alert);
        assert_eq!(lines[1], "  Why high: As many as 1000 ports were tried.");
        assert_eq!(lines[2], "  The first packets:");
        assert!(
            lines[3].ends_with(".000  SRC=192.168.1.66 SPT=1  (stopped)"),
            "{lines:?}"
        );
        assert!(lines[4].ends_with(" SPT=2"), "{lines:?}");
        assert_eq!(lines.len(), 5);
        // A helper that is older tells neither.
        assert_eq!(details(&scan(Verdict::Dropped)).len(), 1);
        let hostile = Alert {
            reason: "a\u{1b}[2Jb".to_owned(),
            evidence: vec![packet("c\nd", "dropped")],
            ..scan(Verdict::Dropped)
        };
        let text = details(&hostile).join("");
        assert!(!text.contains(['\u{1b}', '\n']), "{text:?}");
    }

    #[test]
    fn a_scan_reads_as_people_speak() {
        assert_eq!(title(&scan(Verdict::Dropped)), "Port scan (SYN) - high");
        assert_eq!(
            sentence(&scan(Verdict::Dropped)),
            "192.168.1.66 is trying the doors of this computer: 1,000 ports in 2 s. Your firewall stopped all of them."
        );
        assert_eq!(
            technical(&scan(Verdict::Dropped)),
            "tcp-syn-scan, by nmap, ports 1-1000, on eth0"
        );
        assert_eq!(
            menu_line(&scan(Verdict::Dropped), 182 * SECOND),
            "192.168.1.66 - Port scan (SYN) - 3 min ago"
        );
    }

    #[test]
    fn nothing_is_claimed_to_be_stopped_that_was_not() {
        for kind in Kind::ALL {
            for verdict in [Verdict::Passed, Verdict::Unknown] {
                for closed in [false, true] {
                    let alert = Alert {
                        kind: kind.to_string(),
                        closed,
                        ..scan(verdict)
                    };
                    let words = format!(
                        "{} {} {}",
                        title(&alert),
                        sentence(&alert),
                        technical(&alert)
                    )
                    .to_lowercase();
                    for claim in ["stopped", "blocked", "dropped", "rejected", "prevented"] {
                        assert!(!words.contains(claim), "{kind} {verdict}: {words}");
                    }
                }
            }
        }
    }

    #[test]
    fn many_sources_are_counted_in_the_plural() {
        let alert = Alert {
            sources: vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()],
            source_count: 4000,
            ..scan(Verdict::Dropped)
        };
        assert!(
            sentence(&alert).starts_with("4,000 addresses are trying the doors"),
            "{}",
            sentence(&alert)
        );
    }

    #[test]
    fn several_sources_take_the_plural_and_nothing_else_changes() {
        let blames = |kind: &&Kind| **kind != Kind::Test && !is_forged(Some(**kind));
        for kind in Kind::ALL.iter().filter(blames) {
            for closed in [false, true] {
                let one = Alert {
                    kind: kind.to_string(),
                    closed,
                    ..scan(Verdict::Unknown)
                };
                let two = Alert {
                    sources: vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()],
                    source_count: 2,
                    ..one.clone()
                };
                let (one, two) = (sentence(&one), sentence(&two));
                let one = one.strip_prefix("192.168.1.66 ").unwrap();
                let two = two.strip_prefix("2 addresses ").unwrap();
                let (verb, rest) = one.split_once(' ').unwrap();
                let plural = match verb {
                    "is" => "are",
                    "answers" => "answer",
                    "claims" => "claim",
                    past => past,
                };
                assert_eq!(two, format!("{plural} {rest}"), "{kind}");
            }
        }
        let nobody_listed = Alert {
            sources: Vec::new(),
            source_count: 2,
            ..scan(Verdict::Unknown)
        };
        assert!(sentence(&nobody_listed).starts_with("2 addresses are trying"));
    }

    #[test]
    fn a_forged_sender_is_not_blamed() {
        for kind in [Kind::Bogon, Kind::Land] {
            let alert = Alert {
                kind: kind.to_string(),
                packets: 3,
                ..scan(Verdict::Dropped)
            };
            let text = sentence(&alert);
            assert!(
                text.starts_with(
                    "Somebody is attacking this computer in the name of 192.168.1.66: 3 packets in"
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn the_outcome_refers_to_what_was_counted() {
        let words = |kind: Kind, port_count, packets, verdict| {
            let alert = Alert {
                kind: kind.to_string(),
                port_count,
                packets,
                ..scan(verdict)
            };
            sentence(&alert).split_once(": ").unwrap().1.to_owned()
        };
        for (kind, ports, packets, verdict, expected) in [
            (
                Kind::TcpSynScan,
                4,
                9,
                Verdict::Passed,
                "4 ports in 2 s. All of them reached this computer.",
            ),
            (
                Kind::TcpXmasScan,
                1,
                9,
                Verdict::Dropped,
                "1 port in 2 s. Your firewall stopped every packet.",
            ),
            (
                Kind::TcpXmasScan,
                1,
                9,
                Verdict::Passed,
                "1 port in 2 s. Every packet reached this computer.",
            ),
            (
                Kind::Land,
                0,
                1,
                Verdict::Unknown,
                "1 packet in 2 s. What became of it is not known.",
            ),
            (
                Kind::BruteForce,
                1,
                50,
                Verdict::Passed,
                "50 packets in 2 s. All of them reached this computer.",
            ),
            (
                Kind::SynFlood,
                1,
                5000,
                Verdict::Mixed,
                "5,000 packets in 2 s. Your firewall stopped some of the packets, others reached this computer.",
            ),
        ] {
            assert_eq!(words(kind, ports, packets, verdict), expected, "{kind}");
        }
    }

    #[test]
    fn an_unknown_kind_of_a_newer_helper_is_named_by_its_word() {
        let alert = Alert {
            kind: "quantum-scan\u{1b}[31m".to_owned(),
            ..scan(Verdict::Unknown)
        };
        assert_eq!(what(&alert), "quantum-scan\u{fffd}[31m");
        assert!(sentence(&alert).contains("is attacking this computer"));
    }
}
