//! A real Xfce desktop on a screen in memory: panel with a tray, notification daemon, window manager.
//!
//! Everything runs as [`ALICE`] with throw-away directories, so no setting of the user's own is read or changed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    process::{self, Process, Program, wait_until},
    system_bus::{ALICE, SystemBus},
    temp::TempDir,
};

/// How long each part may need to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Width and height of the screen in pixels.
pub const SCREEN: (u32, u32) = (1100, 700);

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
    // In the order in which they are taken down.
    programs: Vec<Process>,
    environment: Vec<(String, String)>,
    home: TempDir,
}

impl Xfce {
    /// Starts it with the private user files of `bus`.
    #[must_use]
    pub fn start(bus: &SystemBus) -> Self {
        let home = TempDir::new();
        let mut desktop = Self {
            programs: Vec::new(),
            environment: Vec::new(),
            home,
        };
        desktop.make_home();
        desktop.start_screen(bus);
        desktop.start_session_bus(bus);
        desktop.launch(bus, Program::new("xfwm4").arg("--compositor=off"));
        desktop.launch(bus, Program::new(notifyd()));
        desktop.wait_for_name(bus, "org.freedesktop.Notifications");
        let bare = desktop.screenshot(bus, "xfce-bare");
        desktop.launch(bus, Program::new("xfce4-panel").arg("--disable-wm-check"));
        desktop.wait_for_name(bus, "org.kde.StatusNotifierWatcher");
        wait_until("the panel is painted", START_LIMIT, || {
            changed_pixels(&bare, &desktop.screenshot(bus, "xfce-empty"), PANEL)
                > u64::from(PANEL.width)
        });
        desktop
    }

    /// A program of the desktop's user, inside the desktop's session and the mount namespace of `bus`.
    #[must_use]
    pub fn program(&self, bus: &SystemBus, program: Program) -> Program {
        let variables = self.environment.iter().cloned();
        let program = variables.fold(program.clean_env(), |program, (key, value)| {
            program.env(key, value)
        });
        bus.inside(program.as_user(ALICE, &[]))
    }

    /// Starts a program of the desktop's user; it ends with the desktop.
    pub fn launch(&mut self, bus: &SystemBus, program: Program) {
        let process = self.program(bus, program).start();
        self.programs.insert(0, process);
    }

    /// Takes a picture of the screen into the build folder.
    #[must_use]
    pub fn screenshot(&self, bus: &SystemBus, name: &str) -> PathBuf {
        let directory = process::target().join("screenshots");
        fs::create_dir_all(&directory).expect("a directory can be made in the build folder");
        let taken = self.path("picture.png");
        self.program(
            bus,
            Program::new("import").args(["-window", "root"]).arg(&taken),
        )
        .succeed();
        let kept = directory.join(name).with_extension("png");
        fs::copy(taken, &kept).expect("a picture can be copied into the build folder");
        kept
    }

    /// A directory or file of the desktop's user.
    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("alice").join(name)
    }

    /// The user's directories and settings, and the environment that leads to them.
    fn make_home(&mut self) {
        self.home.private("alice", ALICE);
        let directories = [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_RUNTIME_DIR", "run"),
        ];
        for (variable, name) in directories {
            let path = self.home.private(&format!("alice/{name}"), ALICE);
            self.set(variable, &path.to_string_lossy());
        }
        let fixed = [
            ("XDG_SESSION_TYPE", "x11"),
            ("XDG_CURRENT_DESKTOP", "XFCE"),
            ("GDK_BACKEND", "x11"),
            ("LANG", "C.UTF-8"),
            ("NO_AT_BRIDGE", "1"),
        ];
        for (variable, value) in fixed {
            self.set(variable, value);
        }
        self.write_setting("xsettings", XSETTINGS);
        self.write_setting("xfce4-panel", PANEL_SETTINGS);
        self.write_setting("xfce4-notifyd", NOTIFYD_SETTINGS);
    }

    /// Sets a variable of every program's environment.
    fn set(&mut self, variable: &str, value: &str) {
        self.environment
            .push((variable.to_owned(), value.to_owned()));
    }

    /// Writes the settings of one of xfconf's channels.
    fn write_setting(&self, channel: &str, properties: &str) {
        let name = "alice/config/xfce4/xfconf/xfce-perchannel-xml";
        let mut made = PathBuf::from("alice");
        for part in Path::new(name).components().skip(1) {
            made.push(part);
            self.home.private(&made.to_string_lossy(), ALICE);
        }
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<channel name=\"{channel}\" version=\"1.0\">{properties}</channel>\n"
        );
        let file = self.home.write(&format!("{name}/{channel}.xml"), text);
        std::os::unix::fs::chown(file, Some(ALICE), Some(ALICE))
            .expect("root can give a file away");
    }

    /// Starts Xvfb; it chooses the display's number.
    fn start_screen(&mut self, bus: &SystemBus) {
        let number = self.path("display");
        let size = format!("{}x{}x24", SCREEN.0, SCREEN.1);
        let script = "exec Xvfb -displayfd 7 -screen 0 \"$1\" -nolisten tcp -ac 7>\"$2\"";
        self.launch(bus, Program::shell(script).args(["sh", &size]).arg(&number));
        wait_until("Xvfb is up", START_LIMIT, || read_line(&number).is_some());
        self.set(
            "DISPLAY",
            &format!(":{}", read_line(&number).expect("Xvfb wrote its number")),
        );
    }

    /// Starts a session bus that activates nothing of what is tested: a second notification daemon may be installed.
    fn start_session_bus(&mut self, bus: &SystemBus) {
        let services = self.home.private("alice/services", ALICE);
        for entry in fs::read_dir("/usr/share/dbus-1/services")
            .into_iter()
            .flatten()
            .flatten()
        {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            if ![
                "org.freedesktop.Notifications",
                "org.kde.StatusNotifierWatcher",
            ]
            .iter()
            .any(|name| text.contains(name))
            {
                std::os::unix::fs::symlink(entry.path(), services.join(entry.file_name()))
                    .expect("a link can be made");
            }
        }
        let config = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"
                \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">
            <busconfig><type>session</type><keep_umask/><listen>unix:path={}</listen><auth>EXTERNAL</auth>
            <servicedir>{}</servicedir><policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>
            <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            self.path("run/bus").display(),
            services.display()
        );
        let file = self.home.write("session.conf", config);
        self.launch(
            bus,
            Program::new("dbus-daemon")
                .args(["--nofork", "--nopidfile", "--config-file"])
                .arg(file),
        );
        let socket = self.path("run/bus");
        wait_until("the session bus is up", START_LIMIT, || socket.exists());
        self.set(
            "DBUS_SESSION_BUS_ADDRESS",
            &format!("unix:path={}", socket.display()),
        );
    }

    /// Waits until somebody owns `name` on the session bus.
    pub fn wait_for_name(&self, bus: &SystemBus, name: &str) {
        let ask = Program::new("dbus-send").args([
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/",
            "org.freedesktop.DBus.NameHasOwner",
        ]);
        let ask = self.program(bus, ask.arg(format!("string:{name}")));
        wait_until(name, START_LIMIT, || {
            ask.output().stdout.contains("boolean true")
        });
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

/// The first line of a file once it is whole.
fn read_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.ends_with('\n').then(|| text.trim().to_owned())
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
        desktop.program(&bus, notify).succeed();
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
