//! Follows log files while they are written, rotated, emptied, deleted and made again, without looking when nothing happens.
//!
//! The kernel tells of each change (inotify). A file that was renamed is read to its end, and the new one from its start; one that was
//! copied and emptied (logrotate's `copytruncate`) is read from its start, and what the copy holds that was not read before is
//! read there. How far each file was read is kept over a restart.
//!
//! [`splitter`] makes lines, `open` reads one file, `followed` knows what a path names and named, `positions` is what is
//! kept, and `trouble` says what hides something.

mod followed;
mod open;
mod positions;
pub mod splitter;
mod trouble;

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use self::{followed::Followed, open::Buffer};
pub use self::{followed::Lack, open::LONGEST_LINE};
pub(crate) use self::{
    open::FIRST_USER,
    positions::replace,
    trouble::{listed, quoted, together},
};
use crate::{
    clock,
    sys::inotify::{Change, Inotify, Watch},
};

/// What is watched of a directory: that a file of a name comes, goes, or may be read from now on.
const DIRECTORY_EVENTS: u32 = libc::IN_CREATE
    | libc::IN_MOVED_TO
    | libc::IN_MOVED_FROM
    | libc::IN_DELETE
    | libc::IN_ATTRIB
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF
    | libc::IN_ONLYDIR;
/// So much is read before others have their turn, in bytes.
const TURN: usize = 1024 * 1024;
/// How far the files were read is written no more often than this.
pub const SAVE_EVERY: Duration = Duration::from_secs(5);
/// A directory may be made while it is looked for, but hardly so often.
const MOST_LOOKS: usize = 8;

/// One line of a file.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Which of the files, by its place in the list.
    pub file: usize,
    /// Can only accounts of the system write to that file?
    pub guarded: bool,
    /// The line, without its end.
    pub bytes: &'a [u8],
}

/// The files that are followed.
#[derive(Debug)]
pub struct Tail {
    inotify: Inotify,
    files: Vec<Followed>,
    directories: Vec<(Watch, PathBuf)>,
    /// The names in all paths: of what else happens in their directories nothing is looked at.
    names: Vec<OsString>,
    buffer: Buffer,
    /// Has something happened that was not looked at?
    stale: bool,
    /// When was something read that is not written down?
    unsaved: Option<Instant>,
    store: PathBuf,
    /// Why the positions cannot be kept.
    unkept: Option<String>,
    left_out: u64,
}

