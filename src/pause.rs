//! The user's pause of popups: when it ends, and its file, so that it outlives the program.
//!
//! The file holds two times in TOML: when the pause began and when it ends. The beginning tells whether the clock went back since:
//! then the pause begins anew, with its whole length, instead of lasting until the clock has caught up.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::say;

/// The end of a pause that only the user ends.
pub const UNTIL_RESUMED: i64 = i64::MAX;

/// A file longer than this is none of ours.
const MAX_FILE: u64 = 1024;

/// A pause as it stands in the file; times in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    since: i64,
    until: i64,
}

impl Span {
    /// The pause as it is at a time, or none where it is over.
    fn at(self, now: i64) -> Option<Self> {
        if self.until == UNTIL_RESUMED {
            Some(self)
        } else if now < self.since {
            let length = self.until.saturating_sub(self.since);
            Some(Self {
                since: now,
                until: now.saturating_add(length),
            })
        } else if now < self.until {
            Some(self)
        } else {
            None
        }
    }
}

/// The pause of popups.
#[derive(Debug)]
pub struct Pause {
    span: Option<Span>,
    /// Where it is remembered; none where the user has no home.
    file: Option<PathBuf>,
}

impl Pause {
    /// The pause that the file remembers; a file that is missing or broken remembers none.
    #[must_use]
    pub fn load(file: Option<PathBuf>, now: i64) -> Self {
        let remembered = file.as_deref().and_then(|path| match read(path) {
            Ok(span) => Some(span),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                say::warn(format_args!(
                    "the pause in {} is not readable ({error}), so popups are shown",
                    path.display()
                ));
                None
            }
        });
        let mut pause = Self {
            span: remembered,
            file,
        };
        pause.end_if_over(now);
        pause
    }

    /// When popups resume, in microseconds since 1970: 0 is not paused, [`UNTIL_RESUMED`] when the user says so.
    #[must_use]
    pub fn until(&self) -> i64 {
        self.span.map_or(0, |span| span.until)
    }

    /// Is a popup held back now? A pause that is over by the clock ends here, even where its timer slept with the computer.
    pub fn holds(&mut self, now: i64) -> bool {
        self.end_if_over(now);
        self.span.is_some()
    }

    /// How long it still lasts; none where no time ends it.
    #[must_use]
    pub fn remaining(&self, now: i64) -> Option<Duration> {
        let span = self.span.filter(|span| span.until != UNTIL_RESUMED)?;
        u64::try_from(span.until.saturating_sub(now))
            .ok()
            .map(Duration::from_micros)
            .or(Some(Duration::ZERO))
    }

    /// Pauses for so many seconds from now; 0 is until resumed.
    pub fn begin(&mut self, seconds: u64, now: i64) {
        let length = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000);
        let until = if seconds == 0 {
            UNTIL_RESUMED
        } else {
            now.saturating_add(length)
        };
        self.span = Some(Span { since: now, until });
        self.remember();
    }

    /// Ends the pause.
    pub fn end(&mut self) {
        if self.span.take().is_some() {
            self.remember();
        }
    }

    fn end_if_over(&mut self, now: i64) {
        let at = self.span.and_then(|span| span.at(now));
        if at != self.span {
            self.span = at;
            self.remember();
        }
    }

    /// Writes the file anew, or removes it.
    fn remember(&self) {
        let Some(path) = &self.file else { return };
        let done = match self.span {
            Some(span) => write(path, span),
            None => match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        };
        if let Err(error) = done {
            say::warn(format_args!(
                "the pause is not remembered over a restart: {}: {error}",
                path.display()
            ));
        }
    }
}

fn read(path: &Path) -> io::Result<Span> {
    let broken = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(broken("it is too long".to_owned()));
    }
    let span: Span = toml::from_str(&fs::read_to_string(path)?)
        .map_err(|error| broken(error.message().to_owned()))?;
    if span.until < span.since {
        Err(broken("it ends before it begins".to_owned()))
    } else {
        Ok(span)
    }
}

/// Writes beside the file and renames, so that a crash leaves the old one or the new one.
fn write(path: &Path, span: Span) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        // The specification's mode for directories that do not exist yet.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    let beside = path.with_extension("new");
    let text = toml::to_string(&span).map_err(io::Error::other)?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use wallwatch_test_support::TempDir;

    use super::*;

    const MINUTE: i64 = 60_000_000;

    /// The file in a user's directory.
    fn file(home: &TempDir) -> PathBuf {
        home.path().join("state/wallwatch/pause")
    }

    #[test]
    fn a_pause_ends_on_time() {
        let mut pause = Pause::load(None, 0);
        assert!(!pause.holds(5 * MINUTE));
        pause.begin(15 * 60, 5 * MINUTE);
        assert_eq!(pause.until(), 20 * MINUTE);
        assert_eq!(pause.remaining(15 * MINUTE), Some(Duration::from_secs(300)));
        assert!(pause.holds(20 * MINUTE - 1));
        assert!(!pause.holds(20 * MINUTE));
        assert_eq!(pause.until(), 0);
    }

    #[test]
    fn a_pause_without_end_ends_when_the_user_says_so() {
        let mut pause = Pause::load(None, 0);
        pause.begin(0, MINUTE);
        assert_eq!(pause.until(), UNTIL_RESUMED);
        assert_eq!(pause.remaining(MINUTE), None);
        assert!(pause.holds(i64::MAX - 1));
        pause.end();
        assert!(!pause.holds(MINUTE));
    }

    #[test]
    fn a_pause_is_remembered_until_it_is_over() {
        let home = TempDir::new();
        let path = file(&home);
        Pause::load(Some(path.clone()), 0).begin(60, MINUTE);
        assert!(Pause::load(Some(path.clone()), MINUTE + 1).holds(MINUTE + 1));
        assert!(!Pause::load(Some(path.clone()), 2 * MINUTE).holds(2 * MINUTE));
        assert!(!path.exists(), "a pause that is over leaves no file");
    }

    #[test]
    fn a_clock_that_went_back_does_not_make_a_pause_longer_than_it_was() {
        let home = TempDir::new();
        let path = file(&home);
        Pause::load(Some(path.clone()), 0).begin(60, 1000 * MINUTE);
        let mut pause = Pause::load(Some(path), 10 * MINUTE);
        assert!(pause.holds(10 * MINUTE));
        assert_eq!(pause.until(), 11 * MINUTE);
        assert!(!pause.holds(11 * MINUTE));
    }

    #[test]
    fn a_broken_file_pauses_nothing() {
        for text in [
            "",
            "since = 1",
            "since = 5\nuntil = 4\n",
            "since = 'x'\nuntil = 9\n",
            &"x".repeat(5000),
        ] {
            let home = TempDir::new();
            let path = file(&home);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            assert!(!Pause::load(Some(path), 0).holds(0), "{text:.20}");
        }
    }

    #[test]
    fn the_longest_pause_does_not_overflow() {
        let mut pause = Pause::load(None, 0);
        pause.begin(u64::MAX, i64::MAX - 1);
        assert!(pause.holds(i64::MAX - 1));
    }
}
