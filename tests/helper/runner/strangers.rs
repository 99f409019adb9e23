//! Who is let in: root and the helper's user, asked of the kernel.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    time::Duration,
};

use wallwatch_helper::runner::answer::State;
use wallwatch_test_support::{Output, Program, require_root, wait_until};

use crate::stage::{HELPER, RUNNER, Running, SOON, Stage, alert, line};

/// Writes the line to the socket as this user, and prints what comes back.
fn tell(running: &Running, user: u32, line: &[u8]) -> Output {
    let script = "import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(10)
peer.connect(sys.argv[1])
try:
    peer.sendall(sys.argv[2].encode())
    peer.shutdown(socket.SHUT_WR)
    while True:
        got = peer.recv(65536)
        if not got: break
        sys.stdout.write(got.decode())
except (BrokenPipeError, ConnectionResetError):
    pass";
    Program::new("python3")
        .args(["-c", script])
        .arg(running.stage.socket())
        .arg(std::str::from_utf8(line).unwrap())
        .as_user(user, &[])
        .output()
}

#[test]
fn nobody_but_root_and_the_helper_is_let_in() {
    require_root!();
    let stage = Stage::new();
    let out = stage.out("ran");
    let script = stage
        .dir
        .script("run.sh", &format!("echo ran >>{}", out.display()));
    stage.hooks(&[("run", &script, "")]);
    let running = stage.start();
    let told = line("run", 0, "alert", &alert(1));
    let socket = fs::metadata(running.stage.socket()).unwrap();
    assert_eq!((socket.uid(), socket.mode() & 0o777), (HELPER, 0o600));
    fs::set_permissions(
        running.stage.dir.path().join("run"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let stranger = tell(&running, 7803, &told);
    assert!(
        stranger.stderr.contains("PermissionError"),
        "{}",
        stranger.text()
    );
    // Where he could knock, he is asked who he is; the runner's own user is a stranger, too.
    fs::set_permissions(running.stage.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    for user in [7803, RUNNER] {
        let stranger = tell(&running, user, &told);
        assert_eq!(stranger.text(), "");
        running.wait_for_log(&format!("the user {user} was not let in"));
    }
    assert!(!out.exists());
    let helper = tell(&running, HELPER, &told);
    assert!(
        helper.stdout.contains("\"state\":\"ended\",\"code\":0"),
        "{}",
        helper.text()
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "ran\n");
}

#[test]
fn a_thousand_connections_are_bounded_and_survived() {
    require_root!();
    let stage = Stage::new();
    let script = stage.dir.script("run.sh", ":");
    stage.hooks(&[("run", &script, "")]);
    let running = stage.start();
    let before = running.process.figures().rss_kib;
    let mut peers = Vec::new();
    for _ in 0..1000 {
        let mut peer = running.connect();
        // Half a line each; the connection may be closed already.
        _ = std::io::Write::write(&mut peer.stream, b"{\"version\":1,");
        peers.push(peer);
    }
    let descriptors = || {
        fs::read_dir(format!("/proc/{}/fd", running.process.pid()))
            .unwrap()
            .count()
    };
    wait_until("all but a few are closed", SOON, || descriptors() < 60);
    running.wait_for_log("there are 16 already");
    let grown = running.process.figures().rss_kib.saturating_sub(before);
    eprintln!(
        "1000 connections: {} descriptors, {grown} KiB more",
        descriptors()
    );
    assert!(grown < 4096, "{grown} KiB");
    drop(peers);
    wait_until("somebody is let in again", SOON, || {
        let mut peer = running.connect();
        let told = line("run", 0, "alert", &alert(1));
        if std::io::Write::write_all(&mut peer.stream, &told).is_err() {
            return false;
        }
        let mut text = [0; 1];
        std::io::Read::read(&mut peer.stream, &mut text).is_ok_and(|len| len == 1)
    });
}

#[test]
fn a_peer_that_reads_no_answer_holds_nobody_up() {
    require_root!();
    let stage = Stage::new();
    let script = stage.dir.script("run.sh", ":");
    stage.hooks(&[("run", &script, "")]);
    let running = stage.start();
    let mut deaf = running.connect();
    // Each is answered by a refusal, of which nobody reads one.
    let lines = line("no-such-hook", 0, "alert", &alert(1)).repeat(20_000);
    deaf.stream.set_write_timeout(Some(SOON)).unwrap();
    deaf.write(&lines);
    let mut peer = running.connect();
    peer.alert("run", &alert(1));
    assert_eq!(peer.end().state, State::Ended);
    let said = running.process.log().matches("no-such-hook").count();
    assert_eq!(said, 1, "the same is said once");
}

#[test]
fn a_socket_in_use_is_left_alone_and_one_left_behind_is_replaced() {
    require_root!();
    let stage = Stage::new();
    let program = stage.by_root();
    let mut running = stage.start();
    let second = program.output();
    assert!(
        !second.ok() && second.stderr.contains("Another program listens at"),
        "{}",
        second.text()
    );
    running.process.signal("KILL");
    running.process.wait(Duration::from_secs(5));
    assert!(running.stage.socket().exists());
    let running = running.stage.start();
    drop(running.process);
    let stage = running.stage;
    fs::write(stage.socket(), "precious").unwrap();
    let refused = stage.by_root().output();
    assert!(
        refused.stderr.contains("is no socket"),
        "{}",
        refused.text()
    );
    assert_eq!(fs::read_to_string(stage.socket()).unwrap(), "precious");
    fs::remove_file(stage.socket()).unwrap();
    drop(UnixListener::bind(stage.socket()).unwrap());
    let running = stage.start();
    running.connect();
}
