//! LOG lines in the journal: those that were written while the helper did not run, and all where the kernel's own log is closed.
//!
//! A child `journalctl` reads it and follows it, so that no library is needed and the child may have no rights at all. The journal
//! copies the kernel's log, so its lines are trusted as those are: it adds the field `_TRANSPORT` itself.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::unix::pipe::Receiver,
    process::Child,
    time::{sleep, timeout},
};

use super::{
    Sink, Source, Trouble,
    health::Health,
    reader::Reader,
    start_command,
    tail::{LONGEST_LINE, SAVE_EVERY, replace, splitter::Splitter},
};
use crate::{
    clock,
    event::{Feed, Timestamp},
    journal,
    sys::child,
};

/// In the state directory: the cursor of the last record that was read.
const CURSOR: &str = "journal-cursor";
/// A cursor takes about 150 bytes; a longer one is none.
const LONGEST_CURSOR: usize = 1024;
/// What was written before the helper was started for the first time is read so far back.
const FIRST_CATCH_UP: i64 = 3600 * Timestamp::SECOND;
/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// Where it keeps the journal, in a directory of each machine's (systemd-journald.service(8)).
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];
/// The fields that are decoded; the cursor and the times are always told.
const FIELDS: &str =
    "MESSAGE,_TRANSPORT,SYSLOG_IDENTIFIER,SYSLOG_FACILITY,_SOURCE_REALTIME_TIMESTAMP";
/// journalctl says within this why it will not show anything.
const START_LIMIT: Duration = Duration::from_millis(500);
/// So long may it take to end.
const END_LIMIT: Duration = Duration::from_secs(1);
/// So much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;
/// So often is it read before others have their turn.
const READS_A_TURN: usize = 16;
/// So much of what journalctl says is kept, in bytes.
const MOST_SAID: usize = 1024;

/// The journal, read by a child.
#[derive(Debug)]
pub struct Journal {
    child: Child,
    records: Option<Receiver>,
    words: Option<Receiver>,
    /// How it ended.
    ended: Option<String>,
    said: Vec<u8>,
    splitter: Splitter,
    reader: Reader,
    buffer: Vec<u8>,
    cursor: Cursor,
    noted: bool,
    health: Arc<Health>,
}

impl Journal {
    /// Begins to read where reading ended the last time, or an hour ago.
    pub async fn open(state_dir: PathBuf, health: Arc<Health>) -> Result<Self, Trouble> {
        let journalctl = child::find("journalctl").ok_or_else(|| {
            Trouble::new(
                "The program journalctl is missing: without systemd there is no journal to read.",
                "",
            )
        })?;
        if !is_kept() {
            return Err(Trouble::new(
                "There is no journal here: journald does not run, or keeps nothing.",
                "",
            ));
        }
        let cursor = Cursor::load(state_dir.join(CURSOR));
        let from = cursor.last.as_ref().map_or_else(
            || {
                let since = clock::now().plus(-FIRST_CATCH_UP).0 / Timestamp::SECOND;
                format!("--since=@{since}")
            },
            |last| format!("--after-cursor={last}"),
        );
        let fields = format!("--output-fields={FIELDS}");
        let arguments = [
            "--output=json",
            &fields,
            "--follow",
            "--no-tail",
            "--no-pager",
            &from,
            "_TRANSPORT=kernel",
        ];
        let mut child = child::unprivileged(&journalctl, &arguments)
            .spawn()
            .map_err(|error| not_started(&error))?;
        let (records, words) = pipes(&mut child).map_err(|error| not_started(&error))?;
        let mut opened = Self {
            child,
            records: Some(records),
            words: Some(words),
            ended: None,
            said: Vec::new(),
            splitter: Splitter::new(LONGEST_LINE),
            reader: Reader::new(clock::now()),
            buffer: vec![0; CHUNK],
            cursor,
            noted: false,
            health,
        };
        // Its first word tells whether it may read.
        if let Ok(ready) = timeout(START_LIMIT, opened.ready()).await {
            ready?;
        }
        opened.listen_to_words();
        opened.refusal()?;
        Ok(opened)
    }

