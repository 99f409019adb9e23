//! What is read: text and captures, compressed or not, from files, pipes and standard input, merged by time.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use wallwatch_test_support::{Program, TempDir};

use super::{analyzed, attack, case, gzip, line, piped};

fn write(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Sets when the file was written last.
fn written(path: &Path, time: SystemTime) {
    fs::File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

#[test]
fn a_file_is_known_by_its_first_bytes_and_never_by_its_name() {
    let dir = TempDir::new();
    let log = fs::read(case("nmap_sX")).unwrap();
    let plain = analyzed(&[&"--json".into(), &case("nmap_sX")])
        .good()
        .stdout;
    for (name, bytes) in [
        ("kern.log.2.gz", gzip(&log)),
        ("kern.log", gzip(&log)),
        ("kern.log.gz", log.clone()),
        ("capture.pcap", log.clone()),
        // Two streams of gzip behind each other are one text (RFC 1952 section 2.2).
        ("two.gz", [gzip(&log[..1000]), gzip(&log[1000..])].concat()),
    ] {
        let file = write(&dir, name, &bytes);
        assert_eq!(
            analyzed(&[&"--json".into(), &file]).good().stdout,
            plain,
            "{name}"
        );
        assert_eq!(
            piped(&["--json"], &bytes).good().stdout,
            plain,
            "{name} on standard input"
        );
    }
}

#[test]
fn files_of_one_rotation_come_out_in_the_order_of_time() {
    let dir = TempDir::new();
    let newest = write(
        &dir,
        "kern.log",
        attack("03:00:00", "203.0.113.3").as_bytes(),
    );
    let middle = write(
        &dir,
        "kern.log.1",
        attack("02:00:00", "203.0.113.2").as_bytes(),
    );
    let oldest = write(
        &dir,
        "kern.log.2.gz",
        &gzip(attack("01:00:00", "203.0.113.1").as_bytes()),
    );
    for files in [
        [&newest, &middle, &oldest],
        [&oldest, &newest, &middle],
        [&middle, &oldest, &newest],
    ] {
        let said = analyzed(&[&"--json".into(), files[0], files[1], files[2]]).good();
        assert_eq!(
            said.sources(),
            ["203.0.113.1", "203.0.113.2", "203.0.113.3"]
        );
    }
    // One of them by standard input.
    let mut child = super::start(&[&"--json".into(), &newest, &"-".into(), &oldest]);
    let text = attack("02:00:00", "203.0.113.2");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let said = super::Said::of(child).good();
    assert_eq!(
        said.sources(),
        ["203.0.113.1", "203.0.113.2", "203.0.113.3"]
    );
}

#[test]
fn lines_of_several_files_are_merged_one_by_one() {
    let dir = TempDir::new();
    // Each file alone has too little for an alert.
    let mut logs = [String::new(), String::new(), String::new()];
    for n in 0..30_u16 {
        let when = format!("2026-11-22T01:{n:02}:00+00:00");
        logs[usize::from(n % 3)] += &line(&when, "203.0.113.9", n + 1);
    }
    let files: Vec<PathBuf> = (0..3)
        .map(|n| write(&dir, &n.to_string(), logs[n].as_bytes()))
        .collect();
    let said = analyzed(&[&"--json".into(), &files[0], &files[1], &files[2]]).good();
    let alerts = said.alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["ports"], "1-30");
    assert_eq!(alerts[0]["packets_to_alert"], 3, "{said:?}");
}

#[test]
fn a_stamp_without_a_year_is_of_the_year_in_which_the_file_was_written() {
    let dir = TempDir::new();
    let text: String = (1..=3)
        .map(|dport| line("Nov 22 01:00:00", "203.0.113.1", dport))
        .collect();
    let file = write(&dir, "kern.log.7", text.as_bytes());
    // 2019-11-23 00:00 UTC.
    written(
        &file,
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_574_467_200),
    );
    for args in [vec![file.clone()], vec!["-".into()]] {
        let mut command = super::ctl();
        command
            .arg("--json")
            .args(args)
            .stdin(fs::File::open(&file).unwrap());
        let output = command.output().unwrap();
        let alert: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // 2019-11-22 01:00 UTC.
        assert_eq!(alert["first_seen"], 1_574_384_400_000_000_i64);
    }
    // An archive without times tells nothing of the year.
    written(&file, SystemTime::UNIX_EPOCH);
    let said = analyzed(&[&"--json".into(), &file]).good();
    let first_seen = said.alerts()[0]["first_seen"].as_i64().unwrap();
    assert!(first_seen > 1_700_000_000_000_000, "{first_seen}");
}

