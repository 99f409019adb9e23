//! The history where it hurts: killed while it writes, on a full disk, and with a million incidents.

mod full;
mod killed;
mod large;
pub mod made;

use std::{fs, path::Path};

use wallwatch_dbus::{Alert, AlertFilter};
use wallwatch_helper::store::{History, MOST_RETURNED};

/// The bytes of the file and of what SQLite keeps beside it.
fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("the folder of the history");
    files
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("history.db"))
        })
        .map(|path| fs::metadata(path).map_or(0, |file| file.len()))
        .sum()
}

/// Newest first.
fn newest() -> AlertFilter {
    AlertFilter {
        order: "desc".to_owned(),
        ..AlertFilter::default()
    }
}

/// All that is remembered, page by page from the newest back.
async fn all(history: &History) -> Vec<Alert> {
    let mut all: Vec<Alert> = Vec::new();
    loop {
        let filter = AlertFilter {
            before_seq: all.last().map_or(0, |last| last.seq),
            ..newest()
        };
        let page = history.query(0, 0, filter).await.expect("a page");
        let is_last = page.len() < MOST_RETURNED;
        all.extend(page);
        if is_last {
            return all;
        }
    }
}
