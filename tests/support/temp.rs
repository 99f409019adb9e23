//! Temporary directories that do not outlive their test.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// The beginning of every name; the number of the owner's process follows.
const PREFIX: &str = "wallwatch-test.";

/// A directory of a short path (a socket's has at most 107 bytes: unix(7)), removed by `Drop`.
///
/// What a killed test left behind is removed by the next one that makes a directory.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// Makes a directory that every user may enter.
    #[must_use]
    pub fn new() -> Self {
        Self::within("/tmp")
    }

    /// Makes a directory that every user may enter, and in which nobody but root can put anything, on the way to it neither: /tmp is
    /// everybody's.
    #[must_use]
    pub fn of_root() -> Self {
        Self::within("/var/lib")
    }

    /// Makes a directory in memory, for what writes so much that a disk would be waited for.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::within("/dev/shm")
    }

    fn within(parent: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        sweep(parent);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("{parent}/{PREFIX}{}.{number}", process::id()));
        fs::create_dir(&path).expect("a directory can be made");
        let dir = Self(path);
        dir.set_mode(0o755);
        dir
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a directory inside that belongs to `uid` alone.
    pub fn private(&self, name: &str, uid: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).expect("a directory can be made in the temporary directory");
        std::os::unix::fs::chown(&path, Some(uid), Some(uid))
            .expect("root can give a directory away");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("root can set modes");
        path
    }

    /// Writes a script that everybody may run, and returns its path.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .expect("the owner can set modes");
        path
    }

    /// Writes a file that everybody may read, and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file can be written in the temporary directory");
        path
    }

    /// Sets the directory's mode.
    fn set_mode(&self, mode: u32) {
        fs::set_permissions(&self.0, fs::Permissions::from_mode(mode))
            .expect("the owner can set modes");
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes the directories of processes that are gone.
fn sweep(parent: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| {
            name.strip_prefix(PREFIX)?
                .split('.')
                .next()?
                .parse::<u32>()
                .ok()
        });
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            remove(&entry.path());
        }
    }
}

/// Removes a directory; that it is gone already is as good.
fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            eprintln!("{} stays behind: {error}", path.display());
        }
        _ => {}
    }
}
