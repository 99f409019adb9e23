//! Giving up rights for good: another user, no capability, and no way to get one.
#![expect(unsafe_code, reason = "system calls")]

use std::{ffi::CStr, io};

use super::child::keep_only;

/// More capabilities than any kernel has: their sets are 64 bits wide (linux/capability.h).
const MOST_CAPABILITIES: libc::c_ulong = 64;

/// From now on this process is the user `uid` in the group `gid`, and in the other groups of `name`, where there is a name. Needs
/// root's rights.
pub fn become_user(uid: u32, gid: u32, name: Option<&CStr>) -> io::Result<()> {
    let groups = match name {
        // SAFETY: the name is a string with its end that lives over the call.
        Some(name) => unsafe { libc::initgroups(name.as_ptr(), gid) },
        // SAFETY: no group at all is read from where the pointer points.
        None => unsafe { libc::setgroups(0, std::ptr::null()) },
    };
    succeeded(groups)?;
    // SAFETY: setresgid(2) takes numbers.
    succeeded(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: setresuid(2) takes numbers.
    succeeded(unsafe { libc::setresuid(uid, uid, uid) })
}

/// Empties the set of capabilities that could be had at an exec (capabilities(7)), as far as that is allowed. Those that are held
/// are held further.
pub fn narrow() {
    for number in 0..MOST_CAPABILITIES {
        // SAFETY: prctl(2) takes numbers here. Past the last capability it fails, and so it does for who may not.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) } < 0 {
            break;
        }
    }
}

/// Gives up all capabilities in all sets, those that might be had again included as far as that is allowed, and has the kernel
/// give none back at an exec (`PR_SET_NO_NEW_PRIVS`). Makes system calls alone, so it may be called between fork and exec.
pub fn give_up_all() -> io::Result<()> {
    // Before the others, because CAP_SETPCAP is needed for it.
    narrow();
    keep_only(None)?;
    // SAFETY: prctl(2) takes numbers here.
    succeeded(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
}

/// The user that this process acts as.
#[must_use]
pub fn user() -> u32 {
    // SAFETY: geteuid(2) takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

fn succeeded(returned: libc::c_int) -> io::Result<()> {
    if returned < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
