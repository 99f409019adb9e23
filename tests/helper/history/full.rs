//! A disk that is full, and one that cannot be written to: the history goes on in memory and is written down later.

use std::{path::Path, time::Duration};

use wallwatch_helper::store::{History, Limits};
use wallwatch_test_support::{TempDir, process::Program, require_root};

use crate::{all, bytes, made};

/// A small disk of its own.
struct Disk<'f>(&'f Path);

impl<'f> Disk<'f> {
    fn new(folder: &'f Path) -> Self {
        let disk = Self(folder);
        disk.mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
        disk
    }

    fn mount(&self, words: &[&str]) {
        Program::new("mount").args(words).arg(self.0).succeed();
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Program::new("umount").arg(self.0).output());
    }
}

/// Waits until what is wrong has to do with this, or nothing is wrong where it is empty.
async fn trouble(history: &History, words: &str) -> String {
    let mut trouble = history.trouble();
    let told = trouble.wait_for(|told| told.contains(words) && told.is_empty() == words.is_empty());
    let told = tokio::time::timeout(Duration::from_secs(60), told).await;
    told.expect("it is told in time")
        .expect("the history is there")
        .clone()
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_forgotten_and_all_is_written_when_there_is_room() {
    require_root!();
    let folder = TempDir::new();
    let disk = Disk::new(folder.path());
    let history = History::open(folder.path(), Limits::default());
    let facts = made::facts(8);
    let mut recorded = 0;
    while history.trouble().borrow().is_empty() {
        assert!(recorded < 10_000, "a mebibyte has no room for {recorded}");
        for _ in 0..100 {
            recorded += 1;
            history.record(&made::change(recorded), &facts);
        }
        assert_eq!(all(&history).await.len(), recorded as usize);
    }
    let told = trouble(&history, "full").await;
    for words in ["in memory alone", "Make room"] {
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    println!("full behind {recorded} incidents: {told}");
    for _ in 0..200 {
        recorded += 1;
        history.record(&made::change(recorded), &facts);
    }
    assert_eq!(all(&history).await.len(), recorded as usize);
    let oldest = history
        .alert(1)
        .await
        .expect("an answer")
        .expect("the first");
    assert_eq!(oldest.evidence.len(), 8);

    disk.mount(&["-o", "remount,size=64m"]);
    assert_eq!(trouble(&history, "").await, "");
    assert_eq!(all(&history).await.len(), recorded as usize);
    assert!(bytes(folder.path()) > 1 << 20);

    history.end().await;
    disk.mount(&["-o", "remount,ro"]);
    let history = History::open(folder.path(), Limits::default());
    recorded += 1;
    history.record(&made::change(recorded), &facts);
    let last = history.alert(recorded.into()).await.expect("an answer");
    assert!(last.is_some(), "it is kept in memory");
    let told = trouble(&history, "cannot be used").await;
    println!("read-only: {told}");
    disk.mount(&["-o", "remount,rw"]);
    assert_eq!(trouble(&history, "").await, "");
    history.end().await;

    let again = History::open(folder.path(), Limits::default());
    let found = all(&again).await;
    let seqs: Vec<u64> = found.iter().map(|alert| alert.seq).collect();
    assert_eq!(seqs, (1..=u64::from(recorded)).rev().collect::<Vec<_>>());
    let last = again.alert(recorded.into()).await.expect("an answer");
    assert_eq!(last.expect("the last").evidence.len(), 8);
    again.end().await;
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_start_is_told_of_at_once() {
    require_root!();
    let folder = TempDir::new();
    let disk = Disk::new(folder.path());
    let fill = "head -c 2M /dev/zero > \"$1/filler\" 2>/dev/null || true";
    Program::shell(fill).arg("sh").arg(folder.path()).succeed();
    let history = History::open(folder.path(), Limits::default());
    history.record(&made::change(7), &[]);
    assert_eq!(all(&history).await.len(), 1);
    let told = history.trouble().borrow().clone();
    assert!(told.contains("full"), "{told}");
    std::fs::remove_file(folder.path().join("filler")).expect("the filler is there");
    assert_eq!(trouble(&history, "").await, "");
    history.end().await;
    assert_eq!(
        all(&History::open(folder.path(), Limits::default()))
            .await
            .len(),
        1
    );
    drop(disk);
}
