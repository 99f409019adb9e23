//! One file, pipe or standard input: what it is, and what can be read of it.

use std::{
    fs::{self, File},
    io::{self, BufReader, Cursor, Read},
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use wallwatch_helper::{
    decode::{self, Capture, CaptureError, Lines, Report, Stamp, dress::Reference},
    event::Timestamp,
    replay::Unit,
    twins::Hasher,
};

use super::{
    gzip::Gzip,
    kind::{ENOUGH, GZIP_IN_GZIP, Kind, mark_length},
    lines::LineReader,
    progress::Meter,
    trouble::{STANDARD_INPUT, Trouble},
};

/// So much of a compressed file is read at once.
const BLOCK: usize = 1 << 14;
/// No log is older: netfilter came with Linux 2.4, on 4 January 2001.
const OLDEST: Timestamp = Timestamp(978_566_400 * Timestamp::SECOND);

/// What was read of a line or a frame.
pub(super) type Outcome = Result<Report, decode::Error>;

/// Tells a meter what it reads.
#[derive(Debug)]
struct Metered {
    file: File,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.meter.add_bytes(length);
        Ok(length)
    }
}

/// What the bytes of an input are.
enum Content {
    /// Text.
    Lines(LineReader<Box<dyn Read>>, Box<Lines>),
    /// A capture.
    Frames(Box<Capture<Box<dyn Read>>>),
    /// Everything that can be read was.
    Nothing,
}

/// An input and its next line or frame.
pub(super) struct Input {
    /// As people know it.
    name: String,
    content: Content,
    is_gzip: bool,
    /// How long it is, where that is known.
    pub(super) length: Option<u64>,
    /// When the machine started, for stamps that count from there.
    boot: Timestamp,
    /// What was read last.
    read: Option<Outcome>,
    /// Its time, or that of the last before it that told one.
    pub(super) time: Option<Timestamp>,
    /// Why it could not be read to its end.
    pub(super) trouble: Option<Trouble>,
    /// Lines that were cut.
    pub(super) cut: u64,
    /// Packets of which nobody knows whether the machine that recorded them sent them.
    pub(super) undirected: u64,
    /// What its lines are known by, where other files may tell the same.
    pub(super) hasher: Option<Hasher>,
    /// What the line that was read last is known by, where it tells a time.
    pub(super) hash: Option<u64>,
}

/// What all inputs have in common.
#[derive(Debug, Clone)]
pub(super) struct Circumstances {
    /// Now, and the clock of stamps without a zone.
    pub(super) reference: Reference,
    /// When this machine started.
    pub(super) boot: Timestamp,
    /// Where reading and waiting are told.
    pub(super) meter: Meter,
}

/// Which file this is, wherever it is named: its device and its number there. Nothing is lost where /dev/null is read twice.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = if is_stdin(path) {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
        file.metadata().ok()?
    } else {
        fs::metadata(path).ok()?
    };
    let kind = metadata.file_type();
    (kind.is_file() || kind.is_fifo()).then(|| (metadata.dev(), metadata.ino()))
}

/// Does the path stand for standard input?
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

impl Input {
    /// Opens it and finds out what it is.
    pub(super) fn open(path: &PathBuf, circumstances: &Circumstances) -> Result<Self, Trouble> {
        let name = if is_stdin(path) {
            STANDARD_INPUT.to_owned()
        } else {
            path.display().to_string()
        };
        let unreadable = |error| Trouble::unreadable(&name, &error);
        let file = if is_stdin(path) {
            io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .map(File::from)
                .map_err(unreadable)?
        } else {
            // Opening a device or a socket may do something, so its type is looked at before.
            let metadata = fs::metadata(path).map_err(unreadable)?;
            if let Some(trouble) = Trouble::by_type(&name, path, &metadata) {
                return Err(trouble);
            }
            // Opening a FIFO waits for its writer.
            let awaited = metadata.file_type().is_fifo().then_some(name.as_str());
            circumstances.meter.await_writer(awaited);
            let file = File::open(path).map_err(unreadable);
            circumstances.meter.await_writer(None);
            file?
        };
        let metadata = file.metadata().map_err(unreadable)?;
        let mut reference = circumstances.reference.clone();
        let is_regular = metadata.is_file();
        if let Some(written) = written_at(&metadata).filter(|_| is_regular) {
            reference.now = written.min(reference.now);
        }
        let mut input = Self {
            name: name.clone(),
            content: Content::Nothing,
            is_gzip: false,
            length: is_regular.then_some(metadata.len()),
            boot: circumstances.boot,
            read: None,
            time: None,
            trouble: None,
            cut: 0,
            undirected: 0,
            hasher: None,
            hash: None,
        };
        let source = Metered {
            file,
            meter: circumstances.meter.clone(),
        };
        input.recognise(Box::new(source), reference)?;
        Ok(input)
    }

