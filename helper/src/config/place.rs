//! How a file's text has to be changed to set another NFLOG group.

use std::path::{Path, PathBuf};

/// Where the group stands in a file, or could stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    path: PathBuf,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// There is no file, or an empty one.
    NoFile,
    /// In a section `[nflog]`, or as `nflog.group`.
    Set,
    /// In a section `[nflog]` that names no group.
    Section,
    /// Nowhere.
    Nowhere,
}

impl Place {
    /// Where it could stand once the file is written.
    pub(super) fn in_no_file(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            at: At::NoFile,
        }
    }

    /// Where it stands, or could stand, in this text of the file.
    pub(super) fn in_text(path: &Path, text: &str, is_set: bool) -> Self {
        let has_section = text
            .lines()
            .any(|line| line.trim_start().starts_with("[nflog]"));
        let at = match (is_set, has_section) {
            _ if text.trim().is_empty() => At::NoFile,
            (true, _) => At::Set,
            (false, true) => At::Section,
            (false, false) => At::Nowhere,
        };
        Self {
            path: path.to_owned(),
            at,
        }
    }

    /// The command that sets another group.
    pub(super) fn command(&self, group: u16) -> String {
        let path = self.path.display();
        match self.at {
            At::NoFile => format!("echo 'nflog.group = {group}' | sudo tee {path}"),
            At::Set => {
                format!("sudo sed -i -E 's/^( *(nflog\\.)?group *= *)[0-9_]+/\\1{group}/' {path}")
            }
            At::Section => {
                format!("sudo sed -i 's/^ *\\[nflog\\].*/&\\ngroup = {group}/' {path}")
            }
            At::Nowhere => format!("sudo sed -i '1i nflog.group = {group}' {path}"),
        }
    }
}
