//! The text of the kernel's LOG target, as `net/netfilter/nf_log_syslog.c` writes it.
//!
//! The grammar is anchored: every field stands where the kernel writes it, has a value that the kernel can write, and
//! nothing follows the last. So a text that merely quotes a packet, or two lines that ran into one another, are refused.

use arrayvec::ArrayString;

use super::{
    Body, Error, Mac, Report, arp,
    fields::{Fields, wrong},
    headers, martian,
};
use crate::event::{Feed, Interface, Prefix};

/// Bytes of the longest interface name (`IFNAMSIZ`, `include/uapi/linux/if.h`, without its NUL).
const LONGEST_NAME: usize = 15;

/// Reads the message of a LOG rule, `PREFIXIN=eth0 OUT= MAC=.. SRC=.. DST=..` and so on, or of a martian packet,
/// without any dress.
pub fn log_line(text: &[u8]) -> Result<Report, Error> {
    let text = text.trim_ascii_end();
    read(text).or_else(|error| otherwise(text, error))
}

/// What a text is that the grammar refused.
#[cold]
fn otherwise(text: &[u8], error: Error) -> Result<Report, Error> {
    match error {
        Error::NotFirewall => martian::martian(text),
        // Two lines break the grammar somewhere; the cause is worth more than the place.
        _ if is_merged(text) => Err(Error::Merged),
        _ => Err(error),
    }
}

fn read(text: &[u8]) -> Result<Report, Error> {
    let (prefix, mut fields) = split_prefix(text)?;
    let interfaces = Interfaces::read(&mut fields)?;
    let (mac, group_frame) = link_layer(&mut fields)?;
    let (body, group) = if fields.next_is(b"SRC=") {
        let packet = headers::packet(&mut fields)?;
        let group = packet.is_to_group();
        (Body::Packet(packet), group)
    } else {
        (other_than_ip(&mut fields, mac)?, false)
    };
    let (owner, mark) = socket(&mut fields)?;
    if !fields.is_at_end() {
        return Err(Error::Trailing);
    }
    Ok(Report {
        prefix,
        input: interfaces.input,
        output: interfaces.output,
        physical_input: interfaces.physical_input,
        physical_output: interfaces.physical_output,
        mac,
        group: group_frame || group,
        outbound: interfaces.input.is_empty() && !interfaces.output.is_empty(),
        owner,
        mark,
        ..Report::bare(Feed::File, body)
    })
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

/// The prefix, and the fields from behind the first `IN=` on.
///
/// A prefix may hold `IN=` itself, so that `IN=` counts behind which an interface's name and `OUT=` stand.
pub(super) fn split_prefix(text: &[u8]) -> Result<(Prefix, Fields<'_>), Error> {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| memchr::memchr(b'=', rest)) {
        let at = found.wrapping_add(from);
        from = at.wrapping_add(1);
        let (Some(before), Some(behind)) = (text.get(..at), text.get(from..)) else {
            break;
        };
        if let Some(prefix) = before.strip_suffix(b"IN")
            && is_before_out(behind)
        {
            let trimmed = prefix.trim_ascii();
            return if trimmed.len() > Prefix::new_const().capacity() {
                Err(Error::LongPrefix)
            } else if holds_header(prefix) {
                Err(Error::Merged)
            } else {
                Ok((self::text(trimmed), Fields::new(behind)))
            };
        }
    }
    Err(Error::NotFirewall)
}

/// Does an interface's name, or none, stand here before `OUT=`?
fn is_before_out(text: &[u8]) -> bool {
    let near = text.get(..=LONGEST_NAME).unwrap_or(text);
    near.iter()
        .position(|byte| matches!(byte, b' ' | b'='))
        .and_then(|end| text.get(end..))
        .is_some_and(|rest| rest.starts_with(b" OUT="))
}

/// Is there within this prefix what stands before one: the end of another line's dress, or of another's interfaces?
fn holds_header(prefix: &[u8]) -> bool {
    // The shortest is the kernel's stamp, `[    1.234567] `.
    prefix.len() >= 14 && (holds_dress(prefix) || prefix.windows(5).any(|found| found == b" OUT="))
}

/// Does another line, with its dress, stand behind this one?
#[cold]
fn is_merged(text: &[u8]) -> bool {
    let mut interfaces = text.windows(5).filter(|found| found == b" OUT=");
    interfaces.nth(1).is_some() || holds_dress(text)
}

