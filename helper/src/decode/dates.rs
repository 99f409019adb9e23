//! Stamps of the wall clock, as points in time. Lines come by the thousand a day, so the last date is kept.

use super::{
    Zone,
    calendar::{self, DAY, clock, days_of, leading_number, month_of, two_digits, utc_offset},
    zone::Span,
};
use crate::event::Timestamp;

/// What a line leaves to its reader to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// The latest that the line may be of, but for a day: a stamp without a year is of the last year in which it is not
    /// later. The time of the file's last change, or now.
    pub now: Timestamp,
    /// The clock of stamps without a zone.
    pub zone: Zone,
}

/// Reads stamps, and keeps what the next one most likely needs again.
#[derive(Debug)]
pub(super) struct Dates {
    zone: Zone,
    /// No stamp without a year is later.
    latest: Timestamp,
    /// The first year to try for a stamp without one.
    year: i64,
    /// The last day without a year, and when it began.
    day: ([u8; 7], Timestamp),
    /// The last date, and the second at which it began by its own clock.
    date: ([u8; 10], i64),
    /// The last offset from UTC, as rsyslog writes it, in seconds.
    offset: ([u8; 6], i64),
    /// While the local clock had one offset.
    span: Span,
}

impl Dates {
    pub(super) fn new(reference: Reference) -> Self {
        let latest = reference.now.plus(DAY.saturating_mul(Timestamp::SECOND));
        let days = latest.0.div_euclid(DAY.saturating_mul(Timestamp::SECOND));
        Self {
            span: reference.zone.span_at(0),
            zone: reference.zone,
            latest,
            // Local clocks may be in the next year already.
            year: calendar::year_of(days).map_or(1970, |year| year.saturating_add(1)),
            // No month has this name.
            day: ([0; 7], Timestamp(0)),
            date: (*b"1970-01-01", 0),
            offset: (*b"+00:00", 0),
        }
    }

    /// `Nov 22 01:10:00`, with or without a fraction (RFC 3164 section 4.1.2), in the last year in which that was; and the
    /// text behind.
    pub(super) fn bsd<'a>(&mut self, text: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let (key, rest) = text.split_first_chunk()?;
        if self.day.0 == *key {
            let (micros, rest) = clock(rest)?;
            return Some((self.day.1.plus(micros), rest));
        }
        let [m1, m2, m3, b' ', d1, d2, b' '] = key else {
            return None;
        };
        let month = month_of([*m1, *m2, *m3])?;
        let tens = if *d1 == b' ' { b'0' } else { *d1 };
        let day = two_digits(tens, *d2)?;
        let (micros, rest) = clock(rest)?;
        // A day that the latest moment lies in is this year's at one hour and last year's at another.
        let mut torn = false;
        // The 29th of February may be eight years back, over 1900 or 2100.
        for back in 0..=9 {
            let Some(days) = days_of(self.year.saturating_sub(back), month, day) else {
                continue;
            };
            let midnight = days.saturating_mul(DAY);
            let (begin, end) = (
                self.instant(midnight, 0),
                self.instant(midnight.saturating_add(DAY), 0),
            );
            let time = self.instant(midnight, micros);
            torn |= begin <= self.latest && end > self.latest;
            if time <= self.latest {
                // Neither is a day kept on which the clocks were changed.
                if !torn && end.since(begin) == DAY.saturating_mul(Timestamp::SECOND) {
                    self.day = (*key, begin);
                }
                return Some((time, rest));
            }
        }
        None
    }

    /// `2026-11-22T01:10:00`, with or without a fraction and a zone (RFC 5424 section 6.2.3); and the text behind. A blank
    /// instead of the `T` stands in many a template.
    pub(super) fn iso<'a>(&mut self, text: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let rest = rest
            .strip_prefix(b"T")
            .or_else(|| rest.strip_prefix(b" "))?;
        let midnight = self.midnight(*date)?;
        let (micros, rest) = clock(rest)?;
        let (text, seconds) = self.offset;
        if let Some(rest) = rest.strip_prefix(&text) {
            return Some((at(midnight.saturating_sub(seconds), micros), rest));
        }
        let Some((offset, behind)) = utc_offset(rest) else {
            return Some((self.instant(midnight, micros), rest));
        };
        if let Some((text, after)) = rest.split_first_chunk()
            && after.len() == behind.len()
        {
            self.offset = (*text, offset);
        }
        Some((at(midnight.saturating_sub(offset), micros), behind))
    }

    /// `2026-11-22T01:10:00.123456+0100`, as ulogd writes it: its zone is left out where that is UTC.
    pub(super) fn iso_of_ulogd<'a>(&mut self, text: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let midnight = self.midnight(*date)?;
        let (micros, rest) = clock(rest.strip_prefix(b"T")?)?;
        let (offset, rest) = utc_offset(rest).unwrap_or((0, rest));
        Some((at(midnight.saturating_sub(offset), micros), rest))
    }

    /// `2026-11-22 01:10:00 UTC`, as `journalctl -o short-full` writes it behind the day of the week.
    ///
    /// A zone's letters do not say which place's they are, so but for UTC the local clock is meant.
    pub(super) fn full<'a>(&mut self, text: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let midnight = self.midnight(*date)?;
        let (micros, rest) = clock(rest.strip_prefix(b" ")?)?;
        let rest = rest.strip_prefix(b" ")?;
        if let Some((offset, rest)) = utc_offset(rest) {
            return Some((at(midnight.saturating_sub(offset), micros), rest));
        }
        let letters = memchr::memchr(b' ', rest).filter(|len| (2..=5).contains(len))?;
        let (name, rest) = rest.split_at_checked(letters)?;
        let time = match name {
            b"UTC" | b"GMT" => at(midnight, micros),
            _ if name.iter().all(u8::is_ascii_uppercase) => self.instant(midnight, micros),
            _ => return None,
        };
        Some((time, rest))
    }

    /// `Nov 22 01:10:00 2026`, as ctime(3) writes it behind the day of the week; and the text behind.
    pub(super) fn ctime<'a>(&mut self, text: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let [m1, m2, m3, b' ', d1, d2, b' ', rest @ ..] = text else {
            return None;
        };
        let tens = if *d1 == b' ' { b'0' } else { *d1 };
        let (micros, rest) = clock(rest)?;
        let (year, rest) = leading_number(rest.strip_prefix(b" ")?)?;
        let days = days_of(year, month_of([*m1, *m2, *m3])?, two_digits(tens, *d2)?)?;
        Some((self.instant(days.saturating_mul(DAY), micros), rest))
    }

    /// The second at which a date begins by its own clock.
    fn midnight(&mut self, date: [u8; 10]) -> Option<i64> {
        if self.date.0 != date {
            self.date = (date, calendar::date(date)?.saturating_mul(DAY));
        }
        Some(self.date.1)
    }

    /// So many microseconds after the local clock showed that second.
    fn instant(&mut self, local: i64, micros: i64) -> Timestamp {
        let shown = local.saturating_add(micros.wrapping_div(Timestamp::SECOND));
        if shown < self.span.from || shown >= self.span.until {
            self.span = self.zone.span_at(shown);
        }
        at(local.saturating_sub(self.span.offset), micros)
    }
}

/// So many microseconds after a second since 1970.
const fn at(seconds: i64, micros: i64) -> Timestamp {
    Timestamp(
        seconds
            .saturating_mul(Timestamp::SECOND)
            .saturating_add(micros),
    )
}
