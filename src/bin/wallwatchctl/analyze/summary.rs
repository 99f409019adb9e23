//! What a log tells as a whole: alerts by kind and by source, and what became of every line.

use std::{cmp::Reverse, collections::BTreeMap};

use wallwatch::text::{self, count, number};
use wallwatch_dbus::{Alert, Severity};
use wallwatch_helper::{
    decode,
    event::Timestamp,
    replay::{Counts, Tally},
};

use super::columns::{self, Cell, Column, Side};

/// So many sources are listed, and so many reasons.
const LISTED: usize = 10;
/// At most so many are counted; those with the fewest packets are forgotten first.
const COUNTED: usize = 4096;

/// What alerts of one kind, or one source, come to.
#[derive(Debug, Clone, Copy)]
struct Sum {
    alerts: u64,
    packets: u64,
    severity: Severity,
    /// Addresses besides the one that is named.
    others: u64,
}

impl Sum {
    const NOTHING: Self = Self {
        alerts: 0,
        packets: 0,
        severity: Severity::Info,
        others: 0,
    };

    fn add(&mut self, alert: &Alert) {
        self.alerts += 1;
        self.packets += alert.packets;
        self.severity = self.severity.max(alert.severity());
        self.others = self.others.max(alert.source_count.saturating_sub(1));
    }

    fn severity(&self) -> Cell {
        Cell::painted(
            self.severity.to_string(),
            text::terminal_colour(self.severity),
        )
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Summary {
    alerts: u64,
    by_severity: BTreeMap<Reverse<Severity>, u64>,
    by_kind: BTreeMap<String, Sum>,
    by_source: BTreeMap<String, Sum>,
    /// Were there more sources than are counted?
    has_forgotten: bool,
}

/// What is told besides the alerts.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// What became of the lines and frames.
    pub(super) counts: &'a Counts,
    /// Lines that were cut.
    pub(super) cut: u64,
    /// Lines that were left out because another file told the same, of so many files.
    pub(super) twins: (u64, usize),
    /// How many alerts the default settings give, where others were tried.
    pub(super) with_defaults: Option<u64>,
    /// When everything was read.
    pub(super) now: Timestamp,
}

impl Summary {
    /// Was nothing found?
    pub(super) const fn is_empty(&self) -> bool {
        self.alerts == 0
    }

    /// How severe the worst one is.
    pub(super) fn worst(&self) -> Option<Severity> {
        self.by_severity.keys().next().map(|severity| severity.0)
    }

    /// Takes one more alert in.
    pub(super) fn add(&mut self, alert: &Alert) {
        self.alerts += 1;
        *self
            .by_severity
            .entry(Reverse(alert.severity()))
            .or_default() += 1;
        let kind = text::what(alert).into_owned();
        self.by_kind.entry(kind).or_insert(Sum::NOTHING).add(alert);
        let source = alert.sources.first().cloned().unwrap_or_default();
        self.by_source
            .entry(source)
            .or_insert(Sum::NOTHING)
            .add(alert);
        if self.by_source.len() > COUNTED {
            self.forget();
        }
    }

    /// Forgets the half of the sources that sent the fewest packets.
    fn forget(&mut self) {
        let mut packets: Vec<u64> = self.by_source.values().map(|sum| sum.packets).collect();
        packets.sort_unstable();
        let least = packets[packets.len() / 2];
        let mut spare = packets.iter().filter(|packets| **packets == least).count() / 2;
        self.by_source.retain(|_, sum| {
            let keep = sum.packets > least || (sum.packets == least && spare > 0);
            spare = spare.saturating_sub(usize::from(keep && sum.packets == least));
            keep
        });
        self.has_forgotten = true;
    }

    /// The summary, behind the table of alerts.
    pub(super) fn lines(&self, facts: &Facts<'_>, colour: bool) -> Vec<String> {
        let mut lines = vec![self.found()];
        if self.alerts > 1 {
            lines.push(String::new());
            lines.extend(self.kinds(colour));
            lines.push(String::new());
            lines.extend(self.sources(colour));
        }
        lines.push(String::new());
        if let Some(defaults) = facts.with_defaults {
            lines.push(format!(
                "With these settings: {}; with the defaults: {}.",
                count(self.alerts, "alert", "alerts"),
                number(defaults)
            ));
        }
        lines.extend(packets(facts.counts));
        lines.extend(times(facts.counts, facts.now));
        lines.extend(twins(facts.twins));
        if facts.counts.flagless > 0 {
            lines.push(format!(
                "{} cut off before their flags; record with a snap length of at least 96 (tcpdump -s 96).",
                count(facts.counts.flagless, "packet is", "packets are")
            ));
        }
        if facts.cut > 0 {
            lines.push(format!(
                "{} longer than 8 KiB and cut.",
                count(facts.cut, "line was", "lines were")
            ));
        }
        let (text, frames) = (&facts.counts.lines, &facts.counts.frames);
        // A capture alone has no lines; an empty file has none of either.
        if text.total > 0 || frames.total == 0 {
            lines.extend(refused(text, facts.twins.0, "lines"));
        }
        if frames.total > 0 {
            lines.extend(refused(frames, 0, "frames"));
        }
        if text.total > 0 && text.refused_total() == text.total && frames.total == 0 {
            lines.push(
                "Is this the right file? Firewalls log to the journal, /var/log/kern.log, /var/log/messages or /var/log/ufw.log."
                    .to_owned(),
            );
        }
        lines
    }

