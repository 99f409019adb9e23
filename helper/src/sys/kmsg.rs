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

/// Room for a record that is passed over: more than the kernel's have (`PRINTK_MESSAGE_MAX`, kernel/printk/internal.h).
const PASSED: usize = 8192;

/// The log: each open has a position of its own, so no other reader is disturbed.
#[derive(Debug)]
pub struct Kmsg {
    fd: AsyncFd<File>,
}

impl Kmsg {
    /// Opens the log behind its newest record, after it has shown to `passed` what was written before. Needs `CAP_SYSLOG` where
    /// `kernel.dmesg_restrict` is 1.
    pub fn open(mut passed: impl FnMut(&[u8])) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(Path::new(PATH))?;
        let mut record = vec![0; PASSED];
        loop {
            match file.read(&mut record) {
                // Something else stands there, as in some containers.
                Ok(0) => break,
                Ok(len) => passed(&record[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Overwritten while it was read, or longer than there is room (`devkmsg_read`, kernel/printk/printk.c).
                Err(error) if matches!(error.raw_os_error(), Some(libc::EPIPE | libc::EINVAL)) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
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
