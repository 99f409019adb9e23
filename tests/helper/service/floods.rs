//! Floods of calls, by one connection and by many: the helper does not swell, and others are answered.

use std::{thread, time::Duration};

use wallwatch_test_support::{
    Caller, Firewall, Login, Scene,
    memory::{peak_kib, restart_peak},
    process::{figures, now, wait_until},
    require_root,
    system_bus::{BOB, MALLORY},
};

use crate::LIMIT;

/// What a flood of calls that nobody is asked about may cost, in KiB.
const GROWTH: u64 = 2 * 1024;
/// What calls may cost that wait for their answers, in KiB.
const WAITING: u64 = 8 * 1024;
/// So soon somebody is answered who does nothing wrong.
const SOON: Duration = Duration::from_millis(100);
/// Between two calls of his.
const PAUSE: Duration = Duration::from_millis(20);

/// How the honest user and the helper fared during an attack.
#[derive(Debug)]
struct Fared {
    /// The attacker's answer.
    attack: String,
    calls: usize,
    median: Duration,
    slowest: Duration,
    /// How much memory the helper took more than before: at most, and in the end, in KiB.
    peak: u64,
    kept: u64,
}

/// Has a stranger do something, while somebody at the screen subscribes again and again.
#[expect(clippy::print_stdout, reason = "it speaks to whoever runs the test")]
fn attacked(scene: &Scene, mallory: &mut Caller, command: &str) -> Fared {
    let login = Login::start(&scene.bus, BOB);
    let mut bob = Caller::in_session(&scene.bus, &login);
    assert_eq!(bob.call("Subscribe"), "");
    let pid = scene.helper.pid();
    let before = figures(pid).rss_kib;
    restart_peak(pid);
    let mut times = Vec::new();
    let attack = thread::scope(|scope| {
        let attack = scope.spawn(|| mallory.tell(command));
        while !attack.is_finished() {
            let asked = now();
            assert_eq!(bob.call("Subscribe"), "", "during {command}");
            times.push(asked.elapsed());
            thread::sleep(PAUSE);
        }
        attack.join().expect("the attack ends")
    });
    times.sort_unstable();
    let fared = Fared {
        attack,
        calls: times.len(),
        median: times[times.len() / 2],
        slowest: times[times.len() - 1],
        peak: peak_kib(pid).saturating_sub(before),
        kept: figures(pid).rss_kib.saturating_sub(before),
    };
    let Fared { calls, median, .. } = fared;
    println!("{command}: {calls} honest calls, median {median:?}: {fared:?}");
    fared
}

#[test]
fn a_hundred_thousand_calls_without_reply_neither_swell_the_helper_nor_hold_others_up() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let mut mallory = Caller::start(&scene.bus, MALLORY);
    for method in ["Subscribe", "GetStatus", "SetCapture"] {
        let fared = attacked(&scene, &mut mallory, &format!("flood 100000 {method}"));
        assert!(fared.peak <= GROWTH, "{fared:?}");
        assert!(fared.slowest <= SOON, "{fared:?}");
    }
    assert!(!scene.bus.log().contains("Rejected"), "no answer was sent");
}

#[test]
fn the_same_from_all_the_connections_of_a_user_is_no_worse() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let mut mallory = Caller::start(&scene.bus, MALLORY);
    let taken = mallory.tell("connect 300");
    println!("300 connections more: {taken}");
    let count: usize = taken
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap();
    assert!((200..=255).contains(&count), "a user has 256: {taken}");
    // Others are answered meanwhile, but not soon: what comes from 255 sockets stands before them.
    let fared = attacked(&scene, &mut mallory, "flood 100000 Subscribe");
    assert!(fared.peak <= GROWTH, "{fared:?}");
}

#[test]
fn a_user_who_asks_polkit_by_all_connections_at_once_gets_his_share_and_no_more() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let mut mallory = Caller::start(&scene.bus, MALLORY);
    mallory.tell("connect 300");
    let fared = attacked(&scene, &mut mallory, "storm 3000 GetStatus");
    // Four calls of each of 255 connections wait for the bus to say whose they are, at five KiB each.
    assert!(fared.peak <= WAITING, "{fared:?}");
    // Then it is as if nothing had been.
    drop(mallory);
    let mut mallory = Caller::start(&scene.bus, MALLORY);
    assert_eq!(
        mallory.call("GetStatus"),
        "InteractiveAuthorizationRequired"
    );
}

#[test]
fn a_string_of_thirty_mebibytes_is_refused_and_given_back() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let mut mallory = Caller::start(&scene.bus, MALLORY);
    mallory.tell("connect 7");
    let fared = attacked(&scene, &mut mallory, "long 30");
    assert!(fared.attack.contains("InvalidArgs"), "{fared:?}");
    let pid = scene.helper.pid();
    let before = figures(pid).rss_kib - fared.kept;
    wait_until("the memory is given back", LIMIT, || {
        figures(pid).rss_kib <= before + GROWTH
    });
}
