//! Keeps the book of rules in a file, and tells detection of each change.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use tokio::task;
use wallwatch_dbus::Rule as Record;

use super::{AddError, Book, RemoveError, Rule, Rules, account};
use crate::{clock, event::Timestamp, journal};

/// The file in the state directory.
pub const FILE: &str = "rules.toml";
/// A larger file is none of ours, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;
/// So many damaged files are kept aside; a further one takes the place of the last.
const MOST_ASIDE: u32 = 9;

/// Why a rule was neither added nor removed. Each is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be added.
    #[error(transparent)]
    Add(#[from] AddError),
    /// It cannot be removed.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// It could not be remembered, so nothing was changed.
    #[error("The rules cannot be written to {}, so nothing was changed: {cause}.", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// The book, its file, and the rules of the configuration beside it.
#[derive(Debug)]
pub struct Keeper {
    path: PathBuf,
    fixed: Vec<Rule>,
    book: Book,
    /// Why rules that had been added are not there, as a sentence.
    complaint: Option<String>,
}

impl Keeper {
    /// Reads the book of this directory, beside these rules of the configuration. A damaged file is kept aside, and that is said.
    #[must_use]
    pub fn open(state_dir: &Path, fixed: Vec<Rule>) -> Self {
        let path = state_dir.join(FILE);
        let (book, complaint) = match read(&path) {
            Ok(book) => (book, None),
            Err(damage) => {
                let (book, complaint) = put_aside(&path, &damage);
                journal::say(&complaint);
                (book, Some(complaint))
            }
        };
        Self {
            path,
            fixed,
            book,
            complaint,
        }
    }

    /// Why rules that had been added are not there, as a sentence; `None` where all are.
    #[must_use]
    pub fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// All rules as detection asks for them; what the configuration says holds before what was added.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let added = self.book.entries().iter().map(|entry| &entry.rule);
        Rules::of(added.chain(&self.fixed))
    }

    /// All rules as they stand on the bus, those of the configuration first.
    #[must_use]
    pub fn list(&self) -> Vec<Record> {
        let fixed = self.fixed.iter().map(|rule| Record {
            fixed: true,
            ..rule.to_record()
        });
        let added = self.book.entries().iter().map(super::Entry::to_record);
        fixed.chain(added).collect()
    }

    /// Takes over other rules of the configuration.
    pub fn fix(&mut self, fixed: Vec<Rule>) {
        self.fixed = fixed;
    }

    /// Adds a rule for the account `uid` and remembers it; returns its number, see [`Book::add`].
    pub async fn add(&mut self, rule: Rule, uid: u32) -> Result<u64, Error> {
        let who = account::name_of(uid);
        self.change(|book, fixed| Ok(book.add(rule, fixed, (uid, &who), clock::now())?))
            .await
    }

    /// Removes a rule, for good.
    pub async fn remove(&mut self, id: u64) -> Result<(), Error> {
        self.change(|book, _| Ok(book.remove(id)?)).await
    }

    /// Changes the book, once that is on the disk.
    async fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Book, &[Rule]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut book = self.book.clone();
        let done = change(&mut book, &self.fixed)?;
        if book == self.book {
            return Ok(done);
        }
        let (path, text) = (self.path.clone(), book.to_text());
        // A disk may take its time, in which the helper goes on.
        let written = task::spawn_blocking(move || write(&path, &text)).await;
        let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|cause| Error::Write {
            path: self.path.clone(),
            cause,
        })?;
        self.book = book;
        Ok(done)
    }
}

/// Why a file is not the book it should be.
struct Damage {
    /// In a sentence without its end.
    why: String,
    /// What could be read of it.
    text: String,
}

fn read(path: &Path) -> Result<Book, Damage> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Book::default()),
        Err(error) => {
            return Err(Damage {
                why: error.to_string(),
                text: String::new(),
            });
        }
    };
    Book::from_text(&text).map_err(|why| Damage { why, text })
}

fn read_text(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MOST_BYTES {
        return Err(io::Error::other("it is larger than a mebibyte"));
    }
    fs::read_to_string(path)
}

/// Keeps a damaged file aside; returns an empty book that goes on with its numbers, and the sentence to be said.
fn put_aside(path: &Path, damage: &Damage) -> (Book, String) {
    let aside = (1..=MOST_ASIDE).map(|n| path.with_extension(format!("damaged-{n}")));
    let mut aside = aside.collect::<Vec<_>>();
    let last = aside
        .pop()
        .unwrap_or_else(|| path.with_extension("damaged"));
    let aside = aside
        .into_iter()
        .find(|path| !path.exists())
        .unwrap_or(last);
    let kept = match fs::rename(path, &aside) {
        Ok(()) => format!("it is kept as {}", aside.display()),
        Err(error) => format!("it cannot be kept aside ({error})"),
    };
    let complaint = format!(
        "The rules in {} cannot be read, so none of them holds ({}); {kept}. Add them again, or mend that file and put it back.",
        path.display(),
        damage.why.escape_debug()
    );
    (
        Book::from_number(next_number(&damage.text, clock::now())),
        complaint,
    )
}

