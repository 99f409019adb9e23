//! What is written into the history: incidents with all that is kept of them, harmless packets, and the number reached.

use rusqlite::{Connection, OptionalExtension as _, Statement, params};
use wallwatch_dbus::Alert;

use super::row;
use crate::{detect::Fact, event::Timestamp, explain::Entry};

/// Harmless packets are counted by the hour, in microseconds.
pub(super) const HOUR: i64 = 3600 * Timestamp::SECOND;

/// Writes incidents, by statements that are prepared once.
pub(super) struct Pen<'c> {
    known: Statement<'c>,
    alert: Statement<'c>,
    words: Statement<'c>,
    no_words: Statement<'c>,
    source: Statement<'c>,
    no_source: Statement<'c>,
    evidence: Statement<'c>,
}

impl<'c> Pen<'c> {
    pub(super) fn new(database: &'c Connection) -> rusqlite::Result<Self> {
        let columns = row::COLUMNS.replace("alert.", "");
        let places = vec!["?"; columns.split(',').count()].join(", ");
        let prepare = |sql: &str| database.prepare(sql);
        Ok(Self {
            known: prepare("SELECT seq, sources FROM alert WHERE id = ?1")?,
            alert: prepare(&format!(
                "INSERT OR REPLACE INTO alert ({columns}) VALUES ({places})"
            ))?,
            words: prepare(
                "INSERT OR REPLACE INTO words (seq, kind, severity, words) VALUES (?1, ?2, ?3, ?4)",
            )?,
            no_words: prepare("DELETE FROM words WHERE seq = ?1")?,
            source: prepare(
                "INSERT OR IGNORE INTO source (network, address, alert) VALUES (?1, ?2, ?3)",
            )?,
            no_source: prepare(
                "DELETE FROM source WHERE network = ?1 AND address = ?2 AND alert = ?3",
            )?,
            evidence: prepare(row::INSERT_EVIDENCE)?,
        })
    }

    /// Writes the latest state of an incident, in place of what was known of it.
    pub(super) fn write(&mut self, alert: &Alert, facts: &[Fact]) -> rusqlite::Result<()> {
        let id = row::number(alert.id);
        let known: Option<(i64, String)> = self
            .known
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let mut gone: Vec<String> = Vec::new();
        if let Some((seq, sources)) = known {
            self.no_words.execute([seq])?;
            gone = row::list(&sources);
        }
        row::with_columns(alert, |columns| self.alert.execute(&columns[..]))?;
        self.words.execute(params![
            row::number(alert.seq),
            alert.kind,
            alert.severity,
            row::words(alert)
        ])?;
        for address in alert.sources.iter().filter(|one| !gone.contains(one)) {
            self.source
                .execute(params![row::network(address), address, id])?;
        }
        for address in gone.iter().filter(|one| !alert.sources.contains(one)) {
            self.no_source
                .execute(params![row::network(address), address, id])?;
        }
        for (number, fact) in facts.iter().enumerate() {
            row::with_fact(alert.id, number, fact, |columns| {
                self.evidence.execute(&columns[..])
            })?;
        }
        Ok(())
    }
}

/// Remembers that changes were numbered up to `seq`, also where the last of them is forgotten one day.
pub(super) fn reach_seq(database: &Connection, seq: u64) -> rusqlite::Result<()> {
    database.execute(
        "INSERT INTO mark (name, value) VALUES ('last-seq', ?1)
         ON CONFLICT (name) DO UPDATE SET value = max(value, ?1)",
        [row::number(seq)],
    )?;
    Ok(())
}

/// The number of the last change that is known; 0 where there is none.
pub(super) fn last_seq(database: &Connection) -> rusqlite::Result<u64> {
    let seq: i64 = database.query_row(
        "SELECT max(ifnull((SELECT max(seq) FROM alert), 0), ifnull((SELECT value FROM mark WHERE name = 'last-seq'), 0))",
        [],
        |row| row.get(0),
    )?;
    Ok(u64::try_from(seq).unwrap_or(0))
}

/// How many incidents are open.
pub(super) fn orphans(database: &Connection) -> rusqlite::Result<u64> {
    let open: i64 =
        database.query_row("SELECT count(*) FROM alert WHERE NOT closed", [], |row| {
            row.get(0)
        })?;
    Ok(u64::try_from(open).unwrap_or(0))
}

/// Closes the incidents that were open when the helper ended: those that changed last before `first`. Their changes are numbered from
/// `first` on.
pub(super) fn close_orphans(database: &mut Connection, first: u64) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    let mut statement = transaction.prepare(&format!(
        "SELECT {} FROM alert WHERE NOT closed AND alert.seq < ?1 ORDER BY alert.seq",
        row::COLUMNS
    ))?;
    let orphans = statement.query_map([row::number(first)], row::alert)?;
    let orphans = orphans.collect::<rusqlite::Result<Vec<_>>>()?;
    drop(statement);
    let mut pen = Pen::new(&transaction)?;
    for (seq, orphan) in (first..).zip(orphans) {
        let closed = Alert {
            seq,
            closed: true,
            ..orphan
        };
        pen.write(&closed, &[])?;
        reach_seq(&transaction, seq)?;
    }
    drop(pen);
    transaction.commit()
}

/// Adds to the count of a class in an hour.
pub(super) const ADD_NOISE: &str = "INSERT INTO noise (hour, class, packets, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (hour, class) DO UPDATE SET packets = packets + ?3, first_seen = min(first_seen, ?4), last_seen = max(last_seen, ?5)";
/// Takes in a late example of a class.
pub(super) const SHOW_EXAMPLE: &str =
    "INSERT INTO example (class, time, source, feed, reason) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (class) DO UPDATE SET time = ?2, source = ?3, feed = ?4, reason = ?5";

/// Adds what was harmless to the counts of its class in the hour of its latest packet.
pub(super) fn add_noise(database: &Connection, entries: &[Entry]) -> rusqlite::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut count = database.prepare(ADD_NOISE)?;
    let mut example = database.prepare(SHOW_EXAMPLE)?;
    for entry in entries {
        let class = entry.noise.as_str();
        let last_seen = entry.last_seen.0;
        count.execute(params![
            last_seen - last_seen.rem_euclid(HOUR),
            class,
            row::number(entry.packets),
            entry.first_seen.0,
            last_seen
        ])?;
        let shown = &entry.example;
        example.execute(params![
            class,
            shown.time.0,
            shown.src.to_string(),
            shown.feed.as_str(),
            shown.reason
        ])?;
    }
    Ok(())
}
