//! The queue with a real kernel: what goes through it is told, and nothing that happens to its holders costs a packet.

mod stage;

use std::{rc::Rc, thread, time::Duration};

use stage::{LIMIT, Stage, example, lives, stop, transfer};
use wallwatch_test_support::{
    Firewall, Program, Scene, TestNet, figures,
    helper::RIGHTS,
    netns::{VICTIM_V4, attacker_v4, attacker_v6},
    process::{children, kill, now, wait_until},
    require_root,
};

/// What a transfer carries.
const BYTES: u64 = 50 * 1024 * 1024;

#[test]
fn a_scan_that_goes_through_the_shipped_rules_is_told() {
    require_root!();
    for flavour in ["nft", "legacy"] {
        let load = ["iptables", "ip6tables"].map(|program| {
            let file = example("nfqueue.iptables");
            format!("{program}-{flavour}-restore --noflush < {}", file.display())
        });
        let stage = Stage::with(&load.join("\n"));
        let scan = ["-sS", "-p", "1-60"];
        stage.net.nmap(attacker_v4(1).into()).args(scan).succeed();
        stage.net.nmap(attacker_v6(2).into()).args(scan).succeed();
        wait_until("both scans are told", LIMIT, || {
            stage.bus.alerts().len() >= 2
        });
        wait_until("every probe is an event", LIMIT, || {
            stage.health().events >= 120
        });
        assert_eq!(stage.health().lost, 0, "{flavour}");
        for alert in stage.bus.alerts() {
            assert_eq!(
                (alert.feed.as_str(), alert.verdict.as_str(), alert.trusted),
                ("nfqueue", "unknown", true),
                "{flavour}"
            );
            assert_eq!(alert.interface, "victim0", "{flavour}");
        }
    }
}

#[test]
fn the_shipped_rules_for_nft_are_sound_even_where_the_kernel_has_no_queue() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let file = example("nfqueue.nft");
    let output = scene
        .net
        .victim
        .inside(Program::new("nft").arg("--check").arg("--file").arg(file))
        .output();
    assert!(
        output.ok() || output.stderr.contains("No such file or directory"),
        "{}",
        output.text()
    );
}

#[test]
fn without_a_queue_nothing_of_it_runs() {
    require_root!();
    let mut scene = Scene::new(Firewall::None);
    let sources = scene.bus.status().sources;
    assert!(
        sources
            .iter()
            .all(|source| !source.name.starts_with("nfqueue"))
    );
    let pids = children(scene.helper.process().pid());
    assert_eq!(pids.len(), 1, "the holder of the own table alone");
}

#[test]
fn readers_that_are_killed_in_a_flood_cost_no_packet() {
    require_root!();
    let mut stage = Stage::new();
    let mut flood = stage
        .net
        .flood(&["--rate", "20000", "--count", "60000", "--seconds", "15"])
        .start();
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(600));
        let reader = stage.reader();
        kill(reader, "KILL");
        wait_until("it is replaced", LIMIT, || stage.reader() != reader);
    }
    flood.wait(LIMIT);
    let (events, lost) = stage.wait_for_all();
    let (before, behind) = stage.counted();
    println!("{before} packets = {events} events + {lost} unseen");
    assert_eq!(before, behind, "a packet was dropped");
    assert!(before >= 60_000);
    assert_eq!(events + lost, before, "each is told or known to be lost");
    let health = stage.health();
    assert_eq!(health.state, "working");
    assert!(
        health.reason.contains("was ended from outside"),
        "{}",
        health.reason
    );
}

#[test]
fn a_watchdog_that_is_killed_in_a_flood_costs_no_packet_and_is_reported() {
    require_root!();
    let mut stage = Stage::new();
    let mut flood = stage
        .net
        .flood(&["--rate", "20000", "--count", "30000", "--seconds", "15"])
        .start();
    thread::sleep(Duration::from_millis(600));
    let (watchdog, reader) = (stage.watchdog(), stage.reader());
    kill(watchdog, "KILL");
    wait_until("its reader ends too", LIMIT, || !lives(reader));
    stage.wait_for("failed");
    let reason = stage.health().reason;
    assert!(
        reason.contains("watchdog of NFQUEUE 5370 was ended") && reason.contains("let pass"),
        "{reason}"
    );
    flood.wait(LIMIT);
    let (before, behind) = stage.counted();
    assert_eq!(before, behind, "a packet was dropped");
    stage.wait_for("working"); // it is tried again
    assert_ne!(stage.watchdog(), watchdog);
}

