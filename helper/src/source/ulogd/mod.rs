//! What ulogd2 writes: files in the manner of the kernel's log (LOGEMU) or of JSON objects, and objects over a socket.
//!
//! [`conf`] looks into ulogd's own configuration for what would make its lines late, [`socket`] is where its JSON output connects.

mod conf;
mod socket;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::socket::Socket;
use super::{
    Sink, Source, Trouble,
    file::{Telling, broken},
    health::Health,
    reader::Reader,
    tail::{self, Tail},
};
use crate::{clock, config::Ulogd as Settings, event::Feed, journal};

/// In the state directory.
const POSITIONS: &str = "positions-ulogd.json";
/// What the C library collects before it writes, in bytes: the size of a file system's block (`st_blksize`, setvbuf(3)).
const BLOCK: u64 = 4096;

/// ulogd's files and socket.
#[derive(Debug)]
pub struct Ulogd {
    tail: Tail,
    socket: Option<Socket>,
    reader: Reader,
    /// What its configuration says, or how its files grow.
    lateness: Lateness,
    telling: Telling,
    /// Was somebody connected when it was told the last time?
    connected: Option<bool>,
    health: Arc<Health>,
}

/// Do lines come late?
#[derive(Debug)]
struct Lateness {
    /// What was found.
    troubles: Vec<Trouble>,
    /// What a file's growth has shown, which counts more: `None` while none has grown.
    shown: Vec<Option<bool>>,
}

impl Ulogd {
    /// Follows the files and makes the socket.
    pub async fn open(
        settings: Settings,
        state_dir: PathBuf,
        health: Arc<Health>,
    ) -> Result<Self, Trouble> {
        let Settings { files, socket } = settings;
        let socket = match socket {
            Some(path) => Some(Socket::listen(&path).await?),
            None => None,
        };
        let tail = Tail::open(&files, state_dir.join(POSITIONS)).map_err(|error| {
            Trouble::new(format!("ulogd's files cannot be followed: {error}."), "")
        })?;
        if socket.is_none()
            && let Some(trouble) = tail.refusal()
        {
            return Err(trouble);
        }
        if !files.is_empty() {
            journal::say(&format_args!("ulogd: reads {}", tail::listed(&files)));
        }
        Ok(Self {
            socket,
            reader: Reader::new(clock::now()),
            lateness: Lateness::of(&files),
            telling: Telling::default(),
            connected: None,
            tail,
            health,
        })
    }

    /// Looks whether files grow by whole lines, and tells what changed.
    fn tell(&mut self, blind_without_socket: bool) {
        let learnt = self.lateness.learn(&self.tail);
        let connected = self.socket.as_ref().map(Socket::is_connected);
        if learnt || connected != self.connected {
            self.connected = connected;
            self.telling.again();
        }
        let (socket, lateness) = (&self.socket, &self.lateness);
        let others = || {
            let alone = socket.iter().filter(|socket| !socket.is_connected());
            alone
                .map(Socket::alone)
                .chain(lateness.troubles.iter().cloned())
                .collect()
        };
        let blind = blind_without_socket && connected != Some(true);
        self.telling.tell(&self.tail, others, blind, &self.health);
    }
}

impl Source for Ulogd {
    async fn ready(&mut self) -> Result<(), Trouble> {
        if let Some(socket) = &mut self.socket {
            tokio::select! {
                ready = self.tail.ready() => ready.map_err(|error| broken(&error)),
                ready = socket.ready() => ready.map_err(|error| {
                    Trouble::new(format!("ulogd's socket takes no connections any more: {error}."), "")
                }),
            }
        } else {
            self.tail.ready().await.map_err(|error| broken(&error))
        }
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        self.reader.turn(clock::now());
        let reader = &mut self.reader;
        let mut hand_on = |line: &[u8], trusted: bool| {
            if let Some(mut event) = reader.event(line) {
                event.feed = Feed::Ulogd;
                // Of lines in the kernel's manner anybody can have written any; objects are ulogd's own.
                event.trusted &= trusted;
                sink.packet(&event);
            }
        };
        let drained = self.tail.drain(|line| hand_on(line.bytes, line.guarded));
        drained.map_err(|error| broken(&error))?;
        if let Some(socket) = &mut self.socket {
            self.health.lost(socket.drain(hand_on));
        }
        self.tell(self.tail.is_blind());
        Ok(())
    }

    async fn close(self) {
        self.telling.close(&self.health);
        self.tail.close();
        if let Some(socket) = self.socket {
            socket.close();
        }
    }
}

impl Lateness {
    fn of(files: &[PathBuf]) -> Self {
        let troubles = match fs::read_to_string(Path::new(conf::PATH)) {
            Ok(text) => conf::troubles(&text, files),
            Err(error) if files.is_empty() || error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => vec![conf::unknown(&error)],
        };
        Self {
            troubles,
            shown: vec![None; files.len()],
        }
    }

    /// Learns of how the files grow; says whether something new was learnt. Whole blocks with half a line at their end are
    /// written by one who keeps lines back; a whole line is not.
    fn learn(&mut self, tail: &Tail) -> bool {
        let mut news = false;
        for (file, shown) in self.shown.iter_mut().enumerate() {
            let late = match tail.grown(file) {
                Some((grown, true)) if grown > 0 && grown % BLOCK == 0 => true,
                Some((grown, false)) if grown > 0 && grown % BLOCK != 0 => false,
                _ => continue,
            };
            if shown.replace(late) == Some(late) {
                continue;
            }
            news = true;
            if late && let Some(path) = tail.path(file) {
                self.troubles = vec![conf::keeps_back(path, None)];
            }
        }
        // Every file has shown that its lines come at once.
        if news && self.shown.iter().all(|late| *late == Some(false)) {
            self.troubles
                .retain(|trouble| trouble.reason.contains(":ULOG"));
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_shows_by_its_growth_whether_lines_are_kept_back() {
        let dir = std::env::temp_dir().join(format!("wallwatch-late.{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let log = dir.join("log");
        fs::write(&log, "").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let mut tail = Tail::open(std::slice::from_ref(&log), dir.join("positions")).unwrap();
        tail.drain(|_| ()).unwrap();
        let mut lateness = Lateness {
            troubles: vec![conf::unknown(&io::Error::from(
                io::ErrorKind::PermissionDenied,
            ))],
            shown: vec![None],
        };
        let mut grow = |lateness: &mut Lateness, text: &str| {
            use std::io::Write as _;
            let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            runtime.block_on(async { tail.ready().await.unwrap() });
            tail.drain(|_| ()).unwrap();
            lateness.learn(&tail)
        };
        assert!(grow(&mut lateness, "a line\n"));
        assert_eq!(lateness.troubles, []);
        assert!(!grow(&mut lateness, "another\n"));
        let block = "x".repeat(100) + "\n";
        assert!(grow(&mut lateness, &block.repeat(41)[..4096]));
        assert!(lateness.troubles[0].reason.contains("keeps its lines back"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
