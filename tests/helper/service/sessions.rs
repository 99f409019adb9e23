//! Sessions that are switched, passwords that were given, and a polkit that goes and comes: who stays subscribed.

use std::{thread, time::Duration};

use wallwatch_test_support::{
    Agent, Answer, Caller, Firewall, Login, Scene,
    process::{holds_within, wait_until},
    require_root,
    system_bus::{BOB, MALLORY},
};

use crate::LIMIT;

/// From polkit's Changed to the end of the round that it brings about, with room.
const ROUND: Duration = Duration::from_secs(2);

/// Has an alert told, and says whether this subscriber is told of it.
fn hears_an_alert(scene: &Scene, caller: &mut Caller) -> bool {
    let (before, _) = caller.heard();
    // Made anew by whoever may; what was told before is told by its number.
    scene
        .bus
        .ask(async |helper| helper.send_test_alert().await)
        .expect("root may");
    holds_within(Duration::from_millis(500), || caller.heard().0 > before)
}

/// Waits until it is told of no alert any more.
fn is_dropped(scene: &Scene, caller: &mut Caller) -> bool {
    thread::sleep(ROUND);
    !hears_an_alert(scene, caller)
}

#[test]
fn whose_session_is_switched_away_gets_no_more_alerts_until_he_is_back_and_subscribes_anew() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let login = Login::start(&scene.bus, BOB);
    let mut bob = Caller::in_session(&scene.bus, &login);
    assert_eq!(bob.call("Subscribe"), "");
    assert!(hears_an_alert(&scene, &mut bob));

    login.set_active(false);
    assert!(is_dropped(&scene, &mut bob));
    assert_eq!(bob.call("Subscribe"), "AccessDenied");

    login.set_active(true);
    wait_until("he may subscribe anew", LIMIT, || {
        bob.call("Subscribe").is_empty()
    });
    assert!(hears_an_alert(&scene, &mut bob));
}

#[test]
fn who_was_let_in_by_a_password_stays_when_sessions_change_and_who_was_not_asked_does_not() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let login = Login::start(&scene.bus, BOB);
    let mut mallory = Caller::start(&scene.bus, MALLORY);
    let agent = Agent::start(&scene.bus, mallory.process().pid(), MALLORY, Answer::Right);
    assert_eq!(mallory.ask("Subscribe"), "");
    assert_eq!(agent.seen().len(), 2, "{:?}", agent.seen());
    let mut bob = Caller::in_session(&scene.bus, &login);
    assert_eq!(bob.call("Subscribe"), "");

    login.set_active(false);
    assert!(is_dropped(&scene, &mut bob));
    assert!(hears_an_alert(&scene, &mut mallory));
    // To subscribe once more without a dialog takes nothing away.
    assert_eq!(
        mallory.call("Subscribe"),
        "InteractiveAuthorizationRequired"
    );
    assert!(hears_an_alert(&scene, &mut mallory));
    assert_eq!(agent.seen().len(), 2, "nobody was asked again");
}

#[test]
fn who_would_now_be_asked_for_a_password_is_dropped() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let login = Login::start(&scene.bus, BOB);
    let mut bob = Caller::in_session(&scene.bus, &login);
    assert_eq!(bob.call("Subscribe"), "");
    login.end();
    assert!(is_dropped(&scene, &mut bob));
    assert_eq!(bob.call("Subscribe"), "InteractiveAuthorizationRequired");
}

#[test]
fn a_polkit_that_goes_drops_nobody_and_one_that_comes_back_judges_everybody() {
    require_root!();
    let mut scene = Scene::new(Firewall::None);
    let (login, other) = (
        Login::start(&scene.bus, BOB),
        Login::start(&scene.bus, MALLORY),
    );
    let mut bob = Caller::in_session(&scene.bus, &login);
    let mut mallory = Caller::in_session(&scene.bus, &other);
    let mut root = Caller::start(&scene.bus, 0);
    for caller in [&mut bob, &mut mallory, &mut root] {
        assert_eq!(caller.call("Subscribe"), "");
    }
    // A round that finds polkit gone while it is asked.
    other.set_active(false);
    other.set_active(true);
    scene.bus.stop_polkit();
    login.set_active(false);
    thread::sleep(ROUND);
    let (before, seq) = root.heard();
    assert_eq!((before, seq), (0, 0));

    scene.bus.start_polkit();
    assert!(is_dropped(&scene, &mut bob));
    assert!(hears_an_alert(&scene, &mut mallory));
    assert!(hears_an_alert(&scene, &mut root));
}
