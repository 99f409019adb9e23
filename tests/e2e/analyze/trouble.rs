//! Files that cannot be read, or not to their ends: one sentence that says what to do, and an exit code.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::Path,
};

use wallwatch_test_support::TempDir;

use super::{Said, analyzed, attack, case, gzip, piped};

/// The one sentence of a run that found nothing to read.
#[track_caller]
fn refused(file: &Path) -> String {
    let Said {
        code,
        stdout,
        stderr,
    } = analyzed(&[file]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
        .strip_prefix("wallwatchctl: ")
        .unwrap()
        .trim_end()
        .to_owned()
}

#[test]
fn what_is_no_log_is_named_with_what_to_do() {
    let dir = TempDir::new();
    let in_dir = |name: &str| dir.path().join(name);
    fs::create_dir(in_dir("log")).unwrap();
    fs::write(in_dir("log/kern.log"), "").unwrap();
    fs::write(in_dir("log/photo.png"), "").unwrap();
    let _socket = UnixListener::bind(in_dir("socket")).unwrap();
    let log = in_dir("log").display().to_string();
    for (file, words) in [
        ("/nonexistent/kern.log".into(), "cannot read /nonexistent/kern.log: No such file or directory. Look for its right name".to_owned()),
        (in_dir("log"), format!("{log} is a directory. Name the files in it, as: wallwatchctl analyze {log}/kern.log")),
        (in_dir("socket"), format!("{} is a socket, not a log. Name the file that its owner writes", in_dir("socket").display())),
        ("/dev/zero".into(), "/dev/zero is a device, not a log. Read the kernel's log with: sudo journalctl -k -o json | wallwatchctl analyze -".to_owned()),
        ("/proc/self/mem".into(), "cannot read /proc/self/mem: Input/output error".to_owned()),
    ] {
        assert_eq!(refused(&file), words);
    }
}

#[test]
fn a_binary_file_is_recognised_and_how_to_unpack_it_told() {
    let dir = TempDir::new();
    let random: Vec<u8> = (0..5000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    for (start, words) in [
        (
            &b"\x7fELF\x02\x01\x01"[..],
            "{} is a program (ELF), not a log. Name a log of the firewall, as /var/log/kern.log",
        ),
        (
            b"\xfd7zXZ\0\0\x04",
            "{} is compressed by xz. Unpack it first: xz -dc {} | wallwatchctl analyze -",
        ),
        (
            b"\x28\xb5\x2f\xfd\x04",
            "{} is compressed by zstd. Unpack it first: zstd -dc {} | wallwatchctl analyze -",
        ),
        (
            b"BZh91AY&SY",
            "{} is compressed by bzip2. Unpack it first: bzip2 -dc {} | wallwatchctl analyze -",
        ),
        (
            b"LPKSHHRH\0\0\0\0",
            "{} is a file of systemd's journal. Unpack it first: journalctl --file {} _TRANSPORT=kernel -o json | wallwatchctl analyze -",
        ),
        (
            &random,
            "{} is a binary file, not a log. Name a log of the firewall, as /var/log/kern.log",
        ),
    ] {
        let file = dir.path().join("file");
        fs::write(&file, start).unwrap();
        assert_eq!(refused(&file), words.replace("{}", file.to_str().unwrap()));
        fs::write(&file, gzip(start)).unwrap();
        assert!(
            refused(&file).contains("is compressed by gzip and holds what is "),
            "{words}"
        );
    }
    let said = piped(&[], b"\xfd7zXZ\0\0\x04");
    assert!(
        said.stderr.contains("standard input is compressed by xz"),
        "{}",
        said.stderr
    );
}

#[test]
fn text_in_utf_16_is_recognised_with_its_mark_and_without() {
    let dir = TempDir::new();
    let log = attack("01:00:00", "203.0.113.1");
    let little: Vec<u8> = log.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = log.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, encoding) in [
        ([b"\xff\xfe", &little[..]].concat(), "UTF-16"),
        ([b"\xfe\xff", &big[..]].concat(), "UTF-16"),
        (little, "UTF-16LE"),
        (big, "UTF-16BE"),
    ] {
        let file = dir.write("kern.log", &bytes);
        let name = file.display().to_string();
        assert_eq!(
            refused(&file),
            format!(
                "{name} is text in UTF-16. Unpack it first: iconv -f {encoding} -t UTF-8 {name} | wallwatchctl analyze -"
            )
        );
        let command = format!(
            "iconv -f {encoding} -t UTF-8 {name} | {} analyze -",
            env!("CARGO_BIN_EXE_wallwatchctl")
        );
        let shown = wallwatch_test_support::Program::shell(&command).output();
        assert!(shown.stdout.contains("\n3 packets came in.\n"), "{shown:?}");
    }
}

#[test]
fn a_file_of_somebody_else_suggests_sudo() {
    wallwatch_test_support::require_root!();
    let dir = TempDir::new();
    let file = dir.write("kern.log", attack("01:00:00", "203.0.113.1"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let output = wallwatch_test_support::Program::new(env!("CARGO_BIN_EXE_wallwatchctl"))
        .arg("analyze")
        .arg(&file)
        .as_user(wallwatch_test_support::system_bus::MALLORY, &[])
        .output();
    assert_eq!(output.code, Some(1));
    assert_eq!(
        output.stderr,
        format!(
            "wallwatchctl: cannot read {}: Permission denied. Try again with sudo\n",
            file.display()
        )
    );
}

#[test]
fn one_bad_file_among_several_is_told_and_the_others_are_read() {
    let said = analyzed(&[&"/nonexistent".into(), &case("nmap_sX"), &case("nmap_sU")]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr
            .starts_with("wallwatchctl: cannot read /nonexistent: "),
        "{}",
        said.stderr
    );
    said.has(&[
        "Stealth scan (XMAS)",
        "UDP port scan",
        "lines were not firewall events.",
    ]);
    // What was asked for outweighs what could not be read.
    let said = analyzed(&[
        &"--fail-on".into(),
        &"low".into(),
        &"/nonexistent".into(),
        &case("nmap_sX"),
    ]);
    assert_eq!(said.code, Some(10));
}

#[test]
fn standard_input_is_read_once_only() {
    let said = analyzed(&["-", "-"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.stderr,
        "wallwatchctl: standard input (-) can be read once only\n"
    );
    assert_eq!(analyzed(&[] as &[&str]).code, Some(2));
}

#[test]
fn a_file_is_read_once_only_however_it_is_named() {
    let dir = TempDir::new();
    let log = dir.write("kern.log", attack("01:00:00", "203.0.113.1"));
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&log, &link).unwrap();
    for (second, words) in [
        (&log, "is named twice and is read once only".to_owned()),
        (
            &link,
            format!(
                "is the same file as {} and is read once only",
                log.display()
            ),
        ),
    ] {
        let said = analyzed(&[&log, second]);
        assert_eq!(said.code, Some(1));
        assert_eq!(
            said.stderr,
            format!("wallwatchctl: {} {words}\n", second.display())
        );
        said.has(&["\n3 packets came in.\n"]);
    }
    let shown = wallwatch_test_support::Program::shell(&format!(
        "{} analyze {1} - < {1}",
        env!("CARGO_BIN_EXE_wallwatchctl"),
        log.display()
    ))
    .output();
    assert!(
        shown
            .stderr
            .contains("standard input (-) is the same file as "),
        "{shown:?}"
    );
    assert!(shown.stdout.contains("\n3 packets came in.\n"), "{shown:?}");
    assert_eq!(analyzed(&["/dev/null", "/dev/null"]).good().code, Some(0));
}

#[test]
fn what_is_left_of_a_compressed_log_is_read() {
    let dir = TempDir::new();
    let log = fs::read(case("nmap_sX")).unwrap();
    let whole = gzip(&log);
    for end in [whole.len() / 2, whole.len() - 8, whole.len() - 1] {
        let file = dir.path().join("cut.gz");
        fs::write(&file, &whole[..end]).unwrap();
        let said = analyzed(&[&file]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(
            said.stderr,
            format!(
                "wallwatchctl: {} is cut off: its compressed text has no end. What there is was looked at\n",
                file.display()
            )
        );
        said.has(&["Stealth scan (XMAS)"]);
    }
}

#[test]
fn a_damaged_compressed_log_is_read_up_to_the_damage() {
    let dir = TempDir::new();
    let log = fs::read(case("nmap_sX")).unwrap();
    let mut checksum = gzip(&log);
    let at = checksum.len() - 6;
    checksum[at] ^= 0xff;
    let mut middle = gzip(&log);
    let at = middle.len() - 100;
    middle[at] ^= 0xff;
    for bytes in [checksum, middle] {
        let file = dir.path().join("damaged.gz");
        fs::write(&file, &bytes).unwrap();
        let said = analyzed(&[&file]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(
            said.stderr
                .starts_with(&format!("wallwatchctl: {} is damaged: ", file.display()))
                && said.stderr.contains("gzip -t "),
            "{}",
            said.stderr
        );
        said.has(&["Stealth scan (XMAS)"]);
    }
}

#[test]
fn zeros_behind_a_compressed_log_are_padding_and_rubbish_is_told() {
    let log = fs::read(case("nmap_sX")).unwrap();
    let rubbish = [gzip(&log), b"rubbish".to_vec()].concat();
    let said = piped(&[], &rubbish);
    assert_eq!(said.code, Some(0));
    assert_eq!(
        said.stderr,
        "wallwatchctl: standard input: behind its compressed text stands something else. It was left out\n"
    );
    said.has(&["Stealth scan (XMAS)"]);
    let padded = [gzip(&log), vec![0; 512]].concat();
    piped(&[], &padded).good().has(&["Stealth scan (XMAS)"]);
}
