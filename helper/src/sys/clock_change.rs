//! Being told when the system's clock is set or the machine wakes from sleep (`timerfd_create(2)`), and how long it has slept.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    io, mem,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr,
    time::Duration,
};

use tokio::io::{Interest, unix::AsyncFd};

/// A timer that never expires, but is cancelled by the kernel when the clock is set, as it also is at waking up.
#[derive(Debug)]
pub struct ClockChange {
    fd: AsyncFd<OwnedFd>,
}

impl ClockChange {
    /// Starts to listen.
    pub fn open() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: timerfd_create(2) takes two numbers and touches no memory of ours.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_REALTIME, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the number was returned by timerfd_create(2) just now and is owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        arm(&fd)?;
        // SAFETY: an OwnedFd is the descriptor's only owner, gives the same number for ever and closes it when it is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
        Ok(Self { fd })
    }

    /// Waits until the clock was set or the machine woke up.
    pub async fn changed(&self) -> io::Result<()> {
        loop {
            let mut guard = self.fd.readable().await?;
            match expirations(self.fd.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => {
                    guard.clear_ready();
                    return arm(self.fd.get_ref());
                }
                other => return other,
            }
        }
    }
}

/// Sets the timer to the end of all times, to be cancelled where the clock is set (`TFD_TIMER_CANCEL_ON_SET`).
fn arm(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: itimerspec is made of integers alone, for which zero is a value.
    let mut end: libc::itimerspec = unsafe { mem::zeroed() };
    // The kernel takes every later time for the last that it can count to.
    end.it_value.tv_sec = libc::time_t::MAX;
    let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
    // SAFETY: `end` is a whole itimerspec that lives over the call; a null pointer asks for no old value.
    if unsafe { libc::timerfd_settime(fd.as_raw_fd(), flags, &raw const end, ptr::null_mut()) } < 0
    {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Reads how often the timer expired, which is not asked for; ECANCELED tells that the clock was set.
fn expirations(fd: &OwnedFd) -> io::Result<()> {
    let mut count = 0_u64;
    // SAFETY: the pointer and the length are those of one u64 that we hold alone and that lives over the call.
    let read = unsafe { libc::read(fd.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// How long the machine has slept since it started: of two clocks that never are set one goes on in sleep.
#[must_use]
pub fn asleep() -> Duration {
    let awake = reading(libc::CLOCK_MONOTONIC);
    reading(libc::CLOCK_BOOTTIME).saturating_sub(awake)
}

/// What a clock shows, since the machine started.
fn reading(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a whole timespec that we hold alone and that lives over the call.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } < 0 {
        return Duration::ZERO;
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_told_while_nobody_sets_the_clock() {
        let change = ClockChange::open().unwrap();
        let wait = tokio::time::timeout(Duration::from_millis(50), change.changed());
        assert!(wait.await.is_err());
        assert!(arm(change.fd.get_ref()).is_ok());
    }

    #[test]
    fn the_time_asleep_stands_still_while_we_are_awake() {
        let before = asleep();
        std::thread::sleep(Duration::from_millis(20));
        assert!(asleep().saturating_sub(before) < Duration::from_millis(10));
    }
}
