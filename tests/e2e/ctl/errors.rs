//! What goes wrong is one sentence and an exit code.

use super::Stage;

/// Every question to the helper.
const QUESTIONS: [&[&str]; 7] = [
    &["status"],
    &["alerts"],
    &["show", "1"],
    &["stats"],
    &["noise"],
    &["export"],
    &["watch"],
];

#[test]
fn a_helper_that_is_not_there_is_3() {
    let stage = Stage::new();
    stage.helper.disown();
    for words in QUESTIONS {
        let output = stage.ctl(words);
        assert_eq!(output.code, Some(3), "{words:?}: {}", output.text());
        assert!(
            output.stderr.contains("is not running"),
            "{}",
            output.stderr
        );
        assert_eq!(
            (output.stderr.lines().count(), output.stdout.as_str()),
            (1, "")
        );
    }
    let mut stage = stage;
    stage.bus.stop();
    for words in QUESTIONS {
        let output = stage.ctl(words);
        assert_eq!(output.code, Some(3), "{words:?}: {}", output.text());
        assert!(output.stderr.contains("system bus"), "{}", output.stderr);
    }
}

#[test]
fn who_may_not_is_told_so_by_4() {
    let stage = Stage::new();
    stage.helper.refuse(true);
    for words in QUESTIONS {
        let output = stage.ctl(words);
        assert_eq!(output.code, Some(4), "{words:?}: {}", output.text());
        assert!(output.stderr.contains("may not"), "{}", output.stderr);
        assert_eq!(
            (output.stderr.lines().count(), output.stdout.as_str()),
            (1, "")
        );
    }
}

#[test]
fn what_is_not_there_is_5() {
    let stage = Stage::new();
    stage.knows(3);
    let output = stage.ctl(&["show", "4"]);
    assert_eq!(output.code, Some(5), "{}", output.text());
    assert!(output.stderr.contains("no alert 4"), "{}", output.stderr);
}

#[test]
fn what_makes_no_sense_is_2() {
    let stage = Stage::new();
    let long = "x".repeat(257);
    for words in [
        &["alerts", "--kind", "quantum-scan"][..],
        &["alerts", "--min-severity", "6"],
        &["alerts", "--source", "example.org"],
        &["alerts", "--since", "soon"],
        &["alerts", "--text", &long],
        &["alerts", "-n", "0"],
        &["alerts", "--since", "1h", "--until", "2h"],
        &["show"],
        &["show", "first"],
        &["stats", "--buckets", "0"],
        &["stats", "--buckets", "1001"],
        &["stats", "--from", "2026-11-22", "--to", "2026-11-21"],
        &["export", "--csv", "--json"],
        &["noise", "--since", "-1"],
    ] {
        let output = stage.ctl(words);
        assert_eq!(output.code, Some(2), "{words:?}: {}", output.text());
        assert_eq!(output.stdout, "", "{words:?}");
    }
    assert!(stage.helper.pages().is_empty(), "nobody was asked");
}
