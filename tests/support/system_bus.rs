//! A real system bus and a real polkitd with the shipped policy files, in a mount namespace of their own.
//!
//! The mounts are those of scripts/private-bus.sh, which `make run` uses too. The bus's socket lies in a temporary
//! directory, so programs outside the mount namespace reach it by [`SystemBus::address`].

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use wallwatch_dbus::{Alert, AlertFilter, Helper1Proxy, Status};
use zbus::Connection;

use crate::{
    helper,
    process::{self, Output, Process, Program, wait_until},
    temp::TempDir,
};

/// The user that the helper runs as.
pub const WALLWATCH: u32 = 7801;
/// A user whom a rule allows every action of Wallwatch.
pub const ALICE: u32 = 7802;
/// A user whom nothing allows anything; without a login session polkit asks for an administrator's password.
pub const MALLORY: u32 = 7803;
/// A user whom no rule mentions either, who logs in: see [`crate::Login`].
pub const BOB: u32 = 7804;

/// How long bus and polkitd may need to start.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Where Debian and Ubuntu install polkitd, by release.
const POLKITD: [&str; 2] = ["/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd"];
/// What lets alice do everything.
const RULES: &str = r#"polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.wallwatch.") == 0 && subject.user == "alice") { return polkit.Result.YES; }
});
"#;
/// What lets nobody do anything, alice included.
const REFUSING_RULES: &str = r#"polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.wallwatch.") == 0) { return polkit.Result.NO; }
});
"#;

/// The bus.
#[derive(Debug)]
pub struct SystemBus {
    // In the order in which they are taken down.
    polkit: Option<Process>,
    bus: Option<Process>,
    namespace: Process,
    dir: TempDir,
}

impl SystemBus {
    /// A bus with polkitd, where [`ALICE`] may do everything.
    #[must_use]
    pub fn start() -> Self {
        Self::with_rules(RULES)
    }

    /// A bus with polkitd, where nobody but root may do anything.
    #[must_use]
    pub fn refusing() -> Self {
        Self::with_rules(REFUSING_RULES)
    }

    /// A bus with a polkitd that goes by these rules, in the language of polkit(8).
    #[must_use]
    pub fn with_rules(rules: &str) -> Self {
        Self::with_files(rules, "")
    }

    /// A bus with polkitd that takes so many bytes from each connection that nobody has read yet, in place of 127 MiB, and keeps as
    /// many for each that does not read.
    #[must_use]
    pub fn narrow(bytes: u32) -> Self {
        let limit = |name: &str| format!("<limit name=\"{name}\">{bytes}</limit>");
        let limits = ["max_incoming_bytes", "max_outgoing_bytes"].map(limit);
        let limits = format!("<busconfig>{}</busconfig>\n", limits.concat());
        Self::with_files(RULES, &limits)
    }

    /// A bus with polkitd, with these rules and these limits where there are any.
    fn with_files(rules: &str, limits: &str) -> Self {
        let dir = TempDir::new();
        let file = dir.write("49-wallwatch-test.rules", rules);
        let limits = (!limits.is_empty()).then(|| dir.write("limits.conf", limits));
        let copies = dir.path().join("copies");
        std::fs::create_dir(&copies).expect("a directory can be made in the temporary directory");
        let user = |name: &str, uid: u32| ["--user".to_owned(), format!("{name}:{uid}")];
        let mut namespace = Program::new(process::project().join("scripts/private-bus.sh"))
            .arg("--dir")
            .arg(&copies)
            .arg("--rules")
            .arg(&file)
            .args(limits.iter().flat_map(|path| [Path::new("--limits"), path]))
            .args(
                [
                    user("wallwatch", WALLWATCH),
                    user("alice", ALICE),
                    user("mallory", MALLORY),
                    user("bob", BOB),
                ]
                .concat(),
            )
            .args(programs())
            .args([
                "--no-sessions",
                "--",
                "sh",
                "-c",
                "echo ready; exec sleep infinity",
            ])
            .start();
        namespace.wait_for("ready", START_LIMIT);
        let mut system = Self {
            polkit: None,
            bus: None,
            namespace,
            dir,
        };
        system.start_bus();
        system.start_polkit();
        system
    }

    /// The directory whose `system_bus_socket` is the bus's.
    fn socket(&self) -> PathBuf {
        self.dir.path().join("copies/socket/system_bus_socket")
    }

    /// The program of that name (`wallwatch-helper`, `wallwatch`, `wallwatchctl`) where every user may run it, inside.
    #[must_use]
    pub fn program(&self, name: &str) -> Program {
        self.inside(Program::new(self.dir.path().join("copies/bin").join(name)))
    }

