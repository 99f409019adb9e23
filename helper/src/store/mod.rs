//! The history: what became of incidents and of harmless packets, for those who ask later.
//!
//! [`History`] is the handle that everybody holds. It is kept in SQLite, by a thread of its own: writing leaves something in the
//! thread's `inbox` and never waits, asking is a future. The thread's `keeper` writes at most twice a second, each incident
//! once in its latest state, prunes beside it (`erase`), and where the disk fails goes on with a small database in memory,
//! which is written down (`move_over`) when the disk is back. `schema` holds the tables, `row` what is in them, `filter` and
//! `statistics` what can be asked, `file` the file and its faults, and `trouble` the words for them.

mod erase;
mod file;
mod filter;
mod inbox;
mod keeper;
mod move_over;
mod row;
mod schema;
mod statistics;
mod trouble;
mod write;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};
use wallwatch_dbus::{Alert, AlertFilter, NoiseCount, Statistics};

pub use self::filter::{MOST_RETURNED, QueryError};
use self::{file::Place, filter::Wanted, inbox::Inbox, keeper::Keeper, statistics::Stretch};
use crate::{alert::Change, clock, detect::Fact, event::Timestamp, explain::Entry, journal};

/// The stack of the thread, in bytes: SQLite parses deep, and reserved is not used.
const STACK: usize = 512 * 1024;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many days behind its last packet an incident is forgotten.
    pub days: u32,
    /// So many megabytes (millions of bytes) the history may have; the oldest is forgotten first.
    pub megabytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            days: 30,
            megabytes: 50,
        }
    }
}

/// What is done before harmless packets are asked for.
type Gather = Box<dyn Fn() + Send + Sync>;

/// A handle of the history; its clones are handles of the same. The thread ends with the last of them.
#[derive(Clone)]
pub struct History(Arc<Handle>);

struct Handle {
    inbox: Arc<Inbox>,
    /// Changes of earlier runs have smaller numbers.
    first_seq: AtomicU64,
    /// Hands in what was counted and not noted yet.
    gather: Mutex<Option<Gather>>,
    /// Is dropped when the thread has ended.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inbox.end();
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

impl History {
    /// The history in the helper's directory. What is wrong with it [`Self::trouble`] tells, and the journal.
    #[must_use]
    pub fn open(state_dir: &Path, limits: Limits) -> Self {
        Self::start(state_dir, limits, true)
    }

    /// An empty history that ends with its last handle.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::start(Path::new(""), Limits::default(), false)
    }

    fn start(state_dir: &Path, limits: Limits, on_disk: bool) -> Self {
        let place = Place::new(state_dir.join(file::NAME), limits);
        let inbox = Arc::new(Inbox::new());
        let of_thread = Arc::clone(&inbox);
        let (end, ended) = oneshot::channel();
        let work = move || {
            match Keeper::open(place, on_disk, Arc::clone(&of_thread)) {
                Ok(keeper) => keeper.run(),
                Err(error) => give_up(&of_thread, &error),
            }
            drop::<oneshot::Sender<()>>(end);
        };
        let thread = thread::Builder::new()
            .name("history".to_owned())
            .stack_size(STACK);
        if let Err(error) = thread.spawn(work) {
            give_up(&inbox, &error);
        }
        Self(Arc::new(Handle {
            inbox,
            first_seq: AtomicU64::new(0),
            gather: Mutex::default(),
            ended: Mutex::new(Some(ended)),
        }))
    }

    /// The number for the next change. None was used before, also where the clock went back: it is the present time in microseconds or
    /// what follows the last one, and behind it there is one for each incident that was open when the helper ended last.
    pub async fn begin(&self, now: Timestamp) -> u64 {
        let now = u64::try_from(now.0).unwrap_or(1);
        let begin = move |database: &mut Connection| {
            let first = now.max(write::last_seq(database)?.saturating_add(1));
            Ok((first, first.saturating_add(write::orphans(database)?)))
        };
        let (first, next) = self.ask(begin).await.unwrap_or((now, now));
        self.0.first_seq.store(first, Ordering::Relaxed);
        next
    }

    /// Closes those incidents, by changes of their own. For when it is known that no other helper is at work. Never waits.
    pub fn close_orphans(&self) {
        let first = self.0.first_seq.load(Ordering::Relaxed);
        let close = move |keeper: &mut Keeper| {
            // Without an answer they stay open until the next start.
            keeper.ask(|database| write::close_orphans(database, first));
        };
        self.0.inbox.ask(Box::new(close));
    }

