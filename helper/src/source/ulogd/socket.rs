//! The socket that ulogd's JSON output connects to (`mode="unix"`): the helper listens, and asks who calls.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    task::Poll,
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    time::timeout,
};

use super::super::{
    Trouble,
    tail::{FIRST_USER, LONGEST_LINE, quoted, splitter::Splitter},
};
use crate::journal;

/// What the user and group of ulogd are called by Debian and by others.
const NAMES: [&str; 2] = ["ulog", "ulogd"];
/// More than any ulogd has stacks.
const MOST_CONNECTIONS: usize = 16;
/// So much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;
/// So often is a connection read before others have their turn.
const READS_A_TURN: usize = 16;
/// Whoever listens answers at once; one whose queue is full would let us wait.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The socket and those who are connected.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// The number of the socket's file.
    inode: u64,
    /// The users whom ulogd may run as.
    ulogd: Vec<u32>,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    refused: bool,
    was_connected: bool,
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    splitter: Splitter,
    /// Is it root or ulogd, and no other account of the system?
    trusted: bool,
}

impl Socket {
    /// Makes the socket. One that a helper left behind is replaced; where somebody listens that is refused.
    pub(super) async fn listen(path: &Path) -> Result<Self, Trouble> {
        clear(path).await?;
        let listener = UnixListener::bind(path).map_err(|error| refusal(path, &error))?;
        let inode = open_to_ulogd(path).map_err(|error| refusal(path, &error))?;
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Ok(Self {
            listener,
            path: path.to_owned(),
            inode,
            ulogd: numbers(&passwd).collect(),
            connections: Vec::new(),
            buffer: vec![0; CHUNK],
            refused: false,
            was_connected: false,
        })
    }

    /// Waits until somebody connects or writes.
    pub(super) async fn ready(&mut self) -> io::Result<()> {
        std::future::poll_fn(|context| {
            let mut connections = self.connections.iter();
            if connections.any(|one| one.stream.poll_read_ready(context).is_ready()) {
                return Poll::Ready(Ok(()));
            }
            loop {
                let Poll::Ready(accepted) = self.listener.poll_accept(context) else {
                    return Poll::Pending;
                };
                let (stream, _) = accepted?;
                if self.admit(stream) {
                    return Poll::Ready(Ok(()));
                }
            }
        })
        .await
    }

    /// Lets somebody in: root, ulogd, and other accounts of the system, whose lines are not trusted.
    fn admit(&mut self, stream: UnixStream) -> bool {
        let uid = match stream.peer_cred() {
            Ok(credentials) => credentials.uid(),
            Err(_) => return false,
        };
        let trusted = uid == 0 || self.ulogd.contains(&uid);
        if !(trusted || uid < FIRST_USER) || self.connections.len() >= MOST_CONNECTIONS {
            if !std::mem::replace(&mut self.refused, true) {
                journal::say(&format_args!(
                    "ulogd: the user {uid} was not let in at {}, where root, ulogd and {MOST_CONNECTIONS} connections are",
                    self.path.display()
                ));
            }
            return false;
        }
        self.was_connected = true;
        self.connections.push(Connection {
            stream,
            splitter: Splitter::new(LONGEST_LINE),
            trusted,
        });
        true
    }

    /// Hands on the lines that came, with whether they are trusted. Returns how many were too long.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&[u8], bool)) -> u64 {
        let mut left_out = 0;
        let buffer = &mut self.buffer;
        self.connections.retain_mut(|connection| {
            for _ in 0..READS_A_TURN {
                match connection.stream.try_read(buffer) {
                    Ok(0) => return false,
                    Ok(len) => {
                        let trusted = connection.trusted;
                        let lines = &mut connection.splitter;
                        left_out += lines.feed(&buffer[..len], |line| each(line, trusted));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return false,
                }
            }
            true
        });
        left_out
    }

    /// Is somebody connected?
    pub(super) fn is_connected(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Nobody is connected.
    pub(super) fn alone(&self) -> Trouble {
        let path = self.path.display();
        let reason = if self.was_connected {
            format!("ulogd has left the socket {path}.")
        } else {
            format!(
                "ulogd is not connected to the socket {path}: it connects when it starts, so it has to be started after the helper."
            )
        };
        Trouble::new(reason, super::conf::restart_command())
    }

    /// Takes the socket away.
    pub(super) fn close(self) {
        let same = fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if same && let Err(error) = fs::remove_file(&self.path) {
            journal::whisper(&format_args!(
                "{} is left behind: {error}",
                self.path.display()
            ));
        }
    }
}

/// Makes room at the path: removes a socket at which nobody listens.
async fn clear(path: &Path) -> Result<(), Trouble> {
    use std::os::unix::fs::FileTypeExt as _;
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()), // binding tells
        Ok(file) if !file.file_type().is_socket() => {
            return Err(Trouble::new(
                format!(
                    "{shown} is no socket: name another path for ulogd.socket, or move that file away."
                ),
                format!("sudo mv {0} {0}.old", quoted(path)),
            ));
        }
        Ok(_) => {}
    }
    let used = || {
        Trouble::new(
            format!("Another program listens at {shown}, probably another helper: end that one."),
            format!("sudo ss -xlp src {}", quoted(path)),
        )
    };
    match timeout(ANSWER_LIMIT, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| refusal(path, &error))
        }
        // It is there and we may not connect, or somebody listens.
        _ => Err(used()),
    }
}

