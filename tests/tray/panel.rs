//! The icon, its menu and the window, with a panel that comes and goes.

use wallwatch_dbus::Status;
use wallwatch_test_support::{
    FakeHelper, Panel, Stage,
    stage::{A_WHILE, Cast, SOON, scan},
    wait_until,
};

fn stage() -> Stage {
    Stage::new(env!("CARGO_BIN_EXE_wallwatch"))
}

#[test]
fn the_icon_appears_when_the_panel_comes_late_and_again_when_it_restarts() {
    let stage = stage();
    let helper = FakeHelper::start(&stage.system.address());
    let panel = Panel::absent(&stage.session.address());
    let mut tray = stage.tray();
    wait_until("the helper has a subscriber", SOON, || {
        helper.subscriptions() > 0
    });
    std::thread::sleep(A_WHILE);
    assert!(
        tray.is_running(),
        "no panel is no reason to end: {}",
        tray.log()
    );
    panel.own();
    wait_until("the icon is in the panel", SOON, || panel.item().is_some());
    for _ in 0..2 {
        panel.disown();
        panel.own();
        wait_until("the icon is in the panel again", SOON, || {
            panel.item().is_some()
        });
    }
    assert_eq!(panel.item().unwrap().id, "wallwatch");
}

#[test]
fn each_state_has_a_picture_of_its_own() {
    let cast = stage().cast();
    let picture = || cast.item().map(|item| item.picture);
    cast.wait_tooltip("is watching. No attacks so far");
    let watching = picture();
    assert_eq!(
        watching
            .as_ref()
            .map(|picture| (picture.0, picture.1, picture.2.len())),
        Some((64, 64, 64 * 64 * 4))
    );
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.wait_tooltip("1 new alert. Last: 192.0.2.7 - Port scan (SYN)");
    let alert = picture();
    cast.panel.choose("for 15 minutes");
    cast.wait_tooltip("paused");
    let paused = picture();
    cast.helper.status(Status {
        reason: "the table is gone.".to_owned(),
        mend: "wallwatchctl capture on".to_owned(),
        ..Status::default()
    });
    cast.wait_tooltip("Not watching: the table is gone. To mend it: wallwatchctl capture on");
    let blind = picture();
    let all = [watching, alert, paused, blind];
    for (i, one) in all.iter().enumerate() {
        assert!(!all[..i].contains(one), "picture {i} is an earlier one's");
    }
}

#[test]
fn a_helper_that_goes_is_shown_and_one_that_comes_back_is_caught_up_with() {
    let cast = stage().cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(cast.notes(1).len(), 1);
    cast.helper.disown();
    cast.wait_tooltip("Not watching: the Wallwatch helper is not running.");
    cast.helper.keep(scan(8, "192.0.2.8", 3));
    cast.helper.own();
    cast.wait_entry("192.0.2.8 - Port scan (SYN)");
    let notes = cast.notes(2);
    assert!(
        notes[1].body.contains("192.0.2.8"),
        "what was missed pops up"
    );
    cast.no_more_notes_than(2);
    assert!(
        !cast.tooltip().contains("Not watching"),
        "{}",
        cast.tooltip()
    );
}

#[test]
fn a_helper_that_has_no_time_to_catch_up_is_asked_again() {
    let cast = stage().cast();
    cast.helper.disown();
    cast.wait_tooltip("Not watching");
    cast.helper.keep(scan(7, "192.0.2.7", 3));
    cast.helper.busy(true);
    cast.helper.own();
    wait_until("it is subscribed to again", SOON, || {
        cast.helper.subscriptions() == 2
    });
    cast.no_more_notes_than(0);
    cast.helper.busy(false);
    assert!(cast.notes(1)[0].body.contains("192.0.2.7"));
}

#[test]
fn an_incident_of_a_helper_that_ended_is_over() {
    let cast = stage().cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(cast.notes(1).len(), 1);
    cast.helper.disown();
    cast.wait_tooltip("Not watching");
    cast.helper.restarted(1_780_000_000_000_000);
    cast.helper.own();
    cast.tray_says("1 incident ended with the helper that saw it");
}

