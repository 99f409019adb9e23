//! What a script writes: line by line, bounded and escaped.

use std::{
    io::{self, PipeReader},
    os::fd::OwnedFd,
    time::Duration,
};

use tokio::{net::unix::pipe::Receiver, time};

use super::words::clean;

/// So many lines of a run are told,
pub const MOST_LINES: usize = 64;
/// with so many bytes of each.
pub const MOST_LINE_BYTES: usize = 512;
/// So much is read at once, in bytes.
const CHUNK: usize = 16 * 1024;
/// What is left out is read this slowly, so that a script that never ends writing does not keep us busy.
const BETWEEN_LEFT_OUT: Duration = Duration::from_millis(10);

/// Cuts bytes into lines, of which it tells the first.
#[derive(Debug, Default)]
struct Lines {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// Is there more of it than is told?
    cut: bool,
    told: usize,
    left_out: u64,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = MOST_LINE_BYTES.saturating_sub(self.partial.len());
            self.cut |= text.len() > room;
            self.partial.extend(text.iter().take(room));
            if ends {
                self.tell(tell);
            }
        }
    }

    /// The end of what is written, which may be no line.
    fn end(&mut self, tell: &mut impl FnMut(&str)) {
        if !self.partial.is_empty() {
            self.tell(tell);
        }
        if self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            tell(&format!("... {left_out} more lines are left out"));
        }
    }

    fn tell(&mut self, tell: &mut impl FnMut(&str)) {
        if self.told < MOST_LINES {
            self.told += 1;
            let text = String::from_utf8_lossy(&self.partial);
            let dots = if self.cut { "..." } else { "" };
            tell(&format!("{}{dots}", clean(text.trim_end_matches('\r'))));
        } else {
            self.left_out += 1;
        }
        self.partial.clear();
        self.cut = false;
    }
}

/// The pipe that a script writes to.
#[derive(Debug)]
pub(crate) struct Output<F> {
    pipe: Option<Receiver>,
    buffer: Box<[u8]>,
    lines: Lines,
    tell: F,
}

impl<F: FnMut(&str)> Output<F> {
    pub(crate) fn new(pipe: PipeReader, tell: F) -> io::Result<Self> {
        Ok(Self {
            pipe: Some(Receiver::from_owned_fd(OwnedFd::from(pipe))?),
            buffer: vec![0; CHUNK].into(),
            lines: Lines::default(),
            tell,
        })
    }

    /// Reads until everybody who could write has closed the pipe. It may be given up at any time and asked again.
    pub(crate) async fn read(&mut self) {
        while let Some(pipe) = &self.pipe {
            if self.lines.told >= MOST_LINES {
                time::sleep(BETWEEN_LEFT_OUT).await;
            }
            if pipe.readable().await.is_err() {
                self.pipe = None;
            }
            self.read_now();
        }
    }

    /// Reads once, where there is something to read. Was there?
    fn read_now(&mut self) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        match pipe.try_read(&mut self.buffer) {
            Ok(0) => self.pipe = None,
            Ok(len) => {
                self.lines.feed(&self.buffer[..len], &mut self.tell);
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => self.pipe = None,
        }
        false
    }

    /// Tells what is still in the pipe, without waiting for more, and what was left out.
    pub(crate) fn end(mut self) {
        // A pipe holds 64 KiB, or what its user may have made of it; somebody who left the group may go on writing.
        for _ in 0..MOST_LINES {
            if !self.read_now() {
                break;
            }
        }
        self.lines.end(&mut self.tell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        let mut tell = |line: &str| told.push(line.to_owned());
        for piece in pieces {
            lines.feed(piece, &mut tell);
        }
        lines.end(&mut tell);
        told
    }

    #[test]
    fn lines_are_put_together_escaped_and_cut() {
        let long = [b'x'; 2 * MOST_LINE_BYTES];
        let told = told(&[b"on", b"e\r\n\ntwo\n\x1b[2J\xff", b"\n", &long, b"\nend"]);
        let cut = format!("{}...", "x".repeat(MOST_LINE_BYTES));
        assert_eq!(
            told,
            ["one", "", "two", "\\u{1b}[2J\u{fffd}", &cut, "end"].map(str::to_owned)
        );
    }

    #[test]
    fn what_is_over_the_bound_is_counted() {
        let told = told(&[&b"a\n".repeat(MOST_LINES + 5)]);
        assert_eq!(told.len(), MOST_LINES + 1);
        assert_eq!(told[MOST_LINES], "... 5 more lines are left out");
    }
}
