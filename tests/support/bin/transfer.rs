//! One TCP connection that carries bytes of which each is known, so that what arrives can be told from what was sent.
//!
//!     transfer receive ADDRESS:PORT         says "ready", then how many bytes came and that all of them are right
//!     transfer send ADDRESS:PORT BYTES
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it speaks to whoever runs it"
)]

use std::{
    env,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    time::Duration,
};

const USAGE: &str = "usage: transfer receive ADDRESS:PORT | transfer send ADDRESS:PORT BYTES";
/// What is handed to the kernel at once.
const BLOCK: usize = 64 * 1024;
/// A connection that stands still for so long has failed.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["receive", address] => receive(address),
        ["send", address, bytes] => bytes
            .parse()
            .map_err(io::Error::other)
            .and_then(|bytes| send(address, bytes)),
        _ => Err(io::Error::other(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("transfer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The block that begins at this place of all bytes.
fn block(start: u64, len: usize) -> Vec<u8> {
    // A prime, so that a block that is missing or comes twice shows.
    (start..)
        .take(len)
        .map(|at| u8::try_from(at % 251).unwrap_or_default())
        .collect()
}

fn send(address: &str, bytes: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_write_timeout(Some(LIMIT))?;
    let mut sent = 0;
    while sent < bytes {
        let len = usize::try_from(bytes - sent).map_or(BLOCK, |left| left.min(BLOCK));
        stream.write_all(&block(sent, len))?;
        sent += len as u64;
    }
    Ok(())
}

fn receive(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("ready");
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(LIMIT))?;
    let (mut buffer, mut received) = (vec![0; BLOCK], 0);
    loop {
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            println!("{received} bytes, all right");
            return Ok(());
        }
        if buffer[..len] != block(received, len) {
            return Err(io::Error::other(format!(
                "wrong bytes behind {received} right ones"
            )));
        }
        received += len as u64;
    }
}