/// A number that was never used, as far as the text of a damaged file tells; the time in seconds where it tells nothing.
fn next_number(text: &str, now: Timestamp) -> u64 {
    let numbers = text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value: u64 = value.trim().parse().ok()?;
        match key.trim() {
            "next-id" => Some(value),
            "id" => value.checked_add(1),
            _ => None,
        }
    });
    let seconds = u64::try_from(now.0 / Timestamp::SECOND).unwrap_or(1).max(1);
    numbers
        .max()
        .filter(|number| *number > 0)
        .unwrap_or(seconds)
}

/// Writes the file as a whole or not at all; when it returns it is on the disk.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    // The name is a part of the directory.
    let dir = path.parent().ok_or(io::ErrorKind::NotFound)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use wallwatch_test_support::TempDir;

    use super::*;

    fn rule(text: &str) -> Rule {
        toml::from_str(text).unwrap()
    }

    #[tokio::test]
    async fn what_was_added_is_there_after_a_start() {
        let dir = TempDir::new();
        let mut keeper = Keeper::open(dir.path(), Vec::new());
        assert!(keeper.complaint().is_none());
        let trust = rule("type = \"trust\"\nsource = \"192.0.2.7\"");
        assert_eq!(keeper.add(trust, 0).await.unwrap(), 1);
        let fixed = vec![rule("type = \"mute\"\nport = 22")];
        let mut again = Keeper::open(dir.path(), fixed);
        let list = again.list();
        assert_eq!(list.len(), 2);
        assert_eq!((list[0].id, list[0].fixed, list[0].port), (0, true, 22));
        assert_eq!(
            (
                list[1].id,
                list[1].fixed,
                list[1].source.as_str(),
                list[1].added_by.as_str()
            ),
            (1, false, "192.0.2.7", "root")
        );
        assert!((clock::now().0 - list[1].added_at).abs() < 60 * Timestamp::SECOND);
        again.remove(1).await.unwrap();
        assert!(Keeper::open(dir.path(), Vec::new()).list().is_empty());
    }

    #[tokio::test]
    async fn a_damaged_file_is_kept_aside_and_its_numbers_are_not_used_again() {
        let dir = TempDir::new();
        let path = dir.path().join(FILE);
        fs::write(&path, "next-id = 8\n[[rule]]\nid = 7\nrule = {").unwrap();
        let mut keeper = Keeper::open(dir.path(), Vec::new());
        let complaint = keeper.complaint().unwrap().to_owned();
        let aside = dir.path().join("rules.damaged-1");
        assert!(
            complaint.contains("line 4") && complaint.contains(&aside.display().to_string()),
            "{complaint}"
        );
        assert!(
            fs::read_to_string(&aside)
                .unwrap()
                .starts_with("next-id = 8")
        );
        let trust = rule("type = \"trust\"\nsource = \"192.0.2.7\"");
        assert_eq!(keeper.add(trust, 0).await.unwrap(), 8);
    }

    #[test]
    fn further_damaged_files_take_no_more_room() {
        let dir = TempDir::new();
        for _ in 0..12 {
            fs::write(dir.path().join(FILE), "x").unwrap();
            drop(Keeper::open(dir.path(), Vec::new()));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 9);
    }

    #[tokio::test]
    async fn what_cannot_be_written_does_not_hold() {
        let dir = TempDir::new();
        let mut keeper = Keeper::open(&dir.path().join("missing"), Vec::new());
        let trust = rule("type = \"trust\"\nsource = \"192.0.2.7\"");
        let error = keeper.add(trust, 0).await.unwrap_err().to_string();
        assert!(
            error.contains("missing/rules.toml, so nothing was changed"),
            "{error}"
        );
        assert_eq!(keeper.rules(), Rules::default());
    }

    #[test]
    fn the_numbers_of_a_damaged_file_are_found_where_they_can_be() {
        let now = Timestamp(1_800_000_000_000_000);
        assert_eq!(next_number("", now), 1_800_000_000);
        assert_eq!(next_number("id = 5\nnext-id = junk\n", now), 6);
        assert_eq!(
            next_number(
                "next-id = 18446744073709551615\nid = 18446744073709551615",
                now
            ),
            u64::MAX
        );
    }
}
