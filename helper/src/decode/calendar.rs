//! Dates and times of day as log files write them, as seconds and microseconds.

use crate::event::Timestamp;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// The number of a month, from 1, by its name in syslog and ctime(3).
pub(super) const fn month_of(name: [u8; 3]) -> Option<i64> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// Is this the name of a day of the week, as ctime(3) writes it?
pub(super) const fn is_weekday(name: [u8; 3]) -> bool {
    matches!(
        &name,
        b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun"
    )
}

/// The value of a digit.
pub(super) const fn digit(byte: u8) -> Option<i64> {
    let value = byte.wrapping_sub(b'0');
    if value < 10 { Some(value as i64) } else { None }
}

/// The value of two digits.
pub(super) fn two_digits(tens: u8, units: u8) -> Option<i64> {
    digit(tens)?.checked_mul(10)?.checked_add(digit(units)?)
}

/// The number that a text begins with, of at most 18 digits, and the text behind.
pub(super) fn leading_number(text: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = digit(*text.first()?)?;
    let mut rest = text.get(1..)?;
    // Eighteen digits cannot overflow.
    for _ in 1..18 {
        let [next, behind @ ..] = rest else {
            break;
        };
        let Some(next) = digit(*next) else {
            return Some((value, rest));
        };
        value = value.wrapping_mul(10).wrapping_add(next);
        rest = behind;
    }
    match rest.first() {
        Some(next) if next.is_ascii_digit() => None,
        _ => Some((value, rest)),
    }
}

/// The digits behind a decimal point in microseconds, and the text behind; what is finer is left out.
pub(super) fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    if let Some((six, rest)) = text.split_first_chunk::<6>()
        && let Some(micros) = six_digits(*six)
        && !rest.first().is_some_and(u8::is_ascii_digit)
    {
        return Some((micros, rest));
    }
    digit(*text.first()?)?;
    let mut micros = 0_i64;
    let mut worth = Timestamp::SECOND;
    let mut rest = text;
    // Nanoseconds are the finest that anybody writes.
    for _ in 0..9 {
        let Some((value, behind)) = rest
            .split_first()
            .and_then(|(next, behind)| Some((digit(*next)?, behind)))
        else {
            break;
        };
        worth = worth.wrapping_div(10);
        micros = micros.wrapping_add(value.wrapping_mul(worth));
        rest = behind;
    }
    Some((micros, rest))
}

/// The value of six digits.
pub(super) fn six_digits(digits: [u8; 6]) -> Option<i64> {
    let mut value = 0_i64;
    let mut sound = true;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        sound &= digit < 10;
        value = value.wrapping_mul(10).wrapping_add(digit.into());
    }
    sound.then_some(value)
}

/// `01:10:00`, with or without a fraction behind a point or a comma, in microseconds of the day; and the text behind.
pub(super) fn clock(text: &[u8]) -> Option<(i64, &[u8])> {
    let (clock, rest) = text.split_first_chunk()?;
    let micros = seconds_of_day(*clock)?.wrapping_mul(Timestamp::SECOND);
    match rest {
        [b'.' | b',', behind @ ..] => {
            let (part, rest) = fraction(behind)?;
            Some((micros.wrapping_add(part), rest))
        }
        _ => Some((micros, rest)),
    }
}

/// `01:10:00` in seconds; its eight bytes are looked at as one number.
pub(super) fn seconds_of_day(clock: [u8; 8]) -> Option<i64> {
    // Digits become their values and colons 0.
    let values = u64::from_be_bytes(clock) ^ u64::from_be_bytes(*b"00:00:00");
    // Of a byte that is none of these the highest bit is set, or becomes so: 9 and 0x76 are 0x7f, and so are 0 and 0x7f.
    let over = values.wrapping_add(0x7676_7f76_767f_7676);
    if (values | over) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let [h1, h2, _, m1, m2, _, s1, s2] = values.to_be_bytes().map(i64::from);
    let two = |tens: i64, units: i64| tens.wrapping_mul(10).wrapping_add(units);
    let (hours, minutes, seconds) = (two(h1, h2), two(m1, m2), two(s1, s2));
    // A leap second is 60.
    (hours < 24 && minutes < 60 && seconds <= 60).then(|| {
        hours
            .wrapping_mul(3600)
            .wrapping_add(minutes.wrapping_mul(60))
            .wrapping_add(seconds)
    })
}

/// `Z`, `+01:00`, `-0330` or `+01` in seconds, and the text behind.
pub(super) fn utc_offset(text: &[u8]) -> Option<(i64, &[u8])> {
    let (sign, text) = match text {
        [b'Z', rest @ ..] => return Some((0, rest)),
        [b'+', rest @ ..] => (1_i64, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let [h1, h2, rest @ ..] = text else {
        return None;
    };
    let hours = two_digits(*h1, *h2).filter(|hours| *hours < 24)?;
    let (minutes, rest) = match rest {
        [b':', m1, m2, rest @ ..] => (two_digits(*m1, *m2)?, rest),
        [m1, m2, rest @ ..] if m1.is_ascii_digit() => (two_digits(*m1, *m2)?, rest),
        _ => (0, rest),
    };
    if minutes > 59 {
        return None;
    }
    let seconds = hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?;
    Some((seconds.checked_mul(sign)?, rest))
}

/// `2026-11-22` in days since 1970-01-01.
pub(super) fn date(text: [u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    let year = two_digits(y1, y2)?
        .checked_mul(100)?
        .checked_add(two_digits(y3, y4)?)?;
    days_of(year, two_digits(m1, m2)?, two_digits(d1, d2)?)
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