    /// Keeps the beginning of what journalctl says.
    fn listen_to_words(&mut self) {
        let Some(words) = &self.words else { return };
        let mut buffer = [0; 512];
        loop {
            match words.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => {
                    let room = MOST_SAID.saturating_sub(self.said.len()).min(len);
                    self.said.extend_from_slice(&buffer[..room]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.words = None;
    }

    /// Did journalctl say that it may not read?
    fn refusal(&self) -> Result<(), Trouble> {
        let said = String::from_utf8_lossy(&self.said);
        if said.contains("not seeing messages from other users")
            || said.contains("insufficient permissions")
        {
            return Err(Trouble::new(
                "The helper may not read the system's journal.",
                format!(
                    "sudo usermod -aG systemd-journal wallwatch && {}",
                    start_command()
                ),
            ));
        }
        Ok(())
    }

    /// journalctl ended.
    fn death(&mut self, how: &str) -> Trouble {
        self.listen_to_words();
        if let Err(trouble) = self.refusal() {
            return trouble;
        }
        let said = String::from_utf8_lossy(&self.said);
        // A cursor that it does not understand must not end it again.
        if said.contains("cursor") {
            self.cursor.doubt();
        }
        let first = said.lines().find(|line| !line.trim().is_empty());
        let first = first.unwrap_or("it did not say why").trim();
        let shown: String = first
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        Trouble::new(
            format!("The journalctl that reads the journal ended ({how}): {shown}."),
            "journalctl --verify",
        )
    }

    /// Tells when the cursor cannot be kept, and when it can again.
    fn tell(&mut self) {
        if let Some(trouble) = self.cursor.trouble() {
            self.noted = true;
            self.health.note(&trouble);
        } else if self.cursor.unkept.is_none() && std::mem::take(&mut self.noted) {
            self.health.sees_all();
        }
    }
}

impl Source for Journal {
    async fn ready(&mut self) -> Result<(), Trouble> {
        let readable = async |pipe: &Option<Receiver>| match pipe {
            Some(pipe) => pipe.readable().await,
            None => std::future::pending().await,
        };
        let due = self.cursor.due();
        let timer = async {
            match due {
                Some(due) => sleep(due.saturating_duration_since(clock::moment())).await,
                None => std::future::pending().await,
            }
        };
        let status = async {
            match timeout(END_LIMIT, self.child.wait()).await {
                Ok(Ok(status)) => status.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "its output ended".to_owned(),
            }
        };
        if self.records.is_none() {
            if self.ended.is_none() {
                self.ended = Some(status.await);
            }
            return Ok(());
        }
        tokio::select! {
            // An error is the end of the pipe, which reading tells too; so does the end of the child.
            _ = readable(&self.records) => {}
            _ = readable(&self.words) => {}
            () = timer => {}
        }
        Ok(())
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        self.reader.turn(clock::now());
        self.listen_to_words();
        for _ in 0..READS_A_TURN {
            let Some(records) = &self.records else { break };
            match records.try_read(&mut self.buffer) {
                Ok(0) => self.records = None,
                Ok(len) => {
                    let (reader, cursor) = (&mut self.reader, &mut self.cursor);
                    let lost = self.splitter.feed(&self.buffer[..len], |line| {
                        if let Some(event) = reader.event(line)
                            && event.feed == Feed::Journal
                        {
                            sink.packet(&event);
                        }
                        cursor.pass(line);
                    });
                    self.health.lost(lost);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.records = None,
            }
        }
        self.cursor.save_if_due();
        self.tell();
        if let Some(how) = self.ended.take() {
            return Err(self.death(&how));
        }
        self.refusal()
    }

    async fn close(mut self) {
        if self.noted {
            self.health.sees_all();
        }
        self.cursor.save();
        if let Err(error) = self.child.start_kill() {
            journal::whisper(&format_args!("journalctl had ended: {error}"));
        }
        // One that does not end is killed when it is dropped.
        drop(timeout(END_LIMIT, self.child.wait()).await);
    }
}

/// Does journald run, and has it written files? journalctl would wait for them without a word.
fn is_kept() -> bool {
    let holds = |directory: PathBuf| match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        // Where it may not be looked in something is.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    let directories = DIRECTORIES
        .iter()
        .filter_map(|path| fs::read_dir(path).ok());
    let mut machines = directories.flatten().flatten().map(|entry| entry.path());
    Path::new(SOCKET).exists() && machines.any(holds)
}

fn not_started(error: &io::Error) -> Trouble {
    Trouble::new(format!("journalctl could not be started: {error}."), "")
}

/// Both outputs of the child.
fn pipes(child: &mut Child) -> io::Result<(Receiver, Receiver)> {
    let outputs = child.stdout.take().zip(child.stderr.take());
    let (stdout, stderr) = outputs.ok_or_else(|| io::Error::other("no pipes"))?;
    Ok((
        Receiver::from_owned_fd(stdout.into_owned_fd()?)?,
        Receiver::from_owned_fd(stderr.into_owned_fd()?)?,
    ))
}

/// The place in the journal up to which it was read.
#[derive(Debug)]
struct Cursor {
    store: PathBuf,
    last: Option<String>,
    /// Did a record come since the start?
    moved: bool,
    unsaved: Option<Instant>,
    unkept: Option<String>,
    told: bool,
}

impl Cursor {
    fn load(store: PathBuf) -> Self {
        let last = read(&store).filter(|text| is_cursor(text));
        Self {
            store,
            last,
            moved: false,
            unsaved: None,
            unkept: None,
            told: false,
        }
    }

    /// This record was read.
    fn pass(&mut self, record: &[u8]) {
        const KEY: &[u8] = b"\"__CURSOR\":";
        let Some(at) = memchr::memmem::find(record, KEY) else {
            return;
        };
        let value = record[at + KEY.len()..].trim_ascii_start();
        let text = value
            .strip_prefix(b"\"")
            .and_then(|text| Some(&text[..memchr::memchr(b'"', text)?]))
            .and_then(|text| std::str::from_utf8(text).ok())
            .filter(|text| is_cursor(text));
        let Some(text) = text else { return };
        let last = self.last.get_or_insert_default();
        last.clear();
        last.push_str(text);
        self.moved = true;
        if self.unsaved.is_none() {
            self.unsaved = Some(clock::moment());
        }
    }

    /// When it is to be written down.
    fn due(&self) -> Option<Instant> {
        self.unsaved.map(|since| since + SAVE_EVERY)
    }

    fn save_if_due(&mut self) {
        if self.due().is_some_and(|due| due <= clock::moment()) {
            self.save();
        }
    }

    fn save(&mut self) {
        if self.unsaved.take().is_none() {
            return;
        }
        let last = self.last.as_deref().unwrap_or_default();
        self.unkept = replace(&self.store, last.as_bytes())
            .err()
            .map(|error| error.to_string());
        if self.unkept.is_none() {
            self.told = false;
        }
    }

    /// Nothing came by this cursor: the next reading begins without.
    fn doubt(&mut self) {
        if !self.moved && self.last.take().is_some() {
            drop(fs::remove_file(&self.store));
        }
    }

    /// Why it cannot be kept, once.
    fn trouble(&mut self) -> Option<Trouble> {
        let reason = self.unkept.as_ref()?;
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let directory = self.store.parent().unwrap_or(&self.store).display();
        Some(Trouble::new(
            format!(
                "How far the journal was read cannot be kept in {} ({reason}), so after a restart lines may be missed or told again.",
                self.store.display()
            ),
            format!("df -h {directory}"),
        ))
    }
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let mut file = File::open(path).ok()?.take(LONGEST_CURSOR as u64 + 1);
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

/// `s=...;i=...;b=...;m=...;t=...;x=...` (`sd_journal_get_cursor(3)`).
fn is_cursor(text: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || "=;-_".contains(c);
    text.starts_with("s=") && text.len() <= LONGEST_CURSOR && text.chars().all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_of_the_last_record_is_kept_and_rubbish_is_none() {
        let store = std::env::temp_dir().join(format!("wallwatch-cursor.{}", std::process::id()));
        let mut cursor = Cursor::load(store.clone());
        assert_eq!(cursor.last, None);
        cursor.pass(br#"{"__CURSOR":"s=1a;i=2;b=3","MESSAGE":"one"}"#);
        cursor.pass(br#"{"MESSAGE":"two", "__CURSOR" : "s=9" }"#);
        cursor.pass(br#"{"MESSAGE":"two", "__CURSOR": "s=1a;i=3;b=3" }"#);
        cursor.pass(br#"{"__CURSOR":"--since=yesterday","MESSAGE":"three"}"#);
        assert!(cursor.due().is_some());
        cursor.save();
        assert_eq!(cursor.due(), None);
        let mut again = Cursor::load(store.clone());
        assert_eq!(again.last.as_deref(), Some("s=1a;i=3;b=3"));
        again.doubt();
        assert!(!store.exists(), "nothing came by it");
        for rubbish in ["", "x", "s=1\n", "s=1 --file=/etc/shadow"] {
            fs::write(&store, rubbish).unwrap();
            assert_eq!(Cursor::load(store.clone()).last, None, "{rubbish:?}");
        }
        fs::remove_file(&store).unwrap();
    }

    #[test]
    fn a_cursor_that_cannot_be_kept_is_told_once() {
        let mut cursor = Cursor::load(PathBuf::from("/nonexistent/cursor"));
        for _ in 0..2 {
            cursor.pass(br#"{"__CURSOR":"s=1"}"#);
            cursor.save();
        }
        assert!(cursor.trouble().is_some());
        assert_eq!(cursor.trouble(), None);
    }
}
