//! What is taken out of the history: the oldest where there is too much of it, and what somebody wants forgotten.

use rusqlite::{Connection, Statement};

use super::{row, write::HOUR};
use crate::event::Timestamp;

/// So many incidents are taken out in a step: some milliseconds of work.
const STEP: u32 = 256;
/// So many pages are given back to the file system in a step: one MiB.
const VACUUM_STEP: u32 = 256;

/// How much there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The pages that the file may have.
    pub(super) pages: u32,
    /// How long an incident is kept behind its last packet, in microseconds.
    pub(super) age: i64,
}

impl Bounds {
    /// Beyond so many used pages the oldest are taken out: what is written in one go has to fit in as well.
    const fn goal(self) -> u32 {
        self.pages - self.pages / 16
    }
}

/// Takes incidents out, by statements that are prepared once.
struct Eraser<'c> {
    alert: Statement<'c>,
    words: Statement<'c>,
    source: Statement<'c>,
    evidence: Statement<'c>,
}

/// What has to be known of an incident to take it out.
struct Doomed {
    id: i64,
    seq: i64,
    sources: String,
    last_seen: i64,
}

impl<'c> Eraser<'c> {
    fn new(database: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            alert: database.prepare("DELETE FROM alert WHERE id = ?1")?,
            words: database.prepare("DELETE FROM words WHERE seq = ?1")?,
            source: database
                .prepare("DELETE FROM source WHERE network = ?1 AND address = ?2 AND alert = ?3")?,
            evidence: database.prepare("DELETE FROM evidence WHERE alert = ?1")?,
        })
    }

    fn erase(&mut self, doomed: &Doomed) -> rusqlite::Result<()> {
        for address in row::list::<String>(&doomed.sources) {
            self.source
                .execute((row::network(&address), address, doomed.id))?;
        }
        self.evidence.execute([doomed.id])?;
        self.words.execute([doomed.seq])?;
        self.alert.execute([doomed.id])?;
        Ok(())
    }
}

/// The incidents behind the change `seq` that changed the longest ago, a step of them.
fn oldest(database: &Connection, seq: i64) -> rusqlite::Result<Vec<Doomed>> {
    let mut statement = database.prepare(&format!(
        "SELECT id, seq, sources, last_seen FROM alert WHERE seq > ?1 ORDER BY seq LIMIT {STEP}"
    ))?;
    let rows = statement.query_map([seq], |row| {
        Ok(Doomed {
            id: row.get(0)?,
            seq: row.get(1)?,
            sources: row.get(2)?,
            last_seen: row.get(3)?,
        })
    })?;
    rows.collect()
}

fn pragma(database: &Connection, name: &str) -> rusqlite::Result<u32> {
    database.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

/// Takes out what is too old, and a step of the oldest where there is too much; says whether there is more to take out.
pub(super) fn prune(
    database: &mut Connection,
    bounds: Bounds,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let used = pragma(database, "page_count")? - pragma(database, "freelist_count")?;
    let is_over = used > bounds.goal();
    let before = now.plus(-bounds.age).0;
    let transaction = database.transaction()?;
    let oldest = oldest(&transaction, 0)?;
    let mut eraser = Eraser::new(&transaction)?;
    let mut count = 0;
    for doomed in &oldest {
        if is_over || doomed.last_seen < before {
            eraser.erase(doomed)?;
            count += 1;
        }
    }
    drop(eraser);
    transaction.execute("DELETE FROM noise WHERE hour < ?1", [before - HOUR])?;
    if is_over && oldest.is_empty() {
        // Noise alone: its oldest hour, and all of them one after the other if need be.
        transaction.execute(
            "DELETE FROM noise WHERE hour = (SELECT min(hour) FROM noise)",
            [],
        )?;
    }
    transaction.commit()?;
    Ok(count == oldest.len() && count > 0)
}

/// Gives back what the file has too much of, a step of it; says whether there is more to give back.
pub(super) fn shrink(database: &Connection, bounds: Bounds) -> rusqlite::Result<bool> {
    let free = pragma(database, "freelist_count")?;
    let pages = pragma(database, "page_count")?;
    let is_too_large = pages > bounds.pages && free > 0;
    // Else some free pages are left, since what is written next takes them.
    if !is_too_large && free <= VACUUM_STEP.max(pages / 4) {
        return Ok(false);
    }
    vacuum(database)?;
    Ok(true)
}

/// Gives back one step of free pages.
fn vacuum(database: &Connection) -> rusqlite::Result<()> {
    let mut statement = database.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_STEP})"))?;
    let mut rows = statement.query([])?;
    // Each row is a page given back.
    while rows.next()?.is_some() {}
    Ok(())
}

/// Forgets the incidents whose last packet came before this time, and the harmless packets of hours that ended before it; 0 is all.
/// What the file has too much of then is given back.
pub(super) fn clear(database: &mut Connection, before: i64) -> rusqlite::Result<()> {
    if before == 0 {
        let transaction = database.transaction()?;
        for table in ["alert", "words", "source", "evidence", "noise", "example"] {
            transaction.execute(&format!("DELETE FROM {table}"), [])?;
        }
        transaction.commit()?;
    } else {
        database.execute("DELETE FROM noise WHERE hour < ?1", [before - HOUR])?;
        let mut seq = 0;
        loop {
            let transaction = database.transaction()?;
            let step = oldest(&transaction, seq)?;
            let mut eraser = Eraser::new(&transaction)?;
            for doomed in step.iter().filter(|doomed| doomed.last_seen < before) {
                eraser.erase(doomed)?;
            }
            drop(eraser);
            transaction.commit()?;
            match step.last() {
                Some(last) => seq = last.seq,
                None => break,
            }
        }
    }
    while pragma(database, "freelist_count")? > 0 {
        vacuum(database)?;
    }
    // What was forgotten shall not stand in the log any more either. Somebody else who reads at the moment keeps it a little longer.
    let busy: i64 = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    debug_assert!(busy <= 1, "a truth value");
    Ok(())
}
