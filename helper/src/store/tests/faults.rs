//! What becomes of the history where its file is damaged, newer, held, taken away, or none.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
};

use super::*;

#[tokio::test]
async fn tables_of_a_newer_version_are_left_alone() {
    let folder = Folder::new();
    three(&folder).end().await;
    let newer = folder.other();
    let version = schema::VERSION + 1;
    newer
        .execute_batch(&format!(
            "PRAGMA journal_mode = DELETE; PRAGMA user_version = {version}"
        ))
        .unwrap();
    drop(newer);
    let before = fs::read(folder.file()).unwrap();
    let history = three(&folder);
    assert_eq!(all(&history).await, [11, 12, 13], "kept in memory");
    let trouble = history.trouble().borrow().clone();
    for words in ["newer Wallwatch", "version 3", "sudo mv", "in memory alone"] {
        assert!(trouble.contains(words), "no {words:?} in {trouble}");
    }
    history.end().await;
    assert!(
        fs::read(folder.file()).unwrap() == before,
        "not one byte is changed"
    );
}

/// Writes over pages of the file.
fn damage(file: &Path, from: u64) {
    let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(from)).unwrap();
    let rest = usize::try_from(length - from).unwrap();
    file.write_all(&vec![0xa5; rest]).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_kept_aside_and_a_new_one_begun() {
    let folder = Folder::new();
    for round in 0..5_u32 {
        let history = three(&folder);
        assert_eq!(all(&history).await, [11, 12, 13], "round {round}");
        history.end().await;
        assert_eq!(folder.beside("-wal").len(), 0, "all is in the file");
        // The first page too, by turns.
        damage(&folder.file(), u64::from(round % 2) * 4096);
        let before = fs::read(folder.file()).unwrap();
        let history = folder.open();
        assert_eq!(all(&history).await, [0_u64; 0], "round {round}");
        let trouble = history.trouble().borrow().clone();
        assert!(
            trouble.contains("was damaged and a new one was begun"),
            "{trouble}"
        );
        let kept = folder.beside(".damaged-");
        // SQLite counts in the first 100 bytes who opened it.
        assert!(
            kept.iter()
                .any(|kept| fs::read(kept).unwrap()[100..] == before[100..])
        );
        assert!(
            trouble.contains(kept.last().unwrap().to_str().unwrap()),
            "{trouble}"
        );
        assert!(kept.len() <= 3, "{kept:?}");
        record(&history, [alert(9, 99)]);
        assert_eq!(all(&history).await, [99]);
        history.end().await;
        let again = folder.open();
        assert_eq!(all(&again).await, [99], "round {round}");
        assert_eq!(*again.trouble().borrow(), "", "what is over is no trouble");
        again.clear(0).await.unwrap();
        again.end().await;
        // The names of the files are of seconds.
        let times = folder.beside(".damaged-");
        for kept in times {
            let name = kept.to_str().unwrap();
            let (front, time) = name.rsplit_once('-').unwrap();
            let earlier = time.parse::<u64>().unwrap() - 10;
            fs::rename(&kept, format!("{front}-{earlier}")).unwrap();
        }
    }
    assert_eq!(folder.beside(".damaged-").len(), 3);
}

#[tokio::test]
async fn what_can_be_read_of_a_damaged_file_is_taken_along() {
    let folder = Folder::new();
    let history = folder.open();
    for id in 1..=2000 {
        history.record(&Change::Raised(alert(id, id)), &facts());
        if id % 500 == 0 {
            assert_eq!(
                all(&history).await.len(),
                1000.min(usize::try_from(id).unwrap())
            );
        }
    }
    history.end().await;
    // The evidence's pages are the most; those of the alerts are whole for the most part.
    let root: u64 = folder
        .other()
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'evidence'",
            [],
            |row| row.get::<_, i64>(0),
        )
        .unwrap()
        .try_into()
        .unwrap();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(folder.file())
        .unwrap();
    file.seek(SeekFrom::Start((root - 1) * 4096)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();
    let history = folder.open();
    record(&history, [alert(3000, 3000)]);
    history.record(&Change::Raised(alert(2000, 3001)), &facts());
    let newest = AlertFilter {
        order: "desc".to_owned(),
        ..AlertFilter::default()
    };
    assert_eq!(seqs(&history, 0, 3, newest).await, [3001, 3000, 1999]);
    assert_eq!(all(&history).await.len(), 1000);
    assert!(history.trouble().borrow().contains("damaged"));
    assert_eq!(folder.beside(".damaged-").len(), 1);
}

#[tokio::test]
async fn where_the_file_cannot_be_used_the_memory_is_and_the_file_when_it_can() {
    let folder = Folder::new();
    fs::create_dir(folder.file()).unwrap();
    let history = three(&folder);
    history.note_noise(vec![entry(Noise::Mdns, 3, NOW)]);
    assert_eq!(all(&history).await, [11, 12, 13]);
    let trouble = history.trouble().borrow().clone();
    for words in [
        "cannot be used",
        "Is a directory",
        "in memory alone",
        "sudo ls -la",
    ] {
        assert!(trouble.contains(words), "no {words:?} in {trouble}");
    }
    history.clear(NOW.0).await.unwrap();
    history.record(&Change::Raised(alert(3, 14)), &facts());
    fs::remove_dir(folder.file()).unwrap();
    let retry = |keeper: &mut Keeper| {
        keeper.use_file();
        Some(())
    };
    history.on_thread(retry).await.unwrap();
    assert_eq!(*history.trouble().borrow(), "");
    history.note_noise(vec![entry(Noise::Mdns, 4, NOW)]);
    history.end().await;
    let again = folder.open();
    assert_eq!(all(&again).await, [11, 12, 14]);
    assert_eq!(again.alert(3).await.unwrap().unwrap().evidence.len(), 3);
    assert_eq!(again.noise(0, 0).await.unwrap()[0].packets, 7);
}

#[tokio::test]
async fn another_program_that_holds_the_file_is_waited_for_but_not_for_ever() {
    let folder = Folder::new();
    let history = three(&folder);
    assert_eq!(all(&history).await, [11, 12, 13]);
    let mut other = folder.other();
    let held = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    record(&history, [alert(4, 14)]);
    assert_eq!(
        all(&history).await,
        [11, 12, 13, 14],
        "what is on the disk is there as well"
    );
    assert!(history.trouble().borrow().contains("Another program holds"));
    drop(held);
    let mut trouble = history.trouble();
    trouble.wait_for(String::is_empty).await.unwrap();
    history.end().await;
    assert_eq!(all(&folder.open()).await, [11, 12, 13, 14]);
}

#[tokio::test]
async fn a_file_that_is_taken_away_is_made_anew() {
    let folder = Folder::new();
    let history = three(&folder);
    assert_eq!(all(&history).await, [11, 12, 13]);
    for path in folder.beside("") {
        fs::remove_file(path).unwrap();
    }
    record(&history, [alert(4, 14)]);
    assert_eq!(all(&history).await, [14]);
    history.end().await;
    assert_eq!(all(&folder.open()).await, [14]);
}
