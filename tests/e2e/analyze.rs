//! `wallwatchctl analyze` over the real program: recorded logs in, attacks out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// At most so much memory, however long the log.
const MAX_RSS_KIB: u64 = 24 * 1024;

fn ctl() -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test starts the program it tests"
    )]
    let mut command = Command::new(env!("CARGO_BIN_EXE_wallwatchctl"));
    command.env("TZ", "UTC").env_remove("NO_COLOR");
    command
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/cases")
        .join(name)
        .with_extension("log")
}

fn analyzed(args: &[&str], files: &[PathBuf]) -> Output {
    ctl()
        .arg("analyze")
        .args(args)
        .args(files)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn json_has_one_alert_a_line_in_its_final_state() {
    let output = analyzed(&["--json"], &[case("nmap_sX"), case("nmap_sU")]);
    assert!(output.status.success());
    let alerts: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = alerts
        .iter()
        .map(|alert| alert["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["tcp-xmas-scan", "udp-scan"]);
    assert_eq!(alerts[0]["sources"], serde_json::json!(["10.66.0.2"]));
    assert_eq!(alerts[0]["packets"], 40);
    assert_eq!(alerts[0]["trusted"], false);
}

#[test]
fn text_is_a_table_and_says_how_many_lines_were_no_events() {
    let mut log = fs::read_to_string(case("nmap_sS")).unwrap();
    log += "Nov 22 01:10:00 host sshd[7]: Invalid user admin from 203.0.113.9 port 4242\n";
    let mut child = ctl()
        .args(["analyze", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(log.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let lines: Vec<&str> = stdout(&output).lines().collect();
    let [head, row, end] = lines[..] else {
        panic!("{lines:?}")
    };
    assert!(head.starts_with("FIRST SEEN"));
    for part in ["Port scan (SYN)", "10.66.0.2", "dropped", "medium"] {
        assert!(row.contains(part), "no {part}: {row}");
    }
    assert_eq!(end, "1 of 41 lines were not firewall events.");
}

#[test]
fn a_log_without_attacks_says_so() {
    let output = analyzed(&[], &[case("dhcp_lan")]);
    assert!(output.status.success());
    assert!(stdout(&output).starts_with("No attacks found.\n"));
    assert_eq!(stdout(&analyzed(&["--json"], &[case("dhcp_lan")])), "");
}

#[test]
fn what_a_stranger_wrote_cannot_steer_the_terminal() {
    let line = "Nov 22 01:10:00 \u{1b}[31mhost kernel: \u{1b}]0;owned\u{7} IN=e\u{1b}[2J OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 \
                LEN=40 TOS=0x00 PREC=0x00 TTL=52 ID=1 PROTO=TCP SPT=50000 DPT=";
    let mut child = ctl()
        .args(["analyze", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for port in 1..=20 {
        writeln!(stdin, "{line}{port} WINDOW=1024 RES=0x00 FIN URGP=0 ").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("203.0.113.9"));
    assert!(!stdout(&output).contains(['\u{1b}', '\u{7}']));
}

#[test]
fn a_file_that_cannot_be_read_is_a_sentence_and_exit_code_1() {
    let output = analyzed(&[], &[PathBuf::from("/nonexistent/kern.log")]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.starts_with("wallwatchctl: cannot read /nonexistent/kern.log: No such file"),
        "{stderr}"
    );
    assert_eq!(analyzed(&[], &[]).status.code(), Some(2));
}

#[test]
fn standard_input_is_read_once_only() {
    let output = analyzed(&[], &[PathBuf::from("-"), PathBuf::from("-")]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        stderr,
        "wallwatchctl: standard input (-) can be read once only\n"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = ctl()
        .args(["analyze", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&fs::read(case("nmap_sX")).unwrap())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn memory_does_not_grow_with_the_log() {
    let mut child = ctl()
        .args(["analyze", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // 10,000 attackers, each with three impossible packets; more than the pipe holds, so all but the last are read.
    for attacker in 0..10_000_u32 {
        let src = std::net::Ipv4Addr::from_bits(0x0b00_0000 + attacker * 257);
        for port in 1..=3 {
            writeln!(
                stdin,
                "Nov 22 {:02}:{:02}:{:02} host kernel: DROP IN=eth0 OUT= MAC= SRC={src} DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 \
                 TTL=52 ID=1 PROTO=TCP SPT=50000 DPT={port} WINDOW=1024 RES=0x00 URGP=0 ",
                attacker / 3600,
                attacker / 60 % 60,
                attacker % 60
            )
            .unwrap();
        }
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    println!("peak {peak} KiB");
    assert!(peak < MAX_RSS_KIB, "{peak} KiB");
}
