//! Is a log only a sample? ufw's rules log three lines a minute and ten at once; whoever fills that is far busier than his lines tell.
//!
//! The limit is a bucket of tokens (`xt_limit`, iptables-extensions(8)). A copy of it is kept here for each prefix. Where a line comes
//! just when a token is there again, and again, packets were waiting for it; where one comes without a token, there is no such limit.

use crate::event::{Event, Feed, Timestamp};

/// Tokens of ufw's rules: `-m limit --limit 3/min --limit-burst 10` (ufw, `user.rules`).
const BURST: i64 = 10;
/// A token comes back after so long.
const TOKEN: i64 = 20 * Timestamp::SECOND;
/// A line that takes a token so soon behind its coming was waiting: stamps may tell whole seconds.
const SOON: i64 = 2 * Timestamp::SECOND;
/// So many lines in a row show it.
const ENOUGH: u32 = 3;
/// So many prefixes are watched.
const PREFIXES: usize = 4;

/// One prefix's bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    prefix: u64,
    /// What is in it, in microseconds of waiting.
    filled: i64,
    last: Timestamp,
    /// So many lines in a row came just when they could.
    waited: u32,
}

impl Bucket {
    /// Takes a token for a line; tells whether the limit is what holds lines back.
    fn take(&mut self, now: Timestamp) -> bool {
        let elapsed = now.since(self.last).max(0);
        self.last = now;
        self.filled = (self.filled.saturating_add(elapsed)).min(BURST * TOKEN);
        if self.filled < TOKEN - SOON {
            // Without a token: no such limit stands before this log.
            (self.filled, self.waited) = (BURST * TOKEN, 0);
            return false;
        }
        self.waited = if self.filled <= TOKEN + SOON {
            self.waited.saturating_add(1)
        } else if self.filled > 2 * TOKEN {
            0
        } else {
            self.waited
        };
        self.filled = (self.filled - TOKEN).max(0);
        self.waited >= ENOUGH
    }
}

/// The logs' limits.
#[derive(Debug, Default)]
pub struct Sampling {
    buckets: Vec<Bucket>,
}

impl Sampling {
    /// Takes in one event; tells whether it stands for many that were not logged.
    pub fn observe(&mut self, event: &Event) -> bool {
        if !matches!(
            event.feed,
            Feed::Kmsg | Feed::File | Feed::Journal | Feed::Ulogd
        ) {
            return false;
        }
        let prefix = event
            .prefix
            .bytes()
            .fold(0_u64, |hash, byte| hash.rotate_left(7) ^ u64::from(byte));
        let known = self
            .buckets
            .iter()
            .position(|bucket| bucket.prefix == prefix);
        let place = known.unwrap_or_else(|| {
            if self.buckets.len() >= PREFIXES {
                self.buckets.remove(0);
            }
            self.buckets.push(Bucket {
                prefix,
                filled: BURST * TOKEN,
                last: event.time,
                waited: 0,
            });
            self.buckets.len() - 1
        });
        self.buckets
            .get_mut(place)
            .is_some_and(|bucket| bucket.take(event.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(gaps: &[i64]) -> Vec<bool> {
        let mut now = Timestamp(1_800_000_000_000_000);
        let mut bucket = Bucket {
            prefix: 0,
            filled: BURST * TOKEN,
            last: now,
            waited: 0,
        };
        gaps.iter()
            .map(|gap| {
                now = now.plus(gap * 1000);
                bucket.take(now)
            })
            .collect()
    }

    #[test]
    fn ten_lines_and_then_one_in_twenty_seconds_are_a_sample() {
        let mut gaps = vec![1; 10];
        gaps.extend([19_990, 20_010, 20_000, 20_000]);
        let told = told(&gaps);
        assert!(told[..11].iter().all(|sampled| !sampled));
        assert!(told[13]);
    }

    #[test]
    fn what_comes_faster_or_slower_is_none() {
        for gap in [1, 500, 5_000, 30_000, 60_000] {
            assert!(
                told(&vec![gap; 200]).iter().all(|sampled| !sampled),
                "{gap}"
            );
        }
    }
}
