//! Floods of calls, by one connection and by many: the helper does not swell, and others are answered.

use std::time::Duration;

use wallwatch_dbus::names;
use wallwatch_test_support::{
    Firewall, Scene,
    process::{figures, now},
    require_root,
};
use zbus::message::Message;

use crate::{LIMIT, helper};

#[tokio::test]
async fn a_flood_of_calls_without_reply_neither_swells_the_helper_nor_keeps_others_out() {
    require_root!();
    let mut scene = Scene::new(Firewall::None);
    let pid = scene.helper.process().pid();
    let before = figures(pid).rss_kib;
    let attacker = scene.bus.connect().await;
    let flood = async {
        for _ in 0..20_000 {
            let call = Message::method_call(names::HELPER_PATH, "Subscribe")
                .destination(names::HELPER_BUS_NAME)
                .interface(names::HELPER_INTERFACE)
                .with_flags(zbus::message::Flags::NO_REPLY_EXPECTED)
                .build(&())
                .unwrap();
            attacker.send(&call).await.unwrap();
        }
    };
    let start = now();
    let friend = async {
        let connection = scene.bus.connect().await;
        let proxy = helper(&connection).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let asked = now();
            proxy.get_status().await.unwrap();
            slowest = slowest.max(asked.elapsed());
        }
        slowest
    };
    let ((), slowest) = tokio::join!(flood, friend);
    let after = figures(pid).rss_kib;
    println!(
        "20,000 calls in {:?}; slowest honest answer {slowest:?}; RSS {before} -> {after} KiB",
        start.elapsed()
    );
    assert!(
        after < before + 3 * 1024,
        "the helper swelled from {before} to {after} KiB"
    );
    assert!(slowest < LIMIT, "an honest call took {slowest:?}");
}
