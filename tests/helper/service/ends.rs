//! How the helper ends: when it is told to, when nobody listens, and when the bus is gone.

use std::time::Duration;

use wallwatch_dbus::names;
use wallwatch_test_support::{
    Firewall, Process, Program, Scene, TempDir, process::now, require_root,
};

use crate::{LIMIT, has_table};

/// How the helper ended, as its exit code.
fn code(process: &mut Process) -> Option<i32> {
    process.wait(LIMIT).and_then(|status| status.code())
}

#[test]
fn the_helper_ends_at_once_when_it_is_told_to() {
    require_root!();
    for signal in ["TERM", "INT"] {
        let mut scene = Scene::new(Firewall::None);
        let start = now();
        scene.helper.process().signal(signal);
        assert_eq!(code(scene.helper.process()), Some(0), "SIG{signal}");
        let took = start.elapsed();
        assert!(took < Duration::from_secs(1), "SIG{signal} took {took:?}");
        assert!(!has_table(&scene.net.victim), "the table is gone");
        assert!(!scene.bus.has_name(names::HELPER_BUS_NAME));
    }
}

#[test]
fn a_helper_that_nobody_listens_to_does_not_panic() {
    let dir = TempDir::new();
    let code = dir.path().join("code");
    let helper =
        wallwatch_test_support::helper::built("wallwatch-helper").expect("the helper is built");
    for (words, expected) in [("--nonsense", "2"), ("--help", "0")] {
        // Whoever would read has ended before the helper writes.
        Program::shell("{ sleep 0.2; \"$1\" \"$2\" 2>&1 && echo 0 >\"$3\" || echo $? >\"$3\"; } | :; sleep 0.5")
            .arg("sh")
            .arg(&helper)
            .arg(words)
            .arg(&code)
            .succeed();
        assert_eq!(
            std::fs::read_to_string(&code).expect("it ended").trim(),
            expected,
            "{words}"
        );
    }
}

#[test]
fn the_helper_ends_when_the_bus_is_gone_and_takes_its_table_along() {
    require_root!();
    let mut scene = Scene::new(Firewall::None);
    scene.bus.stop_bus();
    assert_eq!(
        code(scene.helper.process()),
        Some(1),
        "{}",
        scene.helper.process().log()
    );
    assert!(scene.helper.process().log().contains("system bus"));
    assert!(!has_table(&scene.net.victim));
}
