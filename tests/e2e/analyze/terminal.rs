//! On a terminal: colours, a table that fits, a bar that moves, and an end that is asked for.

use std::{
    fs,
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use wallwatch_test_support::{Program, TempDir};

use super::{attack, case, start};

/// What a shell command shows on a terminal of its own, so many columns wide.
fn on_terminal(command: &str, columns: u16) -> String {
    let script = format!("stty rows 40 cols {columns} 2>/dev/null; {command}");
    Program::new("script")
        .args(["-qec", &script, "/dev/null"])
        .env("TERM", "xterm")
        .env("TZ", "UTC")
        .env("SHELL", "/bin/sh")
        .output()
        .stdout
}

fn ctl() -> &'static str {
    env!("CARGO_BIN_EXE_wallwatchctl")
}

/// The text without colours.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or(part, |(_, rest)| rest)
    })
}

#[test]
fn a_terminal_gets_colours_and_lines_that_fit() {
    let file = case("nmap_sX");
    for columns in [80, 100, 132] {
        let shown = on_terminal(&format!("{} analyze {}", ctl(), file.display()), columns);
        assert!(shown.contains("\u{1b}[1mFIRST SEEN"), "{shown:?}");
        assert!(shown.contains("\u{1b}[33mmedium\u{1b}[0m"), "{shown:?}");
        let table: Vec<String> = shown
            .lines()
            .take(2)
            .map(|line| plain(line.trim_end()))
            .collect();
        for line in &table {
            assert!(line.chars().count() <= columns.into(), "{columns}: {line}");
        }
    }
    let shown = on_terminal(
        &format!("NO_COLOR=1 {} analyze {}", ctl(), file.display()),
        100,
    );
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let shown = on_terminal(
        &format!("{} analyze --color never {}", ctl(), file.display()),
        100,
    );
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let said = super::analyzed(&[&"--color".into(), &"always".into(), &file]).good();
    said.has(&["\u{1b}[33mmedium\u{1b}[0m"]);
}

/// A log that takes longer to read than patience lasts: a pipe that a slow program writes.
fn slowly(dir: &Path) -> String {
    let log = dir.join("log");
    // Alerts that are final before the log is over, because a day and more follows.
    let mut text: String = (1..=9)
        .map(|n| attack(&format!("01:00:0{n}"), &format!("203.0.113.{n}")))
        .collect();
    for n in 0..3000 {
        text += &attack("01:00:10", "203.0.113.200").replace(
            "2026-11-22",
            if n < 1000 { "2026-11-22" } else { "2026-11-24" },
        );
    }
    fs::write(&log, text).unwrap();
    format!(
        "(cat {0}; sleep 0.8; cat {0}; sleep 0.3; cat {0})",
        log.display()
    )
}

#[test]
fn long_work_shows_a_bar_on_the_terminal_alone_and_tears_no_line() {
    let dir = TempDir::new();
    let source = slowly(dir.path());
    let shown = on_terminal(&format!("{source} | {} analyze -", ctl()), 100);
    assert!(shown.contains(" lines, "), "a bar was shown: {shown:?}");
    // What remains when the terminal has carried its orders out.
    let remains: Vec<String> = shown
        .split('\n')
        .map(|line| {
            plain(
                line.rsplit('\r')
                    .find(|part| !part.is_empty())
                    .unwrap_or_default(),
            )
        })
        .collect();
    let rows = remains
        .iter()
        .filter(|line| line.contains("Stealth scan (NULL)") && line.contains("203.0.113."))
        .count();
    assert!(rows >= 10, "{remains:#?}");

    let out = dir.path().join("out");
    let shown = on_terminal(
        &format!("{source} | {} analyze - > {}", ctl(), out.display()),
        100,
    );
    assert!(
        shown.contains(" lines, "),
        "the bar is on standard error: {shown:?}"
    );
    let printed = fs::read_to_string(&out).unwrap();
    assert!(
        !printed.contains(['\u{1b}', '\r']) && printed.contains("not firewall events."),
        "{printed:?}"
    );

    let shown = on_terminal(
        &format!("{source} | {} analyze -q - > {}", ctl(), out.display()),
        100,
    );
    assert_eq!(shown, "", "quiet shows none");
}

