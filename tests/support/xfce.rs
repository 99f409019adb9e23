//! A real Xfce desktop on a screen in memory: panel with a tray, notification daemon, window manager.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    process::{self, Program, wait_until},
    session::{SCREEN, START_LIMIT, Session},
    system_bus::SystemBus,
};

/// A part of the screen in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// To the right.
    pub width: u32,
    /// Downwards.
    pub height: u32,
}

/// The whole panel at the top edge.
pub const PANEL: Area = Area {
    x: 0,
    y: 0,
    width: SCREEN.0,
    height: 30,
};
/// Where xfce4-notifyd shows popups with `notify-location` 2: the upper right, below the panel.
pub const POPUPS: Area = Area {
    x: SCREEN.0 - 500,
    y: 31,
    width: 500,
    height: 300,
};

/// The desktop.
#[derive(Debug)]
pub struct Xfce {
    /// The session that it stands in.
    pub session: Session,
}

impl Xfce {
    /// Starts it with the private user files of `bus`.
    #[must_use]
    pub fn start(bus: &SystemBus) -> Self {
        let session = Session::start(bus);
        session.write_setting("xsettings", XSETTINGS);
        session.write_setting("xfce4-panel", PANEL_SETTINGS);
        session.write_setting("xfce4-notifyd", NOTIFYD_SETTINGS);
        let mut desktop = Self { session };
        desktop
            .session
            .launch(bus, Program::new("xfwm4").arg("--compositor=off"));
        desktop.session.launch(bus, Program::new(notifyd()));
        desktop
            .session
            .wait_for_name(bus, "org.freedesktop.Notifications");
        let bare = desktop.screenshot(bus, "xfce-bare");
        desktop
            .session
            .launch(bus, Program::new("xfce4-panel").arg("--disable-wm-check"));
        desktop
            .session
            .wait_for_name(bus, "org.kde.StatusNotifierWatcher");
        wait_until("the panel is painted", START_LIMIT, || {
            changed_pixels(&bare, &desktop.screenshot(bus, "xfce-empty"), PANEL)
                > u64::from(PANEL.width)
        });
        desktop
    }

    /// Takes a picture of the screen into the build folder.
    #[must_use]
    pub fn screenshot(&self, bus: &SystemBus, name: &str) -> PathBuf {
        let directory = process::target().join("screenshots");
        fs::create_dir_all(&directory).expect("a directory can be made in the build folder");
        let taken = self.session.path("picture.png");
        self.session
            .program(
                bus,
                Program::new("import").args(["-window", "root"]).arg(&taken),
            )
            .succeed();
        let kept = directory.join(name).with_extension("png");
        fs::copy(taken, &kept).expect("a picture can be copied into the build folder");
        kept
    }
}

/// How many pixels of `area` differ between two pictures.
#[must_use]
pub fn changed_pixels(before: &Path, after: &Path, area: Area) -> u64 {
    let crop = format!("{}x{}+{}+{}", area.width, area.height, area.x, area.y);
    let program = Program::new("compare")
        .args(["-metric", "AE", "-extract", &crop])
        .arg(before)
        .arg(after)
        .arg("null:");
    // compare(1) exits with 1 where the pictures differ, and prints the count to standard error.
    let output = program.output();
    let number = output
        .stderr
        .split_whitespace()
        .next()
        .and_then(|word| word.parse::<f64>().ok());
    let Some(number) = number else {
        panic!("compare cannot compare: {}", output.text())
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of pixels of one screen"
    )]
    let count = number as u64;
    count
}

/// The notification daemon; its directory names the machine's architecture.
fn notifyd() -> PathBuf {
    let libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let paths = libraries.map(|entry| entry.path().join("xfce4/notifyd/xfce4-notifyd"));
    let other = PathBuf::from("/usr/lib/xfce4/notifyd/xfce4-notifyd");
    paths
        .chain([other])
        .find(|path| path.exists())
        .expect("xfce4-notifyd is installed")
}

const XSETTINGS: &str = r#"<property name="Net" type="empty">
<property name="ThemeName" type="string" value="Adwaita"/><property name="IconThemeName" type="string" value="Adwaita"/>
</property>"#;

const PANEL_SETTINGS: &str = r#"<property name="configver" type="int" value="2"/>
<property name="panels" type="array"><value type="int" value="1"/><property name="panel-1" type="empty">
<property name="position" type="string" value="p=6;x=0;y=0"/><property name="length" type="uint" value="100"/>
<property name="position-locked" type="bool" value="true"/><property name="size" type="uint" value="30"/>
<property name="icon-size" type="uint" value="22"/><property name="plugin-ids" type="array">
<value type="int" value="1"/><value type="int" value="2"/><value type="int" value="3"/></property></property></property>
<property name="plugins" type="empty"><property name="plugin-1" type="string" value="tasklist"/>
<property name="plugin-2" type="string" value="separator"><property name="expand" type="bool" value="true"/></property>
<property name="plugin-3" type="string" value="systray"><property name="square-icons" type="bool" value="true"/></property>
</property>"#;

const NOTIFYD_SETTINGS: &str = r#"<property name="do-not-disturb" type="bool" value="false"/>
<property name="notify-location" type="uint" value="2"/><property name="log-level" type="uint" value="0"/>"#;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_notification_changes_the_pixels_of_the_popups_area() {
        crate::require_root!();
        let bus = SystemBus::start();
        let desktop = Xfce::start(&bus);
        let mut notify = Program::new("gdbus").args([
            "call",
            "--session",
            "-d",
            "org.freedesktop.Notifications",
        ]);
        notify = notify.args([
            "-o",
            "/org/freedesktop/Notifications",
            "-m",
            "org.freedesktop.Notifications.Notify",
        ]);
        let notify = notify.args(["test", "0", "", "Hello", "World", "[]", "{}", "5000"]);
        let before = desktop.screenshot(&bus, "support-before");
        desktop.session.program(&bus, notify).succeed();
        wait_until(
            "the popup is on the screen",
            Duration::from_secs(10),
            || {
                let after = desktop.screenshot(&bus, "support-after");
                changed_pixels(&before, &after, POPUPS) > 1000
            },
        );
    }
}
