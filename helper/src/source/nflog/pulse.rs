//! When the named counters of the own table are read, and what they tell besides the records.
//!
//! They are read soon after it was loud, and else so seldom that a quiet machine sleeps. Packets that a limit left out are in them
//! alone. And they tell of records that were lost last of all, behind which no further record shows a gap. Pure: the moment is
//! an argument.

use std::time::{Duration, Instant};

use super::counters::Counters;

/// When nothing happens they are read after so long; then only a table that vanished can be found.
const SELDOM: Duration = Duration::from_secs(60);
/// While it is loud, and while records seem to be missing; the kernel keeps a record for 20 ms at most.
const OFTEN: Duration = Duration::from_millis(500);

/// What a look at the counters brought to light.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Packets that were only counted.
    pub(super) counted: u64,
    /// Records that were lost.
    pub(super) lost: u64,
}

/// The state between two looks.
#[derive(Debug)]
pub(super) struct Pulse {
    due: Instant,
    only_counted: u64,
    /// Records that came.
    received: u64,
    /// Records that are known to be lost.
    lost: u64,
    /// Of those, so many were found by the counters: the next gap in the numbers shows them once more.
    without_gap: u64,
    /// How many records were written when some of them seemed to be missing.
    suspected_at: Option<u64>,
}

impl Pulse {
    /// A table that was put in just now.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: now + SELDOM,
            only_counted: 0,
            received: 0,
            lost: 0,
            without_gap: 0,
            suspected_at: None,
        }
    }

    /// When the counters are to be read.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// They are to be read soon: it was loud.
    pub(super) fn loud(&mut self, now: Instant) {
        self.due = self.due.min(now + OFTEN);
    }

    /// They are to be read at this moment at the latest.
    pub(super) fn hurry(&mut self, moment: Instant) {
        self.due = self.due.min(moment);
    }

    /// They could not be read just now.
    pub(super) fn again(&mut self, now: Instant) {
        self.due = now + OFTEN;
    }

    /// A record came.
    pub(super) const fn received(&mut self) {
        self.received += 1;
    }

    /// So many numbers are missing before a record; returns how many of them nobody knows of yet.
    pub(super) fn missing(&mut self, records: u32) -> u64 {
        let known = self.without_gap.min(u64::from(records));
        self.without_gap -= known;
        let news = u64::from(records) - known;
        self.lost += news;
        news
    }

    /// The table is another one, whose counters begin at 0.
    pub(super) fn begin_again(&mut self, now: Instant) {
        *self = Self {
            without_gap: self.without_gap,
            ..Self::new(now)
        };
    }

    /// Takes in what the counters say, after all that came has been read.
    pub(super) fn look(&mut self, counters: Counters, now: Instant) -> Found {
        let counted = counters.only_counted.saturating_sub(self.only_counted);
        self.only_counted = counters.only_counted;
        let known = self.received + self.lost;
        let missing = counters.logged.saturating_sub(known);
        // What was written before the last look and has not come by now will not come any more.
        let sure = self.suspected_at == Some(counters.logged);
        let lost = if sure { missing } else { 0 };
        self.lost += lost;
        self.without_gap += lost;
        self.suspected_at = (missing > lost).then_some(counters.logged);
        let busy = counted > 0 || self.suspected_at.is_some();
        self.due = now + if busy { OFTEN } else { SELDOM };
        Found { counted, lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn counters(only_counted: u64, logged: u64) -> Counters {
        Counters {
            only_counted,
            logged,
        }
    }

    fn found(counted: u64, lost: u64) -> Found {
        Found { counted, lost }
    }

    #[test]
    fn what_was_only_counted_is_told_once() {
        let start = clock::moment();
        let mut pulse = Pulse::new(start);
        for _ in 0..10 {
            pulse.received();
        }
        assert_eq!(pulse.look(counters(90, 10), start), found(90, 0));
        assert_eq!(pulse.due(), start + OFTEN, "there may be more of it");
        assert_eq!(pulse.look(counters(90, 10), start), found(0, 0));
        assert_eq!(pulse.due(), start + SELDOM);
        pulse.loud(start);
        assert_eq!(pulse.due(), start + OFTEN);
        pulse.again(start + OFTEN);
        assert_eq!(pulse.due(), start + OFTEN * 2);
    }

    #[test]
    fn records_lost_last_of_all_are_told_once_and_not_again_by_the_gap_behind_them() {
        let start = clock::moment();
        let mut pulse = Pulse::new(start);
        pulse.received();
        assert_eq!(pulse.missing(2), 2);
        pulse.received();
        // 10 were written, 2 came and 2 are known to be lost; the others may be on their way.
        assert_eq!(pulse.look(counters(0, 10), start), found(0, 0));
        assert_eq!(pulse.due(), start + OFTEN);
        assert_eq!(pulse.look(counters(0, 10), start), found(0, 6));
        assert_eq!(pulse.look(counters(0, 10), start), found(0, 0));
        // The next record's number shows those 6 and one more.
        assert_eq!(pulse.missing(7), 1);
    }

    #[test]
    fn records_that_are_on_their_way_are_not_lost() {
        let start = clock::moment();
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.look(counters(0, 3), start), found(0, 0));
        for _ in 0..3 {
            pulse.received();
        }
        assert_eq!(pulse.look(counters(0, 5), start), found(0, 0));
        pulse.received();
        pulse.received();
        assert_eq!(pulse.look(counters(0, 5), start), found(0, 0));
    }

    #[test]
    fn a_new_table_counts_from_the_beginning() {
        let start = clock::moment();
        let mut pulse = Pulse::new(start);
        pulse.received();
        assert_eq!(pulse.look(counters(5, 1), start), found(5, 0));
        pulse.begin_again(start);
        pulse.received();
        assert_eq!(pulse.look(counters(2, 1), start), found(2, 0));
    }
}
