//! A script holds no capability and can get none, whoever started the runner.

use std::fs;

use wallwatch_helper::runner::answer::State;
use wallwatch_test_support::{Program, require_root};

use crate::stage::{HELPER, RUNNER, Stage, alert};

/// Runs a script under a runner that is started so, and returns what the kernel says of the script.
fn status(start: impl FnOnce(&Stage) -> Program) -> String {
    let stage = Stage::new();
    let out = stage.out("status");
    let script = stage.dir.script(
        "status.sh",
        &format!(
            "{{ cat /proc/$$/status; for fd in /proc/$$/fd/*; do echo \"open: $(readlink $fd)\"; done; }} >{}",
            out.display()
        ),
    );
    stage.hooks(&[("status", &script, "")]);
    let program = start(&stage);
    let running = stage.start_as(&program);
    let mut peer = running.connect();
    peer.alert("status", &alert(1));
    assert_eq!(peer.end().state, State::Ended);
    let own = fs::read_to_string(format!("/proc/{}/status", running.process.pid())).unwrap();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(
            field(&own, set),
            "0000000000000000",
            "the runner's own {set}"
        );
    }
    fs::read_to_string(&out).unwrap()
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().trim()
}

#[track_caller]
fn assert_powerless(status: &str, bounding: &str) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(status, set), "0000000000000000", "{set}");
    }
    assert_eq!(
        field(status, "CapBnd"),
        bounding,
        "what could be had at an exec"
    );
    assert_eq!(field(status, "NoNewPrivs"), "1");
    let ids = field(status, "Uid").split_whitespace();
    assert!(ids.clone().count() == 4 && ids.into_iter().all(|id| id == RUNNER.to_string()));
    // The shell's own are the script and its output.
    let own = |target: &&str| {
        !["pipe:", "/var/lib/wallwatch-test."]
            .iter()
            .any(|start| target.starts_with(start))
    };
    let open = status
        .lines()
        .filter_map(|line| line.strip_prefix("open: "));
    assert_eq!(open.clone().filter(own).collect::<Vec<_>>(), [""; 0]);
    assert!(open.count() >= 3, "{status}");
}

#[test]
fn started_by_root() {
    require_root!();
    // Files that whoever starts it left open are none of the script's.
    let leaky = status(|stage| {
        stage.by_root().by([
            "sh",
            "-c",
            "exec 7</dev/null 9</etc/passwd; exec \"$0\" \"$@\"",
        ])
    });
    assert_powerless(&leaky, "0000000000000000");
}

#[test]
fn started_with_ambient_capabilities() {
    require_root!();
    let status = status(|stage| {
        stage
            .program()
            .arg("--listen")
            .arg(stage.socket())
            .as_user(RUNNER, &["net_admin", "syslog", "setpcap"])
    });
    assert_powerless(&status, "0000000000000000");
}

#[test]
fn started_by_its_own_user() {
    require_root!();
    let status = status(|stage| {
        stage
            .program()
            .arg("--listen")
            .arg(stage.socket())
            .as_user(RUNNER, &[])
    });
    assert_powerless(&status, "0000000000000000");
}

#[test]
fn nothing_runs_as_root() {
    require_root!();
    for user in [None, Some("root"), Some("0")] {
        let stage = Stage::new();
        let mut program = stage.program().arg("--listen").arg(stage.socket());
        if let Some(user) = user {
            program = program.args(["--user", user]);
        }
        let output = program.output();
        assert_eq!(output.code, Some(77), "{}", output.text());
        assert!(
            output
                .stderr
                .contains("Scripts are not run as root. Name the user"),
            "{}",
            output.stderr
        );
        assert!(!stage.socket().exists());
    }
    let stage = Stage::new();
    let output = stage.by_root().as_user(HELPER, &[]).output();
    assert!(
        !output.ok() && output.stderr.contains("Permission denied"),
        "{}",
        output.text()
    );
}
