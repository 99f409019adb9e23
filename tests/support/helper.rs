//! The real helper, with the rights it has when installed: an own user and two capabilities.

use std::{path::PathBuf, time::Duration};

use wallwatch_dbus::names::HELPER_BUS_NAME;

use crate::{
    netns::NetNs,
    process::{self, Process, Program, wait_until},
    system_bus::{SystemBus, WALLWATCH},
    temp::TempDir,
};

/// How long the helper may need until it has its name on the bus.
const START_LIMIT: Duration = Duration::from_secs(10);

/// The capabilities of the unit file: for netlink and nftables, and for /dev/kmsg.
pub const RIGHTS: [&str; 2] = ["net_admin", "syslog"];

/// A running helper.
#[derive(Debug)]
pub struct Helper {
    process: Process,
    program: Program,
    state: TempDir,
}

impl Helper {
    /// Starts it in `net` on `bus` with `--capture on`, and waits until it serves.
    #[must_use]
    pub fn start(bus: &SystemBus, net: &NetNs) -> Self {
        Self::start_with(bus, net, &["--capture", "on"])
    }

    /// As [`Self::start`], with these arguments.
    #[must_use]
    pub fn start_with(bus: &SystemBus, net: &NetNs, arguments: &[&str]) -> Self {
        let mut helper = Self::launch(bus, net, &RIGHTS, arguments);
        helper.wait_for_name(bus);
        helper
    }

    /// Waits until it serves.
    pub fn wait_for_name(&mut self, bus: &SystemBus) {
        wait_until("the helper has its name", START_LIMIT, || {
            assert!(
                self.process.is_running(),
                "the helper ended: {}",
                self.process.log()
            );
            bus.has_name(HELPER_BUS_NAME)
        });
    }

    /// Starts it with these capabilities, as [`RIGHTS`], and does not wait for anything.
    #[must_use]
    pub fn launch(bus: &SystemBus, net: &NetNs, capabilities: &[&str], arguments: &[&str]) -> Self {
        Self::launch_altered(bus, net, capabilities, arguments, |program| program)
    }

    /// As [`Self::launch`], started as `alter` wants it, with another environment for example.
    #[must_use]
    pub fn launch_altered(
        bus: &SystemBus,
        net: &NetNs,
        capabilities: &[&str],
        arguments: &[&str],
        alter: impl FnOnce(Program) -> Program,
    ) -> Self {
        let state = TempDir::new();
        let directory = state.private("state", WALLWATCH);
        let program = bus
            .program("wallwatch-helper")
            .arg("--state-dir")
            .arg(directory)
            .args(arguments);
        let program = net.inside(program.clean_env().as_user(WALLWATCH, capabilities));
        let program = alter(program);
        Self {
            process: program.start(),
            program,
            state,
        }
    }

    /// Kills it outright, as a crash would.
    pub fn crash(&mut self) {
        self.process.signal("KILL");
        self.process.wait(START_LIMIT);
    }

    /// Starts it again after [`Self::crash`], as it was started, with what it left behind; waits for nothing.
    pub fn restart(&mut self) {
        self.process = self.program.start();
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.state.path().join("state")
    }
}

/// The variables that name the binaries to be tested; scripts/test.sh sets them.
const VARIABLES: [(&str, &str); 3] = [
    ("wallwatch-helper", "WALLWATCH_HELPER"),
    ("wallwatch", "WALLWATCH_TRAY"),
    ("wallwatchctl", "WALLWATCHCTL"),
];

/// The binary of that name: the one its variable names, else the newest of the build folder, if there is one.
#[must_use]
pub fn built(name: &str) -> Option<PathBuf> {
    let named = VARIABLES
        .iter()
        .find(|(program, _)| *program == name)
        .and_then(|(_, variable)| std::env::var_os(variable));
    named.map(PathBuf::from).or_else(|| {
        let paths = ["release", "debug"].map(|profile| process::target().join(profile).join(name));
        paths
            .into_iter()
            .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
            .max()
            .map(|(_, path)| path)
    })
}
