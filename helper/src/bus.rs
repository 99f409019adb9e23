//! The connection to the system bus, so that nobody swells the helper by it: what wants no answer is dropped unread, what is too long comes
//! without its body, and no more is read than is answered.
//!
//! zbus has a task for each call, and one that sends its answer waits where the bus takes nothing. So a user with all his 256 connections
//! made the helper take 97 MB, be it by methods that cost nothing. Here nothing is read while something waits to be written: what
//! comes then waits at the bus, which counts it as its senders'.
//!
//! The bus takes nothing from somebody of whose messages others have not read 127 MiB (`max_incoming_bytes`, dbus-daemon(1)). A single
//! subscriber that is stopped would silence the helper for everybody so, after half an hour of attacks. [`Stuck`] tells of it: a helper
//! that begins anew is a new connection, and whoever does not read does not subscribe anew.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    os::linux::net::SocketAddrExt as _,
    os::unix::net::{SocketAddr, UnixStream as StdStream},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_lite::future::poll_once;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    task::yield_now,
    time::timeout,
};
use zbus::{
    Address, Connection,
    address::{Transport, transport::UnixSocket},
    connection::{
        self,
        socket::{ReadHalf, Socket, Split, WriteHalf},
    },
    export::async_trait::async_trait,
};

/// The bus has so long to take something; a healthy one takes it at once.
const STUCK: Duration = Duration::from_secs(10);
/// So much is read at once, in bytes: some dozens of messages.
const BLOCK: usize = 8 * 1024;
/// So many turns those who wait to write have before anything is read again: more than there are messages in what was read.
const TURNS: u32 = 256;
/// The part of a message that says how long it is, in bytes ("Message Format" in the D-Bus specification).
const HEAD: usize = 16;
/// No message is longer, in bytes (the same).
const LONGEST: u64 = 128 << 20;
/// A call with a longer body, or a longer list of fields, is none of ours, in bytes.
const LONGEST_CALL: u64 = 64 * 1024;
/// The type of a call, and the flag that no answer is wanted (the same).
const CALL: u8 = 1;
const NO_REPLY: u8 = 1;

/// Connects to the system bus.
pub async fn connect() -> zbus::Result<(Connection, Stuck)> {
    let flow = Arc::<Flow>::default();
    let builder = match stream().await? {
        Some(stream) => connection::Builder::socket(Careful {
            stream,
            flow: Arc::clone(&flow),
        }),
        None => connection::Builder::system(),
    };
    Ok((builder.build().await?, Stuck(flow)))
}

/// The socket of the system bus; `None` where it is none of this machine's file system.
async fn stream() -> zbus::Result<Option<UnixStream>> {
    let address = Address::system()?;
    let Transport::Unix(unix) = address.transport() else {
        return Ok(None);
    };
    let stream = match unix.path() {
        UnixSocket::File(path) => UnixStream::connect(path).await?,
        UnixSocket::Abstract(name) => {
            let address = SocketAddr::from_abstract_name(name.as_encoded_bytes())?;
            let stream = StdStream::connect_addr(&address)?;
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)?
        }
        _ => return Ok(None),
    };
    Ok(Some(stream))
}

/// Tells when the bus takes nothing more.
#[derive(Debug)]
pub struct Stuck(Arc<Flow>);

impl Stuck {
    /// Returns when the bus has taken nothing for ten seconds.
    pub async fn happens(&self) {
        self.0.stuck.notified().await;
    }
}

/// What the two halves know of each other.
#[derive(Debug, Default)]
struct Flow {
    /// Does something wait to be written?
    is_shut: AtomicBool,
    /// Did something, since the reader looked last?
    was_shut: AtomicBool,
    opened: Notify,
    stuck: Notify,
}

impl Flow {
    /// Waits until nothing waits to be written, nor any task behind it that comes to write when it has its turn.
    async fn open(&self) {
        let mut turns = if self.was_shut.swap(false, Ordering::Relaxed) {
            0
        } else {
            TURNS
        };
        loop {
            while self.is_shut.load(Ordering::Relaxed) {
                self.opened.notified().await;
                turns = 0;
            }
            if turns == TURNS {
                return;
            }
            turns += 1;
            yield_now().await;
        }
    }
}

/// Shuts the flow until it is dropped.
struct Shut<'a>(&'a Flow);

impl<'a> Shut<'a> {
    fn new(flow: &'a Flow) -> Self {
        flow.is_shut.store(true, Ordering::Relaxed);
        flow.was_shut.store(true, Ordering::Relaxed);
        Self(flow)
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.is_shut.store(false, Ordering::Relaxed);
        self.0.opened.notify_one();
    }
}

/// The socket.
#[derive(Debug)]
struct Careful {
    stream: UnixStream,
    flow: Arc<Flow>,
}

