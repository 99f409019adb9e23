//! Memory does not grow with the log.

use std::{fs, io::Write as _, net::Ipv4Addr};

/// At most so much memory, however long the log.
pub(super) const MAX_RSS_KIB: u64 = 20 * 1024;

/// The most memory that a process had, in KiB. Code that is not optimised is not counted: it is several times as large as what people run.
pub(super) fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kib = |key: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    };
    let peak = kib("VmHWM:");
    match std::env::var_os(super::OPTIMISED) {
        Some(_) => peak,
        None => peak - kib("RssFile:"),
    }
}

#[test]
fn memory_does_not_grow_with_the_log() {
    let mut child = super::ctl()
        .args(["--json", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = std::io::BufWriter::new(child.stdin.take().unwrap());
    // Attackers that nobody saw before, each with three impossible packets; more than the pipe holds, so all but the last are read.
    for attacker in 0..30_000_u32 {
        let src = Ipv4Addr::from_bits(0x0b00_0000 + attacker * 257).to_string();
        let clock = format!(
            "{:02}:{:02}:{:02}",
            attacker / 3600,
            attacker / 60 % 60,
            attacker % 60
        );
        stdin
            .write_all(super::attack(&clock, &src).as_bytes())
            .unwrap();
    }
    stdin.flush().unwrap();
    let peak = peak_kib(child.id());
    drop(stdin);
    assert!(child.wait().unwrap().success());
    println!("peak {peak} KiB");
    assert!(peak < MAX_RSS_KIB, "{peak} KiB");
}

#[test]
fn a_hundred_files_are_read_side_by_side() {
    let dir = wallwatch_test_support::TempDir::new();
    // Two attackers of each file, one at the beginning of the night and one at its end, so that all are open at once.
    let mut args = vec!["--json".to_owned(), "-".to_owned()];
    for n in 0..100 {
        let text = super::attack(&format!("01:00:{:02}", n % 60), &format!("203.0.113.{n}"))
            + &super::attack(&format!("05:00:{:02}", n % 60), &format!("198.51.100.{n}"));
        let file = dir.write(&format!("{n}.gz"), super::gzip(text.as_bytes()));
        args.push(file.display().to_string());
    }
    let mut child = super::start(&args);
    let mut stdin = child.stdin.take().unwrap();
    // The reader has come to the middle of every file when it has taken more than a pipe holds.
    for n in 0..1000 {
        let line = super::line(
            &format!("2026-11-22T02:{:02}:00+00:00", n / 60),
            "192.0.2.9",
            80,
        );
        stdin.write_all(line.as_bytes()).unwrap();
    }
    let peak = peak_kib(child.id());
    drop(stdin);
    let said = super::Said::of(child).good();
    assert!(said.sources().len() >= 200);
    println!("peak {peak} KiB");
    assert!(peak < MAX_RSS_KIB, "{peak} KiB");
}
