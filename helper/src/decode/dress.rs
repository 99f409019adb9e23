//! What stands around the kernel's message in a line of a log: headers of syslog, journalctl and dmesg.

pub use super::dates::Reference;
use super::{
    Error, Stamp,
    calendar::{fraction, is_weekday, leading_number, six_digits},
    dates::Dates,
    kmsg,
};
use crate::event::Timestamp;

/// The facility of the kernel's own messages (RFC 5424 section 6.2.1): programs cannot give it to theirs.
pub(super) const KERNEL: i64 = 0;

/// Who is said to have written a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// The kernel, by its tag.
    Kernel,
    /// Nobody is named: a line of dmesg, or of no dress at all.
    Unnamed,
    /// The kernel, by a record of its log.
    Record,
    /// A program, or nobody in a dress that ulogd does not wear.
    Program,
    /// Nobody, or a program: ulogd writes a BSD header and no tag.
    Untagged,
    /// ulogd, by its tag: its output SYSLOG.
    Emulator,
}

/// A line of a log without its dress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undressed<'a> {
    /// When it was written.
    pub(super) stamp: Stamp,
    /// How many microseconds after the start the kernel wrote it, where the stamp tells the whole second only.
    pub(super) boot: Option<i64>,
    /// By whom.
    pub(super) writer: Writer,
    /// The message.
    pub(super) message: &'a [u8],
}

/// Takes the dress off a line. One that names another facility than the kernel's is refused, whatever it quotes.
pub(super) fn undress<'a>(line: &'a [u8], dates: &mut Dates) -> Result<Undressed<'a>, Error> {
    let (facility, undressed) = match line {
        [b'<', ..] => {
            let Some((priority, rest)) = priority(line) else {
                return Ok(headed(line, dates));
            };
            let undressed = match rest.strip_prefix(b"1 ") {
                Some(rest) => rfc5424(rest, dates).ok_or(Error::NotKernel)?,
                None => headed(rest, dates),
            };
            (priority >> 3, undressed)
        }
        [b'a'..=b'z', ..] => match decoded(line) {
            Some((b"kern", rest)) => (KERNEL, headed(rest, dates)),
            Some(_) => return Err(Error::NotKernel),
            None => (KERNEL, headed(line, dates)),
        },
        [_, _, _, _, b'-', ..] => (KERNEL, headed(line, dates)),
        [b'0'..=b'9', ..] => match kmsg::record(line) {
            Some(record) => {
                let undressed = Undressed {
                    stamp: Stamp::Boot(record.micros),
                    boot: None,
                    writer: Writer::Record,
                    message: record.text,
                };
                (record.facility, undressed)
            }
            None => (KERNEL, numbered(line, dates)),
        },
        _ => (KERNEL, headed(line, dates)),
    };
    if facility == KERNEL {
        Ok(undressed)
    } else {
        Err(Error::NotKernel)
    }
}

/// `<4>`: facility and severity (RFC 5424 section 6.2.1).
fn priority(line: &[u8]) -> Option<(i64, &[u8])> {
    let (priority, rest) = leading_number(line.strip_prefix(b"<")?)?;
    Some((priority, rest.strip_prefix(b">")?)).filter(|(priority, _)| *priority < 192)
}

/// `kern  :warn  : `, as `dmesg -x` writes facility and severity.
fn decoded(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (facility, rest) = padded_word(line)?;
    let (_severity, rest) = padded_word(rest)?;
    Some((facility, rest.strip_prefix(b" ")?))
}

/// Six letters, digits and blanks behind, and a colon.
fn padded_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (padded, rest) = text.split_first_chunk::<6>()?;
    let word = padded.trim_ascii_end();
    word.iter()
        .all(u8::is_ascii_alphanumeric)
        .then_some((word, rest.strip_prefix(b":")?))
}

/// `2026-11-22T01:10:00.1Z host kernel - - - text`, behind the version (RFC 5424 section 6).
fn rfc5424<'a>(text: &'a [u8], dates: &mut Dates) -> Option<Undressed<'a>> {
    let (time, rest) = dates.iso(text)?;
    let (_host, rest) = host(rest.strip_prefix(b" ")?)?;
    let rest = rest.strip_prefix(b"kernel ")?;
    let rest = rest
        .strip_prefix(b"- ")
        .or_else(|| rest.strip_prefix(b"0 "))?;
    let (_id, rest) = word(rest)?;
    let message = behind_structured_data(rest)?;
    // A byte order mark says that the text is UTF-8; rsyslog keeps the blank of the old format besides its own.
    let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    let message = message.strip_prefix(b" ").unwrap_or(message);
    Some(of_kernel(Stamp::Wall(time), message))
}

