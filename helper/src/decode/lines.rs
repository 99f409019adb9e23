//! Lines of logs, whatever wrote them and whatever dress they wear.

use super::{
    Error, Report, Stamp,
    calendar::seconds_of_day,
    dates::{Dates, Reference},
    dress::{Undressed, Writer, undress},
    emulated, emulated_line, journal, kmsg, log_line, ulogd_json,
};
use crate::event::{Feed, Timestamp};

/// Reads lines of one log, one after the other.
#[derive(Debug)]
pub struct Lines {
    dates: Dates,
    fine: FineTime,
}

/// The time within the second, from the kernel's own stamp behind the one of syslog, which tells the whole second only.
///
/// The wall clock is ahead of the kernel's by as much as the two stamps of a line differ, or up to a second more: the greatest
/// difference is the nearest. A time never leaves the second that the line tells.
#[derive(Debug, Default)]
struct FineTime {
    ahead: Option<i64>,
}

impl FineTime {
    fn of(&mut self, time: Timestamp, boot: i64) -> Timestamp {
        let least = time.0.saturating_sub(boot);
        let ahead = self
            .ahead
            .filter(|ahead| (least..least.saturating_add(Timestamp::SECOND)).contains(ahead))
            .unwrap_or(least);
        self.ahead = Some(ahead);
        Timestamp(boot.saturating_add(ahead))
    }
}

impl Lines {
    /// A reader that has seen no line.
    #[must_use]
    pub fn new(reference: Reference) -> Self {
        Self {
            dates: Dates::new(reference),
            fine: FineTime::default(),
        }
    }

    /// Reads a line, with or without the mark of its end.
    ///
    /// It is trusted only where no ordinary user can have written it: a record of the journal that came from the kernel, a
    /// record of the kernel's log, an object of ulogd's. Whoever may write to the system's log can make any other line.
    pub fn read(&mut self, line: &[u8]) -> Result<Report, Error> {
        let line = without_end(line);
        if line.first() == Some(&b'{') {
            return self.braced(line);
        }
        self.text(line)
    }

    /// Reads a line that is no JSON object.
    #[inline]
    fn text(&mut self, line: &[u8]) -> Result<Report, Error> {
        let undressed = undress(line, &mut self.dates)?;
        // The report is large: it stays where it was made.
        let mut read = match undressed.writer {
            Writer::Program => Err(Error::NotKernel),
            Writer::Untagged => emulated_line(undressed.message),
            Writer::Emulator => emulated::of_ulogd(undressed.message),
            Writer::Record => log_line(&kmsg::unescaped(undressed.message)),
            Writer::Kernel | Writer::Unnamed => log_line(undressed.message),
        };
        let mut refused = match &mut read {
            Ok(report) => {
                report.stamp = match (undressed.stamp, undressed.boot) {
                    (Stamp::Wall(time), Some(boot)) => Stamp::Wall(self.fine.of(time, boot)),
                    (stamp, _) => stamp,
                };
                if undressed.writer == Writer::Record {
                    report.feed = Feed::Kmsg;
                    report.trusted = true;
                }
                foreign(undressed.writer, &report.prefix)
            }
            Err(error) => Some(reason(&undressed, *error)),
        };
        if let Some(error) = &mut refused
            && undressed.writer == Writer::Unnamed
            && undressed.stamp == Stamp::None
        {
            match without_header(undressed.message, *error) {
                Err(other) => *error = other,
                read => return read,
            }
        }
        if let Some(error) = refused {
            read = Err(error);
        }
        read
    }

    /// Reads a line that begins with a brace: a JSON object, or the text of a rule whose prefix begins so.
    fn braced(&mut self, line: &[u8]) -> Result<Report, Error> {
        match self.object(line) {
            Err(Error::Json) if !line.starts_with(b"{\"") => match self.text(line) {
                Err(Error::NotFirewall | Error::NotKernel) => Err(Error::Json),
                read => read,
            },
            read => read,
        }
    }

    /// Reads a JSON object: the journal's or ulogd's. A key of ulogd's tells which is tried first, no more.
    fn object(&mut self, line: &[u8]) -> Result<Report, Error> {
        if memchr::memmem::find(line, b"\"oob.").is_some() {
            match ulogd_json::object(line, &mut self.dates) {
                Err(Error::NotOurs) => journal::record(line),
                read => read,
            }
        } else {
            match journal::record(line) {
                Err(Error::NotOurs) => ulogd_json::object(line, &mut self.dates),
                read => read,
            }
        }
    }
}

