//! A history that is killed a hundred times while it writes: it opens each time, and lacks nothing that is older than a second.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use wallwatch_dbus::AlertFilter;
use wallwatch_helper::{
    alert::Change,
    clock,
    store::{History, Limits},
};
use wallwatch_test_support::{
    TempDir,
    process::{self, Program},
};

use crate::made;

/// Tells this program that it is the one to be killed, and where it writes.
const WRITER: &str = "WALLWATCH_TEST_WRITER";
/// The arguments by which this program is the writer and nothing else.
const ARGUMENTS: [&str; 3] = ["--exact", "killed::writer", "--nocapture"];
/// So many are killed at a time, each in a folder of its own,
const AT_A_TIME: u64 = 10;
/// and so often.
const ROUNDS: u64 = 10;
/// What is so old is never lost.
const SAFE: Duration = Duration::from_secs(1);
/// The writer's limits, small enough that it prunes as well.
const LIMITS: Limits = Limits {
    days: 30,
    megabytes: 10,
};
/// The file in which the writer says how far it is.
const PROGRESS: &str = "progress";

/// What the writer said last: the number of its first and of its latest change.
fn progress(folder: &Path) -> (u64, u64) {
    let words = fs::read(folder.join(PROGRESS)).unwrap_or_default();
    let number = |at: usize| {
        let bytes = words.get(at..at + 8).and_then(|word| word.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    (number(0), number(8))
}

/// Kills a writer at some time and looks at what it leaves; returns how many incidents were safe.
fn kill_one(folder: &Path, lifetime: Duration) -> u64 {
    drop(fs::remove_file(folder.join(PROGRESS)));
    let this = std::env::current_exe().expect("a test knows its own program");
    let mut writer = Program::new(this)
        .args(ARGUMENTS)
        .env(WRITER, folder)
        .start();
    process::wait_until("the writer writes", Duration::from_secs(30), || {
        progress(folder).1 > 0
    });
    let begun = process::now();
    let mut seen: Vec<(Instant, u64)> = Vec::new();
    while process::now() - begun < lifetime {
        // The time is taken behind: what was told was recorded before.
        let (_, latest) = progress(folder);
        seen.push((process::now(), latest));
        thread::sleep(Duration::from_millis(10));
    }
    let killed = process::now();
    writer.signal("KILL");
    writer.wait(Duration::from_secs(10));
    let safe = seen
        .iter()
        .rev()
        .find(|(at, _)| killed - *at >= SAFE)
        .map_or(0, |(_, latest)| *latest);
    let (first, latest) = progress(folder);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made");
    let history = History::open(folder, LIMITS);
    let found = runtime
        .block_on(history.query(0, 0, crate::newest()))
        .expect("the history answers");
    assert_eq!(*history.trouble().borrow(), "", "it opens each time");
    let mut seqs: Vec<u64> = found.iter().map(|alert| alert.seq).collect();
    seqs.retain(|seq| *seq >= first);
    let last = seqs.first().copied().unwrap_or(0);
    assert!(
        last >= safe,
        "{last} is the last, {safe} was safe, {latest} was recorded"
    );
    // Nothing between is missing, but for the third that each incident has a change before.
    let of_run: Vec<u64> = (first..=last)
        .rev()
        .filter(|seq| !(seq - first).is_multiple_of(3) || *seq == last)
        .take(seqs.len())
        .collect();
    assert_eq!(seqs, of_run, "from {first} to {last}");
    runtime.block_on(history.end());
    let file = rusqlite::Connection::open(folder.join("history.db")).expect("the file opens");
    let check: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("the file can be checked");
    assert_eq!(check, "ok");
    safe.saturating_sub(first)
}

#[test]
fn killed_a_hundred_times_it_lacks_nothing_older_than_a_second() {
    let killers: Vec<_> = (0..AT_A_TIME)
        .map(|number| {
            thread::spawn(move || -> u64 {
                let folder = TempDir::new();
                (0..ROUNDS)
                    .map(|round| {
                        // From a little more than a second to two, never the same twice.
                        let lifetime = 1100 + (number * ROUNDS + round) * 7;
                        kill_one(folder.path(), Duration::from_millis(lifetime))
                    })
                    .sum()
            })
        })
        .collect();
    let safe: u64 = killers
        .into_iter()
        .map(|killer| killer.join().expect("no killer fails"))
        .sum();
    println!("{safe} changes were safe, and all were there");
    assert!(
        safe > AT_A_TIME * ROUNDS,
        "the writers wrote enough: {safe}"
    );
}

/// The program that is killed.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(WRITER) else {
        return;
    };
    let folder = Path::new(&folder);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made");
    let history = History::open(folder, LIMITS);
    let first = runtime.block_on(history.begin(clock::now()));
    history.close_orphans();
    drop(runtime.block_on(history.query(0, 1, AlertFilter::default())));
    let progress = fs::File::create(folder.join(PROGRESS)).expect("the folder is there");
    let facts = made::facts(8);
    // Of three changes the first is of an incident that the second changes again; each incident is told of a second time, so that
    // of each three numbers two stay.
    for (number, seq) in (0_u32..).zip(first..) {
        let mut alert = made::alert(number);
        alert.seq = seq;
        alert.id = match number % 3 {
            0 => seq + 1,
            _ => seq,
        };
        (alert.closed, alert.last_seen) = (false, clock::now().0);
        history.record(&Change::Raised(alert), &facts[..number as usize % 9]);
        let words = [first.to_le_bytes(), seq.to_le_bytes()].concat();
        progress.write_all_at(&words, 0).expect("there is room");
        thread::sleep(Duration::from_millis(2));
    }
}
