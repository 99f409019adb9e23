//! How often a hook may run: a bucket of so many runs a minute, which is full at first.

use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// The limit of one hook.
#[derive(Debug, Clone)]
pub struct Limit {
    /// One more may run each so often.
    interval: Duration,
    /// When the bucket is full again; `None` while nothing ran.
    full_at: Option<Instant>,
}

impl Limit {
    /// So many a minute, and as many at once.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self {
            interval: MINUTE / per_minute.max(1),
            full_at: None,
        }
    }

    /// When the next may run.
    #[must_use]
    pub fn next_at(&self, now: Instant) -> Instant {
        // A bucket that is full a minute from now is empty.
        let room = MINUTE.saturating_sub(self.interval);
        let wait = self
            .full_at
            .map_or(Duration::ZERO, |full| full.saturating_duration_since(now));
        now + wait.saturating_sub(room)
    }

    /// May one run now? Then it is counted.
    pub fn take(&mut self, now: Instant) -> bool {
        if self.next_at(now) > now {
            return false;
        }
        let full = self.full_at.map_or(now, |full| full.max(now));
        self.full_at = Some(full + self.interval);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn so_many_run_at_once_and_then_one_by_one() {
        for per_minute in [1, 7, 10, 600] {
            let start = clock::moment();
            let mut limit = Limit::new(per_minute);
            let at_once = (0..1000).filter(|_| limit.take(start)).count();
            assert_eq!(at_once, per_minute as usize);
            let next = limit.next_at(start);
            let early = next.checked_sub(Duration::from_millis(1)).unwrap();
            assert!(!limit.take(early));
            assert!(limit.take(next) && !limit.take(next));
            // In the nine minutes that follow, one each interval.
            let mut now = next;
            let mut runs = 0;
            while limit.next_at(now) <= next + MINUTE * 9 {
                now = limit.next_at(now);
                assert!(limit.take(now));
                runs += 1;
            }
            assert_eq!(runs, per_minute * 9);
            let later = now + MINUTE;
            let again = (0..1000).filter(|_| limit.take(later)).count();
            assert_eq!(again, per_minute as usize, "a minute fills it");
        }
    }
}
