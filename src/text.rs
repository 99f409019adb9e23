//! Every sentence for people: an alert in words, and the escaping of what a stranger could have written.
//!
//! A sentence claims only what the verdict supports: where nothing tells what became of the packets, it says so, and where
//! they reached the computer, it never speaks of a firewall that stopped them.

use std::{borrow::Cow, fmt::Write as _};

use jiff::{Timestamp, tz::TimeZone};
use wallwatch_dbus::{Alert, Kind, Severity, SourceHealth, Verdict};

/// Text of strangers is shown up to this many characters.
pub const MAX_SHOWN: usize = 200;
/// The helper's own sentences are shown up to this many characters: the command that mends a trouble stands at their end.
const MAX_SENTENCES: usize = 1000;

/// The word put behind text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
const DAY: i64 = 86_400 * SECOND;

/// Can this character reorder, hide or end what stands around it?
///
/// Control characters (with line ends and escape), the bidirectional controls of Unicode UAX #9, and characters without width.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text as it may be shown: hostile characters replaced, length capped at [`MAX_SHOWN`]. Clean text costs nothing.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    sanitize_to(text, MAX_SHOWN)
}

/// As [`sanitize`], for a few sentences, which may be longer than a name or a list of ports.
#[must_use]
pub fn sanitize_sentences(text: &str) -> Cow<'_, str> {
    sanitize_to(text, MAX_SENTENCES)
}

