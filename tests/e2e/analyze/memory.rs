//! Memory does not grow with the log.

use std::{fs, io::Write as _, net::Ipv4Addr};

/// At most so much memory, however long the log.
pub(super) const MAX_RSS_KIB: u64 = 20 * 1024;

/// The most memory that a process had, in KiB.
pub(super) fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
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
