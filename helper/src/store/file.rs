//! The database's file: opened, looked at, and kept aside where it is damaged.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    Limits,
    erase::Bounds,
    schema::{self, VERSION},
    write::HOUR,
};
use crate::event::Timestamp;

/// The file in the helper's directory.
pub(super) const NAME: &str = "history.db";
/// What else SQLite keeps beside it.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// So many damaged files are kept.
const MOST_KEPT: usize = 3;
/// The bytes of a page.
const PAGE: u64 = 4096;
/// The index of the log, in bytes, twice of what SQLite makes it for a log of that size (sqlite.org/walformat.html).
const INDEX: u64 = 64 << 10;
/// What is in memory alone may take so many bytes: some ten thousand incidents.
const MEMORY: u64 = 10_000_000;
/// So long is waited for another program that reads or writes at the moment.
const BUSY: Duration = Duration::from_millis(250);

/// Why there is no database on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// What stands in the file is no database, or not a whole one.
    Damaged,
    /// It was written by a newer version of this program.
    Newer(usize),
    /// There is no room on the disk.
    Full,
    /// Somebody else holds it.
    Busy,
    /// The file system refuses, in its words.
    Refused(String),
    /// Something else, in SQLite's words.
    Other(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // Where there is no code a value has another type than its column, or a text is none.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => Self::Damaged,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(
                ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure,
            ) => Self::Refused(words(&error)),
            Some(_) => Self::Other(words(&error)),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            Self::Full
        } else {
            let text = error.to_string();
            Self::Refused(text.split(" (os error").next().unwrap_or(&text).to_owned())
        }
    }
}

/// SQLite's words without the file's name, which the sentence has already.
fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(words)) => {
            words.split(": /").next().unwrap_or(words).to_owned()
        }
        other => other.to_string(),
    }
}

/// Where the history lies, and how large it may be.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The bytes that the file and what SQLite keeps beside it may have.
    pub(super) bytes: u64,
    /// How long an incident is kept, in microseconds.
    pub(super) age: i64,
}

impl Place {
    /// Where it lies, with these limits.
    pub(super) fn new(path: PathBuf, limits: Limits) -> Self {
        Self {
            path,
            bytes: u64::from(limits.megabytes) * 1_000_000,
            age: i64::from(limits.days) * 24 * HOUR,
        }
    }
}

/// Which file of the disk it is: its device and its number there.
type Identity = (u64, u64);

/// An open database.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) bounds: Bounds,
    /// The file that it is; none where it is in memory.
    identity: Option<Identity>,
}

impl Place {
    /// What the log of changes, which SQLite keeps beside the file until they are in it, may take of the bytes.
    fn log_bytes(&self) -> u64 {
        (self.bytes / 6).clamp(2 << 20, 4 << 20)
    }

    fn bounds(&self) -> Bounds {
        let beside = self.log_bytes() + INDEX;
        let pages = self.bytes.saturating_sub(beside) / PAGE;
        Bounds {
            pages: u32::try_from(pages).unwrap_or(u32::MAX),
            age: self.age,
        }
    }

    /// Keeps the log of changes small.
    fn limit_log(&self, connection: &Connection) -> rusqlite::Result<()> {
        let log = self.log_bytes();
        connection.execute_batch(&format!(
            "PRAGMA wal_autocheckpoint = {}; PRAGMA journal_size_limit = {log};",
            log / PAGE / 4
        ))
    }

    /// Opens the file, or makes it.
    pub(super) fn open(&self) -> Result<Database, Fault> {
        // Made here, so that it belongs to its owner alone; SQLite gives what it keeps beside it the same rights.
        let made = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        drop(made);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        let version = schema::version(&connection)?;
        if version > VERSION {
            return Err(Fault::Newer(version));
        }
        prepare(&connection, "WAL")?;
        connection.execute_batch("PRAGMA synchronous = NORMAL;")?;
        self.limit_log(&connection)?;
        schema::migrate(&mut connection, VERSION)?;
        Ok(Database {
            connection,
            bounds: self.bounds(),
            identity: identity(&self.path),
        })
    }

    /// An empty history in memory.
    pub(super) fn in_memory(&self) -> rusqlite::Result<Database> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&connection, "MEMORY")?;
        schema::migrate(&mut connection, VERSION)?;
        Ok(Database {
            connection,
            bounds: self.bounds_in_memory(),
            identity: None,
        })
    }

    fn bounds_in_memory(&self) -> Bounds {
        Bounds {
            pages: u32::try_from(MEMORY.min(self.bytes) / PAGE).unwrap_or(u32::MAX),
            age: self.age,
        }
    }

    /// Moves the file out of the way, with what SQLite kept beside it, and forgets the oldest of those that were moved before. Returns
    /// where it is now.
    pub(super) fn set_aside(&self, now: Timestamp) -> io::Result<PathBuf> {
        let aside = with_suffix(
            &self.path,
            &format!(".damaged-{}", now.0 / Timestamp::SECOND),
        );
        fs::rename(&self.path, &aside)?;
        for beside in BESIDE {
            let moved = fs::rename(with_suffix(&self.path, beside), with_suffix(&aside, beside));
            if let Err(error) = moved
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        let kept = self.kept_aside()?;
        for old in &kept[..kept.len().saturating_sub(MOST_KEPT)] {
            fs::remove_file(old)?;
            for beside in BESIDE {
                // Most have none.
                drop(fs::remove_file(with_suffix(old, beside)));
            }
        }
        Ok(aside)
    }

    /// The damaged files that are kept, the oldest first.
    fn kept_aside(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let prefix = format!("{NAME}.damaged-");
        let mut kept: Vec<(u64, PathBuf)> = fs::read_dir(folder)?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let time = entry.file_name().to_str()?.strip_prefix(&prefix)?.parse();
                Some((time.ok()?, entry.path()))
            })
            .collect();
        kept.sort_unstable();
        Ok(kept.into_iter().map(|(_, path)| path).collect())
    }
}

/// Tells SQLite what every database of ours is like.
fn prepare(connection: &Connection, journal: &str) -> rusqlite::Result<()> {
    // `auto_vacuum` holds for a new file alone, before anything is in it. `cell_size_check` finds damage early. The cache is small:
    // the kernel has one of its own.
    connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL;")?;
    let _: String =
        connection.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |row| {
            row.get(0)
        })?;
    connection.execute_batch(
        "PRAGMA cache_size = -1024; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = OFF;",
    )
}

impl Database {
    /// Is it on the disk?
    pub(super) const fn is_file(&self) -> bool {
        self.identity.is_some()
    }

    /// Goes by the limits that its place has now.
    pub(super) fn limit(&mut self, place: &Place) {
        if self.is_file() {
            self.bounds = place.bounds();
            // A log that is as small as it was before is right too.
            drop(place.limit_log(&self.connection));
        } else {
            self.bounds = place.bounds_in_memory();
        }
    }

    /// Is it a file that somebody has taken away?
    pub(super) fn is_gone(&self, place: &Place) -> bool {
        self.is_file() && self.identity != identity(&place.path)
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
