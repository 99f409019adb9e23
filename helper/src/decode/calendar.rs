//! Dates and times of day as log files write them, as seconds and microseconds.

use crate::event::Timestamp;

/// The months as syslog and ctime(3) write them.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The number of a month, from 1.
pub(super) fn month_of(name: &str) -> Option<i64> {
    (1_i64..)
        .zip(MONTHS)
        .find(|(_, month)| *month == name)
        .map(|(number, _)| number)
}

/// `Z`, `+01:00` or `-0330` in seconds.
pub(super) fn zone_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, digits_text) = zone.split_at_checked(1)?;
    let (hours, minutes) = digits_text.split_at_checked(2)?;
    let hours = digits(hours).filter(|hours| *hours < 24)?;
    let minutes =
        digits(minutes.strip_prefix(':').unwrap_or(minutes)).filter(|minutes| *minutes < 60)?;
    let seconds = hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?;
    if sign == "-" {
        seconds.checked_neg()
    } else {
        Some(seconds)
    }
}

/// `01:10:00` with or without a fraction, in microseconds of the day.
pub(super) fn clock_micros(clock: &str) -> Option<i64> {
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let mut part = |limit: i64| {
        parts
            .next()
            .filter(|text| text.len() == 2)
            .and_then(digits)
            .filter(|value| *value < limit)
    };
    // A leap second is 60.
    let (hours, minutes, seconds) = (part(24)?, part(60)?, part(61)?);
    if parts.next().is_some() {
        return None;
    }
    let seconds = hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?
        .checked_add(seconds)?;
    seconds
        .checked_mul(Timestamp::SECOND)?
        .checked_add(fraction_micros(fraction)?)
}

/// The digits behind a decimal point, in microseconds.
pub(super) fn fraction_micros(fraction: &str) -> Option<i64> {
    let shown = fraction.get(..fraction.len().min(6))?;
    let value = digits(fraction.get(..shown.len())?)?;
    fraction
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(())?;
    let missing = u32::try_from(shown.len())
        .ok()
        .and_then(|len| 6_u32.checked_sub(len))?;
    value.checked_mul(10_i64.checked_pow(missing)?)
}

/// A short decimal number, digits alone.
pub(super) fn digits(text: &str) -> Option<i64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse::<u32>().ok())
        .flatten()
        .map(i64::from)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` where there is no such date.
///
/// The algorithm counts years from March, so that the leap day is the last (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
pub(super) fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
    {
        return None;
    }
    let (year, month) = if month > 2 {
        (year, month.checked_sub(3)?)
    } else {
        (year.checked_sub(1)?, month.checked_add(9)?)
    };
    let leap_days = year
        .checked_div(4)?
        .checked_sub(year.checked_div(100)?)?
        .checked_add(year.checked_div(400)?)?;
    let month_days = month.checked_mul(153)?.checked_add(2)?.checked_div(5)?;
    // 719,469 days lie between 0000-02-29 and 1970-01-01.
    year.checked_mul(365)?
        .checked_add(leap_days)?
        .checked_add(month_days)?
        .checked_add(day)?
        .checked_sub(719_469)
}

/// The year that a day after 1970-01-01 lies in.
pub(super) fn year_of(days: i64) -> Option<i64> {
    // 400 years have 146,097 days; the estimate is at most one year off.
    let estimate = days
        .checked_mul(400)?
        .checked_div_euclid(146_097)?
        .checked_add(1970)?
        .max(1970);
    let next = estimate.checked_add(1)?;
    if days_of(next, 1, 1)? <= days {
        return Some(next);
    }
    if days_of(estimate, 1, 1)? <= days {
        Some(estimate)
    } else {
        estimate.checked_sub(1)
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
