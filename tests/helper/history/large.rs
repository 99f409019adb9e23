//! A million incidents keep within the bound, and a hundred thousand are found quickly.

use std::time::Duration;

use wallwatch_dbus::AlertFilter;
use wallwatch_helper::store::{History, Limits};
use wallwatch_test_support::{TempDir, process};

use crate::{all, bytes, made, newest};

/// A million.
const MILLION: u32 = 1_000_000;
/// So many are stored where times are measured.
const MANY: u32 = 100_000;
/// So many are handed in before the thread is waited for.
const PIECE: u32 = 1000;
/// The bound of the design, and what a program that is not optimised may take, on a machine that does something else besides.
const NEWEST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 50 } else { 5 });
const TEXT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 250 } else { 50 });
/// Each is asked so often, and the quickest counts: others use the machine as well.
const TRIES: u32 = 7;

#[tokio::test]
async fn a_million_incidents_stay_within_fifty_megabytes() {
    let folder = TempDir::in_memory();
    let limits = Limits {
        // They are of two thirds of a year.
        days: 3650,
        ..Limits::default()
    };
    let history = History::open(folder.path(), limits);
    let facts = made::facts(2);
    let mut most = 0;
    for n in 1..=MILLION {
        history.record(&made::change(n), &facts[..n as usize % 3]);
        if n.is_multiple_of(PIECE) {
            let last = history.query(0, 1, newest()).await.expect("an answer");
            assert_eq!(last[0].seq, u64::from(n));
            most = most.max(bytes(folder.path()));
        }
    }
    let kept = all(&history).await;
    println!(
        "{} of a million are kept in at most {most} bytes",
        kept.len()
    );
    assert!(most <= 50_000_000, "{most} bytes");
    assert!(kept.len() >= 30_000, "only {} are kept", kept.len());
    let seqs = kept.iter().map(|alert| alert.seq);
    assert!(
        seqs.eq((1..=u64::from(MILLION)).rev().take(kept.len())),
        "the oldest went first"
    );

    // With less room the file shrinks, in small steps between which questions are answered.
    history.end().await;
    let less = Limits {
        megabytes: 10,
        ..limits
    };
    let history = History::open(folder.path(), less);
    let shrunk = async {
        while bytes(folder.path()) > 10_000_000 {
            let last = history.query(0, 1, newest()).await.expect("an answer");
            assert_eq!(last[0].seq, u64::from(MILLION));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), shrunk)
        .await
        .expect("it shrinks in time");
    assert!(all(&history).await.len() >= 5_000);
}

#[tokio::test]
async fn among_a_hundred_thousand_the_newest_and_any_text_are_found_quickly() {
    let folder = TempDir::new();
    let limits = Limits {
        days: 3650,
        megabytes: 500,
    };
    let history = History::open(folder.path(), limits);
    let facts = made::facts(4);
    for n in 1..=MANY {
        history.record(&made::change(n), &facts);
        if n.is_multiple_of(PIECE) {
            drop(history.query(0, 1, newest()).await);
        }
    }
    let text = |text: &str| AlertFilter {
        text: text.to_owned(),
        ..newest()
    };
    let old = made::alert(17).sources[0].clone();
    let questions = [
        ("the newest 200", newest(), 200, NEWEST),
        ("a text that nothing has", text("nowhere"), 0, TEXT),
        ("a text of many", text("MASSCAN"), 200, TEXT),
        ("an old address", text(&old), 3, TEXT),
    ];
    for (what, filter, expected, limit) in questions {
        let mut quickest = Duration::MAX;
        for _ in 0..TRIES {
            let begun = process::now();
            let found = history
                .query(0, 200, filter.clone())
                .await
                .expect("an answer");
            quickest = quickest.min(process::now() - begun);
            assert_eq!(found.len(), expected, "{what}");
        }
        println!("{what}: {quickest:?}");
        assert!(quickest <= limit, "{what} took {quickest:?}");
    }
    let begun = process::now();
    let counted = history.statistics(0, 0, 1000).await.expect("an answer");
    println!("statistics of all: {:?}", process::now() - begun);
    assert_eq!(counted.alerts.iter().sum::<u64>(), u64::from(MANY));
    assert_eq!(
        counted.kinds.iter().map(|(_, count)| count).sum::<u64>(),
        u64::from(MANY)
    );
}
