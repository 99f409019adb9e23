//! Bytes as a capture file.

use std::io::{self, Read};

use wallwatch_helper::{
    decode::{Capture, Error, Report},
    event::Feed,
};

use super::sound;

/// The least that a frame takes in a file: the header that stands before it in pcap, and a simple block of pcapng.
const LEAST_FRAME: usize = 16;
/// A reader that gives little at a time is only tried on inputs of so many bytes.
const MOST_SLOWLY: usize = 512;

/// Reads the input; there are no more frames than fit, and whoever gives the bytes more slowly gets the same.
pub fn check(input: &[u8]) {
    let (frames, end) = read(input);
    assert!(frames.len() * LEAST_FRAME <= input.len());
    for report in frames.iter().flatten() {
        sound::report(report);
        assert!(report.feed == Feed::Pcap && report.trusted, "{report:?}");
    }
    if input.len() <= MOST_SLOWLY {
        assert_eq!(read(Slow(input)), (frames, end));
    }
}

/// All frames, and why there are no more where that is an error.
fn read(file: impl Read) -> (Vec<Result<Report, Error>>, String) {
    let mut frames = Vec::new();
    let mut capture = match Capture::new(file) {
        Ok(capture) => capture,
        Err(reason) => return (frames, reason.to_string()),
    };
    loop {
        match capture.next() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, String::new()),
            Err(reason) => {
                assert!(
                    matches!(capture.next(), Ok(None)),
                    "there is more behind the end"
                );
                return (frames, reason.to_string());
            }
        }
    }
}

/// A reader that gives three bytes at a time, as a pipe may.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(3);
        self.0.read(&mut buffer[..count])
    }
}
