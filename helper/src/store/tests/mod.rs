//! The history on real files: what is kept, how long, and under which numbers.

mod faults;
mod questions;

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    decode,
    detect::Trace,
    event::Feed,
    explain::{Example, Noise},
};

/// 2026-11-22 12:00 UTC, the beginning of an hour.
const NOW: Timestamp = Timestamp(1_795_348_800_000_000);

/// A folder that vanishes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wallwatch-history.{}.{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> History {
        History::open(&self.0, Limits::default())
    }

    fn file(&self) -> PathBuf {
        self.0.join(file::NAME)
    }

    /// The files that begin so, behind the name of the history.
    fn beside(&self, with: &str) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with(&format!("{}{with}", file::NAME))
            })
            .collect();
        files.sort();
        files
    }

    /// A connection of somebody else.
    fn other(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn alert(id: u64, seq: u64) -> Alert {
    Alert {
        id,
        seq,
        kind: "tcp-syn-scan".to_owned(),
        severity: 3,
        sources: vec![format!("192.0.2.{id}")],
        source_count: 1,
        targets: vec!["198.51.100.77".to_owned()],
        ports: "22,80".to_owned(),
        port_count: 2,
        protocol: "tcp".to_owned(),
        interface: "wlan7".to_owned(),
        verdict: "dropped".to_owned(),
        packets: 10,
        packets_to_alert: 4,
        first_seen: NOW.0 + 100,
        last_seen: NOW.0 + 200,
        raised_at: NOW.0 + 150,
        tool: "nmap".to_owned(),
        tags: vec!["slow".to_owned(), "decoy".to_owned()],
        signatures: vec![(1228, "SCAN nmap Übermut".to_owned())],
        feed: "nflog".to_owned(),
        trusted: true,
        exposed: vec![(22, "tcp".to_owned(), "ssh.service".to_owned())],
        reason: "It asked for two ports.".to_owned(),
        evidence: Vec::new(),
        popup: true,
        closed: false,
        test: false,
    }
}

fn facts() -> Vec<Fact> {
    [
        "SRC=203.0.113.9 DST=192.0.2.2 LEN=44 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=TCP SPT=40000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ",
        "SRC=fe80::1 DST=ff02::1 LEN=56 TC=0 HOPLIMIT=255 FLOWLBL=0 PROTO=ICMPv6 TYPE=134 CODE=0 ",
        "SRC=203.0.113.9 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=2 ",
    ]
    .into_iter()
    .map(|rest| {
        let line = format!("X DROP IN=eth0 OUT= MAC= {rest}");
        let read = decode::log_line(line.as_bytes()).unwrap();
        Fact::of(&Trace::from(&read.into_event(NOW).unwrap()))
    })
    .collect()
}

async fn seqs(history: &History, after: u64, limit: u32, filter: AlertFilter) -> Vec<u64> {
    let found = history.query(after, limit, filter).await.unwrap();
    found.iter().map(|alert| alert.seq).collect()
}

async fn all(history: &History) -> Vec<u64> {
    seqs(history, 0, 0, AlertFilter::default()).await
}

fn record(history: &History, alerts: impl IntoIterator<Item = Alert>) {
    for alert in alerts {
        history.record(&Change::Raised(alert), &[]);
    }
}

/// A history of three incidents, on the disk.
fn three(folder: &Folder) -> History {
    let history = folder.open();
    record(&history, (1..=3).map(|id| alert(id, id + 10)));
    history
}

fn entry(noise: Noise, packets: u64, at: Timestamp) -> Entry {
    Entry {
        noise,
        packets,
        first_seen: at,
        last_seen: at.plus(7),
        example: Example {
            time: at,
            src: "192.0.2.9".parse().unwrap(),
            feed: Feed::Nflog,
            reason: format!("at {}", at.0),
        },
    }
}

#[tokio::test]
async fn an_incident_is_kept_once_in_its_latest_state() {
    let folder = Folder::new();
    let history = three(&folder);
    assert_eq!(all(&history).await, [11, 12, 13]);
    record(&history, [alert(1, 14)]);
    assert_eq!(all(&history).await, [12, 13, 14]);
    assert_eq!(
        seqs(&history, 12, 0, AlertFilter::default()).await,
        [13, 14]
    );
    assert_eq!(seqs(&history, 0, 2, AlertFilter::default()).await, [12, 13]);
    assert!(
        seqs(&history, u64::MAX, 0, AlertFilter::default())
            .await
            .is_empty()
    );
    // Twice before anything is written.
    record(&history, [alert(2, 15), alert(2, 16)]);
    assert_eq!(all(&history).await, [13, 14, 16]);
}

#[tokio::test]
async fn every_key_is_read_back_as_it_was_with_the_first_packets() {
    let folder = Folder::new();
    let history = folder.open();
    let facts = facts();
    history.record(&Change::Raised(alert(7, 11)), &facts[..1]);
    history.record(&Change::Updated(alert(7, 12)), &facts);
    // Whoever told it does not hold the packets any more.
    let closed = Alert {
        closed: true,
        ..alert(7, 13)
    };
    history.record(&Change::Closed(closed.clone()), &[]);
    let expected = Alert {
        evidence: facts.iter().map(Fact::told).collect(),
        ..closed
    };
    assert_eq!(history.alert(7).await.unwrap(), Some(expected.clone()));
    assert_eq!(history.alert(8).await.unwrap(), None);
    let listed = history.query(0, 0, AlertFilter::default()).await.unwrap();
    assert!(listed[0].evidence.is_empty(), "lists carry none");
    history.end().await;
    assert_eq!(history.alert(7).await, Err(QueryError::NoAnswer));
    let again = folder.open();
    assert_eq!(again.alert(7).await.unwrap(), Some(expected));
    assert_eq!(*again.trouble().borrow(), "");
}

#[tokio::test]
async fn what_became_of_a_packet_is_put_right() {
    let folder = Folder::new();
    let history = folder.open();
    let mut facts = facts();
    history.record(&Change::Raised(alert(7, 11)), &facts);
    assert_eq!(
        history.alert(7).await.unwrap().unwrap().evidence[0].verdict,
        "dropped"
    );
    facts[0].verdict = wallwatch_dbus::Verdict::Passed;
    history.record(&Change::Updated(alert(7, 12)), &facts);
    assert_eq!(
        history.alert(7).await.unwrap().unwrap().evidence[0].verdict,
        "passed"
    );
}

#[tokio::test]
async fn numbers_never_go_back_and_what_was_open_is_closed_at_the_next_start() {
    let folder = Folder::new();
    let history = folder.open();
    assert_eq!(history.begin(NOW).await, 1_795_348_800_000_000);
    let over = Alert {
        closed: true,
        ..alert(1, 1_795_348_800_000_007)
    };
    history.record(&Change::Closed(over), &[]);
    history.record(&Change::Raised(alert(2, 1_795_348_800_000_008)), &facts());
    history.end().await;
    // The clock was set back by a day.
    let again = folder.open();
    let yesterday = NOW.plus(-24 * 3600 * Timestamp::SECOND);
    assert_eq!(again.begin(yesterday).await, 1_795_348_800_000_010);
    again.record(&Change::Raised(alert(3, 1_795_348_800_000_010)), &[]);
    again.close_orphans();
    let found = again
        .query(1_795_348_800_000_008, 0, AlertFilter::default())
        .await
        .unwrap();
    let brief: Vec<_> = found
        .iter()
        .map(|alert| (alert.id, alert.seq, alert.closed))
        .collect();
    assert_eq!(
        brief,
        [
            (2, 1_795_348_800_000_009, true),
            (3, 1_795_348_800_000_010, false)
        ]
    );
    assert_eq!(again.alert(2).await.unwrap().unwrap().evidence.len(), 3);
    // Also where nothing is remembered any more.
    again.clear(0).await.unwrap();
    assert!(all(&again).await.is_empty());
    again.end().await;
    let third = folder.open();
    assert_eq!(third.begin(yesterday).await, 1_795_348_800_000_011);
    assert_eq!(third.begin(NOW.plus(3600)).await, 1_795_348_800_003_600);
}

#[tokio::test]
async fn tables_of_version_1_become_those_of_today() {
    let folder = Folder::new();
    let mut old = folder.other();
    schema::migrate(&mut old, 1).unwrap();
    assert_eq!(schema::version(&old).unwrap(), 1);
    let places = vec!["?"; 27].join(", ");
    let insert = format!(
        "INSERT INTO alert ({}) VALUES ({places})",
        row::COLUMNS.replace("alert.", "")
    );
    for id in 1..=2 {
        row::with_columns(&alert(id, id + 10), |columns| {
            old.execute(&insert, &columns[..])
        })
        .unwrap();
    }
    drop(old);
    let history = folder.open();
    let found = history
        .query(
            0,
            0,
            AlertFilter {
                text: "übermut".to_owned(),
                ..AlertFilter::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(found, [alert(1, 11), alert(2, 12)]);
    assert_eq!(*history.trouble().borrow(), "");
    history.end().await;
    assert_eq!(schema::version(&folder.other()).unwrap(), schema::VERSION);
}

#[tokio::test]
async fn only_its_owner_can_read_the_history() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let history = three(&folder);
    assert_eq!(all(&history).await.len(), 3);
    let files = folder.beside("");
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn what_is_too_old_is_forgotten() {
    let folder = Folder::new();
    let history = folder.open();
    let day = 24 * 3600 * Timestamp::SECOND;
    let of = |id: u64, days: i64| Alert {
        last_seen: clock::now().plus(-days * day).0,
        ..alert(id, id)
    };
    record(&history, [of(1, 31), of(2, 29), of(3, 400), of(4, 0)]);
    history.note_noise(vec![
        entry(Noise::Mdns, 3, clock::now().plus(-31 * day)),
        entry(Noise::Mdns, 4, clock::now().plus(-29 * day)),
    ]);
    drop(all(&history).await);
    record(&history, [of(5, 0)]);
    assert_eq!(all(&history).await, [2, 4, 5]);
    assert_eq!(history.noise(0, 0).await.unwrap()[0].packets, 4);
}

#[tokio::test]
async fn other_limits_take_effect_at_once() {
    let folder = Folder::new();
    let history = folder.open();
    let of = |id: u64, days: i64| Alert {
        last_seen: clock::now().plus(-days * 24 * write::HOUR).0,
        ..alert(id, id)
    };
    record(&history, [of(1, 20), of(2, 5), of(3, 0)]);
    assert_eq!(all(&history).await, [1, 2, 3]);
    history.limit(Limits {
        days: 10,
        ..Limits::default()
    });
    record(&history, [of(4, 0)]);
    let mut left = all(&history).await;
    // It is done beside what is asked.
    for _ in 0..100 {
        if left != [2, 3, 4] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            left = all(&history).await;
        }
    }
    assert_eq!(left, [2, 3, 4]);
}

#[tokio::test]
async fn some_or_all_can_be_cleared() {
    let folder = Folder::new();
    let history = folder.open();
    let hour = 3600 * Timestamp::SECOND;
    for id in 1..=1000_u32 {
        let alert = Alert {
            last_seen: NOW.0 + i64::from(id),
            ..alert(id.into(), id.into())
        };
        history.record(&Change::Raised(alert), &facts());
        if id == 500 {
            drop(all(&history).await);
        }
    }
    history.note_noise(vec![
        entry(Noise::Mdns, 3, NOW.plus(-2 * hour)),
        entry(Noise::Mdns, 4, NOW),
    ]);
    drop(all(&history).await);
    history.clear(NOW.0 + 900).await.unwrap();
    assert_eq!(all(&history).await, (900..=1000).collect::<Vec<_>>());
    assert_eq!(history.noise(0, 0).await.unwrap()[0].packets, 4);
    history.clear(0).await.unwrap();
    assert!(all(&history).await.is_empty());
    assert!(history.noise(0, 0).await.unwrap().is_empty());
    let used: u64 = folder
        .beside("")
        .iter()
        .filter(|path| !path.to_str().unwrap().ends_with("-shm"))
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert!(used <= 128 * 1024, "{used} bytes for nothing");
    let left = fs::read(folder.file()).unwrap();
    assert!(
        !left.windows(7).any(|part| part == b"wlan7\x02"),
        "nothing is left of it"
    );
}

#[tokio::test]
async fn what_waits_is_written_in_half_a_second_and_not_more_often() {
    let folder = Folder::new();
    let history = folder.open();
    assert_eq!(history.begin(NOW).await, 1_795_348_800_000_000);
    let other = folder.other();
    let stored = || -> i64 {
        other
            .query_row("SELECT count(*) FROM alert", [], |row| row.get(0))
            .unwrap()
    };
    let version = || -> i64 {
        other
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .unwrap()
    };
    let mut writings = 0;
    let mut last = version();
    let begun = clock::moment();
    for id in 1..=150_u64 {
        record(&history, [alert(id, id)]);
        thread::sleep(std::time::Duration::from_millis(10));
        let now = version();
        writings += i32::from(now != last);
        last = now;
    }
    let seconds = begun.elapsed().as_secs_f64();
    assert!(
        f64::from(writings) <= seconds * 2.0 + 2.0,
        "{writings} in {seconds} s"
    );
    thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(stored(), 150);
}
