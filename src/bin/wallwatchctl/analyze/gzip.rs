//! What was compressed by gzip: all streams of a file as one text.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Reads the streams that stand one behind the other (RFC 1952 section 2.2), and over the zeros that tapes and block devices put
/// behind them, as gzip(1) does.
#[derive(Debug)]
pub(super) struct Gzip<R> {
    stream: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    /// A reader at the beginning of the first stream.
    pub(super) fn new(source: R) -> Self {
        Self {
            stream: Some(GzDecoder::new(source)),
        }
    }

    /// Goes over to what stands behind a stream.
    fn next_stream(&mut self) -> io::Result<()> {
        let Some(stream) = self.stream.take() else {
            return Ok(());
        };
        let mut source = stream.into_inner();
        loop {
            let rest = source.fill_buf()?;
            let zeros = rest.iter().take_while(|byte| **byte == 0).count();
            match rest.get(zeros) {
                // The first byte of each stream (RFC 1952 section 2.3.1).
                Some(0x1f) => {
                    source.consume(zeros);
                    self.stream = Some(GzDecoder::new(source));
                    return Ok(());
                }
                Some(_) => return Err(io::Error::other(Trailing)),
                None if zeros == 0 => return Ok(()),
                None => source.consume(zeros),
            }
        }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(stream) = &mut self.stream {
            let length = stream.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            self.next_stream()?;
        }
        Ok(0)
    }
}

/// Something stands behind the last stream that is none.
#[derive(Debug, thiserror::Error)]
#[error("behind its compressed text stands something else")]
pub(super) struct Trailing;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// The text, and why it ends before the end.
    fn read(bytes: &[u8]) -> (String, Option<io::Error>) {
        let mut text = String::new();
        // A buffer of a few bytes, so that every state is met.
        let source = io::BufReader::with_capacity(7, bytes);
        let error = Gzip::new(source).read_to_string(&mut text).err();
        (text, error)
    }

    #[test]
    fn streams_are_one_text_and_zeros_behind_them_are_none() {
        let two = [gzip(b"one, "), gzip(b""), gzip(b"two")].concat();
        for bytes in [two.clone(), [two, vec![0; 1000]].concat()] {
            let (text, error) = read(&bytes);
            assert_eq!(text, "one, two");
            assert!(error.is_none(), "{error:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_told_apart() {
        let whole = gzip(b"a text that is long enough to be cut");
        for end in 1..whole.len() {
            let error = read(&whole[..end]).1.unwrap();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{end}");
        }
        let (text, error) = read(&[gzip(b"text"), b"rubbish".to_vec()].concat());
        assert_eq!(text, "text");
        assert!(error.unwrap().get_ref().unwrap().is::<Trailing>());
        let mut damaged = whole;
        damaged[12] ^= 0xff;
        let kind = read(&damaged).1.unwrap().kind();
        assert!(
            matches!(
                kind,
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            ),
            "{kind:?}"
        );
    }
}
