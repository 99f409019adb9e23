//! How far files were read, kept over a restart: a small file in the state directory, replaced as a whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// So many bytes before a position are known again: more than a line of ulogd's JSON, so that a stamp is among them.
pub(super) const WINDOW: usize = 1024;
/// A larger file is none of ours, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;
/// The shape of the file.
const VERSION: u32 = 1;

/// Which file this is, whatever it is called: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// What it was called.
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
    /// So many bytes were read.
    pub(super) offset: u64,
    /// The last so many of them were of a line whose end had not come.
    pub(super) pending: u64,
    /// So many bytes before the offset are known again,
    window: usize,
    /// by this hash.
    hash: u64,
}

impl Position {
    /// The position behind `before`, the bytes that were read last.
    pub(super) fn new(
        path: &Path,
        identity: Identity,
        offset: u64,
        pending: u64,
        before: &[u8],
    ) -> Self {
        Self {
            path: path.to_owned(),
            device: identity.device,
            inode: identity.inode,
            offset,
            pending,
            window: before.len(),
            hash: hash(before),
        }
    }

    /// Is this file the one, by its number? Numbers are used again.
    pub(super) const fn names(&self, identity: Identity) -> bool {
        self.device == identity.device && self.inode == identity.inode
    }

    /// Does a file hold what was read up to the position? Returns those bytes.
    pub(super) fn bytes_before(&self, file: &File) -> Option<Vec<u8>> {
        let window = self.window.min(WINDOW);
        let start = self.offset.checked_sub(window as u64)?;
        let mut bytes = vec![0; window];
        file.read_exact_at(&mut bytes, start).ok()?;
        (hash(&bytes) == self.hash).then_some(bytes)
    }

    /// Was nothing read yet, so that every file holds it?
    pub(super) const fn is_empty(&self) -> bool {
        self.window == 0
    }
}

/// FNV-1a (draft-eastlake-fnv): the same in every version of this program, as no hash of the standard library need be.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    files: Vec<Position>,
}

/// Reads the positions; none where there is no such file.
pub(super) fn load(path: &Path) -> io::Result<Vec<Position>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text)?;
    let written: Written = serde_json::from_str(&text)?;
    if written.version == VERSION {
        Ok(written.files)
    } else {
        Err(io::Error::other("it is of another version"))
    }
}

/// Writes the positions.
pub(super) fn save(path: &Path, files: Vec<Position>) -> io::Result<()> {
    let text = serde_json::to_string(&Written {
        version: VERSION,
        files,
    })?;
    replace(path, text.as_bytes())
}

/// Puts a text into the place of a file, so that whoever reads it finds the old text or the new one, and never half of one.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(text))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is half written takes room that is missing already.
        drop(fs::remove_file(&new));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_fits_the_file_that_it_was_taken_of_and_no_other() {
        let dir = std::env::temp_dir().join(format!("wallwatch-position.{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let log = dir.join("log");
        fs::write(&log, "one\ntwo\nth").unwrap();
        let identity = Identity::of(&fs::metadata(&log).unwrap());
        let position = Position::new(&log, identity, 10, 2, b"one\ntwo\nth");
        let saved = dir.join("positions");
        save(&saved, vec![position.clone()]).unwrap();
        assert_eq!(load(&saved).unwrap(), std::slice::from_ref(&position));
        assert!(position.names(identity) && !position.is_empty());
        let bytes = |text: &str| {
            fs::write(&log, text).unwrap();
            position.bytes_before(&File::open(&log).unwrap())
        };
        assert_eq!(bytes("one\ntwo\nthree\n").unwrap(), b"one\ntwo\nth");
        for other in ["one\ntwo\nt", "", "one\ntwo\nTHree\n"] {
            assert_eq!(bytes(other), None, "{other:?}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_is_no_list_of_positions_is_refused_and_a_missing_one_is_empty() {
        let path = std::env::temp_dir().join(format!("wallwatch-broken.{}", std::process::id()));
        assert_eq!(load(&path).unwrap(), []);
        for text in ["", "{}", "{\"version\":2,\"files\":[]}", "[", "\u{0}"] {
            fs::write(&path, text).unwrap();
            assert!(load(&path).is_err(), "{text}");
        }
        fs::remove_file(&path).unwrap();
    }
}
