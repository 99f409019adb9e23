//! Runs: what a script is given, how long it may take, what waits, and what it may write.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use wallwatch_helper::runner::answer::State;
use wallwatch_test_support::{
    process::{holds_within, now},
    require_root, wait_until,
};

use crate::stage::{SOON, Stage, alert, line};

#[test]
fn a_script_gets_its_words_its_line_and_exactly_the_promised_environment() {
    require_root!();
    let stage = Stage::new();
    let out = stage.out("all");
    let script = stage.dir.script(
        "all.sh",
        &format!(
            "{{ echo \"$0|$1|$#\"; pwd; umask; env -0 | tr '\\0' '\\n' | LC_ALL=C sort; echo =; cat; }} >{0}.new; mv {0}.new {0}",
            out.display()
        ),
    );
    stage.configure(&format!(
        "[[hook]]\nname = \"all\"\non = \"alert\"\nrun = [{script:?}, \"a $(b) c\"]\n\
         [[hook]]\nname = \"each\"\non = \"event\"\nrun = [{script:?}]\n"
    ));
    let running = stage.start();
    let mut peer = running.connect();
    let told = line("all", 2, "alert", &alert(7));
    peer.write(&told);
    let started = peer.answer();
    assert_eq!(
        (started.state, started.run, started.hook.as_str()),
        (State::Started, 1, "all")
    );
    let ended = peer.answer();
    assert_eq!(
        (ended.state, ended.code, ended.run),
        (State::Ended, 0, 1),
        "{}",
        ended.words
    );
    let text = fs::read_to_string(&out).unwrap();
    let (head, input) = text.split_once("\n=\n").unwrap();
    let expected = [
        &format!("{}|a $(b) c|1", script.display()),
        "/",
        "0077",
        "LANG=C.UTF-8",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "PWD=/", // the shell's own
        "SRCIP=192.0.2.7",
        "WALLWATCH_DPORT=",
        "WALLWATCH_DST=198.51.100.1",
        "WALLWATCH_FOLDED=2",
        "WALLWATCH_HOOK=all",
        "WALLWATCH_ID=7",
        "WALLWATCH_INTERFACE=eth0",
        "WALLWATCH_KIND=tcp-syn-scan",
        "WALLWATCH_ON=alert",
        "WALLWATCH_PORTS=22,80,1000-1500",
        "WALLWATCH_PREFIX=",
        "WALLWATCH_PROTO=tcp",
        "WALLWATCH_SEVERITY=3",
        "WALLWATCH_SOURCES=192.0.2.7 2001:db8::7",
        "WALLWATCH_SPORT=",
        "WALLWATCH_SRC=192.0.2.7",
        "WALLWATCH_SUMMARY=Port scan (SYN) - medium: 2 addresses, ports 22,80,1000-1500",
        "WALLWATCH_VERDICT=dropped",
    ];
    assert_eq!(head.lines().collect::<Vec<_>>(), expected);
    assert_eq!(input.as_bytes(), told, "byte for byte");

    fs::remove_file(&out).unwrap();
    let event = json!({"feed": "kmsg", "verdict": "dropped", "class": "probe", "kind": "tcp-syn-scan", "prefix": "SSH-DROP: ",
        "packet": {"in": "eth1", "src": "2001:db8::7", "dst": "2001:db8::1", "proto": "tcp", "sport": 40000, "dport": 22}});
    peer.write(&line("each", 0, "event", &event));
    assert_eq!(peer.end().state, State::Ended);
    let text = fs::read_to_string(&out).unwrap();
    for wanted in [
        "SRCIP=2001:db8::7",
        "WALLWATCH_DPORT=22",
        "WALLWATCH_INTERFACE=eth1",
        "WALLWATCH_PORTS=22",
        "WALLWATCH_PREFIX=SSH-DROP: ",
        "WALLWATCH_SOURCES=2001:db8::7",
        "WALLWATCH_SPORT=40000",
        "WALLWATCH_SUMMARY=tcp from [2001:db8::7]:40000 to [2001:db8::1]:22",
        "WALLWATCH_VERDICT=dropped",
    ] {
        assert!(text.lines().any(|line| line == wanted), "{wanted}: {text}");
    }
}

