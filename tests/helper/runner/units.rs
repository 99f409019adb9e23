//! The shipped units: systemd finds nothing to complain about, and they hold what the program relies on.

use std::fs;

use wallwatch_helper::hook;
use wallwatch_test_support::{Program, TempDir, process::project, require_root};

const SOCKET: &str = include_str!("../../../helper/systemd/wallwatch-hook.socket");
const SERVICE: &str = include_str!("../../../helper/systemd/wallwatch-hook.service");
const USERS: &str = include_str!("../../../helper/systemd/sysusers.d/wallwatch.conf");

#[test]
fn systemd_finds_no_fault_with_the_units() {
    require_root!();
    let dir = TempDir::of_root();
    // As they are installed, with a program that is there.
    let program = dir.script("wallwatch-hook", ":");
    let service = SERVICE.replace(
        "/usr/libexec/wallwatch/wallwatch-hook",
        program.to_str().unwrap(),
    );
    assert_ne!(service, SERVICE);
    let socket = dir.write("wallwatch-hook.socket", SOCKET);
    let service = dir.write("wallwatch-hook.service", service);
    let output = Program::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args([&socket, &service])
        .output();
    let own: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.contains("wallwatch"))
        .collect();
    assert!(own.is_empty() && output.ok(), "{}", output.text());
    // One that is wrong is found, so the program above does look.
    let wrong = dir.write(
        "wallwatch-wrong.service",
        SERVICE.replace("UMask=", "UMaks="),
    );
    let output = Program::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(wrong)
        .output();
    assert!(output.stderr.contains("UMaks"), "{}", output.text());
}

#[test]
fn the_units_are_what_the_program_relies_on() {
    let has = |text: &str, line: &str| text.lines().any(|found| found == line);
    for line in [
        &format!("ListenStream={}", hook::SOCKET),
        "SocketUser=wallwatch",
        "SocketMode=0600",
        "RemoveOnStop=yes",
        "Accept=no",
    ] {
        assert!(has(SOCKET, line), "{line}");
    }
    for line in [
        "User=wallwatch-hook",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "NoNewPrivileges=yes",
        "UMask=0077",
    ] {
        assert!(has(SERVICE, line), "{line}");
    }
    assert!(
        USERS
            .lines()
            .any(|line| line.starts_with("u wallwatch-hook ")),
        "{USERS}"
    );
    assert!(fs::exists(project().join("helper/src/bin/wallwatch-hook.rs")).unwrap());
}
