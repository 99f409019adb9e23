//! Alerts are secrets of the machine: who gets them, who sees them, and who may speak for the helper.

use std::time::Duration;

use futures_lite::StreamExt as _;
use tokio::time::timeout;
use wallwatch_dbus::names;
use wallwatch_test_support::{
    Firewall, Program, Scene, SystemBus, require_root, system_bus::MALLORY,
};
use zbus::{MatchRule, MessageStream};

use crate::{LIMIT, error_name, has_table, helper};

#[tokio::test]
async fn a_subscriber_gets_alerts_and_an_unauthorised_user_gets_nothing() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    // Everything that the bus would show to mallory, signals to others included if they were broadcast.
    let monitor = Program::new("dbus-monitor").args(["--system", "type=signal"]);
    let mut monitor = scene.bus.inside(monitor.as_user(MALLORY, &[])).start();
    monitor.wait_for("NameAcquired", LIMIT);

    let connection = scene.bus.connect().await;
    let proxy = helper(&connection).await;
    let mut raised = proxy.receive_alert_raised().await.unwrap();
    let last = proxy.subscribe().await.unwrap();
    let id = proxy.send_test_alert().await.unwrap();
    let signal = timeout(LIMIT, raised.next())
        .await
        .expect("an alert comes")
        .unwrap();
    let told = signal.args().unwrap();
    assert_eq!(
        (told.alert.id, told.alert.test, told.seq),
        (id, true, told.alert.seq)
    );
    assert!(told.seq > last, "{} follows {last}", told.seq);

    let asked = proxy.get_alert(id).await.unwrap();
    assert_eq!((asked.id, asked.kind.as_str()), (id, "test"));
    assert_eq!(
        asked.reason,
        "Somebody asked for this alert to see whether alerts come."
    );
    let unknown = proxy.get_alert(id + 1000).await.unwrap_err();
    assert_eq!(error_name(unknown), "org.wallwatch.Error.NotFound");

    let number = format!("uint64:{id}");
    for (method, arguments) in [
        ("Subscribe", &[][..]),
        ("GetAlert", &[number.as_str()]),
        ("GetStatus", &[]),
        ("SendTestAlert", &[]),
        ("GetStatistics", &["int64:0", "int64:0", "uint32:0"]),
        ("GetNoise", &["int64:0", "int64:0"]),
        ("SetCapture", &["boolean:false"]),
        ("RemoveRule", &[number.as_str()]),
        ("ListRules", &[]),
        ("ClearHistory", &["int64:0"]),
        ("Reload", &[]),
    ] {
        let answer = scene.bus.call_as(MALLORY, method, arguments);
        assert!(
            answer
                .stderr
                .contains("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"),
            "{method}: {}",
            answer.text()
        );
    }
    let seen = monitor.log();
    assert!(!seen.contains("Alert"), "mallory saw: {seen}");
    // It asked to see everything (BecomeMonitor), and then for a rule with eavesdrop=true.
    assert!(
        seen.contains("Falling back to eavesdropping"),
        "what mallory was refused: {seen}"
    );
    assert!(has_table(&scene.net.victim), "mallory changed nothing");
}

#[tokio::test]
async fn what_is_secret_cannot_be_reached_past_the_methods() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let call = |member: &str, arguments: &[&str]| {
        let program = Program::new("dbus-send").args(["--system", "--print-reply"]);
        let destination = format!("--dest={}", names::HELPER_BUS_NAME);
        let program = program
            .args([&destination, names::HELPER_PATH, member])
            .args(arguments);
        scene.bus.inside(program.as_user(MALLORY, &[])).output()
    };
    let interface = format!("string:{}", names::HELPER_INTERFACE);
    let all = call("org.freedesktop.DBus.Properties.GetAll", &[&interface]);
    assert!(
        all.ok() && all.stdout.contains("Capturing"),
        "{}",
        all.text()
    );
    assert_eq!(
        all.stdout.matches("dict entry").count(),
        2,
        "two properties are public: {}",
        all.stdout
    );
    let set = [&interface, "string:Capturing", "variant:boolean:false"];
    let set = call("org.freedesktop.DBus.Properties.Set", &set);
    assert!(set.stderr.contains("AccessDenied"), "{}", set.text());
    let objects = call("org.freedesktop.DBus.ObjectManager.GetManagedObjects", &[]);
    assert!(
        objects.stderr.contains("AccessDenied"),
        "{}",
        objects.text()
    );
}

#[tokio::test]
async fn the_capturing_property_tells_everybody_and_no_more() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let connection = scene.bus.connect().await;
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender(names::HELPER_BUS_NAME)
        .build()
        .unwrap();
    // Not subscribed: only what is broadcast arrives.
    let mut stream = MessageStream::for_match_rule(rule, &connection, None)
        .await
        .unwrap();
    scene
        .bus
        .ask(async |helper| helper.set_capture(false).await)
        .unwrap();
    let message = timeout(LIMIT, stream.next())
        .await
        .expect("it is told")
        .unwrap()
        .unwrap();
    let header = message.header();
    assert_eq!(header.member().unwrap().as_str(), "PropertiesChanged");
    assert!(
        timeout(Duration::from_millis(500), stream.next())
            .await
            .is_err(),
        "nothing else is broadcast"
    );
}

#[test]
fn nobody_else_can_have_the_name_not_even_root_before_the_helper_starts() {
    require_root!();
    let bus = SystemBus::start();
    let program = || {
        // DBUS_NAME_FLAG_DO_NOT_QUEUE, dbus/dbus-shared.h.
        let words = [
            "--system",
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.RequestName",
        ];
        let name = format!("string:{}", names::HELPER_BUS_NAME);
        Program::new("dbus-send")
            .args(words)
            .args([name.as_str(), "uint32:4"])
    };
    for thief in [program(), program().as_user(MALLORY, &[])] {
        let answer = bus.inside(thief).output();
        assert!(
            answer
                .stderr
                .contains("org.freedesktop.DBus.Error.AccessDenied"),
            "{}",
            answer.text()
        );
    }
    assert!(!bus.has_name(names::HELPER_BUS_NAME));
}