#[test]
fn where_both_are_killed_at_once_what_waited_is_lost_and_no_more_and_it_is_reported() {
    require_root!();
    let mut stage = Stage::new();
    let both = [stage.watchdog(), stage.reader()];
    stop(&both);
    stage
        .net
        .flood(&["--rate", "20000", "--count", "3000"])
        .succeed();
    let waiting = stage.waiting();
    assert!(waiting >= 3000, "{waiting} wait");
    // The two are a group of processes, and one signal to it kills both.
    let group = format!("-{}", both[0]);
    Program::new("kill").args(["-KILL", "--", &group]).succeed();
    wait_until("the queue is gone", LIMIT, || !stage.is_held());
    stage
        .net
        .flood(&["--rate", "20000", "--count", "3000"])
        .succeed();
    let (before, behind) = stage.counted();
    assert_eq!(before - behind, waiting, "what waited was lost and no more");
    let told = || {
        let health = stage.health();
        health
            .reason
            .contains("The kernel dropped the packets that waited")
    };
    wait_until("it is reported", LIMIT, told);
}

#[test]
fn a_reader_that_stands_still_is_ended_and_a_transfer_under_way_completes() {
    require_root!();
    let mut stage = Stage::new();
    let address = format!("{VICTIM_V4}:5000");
    let receive = transfer(&["receive", &address]);
    let mut receiver = stage.net.victim.inside(receive).start();
    receiver.wait_for("ready", LIMIT);
    let reader = stage.reader();
    let send = transfer(&["send", &address, &BYTES.to_string()]);
    let mut sender = stage.net.attacker.inside(send).start();
    wait_until("the transfer is under way", LIMIT, || {
        stage.counted().0 > 50
    });
    stop(&[reader]);
    let stopped = now();
    assert!(
        sender.is_running() && receiver.is_running(),
        "it was too quick"
    );
    wait_until("the reader is ended", LIMIT, || !lives(reader));
    let stood = stopped.elapsed();
    receiver.wait_for(&format!("{BYTES} bytes, all right"), LIMIT);
    let (before, behind) = stage.counted();
    println!(
        "the reader stood for {stood:?}; {before} packets of {} bytes",
        BYTES / before
    );
    assert_eq!(before, behind, "a packet was dropped");
    assert!(
        (Duration::from_millis(250)..Duration::from_millis(1500)).contains(&stood),
        "{stood:?}"
    );
    assert!(
        BYTES / before > 3000,
        "segments that travel as one were cut apart: {before} packets"
    );
    let health = stage.health();
    assert!(
        health.reason.contains("stood still for half a second"),
        "{}",
        health.reason
    );
    assert_ne!(stage.reader(), reader);
}

#[test]
fn a_full_queue_drops_nothing_and_what_passes_unseen_is_counted() {
    require_root!();
    let mut stage = Stage::new();
    let both = [stage.watchdog(), stage.reader()];
    stop(&both);
    stage
        .net
        .flood(&["--rate", "100000", "--count", "40000", "--seconds", "15"])
        .succeed();
    let (waiting, (before, behind)) = (stage.waiting(), stage.counted());
    println!("{before} came, {waiting} wait, {behind} passed");
    assert!((4_000..20_000).contains(&waiting), "{waiting} wait");
    assert_eq!(before, behind + waiting, "a packet was dropped");
    for pid in both {
        kill(pid, "CONT");
    }
    // What passes unseen is known by the number of a packet behind it, and those that come while the queue is still full pass
    // unseen too.
    wait_until("a packet came through the queue", LIMIT, || {
        stage
            .net
            .flood(&["--rate", "1000", "--count", "10"])
            .succeed();
        thread::sleep(Duration::from_millis(200));
        stage.is_told()
    });
    let (events, lost) = stage.wait_for_all();
    let (before, behind) = stage.counted();
    assert_eq!(before, behind, "all that waited went on");
    assert_eq!(events + lost, before, "each is told or known to be lost");
    assert!(lost > 10_000, "{lost} passed unseen");
}

