//! Started by a socket, as systemd does it: `systemd-socket-activate(1)` is the same code.

use std::{os::unix::net::UnixStream, time::Duration};

use wallwatch_helper::runner::answer::State;
use wallwatch_test_support::{Process, Program, process::now, require_root, wait_until};

use crate::stage::{HELPER, Peer, RUNNER, SOON, Stage, alert};

/// A runner that is started when somebody connects, as the unit does it.
fn activated(stage: &Stage, options: &[&str]) -> Process {
    let words = ["systemd-socket-activate", "--listen"].map(str::to_owned);
    let process = stage
        .program()
        .args(options)
        .by(words
            .into_iter()
            .chain([stage.socket().to_str().unwrap().to_owned()]))
        .as_user(RUNNER, &[])
        .start();
    wait_until("it listens", SOON, || stage.socket().exists());
    process
}

#[test]
fn it_takes_the_socket_and_ends_by_itself_when_there_is_nothing_to_do() {
    require_root!();
    let stage = Stage::new();
    let script = stage.dir.script("slow.sh", "sleep 3");
    stage.hooks(&[("slow", &script, "")]);
    let mut process = activated(&stage, &["--linger", "1"]);
    let mut peer = Peer::connect(&stage.socket());
    peer.alert("slow", &alert(1));
    assert_eq!(peer.answer().state, State::Started);
    assert_eq!(
        peer.answer().state,
        State::Ended,
        "it does not end while something runs"
    );
    let begun = now();
    // The connection is still open, and is told the end.
    assert_eq!(peer.rest(), []);
    let status = process.wait(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", process.log());
    assert!((Duration::from_millis(500)..Duration::from_secs(5)).contains(&begun.elapsed()));
}

#[test]
fn what_is_told_while_it_ends_is_run_or_the_teller_knows() {
    require_root!();
    let stage = Stage::new();
    let script = stage.dir.script("run.sh", ":");
    stage.hooks(&[("run", &script, "at-once = 16")]);
    let mut process = activated(&stage, &["--linger", "1"]);
    let mut told = 0;
    let mut ran = 0;
    let mut peer = Peer::connect(&stage.socket());
    peer.stream.set_nonblocking(false).unwrap();
    std::thread::sleep(Duration::from_millis(900));
    // Right at its end, line by line until it takes no more.
    loop {
        let line = crate::stage::line("run", 0, "alert", &alert(told));
        if std::io::Write::write_all(&mut peer.stream, &line).is_err() {
            break;
        }
        told += 1;
        std::thread::sleep(Duration::from_millis(if told < 4 { 20 } else { 1100 }));
        if told > 6 {
            break;
        }
    }
    for answer in peer.rest() {
        ran += u64::from(answer.state == State::Ended);
    }
    assert!(
        told > 0 && ran == told,
        "{ran} of {told} ran: {}",
        process.log()
    );
    process.wait(SOON).expect("it ends");
}

#[test]
fn a_socket_that_was_meant_for_another_process_is_not_taken() {
    require_root!();
    let stage = Stage::new();
    let without = stage.program().as_user(RUNNER, &[]).output();
    assert_eq!(without.code, Some(2));
    assert!(
        without
            .stderr
            .contains("sudo systemctl enable --now wallwatch-hook.socket"),
        "{}",
        without.stderr
    );
    let others = stage
        .program()
        .as_user(RUNNER, &[])
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDS", "1")
        .output();
    assert_eq!(others.code, Some(2), "{}", others.text());
    // What is handed over must be a socket that listens.
    let file = "exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"";
    let file = stage
        .program()
        .by(["sh", "-c", file])
        .as_user(RUNNER, &[])
        .output();
    assert!(
        !file.ok() && file.stderr.contains("cannot be used"),
        "{}",
        file.text()
    );
    let both =
        "exec systemd-socket-activate --listen \"$1\" \"$2\" --helper-user \"$3\" --listen /x";
    let program = Program::new("sh")
        .args(["-c", both, "sh"])
        .arg(stage.socket())
        .arg(env!("CARGO_BIN_EXE_wallwatch-hook"))
        .arg(HELPER.to_string());
    let mut process = program.as_user(RUNNER, &[]).start();
    wait_until("it listens", SOON, || stage.socket().exists());
    drop(UnixStream::connect(stage.socket()).unwrap());
    process.wait_for("leave --listen out", SOON);
}
