//! The files that a configuration stands in, and what they say together.
//!
//! Beside `config.toml` the files `config.d/*.toml` are read, in the order of their names. Tables are merged, `[[rule]]` and `[[hook]]`
//! are added to those before, and of anything else the last file that says it counts.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::Error;

/// A larger file is none of ours, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;
/// So many files may lie in the directory.
const MOST_FILES: usize = 64;
/// The directory beside the file.
const DIRECTORY: &str = "config.d";

/// A file of the configuration.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Reads the file at `path`, which may be missing where it is not required, and those of the directory beside it.
pub(super) fn read_all(path: &Path, required: bool) -> Result<Vec<Layer>, Error> {
    let mut layers = Vec::new();
    match read(path) {
        Ok(text) => layers.push(Layer {
            path: path.to_owned(),
            text,
        }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && !required => {}
        Err(cause) => return Err(refused(path, cause)),
    }
    for path in beside(path)? {
        let text = read(&path).map_err(|cause| refused(&path, cause))?;
        layers.push(Layer { path, text });
    }
    Ok(layers)
}

/// The files of the directory beside the file at `path`, in the order of their names. A hidden one is none: editors leave such.
pub(super) fn beside(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let directory = directory(path);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(refused(&directory, cause)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|cause| refused(&directory, cause))?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|end| end == "toml") && !is_hidden {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            let many = format!("there are more than {MOST_FILES} files in it");
            return Err(refused(&directory, io::Error::other(many)));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The directory whose files are read beside the file at `path`.
pub(super) fn directory(path: &Path) -> PathBuf {
    path.with_file_name(DIRECTORY)
}

/// Lays one table over another.
pub(super) fn lay_over(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            // A list of tables is a list of things, each of its own; any other list is one value.
            (Some(Value::Array(below)), Value::Array(above))
                if is_of_tables(below) && is_of_tables(&above) =>
            {
                below.extend(above);
            }
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

pub(super) fn is_of_tables(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(Value::is_table)
}

fn refused(path: &Path, cause: io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        cause,
    }
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MOST_BYTES {
        return Err(io::Error::other("it is larger than a mebibyte"));
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_merge_lists_of_tables_grow_and_of_the_rest_the_last_counts() {
        let mut all: Table = toml::from_str(
            "capture = true\nnflog.group = 7\nnflog.groups = [1]\n[[rule]]\nport = 1",
        )
        .unwrap();
        for text in [
            "capture = false\nnflog.groups = [2, 3]\n[[rule]]\nport = 2",
            "history.days = 5\n[[rule]]\nport = 3\n[[hook]]\nname = \"a\"",
        ] {
            lay_over(&mut all, toml::from_str(text).unwrap());
        }
        let expected: Table = toml::from_str(
            "capture = false\nnflog.group = 7\nnflog.groups = [2, 3]\nhistory.days = 5\nrule = [{ port = 1 }, { port = 2 }, { port = 3 }]\nhook = [{ name = \"a\" }]",
        )
        .unwrap();
        assert_eq!(all, expected);
    }
}
