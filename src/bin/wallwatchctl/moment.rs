//! Times as people write them: how long ago, or a date and a time of this machine's clock.

use jiff::{Timestamp, civil, tz::TimeZone};
use wallwatch_helper::clock;

use crate::error::Error;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// What is told where a time is none.
const USAGE: &str =
    "write how long ago, as 90m, 12h or 7d, or a local time, as 2026-11-22 or \"2026-11-22 14:05\"";

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many microseconds before now.
    Ago(i64),
    /// Microseconds since 1970.
    At(i64),
}

impl Moment {
    /// The time in microseconds since 1970, where it is `now`. Never 0, which the helper takes for no time.
    fn at(self, now: i64) -> i64 {
        let time = match self {
            Self::Ago(span) => now.saturating_sub(span),
            Self::At(time) => time,
        };
        time.max(1)
    }
}

/// Reads a time.
pub(crate) fn read(text: &str) -> Result<Moment, String> {
    read_in(text, &TimeZone::system())
}

fn read_in(text: &str, zone: &TimeZone) -> Result<Moment, String> {
    if let Some(span) = span(text) {
        return Ok(Moment::Ago(span));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Moment::At(time.as_microsecond()));
    }
    let local = text
        .parse::<civil::DateTime>()
        .map_err(|_| USAGE.to_owned())?;
    let time = local.to_zoned(zone.clone()).map_err(|_| USAGE.to_owned())?;
    Ok(Moment::At(time.timestamp().as_microsecond()))
}

/// A number with s, m, h or d, in microseconds.
fn span(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(seconds * SECOND)
}

/// From one time to another, in microseconds since 1970; 0 where there is no bound.
pub(crate) fn stretch(from: Option<Moment>, to: Option<Moment>) -> Result<(i64, i64), Error> {
    let now = clock::now().0;
    let bound = |moment: Option<Moment>| moment.map_or(0, |moment| moment.at(now));
    let (from, to) = (bound(from), bound(to));
    if from != 0 && to != 0 && from >= to {
        return Err(Error::Usage(
            "the first time must be before the second: nothing is between them".to_owned(),
        ));
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 00:00 UTC, in microseconds.
    const DAY: i64 = 1_795_305_600 * SECOND;

    #[test]
    fn times_are_read_as_people_write_them() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let hour = 3600 * SECOND;
        for (text, expected) in [
            ("90s", Moment::Ago(90 * SECOND)),
            ("12h", Moment::Ago(12 * hour)),
            ("7d", Moment::Ago(7 * 24 * hour)),
            ("2026-11-22", Moment::At(DAY - hour)),
            ("2026-11-22 14:05", Moment::At(DAY + 13 * hour + hour / 12)),
            (
                "2026-11-22T14:05:09",
                Moment::At(DAY + 13 * hour + 309 * SECOND),
            ),
            ("2026-11-22T14:00:00Z", Moment::At(DAY + 14 * hour)),
        ] {
            assert_eq!(read_in(text, &zone), Ok(expected), "{text}");
        }
        for wrong in [
            "",
            "7",
            "d",
            "-1d",
            "7w",
            "99999999999999d",
            "2026-13-01",
            "14:05",
            "soon",
            "\u{661}d",
            "\u{e9}",
        ] {
            assert!(read_in(wrong, &zone).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_before_everything_is_still_a_bound() {
        assert_eq!(Moment::Ago(i64::MAX).at(DAY), 1);
        assert_eq!(Moment::Ago(SECOND).at(DAY), DAY - SECOND);
        assert!(stretch(Some(Moment::At(5)), Some(Moment::At(5))).is_err());
        assert!(matches!(stretch(None, Some(Moment::At(5))), Ok((0, 5))));
    }
}