    /// How many alerts there are, by how much they matter.
    fn found(&self) -> String {
        if self.alerts == 0 {
            return "No attacks found.".to_owned();
        }
        let parts: Vec<String> = self
            .by_severity
            .iter()
            .map(|(Reverse(severity), alerts)| format!("{} {severity}", number(*alerts)))
            .collect();
        format!(
            "{}: {}.",
            count(self.alerts, "alert", "alerts"),
            parts.join(", ")
        )
    }

    fn kinds(&self, colour: bool) -> Vec<String> {
        const COLUMNS: [Column; 3] = [
            ("ATTACK", Side::Left),
            ("ALERTS", Side::Right),
            ("PACKETS", Side::Right),
        ];
        let mut sums: Vec<(&String, &Sum)> = self.by_kind.iter().collect();
        sums.sort_by_key(|(_, sum)| Reverse((sum.alerts, sum.packets)));
        let rows: Vec<[Cell; 3]> = sums
            .into_iter()
            .map(|(kind, sum)| {
                [
                    Cell::plain(kind),
                    Cell::plain(number(sum.alerts)),
                    Cell::plain(number(sum.packets)),
                ]
            })
            .collect();
        table(&COLUMNS, &rows, colour)
    }

    fn sources(&self, colour: bool) -> Vec<String> {
        const COLUMNS: [Column; 4] = [
            ("SOURCE", Side::Left),
            ("SEVERITY", Side::Left),
            ("ALERTS", Side::Right),
            ("PACKETS", Side::Right),
        ];
        let mut sums: Vec<(&String, &Sum)> = self.by_source.iter().collect();
        sums.sort_by_key(|(_, sum)| Reverse((sum.packets, sum.severity)));
        let rows: Vec<[Cell; 4]> = sums
            .into_iter()
            .take(LISTED)
            .map(|(source, sum)| {
                let mut who = text::sanitize(source).into_owned();
                if sum.others > 0 {
                    who = format!("{who} and {} more", number(sum.others));
                }
                [
                    Cell::plain(who),
                    sum.severity(),
                    Cell::plain(number(sum.alerts)),
                    Cell::plain(number(sum.packets)),
                ]
            })
            .collect();
        let mut lines = table(&COLUMNS, &rows, colour);
        let others = self.by_source.len().saturating_sub(LISTED) as u64;
        if self.has_forgotten {
            lines.push("and many more with fewer packets".to_owned());
        } else if others > 0 {
            lines.push(format!("and {} more with fewer packets", number(others)));
        }
        lines
    }
}

fn table<const N: usize>(columns: &[Column; N], rows: &[[Cell; N]], colour: bool) -> Vec<String> {
    let widths = columns::widths(columns, rows);
    let rows = rows
        .iter()
        .map(|row| columns::line(columns, &widths, row, colour));
    [columns::head(columns, &widths, colour)]
        .into_iter()
        .chain(rows)
        .collect()
}

/// What became of the packets.
fn packets(counts: &Counts) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((first, last)) = counts.span {
        let (from, to) = (text::date_time(first.0), text::date_time(last.0));
        lines.push(if from == to {
            format!("At {from}, within a second.")
        } else {
            format!("From {from} to {to}: {}.", text::span(last.since(first)))
        });
    }
    if counts.events > 0 {
        let packets = count(counts.events, "packet", "packets");
        lines.push(match counts.harmless {
            0 => format!("{packets} came in."),
            1 => format!("{packets} came in; 1 of them was harmless."),
            n => format!("{packets} came in; {} of them were harmless.", number(n)),
        });
    }
    for (n, one, many) in [
        (
            counts.outbound,
            "packet was sent by this machine.",
            "packets were sent by this machine.",
        ),
        (
            counts.answers,
            "packet answered this machine.",
            "packets answered this machine.",
        ),
        (
            counts.others,
            "told of something else than an IP packet.",
            "told of something else than IP packets.",
        ),
    ] {
        if n > 0 {
            lines.push(count(n, one, many));
        }
    }
    lines
}

