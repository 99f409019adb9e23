//! One popup per incident, on every kind of notification server.

use std::time::Duration;

use wallwatch_dbus::Alert;
use wallwatch_test_support::{
    Notifier, Panel, Stage,
    fake_desktop::{Mode, forge_press},
    stage::{Cast, SOON, scan},
    wait_until,
};

fn cast() -> Cast {
    Stage::new(env!("CARGO_BIN_EXE_wallwatch")).cast()
}

#[test]
fn an_incident_is_one_popup_replaced_in_place_at_most_once_a_second() {
    let cast = cast();
    cast.helper.change(scan(7, "192.0.2.7", 100));
    // Changes that come before the first popup is asked for are part of it.
    _ = cast.notes(1);
    for ports in 2..=10 {
        cast.helper.change(scan(7, "192.0.2.7", ports * 100));
    }
    let notes = cast.notes(2);
    let (first, second) = (&notes[0], &notes[1]);
    assert_eq!(first.summary, "Port scan (SYN) - medium");
    assert!(first.body.contains("192.0.2.7"), "{}", first.body);
    assert_eq!((second.id, second.replaces), (first.id, first.id));
    assert!(
        second.body.contains("1,000 ports"),
        "the newest state is shown: {}",
        second.body
    );
    assert!(
        second.at - first.at >= Duration::from_millis(950),
        "{:?}",
        second.at - first.at
    );
    assert_eq!(
        first.sender, second.sender,
        "servers let nobody but the sender replace"
    );
    assert_eq!((first.app.as_str(), first.expire), ("Wallwatch", -1));
    assert_eq!(first.hints["urgency"], 1_u8.into());
    assert_eq!(
        String::try_from(first.hints["desktop-entry"].try_clone().unwrap()).unwrap(),
        "org.wallwatch.Wallwatch"
    );
    assert_eq!(
        first.actions,
        [
            "default",
            "Open",
            "details",
            "Details",
            "pause",
            "Pause 1 hour"
        ]
    );
    cast.no_more_notes_than(2);
}

#[test]
fn incidents_have_popups_of_their_own_and_history_only_alerts_none() {
    let cast = cast();
    cast.helper.change(Alert {
        severity: 1,
        popup: false,
        ..scan(5, "192.0.2.5", 3)
    });
    cast.helper.change(Alert {
        severity: 4,
        popup: false,
        ..scan(6, "192.0.2.6", 3)
    });
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.helper.change(Alert {
        severity: 5,
        ..scan(8, "192.0.2.8", 3)
    });
    let notes = cast.notes(2);
    assert_ne!(notes[0].id, notes[1].id);
    assert_eq!(
        notes[1].hints["urgency"],
        2_u8.into(),
        "critical is critical"
    );
    cast.no_more_notes_than(2);
}

#[test]
fn an_incident_that_gets_worse_pops_up_then() {
    let cast = cast();
    cast.helper.change(Alert {
        severity: 1,
        popup: false,
        ..scan(7, "192.0.2.7", 3)
    });
    cast.no_more_notes_than(0);
    cast.helper.change(scan(7, "192.0.2.7", 50));
    assert!(cast.notes(1)[0].body.contains("50 ports"));
}

#[test]
fn the_user_chooses_the_severity_that_pops_up() {
    let stage = Stage::new(env!("CARGO_BIN_EXE_wallwatch"));
    stage.configure("popup-from = 4\npopup-form = 5\n");
    let cast = stage.cast();
    assert!(
        cast.tray
            .log()
            .contains("line 2: unknown key 'popup-form'; known is popup-from"),
        "{}",
        cast.tray.log()
    );
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.helper.change(Alert {
        severity: 4,
        ..scan(8, "192.0.2.8", 3)
    });
    assert!(cast.notes(1)[0].body.contains("192.0.2.8"));
    cast.no_more_notes_than(1);
}

#[test]
fn text_of_strangers_is_no_markup() {
    let cast = cast();
    cast.helper.change(scan(7, "<b>evil</b>&\u{1b}[2J", 3));
    let body = &cast.notes(1)[0].body;
    assert!(body.contains("&lt;b&gt;evil&lt;/b&gt;&amp;"), "{body}");
    assert!(!body.contains('<') && !body.contains('\u{1b}'), "{body}");
    // A server that knows no markup gets plain text, and without the capability no buttons.
    cast.notifier.disown();
    cast.notifier.can(&["body"]);
    cast.notifier.own();
    cast.helper.change(scan(8, "a&b", 3));
    let note = &cast.notes(2)[1];
    assert!(note.body.contains("a&b"), "{}", note.body);
    assert!(note.actions.is_empty(), "{:?}", note.actions);
}

