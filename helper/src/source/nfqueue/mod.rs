//! Packets that rules of the user's hand to a queue (NFQUEUE), and that wait until they are let pass.
//!
//! The packets' way is the user's, so nothing of it depends on the helper. Two processes of their own hold the queue: a [`watchdog`]
//! and its [`reader`], which lets every packet pass and hands a copy on by a pipe. What the helper has no time for is left out, and
//! known by the gap in the packets' numbers. The helper only listens.

mod outlet;
mod page;
mod queue;
mod reader;
mod sentence;
mod stream;
mod vigil;
pub(crate) mod watchdog;
pub mod wire;
mod word;

use std::{
    io,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::unix::pipe::Receiver,
    process::Child,
    time::{Instant as Deadline, sleep_until, timeout},
};

use super::{Sink, Source, Trouble, health::Health};
use crate::{
    clock, journal,
    sys::{
        capability::{Capability, Effective},
        child,
        process::kill_group,
    },
};
use stream::Stream;
use word::{Why, Word};

/// The watchdog takes so long at most until it knows whether the queue is to be had.
const BIND_LIMIT: Duration = Duration::from_secs(5);
/// So long at most the queue's holders take to give it back.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);
/// So many reads of packets before others have their turn, of 64 KiB each.
const READS_A_TURN: usize = 8;
/// So many bytes of words are read at once.
const WORDS: usize = 1024;

/// So long is said what happened to the queue's holders.
const NOTED_FOR: Duration = Duration::from_secs(600);
/// The program that runs, whatever was installed in its place meanwhile (proc(5)).
const OWN_PROGRAM: &str = "/proc/self/exe";
/// The hidden option that makes this program a watchdog.
pub(crate) const OPTION: &str = "--nfqueue";

/// The packets of one queue.
#[derive(Debug)]
pub struct Nfqueue {
    number: u16,
    watchdog: Child,
    /// The watchdog's number, and that of its group.
    group: u32,
    packets: Receiver,
    words: Receiver,
    stream: Stream,
    /// What was said and is no whole line yet.
    said: Vec<u8>,
    /// The last that was said before both holders ended.
    last: Option<Word>,
    ending: Ending,
    /// Was reading given up before all was read?
    unread: bool,
    /// When something was last noted that is over.
    noted: Option<Instant>,
    health: Arc<Health>,
}

/// How far the end of the queue's holders is.
#[derive(Debug, Clone, Copy, Default)]
struct Ending {
    /// Until when the reader may take to end by itself, since its watchdog has ended.
    deadline: Option<Deadline>,
    /// No more packets will come.
    packets: bool,
    /// No more words will come.
    words: bool,
}

impl Nfqueue {
    /// Starts the watchdog and waits until the queue is ours.
    pub async fn open(number: u16, health: Arc<Health>) -> Result<Self, Trouble> {
        let may = Effective::of_this_process().is_ok_and(|caps| caps.has(Capability::NetAdmin));
        if !may {
            return Err(sentence::forbidden(number));
        }
        let (watchdog, packets, words) =
            start(number).map_err(|error| sentence::broken(number, &error))?;
        let mut source = Self {
            number,
            group: watchdog.id().unwrap_or_default(),
            watchdog,
            packets,
            words,
            stream: Stream::new(),
            said: Vec::new(),
            last: None,
            ending: Ending::default(),
            unread: false,
            // What was noted when the queue was held before.
            noted: Some(clock::moment()),
            health,
        };
        match timeout(BIND_LIMIT, source.bound()).await {
            Ok(Ok(())) => Ok(source),
            Ok(Err(trouble)) => {
                source.close().await;
                Err(trouble)
            }
            Err(_) => {
                source.close().await;
                Err(sentence::silent(number))
            }
        }
    }

    /// Waits for the first word.
    async fn bound(&mut self) -> Result<(), Trouble> {
        loop {
            self.words
                .readable()
                .await
                .map_err(|error| sentence::broken(self.number, &error))?;
            for word in self.listen()? {
                match word {
                    Word::Bound => return Ok(()),
                    Word::Refused(errno) => return Err(sentence::refused(self.number, errno)),
                    _ => {}
                }
            }
            if self.ending.words {
                return Err(sentence::silent(self.number));
            }
        }
    }

