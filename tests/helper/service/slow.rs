//! Subscribers that do not read: nobody else is held up by them, and nothing grows without bound.

use std::{thread, time::Duration};

use wallwatch_dbus::names::HELPER_BUS_NAME;
use wallwatch_test_support::{
    Caller, Firewall, Helper, Process, Scene, SystemBus, TestNet,
    netns::attacker_v4,
    process::{figures, now, wait_until},
    require_root,
    system_bus::ALICE,
};

use crate::LIMIT;

/// Scans by fifteen attackers at once, about sixty changes a second for ten seconds.
fn scans(net: &TestNet) -> Vec<Process> {
    let scan = |n| {
        let nmap = net.nmap(attacker_v4(n).into());
        nmap.args(["-sS", "-p", "1-3000", "--max-rate", "300"])
            .start()
    };
    (1..=15).map(scan).collect()
}

#[test]
fn a_subscriber_that_is_stopped_holds_nobody_up_and_has_it_all_when_it_goes_on() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let mut alice = Caller::start(&scene.bus, ALICE);
    let mut root = Caller::start(&scene.bus, 0);
    assert_eq!(alice.call("Subscribe"), "");
    assert_eq!(root.call("Subscribe"), "");
    alice.process().signal("STOP");
    let before = figures(scene.helper.pid()).rss_kib;
    let scans = scans(&scene.net);
    let mut slowest = Duration::ZERO;
    for _ in 0..40 {
        thread::sleep(Duration::from_millis(200));
        let asked = now();
        assert_eq!(root.call("GetStatus"), "");
        slowest = slowest.max(asked.elapsed());
    }
    drop(scans);
    let (heard, _) = root.heard();
    let after = figures(scene.helper.pid()).rss_kib;
    println!("{heard} signals, slowest answer {slowest:?}, RSS {before} -> {after} KiB");
    assert!(heard > 100, "{heard} signals");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!(after < before + 4 * 1024, "{before} -> {after} KiB");
    alice.process().signal("CONT");
    wait_until("she has it all", LIMIT, || alice.heard().0 >= heard);
}

#[test]
fn where_the_bus_takes_nothing_more_the_helper_begins_anew_without_the_one_that_is_stopped() {
    require_root!();
    // In place of 127 MiB, which take half an hour.
    let (bus, net) = (
        SystemBus::narrow(64 * 1024),
        TestNet::new(Firewall::DropInput),
    );
    let mut helper = Helper::start(&bus, &net.victim);
    let mut alice = Caller::start(&bus, ALICE);
    assert_eq!(alice.call("Subscribe"), "");
    alice.process().signal("STOP");
    let scans = scans(&net);
    let ended = helper.process().wait(Duration::from_secs(40));
    drop(scans);
    assert_eq!(
        ended.and_then(|status| status.code()),
        Some(1),
        "{}",
        helper.process().log()
    );
    assert!(helper.process().log().contains("does not read"));
    // As systemd starts it again, a second later.
    wait_until("the bus notices", Duration::from_secs(1), || {
        !bus.has_name(HELPER_BUS_NAME)
    });
    let _next = Helper::start(&bus, &net.victim);
    let mut root = Caller::start(&bus, 0);
    assert_eq!(root.call("Subscribe"), "");
    assert_eq!(root.call("SendTestAlert"), "");
    wait_until("it tells of alerts", LIMIT, || root.heard().0 > 0);
}