/// Is there the end of a dress, `kernel: `, `kernel[0]: ` or the kernel's stamp, within the text?
fn holds_dress(text: &[u8]) -> bool {
    // The stamp ends with six digits (kernel/printk/printk.c, `print_time`).
    let is_end = |found: &[u8]| match found {
        [b'.', digits @ .., b']', b' '] => digits.iter().all(u8::is_ascii_digit),
        _ => found == b" kernel: ",
    };
    text.windows(9).any(is_end) || text.windows(12).any(|found| found == b" kernel[0]: ")
}

/// Where a packet came in and leaves.
pub(super) struct Interfaces {
    pub(super) input: Interface,
    pub(super) output: Interface,
    physical_input: Interface,
    physical_output: Interface,
}

impl Interfaces {
    /// From behind `IN=` on: `eth0 OUT= PHYSIN=.. PHYSOUT=..`.
    fn read(fields: &mut Fields<'_>) -> Result<Self, Error> {
        let input = interface(fields, b"IN=")?;
        fields.expect(b"OUT=")?;
        let mut interfaces = Self {
            input,
            output: interface(fields, b"OUT=")?,
            physical_input: Interface::new_const(),
            physical_output: Interface::new_const(),
        };
        if fields.key(b"PHYSIN=") {
            interfaces.physical_input = interface(fields, b"PHYSIN=")?;
        }
        if fields.key(b"PHYSOUT=") {
            interfaces.physical_output = interface(fields, b"PHYSOUT=")?;
        }
        Ok(interfaces)
    }
}

/// An interface's name up to the blank behind; one with `=` is the head of another line.
pub(super) fn interface<const N: usize>(
    fields: &mut Fields<'_>,
    key: &'static [u8; N],
) -> Result<Interface, Error> {
    let value = fields.value();
    if value.len() > LONGEST_NAME || value.contains(&b'=') {
        return Err(wrong(key));
    }
    Ok(text(value))
}

/// The link-layer header, in one of the kernel's two dresses, and whether the frame was sent to a group.
#[inline]
fn link_layer(fields: &mut Fields<'_>) -> Result<(Option<Mac>, bool), Error> {
    if fields.next_is(b"MACSRC=") {
        return decoded(fields);
    }
    if !fields.key(b"MAC=") {
        return Ok((None, false));
    }
    let mac = raw(fields)?;
    if fields.key(b"TUNNEL=") {
        tunnel(fields).ok_or(Error::Value("TUNNEL="))?;
        return Ok((None, false));
    }
    Ok((mac, mac.is_some_and(|mac| is_group(mac.dst))))
}

/// `MACSRC=.. MACDST=.. VPROTO=8100 VID=7 MACPROTO=0800`.
#[cold]
fn decoded(fields: &mut Fields<'_>) -> Result<(Option<Mac>, bool), Error> {
    let src = fields.mac(b"MACSRC=")?;
    let dst = fields.mac(b"MACDST=")?;
    if fields.key(b"VPROTO=") {
        ethertype(fields).ok_or(Error::Value("VPROTO="))?;
        fields.number::<u16, _>(b"VID=")?;
    }
    fields.expect(b"MACPROTO=")?;
    let ethertype = ethertype(fields).ok_or(Error::Value("MACPROTO="))?;
    let mac = Mac {
        src,
        dst,
        ethertype,
    };
    Ok((Some(mac), is_group(dst)))
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
    let mut ahead = *fields;
    if let Some(header) = ahead.colon_hex::<14>()
        && ahead.end().is_some()
    {
        *fields = ahead;
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

/// The user and group of the local socket, and the packet's mark.
type Socket = (Option<(u32, u32)>, Option<u32>);

/// What the kernel adds of the sending socket and the mark.
#[inline]
fn socket(fields: &mut Fields<'_>) -> Result<Socket, Error> {
    let owner = match fields.optional_number(b"UID=")? {
        Some(user) => Some((user, fields.number(b"GID=")?)),
        None => None,
    };
    let mark = if fields.next_is(b"MARK=") {
        Some(fields.hex_number(b"MARK=")?)
    } else {
        None
    };
    Ok((owner, mark))
}
