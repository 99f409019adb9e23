//! The helper that goes, comes back, forgets, and lets nobody in for a while: the tray is whole again and tells each alert once.

use std::{thread::sleep, time::Duration};

use wallwatch_dbus::Alert;
use wallwatch_test_support::{
    FakePolkit, Stage,
    process::{holds_within, now},
    stage::{A_WHILE, Cast, SOON, scan},
    wait_until,
};

/// What was missed is there so soon after the helper is.
const WHOLE: Duration = Duration::from_secs(2);

fn cast() -> Cast {
    Stage::new(env!("CARGO_BIN_EXE_wallwatch")).cast()
}

/// How often the tray told that the helper cannot be reached.
fn complaints(cast: &Cast) -> usize {
    cast.tray.log().matches("helper: ").count()
}

/// Within [`WHOLE`] from now there are notifications about these sources, one each, and the menu has the last of them.
fn assert_whole(cast: &Cast, before: usize, sources: &[&str]) {
    let start = now();
    let whole = || {
        let notes = cast.notifier.notes();
        notes.len() >= before + sources.len()
            && sources.last().is_none_or(|last| cast.has_entry(last))
    };
    assert!(holds_within(WHOLE, whole), "{:?}", cast.notifier.notes());
    let took = start.elapsed();
    let notes = cast.notes(before + sources.len()).split_off(before);
    for source in sources {
        let about = format!("{source} ");
        let count = notes
            .iter()
            .filter(|note| note.body.contains(&about))
            .count();
        assert_eq!(count, 1, "{source} after {took:?}: {notes:?}");
    }
}

#[test]
fn a_helper_that_crashes_while_attacks_go_on_is_caught_up_with_at_once() {
    let cast = cast();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(cast.notes(1).len(), 1);
    for round in 0..3_u64 {
        let before = cast.notifier.notes().len();
        cast.helper.disown();
        // The first is one that was never told, the second one that nobody was there to hear.
        let sources = [10, 20].map(|n| format!("192.0.2.{}", n + round));
        for (id, source) in (0..).zip(&sources) {
            cast.helper.keep(scan(100 + 10 * round + id, source, 3));
        }
        cast.helper.own();
        assert_whole(&cast, before, &sources.each_ref().map(String::as_str));
    }
    cast.no_more_notes_than(7);
    assert!(
        !cast.tooltip().contains("Not watching"),
        "{}",
        cast.tooltip()
    );
}

#[test]
fn a_session_that_comes_back_to_the_front_is_served_at_once() {
    let cast = cast();
    let polkit = FakePolkit::start(&cast.stage.system.address());
    sleep(A_WHILE);
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(cast.notes(1).len(), 1);
    let told = complaints(&cast);
    // Another user's session comes to the front, which polkit tells several times.
    cast.helper.refuse(true);
    cast.helper.drop_subscribers();
    (0..20).for_each(|_| polkit.changed());
    cast.wait_tooltip("Another user's session is in front");
    cast.helper.change(scan(8, "192.0.2.8", 3));
    for _ in 0..5 {
        polkit.changed();
        sleep(Duration::from_millis(300));
    }
    cast.no_more_notes_than(1);
    assert_eq!(complaints(&cast), told + 1, "{}", cast.tray.log());
    // And goes.
    cast.helper.refuse(false);
    polkit.changed();
    assert_whole(&cast, 1, &["192.0.2.8"]);
    cast.wait_tooltip("Last: 192.0.2.8");
    cast.helper.change(scan(9, "192.0.2.9", 3));
    assert_whole(&cast, 2, &["192.0.2.9"]);
    cast.no_more_notes_than(3);
}

#[test]
fn a_burst_of_changes_of_rights_is_one_question_a_second() {
    let cast = cast();
    let polkit = FakePolkit::start(&cast.stage.system.address());
    sleep(A_WHILE);
    let (before, start) = (cast.helper.subscriptions(), now());
    while start.elapsed() < Duration::from_secs(3) {
        polkit.changed();
        sleep(Duration::from_millis(2));
    }
    sleep(A_WHILE);
    let seconds = usize::try_from(start.elapsed().as_secs()).expect("it is a small number");
    let asked = cast.helper.subscriptions() - before;
    assert!(asked >= 2 && asked <= seconds + 1, "{asked} in {seconds} s");
    assert_eq!(complaints(&cast), 0, "{}", cast.tray.log());
}

#[test]
fn a_subscription_that_was_lost_without_a_word_comes_back_with_what_was_missed() {
    let cast = cast();
    let polkit = FakePolkit::start(&cast.stage.system.address());
    sleep(A_WHILE);
    // A session that was away so shortly that the tray never asked meanwhile.
    cast.helper.drop_subscribers();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.no_more_notes_than(0);
    polkit.changed();
    assert_whole(&cast, 0, &["192.0.2.7"]);
    assert_eq!(complaints(&cast), 0, "{}", cast.tray.log());
}

#[test]
fn numbers_that_began_anew_mean_other_incidents() {
    let cast = cast();
    for id in 1..=9 {
        cast.helper.change(scan(id, &format!("192.0.2.{id}"), 3));
    }
    assert_eq!(cast.notes(9).len(), 9);
    cast.helper.disown();
    cast.wait_tooltip("Not watching");
    cast.helper.began_anew();
    // One whose number an old one had, and one that was raised before and is thus no news.
    let later = scan(1, "198.51.100.1", 3);
    cast.helper.keep(Alert {
        raised_at: later.raised_at + 60_000_000,
        last_seen: later.last_seen + 60_000_000,
        ..later
    });
    cast.helper.keep(scan(2, "198.51.100.2", 3));
    cast.helper.own();
    assert_whole(&cast, 9, &["198.51.100.1"]);
    cast.wait_entry("198.51.100.2");
    wait_until("what was told before is gone", SOON, || {
        !cast.has_entry("192.0.2.")
    });
    cast.helper.change(scan(3, "198.51.100.3", 3));
    assert_whole(&cast, 10, &["198.51.100.3"]);
    cast.no_more_notes_than(11);
}

#[test]
fn a_system_bus_that_restarts_again_and_again_is_found_each_time() {
    let Cast {
        mut tray,
        mut helper,
        panel,
        notifier,
        mut stage,
    } = cast();
    for round in 1..=3_u64 {
        drop(helper);
        stage.system.stop();
        wait_until("the icon tells it", SOON, || {
            panel
                .item()
                .is_some_and(|item| item.tooltip.contains("there is no system bus"))
        });
        stage.system.restart();
        helper = wallwatch_test_support::FakeHelper::start(&stage.system.address());
        helper.number_from(round * 1000);
        helper.keep(scan(round, &format!("192.0.2.{round}"), 3));
        let expected = usize::try_from(round).expect("it is a small number");
        wait_until("what came meanwhile pops up", SOON, || {
            notifier.notes().len() == expected
        });
    }
    sleep(A_WHILE);
    assert_eq!(notifier.notes().len(), 3, "{:?}", notifier.notes());
    assert!(tray.is_running());
}
