//! The only place of the helper that starts a program: by absolute path, with an empty environment and with one capability at most.
#![expect(unsafe_code, reason = "system calls between fork and exec")]

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::capability::Capability;

/// Where the programs of an administrator lie; `PATH` is not asked, because whoever started us may have set it.
const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: 64 capabilities in two halves.
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Where a program lies, if it is installed.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(program))
        .find(|path| path.is_file())
}

/// A command for `program` (an absolute path) that keeps no capability but `NET_ADMIN`, ends when this process ends, and has
/// pipes for all three standard streams.
#[must_use]
pub fn net_admin(program: &Path, arguments: &[&str]) -> Command {
    command(program, arguments, Some(Capability::NetAdmin))
}

/// A command for `program` (an absolute path) that keeps no capability at all, reads nothing, ends when this process ends, and has
/// pipes for its two outputs.
#[must_use]
pub fn unprivileged(program: &Path, arguments: &[&str]) -> Command {
    let mut command = command(program, arguments, None);
    command.stdin(Stdio::null());
    command
}

fn command(program: &Path, arguments: &[&str], capability: Option<Capability>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where programs are started"
    )]
    let mut command = std::process::Command::new(program);
    // nft's line editor writes a history file into $HOME: give it none that exists.
    command
        .args(arguments)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        // nft needs much memory for a moment when it takes rules, and lives on: mallopt(3).
        .env("MALLOC_TRIM_THRESHOLD_", "0")
        .current_dir("/");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut command = Command::from(command);
    // A group of its own: Ctrl+C in our terminal is for us, and we end the child ourselves.
    command.process_group(0).kill_on_drop(true);
    let parent = std::process::id().cast_signed();
    // SAFETY: between fork and exec only async-signal-safe calls are made: system calls, and `last_os_error`, which reads errno.
    // Nothing is allocated, no lock is taken.
    unsafe {
        command.pre_exec(move || {
            end_with(parent)?;
            keep_only(capability)
        })
    };
    command
}

/// Has the kernel end this process when its parent ends (`PR_SET_PDEATHSIG`, prctl(2)).
pub(super) fn end_with(parent: libc::pid_t) -> io::Result<()> {
    // SAFETY: prctl(2) takes numbers here.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: getppid(2) takes nothing and cannot fail. It tells whether the parent ended before prctl(2) was called.
    if unsafe { libc::getppid() } != parent {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Ok(())
}

/// The header of capset(2), as linux/capability.h has it.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// One half of the sets of capset(2), as linux/capability.h has it.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Gives up every capability but this one, and hands it on over the exec as an ambient one (capabilities(7)).
pub(super) fn keep_only(capability: Option<Capability>) -> io::Result<()> {
    // SAFETY: prctl(2) takes numbers here.
    if unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        )
    } < 0
    {
        return Err(io::Error::last_os_error());
    }
    let header = CapabilityHeader {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let mut data = [CapabilityData::default(); 2];
    if let Some(capability) = capability {
        let number = capability as usize;
        let mask = 1_u32 << (number % 32);
        data[number / 32] = CapabilityData {
            effective: mask,
            permitted: mask,
            inheritable: mask,
        };
    }
    // SAFETY: header and data have the layout of linux/capability.h; version 3 reads two halves, and two are given.
    if unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let Some(capability) = capability else {
        return Ok(());
    };
    // SAFETY: prctl(2) takes numbers here.
    if unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE,
            capability as libc::c_ulong,
            0,
            0,
        )
    } < 0
    {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