impl Socket for Careful {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let (read, write) = self.stream.into_split();
        let reader = Reader {
            stream: read,
            flow: Arc::clone(&self.flow),
            block: vec![0; BLOCK],
            start: 0,
            end: 0,
            place: Place::Line,
        };
        let writer = Writer {
            stream: write,
            flow: self.flow,
        };
        Split::new(reader, writer)
    }
}

/// Where in the stream the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a line of the greeting, or of the first message.
    Line,
    /// Within such a line.
    InLine,
    /// Before a message.
    Between,
    /// In a message that is handed on, so many bytes before its end.
    Kept(u64),
    /// In a message that is dropped.
    Dropped(u64),
    /// In the head of a call so many bytes before its body, which is longer than any of ours and is dropped.
    Cut(u64, u64),
}

/// The half that reads.
#[derive(Debug)]
struct Reader {
    stream: OwnedReadHalf,
    flow: Arc<Flow>,
    /// What was read and not handed on yet: from `start` to `end`.
    block: Vec<u8>,
    start: usize,
    end: usize,
    place: Place,
}

impl Reader {
    /// Reads on into the block; false at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        self.flow.open().await;
        self.block.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let read = self.stream.read(&mut self.block[self.end..]).await?;
        self.end += read;
        Ok(read > 0)
    }

    /// Takes at most `most` bytes out of the block.
    fn take(&mut self, most: u64) -> &[u8] {
        let len = usize::try_from(most).map_or(self.end - self.start, |most| {
            most.min(self.end - self.start)
        });
        self.start += len;
        &self.block[self.start - len..self.start]
    }

    /// The next bytes of what is handed on; none at the end of the stream.
    async fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let room = out.len() as u64;
        loop {
            let enough = if self.place == Place::Between {
                HEAD
            } else {
                1
            };
            if self.end - self.start < enough {
                if !self.fill().await? {
                    return Ok(0);
                }
                continue;
            }
            match self.place {
                // A line of the greeting is one of words in capitals; a message begins with its byte order.
                Place::Line if matches!(self.block[self.start], b'l' | b'B') => {
                    self.place = Place::Between;
                }
                Place::Line | Place::InLine => {
                    let line = &self.block[self.start..self.end];
                    let end = memchr::memchr(b'\n', line).map_or(line.len(), |at| at + 1);
                    let taken = self.take(room.min(end as u64));
                    out[..taken.len()].copy_from_slice(taken);
                    let (len, is_whole) = (taken.len(), taken.last() == Some(&b'\n'));
                    self.place = if is_whole { Place::Line } else { Place::InLine };
                    return Ok(len);
                }
                Place::Between => {
                    let head = &mut self.block[self.start..self.end];
                    self.place = place_of(head);
                    if let Place::Cut(..) = self.place {
                        // Without its body it is answered as one whose arguments are missing, and takes no room meanwhile.
                        head[4..8].fill(0);
                    }
                }
                Place::Cut(0, body) => self.place = Place::Dropped(body),
                Place::Kept(0) | Place::Dropped(0) => self.place = Place::Between,
                Place::Dropped(left) => {
                    let taken = self.take(left).len() as u64;
                    self.place = Place::Dropped(left - taken);
                }
                Place::Kept(left) | Place::Cut(left, _) => {
                    let taken = self.take(room.min(left));
                    out[..taken.len()].copy_from_slice(taken);
                    let len = taken.len();
                    let left = left - len as u64;
                    self.place = match self.place {
                        Place::Cut(_, body) => Place::Cut(left, body),
                        _ => Place::Kept(left),
                    };
                    return Ok(len);
                }
            }
        }
    }
}

