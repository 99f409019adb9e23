//! The only place that starts a script: in a group of its own and without any right, so that it can be ended with all that it started.
#![expect(
    unsafe_code,
    reason = "system calls, and what is done between fork and exec"
)]

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::{FromRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::{Child, ExitStatus},
};

use tokio::io::{Interest, unix::AsyncFd};

use super::{child::end_with, privilege};

/// Descriptors behind the three standard streams begin here.
const FIRST_OTHER: libc::c_uint = 3;
/// Where the kernel knows no `close_range(2)` with flags (before 5.11), so many descriptors are looked at one by one.
const MOST_LOOKED_AT: libc::c_int = 65_536;

/// What a script is started with.
#[derive(Debug)]
pub struct Start<'a> {
    /// The file that is run, by an absolute path without symbolic links.
    pub file: &'a Path,
    /// What the script sees as its name and its arguments.
    pub words: &'a [String],
    /// Its whole environment.
    pub environment: &'a [(&'a OsStr, &'a OsStr)],
    /// Its standard input.
    pub input: OwnedFd,
    /// Its standard output.
    pub output: OwnedFd,
    /// Its standard error.
    pub error: OwnedFd,
}

/// A script that was started. Its process is not waited for while this lives, so that its number, which is that of its group too,
/// is nobody else's.
#[derive(Debug)]
pub struct Script {
    child: Child,
    /// Was it waited for, so that its number may be another's?
    waited: bool,
    /// Readable when the process has ended (`pidfd_open(2)`, Linux 5.3).
    end: AsyncFd<OwnedFd>,
}

impl Script {
    /// Starts a script. It holds no capability and can get none, has no descriptor but its standard streams, the umask 077 and the
    /// root directory; it gets SIGTERM when the thread ends that started it.
    pub fn start(start: Start<'_>) -> io::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is where scripts are started"
        )]
        let mut command = std::process::Command::new(start.file);
        let (name, arguments) = start
            .words
            .split_first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        command
            .arg0(name)
            .args(arguments)
            .env_clear()
            .envs(start.environment.iter().copied())
            .current_dir("/")
            .stdin(start.input)
            .stdout(start.output)
            .stderr(start.error)
            .process_group(0);
        let parent = std::process::id().cast_signed();
        // SAFETY: between fork and exec only async-signal-safe calls are made: system calls, and `last_os_error`, which reads errno.
        // Nothing is allocated, no lock is taken.
        unsafe {
            command.pre_exec(move || {
                end_with(parent)?;
                keep_nothing_open();
                keep_private();
                privilege::give_up_all()
            })
        };
        let mut child = command.spawn()?;
        match end_of(&child) {
            Ok(end) => Ok(Self {
                child,
                waited: false,
                end,
            }),
            Err(error) => {
                // It cannot be watched, so it shall not run.
                signal(&child, libc::SIGKILL);
                drop(child.wait());
                Err(error)
            }
        }
    }

    /// Waits until the process has ended. What it started may go on.
    pub async fn ended(&self) -> io::Result<()> {
        self.end
            .readable()
            .await
            .map(|mut guard| guard.retain_ready())
    }

    /// Asks all processes of the group to end (SIGTERM).
    pub fn ask_to_end(&self) {
        signal(&self.child, libc::SIGTERM);
    }

    /// Ends all processes of the group (SIGKILL).
    pub fn kill(&self) {
        signal(&self.child, libc::SIGKILL);
    }

    /// Ends what is left of the group, and tells how the script ended. Only once it has: else this waits.
    pub fn finish(mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.waited = true;
        self.child.wait()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !self.waited {
            self.kill();
            drop(self.child.try_wait());
        }
    }
}

/// Sends a signal to the group of a child that was not waited for.
fn signal(child: &Child, signal: libc::c_int) {
    // Not 0 and not 1, which would be everybody: a child of ours has neither number.
    if let Ok(group @ 2..) = i32::try_from(child.id()) {
        // SAFETY: kill(2) takes numbers. The process leads this group and was not waited for, so that no other group has the number.
        unsafe { libc::kill(-group, signal) };
    }
}

/// A descriptor that is readable when the process has ended.
fn end_of(child: &Child) -> io::Result<AsyncFd<OwnedFd>> {
    let pid = libc::c_long::from(child.id());
    // SAFETY: pidfd_open(2) takes two numbers. The descriptor it returns is closed on exec.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = match libc::c_int::try_from(fd) {
        Ok(fd) if fd >= 0 => fd,
        _ => return Err(io::Error::last_os_error()),
    };
    // SAFETY: the number was returned by pidfd_open(2) just now and is owned by nobody else.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: an OwnedFd is the descriptor's only owner, gives the same number for ever and closes it when it is dropped.
    let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
    Ok(fd)
}

/// Has new files be the user's alone.
fn keep_private() {
    // SAFETY: umask(2) takes a number and cannot fail.
    unsafe { libc::umask(0o077) };
}

/// Has the exec close every descriptor but the standard streams: whoever started us may have left some open.
fn keep_nothing_open() {
    let all = libc::c_uint::MAX;
    let flag = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: close_range(2) takes numbers; with this flag it closes nothing now.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST_OTHER, all, flag) } >= 0 {
        return;
    }
    for fd in FIRST_OTHER.cast_signed()..MOST_LOOKED_AT {
        // SAFETY: fcntl(2) takes numbers here; of a descriptor that is not open it fails.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
