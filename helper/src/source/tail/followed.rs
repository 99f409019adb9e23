//! One path that is followed: the file that it names now, and those that it named before.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    open::{self, Buffer, Open, Read},
    positions::{Identity, Position},
};
use crate::sys::inotify::{Inotify, Watch};

/// What is watched of a file: that it is written to, and that its name or its rights change.
const FILE_EVENTS: u32 = libc::IN_MODIFY | libc::IN_ATTRIB | libc::IN_MOVE_SELF;
/// A file that is missing no longer than this is being rotated.
const ROTATION: Duration = Duration::from_secs(2);
/// So many files that are no longer called so are kept.
const MOST_OLDER: usize = 4;

/// Why a path cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// There is no such file, and that is worth telling from this moment on.
    Missing(Instant),
    /// The helper may not read it.
    Refused,
    /// What is there is no ordinary file.
    NoFile,
    /// The system gave another reason, by number.
    Other(i32),
}

/// A path and its files.
#[derive(Debug)]
pub(super) struct Followed {
    /// As it was asked for.
    pub(super) path: PathBuf,
    /// Where the file lies that a link points to.
    pub(super) real: Option<PathBuf>,
    /// The file of that name.
    pub(super) current: Option<Open>,
    /// Files that were called so before, to which a program may still write that was not told of the new one.
    older: VecDeque<Open>,
    /// Why there is no current file; nothing is missing where another path names the same file.
    pub(super) lack: Option<Lack>,
    /// Was a file of that name known already? Then another one is new, and read from its start.
    known: bool,
    /// May there be something to read?
    pub(super) readable: bool,
}

/// What reading a path came to.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Lines that were too long.
    pub(super) left_out: u64,
    /// Was anything read?
    pub(super) moved: bool,
}

impl Followed {
    /// Begins to follow a path, from where it was read before or from its end.
    pub(super) fn new(path: PathBuf, saved: &[Position], now: Instant) -> Self {
        let mut followed = Self {
            real: None,
            current: None,
            older: VecDeque::new(),
            lack: Some(Lack::Missing(now)),
            known: false,
            readable: true,
            path,
        };
        let mut saved: Vec<&Position> = saved
            .iter()
            .filter(|position| position.path == followed.path)
            .collect();
        followed.known = !saved.is_empty();
        if followed.known {
            followed.resume(&mut saved);
        }
        followed
    }

    /// Finds again what was read before: under its name, or beside where it was rotated meanwhile.
    fn resume(&mut self, saved: &mut Vec<&Position>) {
        if let Ok((file, metadata)) = open::open(&self.path) {
            let identity = Identity::of(&metadata);
            if let Some(at) = saved.iter().position(|position| position.names(identity)) {
                let position = saved[at];
                if let Some(open) = Open::at(file, &metadata, position) {
                    self.current = Some(open);
                    saved.remove(at);
                }
            }
        }
        if saved.iter().all(|position| position.is_empty()) {
            return;
        }
        let beside = open::beside(self.real.as_deref().unwrap_or(&self.path));
        // The oldest first, so that lines come in their order.
        for (file, metadata) in beside.into_iter().rev() {
            let identity = Identity::of(&metadata);
            let same = |position: &&Position| position.names(identity);
            let named = saved.iter().position(same);
            // A file of that number, else a copy: what it holds decides in either case.
            let tries = named.map_or(0..saved.len(), |at| at..at + 1);
            for at in tries {
                let position = saved[at];
                if position.is_empty() && named.is_none() {
                    continue;
                }
                let Ok(file) = file.try_clone() else { continue };
                if let Some(mut open) = Open::at(file, &metadata, position) {
                    open.copy = named.is_none();
                    self.older.push_back(open);
                    saved.remove(at);
                    break;
                }
            }
        }
    }

    /// Looks whether the path names another file than before. `taken` says whether another path names that file already.
    pub(super) fn examine(
        &mut self,
        inotify: &Inotify,
        now: Instant,
        taken: impl Fn(Identity) -> bool,
    ) {
        let found = fs::metadata(&self.path).map(|metadata| Identity::of(&metadata));
        let here = self.current.as_ref().map(|open| open.identity);
        match found {
            Ok(identity) if Some(identity) == here => {
                self.lack = None;
                if self.real.is_none() {
                    self.real = fs::canonicalize(&self.path).ok();
                }
                self.watch_current(inotify);
            }
            Ok(identity) if taken(identity) => {
                self.set_aside();
                self.lack = None;
            }
            Ok(_) => match open::open(&self.path) {
                Ok((file, metadata)) => {
                    self.set_aside();
                    let opened = if self.known {
                        Ok(Open::at_start(file, &metadata))
                    } else {
                        Open::at_end(file, &metadata)
                    };
                    match opened {
                        Ok(open) => self.current = Some(open),
                        Err(error) => return self.lacks(&error, now),
                    }
                    self.known = true;
                    self.readable = true;
                    self.lack = None;
                    self.real = fs::canonicalize(&self.path).ok();
                    self.watch_current(inotify);
                }
                Err(error) => self.lacks(&error, now),
            },
            Err(error) => self.lacks(&error, now),
        }
        for open in &mut self.older {
            watch(open, inotify);
        }
    }

