//! Incidents: what detection finds, told as alerts that are raised once, updated in place and closed.
//!
//! [`Incidents`] keeps the open ones and those that may begin again, by origin and family, both bounded. Each thing that a
//! client must be told is a [`Change`], numbered without gaps; changes of one incident are told at most twice a second.

mod incident;
mod ports;

use std::collections::BTreeMap;

use wallwatch_dbus::{Alert, Family};

use self::incident::{Incident, MAX_HOLD, Stage};
pub use self::ports::{MAX_PORTS_TEXT, PortSet};
use crate::{
    detect::{Config, Nature, Origin, Probe, Sighting, Trace},
    event::Timestamp,
    exposure::Exposure,
};

/// Updates of one incident are at least so far apart: half a second.
pub const UPDATE_INTERVAL: i64 = Timestamp::SECOND / 2;
/// At most so many incidents are open; one more closes the one that matters least.
pub const MAX_OPEN: usize = 256;
/// At most so many closed incidents are remembered, so that they can begin again.
pub const MAX_REMEMBERED: usize = 256;
/// An incident that begins again within 24 hours is the same.
pub const REOPEN_WITHIN: i64 = 24 * 3600 * Timestamp::SECOND;
/// At most so many test alerts are open, so that whoever may ask for them cannot push real incidents out.
pub const MAX_TESTS: usize = 8;
/// A test alert is over after a minute.
const TEST_HOLD: i64 = 60 * Timestamp::SECOND;

/// What became of an incident.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is new.
    Raised(Alert),
    /// It grew, or began again.
    Updated(Alert),
    /// It is over.
    Closed(Alert),
}

impl Change {
    /// The incident in its present state.
    #[must_use]
    pub const fn alert(&self) -> &Alert {
        match self {
            Self::Raised(alert) | Self::Updated(alert) | Self::Closed(alert) => alert,
        }
    }
}

/// An open incident with what its clients were told.
#[derive(Debug)]
struct Open {
    incident: Incident,
    /// When the last change was told.
    told_at: Timestamp,
    /// Is there more to tell?
    untold: bool,
}

impl Open {
    /// When something is to be told or done without a packet.
    fn due(&self) -> Timestamp {
        let closes_at = if self.incident.stage == Stage::Test {
            self.incident.last_seen.plus(TEST_HOLD)
        } else {
            self.incident.closes_at()
        };
        if self.untold {
            closes_at.min(self.told_at.plus(UPDATE_INTERVAL))
        } else {
            closes_at
        }
    }
}

/// Where an incident is found. Test alerts differ in their number, so that each is one.
type Key = (Origin, Family, u64);

/// All incidents.
#[derive(Debug)]
pub struct Incidents {
    config: Config,
    open: BTreeMap<Key, Open>,
    remembered: BTreeMap<Key, Incident>,
    exposure: Exposure,
    next_seq: u64,
    next_id: u64,
    /// Not later than the first deadline of an open incident.
    due: Option<Timestamp>,
}

impl Incidents {
    /// None so far; changes and incidents are numbered from `next_seq` on.
    #[must_use]
    pub fn new(config: Config, next_seq: u64) -> Self {
        Self {
            config,
            open: BTreeMap::new(),
            remembered: BTreeMap::new(),
            exposure: Exposure::default(),
            next_seq,
            next_id: next_seq,
            due: None,
        }
    }

