//! Bytes of a reader, as many at once as a frame has.

use std::io::{self, Read};

/// So many bytes are asked for at once.
const CHUNK: usize = 64 * 1024;

/// A reader and what was read ahead of it.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: R,
    /// As long as the longest that was asked for.
    buffer: Vec<u8>,
    /// What is between these two places has been read and not been taken.
    start: usize,
    end: usize,
}

impl<R: Read> Input<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
        }
    }

    /// The next `count` bytes, which stay; fewer where the file ends.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        self.fill(count)?;
        let ahead = self.ahead();
        Ok(ahead.get(..count).unwrap_or(ahead))
    }

    /// Takes the next `count` bytes; `None` where the file ends before.
    pub(super) fn take(&mut self, count: usize) -> io::Result<Option<&[u8]>> {
        self.fill(count)?;
        let from = self.start;
        let to = from.saturating_add(count);
        if to > self.end {
            return Ok(None);
        }
        self.start = to;
        Ok(self.buffer.get(from..to))
    }

    /// Leaves out the next `count` bytes; false where the file ends before.
    pub(super) fn skip(&mut self, mut count: usize) -> io::Result<bool> {
        while count > 0 {
            self.fill(1)?;
            let part = self.ahead().len().min(count);
            if part == 0 {
                return Ok(false);
            }
            self.start = self.start.saturating_add(part);
            count = count.saturating_sub(part);
        }
        Ok(true)
    }

    fn ahead(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `count` bytes are there or the file ends.
    #[inline]
    fn fill(&mut self, count: usize) -> io::Result<()> {
        if self.end.saturating_sub(self.start) >= count {
            return Ok(());
        }
        self.refill(count)
    }

    #[cold]
    fn refill(&mut self, count: usize) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        if self.buffer.len() < count {
            self.buffer.resize(count, 0);
        }
        while self.end < count {
            let space = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(space) {
                Ok(0) => break,
                Ok(read) => self.end = self.end.saturating_add(read).min(self.buffer.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives one byte at a time, as a slow pipe may.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(1);
            self.0.read(buffer.get_mut(..count).unwrap())
        }
    }

    #[test]
    fn bytes_come_in_order_however_the_reader_gives_them() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * CHUNK).collect();
        let mut input = Input::new(Slow(&bytes));
        assert_eq!(input.peek(3).unwrap(), [0, 1, 2]);
        assert_eq!(input.take(2).unwrap().unwrap(), [0, 1]);
        assert!(input.skip(CHUNK).unwrap());
        let long = input.take(CHUNK + 10).unwrap().unwrap();
        assert_eq!((long.len(), long.first()), (CHUNK + 10, Some(&2)));
        assert_eq!(input.take(CHUNK).unwrap(), None);
        let rest = input.peek(CHUNK).unwrap().len();
        assert_eq!(rest, CHUNK - 12);
        assert!(!input.skip(CHUNK).unwrap());
        assert!(input.peek(1).unwrap().is_empty());
    }
}