/// The text without hostile characters, cut behind so many characters.
fn sanitize_to(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max && !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown: String = text
        .chars()
        .take(max)
        .map(|c| {
            if is_hostile(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(max).is_some() {
        shown.push(ELLIPSIS);
    }
    Cow::Owned(shown)
}

/// The text as it may stand in a notification body that is read as markup.
#[must_use]
pub fn escape_markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A number with its thousands apart: 1,000.
#[must_use]
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: "1 port", "2 ports".
#[must_use]
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// A span of time, in microseconds, as people say it: "2 s", "5 min", "3 h", "4 days".
#[must_use]
pub fn span(microseconds: i64) -> String {
    let seconds = microseconds.max(0) / SECOND;
    match seconds {
        0 => "less than a second".to_owned(),
        1..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How long ago, given the microseconds since: "just now", "2 min ago".
#[must_use]
pub fn ago(microseconds: i64) -> String {
    if microseconds < 5 * SECOND {
        "just now".to_owned()
    } else {
        format!("{} ago", span(microseconds))
    }
}

/// A time in microseconds since 1970 as a local time, formatted as `strftime` would.
fn local(time: i64, format: &str) -> String {
    Timestamp::from_microsecond(time)
        .map(|t| t.to_zoned(TimeZone::system()).strftime(format).to_string())
        .unwrap_or_default()
}

/// A local date and time: "2026-11-22 14:05:09".
#[must_use]
pub fn date_time(time: i64) -> String {
    local(time, "%Y-%m-%d %H:%M:%S")
}

/// A local time of day to the minute: "14:05".
#[must_use]
pub fn time_of_day(time: i64) -> String {
    local(time, "%H:%M")
}

/// What an incident is, in a few words: "Port scan (SYN)". A kind this version does not know is named by its word.
#[must_use]
pub fn what(alert: &Alert) -> Cow<'_, str> {
    let Some(kind) = alert.kind() else {
        return sanitize(&alert.kind);
    };
    Cow::Borrowed(match kind {
        Kind::TcpSynScan => "Port scan (SYN)",
        Kind::TcpConnectScan => "Port scan (connect)",
        Kind::TcpFinScan => "Stealth scan (FIN)",
        Kind::TcpNullScan => "Stealth scan (NULL)",
        Kind::TcpXmasScan => "Stealth scan (XMAS)",
        Kind::TcpMaimonScan => "Stealth scan (Maimon)",
        Kind::TcpAckScan => "Firewall probe (ACK)",
        Kind::TcpBadFlags => "Malformed TCP packets",
        Kind::UdpScan => "UDP port scan",
        Kind::SctpScan => "SCTP port scan",
        Kind::IpProtocolScan => "IP protocol scan",
        Kind::PingSweep => "Ping sweep",
        Kind::HostSweep => "Host sweep",
        Kind::DistributedScan => "Port scan from many sources",
        Kind::OsFingerprint => "Operating system probe",
        Kind::BruteForce => "Log-in attempts",
        Kind::Worm => "Worm",
        Kind::SynFlood => "SYN flood",
        Kind::UdpFlood => "UDP flood",
        Kind::IcmpFlood => "ICMP flood",
        Kind::ReplyFlood => "Flood of answers",
        Kind::Land => "LAND attack",
        Kind::Smurf => "Smurf attack",
        Kind::Bogon => "Impossible source address",
        Kind::RogueDhcp => "Second DHCP server",
        Kind::RogueRa => "Second IPv6 router",
        Kind::Signature => "Known attack",
        Kind::Test => "Test alert",
    })
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

/// The tray's tooltip while it watches: the last attack, or that there was none.
#[must_use]
pub fn tooltip_watching(last: Option<&Alert>, new: usize, now: i64) -> String {
    let Some(alert) = last else {
        return "Wallwatch is watching. No attacks so far.".to_owned();
    };
    let mut text = if new > 0 {
        format!("{}. ", count(new as u64, "new alert", "new alerts"))
    } else {
        String::new()
    };
    _ = write!(text, "Last: {}", menu_line(alert, now));
    text
}

/// The tray's tooltip, and the window's line, while popups are paused. `until` is in microseconds since 1970, `i64::MAX` without end.
#[must_use]
pub fn paused(until: i64, now: i64) -> String {
    if until == i64::MAX {
        return "Popups are paused until you resume. History goes on.".to_owned();
    }
    // A time of day alone names the next one.
    let when = if until.saturating_sub(now) < DAY {
        time_of_day(until)
    } else {
        date_time(until)
    };
    format!("Popups are paused; they resume at {when}. History goes on.")
}

/// That only a part is watched, why, and what mends it.
#[must_use]
pub fn partly_watching(reason: &str, mend: &str) -> String {
    trouble("Watching only in part", reason, mend)
}

/// That nothing is watched, why, and what mends it.
#[must_use]
pub fn not_watching(reason: &str, mend: &str) -> String {
    trouble("Not watching", reason, mend)
}

/// What is wrong, why (a sentence, or empty), and what mends it (or empty).
fn trouble(what: &str, reason: &str, mend: &str) -> String {
    let mut text = if reason.is_empty() {
        format!("{what}.")
    } else {
        format!("{what}: {}", sanitize_sentences(reason))
    };
    if !mend.is_empty() {
        // Writing to a String cannot fail.
        _ = write!(text, " To mend it: {}", sanitize_sentences(mend));
    }
    text
}

/// The health of a source of events, on one line.
#[must_use]
pub fn source_line(source: &SourceHealth) -> String {
    let mut line = format!(
        "{:<8} {:<8} {}",
        sanitize(&source.name),
        sanitize(&source.state),
        count(source.events, "event", "events"),
    );
    // Writing to a String cannot fail.
    if source.lost > 0 {
        _ = write!(line, ", {} lost", number(source.lost));
    }
    if source.last_event > 0 {
        _ = write!(line, ", the last at {}", date_time(source.last_event));
    }
    if !source.reason.is_empty() {
        _ = write!(line, ". {}", sanitize_sentences(&source.reason));
    }
    if !source.mend.is_empty() {
        _ = write!(line, " To mend it: {}", sanitize_sentences(&source.mend));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Test) {
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
    fn a_pause_of_days_names_the_day() {
        let now = 1_763_769_600 * SECOND;
        assert!(paused(now + SECOND, now).contains(&format!("at {}.", time_of_day(now + SECOND))));
        assert!(paused(now + 2 * DAY, now).contains(&date_time(now + 2 * DAY)));
        assert!(paused(i64::MAX, now).contains("until you resume"));
    }

    #[test]
    fn trouble_is_told_in_sentences() {
        assert_eq!(not_watching("", ""), "Not watching.");
        assert_eq!(
            not_watching("nft is missing.", "sudo apt-get install nftables"),
            "Not watching: nft is missing. To mend it: sudo apt-get install nftables"
        );
        let long = format!("{}.", "A reason ".repeat(30).trim_end());
        assert!(not_watching(&long, "mend").ends_with(&format!("{long} To mend it: mend")));
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

    #[test]
    fn hostile_text_is_shown_harmless() {
        assert!(matches!(sanitize("DROP eth0"), Cow::Borrowed("DROP eth0")));
        assert_eq!(
            sanitize("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d"
        );
        assert_eq!(sanitize(&"x".repeat(10_000)).chars().count(), MAX_SHOWN + 1);
        assert_eq!(
            sanitize(&"\u{e9}".repeat(MAX_SHOWN)).chars().count(),
            MAX_SHOWN
        );
        assert_eq!(escape_markup("<b>&'\""), "&lt;b&gt;&amp;&#39;&quot;");
    }

    #[test]
    fn numbers_and_spans_are_as_people_say_them() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "port", "ports"), "1 port");
        assert_eq!(span(0), "less than a second");
        assert_eq!(span(119 * SECOND), "119 s");
        assert_eq!(span(120 * SECOND), "2 min");
        assert_eq!(span(-5), "less than a second");
        assert_eq!(ago(-5), "just now");
    }
}
