//! A quiet machine stays quiet: what helper and tray cost while nobody attacks.

use std::{thread, time::Duration};

use wallwatch_test_support::{
    Firewall, Scene, Xfce, figures, process::children, require_root, system_bus::ALICE,
};

/// How long nothing happens.
const QUIET: Duration = Duration::from_secs(60);
/// How long the programs may be busy with having started.
const SETTLE: Duration = Duration::from_secs(8);

/// What helper and tray may cost at most.
mod limit {
    /// The helper alone, in KiB.
    pub(crate) const HELPER_RSS: u64 = 5 * 1024;
    /// The helper with its nft child, in KiB.
    pub(crate) const HELPER_WITH_CHILD_RSS: u64 = 10 * 1024;
    /// The tray's proportional share, in KiB.
    pub(crate) const TRAY_PSS: u64 = 16 * 1024;
    /// The helper's wake-ups in a quiet minute.
    pub(crate) const HELPER_WAKEUPS: u64 = 2;
    /// The tray's wake-ups in a second.
    pub(crate) const TRAY_WAKEUPS_A_SECOND: u64 = 3;
}

#[test]
fn a_quiet_minute_costs_next_to_nothing() {
    require_root!();
    let mut scene = Scene::new(Firewall::DropInput);
    let desktop = Xfce::start(&scene.bus);
    let tray = desktop
        .session
        .program(&scene.bus, scene.bus.program("wallwatch").arg("--hidden"))
        .start();
    desktop
        .session
        .wait_for_name(&scene.bus, "org.wallwatch.Wallwatch.Control");
    let status = scene
        .bus
        .program("wallwatchctl")
        .arg("status")
        .as_user(ALICE, &[])
        .succeed();
    println!("{status}");
    thread::sleep(SETTLE);

    let helper = scene.helper.process().pid();
    let before = (figures(helper), tray.figures());
    thread::sleep(QUIET);
    let after = (figures(helper), tray.figures());

    let helper_wakeups = after.0.switches - before.0.switches;
    let tray_wakeups = after.1.switches - before.1.switches;
    let with_children = after.0.rss_kib
        + children(helper)
            .into_iter()
            .map(|child| figures(child).rss_kib)
            .sum::<u64>();
    println!(
        "helper: {helper_wakeups} wake-ups in {QUIET:?}, RSS {} KiB, with its child {with_children} KiB",
        after.0.rss_kib
    );
    println!(
        "tray: {tray_wakeups} wake-ups in {QUIET:?}, PSS {} KiB, RSS {} KiB",
        after.1.pss_kib, after.1.rss_kib
    );
    assert!(
        helper_wakeups <= limit::HELPER_WAKEUPS,
        "the helper woke up {helper_wakeups} times"
    );
    assert!(
        tray_wakeups <= limit::TRAY_WAKEUPS_A_SECOND * QUIET.as_secs(),
        "the tray woke up {tray_wakeups} times"
    );
    assert!(
        after.0.rss_kib <= limit::HELPER_RSS,
        "the helper has {} KiB",
        after.0.rss_kib
    );
    assert!(
        with_children <= limit::HELPER_WITH_CHILD_RSS,
        "the helper and its child have {with_children} KiB"
    );
    assert!(
        after.1.pss_kib <= limit::TRAY_PSS,
        "the tray has {} KiB",
        after.1.pss_kib
    );
}
