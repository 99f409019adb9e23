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

/// What tells one state of the file from another: number, length, and when it was written, in seconds and nanoseconds.
type Stamp = Option<(u64, u64, i64, i64)>;

/// The hooks.
#[derive(Debug)]
pub(crate) struct Book {
    path: Option<PathBuf>,
    stamp: Option<Stamp>,
    hooks: Vec<Arc<Hook>>,
    /// Why the file cannot be used that is there now.
    trouble: Option<String>,
}

impl Book {
    /// The hooks of this file, or of the default one. It is read when a hook is looked up.
    pub(crate) const fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            stamp: None,
            hooks: Vec::new(),
            trouble: None,
        }
    }

    /// Reads the file where it has changed. What was good before holds while it is broken. Returns what has to be said, once.
    pub(crate) fn look(&mut self) -> Option<String> {
        let stamp = stamp(
            self.path
                .as_deref()
                .unwrap_or(Path::new(config::DEFAULT_PATH)),
        );
        if self.stamp == Some(stamp) {
            return None;
        }
        self.stamp = Some(stamp);
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

fn stamp(path: &Path) -> Stamp {
    fs::metadata(path)
        .ok()
        .map(|file| (file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}
