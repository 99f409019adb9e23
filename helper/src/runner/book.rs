//! The hooks that the configuration names now: read again when it has changed.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    config::{self, Config},
    hook::Hook,
};

/// What tells one state of a file from another: number, length, and when it was written, in seconds and nanoseconds.
type Stamp = (PathBuf, Option<(u64, u64, i64, i64)>);

/// The hooks.
#[derive(Debug)]
pub(crate) struct Book {
    path: Option<PathBuf>,
    /// The files that were read, as they were then.
    stamps: Option<Vec<Stamp>>,
    hooks: Vec<Arc<Hook>>,
    /// Why the files cannot be used that are there now.
    trouble: Option<String>,
}

impl Book {
    /// The hooks of this file, or of the default one. It is read when a hook is looked up.
    pub(crate) const fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            stamps: None,
            hooks: Vec::new(),
            trouble: None,
        }
    }

    /// Reads the files where one has changed. What was good before holds while it is broken. Returns what has to be said, once.
    pub(crate) fn look(&mut self) -> Option<String> {
        let path = self.path.as_deref();
        // Where the folder beside it cannot be read, reading the configuration says why.
        let files = config::files(path)
            .unwrap_or_else(|_| vec![path.unwrap_or(Path::new(config::DEFAULT_PATH)).to_owned()]);
        let stamps = Some(files.into_iter().map(stamp).collect());
        if self.stamps == stamps {
            return None;
        }
        self.stamps = stamps;
        match Config::load(self.path.as_deref()) {
            Ok(config) => {
                self.hooks = config.hooks.iter().cloned().map(Arc::new).collect();
                self.trouble = None;
                None
            }
            Err(error) => {
                let held = if self.hooks.is_empty() {
                    "no hook runs until it is mended"
                } else {
                    "the hooks that it named before hold until it is mended"
                };
                let sentence = format!("{error}; {held}.");
                self.trouble = Some(sentence.clone());
                Some(sentence)
            }
        }
    }

    /// The hook of this name; else a sentence.
    pub(crate) fn get(&self, name: &str) -> Result<&Arc<Hook>, String> {
        let found = self.hooks.iter().find(|hook| hook.name == name);
        found.ok_or_else(|| match &self.trouble {
            Some(trouble) => trouble.clone(),
            None => format!(
                "The configuration names no hook '{}': write one, or let the helper read the same file.",
                name.chars().take(32).collect::<String>().escape_debug()
            ),
        })
    }
}

fn stamp(path: PathBuf) -> Stamp {
    let file = fs::metadata(&path).ok();
    let state = file.map(|file| (file.ino(), file.len(), file.mtime(), file.mtime_nsec()));
    (path, state)
}
