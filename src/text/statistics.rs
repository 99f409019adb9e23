//! Counts in words: a table with a bar for each stretch of time, the most frequent of each sort, and what was harmless.

use wallwatch_dbus::{Kind, NoiseCount, Severity, Statistics};

use super::{
    count, date_time, number, sanitize, sanitize_sentences, span,
    units::{DAY, SECOND},
};

/// Bars are at least so wide where anything is to be seen, and at most so wide.
const BAR: std::ops::RangeInclusive<usize> = 10..=60;
/// Blanks between two columns.
const GAP: &str = "  ";

/// The counts as lines; those with bars are no wider than so many columns of a terminal, where it has forty.
#[must_use]
pub fn statistics(statistics: &Statistics, width: usize) -> Vec<String> {
    let alerts: u64 = sum(&statistics.alerts);
    let stretch = format!(
        "From {} to {}",
        date_time(statistics.from),
        date_time(statistics.to)
    );
    let mut lines = Vec::new();
    if alerts == 0 {
        lines.push(format!("{stretch}: no alerts."));
    } else {
        lines.push(format!(
            "{stretch}: {}, of {}.",
            count(alerts, "alert", "alerts"),
            count(sum(&statistics.packets), "packet", "packets")
        ));
        lines.push(severities(&statistics.severities));
        lines.push(String::new());
        lines.extend(buckets(statistics, width));
    }
    let kinds: Vec<_> = statistics
        .kinds
        .iter()
        .map(|(kind, n)| (kind_title(kind), *n))
        .collect();
    lines.extend(most("Attacks", &kinds));
    lines.extend(most("Sources", &statistics.sources));
    lines.extend(most("Networks", &statistics.networks));
    lines.extend(most("Attacked ports", &statistics.ports));
    lines.extend(most("Harmless packets", &statistics.noise));
    lines
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().fold(0, |sum, n| sum.saturating_add(*n))
}

/// A kind by its name; one that this version does not know by its word.
fn kind_title(kind: &str) -> String {
    let known: Option<Kind> = kind.parse().ok();
    known.map_or_else(|| kind.to_owned(), |kind| kind.title().to_owned())
}

/// How many there are of each severity, the worst first.
fn severities(counts: &[u64]) -> String {
    let mut words: Vec<String> = Severity::ALL
        .iter()
        .zip(counts)
        .filter(|(_, n)| **n > 0)
        .map(|(severity, n)| format!("{} {severity}", number(*n)))
        .collect();
    words.reverse();
    format!("{}.", words.join(", "))
}

