//! Reads lines of logs as they are written: what they tell, and when that was.

use crate::{
    decode::{Lines, Stamp, dress::Reference},
    event::{Event, Timestamp},
    sys::local_time,
};

/// What happened longer ago is read over, in microseconds: a log that was not read for weeks is a matter for `wallwatchctl
/// analyze`.
pub const OLDEST: i64 = 24 * 3600 * Timestamp::SECOND;
/// What a line leaves open is asked anew after so many microseconds: what year it is, and which zone.
const ASK_AGAIN: i64 = 3600 * Timestamp::SECOND;

/// A reader of lines.
#[derive(Debug)]
pub struct Reader {
    lines: Lines,
    asked: Timestamp,
    now: Timestamp,
}

impl Reader {
    /// A reader of lines that are written from `now` on, or were written not long ago.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            lines: lines(now),
            asked: now,
            now,
        }
    }

    /// What is read from here on is read now.
    pub fn turn(&mut self, now: Timestamp) {
        if now.since(self.asked).abs() >= ASK_AGAIN {
            self.lines = lines(now);
            self.asked = now;
        }
        self.now = now;
    }

    /// The event of a line; `None` where it tells of no packet that came in, or of one of long ago.
    ///
    /// It has the time that stands on the line, also where the line is read late; where none stands there, or one that is still
    /// to come, it is now.
    pub fn event(&mut self, line: &[u8]) -> Option<Event> {
        let report = self.lines.read(line).ok()?;
        let time = match report.stamp {
            Stamp::Wall(time) => time.min(self.now),
            Stamp::Boot(_) | Stamp::None => self.now,
        };
        if self.now.since(time) > OLDEST {
            return None;
        }
        report.into_event(time)
    }
}

fn lines(now: Timestamp) -> Lines {
    Lines::new(Reference {
        now,
        zone: local_time::zone(now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 12:00:00 UTC.
    const NOON: Timestamp = Timestamp(1_795_521_600 * Timestamp::SECOND);

    fn time(stamp: &str) -> Option<i64> {
        let line = format!(
            "{stamp} host kernel: [1.000000] DROP IN=eth0 OUT= MAC= SRC=192.0.2.7 DST=192.0.2.1 LEN=44 TOS=0x00 PREC=0x00 TTL=50 ID=7 \
             PROTO=TCP SPT=40000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0"
        );
        let event = Reader::new(NOON).event(line.as_bytes())?;
        Some(event.time.since(NOON) / Timestamp::SECOND)
    }

    #[test]
    fn an_event_has_the_time_of_its_line_and_none_is_of_the_future_or_of_long_ago() {
        assert_eq!(time("2026-11-24T11:59:58.5+00:00"), Some(-1));
        assert_eq!(time("2026-11-24T10:00:00+00:00"), Some(-7200));
        assert_eq!(time("2026-11-24T12:00:09+00:00"), Some(0));
        assert_eq!(time("2026-11-23T12:00:01+00:00"), Some(1 - 86_400));
        assert_eq!(time("2026-11-23T11:59:59+00:00"), None);
    }

    #[test]
    fn a_reader_learns_what_year_it_is() {
        let mut reader = Reader::new(NOON);
        // 2027-01-01 00:00:10 UTC; the helper was started the year before.
        let later = Timestamp(1_798_761_610 * Timestamp::SECOND);
        reader.turn(later);
        let shown = local_time::zone(later);
        assert_eq!(shown, local_time::zone(later));
        let line = b"2027-01-01T00:00:05Z host kernel: DROP IN=eth0 OUT= MAC= SRC=192.0.2.7 DST=192.0.2.1 LEN=44 TOS=0x00 PREC=0x00 TTL=50 \
                     ID=7 PROTO=UDP SPT=40000 DPT=22 LEN=24";
        assert_eq!(
            reader.event(line).unwrap().time.since(later),
            -5 * Timestamp::SECOND
        );
    }
}
