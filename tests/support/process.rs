//! The one place of the tests that starts programs, waits for them and measures them.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How often a condition is looked at while waiting for it.
const POLL: Duration = Duration::from_millis(5);
/// How long a program may take to end by itself once it got SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// How long [`Program::output`] waits.
const OUTPUT_LIMIT: Duration = Duration::from_secs(120);

/// The time, for limits and measurements of tests.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "tests watch programs that live in real time"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// The time of day, which two programs can compare.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "tests watch programs that live in real time"
)]
pub fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Waits until `condition` holds; says `what` it waited for and panics when it does not in time.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, condition: impl FnMut() -> bool) {
    assert!(
        holds_within(limit, condition),
        "{what}: not within {limit:?}"
    );
}

/// Does `condition` hold before `limit` is over?
pub fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = now() + limit;
    loop {
        if condition() {
            return true;
        }
        if now() >= end {
            return false;
        }
        thread::sleep(POLL);
    }
}

/// As [`wait_until`], for conditions that ask a bus; does not block the runtime.
pub async fn until<F: Future<Output = bool>>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> F,
) {
    let end = now() + limit;
    while !condition().await {
        assert!(now() < end, "{what}: not within {limit:?}");
        tokio::time::sleep(POLL).await;
    }
}

/// A program to be started: what [`Command`] is elsewhere.
///
/// The kernel kills it when the thread that started it ends (`PR_SET_PDEATHSIG`, prctl(2)), so start it from the
/// test's own thread and never from a pool's.
#[derive(Debug, Clone)]
pub struct Program {
    /// The words of programs that enter namespaces and then become the program.
    wrappers: Vec<OsString>,
    /// The words of setpriv(1) that take away rights; after the wrappers, which need root's.
    rights: Vec<OsString>,
    /// The program and its arguments.
    words: Vec<OsString>,
    /// What is put into the environment.
    environment: Vec<(OsString, OsString)>,
    /// Is the environment empty but for `environment` and PATH?
    clean: bool,
    /// The signal that it gets when its starter dies.
    death_signal: &'static str,
    /// The directory it starts in.
    directory: Option<PathBuf>,
}

