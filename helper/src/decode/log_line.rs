//! The text of the kernel's LOG target, as `net/netfilter/nf_log_syslog.c` writes it.
//!
//! The grammar is anchored: every field stands where the kernel writes it, has a value that the kernel can write, and
//! nothing follows the last. So a text that merely quotes a packet, or two lines that ran into one another, are refused.

use arrayvec::ArrayString;

use super::{
    Body, Error, Mac, Report, arp,
    fields::{Fields, wrong},
    headers, martian,
    transports::Place,
};
use crate::event::{Feed, Interface, Prefix};

/// Bytes of the longest interface name (`IFNAMSIZ`, `include/uapi/linux/if.h`, without its NUL).
const LONGEST_NAME: usize = 15;

/// Reads the message of a LOG rule, `PREFIXIN=eth0 OUT= MAC=.. SRC=.. DST=..` and so on, or of a martian packet,
/// without any dress.
pub fn log_line(text: &[u8]) -> Result<Report, Error> {
    let text = text.trim_ascii_end();
    let mut report = Report::bare(Feed::File, Body::Frame);
    match read(text, &mut report) {
        Ok(()) => Ok(report),
        Err(error) => otherwise(text, error),
    }
}

/// What a text is that the grammar refused.
#[cold]
fn otherwise(text: &[u8], error: Error) -> Result<Report, Error> {
    match error {
        Error::NotFirewall => martian::martian(text),
        _ => Err(cause(text, error)),
    }
}

/// Two lines in one break the grammar somewhere; the cause is worth more than the place.
#[cold]
pub(super) fn cause(text: &[u8], error: Error) -> Error {
    match error {
        Error::NotFirewall | Error::NotKernel => error,
        _ if is_merged(text) => Error::Merged,
        _ => error,
    }
}

/// Reads into a report of which nothing is known, so that its many bytes are not moved about.
#[inline]
fn read(text: &[u8], report: &mut Report) -> Result<(), Error> {
    let head = Head::split(text)?;
    let mut fields = head.behind;
    report.prefix = self::text(head.prefix);
    head.interfaces(&mut fields, report)?;
    if fields.next_is(b"PHYS") {
        ports(&mut fields, report)?;
    }
    link_layer(&mut fields, report)?;
    if fields.next_is(b"SRC=") {
        report.body = Body::Packet(headers::EMPTY);
        if let Body::Packet(packet) = &mut report.body {
            headers::packet(&mut fields, Place::Outer, packet)?;
            report.group |= packet.is_to_group();
        }
    } else {
        report.body = other_than_ip(&mut fields, report.mac)?;
    }
    if fields.is_at_end() {
        Ok(())
    } else {
        socket(&mut fields, report)
    }
}

/// As much as fits of a text that need not be UTF-8; what is not is replaced by U+FFFD.
pub(super) fn text<const N: usize>(bytes: &[u8]) -> ArrayString<N> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= N => ArrayString::from(text).unwrap_or_default(),
        _ => replaced(bytes),
    }
}

#[cold]
fn replaced<const N: usize>(bytes: &[u8]) -> ArrayString<N> {
    let mut text = ArrayString::<N>::new();
    'full: for chunk in bytes.utf8_chunks() {
        let broken = if chunk.invalid().is_empty() {
            ""
        } else {
            "\u{fffd}"
        };
        for letter in chunk.valid().chars().chain(broken.chars()) {
            if text.try_push(letter).is_err() {
                break 'full;
            }
        }
    }
    // The replacement is longer than what it replaces, so the end may be cut at a blank.
    let end = text.as_bytes().trim_ascii_end().len();
    text.truncate(end);
    text
}

/// The beginning of a line: `PREFIXIN=eth0 OUT=`.
pub(super) struct Head<'a> {
    /// Without blanks at its ends.
    pub(super) prefix: &'a [u8],
    /// With them.
    pub(super) whole_prefix: &'a [u8],
    input: &'a [u8],
    /// From the name behind `OUT=` on.
    pub(super) behind: Fields<'a>,
}

