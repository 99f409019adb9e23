//! What stands around the kernel's message in a log file: syslog headers and the kernel's own time stamp.

use super::Error;
use crate::event::Timestamp;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// When a line was written, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// By the wall clock.
    Wall(Timestamp),
    /// So many microseconds after the machine started.
    Boot(i64),
    /// Not told.
    None,
}

/// What a line leaves to its reader to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reference {
    /// Now: a stamp without a year is of the last year in which it is not later than tomorrow.
    pub now: Timestamp,
    /// Seconds by which the clock of stamps without a zone is ahead of UTC.
    pub utc_offset: i32,
}

/// A line of a log file without its dress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undressed<'a> {
    /// When it was written.
    pub stamp: Stamp,
    /// The kernel's message.
    pub message: &'a str,
}

/// Takes the dress off: a BSD or ISO 8601 syslog header of the kernel, the kernel's `[  123.456789]`, both, or none.
///
/// A line that another program wrote is refused, whatever it quotes.
pub fn undress(line: &str, reference: Reference) -> Result<Undressed<'_>, Error> {
    let line = line.trim_end_matches(['\r', '\n']);
    let header = bsd_stamp(line, reference).or_else(|| iso_stamp(line, reference));
    let Some((time, rest)) = header else {
        if let Some((boot, message)) = kernel_stamp(line) {
            return Ok(Undressed {
                stamp: Stamp::Boot(boot),
                message,
            });
        }
        // A dress that is not known holds a time of day, and who wrote the line cannot be told.
        let prefix = line.split("IN=").next().unwrap_or(line);
        let dressed = prefix
            .split(' ')
            .any(|word| word.len() >= 8 && clock_micros(word).is_some());
        return if dressed {
            Err(Error::NotKernel)
        } else {
            Ok(Undressed {
                stamp: Stamp::None,
                message: line,
            })
        };
    };
    let (_host, rest) = rest.split_once(' ').ok_or(Error::NotKernel)?;
    let message = rest
        .strip_prefix("kernel: ")
        .or_else(|| rest.strip_prefix("kernel[0]: "))
        .ok_or(Error::NotKernel)?;
    let message = kernel_stamp(message).map_or(message, |(_, message)| message);
    Ok(Undressed {
        stamp: Stamp::Wall(time),
        message,
    })
}

/// `[  123.456789] `: seconds since the machine started (kernel/printk/printk.c, `print_time`).
fn kernel_stamp(text: &str) -> Option<(i64, &str)> {
    let (stamp, rest) = text.strip_prefix('[')?.split_once(']')?;
    let (seconds, fraction) = stamp.trim_start_matches(' ').split_once('.')?;
    let seconds: i64 = digits(seconds)?;
    let micros = seconds
        .checked_mul(Timestamp::SECOND)?
        .checked_add(fraction_micros(fraction)?)?;
    Some((micros, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// `Nov 22 01:10:00 ` (RFC 3164 section 4.1.2).
fn bsd_stamp(line: &str, reference: Reference) -> Option<(Timestamp, &str)> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (name, rest) = line.split_at_checked(3)?;
    let month = (1_i64..).zip(MONTHS).find(|(_, month)| *month == name)?.0;
    let rest = rest.strip_prefix(' ')?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (day, rest) = rest.split_once(' ')?;
    let day = digits(day).filter(|day| (1..=31).contains(day))?;
    let (clock, rest) = rest.split_once(' ')?;
    let seconds = clock_micros(clock)?.checked_div(Timestamp::SECOND)?;
    let latest = reference
        .now
        .0
        .checked_div(Timestamp::SECOND)?
        .checked_add(DAY)?;
    let this_year = year_of(latest.checked_div_euclid(DAY)?)?;
    // The 29th of February may be eight years back, over 1900 or 2100.
    let time = (0..=8).find_map(|back| {
        let days = days_of(this_year.checked_sub(back)?, month, day)?;
        let time = days
            .checked_mul(DAY)?
            .checked_add(seconds)?
            .checked_sub(reference.utc_offset.into())?;
        (time <= latest).then_some(time)
    })?;
    Some((Timestamp(time.checked_mul(Timestamp::SECOND)?), rest))
}

/// `2026-11-22T01:10:00.123456+00:00 ` (RFC 5424 section 6.2.3).
fn iso_stamp(line: &str, reference: Reference) -> Option<(Timestamp, &str)> {
    let (stamp, rest) = line.split_once(' ')?;
    let (date, clock) = stamp.split_once('T')?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let days = days_of(digits(year)?, digits(month)?, digits(day)?)?;
    let (clock, offset) = match clock.find(['Z', '+', '-']) {
        Some(at) => (clock.get(..at)?, zone_seconds(clock.get(at..)?)?),
        None => (clock, reference.utc_offset.into()),
    };
    let midnight = days
        .checked_mul(DAY)?
        .checked_sub(offset)?
        .checked_mul(Timestamp::SECOND)?;
    Some((Timestamp(midnight.checked_add(clock_micros(clock)?)?), rest))
}

/// `Z`, `+01:00` or `-0330` in seconds.
fn zone_seconds(zone: &str) -> Option<i64> {
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
fn clock_micros(clock: &str) -> Option<i64> {
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
fn fraction_micros(fraction: &str) -> Option<i64> {
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
fn digits(text: &str) -> Option<i64> {
    super::fields::number::<u32>(text).map(i64::from)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` where there is no such date.
///
/// The algorithm counts years from March, so that the leap day is the last (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
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
fn year_of(days: i64) -> Option<i64> {
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
