//! What a log tells as a whole: alerts by kind and by source, before the fates of all lines.

use std::{cmp::Reverse, collections::BTreeMap};

use wallwatch::text::{self, count, number};
use wallwatch_dbus::{Alert, Severity};

use super::{
    columns::{self, Cell, Column, Side},
    fates::{self, Facts},
};

/// So many sources are listed.
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
        lines.extend(fates::lines(facts));
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

#[cfg(test)]
mod tests {
    use wallwatch_helper::{event::Timestamp, replay::Counts};

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
            noise: &[],
            cut: 0,
            twins: (0, 1),
            undirected: 0,
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
}