impl<'a> Head<'a> {
    /// A prefix may hold `IN=` itself, so that `IN=` counts behind which an interface's name and `OUT=` stand.
    #[inline]
    pub(super) fn split(text: &'a [u8]) -> Result<Self, Error> {
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|rest| memchr::memchr(b'=', rest)) {
            let at = found.wrapping_add(from);
            from = at.wrapping_add(1);
            let Some((before, behind)) = text.split_at_checked(at) else {
                break;
            };
            if let Some(prefix) = before.strip_suffix(b"IN")
                && let Some((input, behind)) = before_out(behind)
            {
                return Self::with_prefix(prefix, input, behind);
            }
        }
        Err(Error::NotFirewall)
    }

    #[inline]
    fn with_prefix(prefix: &'a [u8], input: &'a [u8], behind: &'a [u8]) -> Result<Self, Error> {
        let trimmed = prefix.trim_ascii();
        if trimmed.len() > Prefix::new_const().capacity() {
            return Err(Error::LongPrefix);
        }
        if holds_dress(trimmed) || holds_interfaces(trimmed) {
            return Err(Error::Merged);
        }
        Ok(Self {
            prefix: trimmed,
            whole_prefix: prefix,
            input,
            behind: Fields::new(behind),
        })
    }

    /// Where the packet came in and leaves.
    #[inline]
    pub(super) fn interfaces(
        &self,
        fields: &mut Fields<'_>,
        report: &mut Report,
    ) -> Result<(), Error> {
        if !self.input.is_empty() {
            report.input = text(self.input);
        }
        if fields.key(b" ") {
            return Ok(());
        }
        report.output = interface(fields, b"OUT=")?;
        report.outbound = self.input.is_empty() && !report.output.is_empty();
        Ok(())
    }
}

/// An interface's name behind `=`, or none, where ` OUT=` follows it, and what stands behind that.
#[inline]
fn before_out(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let name = text.get(1..)?;
    let near = name.get(..=LONGEST_NAME).unwrap_or(name);
    let mut end = near.iter().position(|byte| matches!(byte, b' ' | b'='))?;
    if near.get(end) == Some(&b'=') {
        end = memchr::memchr(b' ', near)?;
        if holds_head(near.get(..end)?) {
            return None;
        }
    }
    let (name, behind) = name.split_at_checked(end)?;
    Some((name, behind.strip_prefix(b" OUT=")?))
}

/// Does `IN=` stand in it, and ` OUT=` behind that?
fn holds_interfaces(prefix: &[u8]) -> bool {
    let out = prefix.windows(5).rposition(|found| found == b" OUT=");
    out.and_then(|at| prefix.get(..at))
        .is_some_and(|before| before.windows(3).any(|found| found == b"IN="))
}

/// Does another line, with its dress, stand behind this one?
#[cold]
fn is_merged(text: &[u8]) -> bool {
    let mut interfaces = text.windows(5).filter(|found| found == b" OUT=");
    interfaces.nth(1).is_some() || holds_dress(text)
}

/// Is there the end of a dress, `kernel:`, `kernel[0]:` or the kernel's stamp, within the text? The blank behind may be cut off.
fn holds_dress(text: &[u8]) -> bool {
    // The stamp ends with six digits (kernel/printk/printk.c, `print_time`).
    let is_end = |found: &[u8]| match found {
        [b'.', digits @ .., b']'] => digits.iter().all(u8::is_ascii_digit),
        _ => found == b" kernel:",
    };
    text.windows(8).any(is_end) || text.windows(11).any(|found| found == b" kernel[0]:")
}

/// `PHYSIN=eth0 PHYSOUT=eth1 `: the ports of a bridge.
#[cold]
fn ports(fields: &mut Fields<'_>, report: &mut Report) -> Result<(), Error> {
    if fields.key(b"PHYSIN=") {
        report.physical_input = interface(fields, b"PHYSIN=")?;
    }
    if fields.key(b"PHYSOUT=") {
        report.physical_output = interface(fields, b"PHYSOUT=")?;
    }
    Ok(())
}

/// Does `IN=` stand in an interface's name? Names may hold it (`dev_valid_name`, net/core/dev.c), but then it is rather the
/// head of another line.
#[cold]
fn holds_head(name: &[u8]) -> bool {
    name.windows(3).any(|found| found == b"IN=")
}

/// An interface's name up to the blank behind.
pub(super) fn interface<const N: usize>(
    fields: &mut Fields<'_>,
    key: &'static [u8; N],
) -> Result<Interface, Error> {
    let value = fields.value();
    if value.len() > LONGEST_NAME || (value.contains(&b'=') && holds_head(value)) {
        return Err(wrong(key));
    }
    Ok(text(value))
}

