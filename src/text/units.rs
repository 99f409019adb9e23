//! Numbers, spans and times as people say them.

use jiff::{Timestamp, tz::TimeZone};

/// Microseconds in a second.
pub(super) const SECOND: i64 = 1_000_000;

/// Microseconds in a day.
pub(super) const DAY: i64 = 86_400 * SECOND;

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

/// A span of time, in microseconds, as people say it: "4 s", "5 min", "7 h 57 min", "2 days 3 h"; rounded, not cut.
#[must_use]
pub fn span(microseconds: i64) -> String {
    let rounded = |unit: i64| microseconds.saturating_add(unit / 2) / unit;
    let (seconds, minutes, hours) = (rounded(SECOND), rounded(60 * SECOND), rounded(DAY / 24));
    if microseconds < SECOND {
        "less than a second".to_owned()
    } else if seconds < 120 {
        format!("{seconds} s")
    } else if minutes < 120 {
        format!("{minutes} min")
    } else if minutes < 48 * 60 {
        two_units((minutes / 60, "h"), (minutes % 60, "min"))
    } else {
        two_units((hours / 24, "days"), (hours % 24, "h"))
    }
}

/// Two units of time; the smaller one is left out where there is none of it.
fn two_units((large, name): (i64, &str), (small, small_name): (i64, &str)) -> String {
    if small == 0 {
        format!("{large} {name}")
    } else {
        format!("{large} {name} {small} {small_name}")
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

/// A time in microseconds since 1970 as a local time, formatted as `strftime` would; beyond the calendar its last or first time.
fn local(time: i64, format: &str) -> String {
    let edge = if time < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    let time = Timestamp::from_microsecond(time).unwrap_or(edge);
    time.to_zoned(TimeZone::system())
        .strftime(format)
        .to_string()
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

/// A local time of day to the millisecond: "14:05:09.123".
#[must_use]
pub fn moment_of_day(time: i64) -> String {
    local(time, "%H:%M:%S%.3f")
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn spans_are_rounded_and_long_ones_told_in_two_units() {
        const MINUTE: i64 = 60 * SECOND;
        const HOUR: i64 = 60 * MINUTE;
        for (time, said) in [
            (SECOND - 1, "less than a second"),
            (3 * SECOND + 900_000, "4 s"),
            (119 * SECOND + 600_000, "2 min"),
            (5 * MINUTE + 31 * SECOND, "6 min"),
            (2 * HOUR - SECOND, "2 h"),
            (7 * HOUR + 57 * MINUTE, "7 h 57 min"),
            (13 * HOUR + 53 * MINUTE + 20 * SECOND, "13 h 53 min"),
            (48 * HOUR - SECOND, "2 days"),
            (51 * HOUR, "2 days 3 h"),
            (i64::MAX, "106751991 days 4 h"),
        ] {
            assert_eq!(span(time), said, "{time}");
        }
    }

    #[test]
    fn a_time_beyond_the_calendar_is_told_as_its_edge() {
        assert!(
            date_time(i64::MAX).starts_with("9999-12-"),
            "{}",
            date_time(i64::MAX)
        );
        assert!(
            date_time(i64::MIN).starts_with("-9999-01-")
                || date_time(i64::MIN).starts_with("-009999-01-"),
            "{}",
            date_time(i64::MIN)
        );
        assert_eq!(time_of_day(i64::MAX).len(), 5);
    }
}
