//! What is in one database and has to be in the other: the newest incidents when the disk fails, and what came since when it is back.

use rusqlite::{Connection, params};
use wallwatch_dbus::Alert;

use super::{
    erase,
    file::Database,
    row,
    write::{self, Pen},
};
use crate::clock;

/// So many of the newest incidents are taken along from a disk that takes nothing more.
const TAKEN_ALONG: u32 = 8000;
/// So many incidents are moved in a transaction.
const PIECE: usize = 64;

/// Takes the newest incidents along into memory; an error comes behind what could be read.
pub(super) fn take_along(file: &Connection, memory: &mut Connection) -> rusqlite::Result<()> {
    let transaction = memory.transaction()?;
    let taken = copy(file, &transaction);
    transaction.commit()?;
    taken
}

fn copy(from: &Connection, to: &Connection) -> rusqlite::Result<()> {
    let mut newest = from.prepare(&format!(
        "SELECT {} FROM alert ORDER BY alert.seq DESC LIMIT {TAKEN_ALONG}",
        row::COLUMNS
    ))?;
    let mut pen = Pen::new(to)?;
    for alert in newest.query_map([], row::alert)? {
        let alert = alert?;
        // An incident without its first packets is better than none.
        let facts = row::facts(from, alert.id).unwrap_or_default();
        pen.write(&alert, &facts)?;
    }
    Ok(())
}

/// What the file lacks.
pub(super) struct Owed<'k> {
    /// Changes up to this number are in it.
    pub(super) written: &'k mut u64,
    /// What was forgotten while it was not used.
    pub(super) cleared: &'k mut Option<i64>,
}

impl Owed<'_> {
    /// Writes down what is in memory alone. Where it fails in the middle, the next call goes on from there.
    pub(super) fn pay(self, memory: &mut Connection, file: &mut Database) -> rusqlite::Result<()> {
        if let Some(before) = *self.cleared {
            erase::clear(&mut file.connection, before)?;
            *self.cleared = None;
        }
        loop {
            let piece = piece(memory, *self.written)?;
            let Some(last) = piece.last().map(|alert| alert.seq) else {
                break;
            };
            let transaction = file.connection.transaction()?;
            let mut pen = Pen::new(&transaction)?;
            for alert in &piece {
                pen.write(alert, &row::facts(memory, alert.id)?)?;
            }
            drop(pen);
            write::reach_seq(&transaction, last)?;
            transaction.commit()?;
            *self.written = last;
            erase::prune(&mut file.connection, file.bounds, clock::now())?;
        }
        move_noise(memory, &mut file.connection)?;
        // What the file has already, as when it was taken away and a new one made, is not less than that.
        *self.written = write::last_seq(&file.connection)?.max(*self.written);
        Ok(())
    }
}

fn piece(memory: &Connection, written: u64) -> rusqlite::Result<Vec<Alert>> {
    let mut statement = memory.prepare(&format!(
        "SELECT {} FROM alert WHERE alert.seq > ?1 ORDER BY alert.seq LIMIT {PIECE}",
        row::COLUMNS
    ))?;
    let rows = statement.query_map([row::number(written)], row::alert)?;
    rows.collect()
}

/// Adds the counts of harmless packets, and takes them out of the memory.
fn move_noise(memory: &mut Connection, file: &mut Connection) -> rusqlite::Result<()> {
    let transaction = file.transaction()?;
    let mut counts =
        memory.prepare("SELECT hour, class, packets, first_seen, last_seen FROM noise")?;
    let mut rows = counts.query([])?;
    while let Some(row) = rows.next()? {
        let class: String = row.get(1)?;
        transaction.execute(
            write::ADD_NOISE,
            params![
                row.get::<_, i64>(0)?,
                class,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, i64>(4)?
            ],
        )?;
    }
    let mut examples = memory.prepare("SELECT class, time, source, feed, reason FROM example")?;
    let mut rows = examples.query([])?;
    while let Some(row) = rows.next()? {
        let text = |column| row.get::<_, String>(column);
        transaction.execute(
            write::SHOW_EXAMPLE,
            params![
                text(0)?,
                row.get::<_, i64>(1)?,
                text(2)?,
                text(3)?,
                text(4)?
            ],
        )?;
    }
    transaction.commit()?;
    drop(rows);
    drop(examples);
    memory.execute("DELETE FROM noise", [])?;
    Ok(())
}