#[test]
fn a_script_that_hangs_delays_nobody_else() {
    require_root!();
    let stage = Stage::new();
    let hang = stage.dir.script("hang.sh", "exec sleep 300");
    let quick = stage.dir.script("quick.sh", ":");
    let mut hooks = vec![("quick", quick.as_path(), "at-once = 16")];
    let names: Vec<String> = (0..10).map(|number| format!("hang-{number}")).collect();
    hooks.extend(
        names
            .iter()
            .map(|name| (name.as_str(), hang.as_path(), "at-once = 16\ntimeout = 600")),
    );
    stage.hooks(&hooks);
    let running = stage.start();
    let mut helper = running.connect();
    for name in &names {
        // More than may run at a time, of each.
        for id in 0..20 {
            helper.alert(name, &alert(id));
        }
    }
    let mut longest = Duration::ZERO;
    for id in 0..10 {
        let begun = now();
        let mut peer = running.connect();
        peer.alert("quick", &alert(id));
        assert_eq!(peer.answer().state, State::Started);
        longest = longest.max(begun.elapsed());
        assert_eq!(peer.answer().state, State::Ended);
    }
    eprintln!("beside scripts that hang, another started after at most {longest:?}");
    assert!(longest <= Duration::from_secs(1), "{longest:?}");
}

#[test]
fn what_is_over_is_folded_and_the_last_is_never_lost() {
    require_root!();
    let stage = Stage::new();
    let (gate, out) = (stage.out("gate"), stage.out("told"));
    let script = stage.dir.script(
        "count.sh",
        &format!(
            "while [ ! -e {} ]; do sleep 0.05; done; echo \"$WALLWATCH_ID $WALLWATCH_FOLDED\" >>{1}; cat >>{1}.json",
            gate.display(),
            out.display()
        ),
    );
    stage.hooks(&[("count", &script, "at-once = 3")]);
    let running = stage.start();
    let mut peer = running.connect();
    let lines: Vec<u8> = (1..=10_000)
        .flat_map(|id| line("count", 0, "alert", &alert(id)))
        .collect();
    let begun = now();
    peer.write(&lines);
    // One more for those that an earlier limit folded already.
    peer.write(&line("count", 5, "alert", &alert(10_001)));
    // Whoever is behind all of them has its answer behind theirs.
    peer.alert("no-such-hook", &alert(1));
    let mut started = 0;
    loop {
        let answer = peer.answer();
        started += u32::from(answer.state == State::Started);
        if answer.hook == "no-such-hook" {
            break;
        }
    }
    eprintln!(
        "10,001 lines of one hook were taken in {:?}",
        begun.elapsed()
    );
    assert_eq!(started, 3);
    fs::write(&gate, "").unwrap();
    let last = loop {
        let answer = peer.answer();
        if answer.state == State::Started {
            break answer;
        }
    };
    assert!(
        last.words.contains("stands for 10002 earlier ones"),
        "{}",
        last.words
    );
    while peer.answer().run != last.run {}
    // The earlier ones may end after it.
    let ended = || fs::read_to_string(&out).is_ok_and(|text| text.lines().count() == 4);
    wait_until("all four have ended", SOON, ended);
    let mut told: Vec<String> = fs::read_to_string(&out)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    told.sort();
    assert_eq!(told, ["1 0", "10001 10002", "2 0", "3 0"]);
    let json = fs::read_to_string(format!("{}.json", out.display())).unwrap();
    let folded = json.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap()["folded"]
            .as_u64()
            .unwrap()
    });
    assert_eq!(folded.max(), Some(10_002), "the input says it too");
}

#[test]
fn a_folded_one_is_answered_by_the_one_that_stands_for_it() {
    require_root!();
    let stage = Stage::new();
    let gate = stage.out("gate");
    let script = stage.dir.script(
        "wait.sh",
        &format!("while [ ! -e {} ]; do sleep 0.05; done", gate.display()),
    );
    stage.hooks(&[("wait", &script, "at-once = 1")]);
    let running = stage.start();
    let mut peer = running.connect();
    for id in 1..=3 {
        peer.alert("wait", &alert(id));
    }
    assert_eq!(peer.answer().state, State::Started);
    let folded = peer.answer();
    assert_eq!((folded.state, folded.run), (State::Folded, 2));
    assert!(
        folded
            .words
            .contains("Run 3 waits in its place, and stands for 1 earlier"),
        "{}",
        folded.words
    );
    fs::write(&gate, "").unwrap();
    assert_eq!(peer.answer().state, State::Ended);
    assert_eq!((peer.answer().run, peer.answer().state), (3, State::Ended));
}

