//! `wallwatchctl analyze` over the real program: logs and captures in, attacks out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod capture;
mod input;
mod memory;
mod output;
mod terminal;
mod trouble;

use std::{
    ffi::OsStr,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// The variable that names the program as it is built for people; scripts/test.sh sets it.
const OPTIMISED: &str = "WALLWATCHCTL";

/// The program, on clocks that show UTC.
fn ctl() -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test starts the program it tests"
    )]
    let mut command = Command::new(
        std::env::var_os(OPTIMISED).unwrap_or_else(|| env!("CARGO_BIN_EXE_wallwatchctl").into()),
    );
    command
        .env("TZ", "UTC")
        .env_remove("NO_COLOR")
        .arg("analyze");
    command
}

/// A recorded log.
fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/cases")
        .join(name)
        .with_extension("log")
}

/// How a run ended, and what it said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The alerts of JSON lines.
    fn alerts(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The first address of each.
    fn sources(&self) -> Vec<String> {
        let source = |alert: &Value| alert["sources"][0].as_str().unwrap().to_owned();
        self.alerts().iter().map(source).collect()
    }

    /// Holds the run against what every good one is.
    #[track_caller]
    fn good(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    #[track_caller]
    fn has(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stdout.contains(part), "no {part:?} in {}", self.stdout);
        }
        self
    }
}

/// Starts the program with nothing but pipes around it.
fn start(args: &[impl AsRef<OsStr>]) -> Child {
    ctl()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the program; standard input is empty.
fn analyzed(args: &[impl AsRef<OsStr>]) -> Said {
    let mut child = start(args);
    drop(child.stdin.take());
    Said::of(child)
}

/// Runs the program with this on standard input.
fn piped(args: &[&str], input: &[u8]) -> Said {
    let mut child = start(&[&["-"], args].concat());
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let said = Said::of(child);
    // Who refuses a file does not read it to its end.
    drop(writer.join().unwrap());
    said
}

/// A line of the kernel's, as syslog writes it.
fn line(when: &str, src: &str, dport: u16) -> String {
    // Those who send the same from the same port at the same time are one scanner with his decoys.
    let sport = src
        .bytes()
        .fold(0, |hash: u32, byte| (hash * 31 + u32::from(byte)) % 10_000)
        + 50_000;
    format!(
        "{when} host kernel: [   12.345678] DROP IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC={src} DST=192.0.2.2 LEN=40 \
         TOS=0x00 PREC=0x00 TTL=52 ID=1 PROTO=TCP SPT={sport} DPT={dport} WINDOW=1024 RES=0x00 URGP=0 \n"
    )
}

/// Three impossible packets at a time of 22 November 2026.
fn attack(clock: &str, src: &str) -> String {
    (1..=3).fold(String::new(), |mut text, dport| {
        write!(
            text,
            "{}",
            line(&format!("2026-11-22T{clock}+00:00"), src, dport)
        )
        .unwrap();
        text
    })
}

/// What gzip makes of it.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
