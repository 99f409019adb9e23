//! What was seen of the helper's changes, so that none is handed on twice and a gap is noticed.

use std::collections::BTreeMap;

/// So many incidents are remembered; the ones that changed longest ago are forgotten first. Larger than what a helper lists as open.
const MAX_INCIDENTS: usize = 4096;

/// What a change is to somebody who saw the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A newer state of the incident was seen already.
    Stale,
    /// The first of its incident.
    New,
    /// Of an incident that was seen before.
    Known,
}

/// The changes that were seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Every change up to this number was seen.
    complete: u64,
    /// The last change seen of each incident.
    incidents: BTreeMap<u64, u64>,
}

impl Seen {
    /// Every change up to this number was seen.
    pub(super) const fn complete(&self) -> u64 {
        self.complete
    }

    /// Everything up to `seq` was asked for.
    pub(super) fn complete_to(&mut self, seq: u64) {
        // A change that came in during the question may stand behind a gap that the answer filled.
        let highest = self.incidents.values().copied().max().unwrap_or_default();
        self.complete = self.complete.max(seq).max(highest);
    }

    /// Does this change follow the last complete one, so that none is missing between? Then it is complete up to it.
    pub(super) const fn follows(&mut self, seq: u64) -> bool {
        let follows = seq <= self.complete.saturating_add(1);
        if follows && seq > self.complete {
            self.complete = seq;
        }
        follows
    }

    /// Takes a change of an incident in.
    pub(super) fn change(&mut self, id: u64, seq: u64) -> Change {
        let change = match self.incidents.get(&id) {
            Some(&seen) if seen >= seq => return Change::Stale,
            Some(_) => Change::Known,
            None => Change::New,
        };
        if change == Change::New && self.incidents.len() >= MAX_INCIDENTS {
            let oldest = self
                .incidents
                .iter()
                .min_by_key(|&(_, &seq)| seq)
                .map(|(&id, _)| id);
            if let Some(oldest) = oldest {
                self.incidents.remove(&oldest);
            }
        }
        self.incidents.insert(id, seq);
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_new_once_and_never_goes_back() {
        let mut seen = Seen::default();
        assert_eq!(seen.change(7, 101), Change::New);
        assert_eq!(seen.change(7, 105), Change::Known);
        assert_eq!(seen.change(7, 103), Change::Stale);
        assert_eq!(seen.change(7, 105), Change::Stale);
    }

    #[test]
    fn a_gap_stays_open_until_it_was_asked_for() {
        let mut seen = Seen::default();
        seen.complete_to(100);
        assert!(seen.follows(101));
        assert!(!seen.follows(104));
        assert_eq!(seen.complete(), 101);
        assert!(!seen.follows(105));
        seen.change(7, 105);
        seen.complete_to(104);
        assert_eq!(seen.complete(), 105);
        assert!(seen.follows(106));
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut seen = Seen::default();
        for i in 0..2 * MAX_INCIDENTS as u64 {
            seen.change(i, i + 1);
        }
        assert_eq!(seen.incidents.len(), MAX_INCIDENTS);
        assert_eq!(seen.change(2 * MAX_INCIDENTS as u64 - 1, 1), Change::Stale);
    }
}
