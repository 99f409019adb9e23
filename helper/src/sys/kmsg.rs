//! The kernel's log as a file (Documentation/ABI/testing/dev-kmsg).
#![expect(unsafe_code, reason = "the contract of AsyncFd::register")]

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use tokio::io::{Interest, unix::AsyncFd};

/// Where the kernel offers its log.
pub const PATH: &str = "/dev/kmsg";

/// The log: each open has a position of its own, so no other reader is disturbed.
#[derive(Debug)]
pub struct Kmsg {
    fd: AsyncFd<File>,
}

impl Kmsg {
    /// Opens the log at its oldest record. Needs `CAP_SYSLOG` where `kernel.dmesg_restrict` is 1.
    pub fn open() -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(Path::new(PATH))?;
        // SAFETY: a File is the descriptor's only owner, gives the same number for ever and closes it when it is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(file, Interest::READABLE) }?;
        Ok(Self { fd })
    }

    /// Waits until there is a record to read.
    pub async fn readable(&self) -> io::Result<()> {
        self.fd.readable().await?.retain_ready();
        Ok(())
    }

    /// Reads one record without waiting; `WouldBlock` when there is none. A broken pipe (EPIPE) tells that records were
    /// overwritten before they were read; the next read goes on with the oldest one there is.
    pub fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fd
            .try_io(Interest::READABLE, |mut file| file.read(buffer))
    }
}