#[test]
fn a_script_that_takes_too_long_is_ended_with_all_that_it_started() {
    require_root!();
    let stage = Stage::new();
    let out = stage.out("pids");
    // A grandchild and the script itself do not end when they are asked to.
    let script = stage.dir.script(
        "deaf.sh",
        &format!(
            "trap '' TERM\nsetsid sleep 8 &\n(trap '' TERM; while :; do sleep 1000; done) &\nsleep 2000 &\necho $$ $! $(cat /proc/$$/task/$$/children) >{0}.new\nmv {0}.new {0}\nwhile :; do sleep 3000; done",
            out.display()
        ),
    );
    let polite = stage.dir.script(
        "polite.sh",
        "trap 'echo goodbye; exit 5' TERM\nsleep 1000 & wait",
    );
    stage.hooks(&[
        ("deaf", &script, "timeout = 1"),
        ("polite", &polite, "timeout = 1"),
    ]);
    let running = stage.start();
    let mut peer = running.connect();
    let begun = now();
    peer.alert("deaf", &alert(1));
    let ended = peer.end();
    let took = begun.elapsed();
    assert_eq!((ended.state, ended.code), (State::TimedOut, 137));
    assert!(
        ended.words.contains("longer than its 1 s"),
        "{}",
        ended.words
    );
    assert!(
        (Duration::from_millis(2900)..Duration::from_secs(6)).contains(&took),
        "{took:?}"
    );
    let pids = running.stage.wait_for_out("pids");
    for pid in pids.split_whitespace() {
        let status = Path::new("/proc").join(pid);
        assert!(holds_within(SOON, || !is_alive(&status)), "{pid} goes on");
    }
    assert!(pids.split_whitespace().count() >= 3, "{pids}");
    peer.alert("polite", &alert(2));
    let ended = peer.end();
    assert_eq!((ended.state, ended.code), (State::TimedOut, 5));
    running.wait_for_log("polite[2]: goodbye");
}

/// Does the process run? One that waits to be waited for has ended.
fn is_alive(process: &Path) -> bool {
    fs::read_to_string(process.join("status")).is_ok_and(|status| !status.contains("State:\tZ"))
}

#[test]
fn what_a_script_leaves_behind_ends_with_it() {
    require_root!();
    let stage = Stage::new();
    let out = stage.out("pid");
    let script = stage.dir.script(
        "leave.sh",
        &format!("sleep 1000 & echo $! >{}", out.display()),
    );
    stage.hooks(&[("leave", &script, "")]);
    let running = stage.start();
    let mut peer = running.connect();
    peer.alert("leave", &alert(1));
    assert_eq!(
        peer.end().state,
        State::Ended,
        "the output that is still open is not waited for"
    );
    let pid = running.stage.wait_for_out("pid");
    wait_until("it is ended", SOON, || {
        !is_alive(&Path::new("/proc").join(pid.trim()))
    });
}

#[test]
fn a_script_that_does_not_read_its_line_hangs_nothing() {
    require_root!();
    let stage = Stage::new();
    let deaf = stage.dir.script("deaf.sh", "exec 0<&-; echo deaf");
    stage.hooks(&[("deaf", &deaf, "")]);
    let running = stage.start();
    let mut peer = running.connect();
    for id in 0..5 {
        let mut big = alert(id);
        big["reason"] = "x".repeat(60_000).into();
        peer.alert("deaf", &big);
        assert_eq!(peer.end().state, State::Ended);
    }
}

#[test]
fn output_is_bounded_and_cannot_steer_a_terminal() {
    require_root!();
    let stage = Stage::new();
    let script = stage.dir.script(
        "loud.sh",
        "printf 'red \\033[31m\\a\\n'; echo error >&2; head -c 3000 /dev/zero | tr '\\0' y; echo\ni=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done; exit 9",
    );
    let endless = stage.dir.script("endless.sh", "exec yes");
    stage.hooks(&[("loud", &script, ""), ("endless", &endless, "timeout = 2")]);
    let running = stage.start();
    let mut peer = running.connect();
    peer.alert("loud", &alert(1));
    assert_eq!(peer.end().code, 9);
    running.wait_for_log("loud[1]: It ended with exit code 9");
    let log = running.process.log();
    assert!(log.contains("loud[1]: red \\u{1b}[31m\\u{7}\n"), "{log}");
    assert!(log.contains("loud[1]: error\n"), "{log}");
    assert!(
        log.contains(&format!("loud[1]: {}...\n", "y".repeat(512))),
        "{log}"
    );
    assert!(
        log.contains("loud[1]: 60\n") && !log.contains("loud[1]: 61\n"),
        "64 lines in all: {log}"
    );
    assert!(
        log.contains("loud[1]: ... 39 more lines are left out\n"),
        "{log}"
    );
    peer.alert("endless", &alert(2));
    let before = cpu(running.process.pid());
    assert_eq!(peer.end().state, State::TimedOut);
    let busy = cpu(running.process.pid()) - before;
    eprintln!(
        "a script that writes for 2 s without a pause costs the runner {busy} ticks of 10 ms"
    );
    assert!(busy < 100, "{busy} ticks");
    assert!(running.process.log().len() < 100_000);
}