/// The line without the mark of its end.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What ulogd's own file holds, without the header; `error` says why it is not the kernel's.
#[cold]
fn without_header(text: &[u8], error: Error) -> Result<Report, Error> {
    // Where the two first part: an IPv4 header, a TCP header, the end.
    if !matches!(
        error,
        Error::Value("TOS=" | "MARK=") | Error::Missing("RES=")
    ) {
        return Err(error);
    }
    match emulated_line(text) {
        Ok(report) if foreign(Writer::Untagged, &report.prefix).is_none() => Ok(report),
        Ok(_) | Err(Error::NotKernel) => Err(Error::NotKernel),
        Err(_) => Err(error),
    }
}

/// Why a text that reads as a packet is another's, by what its prefix holds.
fn foreign(writer: Writer, prefix: &str) -> Option<Error> {
    match writer {
        Writer::Record => None,
        Writer::Kernel => quotes_header(prefix).then_some(Error::Merged),
        _ => (quotes_header(prefix) || names_program(prefix)).then_some(Error::NotKernel),
    }
}

/// Why a text is no packet, with what is known of who wrote it.
fn reason(undressed: &Undressed<'_>, error: Error) -> Error {
    let has = |part: &[u8]| memchr::memmem::find(undressed.message, part).is_some();
    match (undressed.writer, error) {
        // Who writes no tag is ulogd, and it writes nothing else than packets, not in the kernel's own manner.
        (Writer::Untagged | Writer::Emulator, Error::NotFirewall) => Error::NotKernel,
        (Writer::Untagged | Writer::Emulator, _) if has(b" TOS=0x") => Error::NotKernel,
        (Writer::Kernel | Writer::Emulator, Error::Trailing | Error::Value(_))
            if undressed.message.starts_with(b"message repeated ") =>
        {
            Error::Repeated
        }
        // A header within, before the only packet, is the line's own, of a dress not known.
        (Writer::Unnamed | Writer::Untagged, Error::Merged)
            if undressed.stamp == Stamp::None || undressed.writer == Writer::Untagged =>
        {
            let packets = memchr::memmem::find_iter(undressed.message, b" OUT=").count();
            if packets < 2 { Error::NotKernel } else { error }
        }
        _ => error,
    }
}

/// Does a prefix hold what can only be another line's header: a time of day, or the kernel's tag?
fn quotes_header(prefix: &str) -> bool {
    let bytes = prefix.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        if *byte != b':' {
            return false;
        }
        let Some((before, behind)) = bytes.split_at_checked(at) else {
            return false;
        };
        let time = || {
            let (start, [h1, h2]) = before.split_last_chunk()?;
            let ([_, m1, m2, second, s1, s2], rest) = behind.split_first_chunk()?;
            let clock = [*h1, *h2, b':', *m1, *m2, *second, *s1, *s2];
            // What goes on behind, or had two digits between colons before, is the address of a network card.
            let before = matches!(start, [.., b':', _, _, b':'])
                || start.last().is_some_and(u8::is_ascii_hexdigit);
            let goes_on = |byte: &u8| *byte == b':' || byte.is_ascii_hexdigit();
            let alone = !before && !rest.first().is_some_and(goes_on);
            (alone && seconds_of_day(clock).is_some()).then_some(())
        };
        before.ends_with(b"kernel") || before.ends_with(b"kernel[0]") || time().is_some()
    })
}

/// Is the first word of a prefix a program's tag, `name[123]:`, or the second behind a host?
fn names_program(prefix: &str) -> bool {
    let mut words = prefix.as_bytes().split(|byte| *byte == b' ');
    words.by_ref().take(2).any(|word| {
        let tag = word.strip_suffix(b"]:").unwrap_or_default();
        let digits = tag.iter().rev().take_while(|byte| byte.is_ascii_digit());
        let digits = digits.count();
        let named = tag.len().checked_sub(digits).and_then(|len| tag.get(..len));
        digits > 0 && named.is_some_and(|named| matches!(named, [_, .., b'[']))
    })
}
