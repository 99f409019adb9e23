//! Somebody on the system bus, with a user and a login session of his own, who does what a test tells him.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    time::Duration,
};

use crate::{
    login::Login,
    process::{Process, wait_until},
    system_bus::SystemBus,
    temp::TempDir,
};

/// How long the program may need to start.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// The program; see `tests/support/bin/caller.rs` for what it can be told.
#[derive(Debug)]
pub struct Caller {
    process: Process,
    stream: BufReader<UnixStream>,
    _dir: TempDir,
}

impl Caller {
    /// A program of this user that belongs to no login session.
    #[must_use]
    pub fn start(bus: &SystemBus, uid: u32) -> Self {
        Self::launch(bus, uid, None)
    }

    /// A program in this login session.
    #[must_use]
    pub fn in_session(bus: &SystemBus, login: &Login) -> Self {
        Self::launch(bus, login.uid(), Some(login))
    }

    fn launch(bus: &SystemBus, uid: u32, login: Option<&Login>) -> Self {
        let dir = TempDir::new();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket can be made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("root can set modes");
        listener
            .set_nonblocking(true)
            .expect("a socket can be set so");
        let program = bus.program("caller").arg(&path).as_user(uid, &[]);
        let program = login.map_or(program.clone(), |login| login.inside(program));
        let process = program.start();
        let mut stream = None;
        wait_until("the caller is there", START_LIMIT, || {
            stream = listener.accept().ok();
            stream.is_some()
        });
        let (stream, _) = stream.expect("it was waited for");
        stream
            .set_nonblocking(false)
            .expect("a socket can be set so");
        stream
            .set_read_timeout(Some(ANSWER_LIMIT))
            .expect("a limit can be set");
        Self {
            process,
            stream: BufReader::new(stream),
            _dir: dir,
        }
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Tells it something, and returns its answer.
    #[track_caller]
    pub fn tell(&mut self, command: &str) -> String {
        self.say(command);
        self.answer()
    }

    /// Tells it something whose answer is asked for later.
    #[track_caller]
    pub fn say(&mut self, command: &str) {
        self.stream
            .get_mut()
            .write_all(format!("{command}\n").as_bytes())
            .expect("the caller listens");
    }

    /// The answer to what it was told first of what is not answered yet.
    #[track_caller]
    pub fn answer(&mut self) -> String {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line);
        assert!(
            read.is_ok_and(|len| len > 0),
            "the caller does not answer: {}",
            self.process.log()
        );
        line.trim_end().to_owned()
    }

    /// Calls a method and returns the name of the error, without `org.freedesktop.DBus.Error.`; empty where there is none.
    #[track_caller]
    pub fn call(&mut self, method: &str) -> String {
        error_of(&self.tell(&format!("call {method}")))
    }

    /// As [`Self::call`], and allows a dialog.
    #[track_caller]
    pub fn ask(&mut self, method: &str) -> String {
        error_of(&self.tell(&format!("ask {method}")))
    }

    /// How many signals about alerts came, and the number of the last.
    #[track_caller]
    pub fn heard(&mut self) -> (u64, u64) {
        let answer = self.tell("heard");
        let mut numbers = answer.split(' ').map(|word| word.parse().expect("numbers"));
        let mut next = || numbers.next().expect("two numbers");
        (next(), next())
    }
}

/// The name of the error in an answer.
fn error_of(answer: &str) -> String {
    let mut words = answer.split(' ');
    match (words.next(), words.next()) {
        (Some("error"), Some(name)) => name
            .trim_start_matches("org.freedesktop.DBus.Error.")
            .to_owned(),
        _ => String::new(),
    }
}