/// The message behind `- ` or `[id name="value"] ` (RFC 5424 section 6.3).
fn behind_structured_data(text: &[u8]) -> Option<&[u8]> {
    if let Some(message) = text.strip_prefix(b"- ") {
        return Some(message);
    }
    let mut quoted = false;
    let mut escaped = false;
    let mut rest = text.strip_prefix(b"[")?;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b']' if !quoted => match rest {
                [b' ', message @ ..] => return Some(message),
                [b'[', ..] => {}
                _ => return None,
            },
            _ => {}
        }
    }
    None
}

/// A line that begins with its stamp, or that has none.
fn headed<'a>(line: &'a [u8], dates: &mut Dates) -> Undressed<'a> {
    match line {
        [b'[', ..] => bracketed(line, dates),
        [b'0'..=b'9', ..] => numbered(line, dates),
        [m1, m2, m3, b' ', ..] => {
            if let Some((time, rest)) = dates.bsd(line) {
                return tagged(Stamp::Wall(time), rest, Writer::Untagged);
            }
            if is_weekday([*m1, *m2, *m3])
                && let Some(undressed) = line.get(4..).and_then(|text| on_weekday(text, dates))
            {
                return undressed;
            }
            unnamed(Stamp::None, line)
        }
        _ => unnamed(Stamp::None, line),
    }
}

/// A line that begins with the day of the week, from its date on: `journalctl -o short-full`, or `OpenWrt`'s `logread`,
/// which tells the facility and no host.
fn on_weekday<'a>(text: &'a [u8], dates: &mut Dates) -> Option<Undressed<'a>> {
    if let Some((time, rest)) = dates.full(text) {
        return Some(tagged(Stamp::Wall(time), rest, Writer::Program));
    }
    let (time, rest) = dates.ctime(text)?;
    let message = behind_kernel_tag(behind_facility(rest.strip_prefix(b" ")?)?)?;
    Some(of_kernel(Stamp::Wall(time), message))
}

/// A line that begins with a digit: an ISO 8601 stamp, or `journalctl -o short-unix`.
fn numbered<'a>(line: &'a [u8], dates: &mut Dates) -> Undressed<'a> {
    if let Some((time, rest)) = dates.iso(line) {
        // Of all who write such stamps `dmesg --time-format iso` alone puts a comma before the fraction, and no host behind.
        return if line.get(19) == Some(&b',') {
            unnamed(Stamp::Wall(time), rest)
        } else {
            tagged(Stamp::Wall(time), rest, Writer::Program)
        };
    }
    let unix = || {
        let (seconds, rest) = leading_number(line)?;
        let (micros, rest) = fraction(rest.strip_prefix(b".")?)?;
        let time = Timestamp(
            seconds
                .checked_mul(Timestamp::SECOND)?
                .checked_add(micros)?,
        );
        rest.starts_with(b" ")
            .then(|| tagged(Stamp::Wall(time), rest, Writer::Program))
    };
    unix().unwrap_or_else(|| unnamed(Stamp::None, line))
}

/// A line that begins with a bracket: dmesg, with seconds or ctime(3), or `journalctl -o short-monotonic`.
fn bracketed<'a>(line: &'a [u8], dates: &mut Dates) -> Undressed<'a> {
    if let Some((stamp, rest)) = kernel_stamp(line) {
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        if let Some((_host, text)) = host(rest)
            && let Some(message) = behind_kernel_tag(text)
        {
            return of_kernel(stamp, message);
        }
        return match behind_kernel_tag(rest) {
            Some(message) => of_kernel(stamp, message),
            None => unnamed(stamp, rest),
        };
    }
    if let Some(undressed) = of_minute(line, dates) {
        return undressed;
    }
    let mut ctime = || {
        let [b'[', d1, d2, d3, b' ', stamp @ ..] = line else {
            return None;
        };
        let (time, rest) = dates.ctime(stamp)?;
        let rest = match rest {
            [b' ', delta @ ..] => behind_delta(delta)?,
            _ => rest,
        };
        let rest = rest.strip_prefix(b"]")?;
        is_weekday([*d1, *d2, *d3]).then(|| unnamed(Stamp::Wall(time), rest))
    };
    ctime().unwrap_or_else(|| unnamed(Stamp::None, line))
}

