//! The tables of the history on disk, and how those of an older version become those of this one.

use rusqlite::{Connection, params};
use wallwatch_dbus::Alert;

use super::row;

/// Takes a database from one version to the next.
type Step = fn(&Connection) -> rusqlite::Result<()>;

/// What leads from each version to the next, the empty file being version 0. A step that was in a release is never changed.
const STEPS: [Step; 2] = [make_tables, make_words];

/// The version that this program writes (`PRAGMA user_version`).
pub(super) const VERSION: usize = STEPS.len();

/// Version 1: incidents, their first packets, their sources, harmless packets by class and hour, and numbers to remember.
fn make_tables(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(
        "CREATE TABLE alert (
            id INTEGER PRIMARY KEY,
            seq INTEGER NOT NULL,
            kind TEXT NOT NULL,
            severity INTEGER NOT NULL,
            first_seen INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            raised_at INTEGER NOT NULL,
            packets INTEGER NOT NULL,
            packets_to_alert INTEGER NOT NULL,
            protocol TEXT NOT NULL,
            ports TEXT NOT NULL,
            port_count INTEGER NOT NULL,
            closed INTEGER NOT NULL,
            popup INTEGER NOT NULL,
            test INTEGER NOT NULL,
            trusted INTEGER NOT NULL,
            feed TEXT NOT NULL,
            interface TEXT NOT NULL,
            verdict TEXT NOT NULL,
            tool TEXT NOT NULL,
            source_count INTEGER NOT NULL,
            sources TEXT NOT NULL, -- this and the lists below are JSON
            targets TEXT NOT NULL,
            tags TEXT NOT NULL,
            signatures TEXT NOT NULL,
            exposed TEXT NOT NULL,
            reason TEXT NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX alert_by_seq ON alert (seq);
        CREATE INDEX alert_by_time ON alert (first_seen);
        CREATE TABLE evidence (
            alert INTEGER NOT NULL,
            number INTEGER NOT NULL,
            time INTEGER NOT NULL,
            src TEXT NOT NULL,
            dst TEXT NOT NULL,
            protocol INTEGER NOT NULL,
            sport INTEGER,
            dport INTEGER,
            icmp_type INTEGER,
            icmp_code INTEGER,
            len INTEGER NOT NULL,
            ttl INTEGER NOT NULL,
            flags INTEGER,
            fragmented INTEGER NOT NULL,
            verdict TEXT NOT NULL,
            PRIMARY KEY (alert, number)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE source (
            network TEXT NOT NULL,
            address TEXT NOT NULL,
            alert INTEGER NOT NULL,
            PRIMARY KEY (network, address, alert)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE noise (
            hour INTEGER NOT NULL,
            class TEXT NOT NULL,
            packets INTEGER NOT NULL,
            first_seen INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            PRIMARY KEY (hour, class)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE example (
            class TEXT NOT NULL PRIMARY KEY,
            time INTEGER NOT NULL,
            source TEXT NOT NULL,
            feed TEXT NOT NULL,
            reason TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE mark (
            name TEXT NOT NULL PRIMARY KEY,
            value INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;",
    )
}

/// Version 2: what a search for text reads is a narrow table of its own, in the order of the changes, so that it need not read what
/// nobody searches.
fn make_words(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(
        "CREATE TABLE words (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            severity INTEGER NOT NULL,
            words TEXT NOT NULL
        ) STRICT;",
    )?;
    let mut all = database.prepare(
        "SELECT seq, kind, severity, ports, tool, interface, sources, targets, tags, signatures FROM alert ORDER BY seq",
    )?;
    let mut insert = database
        .prepare("INSERT INTO words (seq, kind, severity, words) VALUES (?1, ?2, ?3, ?4)")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, severity): (i64, i64) = (row.get("seq")?, row.get("severity")?);
        let list = |column| Ok::<_, rusqlite::Error>(row::list(&row.get::<_, String>(column)?));
        let words = row::words(&Alert {
            kind: row.get("kind")?,
            ports: row.get("ports")?,
            tool: row.get("tool")?,
            interface: row.get("interface")?,
            sources: list("sources")?,
            targets: list("targets")?,
            tags: list("tags")?,
            signatures: row::list(&row.get::<_, String>("signatures")?),
            ..Alert::default()
        });
        insert.execute(params![seq, row.get::<_, String>("kind")?, severity, words])?;
    }
    Ok(())
}

/// The version of the tables in a database.
pub(super) fn version(database: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // A version below 0 was written by nobody.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Brings a database from its version to `goal`, each step in a transaction of its own, so that an end in the middle loses nothing.
pub(super) fn migrate(database: &mut Connection, goal: usize) -> rusqlite::Result<()> {
    let found = version(database)?;
    for (number, step) in STEPS.iter().enumerate().take(goal).skip(found) {
        let transaction = database.transaction()?;
        step(&transaction)?;
        transaction.execute_batch(&format!("PRAGMA user_version = {}", number + 1))?;
        transaction.commit()?;
    }
    Ok(())
}
