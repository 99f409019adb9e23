//! What strangers on the system bus send in the helper's, the bus's and polkit's name is not believed.

use std::thread::sleep;

use wallwatch_dbus::{
    Status,
    names::{HELPER_BUS_NAME, HELPER_INTERFACE, HELPER_PATH},
};
use wallwatch_test_support::{
    FakePolkit, Mallory, Stage, fake_polkit,
    stage::{A_WHILE, Cast, scan},
};

/// The bus's own name, and the path of its object.
const BUS: (&str, &str) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");

/// The tray with a helper, and a stranger on the system bus.
fn cast() -> (Cast, Mallory) {
    let cast = Stage::new(env!("CARGO_BIN_EXE_wallwatch")).cast();
    let mallory = Mallory::join(&cast.stage.system.address());
    (cast, mallory)
}

/// Sends every signal of the helper's, as if there were an attack by 192.0.2.66 and the watch had ended.
fn forge_all(mallory: &Mallory, seq: u64) {
    let forged = scan(66, "192.0.2.66", 3);
    let send = |member: &str, body: &(u64, wallwatch_dbus::Alert)| {
        mallory.signal(HELPER_PATH, HELPER_INTERFACE, member, body);
    };
    send("AlertRaised", &(seq, forged.clone()));
    send("AlertUpdated", &(seq + 1, forged));
    mallory.signal(
        HELPER_PATH,
        HELPER_INTERFACE,
        "AlertClosed",
        &(seq + 2, 7_u64),
    );
    let status = Status {
        reason: "so says Mallory.".to_owned(),
        ..Status::default()
    };
    mallory.signal(HELPER_PATH, HELPER_INTERFACE, "StatusChanged", &status);
}

/// Says in the bus's name that the helper's name has another owner, or none.
fn forge_owner(mallory: &Mallory, owner: &str) {
    let change = (HELPER_BUS_NAME, "", owner);
    mallory.signal(BUS.1, BUS.0, "NameOwnerChanged", &change);
}

/// Nothing of what was forged shows, and the helper is still heard.
fn assert_unmoved(cast: &Cast, notes: usize) {
    sleep(A_WHILE);
    assert!(!cast.has_entry("192.0.2.66"), "{:?}", cast.panel.menu());
    let tooltip = cast.tooltip();
    assert!(!tooltip.contains("Not watching"), "{tooltip}");
    let id = 100 + notes as u64;
    cast.helper.change(scan(id, &format!("192.0.2.{id}"), 3));
    cast.wait_entry(&format!("192.0.2.{id}"));
    assert_eq!(cast.notes(notes + 1).len(), notes + 1);
}

#[test]
fn signals_in_the_helpers_name_are_not_believed() {
    let (cast, mallory) = cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(cast.notes(1).len(), 1);
    forge_all(&mallory, 2);
    assert_unmoved(&cast, 1);
    // Numbers from far ahead make nothing pass for missed, nor what follows for old.
    forge_all(&mallory, u64::MAX - 5);
    assert_unmoved(&cast, 2);
    assert_eq!(cast.helper.subscriptions(), 1);
}

#[test]
fn a_stranger_cannot_make_himself_the_helper() {
    let (cast, mallory) = cast();
    forge_owner(&mallory, &mallory.name());
    forge_all(&mallory, 1);
    assert_unmoved(&cast, 0);
    // Nor is the helper gone because somebody says so.
    forge_owner(&mallory, "");
    assert_unmoved(&cast, 1);
    assert_eq!(cast.helper.subscriptions(), 1);
}

#[test]
fn a_stranger_cannot_make_himself_the_helper_while_there_is_none() {
    let (cast, mallory) = cast();
    cast.helper.disown();
    cast.wait_tooltip("Not watching: the Wallwatch helper is not running.");
    forge_owner(&mallory, &mallory.name());
    forge_all(&mallory, 1);
    sleep(A_WHILE);
    assert!(!cast.has_entry("192.0.2.66"), "{:?}", cast.panel.menu());
    cast.wait_tooltip("the Wallwatch helper is not running.");
    cast.helper.own();
    cast.wait_tooltip("is watching. No attacks so far");
    forge_all(&mallory, 1);
    assert_unmoved(&cast, 0);
}

#[test]
fn a_change_of_rights_that_polkit_did_not_tell_is_passed_over() {
    let (cast, mallory) = cast();
    let forge = || {
        for _ in 0..100 {
            mallory.signal(fake_polkit::PATH, fake_polkit::INTERFACE, "Changed", &());
        }
    };
    forge();
    sleep(A_WHILE);
    assert_eq!(cast.helper.subscriptions(), 1, "nobody has polkit's name");
    // That polkit came is a change of what is allowed.
    let polkit = FakePolkit::start(&cast.stage.system.address());
    sleep(A_WHILE);
    assert_eq!(cast.helper.subscriptions(), 2);
    let change = ("org.freedesktop.PolicyKit1", "", mallory.name());
    mallory.signal(BUS.1, BUS.0, "NameOwnerChanged", &change);
    forge();
    sleep(A_WHILE);
    assert_eq!(cast.helper.subscriptions(), 2, "somebody else has it");
    polkit.changed();
    sleep(A_WHILE);
    assert_eq!(cast.helper.subscriptions(), 3, "polkit itself is heard");
    assert_unmoved(&cast, 0);
}

#[test]
fn a_flood_of_strange_signals_keeps_no_alert_away() {
    let (cast, mallory) = cast();
    for seq in 0..500 {
        mallory.signal(
            HELPER_PATH,
            HELPER_INTERFACE,
            "AlertRaised",
            &(seq, scan(66, "192.0.2.66", 3)),
        );
    }
    assert_unmoved(&cast, 0);
}
