//! The lines that ulogd2 writes in the kernel's manner: its outputs LOGEMU and SYSLOG (`util/printpkt.c`).
//!
//! They differ from the kernel's: `TOS=` without `0x`, never `RES=` nor options, always `SEQ=` and `ACK=`, IPv6 addresses
//! compressed, and where a header could not be read `INCOMPLETE` without a count or a blank.

use std::net::IpAddr;

use super::{
    Arp, Body, Error, Mac, Report,
    fields::{Fields, pair},
    headers::{self, UNREAD},
    log_line::{self, Head, is_group, raw},
    transports,
};
use crate::{
    event::Feed,
    packet::{Fragment, Icmp, IcmpDetail, IpOptions, Packet, Protocol, Tcp, Transport},
};

/// Reads the text of a LOGEMU line without its dress: `PREFIX IN=eth0 OUT= MAC=.. SRC=.. DST=.. .. MARK=0`.
pub fn emulated_line(text: &[u8]) -> Result<Report, Error> {
    whole(text, is_of_program)
}

/// Reads a line that bears ulogd's tag: whatever its prefix says, no other program wrote it.
pub(super) fn of_ulogd(text: &[u8]) -> Result<Report, Error> {
    whole(text, |_prefix| false)
}

fn whole(text: &[u8], is_foreign: impl Fn(&[u8]) -> bool) -> Result<Report, Error> {
    let text = text.trim_ascii_end();
    let mut report = Report::bare(Feed::Ulogd, Body::Frame);
    match read(text, is_foreign, &mut report) {
        Ok(()) => Ok(report),
        Err(error) => Err(log_line::cause(text, error)),
    }
}

fn read(text: &[u8], is_foreign: impl Fn(&[u8]) -> bool, report: &mut Report) -> Result<(), Error> {
    let head = Head::split(text)?;
    let mut fields = head.behind;
    if is_foreign(head.whole_prefix) {
        return Err(Error::NotKernel);
    }
    report.prefix = log_line::text(head.prefix);
    head.interfaces(&mut fields, report)?;
    report.mac = link_layer(&mut fields)?;
    report.group = report.mac.is_some_and(|mac| is_group(mac.dst));
    report.body = body(&mut fields, report.mac)?;
    if let Body::Packet(packet) = &report.body {
        report.group |= packet.is_to_group();
    }
    let user = fields.optional_number(b"UID=")?;
    report.owner = user.zip(fields.optional_number(b"GID=")?);
    report.mark = mark(&mut fields)?;
    if fields.is_at_end() {
        Ok(())
    } else {
        Err(Error::Trailing)
    }
}

/// Does the prefix begin with what syslog writes of another program, `sshd[7]: ` or `nginx: GET`?
///
/// A rule's own prefix may be `DROP: ` or `FW: DROP `. Behind one in small letters, `drop: `, stand two blanks: its own and
/// ulogd's; behind a program's tag one.
fn is_of_program(prefix: &[u8]) -> bool {
    let Some((tag, behind)) =
        memchr::memchr(b':', prefix).and_then(|colon| prefix.split_at_checked(colon))
    else {
        return false;
    };
    if tag.contains(&b' ') {
        return false;
    }
    let process = || {
        let tag = tag.strip_suffix(b"]")?;
        let (name, id) = tag.split_at_checked(memchr::memrchr(b'[', tag)?)?;
        let digits = id.get(1..)?.iter().all(u8::is_ascii_digit);
        Some(digits && !name.is_empty())
    };
    let alone = behind == b":  ";
    process() == Some(true) || (!alone && tag.iter().any(u8::is_ascii_lowercase))
}

/// `MAC=` with the bytes of a header, or none; where ulogd has an empty one it spares the blank.
fn link_layer(fields: &mut Fields<'_>) -> Result<Option<Mac>, Error> {
    fields.expect(b"MAC=")?;
    if fields.next_is(b"SRC=") || fields.next_is(b"LEN=") {
        return Ok(None);
    }
    raw(fields)
}