#[test]
fn what_the_user_closed_does_not_come_back() {
    let cast = cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    let id = cast.notes(1)[0].id;
    cast.notifier.close(id, 2);
    cast.helper.change(scan(7, "192.0.2.7", 500));
    cast.helper.change(Alert {
        severity: 5,
        ..scan(7, "192.0.2.7", 5000)
    });
    cast.no_more_notes_than(1);
}

#[test]
fn what_expired_comes_back_only_when_it_got_worse() {
    let cast = cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    let id = cast.notes(1)[0].id;
    cast.notifier.close(id, 1);
    cast.helper.change(scan(7, "192.0.2.7", 500));
    cast.no_more_notes_than(1);
    cast.helper.change(Alert {
        severity: 4,
        ..scan(7, "192.0.2.7", 5000)
    });
    assert_eq!(cast.notes(2)[1].summary, "Port scan (SYN) - high");
}

#[test]
fn details_opens_the_incident_and_pause_pauses() {
    let cast = cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    let id = cast.notes(1)[0].id;
    cast.notifier.press(id, "details");
    cast.tray_says("the window is open");
    cast.notifier.press(id, "pause");
    cast.tray_says("popups are paused until");
    cast.helper.change(scan(8, "192.0.2.8", 3));
    cast.no_more_notes_than(1);
}

#[test]
fn a_button_pressed_before_the_server_answered_is_heard() {
    let cast = cast();
    cast.notifier.press_at_once(Some("details"));
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.tray_says("action details on incident 7");
    cast.tray_says("the window is open");
}

#[test]
fn a_forged_button_is_not_believed() {
    let cast = cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    let id = cast.notes(1)[0].id;
    forge_press(&cast.stage.session.address(), id, "pause");
    forge_press(&cast.stage.session.address(), id, "details");
    // Signals of one bus keep their order, so this one comes last.
    cast.notifier.press(id, "sentinel");
    cast.tray_says("action sentinel on incident 7");
    let log = cast.tray.log();
    assert!(
        !log.contains("action pause") && !log.contains("action details"),
        "{log}"
    );
}

#[test]
fn a_server_that_errs_gets_the_popup_again() {
    let cast = cast();
    cast.notifier.behave(Mode::Erring);
    cast.helper.change(scan(7, "192.0.2.7", 3));
    wait_until("Notify was called", SOON, || cast.notifier.calls() > 0);
    cast.notifier.behave(Mode::Working);
    assert!(cast.notes(1)[0].body.contains("192.0.2.7"));
}

#[test]
fn a_server_that_hangs_holds_nothing_up() {
    let cast = cast();
    cast.notifier.behave(Mode::Hanging);
    for id in 7..27 {
        cast.helper.change(scan(id, "192.0.2.7", id));
    }
    wait_until("Notify was called", SOON, || cast.notifier.calls() > 0);
    // Icon, menu and pause go on meanwhile.
    cast.wait_tooltip("20 new alerts");
    cast.panel.choose("until I resume");
    cast.wait_tooltip("paused");
    cast.panel.choose("Resume now");
    cast.tray_says("popups are paused until 0");
    cast.notifier.behave(Mode::Working);
    cast.helper.change(scan(30, "192.0.2.30", 3));
    wait_until("the next popup is shown", Duration::from_secs(20), || {
        cast.notifier
            .notes()
            .iter()
            .any(|note| note.body.contains("192.0.2.30"))
    });
}

#[test]
fn a_restarted_server_gets_new_popups_under_new_ids() {
    let cast = cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(cast.notes(1)[0].replaces, 0);
    cast.notifier.disown();
    cast.notifier.own();
    cast.helper.change(scan(8, "192.0.2.8", 3));
    let notes = cast.notes(2);
    assert_eq!(
        notes[1].replaces, 0,
        "an id of the last server's means something else to this one"
    );
    assert!(notes[1].body.contains("192.0.2.8"));
}

#[test]
fn an_alert_waits_for_a_server_that_comes_late() {
    let cast = cast();
    cast.notifier.disown();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.tray_says("the notification server shows no popup");
    cast.notifier.own();
    assert!(cast.notes(1)[0].body.contains("192.0.2.7"));
}

#[test]
fn popups_and_icon_come_back_with_the_session_bus() {
    let Cast {
        mut tray,
        helper,
        panel,
        notifier,
        mut stage,
    } = cast();
    drop((panel, notifier));
    stage.session.restart();
    let notifier = Notifier::start(&stage.session.address());
    let panel = Panel::start(&stage.session.address());
    wait_until("the control object is back", SOON, || {
        tray.log().matches("the session bus is served").count() == 2
    });
    helper.change(scan(7, "192.0.2.7", 3));
    wait_until("the popup is shown", SOON, || notifier.notes().len() == 1);
    wait_until("the icon is back", SOON, || panel.item().is_some());
    assert!(tray.is_running());
}