#[test]
fn who_waits_for_a_slow_pipe_sees_that() {
    let dir = TempDir::new();
    let log = dir.write("log", attack("01:00:00", "203.0.113.1"));
    // Three lines, and then nothing for a while.
    let shown = on_terminal(
        &format!(
            "(cat {}; sleep 1) | {} analyze - > /dev/null",
            log.display(),
            ctl()
        ),
        100,
    );
    assert!(shown.contains(", 3 lines, 1 alert"), "{shown:?}");
    // A line without an end.
    let shown = on_terminal(
        &format!(
            "(head -c 200000 /dev/zero | tr '\\0' x; sleep 1) | {} analyze - > /dev/null",
            ctl()
        ),
        100,
    );
    assert!(shown.contains(" KiB, 0 lines, 0 alerts"), "{shown:?}");
    // Nothing at all.
    let shown = on_terminal(&format!("sleep 1 | {} analyze - > /dev/null", ctl()), 100);
    assert!(shown.contains("0 B, 0 lines, 0 alerts"), "{shown:?}");
}

#[test]
fn who_waits_for_the_writer_of_a_fifo_is_told() {
    let dir = TempDir::new();
    let fifo = dir.path().join("ff");
    let command = |options: &str| {
        format!(
            "mkfifo {0}; (sleep 1; : > {0}) & {1} analyze {options} {0} > /dev/null; wait; rm {0}",
            fifo.display(),
            ctl()
        )
    };
    let shown = on_terminal(&command(""), 100);
    let words = format!("Waiting for somebody to write to {}.", fifo.display());
    assert!(shown.contains(&words), "{shown:?}");
    assert_eq!(on_terminal(&command("-q"), 100), "");
}

#[test]
fn short_work_shows_no_bar() {
    let shown = on_terminal(
        &format!(
            "{} analyze {} > /dev/null",
            ctl(),
            case("nmap_sX").display()
        ),
        100,
    );
    assert_eq!(shown, "");
}

#[test]
fn who_types_lines_in_is_told_how_to_end() {
    let shown = on_terminal(
        &format!("timeout --foreground 0.5 {} analyze -", ctl()),
        100,
    );
    assert_eq!(
        shown.trim_end(),
        "Reading log lines from the terminal; Ctrl+D ends."
    );
    let shown = on_terminal(
        &format!("timeout --foreground 0.5 {} analyze -q -", ctl()),
        100,
    );
    assert_eq!(shown, "");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = start(&["-"]);
    drop(child.stdout.take());
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&fs::read(case("nmap_sX")).unwrap())
        .unwrap();
    let said = super::Said::of(child).good();
    assert_eq!(said.stdout, "");
    let shown = Program::shell(&format!(
        "{} analyze {} | head -n 1",
        ctl(),
        case("nmap_sX").display()
    ))
    .output();
    assert!(
        shown.ok() && shown.stdout.starts_with("FIRST SEEN") && shown.stderr.is_empty(),
        "{shown:?}"
    );
}

#[test]
fn a_full_disk_is_told() {
    let said = Program::shell(&format!(
        "{} analyze {} > /dev/full",
        ctl(),
        case("nmap_sX").display()
    ))
    .output();
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.stderr,
        "wallwatchctl: cannot write the output: No space left on device (os error 28)\n"
    );
}

#[test]
fn ctrl_c_ends_it_by_the_signal() {
    // What a shell starts in the background, perhaps this test, has that signal ignored, and hands it on so.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test starts the program it tests"
    )]
    let mut child = Command::new("env")
        .arg("--default-signal=INT")
        .arg(ctl())
        .args(["analyze", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(200));
    wallwatch_test_support::process::kill(child.id(), "INT");
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(2), "{status:?}");
}
