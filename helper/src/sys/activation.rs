//! The socket that systemd made for this program and started it with (`sd_listen_fds(3)`).
#![expect(
    unsafe_code,
    reason = "a descriptor that was handed over, and system calls"
)]

use std::{
    io,
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
        unix::net::UnixListener,
    },
};

/// The first descriptor that is handed over (`SD_LISTEN_FDS_START`).
const FIRST: libc::c_int = 3;

/// The listening socket that this process was started with; `None` where it was started without one. To be called once, before
/// anything else opens files.
pub fn socket() -> io::Result<Option<UnixListener>> {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    // It may have been meant for the process that started this one.
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(None);
    }
    match number("LISTEN_FDS") {
        None | Some(0) => return Ok(None),
        Some(1) => {}
        Some(count) => {
            return Err(io::Error::other(format!(
                "{count} sockets were handed over in place of one: leave one ListenStream in the socket unit"
            )));
        }
    }
    // SAFETY: whoever started this process says by LISTEN_PID and LISTEN_FDS that this descriptor is open and its own.
    let fd = unsafe { BorrowedFd::borrow_raw(FIRST) };
    let wanted = [
        (libc::SO_DOMAIN, libc::AF_UNIX),
        (libc::SO_TYPE, libc::SOCK_STREAM),
        (libc::SO_ACCEPTCONN, 1),
    ];
    for (name, value) in wanted {
        if option(fd, name)? != value {
            return Err(io::Error::other(
                "what was handed over is no listening stream socket: write ListenStream and Accept=no into the socket unit",
            ));
        }
    }
    // SAFETY: fcntl(2) takes numbers here.
    if unsafe { libc::fcntl(FIRST, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, as the questions above show, it is this process's own, and nobody else in it has it: this is
    // called once, before anything else opens files.
    Ok(Some(UnixListener::from(unsafe {
        OwnedFd::from_raw_fd(FIRST)
    })))
}

/// A number that describes a socket (`getsockopt(2)`).
fn option(fd: BorrowedFd<'_>, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    #[expect(clippy::cast_possible_truncation, reason = "it is 4")]
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: value and length are those of one int that lives over the call and is ours alone.
    let returned = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        )
    };
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value)
}
