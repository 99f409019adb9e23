//! How the kernel shall deliver: each record at once while it is quiet, in batches while it is loud.
//!
//! A batch costs half as much CPU a packet, and up to the batch's time-out in delay. No timer runs: the pace is judged when
//! records come. The first record after a flood is still delivered in a batch, 20 ms late.

use std::time::{Duration, Instant};

use super::wire::Delivery;

/// The pace is judged over so long.
const WINDOW: Duration = Duration::from_millis(100);
/// So many records within a window are loud (1,000 a second).
const LOUD: u32 = 100;
/// So few are quiet (300 a second).
const QUIET: u32 = 30;

/// Each record at once.
const SINGLY: Delivery = Delivery {
    threshold: 1,
    timeout: 2,
};
/// What came within 20 ms, or fills a datagram. In a great flood the fewer and larger datagrams cost a third of the processor's
/// time that those of 64 records would. (The rules of the own table have such a threshold of their own.)
const BATCHES: Delivery = Delivery {
    threshold: 1024,
    timeout: 2,
};

/// How long the second half of a record that is delivered at once may be on its way. The kernel writes both within microseconds;
/// where its processor is taken away in between, what was told is corrected.
const PATIENCE: Duration = Duration::from_millis(5);
/// The same for a while after one came later than that: this machine is short of processors.
const LONG_PATIENCE: Duration = Duration::from_millis(40);
/// For so long.
const PATIENT_FOR: Duration = Duration::from_secs(10);
/// The same in batches: the second half may stand in the next batch, 20 ms later and up to a tick of the kernel's clock more
/// (4 ms at `CONFIG_HZ` = 250, 10 ms at 100).
const BATCH_PATIENCE: Duration = Duration::from_millis(40);

/// The pace of the records.
#[derive(Debug)]
pub(super) struct Pace {
    loud: bool,
    /// Was it loud in the window before? Then the last batch may still be on its way.
    was_loud: bool,
    since: Instant,
    records: u32,
    patient_until: Option<Instant>,
}

impl Pace {
    /// Quiet.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            loud: false,
            was_loud: false,
            since: now,
            records: 0,
            patient_until: None,
        }
    }

    /// How the kernel shall deliver now.
    pub(super) const fn delivery(&self) -> Delivery {
        if self.loud { BATCHES } else { SINGLY }
    }

    /// How long a record's second half may be on its way now.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        if self.loud || self.was_loud {
            BATCH_PATIENCE
        } else if self.patient_until.is_some_and(|until| now < until) {
            LONG_PATIENCE
        } else {
            PATIENCE
        }
    }

    /// A second half came later than was waited for it.
    pub(super) fn too_late(&mut self, now: Instant) {
        self.patient_until = Some(now + PATIENT_FOR);
    }

    /// Is it loud, or was it just now? Then much of what came may only have been counted.
    pub(super) const fn is_loud(&self) -> bool {
        self.loud || self.was_loud
    }

    /// So many records came; returns the new delivery where it changes.
    pub(super) fn observe(&mut self, records: u32, now: Instant) -> Option<Delivery> {
        let old = self.loud;
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= WINDOW {
            let windows = u32::try_from(elapsed.as_millis() / WINDOW.as_millis())
                .unwrap_or(u32::MAX)
                .max(1);
            self.was_loud = self.loud;
            if self.records / windows < QUIET {
                self.loud = false;
            }
            (self.since, self.records) = (now, 0);
        }
        self.records = self.records.saturating_add(records);
        if self.records >= LOUD {
            self.loud = true;
        }
        (old != self.loud).then(|| self.delivery())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_flood_is_delivered_in_batches_until_it_is_quiet_again() {
        let start = clock::moment();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::new(start);
        let mut changes = Vec::new();
        for millis in 0..500 {
            changes.extend(pace.observe(2, at(millis)));
        }
        assert_eq!(changes, [BATCHES]);
        assert_eq!(pace.observe(1, at(2000)), Some(SINGLY));
        assert_eq!(pace.observe(1, at(2001)), None);
    }

    #[test]
    fn the_last_batch_is_waited_for_as_long_as_those_before_it() {
        let start = clock::moment();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::new(start);
        let calm = pace.patience(at(0));
        pace.observe(LOUD, at(1));
        let patient = pace.patience(at(1));
        assert!(patient > calm);
        pace.observe(1, at(200));
        assert_eq!(pace.observe(1, at(400)), Some(SINGLY));
        assert_eq!(pace.patience(at(400)), patient);
        assert_eq!(pace.observe(1, at(600)), None);
        assert_eq!(pace.patience(at(600)), calm);
    }

    #[test]
    fn a_slow_trickle_is_delivered_at_once() {
        let start = clock::moment();
        let mut pace = Pace::new(start);
        for second in 0..100 {
            assert_eq!(pace.observe(5, start + Duration::from_secs(second)), None);
        }
    }

    #[test]
    fn after_a_second_half_that_came_too_late_it_is_waited_longer_for_a_while() {
        let start = clock::moment();
        let mut pace = Pace::new(start);
        pace.too_late(start);
        assert_eq!(pace.patience(start + PATIENT_FOR / 2), LONG_PATIENCE);
        assert_eq!(pace.patience(start + PATIENT_FOR), PATIENCE);
    }
}
