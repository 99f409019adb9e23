//! Lines of logs, whatever wrote them and whatever dress they wear.

use super::{
    Error, Report, Stamp,
    dates::{Dates, Reference},
    dress::{Undressed, Writer, undress},
    emulated_line, journal, kmsg, log_line, ulogd_json,
};
use crate::event::Feed;

/// Reads lines of one log, one after the other.
#[derive(Debug)]
pub struct Lines {
    dates: Dates,
}

impl Lines {
    /// A reader that has seen no line.
    #[must_use]
    pub fn new(reference: Reference) -> Self {
        Self {
            dates: Dates::new(reference),
        }
    }

    /// Reads a line, with or without the mark of its end.
    ///
    /// It is trusted only where no ordinary user can have written it: a record of the journal that came from the kernel, a
    /// record of the kernel's log, an object of ulogd's. Whoever may write to the system's log can make any other line.
    pub fn read(&mut self, line: &[u8]) -> Result<Report, Error> {
        let line = without_end(line);
        if line.first() == Some(&b'{') {
            return self.object(line);
        }
        let undressed = undress(line, &mut self.dates)?;
        let mut report = match undressed.writer {
            Writer::Program => return Err(Error::NotKernel),
            Writer::Untagged => of_ulogd(undressed.message)?,
            Writer::Record => Report {
                feed: Feed::Kmsg,
                trusted: true,
                ..log_line(&kmsg::unescaped(undressed.message))?
            },
            Writer::Kernel => {
                let report = log_line(undressed.message)?;
                if quotes_header(&report.prefix) {
                    return Err(Error::Merged);
                }
                report
            }
            Writer::Unnamed => {
                let report = log_line(undressed.message)
                    .map_err(|error| of_unknown_dress(undressed, error))?;
                if quotes_header(&report.prefix) || names_program(&report.prefix) {
                    return Err(Error::NotKernel);
                }
                report
            }
        };
        report.stamp = undressed.stamp;
        Ok(report)
    }

    /// Reads a JSON object: the journal's or ulogd's.
    fn object(&mut self, line: &[u8]) -> Result<Report, Error> {
        match journal::record(line) {
            Err(Error::NotOurs) => ulogd_json::object(line, &mut self.dates),
            read => read,
        }
    }
}

/// The line without the mark of its end.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Why a line without a stamp is refused: a header within, before the only packet, is its own, of a dress not known.
fn of_unknown_dress(undressed: Undressed<'_>, error: Error) -> Error {
    let packets = || memchr::memmem::find_iter(undressed.message, b" OUT=").count();
    if error == Error::Merged && undressed.stamp == Stamp::None && packets() < 2 {
        Error::NotKernel
    } else {
        error
    }
}

/// Reads what ulogd wrote, whose lines have no tag. So have those of nobody: whatever else stands there a program wrote.
fn of_ulogd(message: &[u8]) -> Result<Report, Error> {
    let report = emulated_line(message).map_err(|error| match error {
        Error::NotFirewall => Error::NotKernel,
        // The kernel's own manner without the kernel's tag.
        _ if memchr::memmem::find(message, b" TOS=0x").is_some() => Error::NotKernel,
        _ => error,
    })?;
    if quotes_header(&report.prefix) || names_program(&report.prefix) {
        return Err(Error::NotKernel);
    }
    Ok(report)
}

/// Does a prefix hold what can only be another line's header: a time of day, or the kernel's tag?
fn quotes_header(prefix: &str) -> bool {
    let bytes = prefix.as_bytes();
    memchr::memchr_iter(b':', bytes).any(|at| {
        let Some((before, behind)) = bytes.split_at_checked(at) else {
            return false;
        };
        let time = || {
            let (_, [h1, h2]) = before.split_last_chunk()?;
            let ([_, m1, m2, second, s1, s2], _) = behind.split_first_chunk()?;
            let digits = [h1, h2, m1, m2, s1, s2];
            Some(*second == b':' && digits.into_iter().all(u8::is_ascii_digit))
        };
        before.ends_with(b"kernel") || before.ends_with(b"kernel[0]") || time() == Some(true)
    })
}

/// Is the first word of a prefix a program's tag, `name[123]:`, or the second behind a host?
fn names_program(prefix: &str) -> bool {
    prefix.contains("]:")
        && prefix.split(' ').take(2).any(|word| {
            let pid = word
                .strip_suffix("]:")
                .and_then(|word| word.split_once('['));
            pid.is_some_and(|(name, pid)| {
                !name.is_empty() && !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
}