/// Lets ulogd connect: by its group where the helper is in it; else everybody may knock, and is asked who it is.
/// Returns the number of the file.
fn open_to_ulogd(path: &Path) -> io::Result<u64> {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let given = numbers(&groups).any(|group| chown(path, None, Some(group)).is_ok());
    let mode = if given { 0o660 } else { 0o666 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(fs::symlink_metadata(path)?.ino())
}

/// The numbers of ulogd in passwd(5) or group(5): the third field of both.
fn numbers(text: &str) -> impl Iterator<Item = u32> + '_ {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?.parse().ok()?;
        NAMES.contains(&name).then_some(number)
    })
}

fn refusal(path: &Path, error: &io::Error) -> Trouble {
    let directory = path.parent().unwrap_or(path);
    let mend = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
            format!(
                "sudo install -d -o wallwatch -g wallwatch -m 755 {}",
                quoted(directory)
            )
        }
        _ => String::new(),
    };
    Trouble::new(
        format!("The socket {} cannot be made: {error}.", path.display()),
        mend,
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let name = format!("wallwatch-socket.{}.{name}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            fs::create_dir(&dir).unwrap();
            Self(dir)
        }

        fn path(&self) -> PathBuf {
            self.0.join("ulogd.sock")
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    async fn lines(socket: &mut Socket) -> (Vec<String>, u64) {
        let (mut lines, mut left_out) = (Vec::new(), 0);
        let quiet = Duration::from_millis(50);
        while let Ok(ready) = timeout(quiet, socket.ready()).await {
            ready.unwrap();
            left_out +=
                socket.drain(|line, _| lines.push(String::from_utf8_lossy(line).into_owned()));
        }
        (lines, left_out)
    }

    #[tokio::test]
    async fn several_may_write_lines_of_a_bounded_length_and_leave() {
        let place = Place::new("several");
        let mut socket = Socket::listen(&place.path()).await.unwrap();
        assert!(socket.alone().reason.contains("started after the helper"));
        let connect = || std::os::unix::net::UnixStream::connect(place.path()).unwrap();
        let (mut one, mut other) = (connect(), connect());
        one.write_all(b"first\nsec").unwrap();
        other.write_all(b"third\n").unwrap();
        let (mut told, _) = lines(&mut socket).await;
        told.sort();
        assert_eq!(told, ["first", "third"]);
        assert!(socket.is_connected());
        drop(other);
        one.write_all(b"ond\n").unwrap();
        assert_eq!(lines(&mut socket).await.0, ["second"]);
        let long = std::thread::spawn(move || {
            one.write_all(&vec![b'x'; 1024 * 1024]).unwrap();
            one.write_all(b"\nlast\n").unwrap();
        });
        let mut told = (Vec::new(), 0);
        while !long.is_finished() || told.0.is_empty() {
            let (more, left_out) = lines(&mut socket).await;
            told = ([told.0, more].concat(), told.1 + left_out);
        }
        long.join().unwrap();
        assert_eq!(told, (vec!["last".to_owned()], 1));
        assert!(!socket.is_connected() && socket.alone().reason.contains("has left"));
        socket.close();
        assert!(!place.path().exists());
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
        let place = Place::new("stale");
        let first = Socket::listen(&place.path()).await.unwrap();
        let refused = Socket::listen(&place.path()).await.unwrap_err();
        assert!(
            refused.reason.contains("Another program listens"),
            "{refused}"
        );
        drop(first); // as a killed helper
        assert!(place.path().exists());
        let again = Socket::listen(&place.path()).await.unwrap();
        // Somebody else's socket of that name is left alone.
        fs::remove_file(place.path()).unwrap();
        fs::write(place.path(), "").unwrap();
        again.close();
        let refused = Socket::listen(&place.path()).await.unwrap_err();
        assert!(refused.reason.contains("is no socket"), "{refused}");
        assert!(place.path().exists());
    }

    #[tokio::test]
    async fn where_no_directory_is_the_command_makes_it() {
        let refused = Socket::listen(Path::new("/nonexistent/ulogd.sock"))
            .await
            .unwrap_err();
        assert!(refused.mend.ends_with("-m 755 /nonexistent"), "{refused}");
    }

    #[test]
    fn ulogds_accounts_are_found_by_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nulog:x:110:115::/nonexistent:/bin/false\nulogger:x:3:3::/:\nbroken\n";
        assert_eq!(numbers(passwd).collect::<Vec<_>>(), [110]);
    }
}
