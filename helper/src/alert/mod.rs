//! Incidents: what detection finds, told as alerts that are raised once, updated in place and closed.
//!
//! [`Incidents`] keeps the open ones and those that may begin again, by origin and family, both bounded. Each thing that a
//! client must be told is a [`Change`], numbered without gaps; changes of one incident are told at most twice a second,
//! and where very many grow at once their updates come less often.

mod incident;
mod ports;
mod reason;
mod senders;

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use wallwatch_dbus::{Alert, Verdict};

use self::incident::{Incident, MAX_HOLD, Stage};
pub use self::ports::{MAX_PORTS_TEXT, PortSet};
use crate::{
    detect::{
        Config, Decoy, Fact, Flood, Gathering, MAX_DECOYS, Nature, Opening, Probe, Sighting, Trace,
        Trying,
    },
    event::Timestamp,
    exposure::Exposure,
};

/// Updates of one incident are at least so far apart: half a second.
pub const UPDATE_INTERVAL: i64 = Timestamp::SECOND / 2;
/// Updates that were held back are told together, ten times a second,
const BEAT: i64 = Timestamp::SECOND / 10;
/// at most so many at once, those that wait longest first: a hundred attackers at a time must not keep everybody busy with news.
const UPDATES_A_BEAT: usize = 4;
/// At most so many incidents are open; one more closes the one that matters least.
pub const MAX_OPEN: usize = 256;
/// At most so many closed incidents are remembered, so that they can begin again.
pub const MAX_REMEMBERED: usize = 256;
/// An incident that begins again within 24 hours is the same.
pub const REOPEN_WITHIN: i64 = 24 * 3600 * Timestamp::SECOND;
/// At most so many test alerts are open, so that whoever may ask for them cannot push real incidents out.
pub const MAX_TESTS: usize = 8;
/// At most so many decoys are known, of all incidents.
const MAX_OTHERS: usize = 64 * MAX_DECOYS;
/// What a source does within a minute of its last probe of another family belongs together.
const BESIDE: i64 = 60 * Timestamp::SECOND;
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
    /// When it is over, if no packet comes.
    fn closes_at(&self) -> Timestamp {
        if self.incident.stage == Stage::Test {
            self.incident.last_seen.plus(TEST_HOLD)
        } else {
            self.incident.closes_at()
        }
    }

    /// When something is to be told or done without a packet.
    fn due(&self) -> Timestamp {
        if self.untold {
            let update = beat(self.told_at.plus(UPDATE_INTERVAL));
            self.closes_at().min(update)
        } else {
            self.closes_at()
        }
    }
}

/// What an incident is found by: the tag of its origin and family ([`Scan::tag`](crate::detect::Scan::tag)), or where it is a test
/// its own number. Among so few of so many numbers no two are the same.
type Key = u64;

/// Incidents by their keys.
type Table<T> = HashMap<Key, T, BuildHasherDefault<Itself>>;

