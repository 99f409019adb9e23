//! When a reader stands still, and when another one is in vain.
//!
//! Pure: values and times in, judgements out.

use std::time::{Duration, Instant};

/// The reader is looked at so often.
const TICK: Duration = Duration::from_millis(200);
/// A reader that has not moved for so long, while packets waited, stands still. Because of [`TICK`] it is known 200 ms too early or
/// too late.
const PATIENCE: Duration = Duration::from_millis(500);
/// Looks that lie so far apart tell that the watchdog itself was kept from looking, and then the reader may have been too.
const KEPT: Duration = PATIENCE;
/// So many readers may end within [`TRIES_IN`] before it is given up: then packets pass unseen.
const TRIES: u32 = 5;
/// See [`TRIES`].
const TRIES_IN: Duration = Duration::from_secs(60);

/// The watch over one reader.
#[derive(Debug)]
pub(super) struct Vigil {
    beat: u64,
    /// When it was last seen to move, or to have nothing to do.
    well: Instant,
    /// When it was looked at last.
    looked: Instant,
}

impl Vigil {
    /// Begins with a reader that has not moved yet.
    pub(super) const fn new(beat: u64, now: Instant) -> Self {
        Self {
            beat,
            well: now,
            looked: now,
        }
    }

    /// When the reader is to be looked at again, from now on.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        PATIENCE
            .saturating_sub(now.saturating_duration_since(self.well))
            .min(TICK)
    }

    /// A look at the reader: its beat, and whether there is something it should do. Tells whether it stands still.
    pub(super) fn stands_still(&mut self, beat: u64, wanted: bool, now: Instant) -> bool {
        let kept = now.saturating_duration_since(self.looked) >= KEPT;
        self.looked = now;
        if !wanted || beat != self.beat || kept {
            (self.beat, self.well) = (beat, now);
        }
        now.saturating_duration_since(self.well) >= PATIENCE
    }
}

/// How many readers ended of late.
#[derive(Debug, Default)]
pub(super) struct Tries {
    since: Option<Instant>,
    count: u32,
}

impl Tries {
    /// One more ended; tells whether another one shall be tried.
    pub(super) fn again(&mut self, now: Instant) -> bool {
        let fresh = self
            .since
            .is_none_or(|since| now.saturating_duration_since(since) > TRIES_IN);
        if fresh {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
        self.count < TRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_reader_stands_still_when_packets_wait_and_it_does_not_move() {
        let start = clock::moment();
        let at = |millis| start + Duration::from_millis(millis);
        let mut vigil = Vigil::new(0, start);
        // (when, beat, wanted): still?
        for (millis, beat, wanted, still) in [
            (200, 0, true, false),
            (400, 2, true, false), // it moved
            (600, 2, false, false),
            (800, 2, false, false),
            (1000, 2, false, false), // nothing waits: it may sleep for ever
            (1200, 2, true, false),
            (3000, 2, true, false), // the watchdog was stopped: was the reader too?
            (3200, 3, true, false), // it was
            (3400, 3, true, false), // it works
            (3600, 3, true, false),
            (3700, 3, true, true),
        ] {
            assert_eq!(
                vigil.stands_still(beat, wanted, at(millis)),
                still,
                "{millis}"
            );
        }
    }

    #[test]
    fn a_reader_that_may_stand_still_is_looked_at_in_time() {
        let start = clock::moment();
        let vigil = Vigil::new(0, start);
        for (elapsed, pause) in [(0, 200), (250, 200), (400, 100), (900, 0)] {
            let now = start + Duration::from_millis(elapsed);
            assert_eq!(vigil.pause(now), Duration::from_millis(pause), "{elapsed}");
        }
    }

    #[test]
    fn a_reader_that_ends_again_and_again_is_given_up_but_one_a_minute_is_not() {
        let start = clock::moment();
        let mut tries = Tries::default();
        let answers: Vec<_> = (0..5)
            .map(|second| tries.again(start + Duration::from_secs(second)))
            .collect();
        assert_eq!(answers, [true, true, true, true, false]);
        let mut tries = Tries::default();
        let patient = (0..100).all(|minute| tries.again(start + Duration::from_secs(61 * minute)));
        assert!(patient);
    }
}