#[test]
fn traffic_goes_on_when_the_helper_ends_however_it_ends() {
    require_root!();
    for signal in ["KILL", "TERM"] {
        let mut stage = Stage::new();
        let both = [stage.watchdog(), stage.reader()];
        let mut flood = stage
            .net
            .flood(&["--rate", "20000", "--count", "30000", "--seconds", "15"])
            .start();
        thread::sleep(Duration::from_millis(500));
        stage.helper.process().signal(signal);
        wait_until("the queue's holders end", LIMIT, || {
            !both.iter().any(|pid| lives(*pid))
        });
        assert!(!stage.is_held());
        assert!(flood.is_running(), "it was in the midst of the flood");
        flood.wait(LIMIT);
        let (before, behind) = stage.counted();
        assert!(before >= 30_000);
        assert_eq!(before, behind, "{signal}: a packet was dropped");
    }
}

#[test]
fn readers_that_end_again_and_again_are_given_up_without_a_lost_packet() {
    require_root!();
    let mut stage = Stage::new();
    let mut flood = stage
        .net
        .flood(&["--rate", "10000", "--count", "30000", "--seconds", "15"])
        .start();
    let watchdog = stage.watchdog();
    for _ in 0..4 {
        let reader = stage.reader();
        kill(reader, "KILL");
        wait_until("it is replaced", LIMIT, || stage.reader() != reader);
    }
    kill(stage.reader(), "KILL");
    wait_until("the watchdog gives up", LIMIT, || !lives(watchdog));
    stage.wait_for("failed");
    let reason = stage.health().reason;
    assert!(reason.contains("was given up"), "{reason}");
    flood.wait(LIMIT);
    let (before, behind) = stage.counted();
    assert!(before >= 30_000);
    assert_eq!(before, behind, "a packet was dropped");
}

#[test]
fn a_helper_that_stands_still_delays_no_packet() {
    require_root!();
    let mut stage = Stage::new();
    let helper = stage.helper.process().pid();
    stop(&[helper]);
    stage
        .net
        .flood(&["--rate", "30000", "--count", "60000", "--seconds", "15"])
        .succeed();
    wait_until("all have passed", LIMIT, || {
        let (before, behind) = stage.counted();
        before >= 60_000 && before == behind
    });
    kill(helper, "CONT");
    stage
        .net
        .flood(&["--rate", "1000", "--count", "10"])
        .succeed();
    let (events, lost) = stage.wait_for_all();
    println!("{events} events + {lost} unseen");
    assert_eq!(events + lost, stage.counted().0);
    assert!(lost > 0, "there was no room for all");
}

#[test]
fn with_a_stopped_watchdog_the_reader_gives_the_queue_back_when_the_helper_ends() {
    require_root!();
    let mut stage = Stage::new();
    let (watchdog, reader) = (stage.watchdog(), stage.reader());
    stop(&[watchdog]);
    stage.helper.process().signal("KILL");
    wait_until("the reader ends", LIMIT, || !lives(reader));
    wait_until("the queue is gone", LIMIT, || !stage.is_held());
    kill(watchdog, "CONT");
    wait_until("the watchdog ends", LIMIT, || !lives(watchdog));
}

#[test]
fn a_queue_that_another_program_holds_is_said_to_be_taken() {
    require_root!();
    let stage = Stage::new();
    let other = Stage::on(&stage.net, &RIGHTS);
    other.wait_for("failed");
    let health = other.health();
    assert!(
        health.reason.contains("NFQUEUE 5370 is taken by"),
        "{}",
        health.reason
    );
    assert_eq!(stage.health().state, "working");
}

#[test]
fn without_the_right_the_command_that_gives_it_is_said() {
    require_root!();
    let net = Rc::new(TestNet::new(Firewall::None));
    let stage = Stage::on(&net, &["syslog"]);
    stage.wait_for("failed");
    let health = stage.health();
    assert!(health.reason.contains("CAP_NET_ADMIN"), "{}", health.reason);
    assert!(health.mend.contains("+net_admin"), "{}", health.mend);
}

#[test]
fn an_idle_queue_wakes_its_watchdog_five_times_a_second_and_its_reader_never() {
    require_root!();
    let mut stage = Stage::new();
    let (watchdog, reader) = (stage.watchdog(), stage.reader());
    thread::sleep(Duration::from_secs(1));
    let switches = || [watchdog, reader].map(|pid| figures(pid).switches);
    let before = switches();
    thread::sleep(Duration::from_secs(4));
    let after = switches();
    assert!(after[0] - before[0] <= 22, "{before:?} {after:?}");
    assert_eq!(after[1], before[1], "the reader slept");
}
