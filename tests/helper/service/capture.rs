//! The switch of the own table: who turns it, what is remembered, and what the configuration fixes.

use futures_lite::StreamExt as _;
use tokio::time::timeout;
use wallwatch_dbus::Error;
use wallwatch_test_support::{
    Firewall, Helper, SystemBus, TempDir, TestNet, process::wait_until, require_root,
};

use crate::{LIMIT, has_table, helper};

#[tokio::test]
async fn capture_is_switched_remembered_and_its_state_is_told() {
    require_root!();
    let (bus, net, state) = (
        SystemBus::start(),
        TestNet::new(Firewall::DropInput),
        TempDir::new(),
    );
    let directory = state.private("kept", wallwatch_test_support::system_bus::WALLWATCH);
    let directory = directory.to_string_lossy().into_owned();
    // The last --state-dir counts; the harness gives one of its own first.
    let arguments = ["--state-dir", directory.as_str()];
    let first = Helper::start_with(&bus, &net.victim, &arguments);
    assert!(!has_table(&net.victim), "off until somebody says yes");

    let connection = bus.connect().await;
    let proxy = helper(&connection).await;
    proxy.subscribe().await.unwrap();
    let mut told = proxy.receive_status_changed().await.unwrap();
    proxy.set_capture(true).await.unwrap();
    assert!(has_table(&net.victim));
    let status = timeout(LIMIT, told.next())
        .await
        .expect("it is told")
        .unwrap();
    assert!(status.args().unwrap().status.capturing);
    drop(first);
    assert!(!has_table(&net.victim), "the table is gone with its helper");

    let second = Helper::start_with(&bus, &net.victim, &arguments);
    wait_until("capture is on again", LIMIT, || has_table(&net.victim));
    helper(&connection).await.set_capture(false).await.unwrap();
    assert!(!has_table(&net.victim));
    drop(second);
    let _third = Helper::start_with(&bus, &net.victim, &arguments);
    assert!(!bus.status().capturing);
}

#[tokio::test]
async fn what_the_configuration_fixes_nobody_switches() {
    require_root!();
    let (bus, net, dir) = (
        SystemBus::start(),
        TestNet::new(Firewall::None),
        TempDir::new(),
    );
    let config = dir.write("config.toml", "capture = false\n");
    let _helper = Helper::start_with(&bus, &net.victim, &["--config", &config.to_string_lossy()]);
    let connection = bus.connect().await;
    let refused: Error = helper(&connection)
        .await
        .set_capture(true)
        .await
        .unwrap_err()
        .into();
    let Error::FixedByConfig(sentence) = refused else {
        panic!("{refused}")
    };
    assert!(sentence.contains(&*config.to_string_lossy()), "{sentence}");
    assert!(!has_table(&net.victim));
}
