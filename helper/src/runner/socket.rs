//! The socket that a helper writes to: systemd's, or one that is made here.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::words::{quoted, reason};
use crate::sys::activation;

/// A script that was being started when another runner was killed holds that one's socket for a moment. So one that seems to be
/// another's is looked at again so often, a second in all.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) listener: UnixListener,
    /// Path and number of the file where it was made here, so that it is removed in the end.
    made: Option<(PathBuf, u64)>,
}

impl Socket {
    /// The socket that systemd handed over, if it did. An error is a sentence.
    pub(crate) fn of_systemd() -> Result<Option<Self>, String> {
        let socket = activation::socket()
            .map_err(|error| format!("The socket of systemd cannot be used: {error}."))?;
        Ok(socket.map(|listener| Self {
            listener,
            made: None,
        }))
    }

    /// Makes the socket for this user, and root. One that was left behind is replaced; where somebody listens that is refused. An error is a
    /// sentence.
    pub(crate) fn make(path: &Path, user: u32) -> Result<Self, String> {
        make_room(path)?;
        let failed = |error: &io::Error| {
            format!(
                "The socket {} cannot be made: {}.",
                quoted(path),
                reason(error)
            )
        };
        let listener = UnixListener::bind(path).map_err(|error| failed(&error))?;
        // Whoever connects before this is asked who he is all the same.
        let number = restrict(path, user).map_err(|error| failed(&error))?;
        Ok(Self {
            listener,
            made: Some((path.to_owned(), number)),
        })
    }

    /// Was it handed over, so that systemd starts this program again when somebody calls?
    pub(crate) const fn is_systemds(&self) -> bool {
        self.made.is_none()
    }

    /// Removes the file of a socket that was made here, unless it is another's by now.
    pub(crate) fn remove(made: Option<&(PathBuf, u64)>) {
        if let Some((path, number)) = made
            && fs::symlink_metadata(path).is_ok_and(|file| file.ino() == *number)
        {
            // A folder that this process may no longer write to keeps it; the next one replaces it.
            drop(fs::remove_file(path));
        }
    }

    pub(crate) fn into_parts(self) -> (UnixListener, Option<(PathBuf, u64)>) {
        (self.listener, self.made)
    }
}

/// Removes a socket at which nobody listens.
fn make_room(path: &Path) -> Result<(), String> {
    let shown = quoted(path);
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()), // binding tells
        Ok(file) if !file.file_type().is_socket() => {
            return Err(format!(
                "{shown} is no socket: name another path by --listen, or move that file away."
            ));
        }
        Ok(_) => {}
    }
    let mut answer = UnixStream::connect(path);
    for _ in 0..LOOKS {
        if answer.is_err() {
            break;
        }
        thread::sleep(BETWEEN_LOOKS);
        answer = UnixStream::connect(path);
    }
    match answer {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| {
                format!(
                    "{shown} was left behind and cannot be removed: {}.",
                    reason(&error)
                )
            }),
        // Somebody listens, or it is there and we may not connect.
        _ => Err(format!(
            "Another program listens at {shown}, probably another wallwatch-hook: end that one first."
        )),
    }
}

/// Lets nobody but this user connect. Where the file cannot be given away, everybody may knock, and is asked who he is. Returns the
/// number of the file.
fn restrict(path: &Path, user: u32) -> io::Result<u64> {
    let own = fs::symlink_metadata(path)?;
    let given = own.uid() == user || chown(path, Some(user), None).is_ok();
    let mode = if given { 0o600 } else { 0o666 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(own.ino())
}
