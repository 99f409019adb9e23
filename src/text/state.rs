//! The state of the watch in words: watching, paused, not watching and why, and the health of a source.

use std::fmt::Write as _;

use wallwatch_dbus::{Alert, SourceHealth};

use super::{
    count, date_time, menu_line, number, sanitize, sanitize_sentences, time_of_day, units::DAY,
};

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

/// That the helper let this session see alerts and does not now. Nothing tells which of the two it is.
pub const WAITING: &str =
    "Another user's session is in front, or this one may not see alerts any more: alerts wait.";

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
    if source.counted > 0 {
        _ = write!(line, ", {} more counted", number(source.counted));
    }
    if source.rate > 0 {
        _ = write!(line, ", {} a minute", number(source.rate));
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
    use crate::text::units::SECOND;

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
}