/// The packet, the ARP message, or neither.
fn body(fields: &mut Fields<'_>, mac: Option<Mac>) -> Result<Body, Error> {
    if !fields.next_is(b"SRC=") {
        // A bridge's frame: the type of what it holds, or nothing.
        if fields.next_is(b"LEN=") {
            return Err(Error::Short);
        }
        let kind = fields.optional_number::<u16, _>(b"PROTO=")?;
        return match (kind, mac) {
            (None, None) => Err(Error::Missing("SRC=")),
            (None, Some(mac)) if matches!(mac.ethertype, 0x0800 | 0x86dd) => {
                Err(Error::Missing("SRC="))
            }
            _ => Ok(Body::Frame),
        };
    }
    let src = fields.address(b"SRC=")?;
    let dst = fields.address(b"DST=")?;
    match (src, dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) if fields.next_is(b"PROTO=ARP") => {
            arp(fields).map(Body::Arp)
        }
        (IpAddr::V4(_), IpAddr::V4(_)) => ipv4(fields, src, dst).map(Body::Packet),
        (IpAddr::V6(_), IpAddr::V6(_)) => ipv6(fields, src, dst).map(Body::Packet),
        _ => Err(Error::Value("DST=")),
    }
}

/// What `printpkt_ipv4` writes.
fn ipv4(fields: &mut Fields<'_>, src: IpAddr, dst: IpAddr) -> Result<Packet, Error> {
    let len = headers::length(fields)?;
    let tos = plain_byte(fields).ok_or(Error::Missing("TOS="))?;
    let tos = headers::type_of_service(tos, fields.byte(b"PREC=")?)?;
    let ttl = fields.number(b"TTL=")?;
    let ip_id = fields.number::<u16, _>(b"ID=")?;
    let (df, fragment) = headers::fragment(fields)?;
    let (protocol, mut transport) = transport(fields)?;
    if fragment.is_some_and(|fragment| fragment.offset != 0) {
        // ulogd takes the payload of a later fragment for a header.
        transport = Transport::Other;
    }
    Ok(Packet {
        src,
        dst,
        protocol,
        len,
        ttl,
        tos,
        ip_id: Some(ip_id.into()),
        df,
        fragment,
        has_options: false,
        ip_options: IpOptions::new(),
        transport,
    })
}

/// `TOS=1F `.
fn plain_byte(fields: &mut Fields<'_>) -> Option<u8> {
    fields.key(b"TOS=").then_some(())?;
    let [high, low] = fields.value() else {
        return None;
    };
    pair(*high, *low)
}

/// What `printpkt_ipv6` writes.
fn ipv6(fields: &mut Fields<'_>, src: IpAddr, dst: IpAddr) -> Result<Packet, Error> {
    let len = headers::length(fields)?;
    let tos = fields.number(b"TC=")?;
    let ttl = fields.number(b"HOPLIMIT=")?;
    if fields.number::<u32, _>(b"FLOWLBL=")? > 0x000f_ffff {
        return Err(Error::Value("FLOWLBL="));
    }
    let fragment = ipv6_fragment(fields)?;
    let later = fragment.is_some_and(|(offset, _)| offset != 0);
    let (mut protocol, mut transport) = if fields.next_is(b"PROTO=") {
        transport(fields)?
    } else {
        (UNREAD, Transport::Other)
    };
    if later {
        transport = Transport::Other;
    }
    match protocol {
        // ulogd reads on behind AH, and calls by its name what it meets at ESP.
        Protocol::AH if !later => protocol = Protocol::ESP,
        // What it writes where an extension header is cut.
        Protocol(0) => protocol = UNREAD,
        _ => {}
    }
    Ok(Packet {
        src,
        dst,
        protocol,
        len,
        ttl,
        tos,
        ip_id: fragment.map(|(_, id)| id),
        df: false,
        // Whether more are to come is not told; of a first fragment it is so.
        fragment: fragment.map(|(offset, _)| Fragment {
            offset,
            more: offset == 0,
        }),
        has_options: fragment.is_some(),
        ip_options: IpOptions::new(),
        transport,
    })
}

/// `FRAG: 1232 ID: 0a1b2c3d `.
fn ipv6_fragment(fields: &mut Fields<'_>) -> Result<Option<(u16, u32)>, Error> {
    if !fields.key(b"FRAG: ") {
        return Ok(None);
    }
    let offset = fields
        .decimal(0xffff)
        .and_then(|offset| offset.try_into().ok())
        .filter(|_| fields.end().is_some())
        .ok_or(Error::Value("FRAG:"))?;
    fields.expect(b"ID: ")?;
    let id = fields.hex().filter(|_| fields.end().is_some());
    Ok(Some((offset, id.ok_or(Error::Value("ID:"))?)))
}

