//! Subscriptions: how many there may be, how long they last, and what one is worth that is not read.

use std::time::Duration;

use tokio::time::timeout;
use wallwatch_test_support::{Firewall, Scene, require_root};

use crate::{LIMIT, error_name, helper};

#[tokio::test]
async fn subscriptions_are_bounded_and_end_with_their_connection() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let mut connections = Vec::new();
    for _ in 0..8 {
        let connection = scene.bus.connect().await;
        helper(&connection).await.subscribe().await.unwrap();
        connections.push(connection);
    }
    let ninth = scene.bus.connect().await;
    let proxy = helper(&ninth).await;
    let refused = error_name(proxy.subscribe().await.unwrap_err());
    assert_eq!(refused, "org.freedesktop.DBus.Error.LimitsExceeded");

    // One that unsubscribes makes room, and so does one that leaves the bus.
    helper(&connections[0]).await.unsubscribe().await.unwrap();
    proxy.subscribe().await.unwrap();
    let tenth = scene.bus.connect().await;
    let proxy = helper(&tenth).await;
    assert!(proxy.subscribe().await.is_err());
    drop(connections.pop().unwrap().close().await);
    timeout(LIMIT, async {
        while proxy.subscribe().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the place of the one that left is free");
}
