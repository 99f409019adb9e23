//! Processes of this program that watch one another: a second one by fork(2), its end, and names to tell them apart.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    ffi::CStr,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The exit code of a twin that panicked (`EX_SOFTWARE` of sysexits.h).
const PANICKED: u8 = 70;

/// A second process of this program, which began as a copy of this one. It is a child: whoever holds this ends it and waits for it.
#[derive(Debug)]
pub struct Twin {
    pid: libc::pid_t,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Twin {
    /// Starts a process that does `body` and ends with the code that it returns. `both` is had by the two of them; what `body` itself
    /// holds is the twin's alone.
    ///
    /// Only a process with one thread can be doubled: of several the copy would have one, and the locks of the others for ever. A
    /// stopped twin goes on when this process ends (`SIGCONT`, by prctl(2)), so that it can take note of that.
    pub fn start<T>(both: T, body: impl FnOnce(T) -> u8) -> io::Result<(Self, T)> {
        if fs::read_dir("/proc/self/task")?.count() != 1 {
            return Err(io::Error::other(
                "a process with several threads cannot be doubled",
            ));
        }
        // SAFETY: this process has one thread, so that its memory is whole in the copy and no lock is held for ever.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // SAFETY: prctl(2) takes numbers here. It cannot fail with a signal that there is.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGCONT) };
                let code = catch_unwind(AssertUnwindSafe(|| body(both))).unwrap_or(PANICKED);
                // SAFETY: _exit(2) takes a number and does not return. What the parent registered to be done at its end is not done.
                unsafe { libc::_exit(i32::from(code)) }
            }
            pid => Ok((Self { pid }, both)),
        }
    }

    /// The number of the process.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.pid
    }

    /// Ends it, whatever it does. It may have ended already.
    pub fn kill(&self) {
        // SAFETY: kill(2) takes numbers. The process is our child and was not waited for, so that the number is still its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
    }

    /// Waits for its end.
    pub fn wait(self) -> io::Result<Ended> {
        let mut status = 0;
        loop {
            // SAFETY: waitpid(2) writes one int, for which there is room.
            if unsafe { libc::waitpid(self.pid, &raw mut status, 0) } >= 0 {
                break;
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(if libc::WIFSIGNALED(status) {
            Ended::Signal(libc::WTERMSIG(status))
        } else {
            Ended::Code(libc::WEXITSTATUS(status))
        })
    }
}

/// From now on SIGTERM does not end this process, nor its twins: they end when those end whom they serve.
pub fn ignore_termination() {
    // SAFETY: signal(2) takes numbers here; no handler is installed.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
}

/// Ends all processes of the group with SIGKILL. Only of a group in which a process is known to live: its number may be another's else.
pub fn kill_group(group: u32) {
    if let Ok(group @ 2..) = i32::try_from(group) {
        // SAFETY: kill(2) takes numbers.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

/// Gives this process the name that ps(1) shows, of at most 15 bytes (`PR_SET_NAME`, prctl(2)).
pub fn set_name(name: &CStr) {
    // SAFETY: the pointer is that of a string with its end mark, which lives over the call; prctl(2) copies at most 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_several_threads_is_not_doubled() {
        // The test runs in a thread beside the main one.
        let refused = Twin::start((), |()| 0).unwrap_err();
        assert!(refused.to_string().contains("several threads"), "{refused}");
    }

    #[test]
    fn a_group_that_cannot_be_is_left_alone() {
        for group in [0, 1, u32::MAX] {
            kill_group(group); // would end this process, or all
        }
    }
}
