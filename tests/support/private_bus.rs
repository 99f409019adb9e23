//! A bus of a test's own, where anybody may own any name and nothing is activated, and a screen in memory.

use std::{os::unix::net::UnixStream, path::PathBuf, time::Duration};

use crate::{
    process::{Process, Program, wait_until},
    temp::TempDir,
};

/// How long each may need to start.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A dbus-daemon; it can be ended and started again at the same address.
#[derive(Debug)]
pub struct PrivateBus {
    daemon: Option<Process>,
    dir: TempDir,
}

impl PrivateBus {
    /// A bus that runs.
    #[must_use]
    pub fn start() -> Self {
        let mut bus = Self::stopped();
        bus.restart();
        bus
    }

    /// A bus that does not run yet.
    #[must_use]
    pub fn stopped() -> Self {
        Self {
            daemon: None,
            dir: TempDir::new(),
        }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("bus")
    }

    /// Its address, whether it runs or not.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    /// Ends it; who is connected loses the connection.
    pub fn stop(&mut self) {
        self.daemon = None;
        drop(std::fs::remove_file(self.socket()));
    }

    /// Ends it where it runs, and starts it.
    pub fn restart(&mut self) {
        self.stop();
        let config = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"
                \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">
            <busconfig><type>session</type><keep_umask/><listen>{}</listen><auth>EXTERNAL</auth>
            <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>
            <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            self.address()
        );
        let file = self.dir.write("bus.conf", config);
        let daemon = Program::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--config-file"])
            .arg(file);
        self.daemon = Some(daemon.start());
        // The socket's file is there before anybody listens on it.
        wait_until("the bus is up", START_LIMIT, || {
            UnixStream::connect(self.socket()).is_ok()
        });
    }
}

/// Xvfb: an X display that nobody sees.
#[derive(Debug)]
pub struct Screen {
    _server: Process,
    display: String,
    _dir: TempDir,
}

impl Screen {
    /// A screen of a size in pixels, as `1100x700`.
    #[must_use]
    pub fn start(size: &str) -> Self {
        let dir = TempDir::new();
        let number = dir.path().join("display");
        let script = "exec Xvfb -displayfd 7 -screen 0 \"$1\" -nolisten tcp -ac 7>\"$2\"";
        let server = Program::shell(script)
            .args(["sh", &format!("{size}x24")])
            .arg(&number)
            .start();
        let mut display = String::new();
        wait_until("Xvfb is up", START_LIMIT, || {
            display = std::fs::read_to_string(&number).unwrap_or_default();
            display.ends_with('\n')
        });
        Self {
            _server: server,
            display: format!(":{}", display.trim()),
            _dir: dir,
        }
    }

    /// What DISPLAY shall be.
    #[must_use]
    pub fn display(&self) -> &str {
        &self.display
    }
}