#[test]
fn capture_that_fails_beside_the_firewalls_own_log_is_told() {
    let cast = stage().cast();
    cast.helper.status(Status {
        watching: true,
        capturing: true,
        reason: "nft is missing.".to_owned(),
        mend: "sudo apt-get install nftables".to_owned(),
        ..Status::default()
    });
    cast.wait_tooltip("Watching only in part: nft is missing. To mend it: sudo apt-get");
}

#[test]
fn a_lost_signal_is_asked_for() {
    let cast = stage().cast();
    cast.helper.keep(scan(7, "192.0.2.7", 3));
    cast.helper.change(scan(8, "192.0.2.8", 3));
    cast.wait_entry("192.0.2.7");
    cast.wait_entry("192.0.2.8");
    assert_eq!(cast.notes(2).len(), 2);
}

#[test]
fn a_system_bus_that_goes_and_comes_back_is_no_end() {
    let Cast {
        mut tray,
        helper,
        panel,
        notifier,
        mut stage,
    } = stage().cast();
    drop(helper);
    stage.system.stop();
    wait_until("the icon tells it", SOON, || {
        panel
            .item()
            .is_some_and(|item| item.tooltip.contains("there is no system bus"))
    });
    stage.system.restart();
    let helper = FakeHelper::start(&stage.system.address());
    wait_until("the helper has a subscriber", SOON, || {
        helper.subscriptions() > 0
    });
    helper.change(scan(7, "192.0.2.7", 3));
    wait_until("the popup is shown", SOON, || notifier.notes().len() == 1);
    assert!(tray.is_running());
}

#[test]
fn without_a_system_bus_or_a_session_bus_at_the_start_it_waits_for_them() {
    let mut stage = stage();
    stage.system.stop();
    stage.session.stop();
    let mut tray = stage.tray();
    tray.wait_for("no session bus", SOON);
    stage.session.restart();
    let panel = Panel::start(&stage.session.address());
    wait_until("the icon tells that there is no system bus", SOON, || {
        panel
            .item()
            .is_some_and(|item| item.tooltip.contains("there is no system bus"))
    });
    stage.system.restart();
    let helper = FakeHelper::start(&stage.system.address());
    wait_until("the helper has a subscriber", SOON, || {
        helper.subscriptions() > 0
    });
    assert!(tray.is_running());
}

#[test]
fn who_may_not_see_alerts_is_told_so() {
    let stage = stage();
    let helper = FakeHelper::start(&stage.system.address());
    helper.refuse(true);
    let panel = Panel::start(&stage.session.address());
    let _tray = stage.tray();
    wait_until("the icon tells it", SOON, || {
        panel.item().is_some_and(|item| {
            item.tooltip
                .contains("this user may not see the firewall's alerts")
        })
    });
    helper.refuse(false);
    wait_until("it is tried again", SOON, || helper.subscriptions() > 0);
}

#[test]
fn a_signal_that_is_not_the_helpers_is_not_believed() {
    let cast = stage().cast();
    // Another program on the bus, with the helper's object but without its name.
    let forger = FakeHelper::forger(&cast.stage.system.address(), &cast.helper);
    forger.change(scan(66, "192.0.2.66", 3));
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.wait_entry("192.0.2.7");
    assert!(!cast.has_entry("192.0.2.66"), "{:?}", cast.panel.menu());
    cast.no_more_notes_than(1);
}

