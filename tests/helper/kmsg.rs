//! The kernel's own log with the real kernel: what was overwritten before it could be read is counted, record by record.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    time::Duration,
};

use wallwatch_dbus::SourceHealth;
use wallwatch_test_support::{
    Firewall, Helper, LogAllNamespaces, SystemBus, TestNet,
    netns::{VICTIM_V4, attacker_v4},
    process::wait_until,
    require_root,
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(15);
/// Reading returns instead of waiting (asm-generic/fcntl.h).
const O_NONBLOCK: i32 = 0o4000;

/// The number of the record that is written here and now.
fn sequence() -> u64 {
    let mut log = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(O_NONBLOCK)
        .open("/dev/kmsg")
        .expect("root may read and write the log");
    log.seek(SeekFrom::End(0)).expect("the log has an end");
    log.write_all(b"wallwatch test: a mark\n")
        .expect("the kernel takes a line");
    let number = |log: &mut File| -> Option<u64> {
        let mut record = [0; 8192];
        let len = log.read(&mut record).ok()?;
        let text = String::from_utf8_lossy(&record[..len]);
        text.contains("a mark")
            .then(|| text.split(',').nth(1)?.parse().ok())?
    };
    let mut found = None;
    wait_until("the mark is there", LIMIT, || {
        found = found.or_else(|| number(&mut log));
        found.is_some()
    });
    found.expect("it was found")
}

#[test]
fn what_the_kernel_overwrote_before_it_was_read_is_counted_record_by_record() {
    require_root!();
    let _sysctl = LogAllNamespaces::set();
    let (bus, net) = (SystemBus::start(), TestNet::new(Firewall::DropAndLog));
    let mut helper = Helper::start_with(&bus, &net.victim, &["--capture", "off"]);
    let source = || -> SourceHealth {
        let sources = bus.status().sources;
        let found = sources.into_iter().find(|source| source.name == "kmsg");
        found.expect("every source is listed")
    };
    wait_until("the log is read", LIMIT, || source().state == "working");
    let lines = || -> u64 {
        let rules = net.victim.shell("nft list chain inet users_own input");
        let rest = rules.split("counter packets ").nth(1);
        let number = rest.and_then(|rest| rest.split(' ').next()?.parse().ok());
        number.expect("the rule counts")
    };
    let first = sequence();
    // Bounded: 20,000 datagrams while the helper cannot read; the kernel's log holds some hundreds.
    helper.process().signal("STOP");
    let words = format!(
        "hping3 -q -2 -c 20000 -i u20 -p ++1000 -a {} {VICTIM_V4}",
        attacker_v4(1)
    );
    let output = net.attacker.run(words.split(' '));
    assert!(output.text().contains("20000 packets"), "{}", output.text());
    helper.process().signal("CONT");
    let last = sequence();
    let written = last - first - 1;
    wait_until("all is read or known to be lost", LIMIT, || {
        let source = source();
        source.events + source.lost >= lines()
    });
    let source = source();
    println!(
        "{} lines in {written} records: {} read, {} lost",
        lines(),
        source.events,
        source.lost
    );
    assert!(source.lost > 0, "the flood was too small to lose anything");
    // Other records of the kernel's, and the marks, may be among those that were lost.
    assert!(
        source.events + source.lost <= written + 2,
        "{written} records"
    );
    assert_eq!(source.state, "working");
}
