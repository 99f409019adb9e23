//! A real firewalld in a namespace, with a bus of its own.

use std::{path::PathBuf, time::Duration};

use crate::{
    netns::NetNs,
    process::{Process, Program, target, wait_until},
    temp::TempDir,
};

/// How long it may need to come up.
const LIMIT: Duration = Duration::from_secs(30);

/// The daemon.
#[derive(Debug)]
pub struct Firewalld {
    // In the order in which they are taken down.
    _daemon: Process,
    _bus: Process,
    dir: TempDir,
    root: PathBuf,
}

impl Firewalld {
    /// Starts it in this namespace, with its defaults. It is not installed, because that alone would change the
    /// machine's firewall: scripts/unpack.sh has unpacked it.
    #[must_use]
    pub fn start(net: &NetNs) -> Self {
        let dir = TempDir::new();
        let unpacked = target().join("unpacked");
        let installed = PathBuf::from("/");
        let has_it = |root: &PathBuf| root.join("usr/sbin/firewalld").exists();
        let root = [unpacked, installed].into_iter().find(has_it);
        let root = root.expect("firewalld is there: scripts/unpack.sh firewalld");
        let socket = dir.path().join("bus");
        let policy = dir.write(
            "bus.conf",
            format!(
                "<busconfig><type>system</type><listen>unix:path={}</listen><policy context='default'>\
                 <allow user='*'/><allow own='*'/><allow send_destination='*'/><allow receive_sender='*'/></policy></busconfig>",
                socket.display()
            ),
        );
        let mut option = std::ffi::OsString::from("--config-file=");
        option.push(policy);
        let bus = Program::new("dbus-daemon")
            .arg(option)
            .args(["--nofork", "--nopidfile"])
            .start();
        wait_until("the bus is there", LIMIT, || socket.exists());
        std::fs::create_dir(dir.path().join("config")).expect("a directory can be made");
        let daemon = Program::new("/usr/bin/python3")
            .arg(root.join("usr/sbin/firewalld"))
            .args([
                "--nofork",
                "--nopid",
                "--log-target",
                "console",
                "--default-config",
            ])
            .arg(root.join("usr/lib/firewalld"))
            .arg("--system-config")
            .arg(dir.path().join("config"))
            .env(
                "DBUS_SYSTEM_BUS_ADDRESS",
                format!("unix:path={}", socket.display()),
            );
        let daemon = net.inside(daemon).start();
        let firewalld = Self {
            _daemon: daemon,
            _bus: bus,
            dir,
            root,
        };
        wait_until("firewalld works", LIMIT, || {
            firewalld.client(&["--state"]).output().ok()
        });
        firewalld
    }

    /// firewall-cmd(1) with these arguments, that speaks with it.
    #[must_use]
    pub fn client(&self, arguments: &[&str]) -> Program {
        Program::new("/usr/bin/python3")
            .arg(self.root.join("usr/bin/firewall-cmd"))
            .args(arguments)
            .env(
                "DBUS_SYSTEM_BUS_ADDRESS",
                format!("unix:path={}", self.dir.path().join("bus").display()),
            )
    }
}