/// The hash of a key: itself, as tags are hashes already.
#[derive(Debug, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// All incidents.
#[derive(Debug)]
pub struct Incidents {
    config: Config,
    open: Table<Open>,
    remembered: Table<Incident>,
    /// Others whose packets belong to an incident: the decoys of a scan.
    others: Table<Key>,
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
            open: Table::default(),
            remembered: Table::default(),
            others: Table::default(),
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
            let mut open = self.open.values_mut().map(|open| &mut open.incident);
            if let Some(incident) = open.find(|incident| incident.id == alert.id) {
                incident.assess(&self.exposure);
                incident.put_beside(&self.exposure, alert);
            }
        }
    }

    /// Goes by other thresholds from now on.
    pub const fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// Tells once more of the open incidents of which `is_news` says so, by their present state.
    pub fn tell_again(&mut self, changes: &mut Vec<Change>, is_news: impl Fn(&Alert) -> bool) {
        let Self {
            open,
            exposure,
            next_seq,
            ..
        } = self;
        let mut news: Vec<&mut Open> = open.values_mut().collect();
        news.retain(|open| is_news(&open.incident.alert(0, exposure)));
        news.sort_unstable_by_key(|open| open.incident.id);
        for open in news {
            // What was held back is in it, and is looked for at its beat in vain.
            open.untold = false;
            changes.push(Change::Updated(numbered(
                next_seq,
                &mut open.incident,
                exposure,
            )));
        }
    }

    /// Makes an incident one level worse, for good, and its alert with it; nothing is done twice.
    pub fn lift(&mut self, alert: &mut Alert) {
        let open = self.open.values_mut().map(|open| &mut open.incident);
        let mut all = open.chain(self.remembered.values_mut());
        let found = all.find(|incident| incident.id == alert.id);
        if let Some(incident) = found.filter(|incident| !incident.lifted) {
            incident.lifted = true;
            incident.put_beside(&self.exposure, alert);
        }
    }

    /// The first packets of an incident that is open, or may begin again.
    #[must_use]
    pub fn evidence(&self, id: u64) -> &[Fact] {
        let open = self.open.values().map(|open| &open.incident);
        let mut all = open.chain(self.remembered.values());
        all.find(|incident| incident.id == id)
            .map_or(&[], Incident::evidence)
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

    /// Is there an open incident of this tag that came in pieces?
    #[must_use]
    pub fn is_in_pieces(&self, tag: u64) -> bool {
        let open = self.open.get(&self.key_of(tag));
        open.is_some_and(|open| open.incident.is_fragmented())
    }

    /// Takes a packet into the open incident that it belongs to; false where there is none.
    pub fn grow(
        &mut self,
        tag: u64,
        trace: &Trace,
        probe: &Probe,
        changes: &mut Vec<Change>,
    ) -> bool {
        let key = self.key_of(tag);
        let Some(open) = self.open.get_mut(&key) else {
            return false;
        };
        open.incident.add(trace, probe, &self.config);
        if open.incident.is_scan() && is_entry(trace) {
            open.incident.enter(trace);
        }
        // A packet is read a little later than its time, so that it may be older than what was told at a beat; one that is much
        // older came before the clock was set back.
        let since_told = trace.time.since(open.told_at);
        if since_told > -UPDATE_INTERVAL && open.untold {
            // It is told at a beat.
        } else if (-UPDATE_INTERVAL..UPDATE_INTERVAL).contains(&since_told) {
            open.untold = true;
            self.due = Some(earlier(self.due, open.due()));
        } else {
            open.told_at = trace.time;
            open.untold = false;
            changes.push(Change::Updated(numbered(
                &mut self.next_seq,
                &mut open.incident,
                &self.exposure,
            )));
        }
        true
    }

    /// What the incident is found by that packets of this tag belong to.
    fn key_of(&self, tag: u64) -> Key {
        if self.others.is_empty() {
            return tag;
        }
        self.others.get(&tag).copied().unwrap_or(tag)
    }

    /// Is there an open incident of this tag?
    #[must_use]
    pub fn is_open(&self, tag: u64) -> bool {
        self.open.contains_key(&self.key_of(tag))
    }

    /// Has the incident of this tag had packets within the last minute? What its source does beside it, on a small scale, is a part of it.
    #[must_use]
    pub fn is_lively(&self, tag: u64, now: Timestamp) -> bool {
        let open = self.open.get(&self.key_of(tag));
        open.is_some_and(|open| now.since(open.incident.last_seen) <= BESIDE)
    }

    /// The same of a source that has probed for the operating system.
    #[must_use]
    pub fn is_fingerprinting(&self, tag: u64, now: Timestamp) -> bool {
        let open = self.open.get(&self.key_of(tag));
        self.is_lively(tag, now) && open.is_some_and(|open| open.incident.is_fingerprinted())
    }

    /// A source of open incidents with these tags was let in: is the connection one of an attacker?
    pub fn connect(&mut self, tags: impl Iterator<Item = u64>, trace: &Trace) {
        if self.open.is_empty() || !is_entry(trace) {
            return;
        }
        for tag in tags {
            let key = self.key_of(tag);
            let Some(open) = self.open.get_mut(&key) else {
                continue;
            };
            if open.incident.is_scan() {
                open.incident.enter(trace);
                open.untold = true;
                self.due = Some(earlier(self.due, open.due()));
            }
        }
    }

    /// Takes in a packet of a flood.
    pub fn observe_flood(
        &mut self,
        tag: u64,
        trace: &Trace,
        probe: &Probe,
        flood: &Flood,
        changes: &mut Vec<Change>,
    ) {
        if !self.grow(tag, trace, probe, changes) && !self.reopen(tag, trace, probe, changes) {
            let incident = Incident::of_flood(self.next_id, trace, probe, flood, &self.config);
            self.raise(tag, incident, trace.time, changes);
        }
    }

    /// Takes in an opening by one who opened a port too often.
    pub fn observe_tries(
        &mut self,
        tag: u64,
        trace: &Trace,
        probe: &Probe,
        trying: &Trying,
        changes: &mut Vec<Change>,
    ) {
        if !self.reopen(tag, trace, probe, changes) {
            let incident = Incident::of_tries(self.next_id, trace, probe, trying, &self.config);
            self.raise(tag, incident, trace.time, changes);
        }
    }

    /// Takes in the probe that completes a crowd. Where one of the crowd was told as an attacker of his own already, that incident becomes
    /// the crowd's, so that nobody in particular is accused any more; those of others are over.
    pub fn observe_crowd(
        &mut self,
        tag: u64,
        trace: &Trace,
        probe: &Probe,
        crowd: &Gathering,
        changes: &mut Vec<Change>,
    ) {
        if self.reopen(tag, trace, probe, changes) {
            return;
        }
        let mut members: Vec<(u64, Key)> = Vec::new();
        for member in &crowd.tags {
            let open = self.open.get(member).map(|open| &open.incident);
            if let Some(incident) = open.filter(|incident| incident.is_small()) {
                let found = (incident.id, *member);
                if !members.contains(&found) {
                    members.push(found);
                }
            }
        }
        members.sort_unstable();
        let mut members = members.into_iter().map(|(_, key)| key);
        let first = members.next();
        for key in members.collect::<Vec<_>>() {
            self.close(key, changes);
            self.remembered.remove(&key);
        }
        let Some(Open { mut incident, .. }) = first.and_then(|key| self.open.remove(&key)) else {
            let incident = Incident::of_crowd(self.next_id, trace, probe, crowd, &self.config);
            self.raise(tag, incident, trace.time, changes);
            return;
        };
        let others = crowd.tags.iter().filter(|tag| Some(**tag) != first);
        incident.join(trace, probe, crowd, others.count(), &self.config);
        changes.push(Change::Updated(numbered(
            &mut self.next_seq,
            &mut incident,
            &self.exposure,
        )));
        self.insert(tag, incident, trace.time, changes);
    }

    /// Takes in the probe that raises the alarm about a scanner who hides among decoys, who are one incident with him.
    pub fn observe_decoys(
        &mut self,
        tag: u64,
        trace: &Trace,
        probe: &Probe,
        sighting: &Sighting<'_>,
        decoys: &[Decoy],
        changes: &mut Vec<Change>,
    ) {
        // One of them may have raised an alarm before the others had sent enough.
        let first = decoys.iter().map(|decoy| self.key_of(decoy.tag));
        let key = first
            .filter(|key| self.open.contains_key(key))
            .min()
            .unwrap_or(tag);
        let mut new: Vec<Decoy> = decoys.to_vec();
        if key != tag {
            let packets = sighting.track.map_or(0, |track| track.packets);
            let src = trace.src;
            new.push(Decoy { tag, src, packets });
        }
        new.retain(|decoy| decoy.tag != key && !self.others.contains_key(&decoy.tag));
        for decoy in &new {
            if self.others.len() < MAX_OTHERS {
                self.others.insert(decoy.tag, key);
            }
        }
        if let Some(open) = self.open.get_mut(&key) {
            open.incident.take_decoys(&new);
            open.untold = true;
            self.due = Some(earlier(self.due, open.due()));
            return;
        }
        let mut incident = Incident::new(self.next_id, trace, probe, sighting, &self.config);
        incident.take_decoys(&new);
        incident.count_to_alert();
        self.raise(tag, incident, trace.time, changes);
    }

    /// Takes in what detection thinks of a packet that belongs to no open incident.
    pub fn observe(
        &mut self,
        tag: u64,
        trace: &Trace,
        probe: &Probe,
        sighting: &Sighting<'_>,
        changes: &mut Vec<Change>,
    ) {
        // Who attacked lately is believed at the first probe.
        let again = probe.nature != Nature::ReplyLike && self.reopen(tag, trace, probe, changes);
        if sighting.alarm && !again {
            let incident = Incident::new(self.next_id, trace, probe, sighting, &self.config);
            self.raise(tag, incident, trace.time, changes);
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
        let key = self.key_of(key);
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
            &mut incident,
            &self.exposure,
        )));
        self.insert(key, incident, trace.time, changes);
        true
    }

    /// Puts right what was told of a probe of an open incident; false where there is none. Clients are told with the next update.
    pub fn put_right(&mut self, tag: u64, trace: &Trace, probe: &Probe, told: Verdict) -> bool {
        let key = self.key_of(tag);
        let Some(open) = self.open.get_mut(&key) else {
            return false;
        };
        if open.incident.put_right(trace, probe, told) && !open.untold {
            open.untold = true;
            self.due = Some(earlier(self.due, open.due()));
        }
        true
    }

    /// Opens a new incident.
    fn raise(
        &mut self,
        key: Key,
        mut incident: Incident,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) {
        self.next_id += 1;
        changes.push(Change::Raised(numbered(
            &mut self.next_seq,
            &mut incident,
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
        self.raise(id, Incident::test(id, trace), trace.time, changes);
        Some(id)
    }

    /// Keeps an incident that is open now; where no more may be open, the one that matters least is closed.
    fn insert(&mut self, key: Key, incident: Incident, now: Timestamp, changes: &mut Vec<Change>) {
        if self.open.len() >= MAX_OPEN {
            let least = self.open.iter().min_by_key(|(_, open)| {
                (
                    open.incident.severity,
                    open.incident.last_seen,
                    open.incident.id,
                )
            });
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
        let mut due: Vec<(Timestamp, u64, Key)> = self
            .open
            .iter()
            .filter(|(_, open)| is_due(open.due(), now, open.untold))
            .map(|(key, open)| (open.told_at, open.incident.id, *key))
            .collect();
        due.sort_unstable();
        let mut room = UPDATES_A_BEAT;
        for (_, _, key) in due {
            let Some(open) = self.open.get_mut(&key) else {
                continue;
            };
            if open.untold && room > 0 {
                room -= 1;
                open.untold = false;
                open.told_at = now;
                changes.push(Change::Updated(numbered(
                    &mut self.next_seq,
                    &mut open.incident,
                    &self.exposure,
                )));
            }
            if is_due(open.closes_at(), now, false) {
                self.close(key, changes);
            }
        }
        let due = self.open.values().map(Open::due).min();
        // Those that found no room wait for the next beat.
        let next = beat(now.plus(1));
        self.due = due.map(|due| if room == 0 { due.max(next) } else { due });
    }

    fn close(&mut self, key: Key, changes: &mut Vec<Change>) {
        let Some(Open { mut incident, .. }) = self.open.remove(&key) else {
            return;
        };
        incident.closed = true;
        changes.push(Change::Closed(numbered(
            &mut self.next_seq,
            &mut incident,
            &self.exposure,
        )));
        if incident.stage == Stage::Test {
            return;
        }
        if self.remembered.len() >= MAX_REMEMBERED {
            let oldest = self
                .remembered
                .iter()
                .min_by_key(|(_, old)| (old.last_seen, old.id))
                .map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                self.remembered.remove(&oldest);
                self.others.retain(|_, key| *key != oldest);
            }
        }
        self.remembered.insert(key, incident);
    }
}

/// Does this packet open a connection, made by a stack, and was it let in by every rule?
fn is_entry(trace: &Trace) -> bool {
    trace.verdict == Verdict::Passed && trace.opening == Opening::Stack
}

/// Has a deadline come? One further away than any can be was set before the clock went back, and has come too.
fn is_due(due: Timestamp, now: Timestamp, update: bool) -> bool {
    let furthest = if update {
        UPDATE_INTERVAL + BEAT
    } else {
        MAX_HOLD
    };
    due <= now || due.since(now) > furthest
}

/// The first beat that is not before this time.
const fn beat(time: Timestamp) -> Timestamp {
    Timestamp(
        time.0
            .saturating_add(BEAT - 1)
            .div_euclid(BEAT)
            .saturating_mul(BEAT),
    )
}

/// The incident's present state under the next number.
fn numbered(next_seq: &mut u64, incident: &mut Incident, exposure: &Exposure) -> Alert {
    incident.assess(exposure);
    let alert = incident.alert(*next_seq, exposure);
    *next_seq += 1;
    alert
}

fn earlier(a: Option<Timestamp>, b: Timestamp) -> Timestamp {
    a.map_or(b, |a| a.min(b))
}
