//! What watchdog and reader tell one another without a system call: how far the reader is.

use std::{io, sync::atomic::Ordering::SeqCst};

use crate::sys::shared::Shared;

/// The places of the numbers.
const BEAT: usize = 0;
const READ: usize = 1;

/// The page.
#[derive(Debug)]
pub(super) struct Page(Shared<2>);

impl Page {
    /// A page on which nothing was written.
    pub(super) fn new() -> io::Result<Self> {
        Shared::new().map(Self)
    }

    /// The reader begins to work on packets, or has done so: the beat is odd in between.
    pub(super) fn beat(&self) {
        self.0[BEAT].fetch_add(1, SeqCst);
    }

    /// A reader that ended in the midst of its work is not working.
    pub(super) fn rest(&self) {
        let beat = self.0[BEAT].load(SeqCst);
        self.0[BEAT].store(beat.next_multiple_of(2), SeqCst);
    }

    /// The beat, and whether the reader is at work.
    pub(super) fn pulse(&self) -> (u64, bool) {
        let beat = self.0[BEAT].load(SeqCst);
        (beat, beat % 2 == 1)
    }

    /// The packet with this number was read.
    pub(super) fn set_read(&self, id: u32) {
        self.0[READ].store(u64::from(id), SeqCst);
    }

    /// The number of the packet that was read last, or 0 where none was.
    pub(super) fn read(&self) -> u32 {
        u32::try_from(self.0[READ].load(SeqCst)).unwrap_or(0)
    }
}
