//! Lines of bytes that come in pieces, each of a bounded length.

/// Cuts a stream of bytes into lines.
#[derive(Debug)]
pub struct Splitter {
    /// The longest line that is handed on, in bytes.
    most: usize,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// How many bytes came since the last end of a line, those that were not kept included.
    pending: u64,
    /// Is the line too long, and its rest left out?
    skipping: bool,
}

impl Splitter {
    /// A splitter that hands on lines of at most so many bytes.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            partial: Vec::new(),
            pending: 0,
            skipping: false,
        }
    }

    /// Takes on bytes and hands on the lines that end in them, without their ends. Returns how many lines turned out to be too
    /// long; each is left out as a whole.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) -> u64 {
        let mut left_out = 0;
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (piece, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.skipping {
                self.skipping = false;
            } else if self.partial.is_empty() {
                let line = behind_nulls(piece);
                if line.len() <= self.most {
                    each(line);
                } else {
                    left_out += 1;
                }
            } else if self.partial.len() + piece.len() <= self.most {
                self.partial.extend_from_slice(piece);
                each(&self.partial);
            } else {
                left_out += 1;
            }
            self.partial.clear();
            self.pending = 0;
        }
        self.pending += bytes.len() as u64;
        if self.skipping {
            return left_out;
        }
        if self.partial.is_empty() {
            bytes = behind_nulls(bytes);
        }
        if self.partial.len() + bytes.len() <= self.most {
            self.partial.extend_from_slice(bytes);
        } else {
            self.partial = Vec::new();
            self.skipping = true;
            left_out += 1;
        }
        left_out
    }

    /// How many bytes of a line have come whose end has not.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.pending
    }

    /// Leaves out what comes up to the next end of a line.
    pub const fn skip_line(&mut self) {
        self.skipping = true;
    }

    /// Forgets the line whose end has not come.
    pub fn clear(&mut self) {
        self.partial.clear();
        self.pending = 0;
        self.skipping = false;
    }
}

/// What is behind the zeros: a file that was truncated under a writer that keeps its place begins with a hole.
fn behind_nulls(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0, ..] => {
            let nulls = bytes.iter().take_while(|byte| **byte == 0).count();
            &bytes[nulls..]
        }
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(splitter: &mut Splitter, bytes: &[u8]) -> (Vec<String>, u64) {
        let mut lines = Vec::new();
        let left_out = splitter.feed(bytes, |line| {
            lines.push(String::from_utf8_lossy(line).into_owned());
        });
        (lines, left_out)
    }

    #[test]
    fn lines_are_the_same_in_whatever_pieces_they_come() {
        let text = b"one\n\ntwo and more\nthree\nfour";
        for size in 1..=text.len() {
            let mut splitter = Splitter::new(100);
            let mut lines = Vec::new();
            for piece in text.chunks(size) {
                lines.extend(feed(&mut splitter, piece).0);
            }
            assert_eq!(
                lines,
                ["one", "", "two and more", "three"],
                "pieces of {size}"
            );
            assert_eq!(splitter.pending(), 4);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_as_a_whole_and_counted_once() {
        let mut text = vec![b'x'; 1_000_000];
        text.extend_from_slice(b"\nnext\n");
        for size in [1, 7, 100, 4096, text.len()] {
            let mut splitter = Splitter::new(64);
            let (mut lines, mut left_out) = (Vec::new(), 0);
            for piece in text.chunks(size) {
                let (more, too_long) = feed(&mut splitter, piece);
                lines.extend(more);
                left_out += too_long;
                assert!(splitter.partial.capacity() <= 128);
            }
            assert_eq!(
                (lines, left_out),
                (vec!["next".to_owned()], 1),
                "pieces of {size}"
            );
        }
        let mut exact = Splitter::new(4);
        assert_eq!(
            feed(&mut exact, b"1234\n12345\n"),
            (vec!["1234".to_owned()], 1)
        );
    }

    #[test]
    fn a_hole_before_a_line_is_no_part_of_it() {
        let mut splitter = Splitter::new(8);
        assert_eq!(feed(&mut splitter, &[0; 100]), (vec![], 0));
        assert_eq!(
            feed(&mut splitter, b"\0\0line\n"),
            (vec!["line".to_owned()], 0)
        );
        assert_eq!(
            feed(&mut splitter, b"\0\0\0\0\0\0\0\0\0ab\n"),
            (vec!["ab".to_owned()], 0)
        );
    }

    #[test]
    fn what_is_forgotten_does_not_come_again() {
        let mut splitter = Splitter::new(8);
        feed(&mut splitter, b"half");
        splitter.clear();
        assert_eq!(
            (feed(&mut splitter, b"whole\n").0, splitter.pending()),
            (vec!["whole".to_owned()], 0)
        );
    }
}