/// `PROTO=` and the header behind.
fn transport(fields: &mut Fields<'_>) -> Result<(Protocol, Transport), Error> {
    fields.expect(b"PROTO=")?;
    let protocol = if fields.word(b"TCP") {
        Protocol::TCP
    } else if fields.word(b"UDP") {
        Protocol::UDP
    } else if fields.word(b"ICMP") {
        Protocol::ICMP
    } else if fields.word(b"ICMPv6") {
        Protocol::ICMPV6
    } else if fields.word(b"SCTP") {
        Protocol::SCTP
    } else if fields.word(b"ESP") {
        Protocol::ESP
    } else if fields.word(b"AH") {
        Protocol::AH
    } else {
        let number = fields.decimal(0xff).filter(|_| fields.end().is_some());
        let number = number.and_then(|number| number.try_into().ok());
        let protocol = Protocol(number.ok_or(Error::Value("PROTO="))?);
        return Ok((protocol, Transport::Other));
    };
    if fields.key(b"INCOMPLETE") || fields.truncated() {
        return Ok((protocol, Transport::Other));
    }
    let transport = match protocol {
        Protocol::TCP => Transport::Tcp(tcp(fields)?),
        Protocol::UDP => Transport::Udp(transports::udp(fields)?),
        Protocol::SCTP => Transport::Ports {
            sport: fields.number(b"SPT=")?,
            dport: fields.number(b"DPT=")?,
        },
        Protocol::ICMP | Protocol::ICMPV6 => Transport::Icmp(icmp(fields)?),
        _ => Transport::Ipsec {
            spi: fields.hex_number(b"SPI=")?,
        },
    };
    Ok((protocol, transport))
}

fn tcp(fields: &mut Fields<'_>) -> Result<Tcp, Error> {
    Ok(Tcp {
        sport: fields.number(b"SPT=")?,
        dport: fields.number(b"DPT=")?,
        seq: Some(fields.number(b"SEQ=")?),
        ack: Some(fields.number(b"ACK=")?),
        window: fields.number(b"WINDOW=")?,
        flags: transports::flags(fields),
        urgp: fields.number(b"URGP=")?,
        options: None,
    })
}

/// ulogd 2.0 chooses what to write by the code where it means the type, so what does not belong to the type is noise.
fn icmp(fields: &mut Fields<'_>) -> Result<Icmp, Error> {
    let mut icmp = transports::icmp_head(fields)?;
    // Echo and its reply, of RFC 792 and RFC 4443.
    if !matches!(icmp.kind, 0 | 8 | 128 | 129) {
        icmp.id = None;
        icmp.seq = None;
    }
    let pointer = fields.optional_number::<u8, _>(b"PARAMETER=")?;
    let gateway = if fields.key(b"GATEWAY=") {
        let gateway = fields.ipv4().filter(|_| fields.end().is_some());
        Some(gateway.ok_or(Error::Value("GATEWAY="))?)
    } else {
        None
    };
    let mtu = fields.optional_number::<u16, _>(b"MTU=")?;
    icmp.detail = match (icmp.kind, icmp.code) {
        (12, _) => pointer.map(|pointer| IcmpDetail::Pointer(pointer.into())),
        (5, _) => gateway.map(IcmpDetail::Gateway),
        (3, 4) => mtu.map(|mtu| IcmpDetail::Mtu(mtu.into())),
        _ => None,
    };
    Ok(icmp)
}

/// What `printpkt_arp` writes: the addresses stand before it; a hardware address is told of a reply alone.
fn arp(fields: &mut Fields<'_>) -> Result<Arp, Error> {
    fields.expect(b"PROTO=ARP")?;
    fields.end().ok_or(Error::Value("PROTO="))?;
    // Operation codes of RFC 826 and, for NAK, of RFC 1577.
    let operation = if fields.word(b"REQUEST") {
        1
    } else if fields.word(b"REPLY") {
        2
    } else if fields.word(b"NAK") {
        10
    } else {
        fields.number(b"CODE=")?
    };
    if fields.next_is(b"REPLY_MAC=") {
        fields.mac(b"REPLY_MAC=")?;
    }
    Ok(Arp {
        operation,
        sender: None,
        target: None,
    })
}

/// `MARK=1f`, in hexadecimal digits with or without `0x`.
fn mark(fields: &mut Fields<'_>) -> Result<Option<u32>, Error> {
    if !fields.key(b"MARK=") {
        return Ok(None);
    }
    fields.key(b"0x");
    let mark = fields.hex().filter(|_| fields.end().is_some());
    mark.map(Some).ok_or(Error::Value("MARK="))
}
