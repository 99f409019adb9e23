//! `wallwatchctl explain` over the real program: lines in, one word and a sentence for each out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Output, Stdio},
    thread,
};

use serde_json::{Value, json};
use wallwatch_helper::explain::Class;

/// Name, class, packet as JSON without its time, and the line; `-` where it is refused.
const TABLE: &str = include_str!("../data/lines/explained.tsv");

/// At most so much memory, whatever comes.
const MAX_RSS_KIB: u64 = 20 * 1024;

fn ctl(args: &[&str]) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test starts the program it tests"
    )]
    let mut command = Command::new(env!("CARGO_BIN_EXE_wallwatchctl"));
    command
        .arg("explain")
        .args(args)
        .env("TZ", "UTC")
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What the program says to this standard input.
fn explained(args: &[&str], input: impl Into<Vec<u8>>) -> Output {
    let mut child = ctl(args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.into();
    // It answers each line as it comes, so both pipes must move.
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// The answers to these lines.
fn answers(input: impl Into<Vec<u8>>) -> Vec<Value> {
    let output = explained(&["--json"], input);
    stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The answer to a single line.
fn answer(line: &str) -> Value {
    let [answer] = answers(line).try_into().unwrap();
    answer
}

/// Rows of the table: name, class, packet and line.
fn rows() -> Vec<[&'static str; 4]> {
    let row = |row: &'static str| row.split('\t').collect::<Vec<_>>().try_into().unwrap();
    TABLE.lines().map(row).collect()
}

/// All lines of the table, one a line.
fn all_lines() -> String {
    rows().iter().fold(String::new(), |mut text, row| {
        writeln!(text, "{}", row[3]).unwrap();
        text
    })
}

/// A SYN to port 22 with this prefix, bare.
fn syn(prefix: &str) -> String {
    format!(
        "{prefix}IN=eth0 OUT= MAC=02:fc:00:00:00:01:00:1b:21:aa:bb:cc:08:00 SRC=203.0.113.9 DST=192.0.2.2 LEN=60 TOS=0x00 PREC=0x00 \
         TTL=52 ID=4321 DF PROTO=TCP SPT=40000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 "
    )
}

#[test]
fn each_line_has_its_class_and_its_packet() {
    let (rows, answers) = (rows(), answers(all_lines()));
    assert_eq!(rows.len(), answers.len());
    assert!(rows.len() > 280);
    let mut wrong = String::new();
    for ([name, class, packet, _], mut answer) in rows.into_iter().zip(answers) {
        let expected = (class != "-").then_some(class);
        if expected.is_some_and(|class| class.parse::<Class>().is_err()) {
            writeln!(wrong, "{name}: {class} is no word of the list").unwrap();
        }
        if answer["class"].as_str() != expected {
            writeln!(wrong, "{name}: {} is not {class}", answer["class"]).unwrap();
        }
        let expected: Value = serde_json::from_str(packet).unwrap_or(Value::Null);
        if let Some(packet) = answer["packet"].as_object_mut() {
            packet.remove("time").expect("time is always told");
        }
        if answer["packet"] != expected {
            writeln!(wrong, "{name}: {} is not {expected}", answer["packet"]).unwrap();
        }
        if answer["error"].is_null() == answer["packet"].is_null() {
            writeln!(wrong, "{name}: neither or both of packet and error").unwrap();
        }
        if answer["trusted"] != false || answer["signatures"] != json!([]) {
            writeln!(wrong, "{name}: {answer}").unwrap();
        }
        let reason = answer["reason"].as_str().unwrap();
        if reason.len() < 20 || reason.len() > 500 || !reason.ends_with('.') {
            writeln!(wrong, "{name}: no sentence: {reason}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn no_protocol_is_named_that_the_line_does_not_tell() {
    let answer = answer(
        "DROP IN= OUT=eth1 SRC=2001:db8::9 DST=2001:db8::2 LEN=107 TC=0 HOPLIMIT=64 FLOWLBL=0 FRAG:1232 ID:0a1b2c3d ",
    );
    assert_eq!(answer["packet"]["proto"], "");
    let reason = answer["reason"].as_str().unwrap();
    assert!(
        reason.contains("a later piece of a large packet"),
        "{reason}"
    );
}

#[test]
fn an_answer_has_these_keys_in_this_order() {
    let output = explained(&["--json"], syn("DROP "));
    let keys: Vec<&str> = [
        "{\"packet\":{\"in\":\"eth0\",\"out\":\"\",",
        ",\"error\":null,\"class\":\"tcp-connect-scan\",\"reason\":\"",
        "\",\"trusted\":false,\"signatures\":[]}\n",
    ]
    .into();
    let text = stdout(&output);
    assert!(text.starts_with(keys[0]), "{text}");
    assert!(text.contains(keys[1]), "{text}");
    assert!(text.ends_with(keys[2]), "{text}");
    let answer = answer(&syn("DROP "));
    assert_eq!(answer["packet"]["time"], Value::Null, "no time was told");
    assert_eq!(answer["packet"]["flags"], json!(["SYN"]));
}

#[test]
fn times_are_told_as_far_as_the_line_tells_them() {
    for (dress, time) in [
        (
            "2026-11-22T01:10:00.123456+00:00 host kernel: ",
            json!(1_795_309_800_123_456_i64),
        ),
        (
            "2026-11-22T02:10:00+01:00 host kernel: [  123.456789] ",
            json!(1_795_309_800_000_000_i64),
        ),
        ("[  123.456789] ", Value::Null),
        ("", Value::Null),
    ] {
        let answer = answer(&format!("{dress}{}", syn("DROP ")));
        assert_eq!(answer["packet"]["time"], time, "{dress}: {answer}");
        assert_eq!(answer["packet"]["prefix"], "DROP", "{dress}: {answer}");
    }
}

#[test]
fn only_what_no_local_user_can_write_is_trusted() {
    let record = |transport: &str| {
        json!({
            "_TRANSPORT": transport, "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": syn("DROP "),
            "__REALTIME_TIMESTAMP": "1795309800123456",
        })
        .to_string()
    };
    let kernel = answer(&record("kernel"));
    assert_eq!(
        (&kernel["trusted"], &kernel["class"]),
        (&json!(true), &json!("tcp-connect-scan"))
    );
    assert_eq!(kernel["packet"]["time"], 1_795_309_800_123_456_i64);
    let forged = answer(&record("syslog"));
    assert_eq!(forged["trusted"], false);
    let text = answer(&format!("Nov 22 01:10:00 host kernel: {}", syn("DROP ")));
    assert_eq!(text["trusted"], false);
}

#[test]
fn a_line_that_is_refused_is_told_what_it_seems_to_be() {
    let quoted = syn("");
    let merged = format!(
        "{} Nov 22 01:10:00 host kernel: {quoted}",
        &quoted[..quoted.len() - 60]
    );
    for (line, reason) in [
        (
            "Nov 22 01:10:00 host sshd[812]: Invalid user admin from 203.0.113.9 port 4242"
                .to_owned(),
            "This line was written by sshd, not by the kernel's firewall.",
        ),
        (
            format!(
                "Nov 22 01:10:00 host dnsmasq-dhcp[9]: DHCPACK(br0) 192.0.2.50 02:00:00:00:00:01 {quoted}"
            ),
            "This line was written by dnsmasq-dhcp, not by the kernel's firewall. What it quotes of a packet, anybody could have made \
             it write.",
        ),
        (
            "2026-11-22T01:10:00+00:00 host systemd[1]: Started User Manager.".to_owned(),
            "This line was written by systemd, not by the kernel's firewall.",
        ),
        (
            "Nov 22 01:10:00 host kernel: [  12.3] usb 1-1: new high-speed USB device".to_owned(),
            "This line was written by the kernel, but it is not about a packet: no rule of a firewall wrote it.",
        ),
        (
            merged,
            "Two lines ran into one another here. Which address belongs to which port cannot be told, so neither packet is read.",
        ),
        (
            quoted.replace("DPT=22", "DPT=99999"),
            "This looks like a line of a firewall, but DPT has an impossible value: it is damaged or forged.",
        ),
        (
            quoted.replace("TTL=52 ", ""),
            "This looks like a line of a firewall, but TTL is missing where it always stands: it is cut off, damaged or forged.",
        ),
        (
            "hello".to_owned(),
            "This is no line of a firewall: one has IN= and OUT= and the packet behind.",
        ),
        ("   \t ".to_owned(), "This line is empty."),
    ] {
        let answer = answer(&line);
        assert_eq!(answer["reason"], reason, "{line}: {answer}");
        assert_eq!(answer["packet"], Value::Null, "{line}");
        assert_eq!(answer["class"], Value::Null, "{line}");
        assert_eq!(answer["trusted"], false, "{line}");
        assert!(answer["error"].is_string(), "{line}");
    }
}

#[test]
fn the_exit_code_says_whether_every_line_was_read() {
    let good = syn("DROP ");
    for (args, input, code) in [
        (vec![good.as_str()], "", 0),
        (vec![good.as_str(), "hello"], "", 1),
        (vec![""], "", 1),
        (vec![], good.as_str(), 0),
        (vec![], "hello\n", 1),
        (vec![], "", 0),
        (vec!["--nonsense"], "", 2),
    ] {
        let output = explained(&args, input);
        assert_eq!(output.status.code(), Some(code), "{args:?} {input:?}");
    }
}

#[test]
fn arguments_and_standard_input_are_read_alike() {
    let line = syn("DROP ");
    let by_argument = explained(&["--json", &line, &line], "");
    for ends in ["\n", "\r\n"] {
        let by_input = explained(&["--json"], format!("{line}{ends}{line}{ends}"));
        assert_eq!(stdout(&by_argument), stdout(&by_input), "{ends:?}");
    }
    assert_eq!(stdout(&by_argument).lines().count(), 2);
}

#[test]
fn a_lone_dash_stands_for_standard_input() {
    let line = syn("DROP ");
    let by_nothing = explained(&["--json"], format!("{line}\n{line}\n"));
    let by_dash = explained(&["--json", "-"], format!("{line}\n{line}\n"));
    assert_eq!(stdout(&by_dash), stdout(&by_nothing));
    assert_eq!(by_dash.status.code(), Some(0));
    let among_lines = explained(&["-q", "hello", "-", &line], format!("{line}\n"));
    assert_eq!(
        stdout(&among_lines),
        "refused\ntcp-connect-scan\ntcp-connect-scan\n"
    );
    let one = explained(&["--color", "never", "-"], format!("{line}\n"));
    assert!(stdout(&one).starts_with("1. probe"), "as without the dash");
    assert!(stdout(&explained(&["--help"], "")).contains("a lone -"));
}

#[test]
fn the_mark_that_an_editor_sets_before_the_first_line_is_no_part_of_it() {
    for dress in ["", "Nov 22 01:10:00 host kernel: "] {
        let line = format!("{dress}{}", syn("DROP "));
        let marked = format!("\u{feff}{line}");
        for (marked, plain) in [
            (
                explained(&["--json"], format!("{marked}\n{line}\n")),
                explained(&["--json"], format!("{line}\n{line}\n")),
            ),
            (
                explained(&["--json", &marked], ""),
                explained(&["--json", &line], ""),
            ),
        ] {
            assert_eq!(stdout(&marked), stdout(&plain));
            assert_eq!(marked.status.code(), Some(0));
        }
        // Nowhere else does it stand for anything but itself.
        let later = format!("\u{feff}Nov 22 01:10:00 host kernel: {}", syn("DROP "));
        let later = explained(&[], format!("hello\n{later}\n"));
        assert_eq!(later.status.code(), Some(1));
    }
}

#[test]
fn a_terminal_is_told_that_lines_are_awaited() {
    #[expect(
        clippy::disallowed_methods,
        reason = "script(1) gives the program a terminal of its own"
    )]
    let mut script = Command::new("script");
    let command = format!(
        "{} explain -q 2>&1 >/dev/null",
        env!("CARGO_BIN_EXE_wallwatchctl")
    );
    let mut child = script
        .args(["-qec", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Ctrl+D, as the terminal takes it.
    child.stdin.take().unwrap().write_all(b"\x04").unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.contains("Waiting for lines of a firewall's log; Ctrl+D ends."),
        "{shown:?}"
    );
    assert_eq!(explained(&[], "").stderr, b"", "a pipe is told nothing");
}

#[test]
fn text_is_a_verdict_a_sentence_and_the_facts() {
    let output = explained(&["--color", "never", &syn("[UFW BLOCK] ")], "");
    assert_eq!(
        stdout(&output),
        "probe: tcp-connect-scan\n   \
         203.0.113.9 asks to open a connection to port 22 (SSH), with a packet as every computer sends it (SYN): an ordinary visit to a \
         service, or a step of a scan. One is no alert; tries of several ports, or of one port at several computers, are. Your \
         firewall stopped it.\n   \
         tcp 203.0.113.9:40000 > 192.0.2.2:22, SYN, 60 bytes, TTL 52, in by eth0, rule \"[UFW BLOCK]\", could be forged by a local \
         user\n"
    );
    let two = explained(&["--color", "never"], format!("{}\nhello\n", syn("")));
    let heads: Vec<&str> = stdout(&two).lines().step_by(4).collect();
    assert_eq!(heads, ["1. probe: tcp-connect-scan", "2. refused"]);
    assert!(stdout(&explained(&["--color", "always", "hello"], "")).contains("\u{1b}["));
    assert_eq!(
        stdout(&explained(&["-q"], format!("{}\nhello\n", syn("")))),
        "tcp-connect-scan\nrefused\n"
    );
}

#[test]
fn the_heading_says_no_more_than_the_sentence() {
    let line = |rest: &str| {
        format!(
            "DROP IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN=56 TOS=0x00 PREC=0x00 TTL=52 ID=1 {rest}"
        )
    };
    for (line, head) in [
        (
            line("PROTO=ICMP TYPE=5 CODE=1 GATEWAY=192.0.2.66 "),
            "odd, worth a look: icmp-redirect",
        ),
        (
            line("PROTO=UDP SPT=67 DPT=68 LEN=28 "),
            "odd, worth a look: dhcp",
        ),
        (
            line("PROTO=UDP SPT=53 DPT=45000 LEN=28 "),
            "probably nothing to fear: late-dns",
        ),
        (
            line("PROTO=UDP SPT=5000 DPT=45000 LEN=28 ").replace("203.0.113.9", "127.0.0.1"),
            "probe: bogon",
        ),
    ] {
        let output = explained(&["--color", "never", &line], "");
        assert_eq!(stdout(&output).lines().next(), Some(head), "{line}");
    }
}

#[test]
fn what_a_stranger_wrote_cannot_steer_the_terminal() {
    let line = syn("\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{7f} ");
    let program = "Nov 22 01:10:00 host \u{1b}[2Jsshd[7]: \u{9b}2J hello";
    for args in [&["--color", "never"][..], &["--json"], &["-q"]] {
        let output = explained(args, format!("{line}\n{program}\n"));
        let text = stdout(&output);
        let hostile = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(hostile), "{args:?}: {text:?}");
        assert_eq!(text.matches("tcp-connect-scan").count(), 1, "{text}");
    }
    assert_eq!(
        answer(&line)["packet"]["prefix"],
        "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{7f}",
        "JSON says what stands there"
    );
}

#[test]
fn each_line_is_answered_as_it_comes() {
    let mut child = ctl(&["-q"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        writeln!(stdin, "{}", syn("")).unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), "tcp-connect-scan");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = ctl(&[]).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // The program may end before all of it is written.
    _ = stdin.write_all(all_lines().as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// The peak of the program's memory in KiB.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_line_without_end_costs_no_memory_and_the_next_is_read() {
    let mut child = ctl(&["--json"]).spawn().unwrap();
    let mut stdin: ChildStdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&answers.next().unwrap().unwrap()).unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        stdin.write_all(&block).unwrap();
    }
    writeln!(stdin, "\n\u{0}\u{1}\n{}", syn("DROP ")).unwrap();
    assert_eq!(next()["error"], "longer than 65536 bytes");
    assert_eq!(next()["packet"], Value::Null);
    assert_eq!(next()["class"], "tcp-connect-scan");
    let peak = peak(&child);
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    println!("peak {peak} KiB");
    assert!(peak < MAX_RSS_KIB, "{peak} KiB");
}

#[test]
fn bytes_that_are_no_text_are_refused_or_read_and_never_repeated() {
    let mut line = b"\xff\xfe\x80DROP ".to_vec();
    line.extend(syn("").bytes());
    line.push(b'\n');
    for args in [&["--json"][..], &["--color", "never"]] {
        let output = explained(args, line.clone());
        assert!(std::str::from_utf8(&output.stdout).is_ok());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}