    /// The bus's address, good inside and outside.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    /// A program that shall see the private files and find this bus.
    #[must_use]
    pub fn inside(&self, program: Program) -> Program {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.namespace.pid());
        self.reaching(program)
            .wrapped(["nsenter".to_owned(), namespace])
    }

    /// A program that shall find this bus and else see the machine as it is.
    #[must_use]
    pub fn reaching(&self, program: Program) -> Program {
        program.env("DBUS_SYSTEM_BUS_ADDRESS", self.address())
    }

    /// A connection as root.
    pub async fn connect(&self) -> Connection {
        let builder = zbus::connection::Builder::address(self.address().as_str());
        builder.build().await.expect("the bus takes connections")
    }

    /// Asks the helper something as root, whom polkit allows everything.
    pub fn ask<T: Send, F: Future<Output = zbus::Result<T>>>(
        &self,
        question: impl FnOnce(Helper1Proxy<'static>) -> F + Send,
    ) -> zbus::Result<T> {
        let talk = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime can be made").block_on(async {
                let connection = self.connect().await;
                question(Helper1Proxy::new(&connection).await?).await
            })
        };
        // In a thread of its own, so that tests with a runtime of their own can ask too.
        thread::scope(|scope| scope.spawn(talk).join()).expect("asking does not panic")
    }

    /// What the helper says of itself.
    pub fn status(&self) -> Status {
        self.ask(async |helper| helper.get_status().await)
            .expect("the helper answers root")
    }

    /// Every alert that the helper remembers, the oldest change first.
    pub fn alerts(&self) -> Vec<Alert> {
        let question = async |helper: Helper1Proxy<'static>| {
            helper.get_alerts(0, 1000, AlertFilter::default()).await
        };
        self.ask(question).expect("the helper answers root")
    }

    /// Calls a method of the helper as the user `uid` with dbus-send(1); `arguments` as `uint64:0`.
    #[must_use]
    pub fn call_as(&self, uid: u32, method: &str, arguments: &[&str]) -> Output {
        use wallwatch_dbus::names::{HELPER_BUS_NAME, HELPER_INTERFACE, HELPER_PATH};
        let program = Program::new("dbus-send")
            .arg("--system")
            .arg("--print-reply")
            .arg(format!("--dest={HELPER_BUS_NAME}"))
            .arg(HELPER_PATH)
            .arg(format!("{HELPER_INTERFACE}.{method}"))
            .args(arguments);
        self.inside(program.as_user(uid, &[])).output()
    }

    /// Does somebody own `name`?
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        let ask = Program::new("dbus-send").args([
            "--system",
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/",
            "org.freedesktop.DBus.NameHasOwner",
        ]);
        self.reaching(ask.arg(format!("string:{name}")))
            .output()
            .stdout
            .contains("boolean true")
    }

    /// Starts the bus again after [`Self::stop_bus`].
    pub fn start_bus(&mut self) {
        let daemon = leash("dbus-daemon").args(["--system", "--nofork", "--nopidfile"]);
        self.bus = Some(self.inside(daemon).start());
        wait_until("the bus takes connections", START_LIMIT, || {
            self.has_name("org.freedesktop.DBus")
        });
    }

    /// Ends the bus, and polkitd with it.
    pub fn stop_bus(&mut self) {
        self.stop_polkit();
        self.bus = None;
    }

    /// Starts polkitd again after [`Self::stop_polkit`].
    pub fn start_polkit(&mut self) {
        let polkitd = POLKITD
            .iter()
            .find(|path| Path::new(path).exists())
            .expect("polkitd is installed");
        self.polkit = Some(self.inside(leash(polkitd).arg("--no-debug")).start());
        wait_until("polkitd has its name", START_LIMIT, || {
            self.has_name("org.freedesktop.PolicyKit1")
        });
    }

    /// Ends polkitd.
    pub fn stop_polkit(&mut self) {
        self.polkit = None;
    }

    /// What dbus-daemon wrote.
    #[must_use]
    pub fn log(&self) -> String {
        self.bus.as_ref().map(Process::log).unwrap_or_default()
    }
}

/// A daemon that changes its user and yet does not outlive the test.
fn leash(daemon: &str) -> Program {
    Program::new(process::project().join("scripts/leash.sh"))
        .arg(daemon)
        .death_signal("TERM")
}

/// The options that show every program that is built.
fn programs() -> Vec<PathBuf> {
    let built = ["wallwatch-helper", "wallwatch", "wallwatchctl", "caller"]
        .into_iter()
        .filter_map(helper::built);
    built
        .flat_map(|path| [PathBuf::from("--program"), path])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polkit_knows_the_shipped_actions_and_the_private_users() {
        crate::require_root!();
        let bus = SystemBus::start();
        let users = bus
            .inside(Program::new("getent").args(["passwd", "wallwatch", "alice", "mallory"]))
            .succeed();
        assert_eq!(users.lines().count(), 3, "{users}");
        assert!(
            !Program::new("getent")
                .args(["passwd", "mallory"])
                .output()
                .ok(),
            "the machine's own files are untouched"
        );
        let action = bus
            .inside(Program::new("pkaction").args([
                "--verbose",
                "--action-id",
                wallwatch_dbus::names::ACTION_MONITOR,
            ]))
            .succeed();
        assert!(action.contains("unix-user:wallwatch"), "{action}");
    }

    #[test]
    fn bus_and_polkit_can_be_stopped_and_started_again() {
        crate::require_root!();
        let mut bus = SystemBus::start();
        bus.stop_polkit();
        assert!(!bus.has_name("org.freedesktop.PolicyKit1"));
        bus.stop_bus();
        assert!(!bus.has_name("org.freedesktop.DBus"));
        bus.start_bus();
        bus.start_polkit();
        assert!(bus.has_name("org.freedesktop.PolicyKit1"));
    }
}