/// `[Nov23 15:18] `, as `dmesg --reltime` writes it where the minute is another than on the line before.
fn of_minute<'a>(line: &'a [u8], dates: &mut Dates) -> Option<Undressed<'a>> {
    let (stamp, rest) = line.split_first_chunk()?;
    let [b'[', a, b, c, d1, d2, b' ', h1, h2, b':', m1, m2, b']'] = *stamp else {
        return None;
    };
    let whole = [
        a, b, c, b' ', d1, d2, b' ', h1, h2, b':', m1, m2, b':', b'0', b'0',
    ];
    let (time, _end) = dates.bsd(&whole)?;
    Some(unnamed(Stamp::Wall(time), rest))
}

/// What stands behind a stamp: a blank, the host, and the writer's tag; `other` wrote it where that is not the kernel's.
fn tagged(stamp: Stamp, text: &[u8], other: Writer) -> Undressed<'_> {
    let named = text.strip_prefix(b" ").and_then(host);
    if let Some((_host, text)) = named
        && let Some(message) = behind_kernel_tag(text)
    {
        return of_kernel(stamp, message);
    }
    let text = text.strip_prefix(b" ").unwrap_or_default();
    otherwise_tagged(stamp, text, named.map(|(_host, text)| text), other)
}

/// What stands behind a stamp and its blank, and behind a host where there is one, without the kernel's tag in its usual place.
///
/// `journalctl --no-hostname` and `BusyBox`'s `syslogd -S` write no host; that of `OpenWrt` tells the facility behind it.
fn otherwise_tagged<'a>(
    stamp: Stamp,
    text: &'a [u8],
    behind_host: Option<&'a [u8]>,
    other: Writer,
) -> Undressed<'a> {
    let of_facility = || behind_kernel_tag(behind_facility(behind_host?)?);
    if let Some(message) = behind_kernel_tag(text).or_else(of_facility) {
        return of_kernel(stamp, message);
    }
    if let Some(message) = behind_ulogd_tag(behind_host.unwrap_or(text)) {
        return Undressed {
            stamp,
            boot: None,
            writer: Writer::Emulator,
            message,
        };
    }
    Undressed {
        stamp,
        boot: None,
        writer: other,
        // Without a host no writer can be told.
        message: behind_host.unwrap_or_default(),
    }
}

/// The text behind `kern.warn `: the facility of the kernel and a severity.
fn behind_facility(text: &[u8]) -> Option<&[u8]> {
    let (severity, rest) = word(text.strip_prefix(b"kern.")?)?;
    severity.iter().all(u8::is_ascii_lowercase).then_some(rest)
}

/// The text behind `ulogd: ` or `ulogd[812]: `.
fn behind_ulogd_tag(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"ulogd")?;
    let rest = match rest {
        [b'[', process @ ..] => leading_number(process)?.1.strip_prefix(b"]")?,
        _ => rest,
    };
    rest.strip_prefix(b": ")
}

/// The name or address of a host, and the text behind the blank. What ends like a tag is none; syslog-ng writes a chain of
/// hosts with `@` and `/`.
fn host(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let valid = |byte: &u8| matches!(byte, b'a'..=b'z' | b'@'..=b'Z' | b'.'..=b':' | b'-' | b'_');
    let len = text.iter().position(|byte| !valid(byte))?;
    let (name, rest) = text.split_at_checked(len)?;
    let rest = rest.strip_prefix(b" ")?;
    (!matches!(name, [] | [.., b':'])).then_some((name, rest))
}

/// The text up to a blank, and what is behind it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = text
        .iter()
        .position(|byte| *byte == b' ')
        .filter(|len| *len > 0)?;
    let (word, rest) = text.split_at_checked(len)?;
    Some((word, rest.get(1..)?))
}

/// The message behind `kernel: ` or `kernel[0]: `; some write the kernel's stamp without a blank.
fn behind_kernel_tag(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"kernel")?;
    let rest = rest.strip_prefix(b"[0]").unwrap_or(rest);
    match rest.strip_prefix(b":")? {
        [b' ', message @ ..] | message @ [b'[', ..] => Some(message),
        _ => None,
    }
}

