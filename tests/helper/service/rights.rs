//! Who is let in: at the screen, switched away, without a session, by a password, and when polkit is away.

use std::time::Duration;

use wallwatch_dbus::names::{ACTION_CONFIGURE, ACTION_MONITOR};
use wallwatch_test_support::{
    Agent, Answer, Caller, Firewall, Helper, Login, Program, Scene, SystemBus, TestNet,
    process::wait_until,
    require_root,
    system_bus::{BOB, MALLORY},
};

use crate::LIMIT;

/// An agent for the dialogs of a caller.
fn agent(bus: &SystemBus, caller: &mut Caller, uid: u32, answer: Answer) -> Agent {
    Agent::start(bus, caller.process().pid(), uid, answer)
}

#[test]
fn whoever_sits_at_the_screen_is_let_in_and_whoever_is_switched_away_is_not() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let login = Login::start(&scene.bus, BOB);
    let mut bob = Caller::in_session(&scene.bus, &login);
    assert_eq!(bob.call("Subscribe"), "");
    assert_eq!(bob.call("SendTestAlert"), "");
    assert_eq!(bob.call("SetCapture"), "InteractiveAuthorizationRequired");
    login.set_active(false);
    wait_until("polkit notices", LIMIT, || {
        bob.call("GetStatus") == "AccessDenied"
    });
    let refusal = bob.tell("ask GetStatus");
    assert!(
        refusal.contains("log in at this computer's own screen"),
        "{refusal}"
    );
    login.set_active(true);
    wait_until("polkit notices", LIMIT, || bob.call("GetStatus").is_empty());
}

#[test]
fn without_a_session_a_password_is_needed_and_somebody_to_ask_for_it() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let mut mallory = Caller::start(&scene.bus, MALLORY);
    let refusal = mallory.tell("call GetStatus");
    assert!(
        refusal.contains("InteractiveAuthorizationRequired") && refusal.contains("allow a dialog"),
        "{refusal}"
    );
    let refusal = mallory.tell("ask GetStatus");
    assert!(
        refusal.contains("InteractiveAuthorizationRequired") && refusal.contains("pkttyagent"),
        "{refusal}"
    );
}

#[test]
fn an_administrators_password_lets_in_and_a_wrong_one_does_not() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    for (answer, error, words) in [
        (Answer::Right, "", ""),
        (Answer::Wrong, "AccessDenied", "the password was wrong"),
        (Answer::Dismissed, "AccessDenied", "The dialog was closed"),
    ] {
        let mut mallory = Caller::start(&scene.bus, MALLORY);
        let agent = agent(&scene.bus, &mut mallory, MALLORY, answer);
        assert_eq!(
            mallory.call("GetStatus"),
            "InteractiveAuthorizationRequired",
            "nobody is asked who does not allow it"
        );
        assert_eq!(agent.seen(), ["registered"]);
        assert_eq!(mallory.ask("GetStatus"), error, "{answer:?}");
        assert!(agent.has_seen(&format!("begin {ACTION_MONITOR}")));
        let told = mallory.tell("ask SetCapture");
        assert!(told.contains(words), "{answer:?}: {told}");
        assert!(agent.has_seen(&format!("begin {ACTION_CONFIGURE}")));
    }
}

#[test]
fn an_administrator_may_forbid_it_to_everybody() {
    require_root!();
    let (bus, net) = (SystemBus::refusing(), TestNet::new(Firewall::None));
    let _helper = Helper::start(&bus, &net.victim);
    let login = Login::start(&bus, BOB);
    for mut caller in [
        Caller::in_session(&bus, &login),
        Caller::start(&bus, MALLORY),
    ] {
        for method in ["Subscribe", "GetStatus", "SetCapture"] {
            assert_eq!(caller.ask(method), "AccessDenied", "{method}");
        }
    }
}

#[test]
fn nobody_is_let_in_while_polkit_is_away_and_everybody_when_it_is_back() {
    require_root!();
    let mut scene = Scene::new(Firewall::None);
    let login = Login::start(&scene.bus, BOB);
    let mut bob = Caller::in_session(&scene.bus, &login);
    assert_eq!(bob.call("GetStatus"), "");
    scene.bus.stop_polkit();
    let refusal = bob.tell("call GetStatus");
    assert!(
        refusal.contains("AuthFailed") && refusal.contains("systemctl start polkit"),
        "{refusal}"
    );
    scene.bus.start_polkit();
    assert_eq!(bob.call("GetStatus"), "");
}

#[test]
fn a_dialog_is_closed_when_its_caller_leaves_and_its_place_is_free() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    // More than there are places for one user, and for all.
    for turn in 0..9 {
        let mut mallory = Caller::start(&scene.bus, MALLORY);
        let agent = agent(&scene.bus, &mut mallory, MALLORY, Answer::None);
        assert_eq!(mallory.tell("begin Subscribe"), "begun");
        wait_until("the dialog is open", LIMIT, || {
            agent.has_seen(&format!("begin {ACTION_MONITOR}"))
        });
        assert_eq!(mallory.ask("GetStatus"), "LimitsExceeded", "one at a time");
        mallory.process().signal("KILL");
        wait_until(
            &format!("dialog {turn} is closed"),
            Duration::from_secs(2),
            || agent.has_seen("cancel"),
        );
    }
}

#[test]
fn polkit_knows_every_action_and_believes_the_helper_about_it() {
    require_root!();
    let bus = SystemBus::start();
    for (action, defaults) in [
        (ACTION_MONITOR, ["auth_admin", "no", "yes"]),
        (ACTION_CONFIGURE, ["auth_admin", "no", "auth_admin"]),
    ] {
        let told = bus
            .inside(Program::new("pkaction").args(["--verbose", "--action-id", action]))
            .succeed();
        for (kind, default) in ["any", "inactive", "active"].into_iter().zip(defaults) {
            let line = told.lines().find_map(|line| {
                let (key, value) = line.trim().split_once(':')?;
                (key == format!("implicit {kind}")).then(|| value.trim().to_owned())
            });
            assert_eq!(line.as_deref(), Some(default), "{action}, {kind}: {told}");
        }
        assert!(told.contains("unix-user:wallwatch"), "{told}");
    }
}
