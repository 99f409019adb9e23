//! The thread that owns the database: writes what waits, answers questions, and goes on in memory where the disk fails.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    Limits, erase,
    file::{Database, Fault, Place},
    inbox::{Batch, Change, Inbox, Work},
    move_over, trouble,
    write::{self, Pen},
};
use crate::{clock, explain::Entry, journal};

/// From one writing to the next at least.
const WRITE_INTERVAL: Duration = Duration::from_millis(500);
/// So many incidents are written in a transaction at most, so that the log of changes stays small.
const TRANSACTION: usize = 64;
/// While there is no disk, it is tried so often.
const RETRY: Duration = Duration::from_secs(10);
/// The same where another program only holds it.
const RETRY_BUSY: Duration = Duration::from_secs(2);
/// Behind so long without work, the database gives its caches back.
const IDLE: Duration = Duration::from_secs(3);
/// Behind so long the age of what is kept is looked at again, when there is something to do anyway.
const TIDY: Duration = Duration::from_secs(3600);
/// A question is asked so often at most: of a disk that is busy, of the one that fails, of the new one, and of the memory.
const TRIES: usize = 6;

/// The owner of the database.
pub(super) struct Keeper {
    place: Place,
    inbox: Arc<Inbox>,
    database: Database,
    /// Changes up to this number are in the file; where it is used no more, those behind it are still to be written there.
    written: u64,
    /// What was forgotten while the file was not used.
    cleared: Option<i64>,
    /// When the file is tried again, where it is wanted and not used.
    retry: Option<Instant>,
    /// Is there more to prune, or to give back?
    untidy: bool,
    /// When that was looked at last.
    tidied: Instant,
    /// When caches are given back.
    idle: Option<Instant>,
}

impl Keeper {
    /// Opens the history, on the disk or, where it cannot be had or is not wanted, in memory.
    pub(super) fn open(place: Place, on_disk: bool, inbox: Arc<Inbox>) -> rusqlite::Result<Self> {
        let now = clock::moment();
        let mut keeper = Self {
            database: place.in_memory()?,
            place,
            inbox,
            written: 0,
            cleared: None,
            retry: None,
            untidy: true,
            tidied: now,
            idle: Some(now + IDLE),
        };
        if on_disk {
            keeper.use_file();
        }
        Ok(keeper)
    }

    /// Works until nobody needs the history any more.
    pub(super) fn run(mut self) {
        let mut written_at: Option<Instant> = None;
        loop {
            let write_from = written_at.map(|at| at + WRITE_INTERVAL);
            let Work {
                batch,
                questions,
                ending,
            } = self.inbox.wait(write_from, self.timer());
            let is_work = !batch.is_empty() || !questions.is_empty();
            if !batch.is_empty() {
                self.write(batch);
                written_at = Some(clock::moment());
            }
            for question in questions {
                question(&mut self);
            }
            if ending {
                break;
            }
            self.maintain(is_work);
        }
        if self.retry.is_some() {
            self.use_file();
        }
        let closed = self.database.connection.close();
        if let Err((_, error)) = closed {
            journal::say(&trouble::in_memory(&self.place.path, &error.into()));
        }
    }

    /// When there is something to do besides.
    fn timer(&self) -> Option<Instant> {
        let untidy = self.untidy.then(clock::moment);
        [untidy, self.retry, self.idle].into_iter().flatten().min()
    }

    /// What is done beside the work.
    fn maintain(&mut self, is_work: bool) {
        let now = clock::moment();
        if is_work {
            self.idle = Some(now + IDLE);
            self.untidy |= now.duration_since(self.tidied) >= TIDY;
        }
        if self.retry.is_some_and(|at| at <= now) {
            self.use_file();
        }
        if self.untidy {
            self.tidied = now;
            self.untidy = self.tidy();
        }
        if self.idle.is_some_and(|at| at <= now) {
            self.idle = None;
            // Without it there is a little more memory in use.
            drop(
                self.database
                    .connection
                    .execute_batch("PRAGMA shrink_memory"),
            );
        }
    }

    /// Goes by other limits from now on; what is too much by them is forgotten step by step.
    pub(super) fn limit(&mut self, limits: Limits) {
        self.place = Place::new(std::mem::take(&mut self.place.path), limits);
        self.database.limit(&self.place);
        self.untidy = true;
    }