/// What is to be done with the message that begins so.
fn place_of(head: &[u8]) -> Place {
    let number = |at: usize| {
        let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        u64::from(if head[0] == b'l' {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    let (body, fields) = (number(4), number(12));
    let before_body = (HEAD as u64 + fields).next_multiple_of(8);
    let len = before_body + body;
    // One that is none ends the connection, and that is zbus's to say.
    let is_message = matches!(head[0], b'l' | b'B') && len <= LONGEST;
    let is_call = is_message && head[1] == CALL;
    if is_call && (head[2] & NO_REPLY != 0 || fields > LONGEST_CALL) {
        Place::Dropped(len)
    } else if is_call && body > LONGEST_CALL {
        Place::Cut(before_body, body)
    } else {
        Place::Kept(if is_message { len } else { u64::MAX })
    }
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        // The bus is not told that descriptors may be sent, so none come.
        Ok((self.read(buffer).await?, Vec::new()))
    }
}

/// The half that writes.
#[derive(Debug)]
struct Writer {
    stream: OwnedWriteHalf,
    flow: Arc<Flow>,
}

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], _: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let mut write = pin!(self.stream.write(buffer));
        if let Some(written) = poll_once(write.as_mut()).await {
            return written;
        }
        let _shut = Shut::new(&self.flow);
        timeout(STUCK, write).await.unwrap_or_else(|_| {
            self.flow.stuck.notify_one();
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use zbus::message::{Flags, Message};

    use super::*;

    /// A call with a body of so many bytes.
    fn call(len: usize, flags: Flags) -> Vec<u8> {
        let builder = Message::method_call("/", "Call");
        let builder = if flags.is_empty() {
            builder
        } else {
            builder.with_flags(flags)
        };
        builder.build(&"x".repeat(len)).unwrap().data().to_vec()
    }

    /// The two halves of a socket, and its other end.
    fn halves() -> (Reader, Writer, UnixStream) {
        let (stream, peer) = UnixStream::pair().unwrap();
        let flow = Arc::default();
        let (reader, writer) = Careful { stream, flow }.split().take();
        (reader, writer, peer)
    }

    #[tokio::test]
    async fn calls_that_want_no_answer_are_dropped_and_all_else_is_handed_on() {
        let none = Flags::empty();
        let words = b"DATA\r\nOK 1234\r\n".to_vec();
        let parts = [
            (true, words),
            (true, call(3, none)),
            (false, call(5, Flags::NO_REPLY_EXPECTED)),
            (false, call(3 * BLOCK, Flags::NO_REPLY_EXPECTED)),
            (true, call(3 * BLOCK, Flags::ALLOW_INTERACTIVE_AUTH)),
            (false, call(0, Flags::NO_REPLY_EXPECTED)),
            (true, call(0, none)),
        ];
        let all: Vec<u8> = parts.iter().flat_map(|(_, part)| part.clone()).collect();
        let kept = parts.iter().filter(|(is_kept, _)| *is_kept);
        let kept: Vec<u8> = kept.flat_map(|(_, part)| part.clone()).collect();
        for piece in [1, 7, 16, 1000, all.len()] {
            let (mut reader, _writer, mut peer) = halves();
            let sent = all.clone();
            let sending = tokio::spawn(async move {
                for piece in sent.chunks(piece) {
                    peer.write_all(piece).await.unwrap();
                }
            });
            let (mut read, mut buffer) = (Vec::new(), vec![0; piece.min(333)]);
            loop {
                let len = reader.read(&mut buffer).await.unwrap();
                if len == 0 {
                    break;
                }
                read.extend_from_slice(&buffer[..len]);
            }
            sending.await.unwrap();
            assert!(read == kept, "in pieces of {piece} bytes");
        }
    }

    #[tokio::test]
    async fn a_call_that_is_too_long_comes_without_its_body() {
        let (mut reader, _writer, mut peer) = halves();
        let long = call(1 << 20, Flags::empty());
        let next = call(3, Flags::empty());
        let sending = tokio::spawn(async move {
            peer.write_all(&[long, next].concat()).await.unwrap();
        });
        reader.place = Place::Between;
        let (mut read, mut buffer) = (Vec::new(), [0; 100]);
        loop {
            let len = reader.read(&mut buffer).await.unwrap();
            if len == 0 {
                break;
            }
            read.extend_from_slice(&buffer[..len]);
        }
        sending.await.unwrap();
        let next = call(3, Flags::empty());
        assert!(read.len() < 2 * next.len(), "{} bytes", read.len());
        assert_eq!(read[4..8], [0; 4]);
        // All but the number of the message is the same.
        assert!(read.ends_with(&next[HEAD..]));
    }

    #[tokio::test]
    async fn what_is_no_message_is_left_to_be_told() {
        assert_eq!(place_of(&[0xff; HEAD]), Place::Kept(u64::MAX));
        let mut head = [0; HEAD];
        (head[0], head[1], head[2]) = (b'l', CALL, NO_REPLY);
        head[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(place_of(&head), Place::Kept(u64::MAX), "too long");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_read_while_something_waits_to_be_written_and_that_is_told() {
        let (mut reader, mut writer, mut peer) = halves();
        let stuck = Stuck(Arc::clone(&reader.flow));
        peer.write_all(&call(3, Flags::empty())).await.unwrap();
        let full = vec![0; BLOCK];
        loop {
            let sent = timeout(Duration::from_secs(1), writer.sendmsg(&full, &[])).await;
            if sent.is_err() {
                break;
            }
        }
        let mut buffer = [0; HEAD];
        {
            let mut waiting = pin!(writer.sendmsg(&full, &[]));
            assert!(poll_once(waiting.as_mut()).await.is_none());
            assert!(poll_once(pin!(reader.read(&mut buffer))).await.is_none());
            assert!(poll_once(pin!(stuck.happens())).await.is_none());
            let ended = waiting.await.unwrap_err();
            assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        }
        stuck.happens().await;
        assert_eq!(reader.read(&mut buffer).await.unwrap(), HEAD);
    }
}
