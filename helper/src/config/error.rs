//! Why a configuration cannot be used, in a sentence with the file, and the line where there is one.

use std::{
    io,
    path::{Path, PathBuf},
};

/// So many characters of a broken line are shown.
const MOST_SHOWN: usize = 60;

/// Why a configuration cannot be used. Each is a sentence with the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read: {}", path.display(), reason(cause))]
    Read {
        /// The file, or the directory.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The file is no configuration.
    #[error("{}, line {line}: {}", path.display(), sentence(cause, text))]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// What stands there.
        text: String,
        /// The key and what could stand there.
        cause: Box<toml::de::Error>,
    },
    /// The file says what it may, but not beside those before it.
    #[error("{}: beside the files before it: {}", path.display(), sentence(cause, ""))]
    Together {
        /// The first file with which it is too much.
        path: PathBuf,
        /// What cannot be.
        cause: Box<toml::de::Error>,
    },
}

impl Error {
    /// The error of this text of this file.
    pub(super) fn parse(path: &Path, text: &str, cause: toml::de::Error) -> Self {
        let start = cause.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or(text);
        let line = before.matches('\n').count();
        let shown = text.lines().nth(line).unwrap_or_default().trim();
        Self::Parse {
            path: path.to_owned(),
            line: line + 1,
            text: shown.chars().take(MOST_SHOWN).collect(),
            cause: Box::new(cause),
        }
    }
}

/// Why a file cannot be read, and what to do.
fn reason(cause: &io::Error) -> String {
    let hint = match cause.kind() {
        io::ErrorKind::NotFound => "; look for its right name",
        io::ErrorKind::IsADirectory => "; name the file in it",
        io::ErrorKind::PermissionDenied => "; try again with sudo",
        _ => "",
    };
    let text = cause.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text);
    format!("{reason}{hint}")
}

/// What is wrong with a line of the file, as one line; the line is shown where no key is named.
fn sentence(cause: &toml::de::Error, line: &str) -> String {
    let message = cause.message().lines().collect::<Vec<_>>().join("; ");
    if line.is_empty() || message.starts_with("unknown field") {
        message
    } else {
        format!("{message}, in: {line}")
    }
}
