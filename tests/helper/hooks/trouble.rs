//! A runner that is absent, dies, or takes nothing: detection goes on, nothing grows, and nothing is lost.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    thread,
};

use serde_json::Value;
use wallwatch_test_support::{
    Firewall,
    netns::attacker_v4,
    process::{figures, holds_within, now, wait_until},
    require_root,
};

use crate::stage::{LIMIT, SILENCE, Stage};

/// So often a runner is killed while scripts run,
const KILLS: usize = 3;
/// of which so many do at a time.
const AT_ONCE: usize = 16;
/// Writes for how many events each run stands.
const COUNT: &str = "echo $((WALLWATCH_FOLDED + 1)) >> $OUT/count";

fn sum(stage: &Stage) -> u64 {
    stage.numbers("count").iter().sum()
}

#[test]
fn while_there_is_no_runner_the_latest_waits_and_it_is_said_once() {
    require_root!();
    let mut stage = Stage::new(Firewall::None);
    let settings = stage.reads_file();
    let hook = stage.hook("count", COUNT, "on = \"event\"\nprefix = \"A \"");
    stage.start_without_runner(&settings, &hook);
    stage.wait_for_source("file", "working");
    assert_eq!(stage.health("count").words, "", "nobody asked yet");
    for round in 0..5 {
        stage.log_lines("A ", round * 100..(round + 1) * 100);
        thread::sleep(SILENCE / 2);
    }
    let words = stage.health("count").words;
    assert!(
        words.contains("Nobody runs the hooks") && words.contains("is not there"),
        "{words}"
    );
    stage.start_runner();
    wait_until("all are told", LIMIT, || sum(&stage) == 500);
    assert_eq!(stage.numbers("count"), [500]);
    wait_until("all is well", LIMIT, || {
        stage.health("count").words.is_empty()
    });
    let log = stage.helper_log();
    assert_eq!(log.matches("Nobody runs the hooks").count(), 1, "{log}");
}

#[test]
fn a_runner_that_is_killed_in_the_middle_loses_nothing_that_was_not_begun() {
    require_root!();
    let mut stage = Stage::new(Firewall::None);
    let settings = stage.reads_file();
    let lines = format!("on = \"event\"\nprefix = \"A \"\nper-minute = 120\nat-once = {AT_ONCE}");
    let script = format!("{COUNT}; sleep 0.1");
    let hook = stage.hook("count", &script, &lines);
    stage.start(&settings, &hook);
    stage.wait_for_source("file", "working");
    for round in 0..6_u32 {
        let before = stage.health("count").runs;
        stage.log_lines("A ", round * 500..(round + 1) * 500);
        let run = holds_within(LIMIT, || stage.health("count").runs > before);
        assert!(run, "round {round}: {:?}", stage.health("count"));
        if round % 2 == 0 {
            let mut runner = stage.runner.take().expect("it runs");
            runner.signal("KILL");
            assert!(runner.wait(LIMIT).is_some(), "nobody outlives that");
            stage.start_runner();
        }
    }
    wait_until("each is run, or stands behind one that is", LIMIT, || {
        let health = stage.health("count");
        health.runs + health.folded == 3000
    });
    thread::sleep(SILENCE);
    let health = stage.health("count");
    assert_eq!(health.runs + health.folded, 3000, "{health:?}");
    // With each runner its scripts end, some before they could write; one may have been begun that was not answered.
    let runs = stage.numbers("count").len();
    let begun = usize::try_from(health.runs).expect("few run");
    assert!(
        (begun.saturating_sub(KILLS * AT_ONCE)..=begun + KILLS * AT_ONCE).contains(&runs),
        "{runs} of {health:?}"
    );
    assert!(begun <= 120 + 60, "{health:?}");
}

#[test]
fn a_runner_that_never_reads_stops_nothing() {
    require_root!();
    let mut stage = Stage::new(Firewall::DropInput);
    let listener = UnixListener::bind(stage.socket()).expect("a socket can be made");
    let mode = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(stage.socket(), mode).expect("root sets modes");
    let settings = stage
        .reads_file()
        .replace("capture = false", "capture = true");
    let hooks = ["a", "b", "c"].map(|name| {
        stage.hook(
            name,
            "true",
            "on = \"event\"\nprefix = \"A \"\nper-minute = 600",
        )
    });
    stage.start_without_runner(&settings, &hooks.concat());
    stage.wait_for_source("nflog", "working");
    stage.wait_for_source("file", "working");
    stage.log_lines("A ", 0..1000);
    let (silent, _) = listener.accept().expect("the helper calls");
    let pid = stage.helper.as_ref().expect("it runs").pid();
    let before = figures(pid);
    for round in 1..=60 {
        stage.log_lines("A ", round * 1000..(round + 1) * 1000);
    }
    let began = now();
    let scan = stage.net.nmap(attacker_v4(1).into());
    scan.args(["-sS", "-p", "100-120"]).succeed();
    wait_until("the scan is told", LIMIT, || {
        let source = attacker_v4(1).to_string();
        stage
            .bus
            .alerts()
            .iter()
            .any(|alert| alert.sources.contains(&source))
    });
    assert!(began.elapsed() < LIMIT / 2, "{:?}", began.elapsed());
    wait_until("it is said", LIMIT, || {
        stage.health("a").words.contains("does not answer")
    });
    let after = figures(pid);
    assert!(
        after.rss_kib <= before.rss_kib + 512,
        "from {} to {} KiB",
        before.rss_kib,
        after.rss_kib
    );
    let log = stage.helper_log();
    assert_eq!(log.matches("does not answer").count(), 1, "{log}");
    // It answers after all: what waited is told, and all of it is accounted for.
    let lines = BufReader::new(silent.try_clone().expect("a descriptor is free")).lines();
    let mut told = 0;
    for line in lines.map_while(Result::ok) {
        told += answer(&silent, &line);
        if told == 3 * 61_000 {
            break;
        }
    }
    wait_until("all is well", LIMIT, || stage.health("a").words.is_empty());
}

/// Answers a line as the runner does, and says for how many events of one hook it stands.
fn answer(mut stream: &UnixStream, line: &str) -> u64 {
    let line: Value = serde_json::from_str(line).expect("a line is JSON");
    let name = line["hook"].as_str().expect("it names a hook");
    let mut say = |state: &str| {
        writeln!(
            stream,
            "{{\"hook\":\"{name}\",\"run\":1,\"state\":\"{state}\",\"code\":0,\"words\":\"\"}}"
        )
        .expect("the helper reads");
    };
    say("started");
    say("ended");
    line["folded"].as_u64().expect("it counts") + 1
}