#[test]
fn a_fifo_is_read_to_its_end() {
    let dir = TempDir::new();
    let fifo = dir.path().join("fifo");
    Program::new("mkfifo").arg(&fifo).succeed();
    let path = fifo.clone();
    let writer = thread::spawn(move || {
        let mut fifo = fs::OpenOptions::new().write(true).open(path).unwrap();
        // A line at a time, as a program writes them.
        for line in attack("01:00:00", "203.0.113.1").lines() {
            writeln!(fifo, "{line}").unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    });
    let said = analyzed(&[&"--json".into(), &fifo]).good();
    writer.join().unwrap();
    assert_eq!(said.sources(), ["203.0.113.1"]);
}

#[test]
fn line_ends_of_windows_zeros_and_invalid_text_are_no_hindrance() {
    let log = attack("01:00:00", "203.0.113.1");
    let expected = piped(&["--json"], log.as_bytes()).good().sources();
    assert_eq!(expected, ["203.0.113.1"]);
    let crlf = log.replace('\n', "\r\n");
    assert_eq!(
        piped(&["--json"], crlf.as_bytes()).good().sources(),
        expected
    );
    let without_end = log.trim_end_matches('\n');
    assert_eq!(
        piped(&["--json"], without_end.as_bytes()).good().sources(),
        expected
    );
    // What a crash, or a log that was cut while it was open, leaves.
    let zeros = [vec![0; 100_000], log.into_bytes()].concat();
    assert_eq!(piped(&["--json"], &zeros).good().sources(), expected);
    let log = attack("01:00:00", "203.0.113.1");
    let invalid = [
        &b"\xff\xfe\xc3( \xf0\x28\x8c\xbc\n"[..],
        log.as_bytes(),
        b"\x80\x80\n",
    ]
    .concat();
    let said = piped(&[], &invalid).good();
    said.has(&["203.0.113.1", "\n2 of 5 lines were not firewall events.\n"]);
}

#[test]
fn the_mark_of_utf_8_is_no_part_of_the_first_line() {
    let marked = ["\u{feff}", &attack("01:00:00", "203.0.113.1")].concat();
    for bytes in [marked.as_bytes().to_vec(), gzip(marked.as_bytes())] {
        piped(&[], &bytes).good().has(&[
            "\n3 packets came in.\n",
            "\n0 of 3 lines were not firewall events.\n",
        ]);
    }
}

#[test]
fn a_line_of_100_megabytes_is_cut_and_counted() {
    let mut child = super::start(&["-"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(attack("01:00:00", "203.0.113.1").as_bytes())
        .unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        stdin.write_all(&block).unwrap();
    }
    let peak = super::memory::peak_kib(child.id());
    stdin.write_all(b"\n").unwrap();
    stdin
        .write_all(attack("01:00:01", "203.0.113.2").as_bytes())
        .unwrap();
    drop(stdin);
    let said = super::Said::of(child).good();
    said.has(&[
        "203.0.113.1",
        "203.0.113.2",
        "\n1 line was longer than 8 KiB and cut.\n",
        "\n1 of 7 lines were not firewall events.\n",
    ]);
    assert!(peak < super::memory::MAX_RSS_KIB, "{peak} KiB");
}

#[test]
fn an_empty_file_is_a_log_of_no_lines() {
    let dir = TempDir::new();
    for file in [
        write(&dir, "empty", b""),
        write(&dir, "empty.gz", &gzip(b"")),
        "/dev/null".into(),
    ] {
        let said = analyzed(&[file]).good();
        assert_eq!(
            said.stdout,
            "No attacks found.\n\n0 of 0 lines were not firewall events.\n"
        );
    }
}

#[test]
fn a_line_that_two_files_tell_is_one_packet() {
    let dir = TempDir::new();
    let log: String = (0..60)
        .map(|n| attack(&format!("01:{n:02}:00"), "203.0.113.1"))
        .collect();
    // Two equal lines of one file are two packets.
    let log = log + &attack("02:00:00", "203.0.113.1") + &attack("02:00:00", "203.0.113.1");
    let other = "2026-11-22T01:30:30+00:00 host sshd[7]: Invalid user admin\n";
    let kern = write(&dir, "kern.log", log.as_bytes());
    let (before, after) = log.split_at(log.find("2026-11-22T01:31").unwrap());
    let more = attack("03:00:00", "203.0.113.1");
    let syslog = write(
        &dir,
        "syslog",
        [before, other, after, &more].concat().as_bytes(),
    );
    let alone = analyzed(&[&syslog]).good();
    alone.has(&["\n189 packets came in.\n", "\n1 of 190 lines were not"]);
    assert!(!alone.stdout.contains("taken once"));
    for files in [[&kern, &syslog], [&syslog, &kern]] {
        analyzed(&files).good().has(&[
            "\n189 packets came in.\n",
            "\n186 lines stood in two files and were taken once.\n",
            "\n1 of 376 lines were not firewall events.\n",
        ]);
    }
    let copy = write(&dir, "copy", log.as_bytes());
    analyzed(&[&kern, &syslog, &copy])
        .good()
        .has(&["\n372 lines stood in several files and were taken once.\n"]);
}

#[test]
fn lines_without_a_time_are_taken_from_every_file() {
    let dir = TempDir::new();
    let log = attack("01:00:00", "203.0.113.1")
        .replace("2026-11-22T01:00:00+00:00 host kernel: [   12.345678] ", "");
    let files = [
        write(&dir, "one", log.as_bytes()),
        write(&dir, "two", log.as_bytes()),
    ];
    analyzed(&files).good().has(&["\n6 packets came in.\n"]);
}