#[test]
fn the_menu_lists_the_last_five_attacks_newest_first() {
    let cast = stage().cast();
    assert!(cast.has_entry("No attacks so far"));
    for id in 1..=7 {
        cast.helper.change(scan(id, &format!("192.0.2.{id}"), 3));
    }
    cast.wait_entry("192.0.2.7");
    cast.wait_entry("192.0.2.3");
    let labels: Vec<String> = cast
        .panel
        .menu()
        .into_iter()
        .filter(|entry| entry.depth == 0)
        .map(|entry| entry.label)
        .collect();
    assert_eq!(labels[0], "Show Wallwatch");
    let attacks: Vec<&str> = labels
        .iter()
        .filter_map(|label| label.split_once(" - ").map(|(who, _)| who))
        .collect();
    assert_eq!(
        attacks,
        [
            "192.0.2.7",
            "192.0.2.6",
            "192.0.2.5",
            "192.0.2.4",
            "192.0.2.3"
        ]
    );
    assert!(!cast.has_entry("No attacks so far"));
}

#[test]
fn a_click_toggles_the_window_and_looking_at_it_ends_the_alarm() {
    let cast = stage().cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.wait_tooltip("1 new alert");
    cast.panel.click("Activate");
    cast.tray_says("the window is open");
    cast.wait_tooltip("Last: 192.0.2.7");
    wait_until("nothing is new any more", SOON, || {
        !cast.tooltip().contains("new alert")
    });
    cast.panel.click("Activate");
    cast.tray_says("the window is closed");
    wait_until("the window is gone from the screen", SOON, || {
        windows(&cast) == 0
    });
}

/// How many windows of the program are on the screen.
fn windows(cast: &Cast) -> usize {
    let search = wallwatch_test_support::Program::new("xdotool").args([
        "search",
        "--onlyvisible",
        "--name",
        "^Wallwatch$",
    ]);
    search
        .env("DISPLAY", cast.stage.screen.display())
        .output()
        .stdout
        .lines()
        .count()
}

#[test]
fn the_window_closes_by_its_keys_and_the_program_goes_on() {
    let mut cast = stage().cast();
    for (key, opened) in [("Escape", 1), ("ctrl+w", 2)] {
        cast.panel.choose("Show Wallwatch");
        wait_until("the window is on the screen", SOON, || windows(&cast) == 1);
        press(&cast, key);
        wait_until("the window is closed", SOON, || {
            cast.tray.log().matches("the window is closed").count() == opened
        });
    }
    assert!(cast.tray.is_running());
    cast.panel.choose("Show Wallwatch");
    wait_until("the window is on the screen", SOON, || windows(&cast) == 1);
    press(&cast, "ctrl+q");
    assert_eq!(
        cast.tray.wait(SOON).and_then(|status| status.code()),
        Some(0)
    );
}

/// Presses a key in the program's window.
fn press(cast: &Cast, key: &str) {
    let script = "id=$(xdotool search --onlyvisible --name '^Wallwatch$' | head -1); xdotool windowfocus --sync $id key $0";
    let program = wallwatch_test_support::Program::shell(script)
        .arg(key)
        .env("DISPLAY", cast.stage.screen.display());
    program.succeed();
}

#[test]
fn a_second_start_shows_the_window_of_the_first_and_ends() {
    let mut cast = stage().cast();
    let second = cast.stage.program(&[]).output();
    assert_eq!(second.code, Some(0), "{}", second.text());
    assert!(
        second.stderr.contains("running already"),
        "{}",
        second.stderr
    );
    cast.tray_says("the window is open");
    let hidden = cast.stage.program(&["--hidden"]).output();
    assert_eq!(hidden.code, Some(0));
    assert!(cast.tray.is_running());
    assert_eq!(cast.tray.log().matches("the window is open").count(), 1);
}

#[test]
fn it_ends_cleanly_when_asked_to() {
    for way in ["TERM", "INT", "menu"] {
        let mut cast = stage().cast();
        match way {
            "menu" => cast.panel.choose("Quit"),
            signal => cast.tray.signal(signal),
        }
        assert_eq!(
            cast.tray.wait(SOON).and_then(|status| status.code()),
            Some(0),
            "{way}: {}",
            cast.tray.log()
        );
    }
}

#[test]
fn without_a_display_a_sentence_says_what_to_do() {
    let stage = stage();
    let output = stage.program(&[]).env("DISPLAY", ":4096").output();
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("wallwatchctl watch"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}
