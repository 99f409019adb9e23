//! What is wrong with a file, as one sentence that says what to do.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::Path,
};

use wallwatch::text::number;
use wallwatch_helper::decode::{CaptureError, capture::MAX_FRAME};

use super::{gzip::Trailing, input::is_stdin, kind::Foreign};

/// How standard input is called.
pub(super) const STANDARD_INPUT: &str = "standard input";
/// At most so many files of a directory are named.
const MOST_NAMED: usize = 3;
/// The number of /dev/null (Documentation/admin-guide/devices.txt of the kernel): major 1, minor 3.
const DEV_NULL: u64 = 0x0103;

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// A sentence, or two.
    pub(super) sentence: String,
    /// Was everything that there is read nevertheless?
    pub(super) harmless: bool,
}

impl Trouble {
    fn new(sentence: String) -> Self {
        Self {
            sentence,
            harmless: false,
        }
    }

    /// It cannot be opened or read.
    pub(super) fn unreadable(name: &str, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => ". Try again with sudo",
            io::ErrorKind::NotFound => ". Look for its right name",
            _ => "",
        };
        let error = error.to_string();
        let reason = error.split(" (os error").next().unwrap_or(&error);
        Self::new(format!("cannot read {name}: {reason}{hint}"))
    }

    /// A file stands twice among the files, maybe by another name.
    pub(super) fn twice(path: &Path, other: &Path) -> Self {
        let name = |path: &Path| {
            if is_stdin(path) {
                format!("{STANDARD_INPUT} (-)")
            } else {
                path.display().to_string()
            }
        };
        let (name, other) = (name(path), name(other));
        if name != other {
            return Self::new(format!(
                "{name} is the same file as {other} and is read once only"
            ));
        }
        if is_stdin(path) {
            return Self::new(format!("{name} can be read once only"));
        }
        Self::new(format!("{name} is named twice and is read once only"))
    }

    /// It is something that is no log, by its kind in the file system.
    pub(super) fn by_type(name: &str, path: &Path, metadata: &fs::Metadata) -> Option<Self> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Some(Self::new(format!(
                "{name} is a directory. Name the files in it, as: wallwatchctl analyze {}",
                files_of(path)
            )));
        }
        if kind.is_socket() {
            return Some(Self::new(format!(
                "{name} is a socket, not a log. Name the file that its owner writes"
            )));
        }
        let is_device = kind.is_block_device() || kind.is_char_device();
        (is_device && metadata.rdev() != DEV_NULL).then(|| {
            Self::new(format!(
                "{name} is a device, not a log. Read the kernel's log with: \
                 sudo journalctl -k -o json | wallwatchctl analyze -"
            ))
        })
    }

    /// It is something that is no log, by its first bytes, or by those that were compressed.
    pub(super) fn foreign(name: &str, is_gzip: bool, foreign: &Foreign) -> Self {
        let holds = if is_gzip {
            "is compressed by gzip and holds what is"
        } else {
            "is"
        };
        let what = foreign.name;
        if foreign.unpack.is_empty() {
            return Self::new(format!(
                "{name} {holds} {what}, not a log. Name a log of the firewall, as /var/log/kern.log"
            ));
        }
        let command = if is_gzip {
            format!(
                "gzip -dc {} > unpacked && {}",
                quoted(name),
                foreign.unpack.replace("{}", "unpacked")
            )
        } else {
            foreign.unpack.replace("{}", &quoted(name))
        };
        Self::new(format!(
            "{name} {holds} {what}. Unpack it first: {command} | wallwatchctl analyze -"
        ))
    }

    /// Its compressed stream ends before its first byte of text.
    pub(super) fn no_text(name: &str) -> Self {
        Self::new(format!(
            "{name} is cut off before any of its compressed text, so nothing of it could be looked at"
        ))
    }

    /// Its compressed stream cannot be read to its end.
    pub(super) fn gzip(name: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self {
                sentence: format!(
                    "{name} is cut off: its compressed text has no end. What there is was looked at"
                ),
                harmless: true,
            },
            _ if is_trailing(error) => Self {
                sentence: format!("{name}: {error}. It was left out"),
                harmless: true,
            },
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Self::new(format!(
                "{name} is damaged: {error}. What stands before was looked at; test it with: gzip -t {}",
                quoted(name)
            )),
            _ => Self::unreadable(name, error),
        }
    }

    /// A capture cannot be read to its end.
    pub(super) fn capture(name: &str, error: &CaptureError) -> Self {
        let before = |frames| match frames {
            0 => "Nothing stands before that could be looked at".to_owned(),
            1 => "The frame before was looked at".to_owned(),
            n => format!("The {} frames before were looked at", number(n)),
        };
        match *error {
            CaptureError::Truncated { frames: 0 } => Self::new(format!(
                "{name} is cut off before the end of its first frame, so nothing of it could be looked at"
            )),
            CaptureError::Truncated { frames } => Self {
                sentence: format!("{name} is cut off inside a frame. {}", before(frames)),
                harmless: true,
            },
            CaptureError::Long { len, frames } => Self::new(format!(
                "{name} is damaged: it tells of a frame of {} bytes where at most {} are possible. {}",
                number(len.into()),
                number(MAX_FRAME as u64),
                before(frames)
            )),
            CaptureError::Damaged { what, frames } => {
                Self::new(format!("{name} is damaged: {what}. {}", before(frames)))
            }
            _ => Self::new(format!("{name}: {error}")),
        }
    }
}

/// Does something stand behind a compressed text?
fn is_trailing(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<Trailing>())
        .is_some()
}

/// A few files of the directory that may be logs, else a pattern for all.
fn files_of(path: &Path) -> String {
    let looks_like_log = |name: &str| {
        [
            ".log", "kern", "messages", "syslog", "ufw", "firewall", ".pcap",
        ]
        .iter()
        .any(|part| name.contains(part))
    };
    let mut files: Vec<String> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| looks_like_log(name))
        .collect();
    files.sort_unstable();
    files.truncate(MOST_NAMED);
    let in_it = |file: &String| quoted(&path.join(file).to_string_lossy());
    if files.is_empty() {
        format!("{}/*", quoted(&path.to_string_lossy()))
    } else {
        files.iter().map(in_it).collect::<Vec<_>>().join(" ")
    }
}

/// The name as a shell reads it.
fn quoted(name: &str) -> String {
    if name == STANDARD_INPUT {
        return "FILE".to_owned();
    }
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@,=%".contains(c);
    if name.chars().all(plain) && !name.is_empty() {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::kind::Kind;

    #[test]
    fn a_command_names_the_file_as_a_shell_reads_it() {
        let Kind::Foreign(journal) = Kind::of(b"LPKSHHRH") else {
            panic!()
        };
        let told = |name| Trouble::foreign(name, false, journal).sentence;
        assert_eq!(
            told("/var/log/journal/ab/system.journal"),
            "/var/log/journal/ab/system.journal is a file of systemd's journal. Unpack it first: \
             journalctl --file /var/log/journal/ab/system.journal _TRANSPORT=kernel -o json | wallwatchctl analyze -"
        );
        assert!(told("it's; rm x").contains("--file 'it'\\''s; rm x' _"));
    }
}
