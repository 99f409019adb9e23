//! A victim, the real helper that watches it with hooks, and the real runner of their scripts.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use wallwatch_dbus::HookHealth;
use wallwatch_test_support::{
    Firewall, Helper, Process, Program, SystemBus, TempDir, TestNet,
    helper::RIGHTS,
    process::{project, wait_until},
    system_bus::WALLWATCH,
};

/// How long anything may take that takes next to no time.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// How long is waited for what must not come.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// The user that scripts run as.
const RUNNER: u32 = 7805;
/// Where the examples expect their scripts.
const INSTALLED: &str = "/etc/wallwatch/hooks";

/// The stage.
pub(crate) struct Stage {
    // In the order in which they are taken down.
    pub(crate) helper: Option<Helper>,
    pub(crate) runner: Option<Process>,
    pub(crate) net: TestNet,
    pub(crate) bus: SystemBus,
    pub(crate) dir: TempDir,
}

impl Stage {
    /// A victim with this firewall. Nothing runs yet.
    pub(crate) fn new(firewall: Firewall) -> Self {
        let dir = TempDir::of_root();
        dir.private("out", RUNNER);
        Self {
            helper: None,
            runner: None,
            net: TestNet::new(firewall),
            bus: SystemBus::start(),
            dir,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("hook.sock")
    }

    /// A script of bash that can write to `$OUT`.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let out = self.path("out");
        let text = format!("#!/bin/bash\nOUT={}\n{text}\n", out.display());
        let script = self.dir.write(name, text);
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("root sets modes");
        script
    }

    /// A hook with these further lines, that runs a script.
    pub(crate) fn hook(&self, name: &str, text: &str, lines: &str) -> String {
        let script = self.script(name, text);
        format!(
            "\n[[hook]]\nname = \"{name}\"\nrun = [\"{}\"]\n{lines}\n",
            script.display()
        )
    }

    /// The hooks of a shipped example, whose script is installed.
    pub(crate) fn example(&self, name: &str) -> String {
        let shipped = project().join("assets/examples/hooks").join(name);
        let script = self.path(&format!("{name}.sh"));
        fs::copy(shipped.with_extension("sh"), &script).expect("the example has a script");
        let lines = fs::read_to_string(shipped.with_extension("toml")).expect("and lines");
        lines.replace(INSTALLED, &self.dir.path().display().to_string())
    }

    /// Writes the configuration: these settings, then these hooks.
    fn configure(&self, settings: &str, hooks: &str) -> PathBuf {
        let socket = self.socket();
        self.dir.write(
            "config.toml",
            format!(
                "hook-socket = \"{}\"\njournal.read = \"off\"\n{settings}\n{hooks}\n",
                socket.display()
            ),
        )
    }

    /// Starts runner and helper with these settings and hooks.
    pub(crate) fn start(&mut self, settings: &str, hooks: &str) {
        let config = self.configure(settings, hooks);
        self.start_runner();
        self.start_helper(&config);
    }

    /// Starts the helper alone.
    pub(crate) fn start_without_runner(&mut self, settings: &str, hooks: &str) {
        let config = self.configure(settings, hooks);
        self.start_helper(&config);
    }

    fn start_helper(&mut self, config: &Path) {
        let config = config.to_str().expect("it is ASCII");
        let mut helper =
            Helper::launch(&self.bus, &self.net.victim, &RIGHTS, &["--config", config]);
        helper.wait_for_name(&self.bus);
        self.helper = Some(helper);
    }

    /// Starts the runner, as it is started where there is no systemd.
    pub(crate) fn start_runner(&mut self) {
        let runner = Program::new(env!("CARGO_BIN_EXE_wallwatch-hook"))
            .arg("--config")
            .arg(self.path("config.toml"))
            .arg("--listen")
            .arg(self.socket())
            .args(["--helper-user", &WALLWATCH.to_string()])
            .args(["--user", &RUNNER.to_string()]);
        let (socket, left_behind) = (self.socket(), self.socket_time());
        let process = runner.start();
        wait_until("the runner listens", LIMIT, || {
            self.socket_time() != left_behind && UnixStream::connect(&socket).is_ok()
        });
        self.runner = Some(process);
    }

    /// When the socket's file was made; nothing where there is none.
    fn socket_time(&self) -> Option<(i64, i64)> {
        let file = fs::metadata(self.socket()).ok()?;
        Some((file.mtime(), file.mtime_nsec()))
    }

    /// Waits until the source of this name is in this state.
    #[track_caller]
    pub(crate) fn wait_for_source(&self, name: &str, state: &str) {
        wait_until("the source is as expected", LIMIT, || {
            let sources = self.bus.status().sources;
            sources
                .iter()
                .any(|source| source.name == name && source.state == state)
        });
    }

    /// The record of a hook.
    pub(crate) fn health(&self, name: &str) -> HookHealth {
        let hooks = self.bus.status().hooks;
        let found = hooks.into_iter().find(|hook| hook.name == name);
        found.expect("a hook that is configured is listed")
    }

    /// What the helper said.
    pub(crate) fn helper_log(&mut self) -> String {
        let helper = self.helper.as_mut().expect("it runs");
        helper.process().log()
    }

    /// Waits until the runner said this.
    #[track_caller]
    pub(crate) fn wait_for_output(&self, text: &str) {
        let runner = self.runner.as_ref().expect("it runs");
        let helper = self.helper.as_ref().expect("it runs");
        let said =
            wallwatch_test_support::process::holds_within(LIMIT, || runner.log().contains(text));
        assert!(
            said,
            "no {text:?} within {LIMIT:?} in: {}; helper {}: {:?}",
            runner.log(),
            helper.pid(),
            self.bus.status().hooks
        );
    }

    /// The numbers that scripts wrote, one a line, into a file of `$OUT`.
    pub(crate) fn numbers(&self, name: &str) -> Vec<u64> {
        let text = fs::read_to_string(self.path("out").join(name)).unwrap_or_default();
        let lines = text.lines();
        lines
            .map(|line| line.trim().parse().expect("a number"))
            .collect()
    }

    /// Appends LOG lines to a log file that the helper reads: so many datagrams to port 9 from here on, each with an identification of
    /// its own, by a rule with this prefix.
    pub(crate) fn log_lines(&self, prefix: &str, ids: std::ops::Range<u32>) {
        let (mut text, stamp) = (String::new(), stamp());
        for id in ids {
            writeln!(
                text,
                "{stamp} victim kernel: [ 1000.000000] {prefix}IN=victim0 OUT= MAC= SRC=10.99.1.9 DST=10.99.0.2 LEN=28 TOS=0x00 PREC=0x00 TTL=64 \
                 ID={} PROTO=UDP SPT={} DPT=9 LEN=8 ",
                id % 65536,
                40000 + id / 65536,
            )
            .expect("a string takes everything");
        }
        let log = self.path("kern.log");
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .expect("root can write");
        file.write_all(text.as_bytes()).expect("root can write");
    }

    /// The settings by which that file is read.
    pub(crate) fn reads_file(&self) -> String {
        let log = self.dir.write("kern.log", "");
        format!(
            "capture = false\nkmsg.read = \"off\"\nconntrack.read = \"off\"\nfile.read = \"on\"\nfile.paths = [\"{}\"]",
            log.display()
        )
    }
}

/// The present time as syslog writes it.
fn stamp() -> String {
    Program::new("date")
        .arg("+%b %e %H:%M:%S")
        .succeed()
        .trim()
        .to_owned()
}