    /// Reads what was said.
    fn listen(&mut self) -> Result<Vec<Word>, Trouble> {
        let mut buffer = [0; WORDS];
        loop {
            match self.words.try_read(&mut buffer) {
                Ok(0) => {
                    self.ending.words = true;
                    break;
                }
                Ok(len) => self.said.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(sentence::broken(self.number, &error)),
            }
        }
        let end = self.said.iter().rposition(|byte| *byte == b'\n');
        let lines: Vec<u8> = self.said.drain(..end.map_or(0, |end| end + 1)).collect();
        Ok(String::from_utf8_lossy(&lines)
            .lines()
            .filter_map(|line| self.understand(line))
            .collect())
    }

    /// A word; whatever else a program says on its standard error goes to the journal.
    fn understand(&self, line: &str) -> Option<Word> {
        let word = line.parse().ok();
        if word.is_none() {
            let line = line.escape_debug();
            journal::say(&format_args!("nfqueue:{}: {line}", self.number));
        }
        word
    }

    /// Reads packets; tells whether all was read.
    fn read<S: Sink>(&mut self, sink: &mut S) -> Result<bool, Trouble> {
        for _ in 0..READS_A_TURN {
            match self.packets.try_read(self.stream.room()) {
                Ok(0) => {
                    self.ending.packets = true;
                    return Ok(true);
                }
                Ok(len) => {
                    let lost = self.stream.take(len, (clock::now(), clock::moment()), sink);
                    if lost > 0 {
                        self.health.lost(lost);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(sentence::broken(self.number, &error)),
            }
        }
        Ok(false)
    }

    /// Works on what was said.
    fn heard(&mut self, word: Word) {
        if let Word::Ended { why, read } = word {
            // All that this reader handed on has been read.
            let unseen = self.stream.catch_up(read);
            if unseen > 0 {
                self.health.lost(unseen);
            }
            let note = sentence::reader_ended(self.number, why == Why::Still, unseen);
            self.health.note(&note);
            self.noted = Some(clock::moment());
        }
        self.last = Some(word);
    }
}

impl Source for Nfqueue {
    async fn ready(&mut self) -> Result<(), Trouble> {
        if self.unread {
            return Ok(());
        }
        let broken = |error: io::Error| sentence::broken(self.number, &error);
        let over = self.ending;
        tokio::select! {
            readable = self.packets.readable(), if !over.packets => readable.map_err(broken),
            readable = self.words.readable(), if !over.words => readable.map_err(broken),
            _ = self.watchdog.wait(), if over.deadline.is_none() => {
                self.ending.deadline = Some(Deadline::now() + LEAVE_LIMIT);
                Ok(())
            }
            () = until(over.deadline) => {
                // The reader hangs, and there is no watchdog any more. Its group is alive with it.
                kill_group(self.group);
                self.ending.deadline = Some(Deadline::now() + LEAVE_LIMIT);
                Ok(())
            }
        }
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        self.unread = !self.read(sink)?;
        if self.unread {
            return Ok(());
        }
        for word in self.listen()? {
            self.heard(word);
        }
        if self.ending.packets && self.ending.words {
            let over = sentence::over(self.number, self.last);
            if self.last.is_none_or(|last| !last.is_farewell()) {
                // Packets were lost: that stays to be read when the queue is held again.
                self.health.note(&over);
            }
            return Err(over);
        }
        let now = clock::moment();
        let is_old = |noted| now.saturating_duration_since(noted) >= NOTED_FOR;
        if self.noted.is_some_and(is_old) {
            self.noted = None;
            self.health.sees_all();
        }
        Ok(())
    }

    async fn close(self) {
        let Self {
            mut watchdog,
            group,
            packets,
            words,
            ..
        } = self;
        // It is told so by the ends of its pipes, lets pass what waits and gives the queue back.
        drop((packets, words));
        if timeout(LEAVE_LIMIT, watchdog.wait()).await.is_err() {
            kill_group(group);
        }
    }
}

/// Starts the watchdog; returns it and the pipes by which packets and words come.
fn start(number: u16) -> io::Result<(Child, Receiver, Receiver)> {
    let number = number.to_string();
    let mut command = child::net_admin(Path::new(OWN_PROGRAM), &[OPTION, &number]);
    // It is not killed when it is not wanted any more: it sees that its pipes are closed, and gives the queue back.
    command
        .arg0("wallwatch-helper")
        .stdin(Stdio::null())
        .kill_on_drop(false);
    let mut watchdog = command.spawn()?;
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let packets = watchdog.stdout.take().ok_or_else(missing)?;
    let words = watchdog.stderr.take().ok_or_else(missing)?;
    Ok((
        watchdog,
        Receiver::from_owned_fd(packets.into_owned_fd()?)?,
        Receiver::from_owned_fd(words.into_owned_fd()?)?,
    ))
}

/// Waits for the deadline, or for ever where there is none.
async fn until(deadline: Option<Deadline>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