/// A line for each stretch of time: when it begins, how many alerts began in it as a bar and a number, and their packets.
fn buckets(statistics: &Statistics, width: usize) -> Vec<String> {
    let bucket = statistics.bucket_width.max(1);
    let when = |at: usize| {
        let offset = i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(bucket);
        let time = date_time(statistics.from.saturating_add(offset));
        // As much of it as tells one stretch from the next.
        let shown = if bucket >= DAY {
            time.get(..10)
        } else if bucket >= 60 * SECOND {
            time.get(..16)
        } else {
            None
        };
        shown.unwrap_or(&time).to_owned()
    };
    let numbers: Vec<[String; 2]> = statistics
        .alerts
        .iter()
        .enumerate()
        .map(|(at, n)| {
            let packets = statistics.packets.get(at).copied().unwrap_or_default();
            [number(*n), number(packets)]
        })
        .collect();
    let widest = |column: usize, head: &str| {
        let cells = numbers.iter().map(|row| row[column].len());
        cells.chain([head.len()]).max().unwrap_or(0)
    };
    let (alerts, packets) = (widest(0, "ALERTS"), widest(1, "PACKETS"));
    let time = when(0).len();
    let room = width.saturating_sub(time + alerts + packets + 3 * GAP.len());
    let room = room.clamp(*BAR.start(), *BAR.end());
    let most = statistics.alerts.iter().copied().max().unwrap_or(0);
    let mut lines = vec![format!(
        "{:<time$}{GAP}{:>alerts$}{GAP}{:>packets$}{GAP}EACH {}",
        "BEGAN",
        "ALERTS",
        "PACKETS",
        span(bucket).to_uppercase()
    )];
    for (at, ([n, of_packets], alerts_of)) in numbers.iter().zip(&statistics.alerts).enumerate() {
        let line = format!(
            "{:<time$}{GAP}{n:>alerts$}{GAP}{of_packets:>packets$}{GAP}{}",
            when(at),
            bar(*alerts_of, most, room)
        );
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// A bar for `n`, where `most` is `room` wide. What is there is seen, however little it is.
fn bar(n: u64, most: u64, room: usize) -> String {
    if n == 0 || most == 0 {
        return String::new();
    }
    let wide = u128::from(n) * room as u128 / u128::from(most);
    "#".repeat(usize::try_from(wide).unwrap_or(room).clamp(1, room))
}

/// The most frequent of something, below its name; nothing where there is none.
fn most(name: &str, counts: &[(String, u64)]) -> Vec<String> {
    if counts.is_empty() {
        return Vec::new();
    }
    let numbers = counts.iter().map(|(_, n)| number(*n).len());
    let column = numbers.max().unwrap_or(0);
    let rows = counts
        .iter()
        .map(|(what, n)| format!("{GAP}{:>column$}{GAP}{}", number(*n), sanitize(what)));
    [String::new(), format!("{name}:")]
        .into_iter()
        .chain(rows)
        .collect()
}

/// What was harmless of one class: how many packets, when, and the late example in words.
#[must_use]
pub fn noise_lines(noise: &NoiseCount) -> Vec<String> {
    let packets = count(noise.packets, "packet", "packets");
    let (first, last) = (date_time(noise.first_seen), date_time(noise.last_seen));
    let when = if first == last {
        format!("at {first}")
    } else {
        format!("from {first} to {last}")
    };
    let mut lines = vec![format!("{}: {packets}, {when}", sanitize(&noise.class))];
    if !noise.example.is_empty() {
        let by = match (noise.source.as_str(), noise.feed.as_str()) {
            ("", "") => String::new(),
            (source, "") => format!(" ({})", sanitize(source)),
            ("", feed) => format!(" (told by {})", sanitize(feed)),
            (source, feed) => format!(" ({}, told by {})", sanitize(source), sanitize(feed)),
        };
        lines.push(format!("{GAP}{}{by}", sanitize_sentences(&noise.example)));
    }
    lines
}

/// That there may be alerts before those that are shown, and how to see them.
#[must_use]
pub fn older_alerts(before_seq: u64) -> String {
    format!("There may be older ones: wallwatchctl alerts --before {before_seq}")
}

/// Whether what was before a time (microseconds since 1970; 0 is all) shall really be forgotten.
#[must_use]
pub fn forget_question(before: i64) -> String {
    let what = if before == 0 {
        "every alert".to_owned()
    } else {
        format!("the alerts from before {}", date_time(before))
    };
    format!("Forget {what}, for everybody on this machine and for good? [y/N] ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Statistics {
        Statistics {
            from: 1_795_305_600 * SECOND,
            to: (1_795_305_600 + 4 * 3600) * SECOND,
            bucket_width: 3600 * SECOND,
            alerts: vec![1, 0, 1000, 3],
            packets: vec![5, 0, 1_234_567, 9],
            severities: vec![0, 1, 1000, 0, 3],
            kinds: vec![
                ("tcp-syn-scan".to_owned(), 1001),
                ("quantum\u{1b}[2J".to_owned(), 3),
            ],
            sources: vec![("192.0.2.7".to_owned(), 1004)],
            networks: vec![("192.0.2.0/24".to_owned(), 1004)],
            ports: vec![("22/tcp".to_owned(), 7)],
            noise: vec![("discovery".to_owned(), 99)],
        }
    }

    #[test]
    fn each_stretch_of_time_has_a_bar_as_long_as_its_alerts_are_many() {
        let lines = statistics(&counted(), 80);
        assert!(
            lines[0].ends_with(": 1,004 alerts, of 1,234,581 packets."),
            "{lines:?}"
        );
        assert_eq!(lines[1], "3 critical, 1,000 medium, 1 low.");
        let bars: Vec<usize> = lines[4..8]
            .iter()
            .map(|line| line.matches('#').count())
            .collect();
        assert_eq!(bars[1], 0);
        assert!(bars[0] == 1 && bars[3] == 1 && bars[2] > 30, "{lines:#?}");
        assert!(
            lines[3..].iter().all(|line| line.chars().count() <= 80),
            "{lines:#?}"
        );
        assert!(lines[3].ends_with("EACH 60 MIN"), "{}", lines[3]);
    }

    #[test]
    fn the_most_frequent_stand_below_their_names() {
        let text = statistics(&counted(), 80).join("\n");
        for part in [
            "\n\nAttacks:\n  1,001  Port scan (SYN)\n      3  quantum\u{fffd}[2J",
            "\n\nSources:\n  1,004  192.0.2.7",
            "\n\nAttacked ports:\n  7  22/tcp",
            "\n\nHarmless packets:\n  99  discovery",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn where_there_is_nothing_it_is_said() {
        let empty = Statistics {
            alerts: vec![0; 24],
            packets: vec![0; 24],
            severities: vec![0; 5],
            ..Statistics::default()
        };
        let lines = statistics(&empty, 80);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with(": no alerts."), "{lines:?}");
    }

    #[test]
    fn what_cannot_be_is_no_panic() {
        let odd = Statistics {
            from: i64::MAX,
            to: i64::MIN,
            bucket_width: i64::MIN,
            alerts: vec![u64::MAX; 3],
            packets: Vec::new(),
            ..Statistics::default()
        };
        for width in [0, 1, 80, 1000] {
            assert_eq!(statistics(&odd, width).len(), 7);
        }
    }

    #[test]
    fn an_example_is_told_with_who_sent_it_and_who_told() {
        let noise = NoiseCount {
            class: "discovery".to_owned(),
            packets: 1,
            source: "192.0.2.7".to_owned(),
            feed: "nflog".to_owned(),
            example: "It looks for printers.\u{202e}".to_owned(),
            ..NoiseCount::default()
        };
        let lines = noise_lines(&noise);
        assert!(
            lines[0].starts_with("discovery: 1 packet, at 1970-01-01"),
            "{lines:?}"
        );
        assert_eq!(
            lines[1],
            "  It looks for printers.\u{fffd} (192.0.2.7, told by nflog)"
        );
    }
}
