//! The way from watchdog and reader to the helper: packets by standard output, words by standard error. Neither is ever waited for:
//! what the helper has no room for is left out, and the packets' numbers tell that it is.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use super::word::Word;
use crate::sys::{batch::Batch, poll::never_wait_for};

/// What is written at once comes whole or not at all, whenever the writer is killed (`PIPE_BUF`, pipe(7)).
const PIPE_BUF: usize = 4096;
/// So many bytes of packets wait for the helper, some 10,000 packets without data. More is for root alone (`fs.pipe-max-size`,
/// proc(5)).
const PACKETS: libc::c_int = 1024 * 1024;
/// So many bytes of words wait for the helper.
const WORDS: libc::c_int = 4096;
/// A copy of a packet that comes so soon behind another waits for more, so that the helper is not woken for each.
pub(super) const PAUSE: Duration = Duration::from_millis(2);

/// The way out.
#[derive(Debug)]
pub(super) struct Outlet {
    packets: File,
    words: File,
}

impl Outlet {
    /// That of this process.
    pub(super) fn new() -> io::Result<Self> {
        let own = |fd: BorrowedFd<'_>, bytes| {
            never_wait_for(fd, bytes)?;
            fd.try_clone_to_owned().map(File::from)
        };
        Ok(Self {
            packets: own(io::stdout().as_fd(), PACKETS)?,
            words: own(io::stderr().as_fd(), WORDS)?,
        })
    }

    /// Tells the helper something.
    pub(super) fn say(&self, word: Word) {
        // Whoever would read it may be gone.
        drop((&self.words).write_all(format!("{word}\n").as_bytes()));
    }
}

/// Closed at the other end, it tells that the helper is gone.
impl AsFd for Outlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.packets.as_fd()
    }
}

/// Copies of packets on their way out.
#[derive(Debug)]
pub(super) struct Sheaf<'a> {
    outlet: &'a Outlet,
    /// At most [`PIPE_BUF`].
    bytes: Vec<u8>,
    written: Option<Instant>,
}

impl<'a> Sheaf<'a> {
    /// None yet.
    pub(super) fn new(outlet: &'a Outlet) -> Self {
        Self {
            outlet,
            bytes: Vec::with_capacity(PIPE_BUF),
            written: None,
        }
    }

    /// Does something wait to be written?
    pub(super) const fn waits(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Hands on the messages as they came: at once, or a [`PAUSE`] later.
    pub(super) fn hand_on(&mut self, batch: &Batch, now: Instant) {
        for (_, message) in batch.iter() {
            let whole = message.len().next_multiple_of(4);
            if self.bytes.len() + whole > PIPE_BUF {
                self.write(now);
            }
            // Another one begins at a multiple of four.
            let end = self.bytes.len() + whole;
            self.bytes.extend_from_slice(message);
            self.bytes.resize(end, 0);
        }
        let quiet = self
            .written
            .is_none_or(|written| now.saturating_duration_since(written) >= PAUSE);
        if quiet {
            self.write(now);
        }
    }

    /// Writes what waits; where there is no room it is left out.
    pub(super) fn write(&mut self, now: Instant) {
        if self.waits() {
            drop((&self.outlet.packets).write(&self.bytes));
            self.bytes.clear();
            self.written = Some(now);
        }
    }
}
