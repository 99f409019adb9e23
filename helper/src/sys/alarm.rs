//! A timer for long waits that wakes the machine once (`timerfd_create(2)`): tokio's own counts down in steps and wakes up at each.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr,
    time::{Duration, Instant},
};

use tokio::io::{Interest, unix::AsyncFd};

/// The timer.
#[derive(Debug)]
pub struct Alarm {
    fd: AsyncFd<OwnedFd>,
    due: Option<Instant>,
}

impl Alarm {
    /// A timer that is not set.
    pub fn open() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: timerfd_create(2) takes two numbers and touches no memory of ours.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the number was returned by timerfd_create(2) just now and is owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: an OwnedFd is the descriptor's only owner, gives the same number for ever and closes it when it is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
        Ok(Self { fd, due: None })
    }

    /// Sets it to this moment, as seen from `now`; a moment that it is set to already costs nothing.
    pub fn set(&mut self, due: Instant, now: Instant) -> io::Result<()> {
        if self.due == Some(due) {
            return Ok(());
        }
        // None at all would turn it off.
        let left = due
            .saturating_duration_since(now)
            .max(Duration::from_nanos(1));
        let none = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let time = libc::itimerspec {
            it_interval: none,
            it_value: libc::timespec {
                tv_sec: libc::time_t::try_from(left.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: left.subsec_nanos().into(),
            },
        };
        let fd = self.fd.get_ref().as_raw_fd();
        // SAFETY: `time` is a whole itimerspec that lives over the call; a null pointer asks for no old value.
        if unsafe { libc::timerfd_settime(fd, 0, &raw const time, ptr::null_mut()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        self.due = Some(due);
        Ok(())
    }

    /// Waits until its moment has come; then it is not set any more. It may be given up at any time and asked again.
    pub async fn rang(&mut self) -> io::Result<()> {
        loop {
            let mut guard = self.fd.readable().await?;
            guard.clear_ready();
            match expirations(self.fd.get_ref()) {
                // It was set again meanwhile.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => {
                    self.due = None;
                    return other;
                }
            }
        }
    }
}

/// Reads how often the timer expired, which is not asked for.
fn expirations(fd: &OwnedFd) -> io::Result<()> {
    let mut count = 0_u64;
    // SAFETY: the pointer and the length are those of one u64 that we hold alone and that lives over the call.
    let read = unsafe { libc::read(fd.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn it_rings_once_at_the_moment_that_was_set_last() {
        let mut alarm = Alarm::open().unwrap();
        let start = clock::moment();
        alarm.set(start + Duration::from_secs(3600), start).unwrap();
        alarm.set(start + Duration::from_millis(20), start).unwrap();
        alarm.rang().await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        let again = tokio::time::timeout(Duration::from_millis(30), alarm.rang()).await;
        assert!(again.is_err(), "it rings once");
        alarm.set(start, clock::moment()).unwrap();
        alarm.rang().await.unwrap();
    }
}
