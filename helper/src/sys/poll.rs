//! Waiting without a runtime (poll(2)), and pipes that are never waited for.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
    time::Duration,
};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// There is something to read, or the other end is closed.
    Input,
    /// The other end is closed.
    Gone,
}

/// Waits until one of these came about, or the limit is over; tells which did. Without a limit it waits for ever. A signal may end it
/// before anything came about.
pub fn wait<const N: usize>(
    what: [(BorrowedFd<'_>, For); N],
    limit: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = what.map(|(fd, wanted)| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: if wanted == For::Input {
            libc::POLLIN
        } else {
            0 // POLLERR and POLLHUP are always told
        },
        revents: 0,
    });
    let limit = limit.map_or(-1, |limit| {
        i32::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
    });
    let count = N as libc::nfds_t;
    // SAFETY: pointer and count are those of one array that lives over the call and is ours alone.
    if unsafe { libc::poll(polled.as_mut_ptr(), count, limit) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        return Ok([false; N]);
    }
    Ok(polled.map(|one| one.revents != 0))
}

/// From now on writing to this pipe fails with `WouldBlock` where it would have to wait, and it holds so many bytes where the system
/// allows it (`F_SETPIPE_SZ`, fcntl(2)). An error where it is no pipe.
pub fn never_wait_for(pipe: BorrowedFd<'_>, bytes: libc::c_int) -> io::Result<()> {
    // SAFETY: fcntl(2) takes numbers here.
    let resized = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) };
    if resized < 0 {
        let error = io::Error::last_os_error();
        // A smaller pipe is good enough.
        if error.raw_os_error() != Some(libc::EPERM) {
            return Err(error);
        }
    }
    // SAFETY: as above.
    let flags = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    if unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::fd::AsFd as _};

    use super::*;

    /// No time at all.
    const NOW: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn input_and_the_other_ends_end_are_told_apart() {
        let (out, mut inlet) = io::pipe().unwrap();
        let ask = |limit| {
            let what = [(out.as_fd(), For::Input), (inlet.as_fd(), For::Gone)];
            wait(what, limit).unwrap()
        };
        assert_eq!(ask(NOW), [false, false]);
        (&inlet).write_all(b"x").unwrap();
        assert_eq!(ask(None), [true, false]);
        drop(out);
        assert_eq!(wait([(inlet.as_fd(), For::Gone)], None).unwrap(), [true]);
        assert!(inlet.write_all(b"x").is_err());
    }

    #[test]
    fn what_is_no_pipe_is_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let refused = never_wait_for(file.as_fd(), 4096).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn a_full_pipe_is_not_waited_for() {
        let (out, mut inlet) = io::pipe().unwrap();
        never_wait_for(inlet.as_fd(), 64 * 1024).unwrap();
        let mut written = 0;
        let error = loop {
            match inlet.write(&[0; 4096]) {
                Ok(bytes) => written += bytes,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(written, 64 * 1024);
        drop(out);
    }
}
