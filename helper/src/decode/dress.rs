//! What stands around the kernel's message in a log file: syslog headers and the kernel's own time stamp.

use super::{
    Error, Stamp, Zone,
    calendar::{clock_micros, days_of, digits, fraction_micros, month_of, year_of, zone_seconds},
};
use crate::event::Timestamp;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What a line leaves to its reader to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// Now: a stamp without a year is of the last year in which it is not later than tomorrow.
    pub now: Timestamp,
    /// The clock of stamps without a zone.
    pub zone: Zone,
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
pub fn undress<'a>(line: &'a str, reference: &Reference) -> Result<Undressed<'a>, Error> {
    let line = line.trim_end_matches(['\r', '\n']);
    let header = bsd_stamp(line, reference).or_else(|| iso_stamp(line, reference));
    let Some((time, rest)) = header else {
        if let Some((boot, message)) = kernel_stamp(line) {
            return Ok(Undressed {
                stamp: Stamp::Boot(boot),
                message,
            });
        }
        if let Some((time, message)) = ctime_stamp(line, reference) {
            return Ok(Undressed {
                stamp: Stamp::Wall(time),
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

/// `Nov 22 01:10:00 `: month, day and the microseconds of the day (RFC 3164 section 4.1.2).
fn month_and_day(text: &str) -> Option<(i64, i64, i64, &str)> {
    let (name, rest) = text.split_at_checked(3)?;
    let month = month_of(name)?;
    let rest = rest.strip_prefix(' ')?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (day, rest) = rest.split_once(' ')?;
    let (clock, rest) = rest.split_once(' ')?;
    Some((month, digits(day)?, clock_micros(clock)?, rest))
}

/// Microseconds since 1970 of a time by a clock that is `utc_offset` seconds ahead of UTC.
fn local_time(days: i64, micros: i64, reference: &Reference) -> Option<Timestamp> {
    let local = days
        .checked_mul(DAY)?
        .checked_mul(Timestamp::SECOND)?
        .checked_add(micros)?;
    let offset = reference
        .zone
        .offset_at(local.checked_div_euclid(Timestamp::SECOND)?);
    Some(Timestamp(
        local.checked_sub(offset.checked_mul(Timestamp::SECOND)?)?,
    ))
}

/// `Nov 22 01:10:00 `, in the last year in which that was.
fn bsd_stamp<'a>(line: &'a str, reference: &Reference) -> Option<(Timestamp, &'a str)> {
    let (month, day, micros, rest) = month_and_day(line)?;
    let latest = reference.now.plus(DAY.checked_mul(Timestamp::SECOND)?);
    let this_year = year_of(
        latest
            .0
            .checked_div_euclid(Timestamp::SECOND)?
            .checked_div_euclid(DAY)?,
    )?;
    // The 29th of February may be eight years back, over 1900 or 2100.
    let time = (0..=8).find_map(|back| {
        let days = days_of(this_year.checked_sub(back)?, month, day)?;
        local_time(days, micros, reference).filter(|time| *time <= latest)
    })?;
    Some((time, rest))
}

/// `[Sun Nov 22 01:10:00 2026] `, as `dmesg -T` writes it.
fn ctime_stamp<'a>(line: &'a str, reference: &Reference) -> Option<(Timestamp, &'a str)> {
    let (stamp, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let (weekday, stamp) = stamp.split_once(' ')?;
    let (month, day, micros, year) = month_and_day(stamp)?;
    let time = local_time(days_of(digits(year)?, month, day)?, micros, reference)?;
    (weekday.len() == 3).then_some((time, rest))
}

/// `2026-11-22T01:10:00.123456+00:00 ` (RFC 5424 section 6.2.3).
fn iso_stamp<'a>(line: &'a str, reference: &Reference) -> Option<(Timestamp, &'a str)> {
    let (stamp, rest) = line.split_once(' ')?;
    let (date, clock) = stamp.split_once('T')?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let days = days_of(digits(year)?, digits(month)?, digits(day)?)?;
    let Some(at) = clock.find(['Z', '+', '-']) else {
        let time = local_time(days, clock_micros(clock)?, reference)?;
        return Some((time, rest));
    };
    let (clock, offset) = (clock.get(..at)?, zone_seconds(clock.get(at..)?)?);
    let midnight = days
        .checked_mul(DAY)?
        .checked_sub(offset)?
        .checked_mul(Timestamp::SECOND)?;
    Some((Timestamp(midnight.checked_add(clock_micros(clock)?)?), rest))
}