    /// Looks at the first bytes and chooses who reads them.
    fn recognise(
        &mut self,
        mut source: Box<dyn Read>,
        reference: Reference,
    ) -> Result<(), Trouble> {
        let start = self.peek(&mut source)?;
        self.content = match Kind::of(&start) {
            Kind::Gzip if !self.is_gzip => {
                self.is_gzip = true;
                let compressed = BufReader::with_capacity(BLOCK, Cursor::new(start).chain(source));
                return self.recognise(Box::new(Gzip::new(compressed)), reference);
            }
            Kind::Gzip => return Err(Trouble::foreign(&self.name, true, &GZIP_IN_GZIP)),
            Kind::Foreign(foreign) => {
                return Err(Trouble::foreign(&self.name, self.is_gzip, foreign));
            }
            Kind::Capture => {
                let source: Box<dyn Read> = Box::new(Cursor::new(start).chain(source));
                let capture = Capture::new(source).map_err(|error| self.capture_failed(&error))?;
                Content::Frames(Box::new(capture))
            }
            Kind::Text => {
                let mut text = Cursor::new(start);
                text.set_position(mark_length(text.get_ref()) as u64);
                let source: Box<dyn Read> = Box::new(text.chain(source));
                Content::Lines(LineReader::new(source), Box::new(Lines::new(reference)))
            }
        };
        Ok(())
    }

    /// Reads as many bytes as say what they are; a stream that ends or fails before that is as long as it is.
    fn peek(&mut self, source: &mut dyn Read) -> Result<Vec<u8>, Trouble> {
        let mut start = vec![0; ENOUGH];
        let mut length = 0;
        while !Kind::is_decided(&start[..length]) {
            match source.read(&mut start[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A stream of gzip that ends so early is told when its text was looked at.
                Err(error) if self.is_gzip && length > 0 => {
                    self.trouble = Some(self.failed(&error));
                    break;
                }
                Err(error) if self.is_gzip && error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(Trouble::no_text(&self.name));
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        start.truncate(length);
        Ok(start)
    }

    /// Why it cannot be read further.
    fn failed(&self, error: &io::Error) -> Trouble {
        if self.is_gzip {
            Trouble::gzip(&self.name, error)
        } else {
            Trouble::unreadable(&self.name, error)
        }
    }

    /// Why a capture cannot be read further.
    fn capture_failed(&self, error: &CaptureError) -> Trouble {
        match error {
            CaptureError::Read(error) => self.failed(error),
            _ => Trouble::capture(&self.name, error),
        }
    }

    /// What was read last: lent where it lies, because it is large.
    pub(super) fn item(&self) -> Option<(Unit, &Outcome)> {
        let unit = match self.content {
            Content::Frames(_) => Unit::Frame,
            Content::Lines(..) | Content::Nothing => Unit::Line,
        };
        self.read.as_ref().map(|read| (unit, read))
    }

    /// Reads the next line or frame; false behind the last that can be read.
    pub(super) fn advance(&mut self) -> bool {
        let trouble = match &mut self.content {
            Content::Lines(reader, lines) => match reader.next() {
                Ok(line) => {
                    self.read = line.map(|line| lines.read(line));
                    if let Some(hasher) = &self.hasher {
                        self.hash = hash(hasher, line, self.read.as_ref(), self.boot);
                    }
                    None
                }
                Err(error) => Some(self.failed(&error)),
            },
            Content::Frames(capture) => match capture.next() {
                Ok(read) => {
                    self.read = read;
                    None
                }
                Err(error) => Some(self.capture_failed(&error)),
            },
            Content::Nothing => return false,
        };
        if trouble.is_some() || self.read.is_none() {
            self.end(trouble);
            return false;
        }
        if let Some(Ok(report)) = &self.read {
            self.time = time_of(report.stamp, self.boot).or(self.time);
        }
        true
    }

    /// Nothing more is read of it, and its buffers are given back.
    fn end(&mut self, trouble: Option<Trouble>) {
        match &self.content {
            Content::Lines(reader, _) => self.cut = reader.cut(),
            Content::Frames(capture) => self.undirected = capture.undirected(),
            Content::Nothing => {}
        }
        self.content = Content::Nothing;
        self.read = None;
        if trouble.is_some() {
            self.trouble = trouble;
        }
    }
}

/// When something was written, as far as it tells.
const fn time_of(stamp: Stamp, boot: Timestamp) -> Option<Timestamp> {
    match stamp {
        Stamp::Wall(time) => Some(time),
        Stamp::Boot(micros) => Some(boot.plus(micros)),
        Stamp::None => None,
    }
}

/// What a line is known by: one of the firewall that tells a time.
fn hash(
    hasher: &Hasher,
    line: Option<&[u8]>,
    read: Option<&Outcome>,
    boot: Timestamp,
) -> Option<u64> {
    let report = read?.as_ref().ok()?;
    Some(hasher.of((line?, time_of(report.stamp, boot)?.0)))
}

/// When a file was written last, where that can be: archives that hide it set it to the beginning of 1970 or 1980.
fn written_at(metadata: &fs::Metadata) -> Option<Timestamp> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let written = Timestamp(i64::try_from(since.as_micros()).ok()?);
    (written > OLDEST).then_some(written)
}
