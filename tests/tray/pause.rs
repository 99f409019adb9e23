//! The pause of popups: from the menu, from wallwatchctl's side of the bus, over a restart, and to its end.

use std::{fs, time::Duration};

use wallwatch_dbus::ControlProxy;
use wallwatch_test_support::{
    Stage,
    background::Background,
    stage::{A_WHILE, Cast, SOON, scan},
    wait_until,
};
use zbus::{Connection, connection};

fn cast() -> Cast {
    Stage::new(env!("CARGO_BIN_EXE_wallwatch")).cast()
}

/// Asks the control object of the session.
struct Asker {
    connection: Connection,
    background: Background,
}

impl Asker {
    fn new(cast: &Cast) -> Self {
        let background = Background::start();
        let connection = background
            .run(connection::Builder::address(cast.stage.session.address().as_str()).build())
            .expect("the private session bus takes a connection");
        Self {
            connection,
            background,
        }
    }

    fn ask<T>(
        &self,
        question: impl AsyncFnOnce(ControlProxy<'static>) -> zbus::Result<T>,
    ) -> zbus::Result<T> {
        self.background.run(async {
            let builder = ControlProxy::builder(&self.connection)
                .cache_properties(zbus::proxy::CacheProperties::No);
            question(builder.build().await?).await
        })
    }
}

#[test]
fn a_pause_from_the_menu_stops_popups_while_history_goes_on() {
    let cast = cast();
    cast.panel.choose("until I resume");
    cast.wait_tooltip("paused until you resume");
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.wait_entry("192.0.2.7");
    cast.no_more_notes_than(0);
    cast.panel.choose("Resume now");
    wait_until("the pause is over", SOON, || {
        !cast.tooltip().contains("paused")
    });
    assert!(!cast.has_entry("Resume now"));
    cast.helper.change(scan(8, "192.0.2.8", 3));
    assert!(cast.notes(1)[0].body.contains("192.0.2.8"));
}

#[test]
fn a_middle_click_toggles_the_pause() {
    let cast = cast();
    cast.panel.click("SecondaryActivate");
    cast.wait_tooltip("they resume at");
    cast.panel.click("SecondaryActivate");
    wait_until("the pause is over", SOON, || {
        !cast.tooltip().contains("paused")
    });
}

#[test]
fn a_pause_is_remembered_over_a_restart() {
    let Cast {
        mut tray,
        helper,
        panel,
        notifier,
        stage,
    } = cast();
    panel.choose("for 1 hour");
    wait_until("the pause is written", SOON, || stage.pause_file().exists());
    tray.stop();
    let tray = stage.tray();
    wait_until("the icon tells it", SOON, || {
        panel
            .item()
            .is_some_and(|item| item.tooltip.contains("they resume at"))
    });
    let cast = Cast {
        tray,
        helper,
        panel,
        notifier,
        stage,
    };
    cast.helper.change(scan(7, "192.0.2.7", 3));
    cast.no_more_notes_than(0);
}

#[test]
fn a_pause_ends_on_time() {
    let cast = cast();
    let asker = Asker::new(&cast);
    asker.ask(async |control| control.pause(2).await).unwrap();
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert!(
        asker
            .ask(async |control| control.paused_until().await)
            .unwrap()
            > 0
    );
    wait_until("the pause is over", Duration::from_secs(5), || {
        asker
            .ask(async |control| control.paused_until().await)
            .is_ok_and(|until| until == 0)
    });
    assert!(!cast.stage.pause_file().exists());
    cast.helper.change(scan(8, "192.0.2.8", 3));
    assert!(cast.notes(1)[0].body.contains("192.0.2.8"));
}

#[test]
fn a_pause_that_ended_while_nobody_looked_is_over() {
    let Cast {
        mut tray,
        helper,
        panel,
        notifier,
        stage,
    } = cast();
    tray.stop();
    fs::create_dir_all(stage.pause_file().parent().unwrap()).unwrap();
    fs::write(stage.pause_file(), "since = 1000000\nuntil = 2000000\n").unwrap();
    let tray = stage.tray();
    let cast = Cast {
        tray,
        helper,
        panel,
        notifier,
        stage,
    };
    wait_until("the helper has another subscriber", SOON, || {
        cast.helper.subscriptions() == 2
    });
    cast.tray_says("the session bus is served");
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(cast.notes(1).len(), 1);
}

#[test]
fn wallwatchctl_can_pause_resume_show_and_ask_what_was_shown() {
    let cast = cast();
    let asker = Asker::new(&cast);
    assert_eq!(
        asker
            .ask(async |control| control.paused_until().await)
            .unwrap(),
        0
    );
    asker.ask(async |control| control.pause(0).await).unwrap();
    wait_until("it is paused without end", SOON, || {
        asker
            .ask(async |control| control.paused_until().await)
            .is_ok_and(|until| until == i64::MAX)
    });
    assert!(
        asker
            .ask(async |control| control.pause(u64::MAX).await)
            .is_err(),
        "a pause has a sane length"
    );
    asker.ask(async |control| control.resume().await).unwrap();
    wait_until("it is resumed", SOON, || {
        asker
            .ask(async |control| control.paused_until().await)
            .is_ok_and(|until| until == 0)
    });
    cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(cast.notes(1).len(), 1);
    wait_until("incident 7 was shown", SOON, || {
        asker
            .ask(async |control| control.was_shown(7).await)
            .is_ok_and(|shown| shown)
    });
    assert!(
        !asker
            .ask(async |control| control.was_shown(8).await)
            .unwrap()
    );
    asker.ask(async |control| control.show(7).await).unwrap();
    cast.tray_says("the window is open");
    std::thread::sleep(A_WHILE);
    assert!(
        !cast.tray.log().contains("not in the list"),
        "{}",
        cast.tray.log()
    );
}