/// The time that a process was busy, in ticks of 10 ms (fields 14 and 15 of `/proc/PID/stat`).
fn cpu(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn what_is_run_stands_in_the_configuration_as_it_is_now() {
    require_root!();
    let stage = Stage::new();
    let first = stage.dir.script("first.sh", "echo this is the first");
    let second = stage.dir.script("second.sh", "echo this is the second");
    stage.hooks(&[("one", &first, "")]);
    let running = stage.start();
    let mut peer = running.connect();
    let mut line = alert(1);
    line["run"] = json!(["/bin/sh", "-c", "touch /tmp/pwned"]);
    peer.alert("one", &line);
    assert_eq!(peer.end().state, State::Ended);
    running.wait_for_log("one[1]: this is the first");
    running.stage.hooks(&[("one", &second, "")]);
    peer.alert("one", &line);
    assert_eq!(peer.end().state, State::Ended);
    running.wait_for_log("one[2]: this is the second");
    // What was good holds while the file is broken, and that is said.
    running.stage.configure("[[hook]]\nnaem = \"one\"\n");
    peer.alert("one", &line);
    assert_eq!(peer.end().state, State::Ended);
    running.wait_for_log("one[3]: this is the second");
    running.wait_for_log("line 2: unknown field `naem`");
    peer.alert("other", &line);
    let refused = peer.end();
    assert_eq!((refused.state, refused.run), (State::Refused, 0));
    assert!(
        refused.words.contains("config.toml, line 2"),
        "{}",
        refused.words
    );
    running.stage.hooks(&[]);
    peer.alert("one", &line);
    let refused = peer.end();
    assert!(
        refused.words.contains("names no hook 'one'"),
        "{}",
        refused.words
    );
    let event = json!({"packet": {}});
    // Those of config.d, too.
    fs::create_dir(running.stage.dir.path().join("config.d")).unwrap();
    let file = format!(
        "[[hook]]\nname = \"other\"\non = \"alert\"\nrun = [\"{}\"]\n",
        second.display()
    );
    running.stage.dir.write("config.d/mine.toml", file);
    peer.alert("other", &line);
    assert_eq!(peer.end().state, State::Ended);
    running.stage.hooks(&[("one", &second, "")]);
    peer.write(&crate::stage::line("one", 0, "event", &event));
    assert!(peer.end().words.contains("runs on something else"));
}

#[test]
fn at_its_end_the_runner_ends_its_scripts_and_removes_its_socket() {
    require_root!();
    let stage = Stage::new();
    let out = stage.out("pid");
    let script = stage.dir.script(
        "hang.sh",
        &format!("echo $$ >{}; sleep 1000", out.display()),
    );
    stage.hooks(&[("hang", &script, "timeout = 600")]);
    let mut running = stage.start();
    let mut peer = running.connect();
    peer.alert("hang", &alert(1));
    let pid = running.stage.wait_for_out("pid");
    let begun = now();
    assert_eq!(
        running.process.stop().and_then(|status| status.code()),
        Some(0)
    );
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(!is_alive(&Path::new("/proc").join(pid.trim())));
    assert!(!running.stage.socket().exists());
    let last = peer.rest().pop().unwrap();
    assert!(
        last.words.contains("ended with the program that ran it"),
        "{}",
        last.words
    );
    // One that is killed takes its scripts along.
    let mut running = running.stage.start();
    fs::remove_file(running.stage.out("pid")).unwrap();
    running.connect().alert("hang", &alert(2));
    let pid = running.stage.wait_for_out("pid");
    running.process.signal("KILL");
    wait_until("the script is ended", SOON, || {
        !is_alive(&Path::new("/proc").join(pid.trim()))
    });
}
