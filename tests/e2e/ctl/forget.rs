//! `clear-history`: asked for on a terminal, and done for nobody who may not.

use wallwatch_test_support::Program;

use super::Stage;

/// `wallwatchctl clear-history` on a terminal, where somebody answers this.
fn on_terminal(stage: &Stage, words: &str, answer: &str) -> String {
    let ctl = env!("CARGO_BIN_EXE_wallwatchctl");
    let script = format!("echo {answer} | script -qec '{ctl} clear-history {words}' /dev/null");
    Program::shell(&script)
        .env("DBUS_SYSTEM_BUS_ADDRESS", stage.bus.address())
        .env("TZ", "UTC")
        .env("SHELL", "/bin/sh")
        .output()
        .stdout
}

#[test]
fn on_a_terminal_it_is_asked_for_first() {
    let stage = Stage::new();
    stage.knows(3);
    for answer in ["n", "", "never"] {
        let shown = on_terminal(&stage, "--all", answer);
        assert!(
            shown.contains("Forget every alert, for everybody on this machine and for good? [y/N]"),
            "{shown}"
        );
        assert!(shown.contains("Nothing was forgotten."), "{shown}");
        assert_eq!(stage.helper.alerts().len(), 3);
    }
    let shown = on_terminal(&stage, "--before 2026-11-22", "y");
    assert!(
        shown.contains("the alerts from before 2026-11-22 00:00:00"),
        "{shown}"
    );
    assert!(stage.helper.alerts().is_empty(), "{shown}");
    stage.knows(3);
    let shown = on_terminal(&stage, "--all --yes", "n");
    assert!(!shown.contains("[y/N]"), "{shown}");
    assert!(stage.helper.alerts().is_empty(), "{shown}");
}

#[test]
fn what_is_newer_is_kept() {
    let stage = Stage::new();
    stage.knows(3);
    // They were seen in February.
    let told = stage.printed(&["clear-history", "--before", "2026-01-01"]);
    assert_eq!(told, "What was before 2026-01-01 00:00:00 is forgotten.\n");
    assert_eq!(stage.helper.alerts().len(), 3);
    assert_eq!(
        stage.printed(&["clear-history", "--all"]),
        "The history is empty now.\n"
    );
    assert!(stage.helper.alerts().is_empty());
}

#[test]
fn it_forgets_nothing_for_who_may_not_or_did_not_say_what() {
    let stage = Stage::new();
    stage.knows(3);
    for words in [&[][..], &["--all", "--before", "1d"], &["--before", "soon"]] {
        let output = stage.ctl(&[&["clear-history"], words].concat());
        assert_eq!(output.code, Some(2), "{words:?}: {}", output.text());
    }
    stage.helper.refuse(true);
    assert_eq!(stage.ctl(&["clear-history", "--all"]).code, Some(4));
    stage.helper.disown();
    assert_eq!(stage.ctl(&["clear-history", "--all"]).code, Some(3));
    assert_eq!(stage.helper.alerts().len(), 3);
}
