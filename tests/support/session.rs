//! A session of the desktop's user: a screen in memory, a session bus, and throw-away directories.
//!
//! It belongs to [`ALICE`], so no setting of the user's own is read or changed. The test itself, which is root's, may join
//! the session bus too: there stand the fake panel and the fake notification server.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    process::{Process, Program, wait_until},
    system_bus::{ALICE, SystemBus},
    temp::TempDir,
};

/// How long each part may need to start.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(30);
/// Width and height of the screen in pixels.
pub const SCREEN: (u32, u32) = (1100, 700);

/// The session.
#[derive(Debug)]
pub struct Session {
    // In the order in which they are taken down.
    programs: Vec<Process>,
    environment: Vec<(String, String)>,
    home: TempDir,
}

impl Session {
    /// Starts it with the private user files of `bus`.
    #[must_use]
    pub fn start(bus: &SystemBus) -> Self {
        let mut session = Self {
            programs: Vec::new(),
            environment: Vec::new(),
            home: TempDir::new(),
        };
        session.make_home();
        session.start_screen(bus);
        session.start_session_bus(bus);
        session
    }

    /// The session bus's address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.path("run/bus").display())
    }

    /// What leads a program to the session: `DISPLAY`, `DBUS_SESSION_BUS_ADDRESS` and the user's directories.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
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

    /// A directory or file of the desktop's user.
    pub fn path(&self, name: &str) -> PathBuf {
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
    }

    /// Sets a variable of every program's environment.
    fn set(&mut self, variable: &str, value: &str) {
        self.environment
            .push((variable.to_owned(), value.to_owned()));
    }

    /// Writes the settings of one of xfconf's channels.
    pub fn write_setting(&self, channel: &str, properties: &str) {
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
        // Where there never was an X server, the first one makes this, and must not be a user's: others would refuse it.
        Program::shell("[ -d /tmp/.X11-unix ] || mkdir -m 1777 /tmp/.X11-unix").succeed();
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
            <allow eavesdrop=\"true\"/><allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>",
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
        // The socket is there before anybody listens to it.
        wait_until("the session bus is up", START_LIMIT, || {
            UnixStream::connect(&socket).is_ok()
        });
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

/// The first line of a file once it is whole.
fn read_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.ends_with('\n').then(|| text.trim().to_owned())
}