/// A message of the kernel's, with or without its own stamp, which a header's is better than.
fn of_kernel(stamp: Stamp, message: &[u8]) -> Undressed<'_> {
    let behind = match message {
        [b'[', ..] => {
            behind_plain_stamp(message).or_else(|| kernel_stamp(message).map(|(_boot, rest)| rest))
        }
        _ => None,
    };
    let whole = matches!(stamp, Stamp::Wall(time) if time.0 % Timestamp::SECOND == 0);
    let boot = match behind.filter(|_| whole).and_then(|_| kernel_stamp(message)) {
        Some((Stamp::Boot(micros), _)) => Some(micros),
        _ => None,
    };
    let message = behind.map_or(message, |rest| rest.strip_prefix(b" ").unwrap_or(rest));
    Undressed {
        stamp,
        boot,
        writer: Writer::Kernel,
        message,
    }
}

/// What is behind `[  123.456789] `, the usual stamp of the kernel, which need not be read.
fn behind_plain_stamp(message: &[u8]) -> Option<&[u8]> {
    let (stamp, rest) = message.split_at_checked(memchr::memchr(b']', message)?)?;
    let (seconds, [b'.', micros @ ..]) = stamp.strip_prefix(b"[")?.split_last_chunk::<7>()? else {
        return None;
    };
    six_digits(*micros)?;
    let seconds = behind_blanks(seconds);
    let plain = !seconds.is_empty() && seconds.iter().all(u8::is_ascii_digit);
    rest.get(1..)
        .filter(|rest| plain && rest.first() == Some(&b' '))
}

/// A message of which nobody says whose it is.
fn unnamed(stamp: Stamp, text: &[u8]) -> Undressed<'_> {
    let rest = text.strip_prefix(b" ").unwrap_or(text);
    let message = if stamp == Stamp::None {
        rest.strip_prefix(b"kernel: ").unwrap_or(rest)
    } else {
        behind_caller(rest)
    };
    Undressed {
        stamp,
        boot: None,
        writer: Writer::Unnamed,
        message,
    }
}

/// `[  123.456789]`: seconds since the machine started (kernel/printk/printk.c, `print_time`); and the text behind.
///
/// dmesg can add the time since the line before, `[  123.456789 <    0.000012>]`, or write it alone: `[<    0.000012>]`,
/// `[  +0.000012]`. That is no stamp, since lines may have been left out.
fn kernel_stamp(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let text = behind_blanks(text.strip_prefix(b"[")?);
    let (stamp, rest) = match text {
        [b'+', delta @ ..] => (Stamp::None, seconds(delta)?.1),
        [b'<', ..] => (Stamp::None, behind_delta(text)?),
        _ => {
            let (micros, rest) = seconds(text)?;
            let rest = match rest {
                [b' ', delta @ ..] => behind_delta(delta)?,
                _ => rest,
            };
            (Stamp::Boot(micros), rest)
        }
    };
    let rest = rest.strip_prefix(b"]")?;
    Some((stamp, behind_caller(rest)))
}

/// `123.456789` in microseconds, always with six digits behind the point, and the text behind.
fn seconds(text: &[u8]) -> Option<(i64, &[u8])> {
    let (seconds, rest) = leading_number(text)?;
    let (micros, rest) = rest.strip_prefix(b".")?.split_first_chunk()?;
    let micros = six_digits(*micros).filter(|_| !rest.first().is_some_and(u8::is_ascii_digit))?;
    let whole = seconds.checked_mul(Timestamp::SECOND)?;
    Some((whole.checked_add(micros)?, rest))
}

/// What is behind `<    0.000012>` or `<    0.000012 >`.
fn behind_delta(text: &[u8]) -> Option<&[u8]> {
    let (_micros, rest) = seconds(behind_blanks(text.strip_prefix(b"<")?))?;
    rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(b">")
}

/// What is behind `[    T1]` or `[    C0]`, the thread or processor that wrote, at least six wide (kernel/printk/printk.c,
/// `print_caller`).
fn behind_caller(text: &[u8]) -> &[u8] {
    let caller = || {
        let inner = text.strip_prefix(b"[")?;
        let named = behind_blanks(inner);
        let rest = named
            .strip_prefix(b"T")
            .or_else(|| named.strip_prefix(b"C"))?;
        let (_id, rest) = leading_number(rest)?;
        let wide = inner.len().saturating_sub(rest.len()) >= 6;
        wide.then_some(rest.strip_prefix(b"]")?)
    };
    caller().map_or(text, |rest| rest.strip_prefix(b" ").unwrap_or(rest))
}

/// The text without the blanks that it begins with.
fn behind_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}
