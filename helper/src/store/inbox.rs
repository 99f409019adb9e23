//! What waits for the history's thread: changes, the latest of each incident, harmless packets, and questions.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::watch;
use wallwatch_dbus::Alert;

use super::{keeper::Keeper, write::HOUR};
use crate::{clock, detect::Fact, explain::Entry};

/// So many incidents may wait to be written: what half a second brings, many times over. Only a disk that does not answer lets more
/// wait, and then those that changed the longest ago are not written.
const MOST_WAITING: usize = 1024;
/// So many counts of harmless packets may wait: each class in several hours.
const MOST_NOISE: usize = 256;

/// A question, answered on the history's thread.
pub(super) type Question = Box<dyn FnOnce(&mut Keeper) + Send>;

/// An incident with its first packets, where they are known.
pub(super) type Change = (Alert, Box<[Fact]>);

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// By the number of the incident.
    pub(super) changes: BTreeMap<u64, Change>,
    pub(super) noise: Vec<Entry>,
    /// Changes that were not waited for.
    pub(super) lost: u64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.noise.is_empty()
    }

    fn add_change(&mut self, alert: &Alert, facts: &[Fact]) {
        let entry = self.changes.entry(alert.id);
        let waiting = entry.or_insert_with(|| (Alert::default(), Box::default()));
        waiting.0.clone_from(alert);
        if facts.len() >= waiting.1.len() {
            waiting.1 = facts.into();
        }
        if self.changes.len() > MOST_WAITING {
            let oldest = self.changes.iter().min_by_key(|(_, (alert, _))| alert.seq);
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.changes.remove(&id);
                self.lost += 1;
            }
        }
    }

    fn add_noise(&mut self, entry: Entry) {
        let is_full = self.noise.len() >= MOST_NOISE;
        let hour = |entry: &Entry| entry.last_seen.0.div_euclid(HOUR);
        let same = self
            .noise
            .iter_mut()
            .find(|known| known.noise == entry.noise && (is_full || hour(known) == hour(&entry)));
        match same {
            Some(known) => known.absorb(entry),
            None if is_full => {}
            None => self.noise.push(entry),
        }
    }
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    questions: Vec<Question>,
    ending: bool,
}

/// What the thread finds when it wakes.
pub(super) struct Work {
    pub(super) batch: Batch,
    pub(super) questions: Vec<Question>,
    /// Nothing comes behind this.
    pub(super) ending: bool,
}

/// The letterbox in front of the thread.
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    bell: Condvar,
    /// What is wrong, as a sentence, or empty.
    trouble: watch::Sender<String>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            bell: Condvar::new(),
            trouble: watch::Sender::new(String::new()),
        }
    }

    pub(super) fn change(&self, alert: &Alert, facts: &[Fact]) {
        let mut waiting = self.lock();
        // Whoever waits for the time to write needs no bell.
        let is_first = waiting.batch.is_empty();
        waiting.batch.add_change(alert, facts);
        drop(waiting);
        if is_first {
            self.bell.notify_one();
        }
    }

    pub(super) fn noise(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        let is_first = waiting.batch.is_empty();
        for entry in entries {
            waiting.batch.add_noise(entry);
        }
        drop(waiting);
        if is_first {
            self.bell.notify_one();
        }
    }

    /// Hands in a question; false where nobody answers any more.
    pub(super) fn ask(&self, question: Question) -> bool {
        let mut waiting = self.lock();
        if waiting.ending {
            return false;
        }
        waiting.questions.push(question);
        drop(waiting);
        self.bell.notify_one();
        true
    }

    /// Has the thread write what waits, and end.
    pub(super) fn end(&self) {
        self.lock().ending = true;
        self.bell.notify_one();
    }

    /// Waits until there is a question, or something to write and the time for that, or the timer is due.
    pub(super) fn wait(&self, write_from: Option<Instant>, timer: Option<Instant>) -> Work {
        let mut waiting = self.lock();
        loop {
            let now = clock::moment();
            let write_at = if waiting.batch.is_empty() {
                None
            } else {
                Some(write_from.unwrap_or(now))
            };
            let due = match (write_at, timer) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            let is_due = due.is_some_and(|due| due <= now);
            if waiting.ending || is_due || !waiting.questions.is_empty() {
                let writes = waiting.ending
                    || !waiting.questions.is_empty()
                    || write_at.is_some_and(|at| at <= now);
                return Work {
                    batch: if writes {
                        mem::take(&mut waiting.batch)
                    } else {
                        Batch::default()
                    },
                    questions: mem::take(&mut waiting.questions),
                    ending: waiting.ending,
                };
            }
            waiting = match due {
                Some(due) => {
                    self.bell
                        .wait_timeout(waiting, due.duration_since(now))
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .bell
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Says what is wrong, or that nothing is any more.
    pub(super) fn tell(&self, sentence: String) {
        self.trouble.send_if_modified(|told| {
            let is_new = *told != sentence;
            *told = sentence;
            is_new
        });
    }

    pub(super) fn trouble(&self) -> watch::Receiver<String> {
        self.trouble.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
