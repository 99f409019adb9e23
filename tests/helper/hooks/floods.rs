//! What comes over the limit of a hook is folded: few scripts run, and they are told how many they stand for.

use std::thread;

use wallwatch_test_support::{Firewall, netns::attacker_v4, process::wait_until, require_root};

use crate::stage::{LIMIT, SILENCE, Stage};

/// Writes for how many events each run stands.
const COUNT: &str = "echo $((WALLWATCH_FOLDED + 1)) >> $OUT/count";

#[test]
fn ten_thousand_events_start_few_scripts_which_are_told_of_all() {
    require_root!();
    let mut stage = Stage::new(Firewall::None);
    let settings = stage.reads_file();
    let lines = "on = \"event\"\nprefix = \"FLOOD\"\nper-minute = 30\nat-once = 4";
    let hook = stage.hook("count", COUNT, lines);
    stage.start(&settings, &hook);
    stage.wait_for_source("file", "working");
    stage.log_lines("FLOOD ", 0..10_000);
    wait_until("all are told", LIMIT, || {
        stage.numbers("count").iter().sum::<u64>() == 10_000
    });
    thread::sleep(SILENCE);
    let runs = stage.numbers("count");
    // As many as the limit lets through at once; one more each two seconds while it took.
    assert!(runs.len() <= 30 + 5, "{runs:?}");
    assert_eq!(runs.iter().sum::<u64>(), 10_000);
    let health = stage.health("count");
    assert!(health.runs <= 35 && health.failed == 0, "{health:?}");
    // The runner folds some more itself, while as many run as may: those are runs that were not begun.
    assert_eq!(health.runs + health.folded, 10_000, "{health:?}");
}

#[test]
fn a_hook_on_alerts_runs_once_for_each_incident_or_at_each_change() {
    require_root!();
    let mut stage = Stage::new(Firewall::DropInput);
    let write = |name: &str| format!("echo $WALLWATCH_ID >> $OUT/{name}");
    let hooks = [
        ("once", "each = \"incident\""),
        ("always", "each = \"change\""),
        ("severe", "min-severity = 5"),
        // It begins as less than that.
        ("grown", "min-severity = 3\nkind = \"tcp-syn-scan\""),
        ("others", "source = \"192.0.2.0/24\""),
    ]
    .map(|(name, lines)| {
        let lines = format!("on = \"alert\"\nper-minute = 600\n{lines}");
        stage.hook(name, &write(name), &lines)
    });
    stage.start("capture = true\nkmsg.read = \"off\"", &hooks.concat());
    stage.wait_for_source("nflog", "working");
    for n in [1, 2] {
        let scan = stage.net.nmap(attacker_v4(n).into());
        scan.args(["-sS", "-p", "100-300"]).succeed();
    }
    wait_until("each scan is told once it is grown", LIMIT, || {
        stage.numbers("grown").len() == 2 && stage.numbers("once").len() == 2
    });
    thread::sleep(SILENCE);
    let alerts = stage.bus.alerts();
    let mut ids: Vec<u64> = alerts.iter().map(|alert| alert.id).collect();
    ids.sort_unstable();
    for name in ["once", "grown"] {
        let mut told = stage.numbers(name);
        told.sort_unstable();
        assert_eq!(told, ids, "{name}");
    }
    assert!(stage.numbers("always").len() > 2);
    assert!(stage.numbers("severe").is_empty() && stage.numbers("others").is_empty());
}

#[test]
fn a_packet_that_several_sources_tell_of_is_one_to_a_hook_that_names_none() {
    require_root!();
    let mut stage = Stage::new(Firewall::None);
    stage.net.victim.shell(
        "iptables -A INPUT -p tcp --dport 21 -j NFLOG --nflog-group 7 --nflog-prefix 'A-DROP '
        iptables -A INPUT -p tcp --dport 21 -j NFLOG --nflog-group 8 --nflog-prefix 'B-DROP '
        iptables -A INPUT -p tcp --dport 21 -j DROP",
    );
    let hooks = [
        ("any", ""),
        ("a", "prefix = \"A\""),
        ("b", "prefix = \"B\""),
    ]
    .map(|(name, lines)| {
        let lines = format!("on = \"event\"\nport = 21\n{lines}");
        stage.hook(name, &format!("echo 1 >> $OUT/{name}"), &lines)
    });
    stage.start(
        "capture = false\nkmsg.read = \"off\"\nfile.read = \"off\"\nnflog.groups = [7, 8]",
        &hooks.concat(),
    );
    for name in ["nflog:7", "nflog:8"] {
        stage.wait_for_source(name, "working");
    }
    let scan = stage.net.nmap(attacker_v4(1).into());
    scan.args(["-sS", "--max-retries", "0", "-p", "21"])
        .succeed();
    wait_until("both prefixes are told", LIMIT, || {
        stage.numbers("a").len() + stage.numbers("b").len() == 2
    });
    thread::sleep(SILENCE);
    assert_eq!(
        ["any", "a", "b"].map(|name| stage.numbers(name).len()),
        [1, 1, 1]
    );
}