impl Tail {
    /// Begins to follow these files, from where they were read before, which stands in the file `store`; the others from their
    /// present end. A file that is missing is waited for.
    pub fn open(paths: &[PathBuf], store: PathBuf) -> io::Result<Self> {
        let now = clock::moment();
        let (saved, unkept) = match positions::load(&store) {
            Ok(saved) => (saved, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let mut names: Vec<OsString> = paths
            .iter()
            .flat_map(|path| path.components())
            .map(|component| component.as_os_str().to_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut tail = Self {
            inotify: Inotify::new()?,
            files: paths
                .iter()
                .map(|path| Followed::new(path.clone(), &saved, now))
                .collect(),
            directories: Vec::new(),
            names,
            buffer: Buffer::new(),
            stale: true,
            unsaved: None,
            store,
            unkept,
            left_out: 0,
        };
        tail.examine(now);
        // Where a file is read from is worth keeping even if nothing comes.
        tail.unsaved = Some(now);
        Ok(tail)
    }

    /// Waits until there may be something to read, or to tell, or to keep.
    pub async fn ready(&self) -> io::Result<()> {
        if self.stale || self.files.iter().any(|file| file.readable) {
            return Ok(());
        }
        let due = self.due();
        let timer = async {
            match due {
                Some(due) => sleep(due.saturating_duration_since(clock::moment())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ready = self.inotify.ready() => ready,
            () = timer => Ok(()),
        }
    }

    /// When something is to be done although nothing happens.
    fn due(&self) -> Option<Instant> {
        let now = clock::moment();
        let told = self.files.iter().filter_map(|file| match file.lack {
            // What was told already is not told again.
            Some(Lack::Missing(at)) if at > now => Some(at),
            _ => None,
        });
        let saved = self.unsaved.map(|since| since + SAVE_EVERY);
        told.chain(saved).min()
    }

    /// Hands on the lines that came, without waiting; a bounded share of them where there are many.
    pub fn drain(&mut self, mut each: impl FnMut(Line<'_>)) -> io::Result<()> {
        let now = clock::moment();
        let mut look = self.look_at_changes()?;
        look |= std::mem::take(&mut self.stale);
        if look {
            self.examine(now);
        }
        let mut budget = TURN;
        for (number, file) in self.files.iter_mut().enumerate() {
            if !file.readable || budget == 0 {
                continue;
            }
            let hand_on = |bytes: &[u8], guarded| {
                each(Line {
                    file: number,
                    guarded,
                    bytes,
                });
            };
            let progress = file.read(&self.inotify, &mut self.buffer, &mut budget, hand_on)?;
            self.left_out += progress.left_out;
            if progress.moved && self.unsaved.is_none() {
                self.unsaved = Some(now);
            }
        }
        if self
            .unsaved
            .is_some_and(|since| now.saturating_duration_since(since) >= SAVE_EVERY)
        {
            self.save();
        }
        Ok(())
    }

    /// Marks what changed; says whether names have to be looked at.
    fn look_at_changes(&mut self) -> io::Result<bool> {
        let Self {
            inotify,
            files,
            directories,
            names,
            ..
        } = self;
        let mut look = false;
        inotify.drain(|Change { watch, mask, name }| {
            let Some(watch) = watch else {
                // Events were lost: anything may have happened.
                look = true;
                for file in files.iter_mut() {
                    file.readable = true;
                }
                return;
            };
            if directories.iter().any(|(known, _)| *known == watch) {
                let real = |file: &Followed| {
                    let real = file.real.as_deref().and_then(Path::file_name);
                    real.is_some_and(|real| real == name)
                };
                look |= name.is_empty()
                    || names.iter().any(|known| known == name)
                    || files.iter().any(real);
                return;
            }
            for file in files.iter_mut().filter(|file| file.has(watch)) {
                file.readable = true;
                look |= mask & !libc::IN_MODIFY != 0;
            }
        })?;
        Ok(look)
    }

    /// Looks what each path names, and watches the directories in which that can change.
    fn examine(&mut self, now: Instant) {
        for _ in 0..MOST_LOOKS {
            let watched = self.watch_directories();
            for at in 0..self.files.len() {
                let (before, rest) = self.files.split_at_mut(at);
                let Some((file, after)) = rest.split_first_mut() else {
                    continue;
                };
                let others = before.iter().chain(after.iter());
                let open = || others.clone().filter_map(|other| other.current.as_ref());
                file.examine(&self.inotify, now, |identity| {
                    open().any(|open| open.identity == identity)
                });
            }
            // What was opened may lie elsewhere, and a directory may have come meanwhile.
            if watched == self.wanted_directories() {
                return;
            }
        }
        self.stale = true;
    }

    fn wanted_directories(&self) -> Vec<PathBuf> {
        let mut wanted: Vec<PathBuf> = self
            .files
            .iter()
            .flat_map(|file| {
                let real = file.real.as_deref().and_then(Path::parent);
                let named = followed::nearest_directory(&file.path);
                named.into_iter().chain(real).map(Path::to_owned)
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Watches the directories that matter and no others; returns them.
    fn watch_directories(&mut self) -> Vec<PathBuf> {
        let wanted = self.wanted_directories();
        let watched: Vec<(Watch, PathBuf)> = wanted
            .iter()
            .filter_map(|path| {
                let watch = self.inotify.watch(path, DIRECTORY_EVENTS).ok()?;
                Some((watch, path.clone()))
            })
            .collect();
        let old = std::mem::replace(&mut self.directories, watched);
        for (watch, _) in old {
            if !self.directories.iter().any(|(kept, _)| *kept == watch) {
                self.inotify.forget(watch);
            }
        }
        wanted
    }

    /// Why a file cannot be read now; `None` where it can, or where it may only be being rotated.
    #[must_use]
    pub fn lack(&self, file: usize) -> Option<Lack> {
        let lack = self.files.get(file)?.lack?;
        match lack {
            Lack::Missing(at) if at > clock::moment() => None,
            _ => Some(lack),
        }
    }

    /// Is a file open?
    #[must_use]
    pub fn is_open(&self, file: usize) -> bool {
        self.files
            .get(file)
            .is_some_and(|file| file.current.is_some())
    }

    /// How many bytes came to a file the last time that something came, and whether they ended within a line.
    #[must_use]
    pub fn grown(&self, file: usize) -> Option<(u64, bool)> {
        let open = self.files.get(file)?.current.as_ref()?;
        Some((open.grown, open.is_within_a_line()))
    }

    /// The path of a file, as it was asked for.
    #[must_use]
    pub fn path(&self, file: usize) -> Option<&Path> {
        self.files.get(file).map(|file| file.path.as_path())
    }

    /// How many lines were too long since the start.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Why it cannot be kept how far the files were read.
    #[must_use]
    pub fn unkept(&self) -> Option<(&Path, &str)> {
        Some((self.store.as_path(), self.unkept.as_deref()?))
    }

    /// Writes down how far each file was read.
    fn save(&mut self) {
        let positions = self.files.iter().flat_map(Followed::positions).collect();
        self.unkept = positions::save(&self.store, positions)
            .err()
            .map(|error| error.to_string());
        // What fails is tried again when more is read.
        self.unsaved = None;
    }

    /// Ends, and keeps how far the files were read.
    pub fn close(mut self) {
        self.save();
    }
}

#[cfg(test)]
mod tests;
