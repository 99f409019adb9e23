//! What a script may read: its line, then the end. One that does not read it is not waited for.

use std::{
    io::{self, PipeWriter},
    os::fd::OwnedFd,
};

use tokio::net::unix::pipe::Sender;

/// The pipe that a script reads from.
#[derive(Debug)]
pub(crate) struct Input {
    pipe: Option<Sender>,
    bytes: Vec<u8>,
    /// So many of them are in the pipe.
    written: usize,
}

impl Input {
    pub(crate) fn new(pipe: PipeWriter, bytes: Vec<u8>) -> io::Result<Self> {
        Ok(Self {
            pipe: Some(Sender::from_owned_fd(OwnedFd::from(pipe))?),
            bytes,
            written: 0,
        })
    }

    /// Writes until all is written or nobody reads any more, and closes the pipe. It may be given up at any time and asked again.
    pub(crate) async fn write(&mut self) {
        while let Some(pipe) = &self.pipe {
            let left = self.bytes.get(self.written..).unwrap_or_default();
            if left.is_empty() || pipe.writable().await.is_err() {
                self.pipe = None;
                break;
            }
            match pipe.try_write(left) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
        }
    }
}