    /// The file that the path named is no longer called so.
    fn set_aside(&mut self) {
        let Some(open) = self.current.take() else {
            return;
        };
        self.older.push_back(open);
        while self.older.len() > MOST_OLDER {
            self.older.pop_front();
        }
        self.readable = true;
    }

    fn lacks(&mut self, error: &io::Error, now: Instant) {
        let kind = error.kind();
        // A path that names nothing names nothing new either: what comes next is read from its start.
        let missing = matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        self.lack = Some(match (kind, self.lack) {
            (_, Some(Lack::Missing(since))) if missing => Lack::Missing(since),
            _ if missing => Lack::Missing(now + ROTATION),
            (io::ErrorKind::PermissionDenied, _) => Lack::Refused,
            (io::ErrorKind::InvalidInput, _) => Lack::NoFile,
            _ => Lack::Other(error.raw_os_error().unwrap_or(0)),
        });
        self.known |= missing;
        self.readable = true;
    }

    fn watch_current(&mut self, inotify: &Inotify) {
        if let Some(open) = &mut self.current {
            watch(open, inotify);
        }
    }

    /// Is this a watch on one of the files?
    pub(super) fn has(&self, watch: Watch) -> bool {
        let files = self.current.iter().chain(&self.older);
        files.into_iter().any(|open| open.watch == Some(watch))
    }

    /// Reads what there is, the older files first, until `budget` bytes are read.
    pub(super) fn read(
        &mut self,
        inotify: &Inotify,
        buffer: &mut Buffer,
        budget: &mut usize,
        mut each: impl FnMut(&[u8], bool),
    ) -> io::Result<Progress> {
        let mut progress = Progress::default();
        let mut at = 0;
        while let Some(open) = self.older.get_mut(at) {
            let end = exhaust(open, buffer, budget, &mut progress, &mut each)?;
            if end == Read::More {
                return Ok(progress);
            }
            // One that was emptied holds nothing more of what its name was; a copy does not grow.
            if end == Read::Truncated || open.copy || open.is_deleted() {
                forget(open, inotify);
                self.older.remove(at);
            } else {
                at += 1;
            }
        }
        while let Some(open) = &mut self.current {
            match exhaust(open, buffer, budget, &mut progress, &mut each)? {
                Read::More => return Ok(progress),
                Read::End => break,
                Read::Truncated => {
                    let beside = open::beside(self.real.as_deref().unwrap_or(&self.path));
                    let mut copies = beside.into_iter();
                    let copy = copies.find_map(|(file, metadata)| open.copied(file, &metadata));
                    open.restart();
                    progress.moved = true;
                    if let Some(mut copy) = copy {
                        let end = exhaust(&mut copy, buffer, budget, &mut progress, &mut each)?;
                        if end == Read::More {
                            self.older.push_back(copy);
                            return Ok(progress);
                        }
                    }
                }
            }
        }
        // Whoever deletes a file wants its room back.
        if self.lack.is_some()
            && let Some(open) = &mut self.current
            && open.is_deleted()
        {
            forget(open, inotify);
            self.current = None;
            progress.moved = true;
        }
        self.readable = false;
        Ok(progress)
    }

    /// How far each of the files was read.
    pub(super) fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        let files = self.older.iter().filter(|open| !open.copy);
        let files = files.chain(&self.current);
        files.map(|open| open.position(&self.path))
    }
}

/// Reads a file to its end, or until the budget is used up.
fn exhaust(
    open: &mut Open,
    buffer: &mut Buffer,
    budget: &mut usize,
    progress: &mut Progress,
    each: &mut impl FnMut(&[u8], bool),
) -> io::Result<Read> {
    let guarded = open.guarded;
    open.grown = 0;
    loop {
        if *budget == 0 {
            return Ok(Read::More);
        }
        let (read, len, left_out) = open.read(buffer, |line| each(line, guarded))?;
        *budget = budget.saturating_sub(len);
        progress.left_out += left_out;
        progress.moved |= len > 0;
        if read != Read::More {
            return Ok(read);
        }
    }
}

fn watch(open: &mut Open, inotify: &Inotify) {
    if open.watch.is_none() && !open.copy {
        open.watch = inotify.watch_open(open.file(), FILE_EVENTS).ok();
    }
}

fn forget(open: &mut Open, inotify: &Inotify) {
    if let Some(watch) = open.watch.take() {
        inotify.forget(watch);
    }
}

/// The directory that a path lies in, or the nearest one above that there is.
pub(super) fn nearest_directory(path: &Path) -> Option<&Path> {
    path.ancestors()
        .skip(1)
        .find(|directory| directory.is_dir())
}
