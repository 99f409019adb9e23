//! The service as its clients, friend and foe, meet it on a real bus with a real polkitd.

use std::time::Duration;

use futures_lite::StreamExt as _;
use tokio::time::timeout;
use wallwatch_dbus::{Alert, Error, Helper1Proxy, names};
use wallwatch_test_support::{
    Firewall, Helper, NetNs, Process, Program, Scene, SystemBus, TempDir, TestNet,
    process::{figures, now, wait_until},
    require_root,
    system_bus::MALLORY,
};
use zbus::{Connection, MatchRule, MessageStream, fdo, message::Message};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);

/// The helper as this connection sees it.
async fn helper(connection: &Connection) -> Helper1Proxy<'static> {
    Helper1Proxy::new(connection)
        .await
        .expect("a proxy needs no answer")
}

/// The name of the error that an answer is.
fn error_name(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => zbus::DBusError::name(&*error).to_string(),
        other => panic!("no answer of the helper's: {other}"),
    }
}

fn has_table(ns: &NetNs) -> bool {
    ns.tables()
        .iter()
        .any(|table| table == "table inet wallwatch")
}

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

/// How the helper ended, as its exit code.
fn code(process: &mut Process) -> Option<i32> {
    process.wait(LIMIT).and_then(|status| status.code())
}

#[test]
fn the_helper_ends_at_once_when_it_is_told_to() {
    require_root!();
    for signal in ["TERM", "INT"] {
        let mut scene = Scene::new(Firewall::None);
        let start = now();
        scene.helper.process().signal(signal);
        assert_eq!(code(scene.helper.process()), Some(0), "SIG{signal}");
        let took = start.elapsed();
        assert!(took < Duration::from_secs(1), "SIG{signal} took {took:?}");
        assert!(!has_table(&scene.net.victim), "the table is gone");
        assert!(!scene.bus.has_name(names::HELPER_BUS_NAME));
    }
}

#[test]
fn a_helper_that_nobody_listens_to_does_not_panic() {
    let dir = TempDir::new();
    let code = dir.path().join("code");
    let helper =
        wallwatch_test_support::helper::built("wallwatch-helper").expect("the helper is built");
    for (words, expected) in [("--nonsense", "2"), ("--help", "0")] {
        // Whoever would read has ended before the helper writes.
        Program::shell("{ sleep 0.2; \"$1\" \"$2\" 2>&1 && echo 0 >\"$3\" || echo $? >\"$3\"; } | :; sleep 0.5")
            .arg("sh")
            .arg(&helper)
            .arg(words)
            .arg(&code)
            .succeed();
        assert_eq!(
            std::fs::read_to_string(&code).expect("it ended").trim(),
            expected,
            "{words}"
        );
    }
}

#[test]
fn the_helper_ends_when_the_bus_is_gone_and_takes_its_table_along() {
    require_root!();
    let mut scene = Scene::new(Firewall::None);
    scene.bus.stop_bus();
    assert_eq!(
        code(scene.helper.process()),
        Some(1),
        "{}",
        scene.helper.process().log()
    );
    assert!(scene.helper.process().log().contains("system bus"));
    assert!(!has_table(&scene.net.victim));
}

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
