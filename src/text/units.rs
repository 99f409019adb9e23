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
}
