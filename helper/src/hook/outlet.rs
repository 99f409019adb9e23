//! The one task that speaks with the runner: it takes what waits and writes it to the runner's socket, and reads the answers.
//!
//! Nothing waits for it. It sleeps without a timer while there is nothing to send.

use std::{
    future::pending,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::UnixStream,
    time::{sleep, sleep_until},
};

use super::{
    answer::Answers,
    desk::{Desk, Next},
};
use crate::clock;

/// So long after the first failure the socket is tried again; each further time it is twice as long,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// up to here.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// So many bytes of answers are read at once.
const READ: usize = 4096;
/// A runner that takes no byte for so long stands still.
const PATIENCE: Duration = Duration::from_secs(10);
/// There where systemd runs (`sd_booted(3)`).
const SYSTEMD: &str = "/run/systemd/system";
/// What is said of a runner that stands still.
const SILENT: &str = "The program that runs the hooks does not answer; the latest event of each hook is kept until it does. To mend it: \
                      sudo systemctl restart wallwatch-hook";

/// Speaks with the runner.
#[derive(Debug)]
pub struct Outlet {
    desk: Arc<Desk>,
    socket: PathBuf,
}

impl Outlet {
    /// What waits at the desk goes to the runner that listens at this socket.
    #[must_use]
    pub const fn new(desk: Arc<Desk>, socket: PathBuf) -> Self {
        Self { desk, socket }
    }

    /// Speaks with the runner for ever.
    pub async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            while !self.desk.has_work() {
                self.desk.wanted().await;
            }
            let reason = match UnixStream::connect(&self.socket).await {
                Ok(stream) => {
                    self.desk.stuck("");
                    let (answered, error) = self.serve(&stream).await;
                    if answered {
                        // It may have ended because there was nothing to do; one that dies of each line is not called at once.
                        self.desk.lost("");
                        pause = FIRST_PAUSE;
                        if self.desk.has_work() {
                            sleep(pause).await;
                        }
                        continue;
                    }
                    format!("was closed without an answer ({error})")
                }
                Err(error) => refusal(&error).to_owned(),
            };
            self.desk.lost(&self.away(&reason));
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Why nothing can be sent, and what to do.
    fn away(&self, reason: &str) -> String {
        let socket = self.socket.display();
        let mend = if Path::new(SYSTEMD).is_dir() {
            "systemctl start wallwatch-hook.socket".to_owned()
        } else {
            format!("wallwatch-hook --listen {socket}")
        };
        format!(
            "Nobody runs the hooks: {socket} {reason}. The latest event of each is kept until somebody does. To mend it: sudo {mend}"
        )
    }

    /// Serves a connection until it ends. Says whether the runner answered anything, and how it ended.
    async fn serve(&self, stream: &UnixStream) -> (bool, io::Error) {
        let mut connection = Connection {
            stream,
            desk: &self.desk,
            out: Vec::new(),
            written: 0,
            moved_at: clock::moment(),
            answers: Answers::default(),
            answered: false,
            said: false,
        };
        let error = connection.serve().await;
        (connection.answered, error)
    }
}

/// A connection to the runner.
struct Connection<'a> {
    stream: &'a UnixStream,
    desk: &'a Desk,
    /// The line that is being written,
    out: Vec<u8>,
    /// and how far it is.
    written: usize,
    /// When the runner took a byte last.
    moved_at: Instant,
    answers: Answers,
    answered: bool,
    /// Is it said that it stands still?
    said: bool,
}

impl Connection<'_> {
    /// Serves until the connection ends.
    async fn serve(&mut self) -> io::Error {
        loop {
            let mut wake = self.desk.patience_ends();
            if self.out.is_empty() {
                match self.desk.next_line(&mut self.out, clock::moment()) {
                    Next::Line => self.moved_at = clock::moment(),
                    Next::At(at) => wake = Some(wake.map_or(at, |wake| wake.min(at))),
                    Next::Nothing => {}
                }
            }
            let is_writing = !self.out.is_empty();
            if is_writing {
                match self.write() {
                    Ok(()) => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        wake = (!self.said).then(|| self.moved_at + PATIENCE);
                    }
                    Err(error) => {
                        // What it answered before it went counts.
                        while self.read().is_ok() {}
                        return error;
                    }
                }
            }
            let step = tokio::select! {
                ready = self.stream.readable() => ready.and_then(|()| self.read()),
                ready = self.stream.writable(), if is_writing => ready,
                () = self.desk.wanted(), if !is_writing => Ok(()),
                () = moment(wake) => { self.check(); Ok(()) }
            };
            match step {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return error,
                _ => {}
            }
        }
    }

    /// Writes what the socket takes.
    fn write(&mut self) -> io::Result<()> {
        let left = self.out.get(self.written..).unwrap_or_default();
        let len = self.stream.try_write(left)?;
        self.moved_at = clock::moment();
        self.written += len;
        if self.written == self.out.len() {
            self.written = 0;
            self.out.clear();
            self.out.shrink_to(READ);
        }
        Ok(())
    }

    /// Reads answers.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; READ];
        match self.stream.try_read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            len => {
                let (now, time) = (clock::moment(), clock::now());
                let bytes = buffer.get(..len).unwrap_or_default();
                self.answers.read(bytes, |answer| {
                    (self.answered, self.said) = (true, false);
                    self.desk.answered(answer, now, time);
                });
                Ok(())
            }
        }
    }

    /// Says so where the runner stands still.
    fn check(&mut self) {
        let now = clock::moment();
        let is_late = |at: Instant| at <= now;
        let stuck = !self.out.is_empty() && is_late(self.moved_at + PATIENCE);
        if stuck || self.desk.patience_ends().is_some_and(is_late) {
            self.said = true;
            self.desk.stuck(SILENT);
        }
    }
}

/// Waits until a moment; for ever where there is none.
async fn moment(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

/// Why the socket cannot be connected to, as the end of a sentence.
fn refusal(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "is not there",
        io::ErrorKind::ConnectionRefused => "has nobody who listens",
        io::ErrorKind::PermissionDenied => "may not be opened",
        io::ErrorKind::WouldBlock => "has too many who wait",
        _ => "cannot be connected to",
    }
}
