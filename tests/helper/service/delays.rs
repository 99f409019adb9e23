//! How soon an alert is on the bus, and how often it is told anew.

use std::time::Duration;

use futures_lite::StreamExt as _;
use tokio::time::timeout;
use wallwatch_dbus::Alert;
use wallwatch_test_support::{Firewall, Scene, require_root};

use crate::{LIMIT, helper};

#[tokio::test]
async fn alerts_come_to_the_bus_within_tens_of_milliseconds() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let connection = scene.bus.connect().await;
    let proxy = helper(&connection).await;
    let mut raised = proxy.receive_alert_raised().await.unwrap();
    proxy.subscribe().await.unwrap();
    let mut delays = Vec::new();
    for n in 1..=15 {
        let source = wallwatch_test_support::netns::attacker_v4(n);
        let scan = scene
            .net
            .nmap(source.into())
            .args(["-sS", "-p", "100-120"])
            .start();
        let signal = timeout(LIMIT, raised.next())
            .await
            .expect("an alert comes")
            .unwrap();
        delays.push(delay_of(&signal.args().unwrap().alert));
        drop(scan);
    }
    delays.sort_unstable();
    println!(
        "packet to AlertRaised: median {:?}, largest {:?}",
        delays[7], delays[14]
    );
    assert!(delays[7] < Duration::from_millis(60), "{delays:?}");
}

/// From the packet that decided to now.
fn delay_of(alert: &Alert) -> Duration {
    let now = wallwatch_test_support::process::wall_clock();
    let since_epoch = now
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is set");
    let decided = Duration::from_micros(u64::try_from(alert.last_seen).expect("after 1970"));
    since_epoch.saturating_sub(decided)
}
