//! What the administrator is told where the history is not kept as it should be: each a sentence, or two, that say what to do.

use std::path::Path;

use super::file::Fault;
use crate::store::schema::VERSION;

/// Why the history is in memory alone.
pub(super) fn in_memory(path: &Path, fault: &Fault) -> String {
    let path = path.display();
    let memory = "so the latest incidents are kept in memory alone and end with the helper";
    let again = "They are written down by themselves then.";
    match fault {
        Fault::Full => {
            format!("The disk with the history {path} is full, {memory}. Make room on it. {again}")
        }
        Fault::Newer(version) => format!(
            "The history {path} was written by a newer Wallwatch (its tables are of version {version}, this program knows up to \
             {VERSION}), {memory}. Install the newer Wallwatch again, or move the file away: sudo mv {path} {path}.newer"
        ),
        Fault::Busy => format!(
            "Another program holds the history {path}, {memory}. End it; this names it: sudo fuser -v {path} . {again}"
        ),
        Fault::Damaged => format!(
            "The history {path} is damaged and cannot be moved away, {memory}. Move it: sudo mv {path} {path}.damaged . {again}"
        ),
        Fault::Refused(words) | Fault::Other(words) => format!(
            "The history {path} cannot be used ({words}), {memory}. Look whether the user wallwatch may write to it and to its folder: \
             sudo ls -la {path} . {again}"
        ),
    }
}

/// A damaged file was kept aside.
pub(super) fn set_aside(path: &Path, aside: &Path) -> String {
    format!(
        "The history {} was damaged and a new one was begun, with the latest incidents that could be read. The old one is kept; this \
         shows what else can be read of it: sudo sqlite3 {} .recover",
        path.display(),
        aside.display()
    )
}

/// The file vanished.
pub(super) fn gone(path: &Path) -> String {
    format!(
        "The history {} was taken away, so a new one is begun.",
        path.display()
    )
}

/// The disk did not answer for so long that not everything could wait.
pub(super) fn lost(changes: u64) -> String {
    format!(
        "The disk did not answer for so long that {changes} changes of incidents were not written into the history."
    )
}
