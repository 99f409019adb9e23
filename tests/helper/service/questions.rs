//! Questions that are wrong or want too much, and what is answered.

use wallwatch_dbus::names;
use wallwatch_test_support::{Firewall, Scene, require_root};
use zbus::fdo;

use crate::{error_name, helper};

#[tokio::test]
async fn a_wrong_question_is_answered_by_what_is_wrong_with_it() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let connection = scene.bus.connect().await;
    let proxy = helper(&connection).await;
    let filter = |kind: &str| wallwatch_dbus::AlertFilter {
        kind: kind.to_owned(),
        ..Default::default()
    };
    let refused = proxy.get_alerts(0, 0, filter("scan")).await.unwrap_err();
    let zbus::Error::FDO(refused) = refused else {
        panic!("{refused}")
    };
    let fdo::Error::InvalidArgs(sentence) = *refused else {
        panic!("{refused}")
    };
    assert!(sentence.contains("'scan'"), "{sentence}");
    let long = proxy.get_alerts(0, 0, filter(&"x".repeat(1 << 20))).await;
    assert_eq!(
        error_name(long.unwrap_err()),
        "org.freedesktop.DBus.Error.InvalidArgs"
    );
    // Wrong types never reach a method.
    let wrong = connection
        .call_method(
            Some(names::HELPER_BUS_NAME),
            names::HELPER_PATH,
            Some(names::HELPER_INTERFACE),
            "SetCapture",
            &"on",
        )
        .await;
    assert_eq!(
        error_name(wrong.unwrap_err()),
        "org.freedesktop.DBus.Error.InvalidArgs"
    );
}
