//! The lines of a stream, read by big blocks and lent one by one, however long they are.

use std::io::{self, Read};

/// A line is looked at up to so many bytes; the kernel writes at most 1024 (`LOG_LINE_MAX`, kernel/printk/printk.c), and a record
/// of the journal in JSON takes about 2000.
pub(super) const MAX_LINE: usize = 8192;
/// So much is read at once. Half of what a pipe holds (pipe(7)): a hundred files shall not take much memory.
const BLOCK: usize = 1 << 15;

/// Reads a stream line by line.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    source: R,
    block: Box<[u8]>,
    /// What was read and not lent yet stands from here
    start: usize,
    /// to here.
    end: usize,
    /// Lines that were longer than [`MAX_LINE`] and are cut.
    cut: u64,
    /// Why the stream cannot be read further; told when its last line was lent.
    failure: Option<io::Error>,
}

impl<R: Read> LineReader<R> {
    /// A reader at the beginning of a stream.
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            block: vec![0; BLOCK].into_boxed_slice(),
            start: 0,
            end: 0,
            cut: 0,
            failure: None,
        }
    }

    /// Lines that were cut so far.
    pub(super) const fn cut(&self) -> u64 {
        self.cut
    }

    /// The next line without the mark of its end; `None` behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let mut searched = self.start;
        let mut is_cut = false;
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.block[searched..self.end]) {
                let line = (self.start, searched + length);
                self.start = searched + length + 1;
                return Ok(Some(self.lend(line, is_cut)));
            }
            self.drop_zeros();
            if self.end - self.start > MAX_LINE {
                is_cut = true;
                self.end = self.start + MAX_LINE;
            }
            searched = self.make_room();
            if !self.fill() {
                break;
            }
        }
        if self.start < self.end {
            let line = (self.start, self.end);
            self.start = self.end;
            return Ok(Some(self.lend(line, is_cut)));
        }
        self.failure.take().map_or(Ok(None), Err)
    }

    /// The line between two places, as far as it is looked at.
    fn lend(&mut self, (start, end): (usize, usize), is_cut: bool) -> &[u8] {
        let mut line = &self.block[start..end];
        // A crash, or a log cut while it was open, leaves zeros in front of the next line.
        if line.first() == Some(&0) {
            let text = line.iter().position(|byte| *byte != 0);
            line = &line[text.unwrap_or(line.len())..];
        }
        self.cut += u64::from(is_cut || line.len() > MAX_LINE);
        &line[..line.len().min(MAX_LINE)]
    }

    /// Forgets the zeros that an unfinished line begins with.
    fn drop_zeros(&mut self) {
        let unfinished = &self.block[self.start..self.end];
        self.start += unfinished.iter().take_while(|byte| **byte == 0).count();
    }

    /// Moves what is left to the front, and says where what will be read begins.
    fn make_room(&mut self) -> usize {
        self.block.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        self.end
    }

    /// Reads more; false where there is no more.
    fn fill(&mut self) -> bool {
        if self.failure.is_some() {
            return false;
        }
        loop {
            match self.source.read(&mut self.block[self.end..]) {
                Ok(length) => {
                    self.end += length;
                    return length > 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, then fails.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(self.1).min(buffer.len());
            if length == 0 {
                return Err(io::Error::other("the end of the test"));
            }
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    /// The lines, and how many were cut.
    fn lines_of(text: &[u8], step: usize) -> (Vec<Vec<u8>>, u64) {
        let mut reader = LineReader::new(Drops(text, step));
        let mut lines = Vec::new();
        let end = loop {
            match reader.next() {
                Ok(line) => lines.push(line.unwrap().to_vec()),
                Err(error) => break error,
            }
        };
        assert_eq!(end.to_string(), "the end of the test");
        (lines, reader.cut())
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let text: Vec<u8> = (0..2000_usize)
            .flat_map(|n| [vec![b'x'; n * 7 % 300], b"\n".to_vec()].concat())
            .chain(*b"no end")
            .collect();
        let expected: Vec<Vec<u8>> = text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        for step in [1, 2, 100, 8191, 1 << 20] {
            assert_eq!(lines_of(&text, step), (expected.clone(), 0), "{step}");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_counted_and_the_next_is_whole() {
        for length in [
            MAX_LINE,
            MAX_LINE + 1,
            BLOCK - 1,
            BLOCK,
            BLOCK + 1,
            5 * BLOCK,
        ] {
            let text = [&vec![b'x'; length][..], b"\nnext\n"].concat();
            for step in [1000, 1 << 20] {
                let (lines, cut) = lines_of(&text, step);
                assert_eq!(lines.len(), 2, "{length}");
                assert_eq!(lines[0].len(), MAX_LINE, "{length}");
                assert_eq!(lines[1], b"next", "{length}");
                assert_eq!(cut, u64::from(length > MAX_LINE), "{length}");
            }
        }
    }

    #[test]
    fn zeros_in_front_of_a_line_are_no_part_of_it() {
        for zeros in [1, 100, MAX_LINE + 1, 3 * BLOCK] {
            let text = [&vec![0; zeros][..], b"line\na\0b\n"].concat();
            assert_eq!(
                lines_of(&text, 1 << 20),
                (vec![b"line".to_vec(), b"a\0b".to_vec()], 0),
                "{zeros}"
            );
        }
    }
}