/// The link-layer header, in one of the kernel's two dresses.
#[inline]
fn link_layer(fields: &mut Fields<'_>, report: &mut Report) -> Result<(), Error> {
    if fields.key(b"MAC=") {
        report.mac = raw(fields)?;
        if fields.key(b"TUNNEL=") {
            report.mac = None;
            tunnel(fields).ok_or(Error::Value("TUNNEL="))?;
        }
    } else if fields.next_is(b"MACSRC=") {
        report.mac = Some(decoded(fields)?);
    }
    report.group = report.mac.is_some_and(|mac| is_group(mac.dst));
    Ok(())
}

/// `MACSRC=.. MACDST=.. VPROTO=8100 VID=7 MACPROTO=0800`.
#[cold]
fn decoded(fields: &mut Fields<'_>) -> Result<Mac, Error> {
    let src = fields.mac(b"MACSRC=")?;
    let dst = fields.mac(b"MACDST=")?;
    if fields.key(b"VPROTO=") {
        ethertype(fields).ok_or(Error::Value("VPROTO="))?;
        fields.number::<u16, _>(b"VID=")?;
    }
    fields.expect(b"MACPROTO=")?;
    let ethertype = ethertype(fields).ok_or(Error::Value("MACPROTO="))?;
    Ok(Mac {
        src,
        dst,
        ethertype,
    })
}

/// Four hexadecimal digits.
fn ethertype(fields: &mut Fields<'_>) -> Option<u16> {
    let before = fields.rest().len();
    let value = u16::try_from(fields.hex()?).ok()?;
    (before.wrapping_sub(fields.rest().len()) == 4).then_some(())?;
    fields.end().map(|()| value)
}

/// The bytes behind `MAC=`: 14 of an Ethernet frame, of other links more, fewer or none.
#[inline]
pub(super) fn raw(fields: &mut Fields<'_>) -> Result<Option<Mac>, Error> {
    if let Some(header) = fields.header() {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, high, low] = header;
        return Ok(Some(Mac {
            dst: [d0, d1, d2, d3, d4, d5],
            src: [s0, s1, s2, s3, s4, s5],
            ethertype: u16::from_be_bytes([high, low]),
        }));
    }
    other_link(fields).map(|()| None)
}

/// A link-layer header that is not Ethernet's: pairs of digits with colons between.
#[cold]
fn other_link(fields: &mut Fields<'_>) -> Result<(), Error> {
    let value = fields.value();
    let pairs_and_colons = value.chunks(3).all(|chunk| {
        matches!(chunk, [high, low, rest @ ..]
            if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && matches!(rest, [] | [b':']))
    });
    if value.last() == Some(&b':') || !pairs_and_colons {
        return Err(Error::Value("MAC="));
    }
    Ok(())
}

/// `192.0.2.1->192.0.2.2 `: the ends of a tunnel.
#[cold]
fn tunnel(fields: &mut Fields<'_>) -> Option<()> {
    fields.ipv4()?;
    fields.key(b"->").then_some(())?;
    fields.ipv4()?;
    fields.end()
}

/// Is the group bit of a link-layer address set (IEEE 802: the lowest bit of the first byte)?
pub(super) const fn is_group(mac: [u8; 6]) -> bool {
    mac[0] & 1 == 1
}

/// What is told of a frame that is no IP packet, or of one that the kernel could not read.
#[cold]
fn other_than_ip(fields: &mut Fields<'_>, mac: Option<Mac>) -> Result<Body, Error> {
    if fields.truncated() {
        return Err(Error::Short);
    }
    if fields.next_is(b"ARP ") {
        return arp::arp(fields).map(Body::Arp);
    }
    // Of these the kernel writes more, so the line was cut (`nf_log_netdev_packet`).
    let cut = |mac: Mac| matches!(mac.ethertype, 0x0800 | 0x86dd | 0x0806 | 0x8035);
    match mac {
        Some(mac) if fields.is_at_end() && !cut(mac) => Ok(Body::Frame),
        _ => Err(Error::Missing("SRC=")),
    }
}

/// What the kernel adds of the sending socket and the mark; nothing follows it.
#[cold]
fn socket(fields: &mut Fields<'_>, report: &mut Report) -> Result<(), Error> {
    if let Some(user) = fields.optional_number(b"UID=")? {
        report.owner = Some((user, fields.number(b"GID=")?));
    }
    if fields.next_is(b"MARK=") {
        report.mark = Some(fields.hex_number(b"MARK=")?);
    }
    if !fields.is_at_end() {
        return Err(Error::Trailing);
    }
    Ok(())
}