    /// Takes over what listens on this machine now, also into `changes` that nobody was told of yet. What is over stays as it was
    /// told last.
    pub fn set_exposure(&mut self, exposure: Exposure, changes: &mut [Change]) {
        self.exposure = exposure;
        for change in changes {
            let (Change::Raised(alert) | Change::Updated(alert)) = change else {
                continue;
            };
            let mut open = self.open.values().map(|open| &open.incident);
            if let Some(incident) = open.find(|incident| incident.id == alert.id) {
                alert.exposed = incident.exposed(&self.exposure);
            }
        }
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// The number of the latest change.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// When [`Self::tick`] is due at the latest.
    #[must_use]
    pub const fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Takes in what detection thinks of one packet.
    pub fn observe(
        &mut self,
        trace: &Trace,
        probe: &Probe,
        sighting: &Sighting<'_>,
        changes: &mut Vec<Change>,
    ) {
        let key = (Origin::of(trace.src), probe.kind.family(), 0);
        if let Some(open) = self.open.get_mut(&key) {
            open.incident.add(trace, probe, &self.config);
            let since_told = trace.time.since(open.told_at);
            if (0..UPDATE_INTERVAL).contains(&since_told) {
                if !open.untold {
                    open.untold = true;
                    self.due = Some(earlier(self.due, open.due()));
                }
            } else {
                open.told_at = trace.time;
                open.untold = false;
                changes.push(Change::Updated(numbered(
                    &mut self.next_seq,
                    &open.incident,
                    &self.exposure,
                )));
            }
            return;
        }
        // Who attacked lately is believed at the first probe.
        let again = probe.nature != Nature::ReplyLike && self.reopen(key, trace, probe, changes);
        if sighting.alarm && !again {
            let incident = Incident::new(self.next_id, trace, probe, sighting, &self.config);
            self.raise(key, incident, trace.time, changes);
        }
    }

    /// Opens a remembered incident again, without a popup; says whether there was one.
    fn reopen(
        &mut self,
        key: Key,
        trace: &Trace,
        probe: &Probe,
        changes: &mut Vec<Change>,
    ) -> bool {
        let known = self.remembered.remove(&key);
        let Some(mut incident) =
            known.filter(|old| trace.time.since(old.last_seen) < REOPEN_WITHIN)
        else {
            return false;
        };
        incident.begin_again(trace.time);
        incident.add(trace, probe, &self.config);
        changes.push(Change::Updated(numbered(
            &mut self.next_seq,
            &incident,
            &self.exposure,
        )));
        self.insert(key, incident, trace.time, changes);
        true
    }

    /// Takes back that this probe was stopped. Clients are told with the next update.
    pub fn passed_after_all(&mut self, trace: &Trace, probe: &Probe) {
        let key = (Origin::of(trace.src), probe.kind.family(), 0);
        let Some(open) = self.open.get_mut(&key) else {
            return;
        };
        if open.incident.passed_after_all(probe) && !open.untold {
            open.untold = true;
            self.due = Some(earlier(self.due, open.due()));
        }
    }

    /// Opens a new incident.
    fn raise(&mut self, key: Key, incident: Incident, now: Timestamp, changes: &mut Vec<Change>) {
        self.next_id += 1;
        changes.push(Change::Raised(numbered(
            &mut self.next_seq,
            &incident,
            &self.exposure,
        )));
        self.insert(key, incident, now, changes);
    }

    /// Raises a test alert about an invented packet and says which incident it is; `None` where too many are open.
    pub fn test(&mut self, trace: &Trace, changes: &mut Vec<Change>) -> Option<u64> {
        let is_test = |open: &&Open| open.incident.stage == Stage::Test;
        if self.open.values().filter(is_test).count() >= MAX_TESTS {
            return None;
        }
        let id = self.next_id;
        let key = (Origin::of(trace.src), Family::Other, id);
        self.raise(key, Incident::test(id, trace), trace.time, changes);
        Some(id)
    }

    /// Keeps an incident that is open now; where no more may be open, the one that matters least is closed.
    fn insert(&mut self, key: Key, incident: Incident, now: Timestamp, changes: &mut Vec<Change>) {
        if self.open.len() >= MAX_OPEN {
            let least = self
                .open
                .iter()
                .min_by_key(|(_, open)| (open.incident.severity, open.incident.last_seen));
            if let Some(least) = least.map(|(key, _)| *key) {
                self.close(least, changes);
            }
        }
        let open = Open {
            incident,
            told_at: now,
            untold: false,
        };
        self.due = Some(earlier(self.due, open.due()));
        self.open.insert(key, open);
    }

    /// Tells what was held back, and closes what was silent long enough.
    pub fn tick(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        if self
            .due
            .is_none_or(|due| due > now && due.since(now) <= MAX_HOLD)
        {
            return;
        }
        let mut due: Vec<(u64, Key)> = self
            .open
            .iter()
            .filter(|(_, open)| is_due(open.due(), now, open.untold))
            .map(|(key, open)| (open.incident.id, *key))
            .collect();
        due.sort_unstable();
        for (_, key) in due {
            let Some(open) = self.open.get_mut(&key) else {
                continue;
            };
            if open.untold {
                open.untold = false;
                open.told_at = now;
                changes.push(Change::Updated(numbered(
                    &mut self.next_seq,
                    &open.incident,
                    &self.exposure,
                )));
            }
            if is_due(open.due(), now, false) {
                self.close(key, changes);
            }
        }
        self.due = self.open.values().map(Open::due).min();
    }

    fn close(&mut self, key: Key, changes: &mut Vec<Change>) {
        let Some(Open { mut incident, .. }) = self.open.remove(&key) else {
            return;
        };
        incident.closed = true;
        changes.push(Change::Closed(numbered(
            &mut self.next_seq,
            &incident,
            &self.exposure,
        )));
        if incident.stage == Stage::Test {
            return;
        }
        if self.remembered.len() >= MAX_REMEMBERED {
            let oldest = self
                .remembered
                .iter()
                .min_by_key(|(_, old)| old.last_seen)
                .map(|(key, _)| *key);
            oldest.map(|key| self.remembered.remove(&key));
        }
        self.remembered.insert(key, incident);
    }
}

/// Has a deadline come? One further away than any can be was set before the clock went back, and has come too.
fn is_due(due: Timestamp, now: Timestamp, update: bool) -> bool {
    let furthest = if update { UPDATE_INTERVAL } else { MAX_HOLD };
    due <= now || due.since(now) > furthest
}

/// The incident's present state under the next number.
fn numbered(next_seq: &mut u64, incident: &Incident, exposure: &Exposure) -> Alert {
    let alert = incident.alert(*next_seq, exposure);
    *next_seq += 1;
    alert
}

fn earlier(a: Option<Timestamp>, b: Timestamp) -> Timestamp {
    a.map_or(b, |a| a.min(b))
}
