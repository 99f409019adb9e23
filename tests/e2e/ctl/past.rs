//! `alerts`, `show`, `stats` and `noise`.

use serde_json::Value;
use wallwatch_dbus::{Alert, NoiseCount, Statistics};
use wallwatch_test_support::stage::scan;

use super::{Stage, assert_harmless, hostile};

/// The ids of the alerts in lines of JSON.
fn ids(lines: &str) -> Vec<u64> {
    let alert = |line: &str| serde_json::from_str::<Value>(line).expect("each line is JSON");
    let id = |alert: Value| alert["id"].as_u64().expect("an alert has an id");
    lines.lines().map(alert).map(id).collect()
}

#[test]
fn the_newest_are_listed_and_the_page_before_them_is_named() {
    let stage = Stage::new();
    stage.knows(7);
    let page = |words: &[&str]| ids(&stage.printed(&[&["--json", "alerts"], words].concat()));
    assert_eq!(page(&["-n", "3"]), [5, 6, 7]);
    assert_eq!(page(&["-n", "3", "--before", "5"]), [2, 3, 4]);
    assert_eq!(page(&["-n", "3", "--before", "2"]), [1]);
    let words = stage.printed(&["alerts", "-n", "3"]);
    assert!(
        words.starts_with("There may be older ones: wallwatchctl alerts --before 5\n"),
        "{words}"
    );
    assert_eq!(words.lines().count(), 4);
    assert_eq!(stage.printed(&["alerts"]).lines().count(), 7);
}

#[test]
fn more_than_fit_into_one_answer_are_asked_for_page_by_page() {
    let stage = Stage::new();
    stage.knows(1300);
    let expected: Vec<u64> = (101..=1300).collect();
    let listed = stage.printed(&["alerts", "--json", "--limit", "1200"]);
    assert_eq!(ids(&listed), expected);
    assert_eq!(stage.helper.pages(), [500, 500, 200]);
}

#[test]
fn every_key_of_the_filter_filters() {
    let stage = Stage::new();
    stage.knows(3);
    let day = 86_400_000_000;
    stage.helper.keep(Alert {
        kind: "udp-scan".to_owned(),
        severity: 4,
        ports: "5353".to_owned(),
        first_seen: 1_795_305_600_000_000 + day,
        last_seen: 1_795_305_600_000_000 + day,
        ..scan(9, "2001:db8::9", 1)
    });
    for words in [
        &["--kind", "udp-scan"][..],
        &["--min-severity", "high"],
        &["--min-severity", "4"],
        &["--source", "2001:db8::9"],
        &["--source", "2001:DB8:0::9"],
        &["--text", "5353"],
        &["--since", "2026-11-23"],
        &[
            "--since",
            "2026-11-22T23:59:59Z",
            "--until",
            "2026-11-23 00:01",
        ],
    ] {
        let listed = stage.printed(&[&["alerts", "--json"], words].concat());
        assert_eq!(ids(&listed), [9], "{words:?}");
    }
    let earlier = stage.printed(&["alerts", "--json", "--until", "2026-11-22"]);
    assert_eq!(ids(&earlier), [1, 2, 3]);
    assert_eq!(
        stage.printed(&["alerts", "--kind", "syn-flood"]),
        "No alerts.\n"
    );
    assert_eq!(
        stage.printed(&["--json", "alerts", "--kind", "syn-flood"]),
        ""
    );
}

#[test]
fn what_strangers_wrote_steers_no_terminal() {
    let stage = Stage::new();
    stage.helper.keep(hostile());
    let noise = NoiseCount {
        class: "a\u{1b}[2J".to_owned(),
        source: "b\u{9b}".to_owned(),
        feed: "c\u{202e}".to_owned(),
        example: "d\u{1b}]0;x\u{7}".to_owned(),
        ..NoiseCount::default()
    };
    let statistics = Statistics {
        sources: vec![("e\u{1b}[2J".to_owned(), 1)],
        kinds: vec![("f\u{202e}".to_owned(), 1)],
        ..Statistics::default()
    };
    stage.helper.count(statistics, vec![noise]);
    for words in [
        &["alerts"][..],
        &["show", "1"],
        &["noise"],
        &["stats"],
        &["export"],
    ] {
        assert_harmless(&stage.printed(words));
        let json = stage.printed(&[&["--json"], words].concat());
        assert_harmless(&json);
        assert!(json.contains("\\u202e"), "{words:?} tells all: {json}");
    }
}

#[test]
fn counts_are_asked_for_a_stretch_of_time_and_shown_with_bars() {
    let stage = Stage::new();
    let from = 1_795_305_600_000_000;
    let statistics = Statistics {
        from,
        to: from + 2 * 3_600_000_000,
        bucket_width: 3_600_000_000,
        alerts: vec![1, 4],
        packets: vec![10, 4000],
        severities: vec![0, 0, 5, 0, 0],
        kinds: vec![("tcp-syn-scan".to_owned(), 5)],
        sources: vec![("192.0.2.7".to_owned(), 5)],
        networks: vec![("192.0.2.0/24".to_owned(), 5)],
        ports: vec![("22/tcp".to_owned(), 5)],
        noise: vec![("discovery".to_owned(), 77)],
    };
    stage.helper.count(statistics.clone(), Vec::new());
    let words = [
        "stats",
        "--from",
        "2026-11-22",
        "--to",
        "2026-11-22 02:00",
        "--buckets",
        "2",
    ];
    let shown = stage.printed(&words);
    assert_eq!(stage.helper.stretches(), [(from, from + 7_200_000_000, 2)]);
    for part in [
        "From 2026-11-22 00:00:00 to 2026-11-22 02:00:00: 5 alerts, of 4,010 packets.",
        "5 medium.",
        "2026-11-22 01:00       4    4,000  ####################",
        "Attacks:\n  5  Port scan (SYN)",
        "Sources:\n  5  192.0.2.7",
        "Networks:\n  5  192.0.2.0/24",
        "Attacked ports:\n  5  22/tcp",
        "Harmless packets:\n  77  discovery",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let json: Value = serde_json::from_str(&stage.printed(&["stats", "--json"])).unwrap();
    assert_eq!(json, statistics.to_json());
    assert_eq!(
        stage.helper.stretches()[1],
        (0, 0, 24),
        "everything, in 24 pieces"
    );
}

#[test]
fn each_class_of_noise_has_its_example() {
    let stage = Stage::new();
    assert_eq!(stage.printed(&["noise"]), "Nothing harmless was counted.\n");
    let noise = NoiseCount {
        class: "late-answer".to_owned(),
        packets: 1234,
        first_seen: 1_795_305_600_000_000,
        last_seen: 1_795_305_660_000_000,
        source: "192.0.2.53".to_owned(),
        feed: "nflog".to_owned(),
        example: "It answers what was asked before.".to_owned(),
    };
    stage
        .helper
        .count(Statistics::default(), vec![noise.clone()]);
    assert_eq!(
        stage.printed(&["noise", "--since", "2026-11-22"]),
        "late-answer: 1,234 packets, from 2026-11-22 00:00:00 to 2026-11-22 00:01:00\n  \
         It answers what was asked before. (192.0.2.53, told by nflog)\n"
    );
    assert_eq!(stage.helper.stretches()[1], (1_795_305_600_000_000, 0, 0));
    let json: Value = serde_json::from_str(&stage.printed(&["--json", "noise"])).unwrap();
    assert_eq!(json, noise.to_json());
}