    /// Asks the database, and the one in its place where it fails; `None` where even the memory does.
    pub(super) fn ask<T>(
        &mut self,
        question: impl Fn(&mut Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        for attempt in 0..TRIES {
            match question(&mut self.database.connection) {
                Ok(answer) => return Some(answer),
                Err(error) => self.mend(error.into(), attempt),
            }
        }
        None
    }

    /// Writes what waited.
    fn write(&mut self, batch: Batch) {
        if batch.lost > 0 {
            journal::say(&trouble::lost(batch.lost));
        }
        if self.database.is_gone(&self.place) {
            journal::say(&trouble::gone(&self.place.path));
            // The old file is closed before there is a new one: SQLite finds what it keeps beside it by its name.
            if let Ok(empty) = self.place.in_memory() {
                self.database = empty;
            }
            self.use_file();
        }
        let mut changes: Vec<Change> = batch.changes.into_values().collect();
        changes.sort_unstable_by_key(|(alert, _)| alert.seq);
        let mut noise = &batch.noise[..];
        let mut pieces = changes.chunks(TRANSACTION);
        loop {
            let piece = pieces.next().unwrap_or_default();
            if piece.is_empty() && noise.is_empty() {
                break;
            }
            let is_written = self.ask(|database| write_piece(database, piece, noise));
            noise = &[];
            let is_file = self.database.is_file();
            if let (Some(()), true, Some((last, _))) = (is_written, is_file, piece.last()) {
                self.written = self.written.max(last.seq);
            }
            self.untidy |= self.prune();
        }
    }

    /// Takes out a step of what is too old or too much; says whether there is more.
    fn prune(&mut self) -> bool {
        let bounds = self.database.bounds;
        self.ask(|database| erase::prune(database, bounds, clock::now()))
            .unwrap_or(false)
    }

    /// Takes out, and gives back, a step of what there is too much of; says whether there is more.
    fn tidy(&mut self) -> bool {
        let bounds = self.database.bounds;
        self.prune()
            || self
                .ask(|database| erase::shrink(database, bounds))
                .unwrap_or(false)
    }

    /// Forgets what ended before this time; 0 is all.
    pub(super) fn clear(&mut self, before: i64) -> Option<()> {
        let cleared = self.ask(|database| erase::clear(database, before));
        if !self.database.is_file() {
            // All is the most.
            let known = self.cleared.unwrap_or(before);
            self.cleared = Some(if before == 0 || known == 0 {
                0
            } else {
                known.max(before)
            });
        }
        cleared
    }

    /// Sees to it that there is a database to go on with.
    fn mend(&mut self, fault: Fault, attempt: usize) {
        if !self.database.is_file() {
            // The memory itself: what is in it is lost, but what comes is kept.
            journal::say(&trouble::in_memory(&self.place.path, &fault));
            if let Ok(empty) = self.place.in_memory() {
                self.database = empty;
            }
            return;
        }
        match fault {
            Fault::Busy if attempt == 0 => {}
            Fault::Damaged => {
                self.leave_file();
                self.begin_anew();
            }
            fault => {
                self.leave_file();
                self.stay_in_memory(&fault);
            }
        }
    }

    /// Goes on in memory, with the newest of what can be read of the file.
    fn leave_file(&mut self) {
        let Ok(mut memory) = self.place.in_memory() else {
            return;
        };
        // What cannot be read is not taken along.
        drop(move_over::take_along(
            &self.database.connection,
            &mut memory.connection,
        ));
        self.database = memory;
    }

    /// Says why, and tries again later.
    fn stay_in_memory(&mut self, fault: &Fault) {
        let sentence = trouble::in_memory(&self.place.path, fault);
        if *self.inbox.trouble().borrow() != sentence {
            journal::say(&sentence);
        }
        self.inbox.tell(sentence);
        let pause = match fault {
            Fault::Busy => RETRY_BUSY,
            _ => RETRY,
        };
        self.retry = Some(clock::moment() + pause);
    }

    /// Goes on in the file, if it can be had, after writing down what is in memory alone.
    pub(super) fn use_file(&mut self) {
        let used = self
            .place
            .open()
            .and_then(|file| self.enter(file, String::new()));
        match used {
            Ok(()) => {}
            Err(Fault::Damaged) => self.begin_anew(),
            Err(fault) => self.stay_in_memory(&fault),
        }
    }

    /// Keeps a damaged file aside and begins a new one, with what is in memory.
    fn begin_anew(&mut self) {
        let Ok(aside) = self.place.set_aside(clock::now()) else {
            self.stay_in_memory(&Fault::Damaged);
            return;
        };
        let sentence = trouble::set_aside(&self.place.path, &aside);
        journal::say(&sentence);
        self.written = 0;
        let used = self
            .place
            .open()
            .and_then(|file| self.enter(file, sentence));
        if let Err(fault) = used {
            self.stay_in_memory(&fault);
        }
    }

    /// Writes down what is in memory alone, and goes on in the file.
    fn enter(&mut self, mut file: Database, sentence: String) -> Result<(), Fault> {
        let owed = move_over::Owed {
            written: &mut self.written,
            cleared: &mut self.cleared,
        };
        let memory = &mut self.database.connection;
        if let Err(error) = owed.pay(memory, &mut file) {
            let fault = Fault::from(error);
            // At the start nothing is in memory that could be newer.
            if fault == Fault::Damaged && self.retry.is_none() {
                drop(move_over::take_along(&file.connection, memory));
            }
            return Err(fault);
        }
        self.database = file;
        self.retry = None;
        self.untidy = true;
        self.inbox.tell(sentence);
        Ok(())
    }
}

/// Writes incidents and counts in one transaction.
fn write_piece(
    database: &mut Connection,
    piece: &[Change],
    noise: &[Entry],
) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    let mut pen = Pen::new(&transaction)?;
    for (alert, facts) in piece {
        pen.write(alert, facts)?;
    }
    drop(pen);
    if let Some((last, _)) = piece.last() {
        write::reach_seq(&transaction, last.seq)?;
    }
    write::add_noise(&transaction, noise)?;
    transaction.commit()
}
