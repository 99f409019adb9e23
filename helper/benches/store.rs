//! How long the history takes to answer with a hundred thousand incidents in it, and to write.

use std::{path::PathBuf, time::Duration};

use criterion::{Criterion, Throughput};
use wallwatch_dbus::AlertFilter;
use wallwatch_helper::store::{History, Limits};

#[path = "../../tests/helper/history/made.rs"]
mod made;

/// So many are stored.
const MANY: u32 = 100_000;
/// So many are handed in before the thread is waited for.
const PIECE: u32 = 1000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made");
    let folder = Folder::new();
    let limits = Limits {
        days: 3650,
        megabytes: 500,
    };
    let history = History::open(&folder.0, limits);
    let facts = made::facts(4);
    let newest = AlertFilter {
        order: "desc".to_owned(),
        ..AlertFilter::default()
    };
    let mut number = 0;
    let mut write = || {
        for _ in 0..PIECE {
            number += 1;
            history.record(&made::change(number), &facts);
        }
        let last = runtime.block_on(history.query(0, 1, newest.clone()));
        assert_eq!(last.expect("an answer")[0].seq, u64::from(number));
    };
    for _ in 0..MANY / PIECE {
        write();
    }

    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let text = |text: &str| AlertFilter {
        text: text.to_owned(),
        ..newest.clone()
    };
    let questions = [
        ("newest-200", newest.clone()),
        ("text-of-none", text("nowhere")),
        ("text-of-many", text("masscan")),
        ("text-of-one-old", text(&made::alert(49).sources[0])),
        (
            "severity-of-none",
            AlertFilter {
                min_severity: 5,
                ..newest.clone()
            },
        ),
        (
            "source",
            AlertFilter {
                source: made::alert(49).sources[0].clone(),
                ..newest.clone()
            },
        ),
    ];
    let mut group = criterion.benchmark_group("ask");
    for (name, filter) in questions {
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(history.query(0, 200, filter.clone())));
        });
    }
    group.sample_size(20);
    group.bench_function("statistics", |bencher| {
        bencher.iter(|| runtime.block_on(history.statistics(0, 0, 24)));
    });
    group.finish();
    let mut group = criterion.benchmark_group("write");
    group
        .sample_size(20)
        .throughput(Throughput::Elements(PIECE.into()));
    group.bench_function("1000-incidents", |bencher| bencher.iter(&mut write));
    group.finish();
    criterion.final_summary();
    runtime.block_on(history.end());
}

/// A folder that vanishes with the measurement.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("wallwatch-bench.{}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder can be made");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
