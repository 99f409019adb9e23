//! The runner's life: lets in who may tell something, looks up the hook of each line and runs it.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::{UnixListener, UnixStream},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, mpsc, watch},
    time::{self, Instant},
};

use super::{
    answer::{Answer, State},
    book::Book,
    peers::{self, Line},
    pool::{Pool, answer},
    socket::Socket,
    told::Told,
    words::reason,
};

/// More than any machine has helpers.
const MOST_CONNECTIONS: usize = 16;
/// So many lines wait for their turn before their writers have to wait.
const MOST_LINES: usize = 16;
/// Where no connection can be taken on, it is tried again after this.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// Whoever has scripts that do not end even so is left to the system after this: their 2 s, and one more.
const END_LIMIT: Duration = Duration::from_secs(3);
/// The last answers may take so long to be written.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// What every connection is given.
#[derive(Debug)]
struct Doors {
    /// Becomes true when nothing more shall be let in.
    close: watch::Receiver<bool>,
    /// Held as long as there are answers to be written.
    busy: mpsc::Sender<()>,
}

/// The runner.
#[derive(Debug)]
pub(crate) struct Server {
    listener: UnixListener,
    made: Option<(PathBuf, u64)>,
    /// The users who are let in.
    users: Vec<u32>,
    book: Book,
    pool: Pool,
    places: Arc<Semaphore>,
    /// Was it said that somebody was turned away?
    said: Option<String>,
}

impl Server {
    /// A runner at this socket, for these users. Must be called in a runtime.
    pub(crate) fn new(socket: Socket, users: Vec<u32>, book: Book, pool: Pool) -> io::Result<Self> {
        let (listener, made) = socket.into_parts();
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(listener)?,
            made,
            users,
            book,
            pool,
            places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            said: None,
        })
    }

    /// Serves until it is asked to end, or, where `linger` is given, until there was nothing to do for so long.
    pub(crate) async fn serve(mut self, linger: Option<Duration>) {
        let mut end = Box::pin(asked_to_end());
        self.look();
        let (sender, mut lines) = mpsc::channel(MOST_LINES);
        let mut sender = Some(sender);
        let (closing, close) = watch::channel(false);
        let (busy, mut writers) = mpsc::channel::<()>(1);
        let doors = Doors { close, busy };
        let mut idle_since = Instant::now();
        let mut drained = false;
        while !(drained && self.pool.is_idle()) {
            let idle = linger.filter(|_| sender.is_some() && self.pool.is_idle());
            let idle_end = idle_since + linger.unwrap_or_default();
            tokio::select! {
                () = &mut end => break,
                accepted = self.listener.accept(), if sender.is_some() => match (accepted, &sender) {
                    (Ok((stream, _)), Some(lines)) => self.admit(stream, lines, &doors),
                    (Err(error), _) => {
                        self.complain(format!("a connection cannot be taken on: {}", reason(&error)));
                        time::sleep(BETWEEN_TRIES).await;
                    }
                    (Ok(_), None) => {}
                },
                line = lines.recv(), if !drained => match line {
                    Some(line) => {
                        self.line(line);
                        idle_since = Instant::now();
                    }
                    // All connections are closed.
                    None => drained = true,
                },
                () = self.pool.next() => idle_since = Instant::now(),
                () = time::sleep_until(idle_end), if idle.is_some() => {
                    // From now on connections wait in systemd's socket, and nobody who is connected can write any more, so nothing
                    // that was told is lost.
                    sender = None;
                    closing.send_replace(true);
                }
            }
        }
        if time::timeout(END_LIMIT, self.pool.leave()).await.is_err() {
            self.complain("a script does not end; it is left to the system".to_owned());
        }
        Socket::remove(self.made.as_ref());
        // Nobody reads or writes any more when all of them have let go of this.
        drop((lines, sender, doors));
        closing.send_replace(true);
        drop(time::timeout(ANSWER_LIMIT, writers.recv()).await);
    }

    /// Lets a connection in, where there is a place for it and its user may.
    fn admit(&mut self, stream: UnixStream, lines: &mpsc::Sender<Line>, doors: &Doors) {
        let user = match stream.peer_cred() {
            Ok(credentials) => credentials.uid(),
            Err(error) => {
                return self.complain(format!("somebody cannot be asked who he is: {error}"));
            }
        };
        if !self.users.contains(&user) {
            return self.complain(format!(
                "the user {user} was not let in: only root and the helper may tell what happened"
            ));
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return self.complain(format!(
                "a connection was closed at once: there are {MOST_CONNECTIONS} already"
            ));
        };
        if let Err(error) = peers::take_on(
            stream,
            place,
            lines.clone(),
            doors.close.clone(),
            doors.busy.clone(),
        ) {
            self.complain(format!(
                "a connection cannot be taken on: {}",
                reason(&error)
            ));
        }
    }

    /// Runs what a line tells of.
    fn line(&mut self, line: Line) {
        let told = match Told::read(&line.bytes) {
            Ok(told) => told,
            Err(sentence) => return self.refuse("", sentence, &line),
        };
        self.look();
        let hook = match self.book.get(&told.hook) {
            Ok(hook) if hook.on() == told.on => Arc::clone(hook),
            Ok(_) => {
                let sentence = "The hook runs on something else: the helper has read another configuration. Start it again: sudo systemctl restart wallwatch-helper";
                return self.refuse(&told.hook, sentence.to_owned(), &line);
            }
            Err(sentence) => return self.refuse(&told.hook, sentence, &line),
        };
        self.pool.run(&hook, told, Some(line.listener));
    }

    fn refuse(&mut self, hook: &str, sentence: String, line: &Line) {
        let name: String = hook.chars().take(32).collect();
        answer(
            Some(&line.listener),
            Answer::new(&name, 0, State::Refused, 0, &sentence),
        );
        self.complain(sentence);
    }

    /// Reads the configuration again where it has changed.
    fn look(&mut self) {
        if let Some(sentence) = self.book.look() {
            self.pool.say(&sentence);
        }
    }

    /// Says what is wrong, where it is not what was said last: whoever causes it could fill the journal.
    fn complain(&mut self, sentence: String) {
        if self.said.as_ref() != Some(&sentence) {
            self.pool.say(&sentence);
            self.said = Some(sentence);
        }
    }
}

/// Waits for SIGTERM or SIGINT.
async fn asked_to_end() {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
