//! Alerts as a table for people, which fits the terminal.

use std::io::{self, IsTerminal as _};

use wallwatch::text;
use wallwatch_dbus::Alert;

use super::columns::{self, Cell, Column, Side, total, width, widths};
use crate::print::Printer;

/// What is told of an alert.
const COLUMNS: [Column; 8] = [
    ("FIRST SEEN", Side::Left),
    ("SEVERITY", Side::Left),
    ("ATTACK", Side::Left),
    ("TOOL", Side::Left),
    ("SOURCE", Side::Left),
    ("PACKETS", Side::Right),
    ("VERDICT", Side::Left),
    ("PORTS", Side::Left),
];
/// Its year and its seconds are left out first where the terminal is narrow,
const FIRST_SEEN: usize = 0;
/// then these columns,
const SPARED: [usize; 2] = [VERDICT, TOOL];
const VERDICT: usize = 6;
const TOOL: usize = 3;
/// and what does not fit of this one.
const PORTS: usize = 7;
/// But so much of it is shown,
const LEAST_PORTS: usize = 12;
/// and no more than this: all ports are in the JSON.
const MOST_PORTS: usize = 60;
/// More ports than these are counted for the reader.
const MANY_PORTS: u64 = 5;
/// The widths of the columns are those of so many alerts.
const MEASURED: usize = 200;

/// What the terminal asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    /// Are colours wanted?
    pub(super) colour: bool,
    /// How wide it is; `None` where the lines go somewhere else.
    pub(super) width: Option<usize>,
    /// Are words wanted around the alerts: heads and a summary?
    pub(super) words: bool,
}

impl Look {
    /// What the printer and the terminal want.
    pub(super) fn of(printer: &Printer) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let width = console::Term::stdout().size_checked();
        Self {
            colour: printer.colour(),
            width: width
                .filter(|_| is_terminal)
                .map(|(_, columns)| columns.into()),
            words: !printer.quiet(),
        }
    }
}

/// The table. The first rows wait until it is known how wide the columns must be.
#[derive(Debug)]
pub(super) struct Table {
    look: Look,
    waiting: Vec<[Cell; 8]>,
    widths: Option<[usize; 8]>,
    /// Is the time told without year and seconds?
    short: bool,
}

impl Table {
    /// An empty table.
    pub(super) const fn new(look: Look) -> Self {
        Self {
            look,
            waiting: Vec::new(),
            widths: None,
            short: false,
        }
    }

    /// Adds an alert; writes what can be written.
    pub(super) fn add(&mut self, alert: &Alert, out: &mut Vec<u8>) {
        let row = cells(alert);
        if self.widths.is_some() {
            self.write(row, out);
        } else {
            self.waiting.push(row);
            if self.waiting.len() >= MEASURED {
                self.end(out);
            }
        }
    }

    /// Writes what waits.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if self.waiting.is_empty() {
            return;
        }
        let widths = self.fit();
        if self.look.words {
            push(out, &columns::head(&COLUMNS, &widths, self.look.colour));
        }
        for row in std::mem::take(&mut self.waiting) {
            self.write(row, out);
        }
    }

    /// Makes the columns as wide as the terminal allows.
    fn fit(&mut self) -> [usize; 8] {
        let mut widths = widths(&COLUMNS, &self.waiting);
        for (at, width) in widths.iter_mut().enumerate() {
            if self.waiting.iter().all(|row| row[at].text.is_empty()) {
                *width = 0;
            }
        }
        let ports = widths[PORTS].min(MOST_PORTS);
        widths[PORTS] = ports;
        if let Some(terminal) = self.look.width {
            widths[PORTS] = ports.min(LEAST_PORTS);
            if total(&widths) > terminal {
                self.short = true;
                widths[FIRST_SEEN] = SHORT_TIME.len();
            }
            for column in SPARED {
                if total(&widths) > terminal {
                    widths[column] = 0;
                }
            }
            let room = terminal.saturating_sub(total(&widths));
            widths[PORTS] = ports.min(widths[PORTS] + room);
        }
        self.widths = Some(widths);
        widths
    }

    fn write(&self, mut row: [Cell; 8], out: &mut Vec<u8>) {
        let Some(widths) = self.widths else { return };
        if self.short {
            let time = &mut row[FIRST_SEEN].text;
            *time = time.get(SHORT_TIME).unwrap_or_default().to_owned();
        }
        let ports = &mut row[PORTS].text;
        *ports = cut(ports, widths[PORTS]);
        push(
            out,
            &columns::line(&COLUMNS, &widths, &row, self.look.colour),
        );
    }
}