    /// Notes what became of an incident, with its first packets. Never waits.
    pub fn record(&self, change: &Change, facts: &[Fact]) {
        self.0.inbox.change(change.alert(), facts);
    }

    /// Goes by other limits from now on; what is too much by them is forgotten. Never waits.
    pub fn limit(&self, limits: Limits) {
        let limit = move |keeper: &mut Keeper| keeper.limit(limits);
        self.0.inbox.ask(Box::new(limit));
    }

    /// Notes what was harmless. Never waits.
    pub fn note_noise(&self, entries: Vec<Entry>) {
        self.0.inbox.noise(entries);
    }

    /// Has `gather` note what was counted and not noted yet, before anybody is told of harmless packets.
    pub fn gather_noise_by(&self, gather: impl Fn() + Send + Sync + 'static) {
        *lock(&self.0.gather) = Some(Box::new(gather));
    }

    /// Alerts that changed after `after_seq`, at most `limit` of them (0 is as many as there may be), without evidence.
    pub async fn query(
        &self,
        after_seq: u64,
        limit: u32,
        filter: AlertFilter,
    ) -> Result<Vec<Alert>, QueryError> {
        let wanted = Wanted::new(after_seq, limit, &filter)?;
        self.ask(move |database| wanted.find(database)).await
    }

    /// One incident in its latest state, with its first packets; `None` where it is not remembered.
    pub async fn alert(&self, id: u64) -> Result<Option<Alert>, QueryError> {
        self.ask(move |database| row::alert_with_evidence(database, id))
            .await
    }

    /// Counts incidents whose first packet came from `from` on (0: the oldest) and before `to` (0: now), in so many buckets of time (0
    /// is 24); times are in microseconds since 1970.
    pub async fn statistics(
        &self,
        from: i64,
        to: i64,
        buckets: u32,
    ) -> Result<Statistics, QueryError> {
        let stretch = Stretch::new(from, to, buckets)?;
        self.gather();
        self.ask(move |database| stretch.count(database, clock::now()))
            .await
    }

    /// The harmless packets of the hours from `from` (0: the oldest) to `to` (0: now) by class, the most first; times are in
    /// microseconds since 1970.
    pub async fn noise(&self, from: i64, to: i64) -> Result<Vec<NoiseCount>, QueryError> {
        self.gather();
        self.ask(move |database| statistics::noise(database, from, to))
            .await
    }

    /// Forgets incidents whose last packet came before this time, in microseconds since 1970, and harmless packets of hours that were
    /// over by then; 0 is all.
    pub async fn clear(&self, before: i64) -> Result<(), QueryError> {
        self.gather();
        self.on_thread(move |keeper| keeper.clear(before)).await
    }

    /// What is wrong, as a sentence that says what to do; empty where nothing is.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<String> {
        self.0.inbox.trouble()
    }

    /// Writes all that waits and closes the file; nothing is remembered or answered from here on.
    pub async fn end(&self) {
        self.0.inbox.end();
        let ended = lock(&self.0.ended).take();
        if let Some(ended) = ended {
            // The thread's end is an error for the channel.
            drop(ended.await);
        }
    }

    fn gather(&self) {
        if let Some(gather) = &*lock(&self.0.gather) {
            gather();
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl Fn(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueryError> {
        self.on_thread(move |keeper| keeper.ask(question)).await
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Keeper) -> Option<T> + Send + 'static,
    ) -> Result<T, QueryError> {
        let (reply, answer) = oneshot::channel();
        let question = Box::new(move |keeper: &mut Keeper| {
            // Whoever asked may be gone.
            drop(reply.send(work(keeper)));
        });
        if !self.0.inbox.ask(question) {
            return Err(QueryError::NoAnswer);
        }
        answer.await.ok().flatten().ok_or(QueryError::NoAnswer)
    }
}

/// Where there is not even a thread, nothing is remembered.
fn give_up(inbox: &Inbox, cause: &dyn std::error::Error) {
    let sentence = format!(
        "Nothing can be remembered ({cause}), so alerts are shown once and are in no list. Start the helper again: sudo systemctl restart wallwatch-helper"
    );
    journal::say(&sentence);
    inbox.tell(sentence);
    inbox.end();
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
