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

/// A running helper.
#[derive(Debug)]
pub struct Helper {
    process: Process,
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
        let mut helper = Self::launch(bus, net, "net_admin,syslog", arguments);
        wait_until("the helper has its name", START_LIMIT, || {
            assert!(
                helper.process.is_running(),
                "the helper ended: {}",
                helper.process.log()
            );
            bus.has_name(HELPER_BUS_NAME)
        });
        helper
    }

    /// Starts it with these capabilities (`net_admin,syslog`, or empty) and does not wait for anything.
    #[must_use]
    pub fn launch(bus: &SystemBus, net: &NetNs, capabilities: &str, arguments: &[&str]) -> Self {
        let state = TempDir::new();
        let directory = state.private("state", WALLWATCH);
        let program = Program::new(path())
            .arg("--state-dir")
            .arg(directory)
            .args(arguments)
            .clean_env();
        let program = net.inside(bus.inside(program.wrapped(rights(capabilities))));
        Self {
            process: program.start(),
            state,
        }
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.state.path().join("state")
    }
}

/// The words that make a program run as the user of the helper with these capabilities alone, as its unit file does.
#[must_use]
pub fn rights(capabilities: &str) -> Vec<String> {
    let list = if capabilities.is_empty() {
        String::new()
    } else {
        format!(",+{}", capabilities.replace(',', ",+"))
    };
    let user = format!("--reuid={WALLWATCH}");
    let group = format!("--regid={WALLWATCH}");
    let sets =
        ["bounding-set", "inh-caps", "ambient-caps"].map(|set| format!("--{set}=-all{list}"));
    let words = [
        "setpriv".to_owned(),
        user,
        group,
        "--clear-groups".to_owned(),
        "--no-new-privs".to_owned(),
    ];
    words.into_iter().chain(sets).collect()
}

/// The helper's binary: `WALLWATCH_HELPER`, else the newest one of the build folder.
#[must_use]
pub fn path() -> PathBuf {
    binary("WALLWATCH_HELPER", "wallwatch-helper")
}

/// The binary that the variable names, else the newest one of that name in the build folder.
#[must_use]
pub fn binary(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return PathBuf::from(path);
    }
    let built = ["release", "debug"].map(|profile| process::target().join(profile).join(name));
    let newest = built
        .into_iter()
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max();
    let Some((_, path)) = newest else {
        panic!("{name} is not built: `cargo build --release --workspace`, or set {variable}");
    };
    path
}
