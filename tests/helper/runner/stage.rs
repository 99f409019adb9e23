//! A runner with its configuration and its scripts, and a helper that talks to it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use wallwatch_helper::runner::answer::{Answer, State};
use wallwatch_test_support::{Process, Program, TempDir, wait_until};

/// The user that scripts run as.
pub(crate) const RUNNER: u32 = 7805;
/// The user that the helper runs as.
pub(crate) const HELPER: u32 = 7801;
/// What happens at once happens within this time, even on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Everything but the runner.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Root's folder, where scripts can lie.
    pub(crate) dir: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let dir = TempDir::of_root();
        dir.private("out", RUNNER);
        dir.private("run", RUNNER);
        let stage = Self { dir };
        stage.configure("");
        stage
    }

    /// A path in the folder that scripts can write to.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join("out").join(name)
    }

    /// What a script wrote there, once its last line is whole.
    pub(crate) fn wait_for_out(&self, name: &str) -> String {
        let path = self.out(name);
        wait_until(name, SOON, || {
            fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n'))
        });
        fs::read_to_string(&path).unwrap()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("run/hook.sock")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("config.toml")
    }

    pub(crate) fn configure(&self, text: &str) {
        // Another file each time, as editors do it: two states of one length within a tick of the clock differ by its number.
        let new = self.dir.write("config.toml.new", text);
        fs::rename(new, self.config()).unwrap();
    }

    /// Configures hooks, each a name, a script and further lines.
    pub(crate) fn hooks(&self, hooks: &[(&str, &Path, &str)]) {
        let text: String = hooks
            .iter()
            .map(|(name, script, lines)| {
                let lines = if lines.contains("on =") {
                    (*lines).to_owned()
                } else {
                    format!("on = \"alert\"\n{lines}")
                };
                format!(
                    "[[hook]]\nname = \"{name}\"\nrun = [{:?}]\n{lines}\n",
                    script.to_str().unwrap()
                )
            })
            .collect();
        self.configure(&text);
    }

    /// The program, without anything that says which user it is.
    pub(crate) fn program(&self) -> Program {
        Program::new(env!("CARGO_BIN_EXE_wallwatch-hook"))
            .arg("--config")
            .arg(self.config())
            .args(["--helper-user", &HELPER.to_string()])
    }

    /// The program as it is started elsewhere than by systemd: by root, to become the runner's user.
    pub(crate) fn by_root(&self) -> Program {
        self.program()
            .arg("--listen")
            .arg(self.socket())
            .args(["--user", &RUNNER.to_string()])
    }

    pub(crate) fn start(self) -> Running {
        let program = self.by_root();
        self.start_as(&program)
    }

    pub(crate) fn start_as(self, program: &Program) -> Running {
        let process = program.start();
        let socket = self.socket();
        wait_until("the runner listens", SOON, || {
            UnixStream::connect(&socket).is_ok()
        });
        Running {
            process,
            stage: self,
        }
    }
}

/// A runner that listens.
#[derive(Debug)]
pub(crate) struct Running {
    // In the order in which they are taken down.
    pub(crate) process: Process,
    pub(crate) stage: Stage,
}

impl Running {
    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(&self.stage.socket())
    }

    /// Waits until the runner has said this.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(text, SOON, || self.process.log().contains(text));
    }
}

/// Somebody who tells the runner what happened; the test is root's.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Peer {
    pub(crate) fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let answers = BufReader::new(stream.try_clone().unwrap());
        Self { stream, answers }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Tells of an alert for this hook.
    pub(crate) fn alert(&mut self, hook: &str, alert: &Value) {
        self.write(&line(hook, 0, "alert", alert));
    }

    /// The next answer.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("an answer in time");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    /// The next answer of a run's end, or refusal.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Answer {
        loop {
            let answer = self.answer();
            if !matches!(answer.state, State::Started | State::Folded) {
                return answer;
            }
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<Answer> {
        let lines = (&mut self.answers).lines();
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect()
    }
}

/// A line as the helper writes it.
pub(crate) fn line(hook: &str, folded: u64, on: &str, what: &Value) -> Vec<u8> {
    let line = json!({"version": 1, "hook": hook, "on": on, "folded": folded, on: what});
    format!("{line}\n").into_bytes()
}

/// An alert as it stands in a line.
pub(crate) fn alert(id: u64) -> Value {
    json!({
        "id": id, "seq": id + 1, "kind": "tcp-syn-scan", "severity": 3, "sources": ["192.0.2.7", "2001:db8::7"], "source_count": 2,
        "targets": ["198.51.100.1"], "ports": "22,80,1000-1500", "port_count": 503, "protocol": "tcp", "interface": "eth0",
        "verdict": "dropped", "packets": 1000,
    })
}
