//! One connection to the runner: lines in, answers out, both bounded.

use std::{io, os::unix::net::UnixStream as StdStream, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, mpsc, watch},
    time,
};

use super::{
    answer::{Answer, State},
    pool::{Listener, answer},
    told::{MOST_LINE, too_long},
};
use crate::source::tail::splitter::Splitter;

/// So many answers wait for somebody who does not read them; further ones are left out.
const MOST_ANSWERS: usize = 64;
/// Who does not read answers for so long gets no more.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// So much is read at once, in bytes.
const CHUNK: usize = 16 * 1024;

/// A line that came, and who wants to know what becomes of it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    pub(crate) listener: Listener,
}

/// Takes a connection on: hands on its lines, and writes answers as long as somebody has some. The place is free again when the
/// other side has nothing more to say; `busy` is held until the last answer is written. When `closing` becomes true, nothing more is
/// let in; what came before is handed on.
pub(crate) fn take_on(
    stream: UnixStream,
    place: OwnedSemaphorePermit,
    lines: mpsc::Sender<Line>,
    closing: watch::Receiver<bool>,
    busy: mpsc::Sender<()>,
) -> io::Result<()> {
    let (listener, answers) = mpsc::channel(MOST_ANSWERS);
    let closer = StdStream::from(std::os::fd::AsFd::as_fd(&stream).try_clone_to_owned()?);
    let (input, output) = stream.into_split();
    tokio::spawn(async move {
        write(output, answers).await;
        drop(busy);
    });
    tokio::spawn(async move {
        read(input, closer, listener, lines, closing).await;
        drop(place);
    });
    Ok(())
}

async fn read(
    mut input: OwnedReadHalf,
    closer: StdStream,
    listener: Listener,
    lines: mpsc::Sender<Line>,
    mut closing: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; CHUNK];
    let mut splitter = Splitter::new(MOST_LINE);
    let mut open = true;
    loop {
        let len = tokio::select! {
            read = input.read(&mut buffer) => read.unwrap_or(0),
            _ = closing.wait_for(|closing| *closing), if open => {
                open = false;
                // The other side cannot write any more from here on, and knows; what it wrote before can still be read (unix(7)).
                if closer.shutdown(std::net::Shutdown::Read).is_err() {
                    return;
                }
                continue;
            }
        };
        if len == 0 {
            return;
        }
        let mut whole = Vec::new();
        let left_out = splitter.feed(&buffer[..len], |line| whole.push(line.to_vec()));
        for _ in 0..left_out {
            let refused = Answer::new("", 0, State::Refused, 0, &too_long());
            answer(Some(&listener), refused);
        }
        for bytes in whole {
            let line = Line {
                bytes,
                listener: listener.clone(),
            };
            if lines.send(line).await.is_err() {
                return;
            }
        }
    }
}

async fn write(mut output: OwnedWriteHalf, mut answers: mpsc::Receiver<Answer>) {
    while let Some(answer) = answers.recv().await {
        let line = answer.to_line();
        match time::timeout(ANSWER_LIMIT, output.write_all(line.as_bytes())).await {
            Ok(Ok(())) => {}
            // He is gone, or does not read.
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
