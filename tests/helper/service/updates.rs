//! What a subscriber is told of an incident that grows: the whole of it, and not more often than twice a second.

use futures_lite::StreamExt as _;
use tokio::time::{Instant, timeout};
use wallwatch_test_support::{Firewall, Scene, netns::attacker_v4, require_root};

use crate::{LIMIT, helper};

/// So many ports are scanned, so many a second: five seconds.
const PORTS: u64 = 1500;
const RATE: &str = "300";
/// Updates of one incident are so far apart.
const APART: f64 = 0.5;

#[tokio::test]
async fn an_incident_that_grows_is_told_twice_a_second_and_in_the_end_as_a_whole() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let connection = scene.bus.connect().await;
    let proxy = helper(&connection).await;
    let mut changes = proxy.receive_alert_updated().await.unwrap();
    proxy.subscribe().await.unwrap();

    let ports = format!("1-{PORTS}");
    let scan = scene.net.nmap(attacker_v4(1).into());
    let _scan = scan.args(["-sS", "--max-rate", RATE, "-p", &ports]).start();
    let mut updates = 0;
    let began = Instant::now();
    let last = loop {
        let signal = timeout(LIMIT, changes.next())
            .await
            .expect("the scan goes on")
            .unwrap();
        let told = signal.args().unwrap();
        updates += 1;
        if told.alert.port_count >= PORTS {
            break told.alert.port_count;
        }
    };
    let took = began.elapsed().as_secs_f64();
    assert_eq!(last, PORTS);
    assert!(updates >= 4, "{updates} updates in {took} s");
    assert!(
        f64::from(updates) <= took / APART + 2.0,
        "{updates} updates in {took} s"
    );
}
