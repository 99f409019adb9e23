//! The whole way from an event to alerts, as one value without clock or sources.

use crate::{
    alert::Change,
    detect,
    event::{Event, Timestamp},
    neighbourhood::Neighbourhood,
};

/// Takes events and times, gives changes of incidents.
#[derive(Debug)]
pub struct Watcher {
    _config: detect::Config,
    neighbourhood: Neighbourhood,
    next_seq: u64,
}

impl Watcher {
    /// A watcher that has seen nothing. The first change is numbered `next_seq`.
    #[must_use]
    pub fn new(config: detect::Config, neighbourhood: Neighbourhood, next_seq: u64) -> Self {
        Self {
            _config: config,
            neighbourhood,
            next_seq,
        }
    }

    /// Takes over what is newly known of this machine.
    pub fn set_neighbourhood(&mut self, neighbourhood: Neighbourhood) {
        self.neighbourhood = neighbourhood;
    }

    /// Looks at one event of a packet that came to this machine; what this machine sends is no event.
    pub fn observe(&mut self, _event: &Event, _changes: &mut Vec<Change>) {}

    /// Does what time alone asks for: holds back no update longer than due, closes what is over.
    pub fn tick(&mut self, _now: Timestamp, _changes: &mut Vec<Change>) {}

    /// When [`Self::tick`] is due; `None` where nothing waits.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Raises a test alert and says which incident it is.
    pub fn test_alert(&mut self, _now: Timestamp, _changes: &mut Vec<Change>) -> u64 {
        self.next_seq
    }

    /// How many incidents are open.
    #[must_use]
    pub fn open_incidents(&self) -> usize {
        0
    }

    /// The number of the latest change.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }
}
