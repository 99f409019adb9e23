//! The same on a real desktop: Xfce's panel shows the icon, its notification daemon the popup.

use std::{path::PathBuf, time::Duration};

use wallwatch_test_support::{
    Firewall, Scene, Xfce,
    netns::attacker_v4,
    process::wait_until,
    require_root,
    xfce::{Area, PANEL, POPUPS, changed_pixels},
};

/// How long icon or popup may take until they are painted.
const LIMIT: Duration = Duration::from_secs(20);
/// An icon of 22 pixels has at least so many that differ from the empty panel.
const ICON_PIXELS: u64 = 60;
/// A popup with two lines of text has at least so many that differ from the empty desktop.
const POPUP_PIXELS: u64 = 5000;

/// Takes pictures until `area` differs from `before` by so many pixels; returns the last picture.
fn picture_that_differs(
    desktop: &Xfce,
    scene: &Scene,
    name: &str,
    before: &std::path::Path,
    area: Area,
    least: u64,
) -> PathBuf {
    let mut picture = PathBuf::new();
    wait_until(&format!("{name}: {least} pixels differ"), LIMIT, || {
        picture = desktop.screenshot(&scene.bus, name);
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
    let watching = picture_that_differs(&desktop, &scene, "watching", &empty, PANEL, ICON_PIXELS);
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
    let alerted = picture_that_differs(&desktop, &scene, "scan", &empty, POPUPS, POPUP_PIXELS);
    let icon = changed_pixels(&watching, &alerted, PANEL);
    println!("{}: the icon changed by {icon} pixels", alerted.display());
    assert!(icon > 0, "the icon shows that there is something new");
}