/// Of `2026-11-22 14:05:09` what a narrow terminal shows.
const SHORT_TIME: std::ops::Range<usize> = 5..16;

/// What is told of an alert. Only an address is longer than a terminal is wide, and never cut.
fn cells(alert: &Alert) -> [Cell; 8] {
    let severity = alert.severity();
    [
        Cell::plain(text::date_time(alert.first_seen)),
        Cell::painted(severity.to_string(), text::terminal_colour(severity)),
        Cell::plain(text::what(alert)),
        Cell::plain(text::sanitize(&alert.tool)),
        Cell::plain(text::who(alert)),
        Cell::plain(text::number(alert.packets)),
        Cell::plain(text::sanitize(&alert.verdict)),
        Cell::plain(ports(alert)),
    ]
}

/// The ports, behind their number where that is not seen at once.
fn ports(alert: &Alert) -> String {
    let ports = text::sanitize(&alert.ports);
    if alert.port_count > MANY_PORTS {
        format!("{}: {ports}", text::number(alert.port_count))
    } else {
        ports.into_owned()
    }
}

/// A list of ports, cut between two of them where it is too long.
fn cut(ports: &str, room: usize) -> String {
    if width(ports) <= room {
        return ports.to_owned();
    }
    let fitting: String = ports.chars().take(room.saturating_sub(1)).collect();
    let whole = fitting
        .rfind(',')
        .map_or(fitting.as_str(), |at| &fitting[..=at]);
    format!("{whole}\u{2026}")
}

fn push(out: &mut Vec<u8>, line: &str) {
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(source: &str) -> Alert {
        Alert {
            kind: "tcp-syn-scan".to_owned(),
            severity: 3,
            sources: vec![source.to_owned()],
            source_count: 1,
            port_count: 20,
            ports: (1..=20)
                .map(|n| (n * 100).to_string())
                .collect::<Vec<_>>()
                .join(","),
            verdict: "dropped".to_owned(),
            packets: 1234,
            tool: "nmap".to_owned(),
            ..Alert::default()
        }
    }

    fn table(width: Option<usize>, sources: &[&str]) -> Vec<String> {
        let look = Look {
            colour: false,
            width,
            words: true,
        };
        let (mut table, mut out) = (Table::new(look), Vec::new());
        for source in sources {
            table.add(&alert(source), &mut out);
        }
        table.end(&mut out);
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_table_is_no_wider_than_the_terminal_and_cuts_between_ports() {
        for terminal in 80..200 {
            let lines = table(Some(terminal), &["203.0.113.9"]);
            assert_eq!(lines.len(), 2);
            for line in &lines {
                assert!(width(line) <= terminal, "{terminal}: {line}");
            }
            assert!(
                lines[1].ends_with(",\u{2026}") || lines[1].ends_with("2000"),
                "{}",
                lines[1]
            );
        }
        let narrow = table(Some(80), &["203.0.113.9"]);
        assert!(
            !narrow[0].contains("VERDICT") && narrow[1].starts_with("01-01 "),
            "{narrow:?}"
        );
    }

    #[test]
    fn a_time_beyond_the_calendar_keeps_its_column() {
        let look = Look {
            width: Some(80),
            words: true,
            ..Look::default()
        };
        let (mut table, mut out) = (Table::new(look), Vec::new());
        table.add(
            &Alert {
                first_seen: i64::MAX,
                ..alert("203.0.113.9")
            },
            &mut out,
        );
        table.end(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("FIRST SEEN   SEVERITY") && text.contains("\n12-3"),
            "{text}"
        );
    }

    #[test]
    fn what_goes_elsewhere_stands_in_columns_too() {
        let lines = table(
            None,
            &["2001:db8:1234:5678:9abc:def0:1234:5678", "203.0.113.9"],
        );
        let at = lines[0].find("PACKETS").unwrap() + "PACKETS".len();
        for line in &lines[1..] {
            assert!(
                line[..at].ends_with(" 1,234") && line.ends_with(",1200,\u{2026}"),
                "{line}"
            );
        }
        assert!(lines[1].contains("2001:db8:1234:5678:9abc:def0:1234:5678"));
    }

    #[test]
    fn rows_beyond_those_that_were_measured_are_written_at_once() {
        let sources = vec!["203.0.113.9"; MEASURED + 5];
        assert_eq!(table(Some(100), &sources).len(), MEASURED + 6);
    }
}
