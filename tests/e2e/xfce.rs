//! The same on a real desktop: Xfce's panel shows the icon, its notification daemon the popup.

use std::{path::PathBuf, time::Duration};

use wallwatch_dbus::names::{CONTROL_BUS_NAME, CONTROL_PATH};
use wallwatch_test_support::{
    Firewall, Program, Scene, SystemBus, TestNet, Xfce,
    netns::attacker_v4,
    process::{project, target, wait_until},
    require_root,
    system_bus::ALICE,
    xfce::{Area, PANEL, POPUPS, changed_pixels},
};

/// How long icon or popup may take until they are painted.
const LIMIT: Duration = Duration::from_secs(20);
/// An icon of 22 pixels has at least so many that differ from the empty panel.
const ICON_PIXELS: u64 = 60;
/// Where no popup is, but the window in the middle of the screen reaches.
const BELOW_POPUPS: Area = Area {
    x: 200,
    y: 350,
    width: 700,
    height: 200,
};
/// A window with a list covers at least so many of those pixels.
const WINDOW_PIXELS: u64 = 70_000;
/// A popup with two lines of text has at least so many that differ from the empty desktop.
const POPUP_PIXELS: u64 = 5000;

/// Takes pictures until `area` differs from `before` by so many pixels; returns the last picture.
fn picture_that_differs(
    desktop: &Xfce,
    bus: &SystemBus,
    name: &str,
    before: &std::path::Path,
    area: Area,
    least: u64,
) -> PathBuf {
    let mut picture = PathBuf::new();
    wait_until(&format!("{name}: {least} pixels differ"), LIMIT, || {
        picture = desktop.screenshot(bus, name);
        changed_pixels(before, &picture, area) >= least
    });
    picture
}

#[test]
fn a_scan_is_seen_on_the_screen_as_an_icon_and_a_popup() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let mut desktop = Xfce::start(&scene.bus);
    let empty = desktop.screenshot(&scene.bus, "empty");

    desktop
        .session
        .launch(&scene.bus, scene.bus.program("wallwatch").arg("--hidden"));
    let watching =
        picture_that_differs(&desktop, &scene.bus, "watching", &empty, PANEL, ICON_PIXELS);
    assert_eq!(
        changed_pixels(&empty, &watching, POPUPS),
        0,
        "nothing pops up before something happens"
    );

    scene
        .net
        .nmap(attacker_v4(3).into())
        .args(["-sS", "-p", "1-1000"])
        .succeed();
    let alerted = picture_that_differs(&desktop, &scene.bus, "scan", &empty, POPUPS, POPUP_PIXELS);
    let icon = changed_pixels(&watching, &alerted, PANEL);
    println!("{}: the icon changed by {icon} pixels", alerted.display());
    assert!(icon > 0, "the icon shows that there is something new");

    // A second kind of attack, so that the window has something to list.
    scene
        .net
        .nmap(attacker_v4(4).into())
        .args(["-sX", "-p", "1-200"])
        .succeed();
    let show = Program::new("dbus-send")
        .args(["--session", "--print-reply"])
        .arg(format!("--dest={CONTROL_BUS_NAME}"))
        .args([
            CONTROL_PATH,
            &format!("{CONTROL_BUS_NAME}.Show"),
            "uint64:0",
        ]);
    desktop.session.program(&scene.bus, show).succeed();
    picture_that_differs(
        &desktop,
        &scene.bus,
        "window",
        &alerted,
        BELOW_POPUPS,
        WINDOW_PIXELS,
    );
}

#[test]
fn make_run_brings_its_icon_to_the_desktop_of_the_user_who_started_it() {
    require_root!();
    let bus = SystemBus::start();
    let net = TestNet::new(Firewall::DropInput);
    let desktop = Xfce::start(&bus);
    let empty = desktop.screenshot(&bus, "run-empty");
    // What `make run` does once it has built: its own bus, helper and tray, in the session of the user who ran sudo.
    let program = Program::new(project().join("scripts/run.sh"))
        .arg("--root")
        .clean_env();
    let program = program
        .env("STARTER", ALICE.to_string())
        .env("CARGO_TARGET_DIR", target());
    let session = desktop.session.environment().iter();
    let program = session.fold(program, |program, (name, value)| program.env(name, value));
    let mut run = net
        .victim
        .inside(bus.inside(program))
        .death_signal("TERM")
        .start();
    run.wait_for("attacks pop up on your desktop", LIMIT);
    picture_that_differs(&desktop, &bus, "run", &empty, PANEL, ICON_PIXELS);
    let ask = Program::new("dbus-send").args([
        "--session",
        "--print-reply",
        "--dest=org.freedesktop.DBus",
        "/",
    ]);
    let ask = ask.args([
        "org.freedesktop.DBus.GetConnectionUnixUser",
        &format!("string:{CONTROL_BUS_NAME}"),
    ]);
    let owner = desktop.session.program(&bus, ask).succeed();
    assert!(
        owner.contains(&format!("uint32 {ALICE}")),
        "the tray is the user's own: {owner}"
    );
    assert_eq!(
        run.stop().and_then(|status| status.code()),
        Some(0),
        "{}",
        run.log()
    );
}
