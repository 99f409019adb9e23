//! A file that is open and how far it was read; whatever happens to its name does not matter here.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::{
    positions::{Identity, Position, WINDOW},
    splitter::Splitter,
};
use crate::sys::inotify::Watch;

/// The longest line, in bytes: the kernel's are shorter than 2048 (`PRINTK_MESSAGE_MAX`, kernel/printk/internal.h), ulogd's JSON
/// takes about a thousand.
pub const LONGEST_LINE: usize = 16 * 1024;
/// So much is read at once, in bytes, behind what is compared.
const CHUNK: usize = 64 * 1024;
/// Accounts of users begin here, those below are the system's (`SYS_UID_MAX`, login.defs(5)).
pub(crate) const FIRST_USER: u32 = 1000;
/// Of so many files beside one it is asked whether they are a copy of it.
const MOST_COPIES: usize = 32;

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Everything was read.
    End,
    /// There is more.
    More,
    /// The file does not hold any more what was read of it.
    Truncated,
}

/// Room for one read.
#[derive(Debug)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(vec![0; WINDOW + CHUNK])
    }
}

/// An open file.
#[derive(Debug)]
pub(super) struct Open {
    file: File,
    /// Which one it is.
    pub(super) identity: Identity,
    /// So many bytes were read.
    offset: u64,
    /// The last bytes that were read. They are read again each time, so that a file is known that was truncated and has grown
    /// again since.
    before: Vec<u8>,
    splitter: Splitter,
    /// The watch on it.
    pub(super) watch: Option<Watch>,
    /// Is it a copy that nobody writes to?
    pub(super) copy: bool,
    /// Can only accounts of the system write to it?
    pub(super) guarded: bool,
    /// How many bytes were found since all was read the last time.
    pub(super) grown: u64,
}

impl Open {
    fn new(file: File, metadata: &Metadata, offset: u64, before: Vec<u8>) -> Self {
        Self {
            identity: Identity::of(metadata),
            guarded: metadata.uid() < FIRST_USER && metadata.mode() & 0o022 == 0,
            file,
            offset,
            before,
            splitter: Splitter::new(LONGEST_LINE),
            watch: None,
            copy: false,
            grown: 0,
        }
    }

    /// To be read from its start.
    pub(super) fn at_start(file: File, metadata: &Metadata) -> Self {
        Self::new(file, metadata, 0, Vec::new())
    }

    /// To be read from its present end; a line that someone is just writing is left out.
    pub(super) fn at_end(file: File, metadata: &Metadata) -> io::Result<Self> {
        let end = metadata.len();
        let window = usize::try_from(end).unwrap_or(WINDOW).min(WINDOW);
        let mut before = vec![0; window];
        file.read_exact_at(&mut before, end - window as u64)?;
        let within = before.last().is_some_and(|byte| *byte != b'\n');
        let mut open = Self::new(file, metadata, end, before);
        if within {
            open.splitter.skip_line();
        }
        Ok(open)
    }

    /// To be read on from a position; `None` where the file does not hold what was read up to there.
    pub(super) fn at(file: File, metadata: &Metadata, position: &Position) -> Option<Self> {
        let mut before = position.bytes_before(&file)?;
        let pending = position.pending.min(position.offset);
        // The beginning of the last line is read once more.
        let kept = usize::try_from(pending)
            .ok()
            .and_then(|pending| before.len().checked_sub(pending));
        before.truncate(kept.unwrap_or(0));
        Some(Self::new(file, metadata, position.offset - pending, before))
    }

    /// To be read on from where this one was read to, where a file that was made by copying holds the same.
    pub(super) fn copied(&self, file: File, metadata: &Metadata) -> Option<Self> {
        let window = self.before.len();
        let mut bytes = vec![0; window];
        file.read_exact_at(&mut bytes, self.offset - window as u64)
            .ok()?;
        let same = window > 0 && bytes == self.before;
        same.then(|| {
            // What had come of a line is forgotten here, so it has to be read again there.
            let pending = usize::try_from(self.splitter.pending()).unwrap_or(usize::MAX);
            bytes.truncate(window.saturating_sub(pending));
            let offset = self.offset.saturating_sub(self.splitter.pending());
            let mut copy = Self::new(file, metadata, offset, bytes);
            copy.copy = true;
            copy
        })
    }

    /// Begins from the start.
    pub(super) fn restart(&mut self) {
        self.offset = 0;
        self.before.clear();
        self.splitter.clear();
        self.grown = 0;
    }

    /// Reads once and hands on the lines that ended. Returns besides how many bytes were new, and how many lines were too long.
    pub(super) fn read(
        &mut self,
        buffer: &mut Buffer,
        each: impl FnMut(&[u8]),
    ) -> io::Result<(Read, usize, u64)> {
        let known = self.before.len();
        let len = loop {
            match self
                .file
                .read_at(&mut buffer.0[..known + CHUNK], self.offset - known as u64)
            {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        let bytes = &buffer.0[..len];
        let Some(new) = bytes.strip_prefix(self.before.as_slice()) else {
            return Ok((Read::Truncated, 0, 0));
        };
        let left_out = self.splitter.feed(new, each);
        self.offset += new.len() as u64;
        self.grown += new.len() as u64;
        if !new.is_empty() {
            self.before.clear();
            self.before
                .extend_from_slice(&bytes[len.saturating_sub(WINDOW)..]);
        }
        let read = if new.len() == CHUNK {
            Read::More
        } else {
            Read::End
        };
        Ok((read, new.len(), left_out))
    }

    /// The descriptor.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Was the end of the last line not read yet?
    pub(super) const fn is_within_a_line(&self) -> bool {
        self.splitter.pending() > 0
    }

    /// Has it no name any more, so that nobody can open it anew?
    pub(super) fn is_deleted(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|metadata| metadata.nlink() == 0)
    }

    /// How far it was read.
    pub(super) fn position(&self, path: &Path) -> Position {
        let pending = self.splitter.pending();
        Position::new(path, self.identity, self.offset, pending, &self.before)
    }
}

/// Opens a file for reading, without waiting for whoever else might have to open it.
pub(super) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(io::Error::from(io::ErrorKind::InvalidInput))
    }
}

/// The files that lie beside `path` and are called as logrotate calls what it rotates away, `name.1` or `name-20261124`, the
/// latest first.
pub(super) fn beside(path: &Path) -> Vec<(File, Metadata)> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let rotated = entries.filter(|entry| {
        let other = entry.file_name();
        let rest = other
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes());
        matches!(rest, Some([b'.' | b'-', ..]))
    });
    let mut found: Vec<_> = rotated
        .filter_map(|entry| open(&entry.path()).ok())
        .take(MOST_COPIES)
        .collect();
    found.sort_by_key(|(_, metadata)| std::cmp::Reverse((metadata.mtime(), metadata.mtime_nsec())));
    found
}