/// How many lines stood in more files than one.
fn twins((lines, files): (u64, usize)) -> Option<String> {
    let lines_stood = count(lines, "line", "lines");
    let files = if files == 2 { "two" } else { "several" };
    let was = if lines == 1 { "was" } else { "were" };
    (lines > 0).then(|| format!("{lines_stood} stood in {files} files and {was} taken once."))
}

/// Which times are not those of a clock.
fn times(counts: &Counts, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    let instead = if counts.span.is_none() {
        "the time of reading stands for it"
    } else {
        "that of what stands before stands for it, or that of reading"
    };
    let is_future = counts.latest_from_boot.is_some_and(|latest| latest > now);
    let boot = if is_future {
        "that of this one was taken and gives times yet to come, so they are of another"
    } else {
        "that of this one was taken"
    };
    for (tally, one, many) in [
        (&counts.lines, "line", "lines"),
        (&counts.frames, "frame", "frames"),
    ] {
        if tally.timeless > 0 {
            let (units, s) = (count(tally.timeless, one, many), third(tally.timeless));
            lines.push(format!("{units} tell{s} no time; {instead}."));
        }
        if tally.from_boot > 0 {
            let (units, s) = (count(tally.from_boot, one, many), third(tally.from_boot));
            lines.push(format!(
                "{units} count{s} from the start of a machine; {boot}."
            ));
        }
    }
    lines
}

/// How a verb ends behind so many.
const fn third(n: u64) -> &'static str {
    if n == 1 { "s" } else { "" }
}

/// How many lines or frames were no firewall events, and why; some more were left out.
fn refused(tally: &Tally, left_out: u64, units: &str) -> Vec<String> {
    let mut lines = vec![format!(
        "{} of {} {units} were not firewall events.",
        number(tally.refused_total()),
        number(tally.total + left_out)
    )];
    let mut reasons: Vec<(&decode::Error, u64)> = tally
        .refused
        .iter()
        .map(|(reason, n)| (reason, *n))
        .collect();
    reasons.sort_by_key(|(_, n)| Reverse(*n));
    let others: u64 = reasons.iter().skip(LISTED).map(|(_, n)| n).sum();
    let listed = reasons.into_iter().take(LISTED);
    let mut rows: Vec<(String, String)> = listed
        .map(|(reason, n)| (number(n), reason.to_string()))
        .collect();
    if others > 0 {
        rows.push((number(others), "for other reasons".to_owned()));
    }
    let widest = rows.iter().map(|(n, _)| n.len()).max().unwrap_or(0);
    lines.extend(
        rows.iter()
            .map(|(n, reason)| format!("  {n:>widest$}  {reason}")),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(source: u32, packets: u64) -> Alert {
        Alert {
            kind: "tcp-syn-scan".to_owned(),
            severity: 2,
            sources: vec![std::net::Ipv4Addr::from_bits(source).to_string()],
            source_count: 1,
            packets,
            ..Alert::default()
        }
    }

    fn told(summary: &Summary, counts: &Counts) -> String {
        let facts = Facts {
            counts,
            cut: 0,
            twins: (0, 1),
            with_defaults: None,
            now: Timestamp(0),
        };
        summary.lines(&facts, false).join("\n")
    }

    #[test]
    fn the_sources_with_most_packets_stay_among_any_number() {
        let mut summary = Summary::default();
        for n in 0..5 * u32::try_from(COUNTED).unwrap() {
            summary.add(&alert(
                n,
                if n % 4000 == 0 {
                    1000 + u64::from(n)
                } else {
                    3
                },
            ));
            assert!(summary.by_source.len() <= COUNTED);
        }
        let told = told(&summary, &Counts::default());
        for n in [0_u32, 4000, 8000, 12000, 16000, 20000] {
            let source = std::net::Ipv4Addr::from_bits(n).to_string();
            assert!(told.contains(&format!("{source} ")), "{source} in {told}");
        }
        assert!(told.starts_with("20,480 alerts: 20,480 low.\n"), "{told}");
        assert!(told.contains("and many more with fewer packets"));
    }

    #[test]
    fn lines_are_told_apart_by_why_they_were_refused() {
        let mut counts = Counts::default();
        counts.lines.total = 12_000;
        counts.lines.refused.insert(decode::Error::NotKernel, 3_400);
        counts.lines.refused.insert(decode::Error::Merged, 10);
        let told = told(&Summary::default(), &counts);
        assert_eq!(
            told,
            "No attacks found.\n\n3,410 of 12,000 lines were not firewall events.\n  \
             3,400  not written by the kernel\n     10  two lines in one"
        );
    }
}
