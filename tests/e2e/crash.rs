//! The helper dies outright in the middle of an attack and comes back: the tray shows each attack that the history has.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use wallwatch_dbus::{
    Alert,
    names::{HELPER_BUS_NAME, HELPER_INTERFACE, HELPER_PATH},
};
use wallwatch_test_support::{
    Firewall, Mallory, Popup, Process, World,
    netns::attacker_v4,
    process::{holds_within, now, wait_until},
    require_root,
    stage::scan,
};

/// How long what happens at once may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);
/// So soon after the helper is back the tray is whole again.
const WHOLE: Duration = Duration::from_secs(2);
/// What is so old survives every end of the helper.
const STORED: Duration = Duration::from_millis(1500);
/// What shall not pop up is waited for so long.
const SETTLED: Duration = Duration::from_secs(3);

/// A scan from this address that goes on for ten seconds.
fn slow_scan(world: &World, source: IpAddr) -> Process {
    // At nmap's 300 packets a second.
    let options = ["-sS", "-p", "100-3099"];
    world.scene.net.nmap(source).args(options).start()
}

/// A scan from this address that is over soon, and then stored.
fn quick_scan(world: &World, source: IpAddr) {
    let options = ["-sS", "-p", "100-199"];
    world.scene.net.nmap(source).args(options).succeed();
    wait_until(&format!("an incident of {source}"), LIMIT, || {
        incidents(world).contains(&source.to_string())
    });
    std::thread::sleep(STORED);
}

/// The sources of every incident that the helper knows.
fn incidents(world: &World) -> BTreeSet<String> {
    let alerts = world.scene.bus.alerts().into_iter();
    alerts.flat_map(|alert: Alert| alert.sources).collect()
}

/// The popups about this source, in the order in which they came.
fn popups(world: &World, source: &str) -> Vec<Popup> {
    let about = format!("{source} ");
    let all = world.popups().into_iter();
    all.filter(|popup| popup.body.contains(&about)).collect()
}

/// How many popups of its own a source got: those that took no other's place.
fn own_popups(world: &World, source: &str) -> usize {
    let popups = popups(world, source);
    popups.iter().filter(|popup| popup.replaces == 0).count()
}

/// Is there an entry of the menu about this source?
fn in_menu(world: &World, source: &str) -> bool {
    let about = format!("{source} ");
    world.menu().iter().any(|entry| entry.starts_with(&about))
}

/// The helper is killed, and started again after a pause; returns when it has its name.
fn kill_and_restart(world: &mut World, pause: Duration) {
    world.scene.helper.crash();
    std::thread::sleep(pause);
    world.scene.helper.restart();
    world.scene.helper.wait_for_name(&world.scene.bus);
}

#[test]
fn a_helper_that_is_killed_in_the_middle_of_a_scan_costs_no_alert() {
    require_root!();
    let mut world = World::new(Firewall::DropInput);
    let sources = [3, 4, 5].map(|host| IpAddr::from(attacker_v4(host)));
    let [before, during, after] = sources.map(|source| source.to_string());
    quick_scan(&world, sources[0]);
    let mut scan = slow_scan(&world, sources[1]);
    wait_until("the scan is told", LIMIT, || {
        !popups(&world, &during).is_empty()
    });
    std::thread::sleep(STORED);
    let known = incidents(&world);
    assert!(
        known.contains(&before) && known.contains(&during),
        "{known:?}"
    );

    kill_and_restart(&mut world, Duration::from_millis(200));
    let back = now();
    let whole = || in_menu(&world, &before) && world.is_watching();
    assert!(holds_within(WHOLE, whole), "{:?}", world.menu());
    let took = back.elapsed();
    assert!(scan.is_running(), "the scan goes on");
    // The helper knows again what it knew, and the scan that goes on is told on.
    let lost: Vec<_> = known.difference(&incidents(&world)).cloned().collect();
    assert!(lost.is_empty(), "{lost:?} are lost; whole after {took:?}");
    scan.wait(LIMIT * 2);
    quick_scan(&world, sources[2]);
    wait_until("the later attack pops up", LIMIT, || {
        !popups(&world, &after).is_empty()
    });
    std::thread::sleep(SETTLED);
    for source in incidents(&world) {
        assert!(in_menu(&world, &source), "{source}: {:?}", world.menu());
    }
    assert_eq!(own_popups(&world, &before), 1, "{:?}", world.popups());
    assert_eq!(own_popups(&world, &after), 1, "{:?}", world.popups());
}

#[test]
fn what_only_the_history_knows_is_told_once_when_the_tray_is_back() {
    require_root!();
    let mut world = World::new(Firewall::DropInput);
    let sources = [6, 7, 8].map(|host| IpAddr::from(attacker_v4(host)));
    let [seen, missed, later] = sources.map(|source| source.to_string());
    quick_scan(&world, sources[0]);
    wait_until("the attack pops up", LIMIT, || {
        !popups(&world, &seen).is_empty()
    });
    // The desktop hangs, and the helper that it listened to dies. The next one tells nobody of what it finds, and dies too.
    world.tray().signal("STOP");
    kill_and_restart(&mut world, Duration::ZERO);
    wait_until_captured(&world);
    quick_scan(&world, sources[1]);
    kill_and_restart(&mut world, Duration::ZERO);
    world.tray().signal("CONT");
    let told = || own_popups(&world, &missed) == 1 && in_menu(&world, &missed);
    assert!(holds_within(WHOLE, told), "{:?}", world.popups());
    wait_until_captured(&world);
    quick_scan(&world, sources[2]);
    wait_until("the later attack pops up", LIMIT, || {
        !popups(&world, &later).is_empty()
    });
    std::thread::sleep(SETTLED);
    for source in [&seen, &missed, &later] {
        assert_eq!(own_popups(&world, source), 1, "{:?}", world.popups());
        assert!(in_menu(&world, source), "{source}: {:?}", world.menu());
    }
}

/// Waits until the helper sees packets.
fn wait_until_captured(world: &World) {
    wait_until("packets are captured", LIMIT, || {
        let mut sources = world.scene.bus.status().sources.into_iter();
        sources.any(|source| source.name == "nflog" && source.state == "working")
    });
}

#[test]
fn on_the_real_bus_nobody_but_the_helper_is_believed() {
    require_root!();
    let mut world = World::new(Firewall::DropInput);
    // As root, who may do more than any other stranger.
    let mallory = Mallory::join(&world.scene.bus.address());
    let forge = || {
        let owner = (HELPER_BUS_NAME, "", mallory.name());
        let bus = "org.freedesktop.DBus";
        mallory.signal("/org/freedesktop/DBus", bus, "NameOwnerChanged", &owner);
        let body = (u64::MAX / 2, scan(66, "192.0.2.66", 3));
        mallory.signal(HELPER_PATH, HELPER_INTERFACE, "AlertRaised", &body);
    };
    forge();
    let source = attacker_v4(9);
    quick_scan(&world, source.into());
    wait_until("the real attack pops up", LIMIT, || {
        !popups(&world, &source.to_string()).is_empty()
    });
    world.scene.helper.crash();
    forge();
    world.scene.helper.restart();
    world.scene.helper.wait_for_name(&world.scene.bus);
    forge();
    std::thread::sleep(SETTLED);
    assert!(
        popups(&world, "192.0.2.66").is_empty(),
        "{:?}",
        world.popups()
    );
    assert!(!in_menu(&world, "192.0.2.66"), "{:?}", world.menu());
}