/// What a program said and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Did it exit with 0?
    #[must_use]
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// Both outputs.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl Program {
    /// The program at `path`, or of that name in PATH.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self {
            wrappers: Vec::new(),
            rights: Vec::new(),
            words: vec![path.as_ref().to_owned()],
            environment: Vec::new(),
            clean: false,
            death_signal: "KILL",
            directory: None,
        }
    }

    /// A shell script.
    pub fn shell(script: &str) -> Self {
        Self::new("sh").args(["-euc", script])
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, words: I) -> Self {
        self.words
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Takes nothing from the test's own environment but PATH.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.clean = true;
        self
    }

    /// Starts it in `directory`.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sends `signal` (as `TERM`) in place of `KILL` when the starter dies: for programs that tidy up.
    #[must_use]
    pub fn death_signal(mut self, signal: &'static str) -> Self {
        self.death_signal = signal;
        self
    }

    /// Starts it by way of a program that becomes it in the end, as nsenter(1).
    #[must_use]
    pub fn wrapped<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, words: I) -> Self {
        self.wrappers
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Runs it as the user `uid`, with the group of the same number and these capabilities (capabilities(7), as
    /// `net_admin`) and no others.
    #[must_use]
    pub fn as_user(mut self, uid: u32, capabilities: &[&str]) -> Self {
        let list: Vec<String> = ["-all".to_owned()]
            .into_iter()
            .chain(capabilities.iter().map(|name| format!("+{name}")))
            .collect();
        let list = list.join(",");
        let user = [format!("--reuid={uid}"), format!("--regid={uid}")];
        let sets =
            ["bounding-set", "inh-caps", "ambient-caps"].map(|set| format!("--{set}={list}"));
        let words = ["setpriv", "--clear-groups", "--no-new-privs"].map(str::to_owned);
        self.rights = words
            .into_iter()
            .chain(user)
            .chain(sets)
            .map(OsString::from)
            .collect();
        self
    }

    /// Has a program start it that has the same rights and becomes it, as env(1) does.
    #[must_use]
    pub fn by<I: IntoIterator<Item = S>, S: Into<OsString>>(mut self, words: I) -> Self {
        self.words.splice(0..0, words.into_iter().map(Into::into));
        self
    }

    /// Starts it; what it writes goes to a file, see [`Process::log`].
    #[must_use]
    pub fn start(&self) -> Process {
        let log = log_path(&self.name());
        let file = File::create(&log).expect("a log can be made in the build folder");
        let again = file.try_clone().expect("a file can be duplicated");
        self.spawn(log, file, again)
    }

    /// Starts it with standard output and standard error apart, waits for its end and returns both.
    #[must_use]
    pub fn output(&self) -> Output {
        self.output_within(OUTPUT_LIMIT)
    }

    /// As [`Self::output`], with another limit.
    #[must_use]
    pub fn output_within(&self, limit: Duration) -> Output {
        let (out, err) = (log_path(&self.name()), log_path(&self.name()));
        let create = |path| File::create(path).expect("a log can be made in the build folder");
        let mut process = self.spawn(out.clone(), create(&out), create(&err));
        let status = process.wait(limit);
        let output = Output {
            code: status.and_then(|status| status.code()),
            stdout: read(&out),
            stderr: read(&err),
        };
        assert!(
            status.is_some(),
            "{:?} did not end within {limit:?}: {}",
            self.words,
            output.text()
        );
        remove(&err);
        output
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn succeed(&self) -> String {
        let output = self.output();
        assert!(
            output.ok(),
            "{:?} exits with {:?}: {}",
            self.words,
            output.code,
            output.text()
        );
        output.stdout
    }

    /// The program's name, for its log.
    fn name(&self) -> String {
        Path::new(&self.words[0])
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// All words, wrappers first.
    fn command_line(&self) -> Vec<OsString> {
        let outer = self.wrappers.iter().chain(&self.rights).cloned();
        // Set after every change of user, because such a change clears it (prctl(2)); setpriv does it last.
        let death = ["setpriv", "--pdeathsig", self.death_signal, "--"].map(OsString::from);
        outer
            .chain(death)
            .chain(self.words.iter().cloned())
            .collect()
    }

    /// Starts it with the two files as its outputs.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start programs here and nowhere else"
    )]
    fn spawn(&self, log: PathBuf, stdout: File, stderr: File) -> Process {
        let words = self.command_line();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        if self.clean {
            command
                .env_clear()
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        }
        command.envs(self.environment.iter().cloned());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        match command.spawn() {
            Ok(child) => Process {
                child,
                log,
                ended: None,
            },
            Err(error) => panic!("{words:?} cannot be started: {error}"),
        }
    }
}

/// A running program; `Drop` ends it: SIGTERM, and SIGKILL when that is not enough.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// The number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote until now.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// Waits for its end; `None` when it goes on.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        holds_within(limit, || !self.is_running());
        self.ended
    }

    /// Is it still running?
    pub fn is_running(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended.is_none()
    }

    /// Sends it a signal by name, as `TERM`.
    pub fn signal(&mut self, name: &str) {
        if self.is_running() {
            kill(self.pid(), name);
        }
    }

    /// Ends it and returns how it ended.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.signal("TERM");
        if self.wait(GRACE).is_none() {
            eprintln!("pid {} did not end by SIGTERM: {}", self.pid(), self.log());
            self.signal("KILL");
            self.wait(GRACE);
        }
        self.ended
    }

    /// Waits until it has written `text`.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str, limit: Duration) {
        let found = holds_within(limit, || self.log().contains(text) || !self.is_running());
        assert!(
            found && self.log().contains(text),
            "no '{text}' within {limit:?} in: {}",
            self.log()
        );
    }

    /// Its figures now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        figures(self.pid())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        let log = self.log();
        if thread::panicking() && !log.trim().is_empty() {
            eprintln!("--- {}\n{log}", self.log.display());
        } else {
            remove(&self.log);
        }
    }
}

/// Sends `signal` to the process `pid`.
pub fn kill(pid: u32, signal: &str) {
    let output = Program::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .output();
    if !output.ok() {
        eprintln!("{}", output.stderr.trim_end());
    }
}

/// What a process costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Memory in RAM, in KiB (`VmRSS` of `/proc/PID/status`).
    pub rss_kib: u64,
    /// Memory in RAM, shared pages divided among their users, in KiB (`Pss` of `/proc/PID/smaps_rollup`).
    pub pss_kib: u64,
    /// How often its threads gave the processor away: what an idle program does is to wake up and do so.
    pub switches: u64,
}

/// The figures of the process `pid`.
#[must_use]
pub fn figures(pid: u32) -> Figures {
    let root = PathBuf::from(format!("/proc/{pid}"));
    let status = fs::read_to_string(root.join("status")).expect("the process runs");
    let rollup =
        fs::read_to_string(root.join("smaps_rollup")).expect("the process is ours to look at");
    let threads = fs::read_dir(root.join("task"))
        .expect("the process runs")
        .flatten();
    let switches = threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok())
        .map(|status| field(&status, "voluntary_ctxt_switches"))
        .sum();
    Figures {
        rss_kib: field(&status, "VmRSS"),
        pss_kib: field(&rollup, "Pss"),
        switches,
    }
}

/// The number after `name:` in a file of /proc.
fn field(text: &str, name: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// The children of the process `pid`, from `/proc/PID/task/*/children`.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A new file for the output of a program, in the build folder.
fn log_path(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let directory = target().join("test-logs");
    fs::create_dir_all(&directory).expect("a directory can be made in the build folder");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    directory.join(format!("{}.{number}.{name}.log", std::process::id()))
}

/// The root of the project.
#[must_use]
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The build folder.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), PathBuf::from)
}

/// The text of a file; invalid bytes are replaced.
fn read(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// Removes a log that nobody needs any more.
fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            eprintln!("{}: {error}", path.display());
        }
        _ => {}
    }
}
