//! The text of the kernel's LOG target, as `net/netfilter/nf_log_syslog.c` writes it.
//!
//! The grammar is anchored: every field stands where the kernel writes it, has a value that the kernel can write, and
//! nothing follows the last. So a text that merely quotes a packet, or two lines that ran into one another, are refused.

use std::net::IpAddr;

use super::{
    Body, Error, Report,
    fields::{self, Fields},
};
use crate::{
    event::{Feed, Interface, Prefix},
    packet::{
        Fragment, Icmp, IpOptions, Packet, Protocol, Tcp, TcpFlags, TcpOptions, Transport, Udp,
    },
};

/// Reads the message of a LOG rule: `PREFIXIN=eth0 OUT= MAC=.. SRC=.. DST=..` and so on, without any dress.
pub fn log_line(text: &[u8]) -> Result<Report, Error> {
    let text = std::str::from_utf8(text).map_err(|_| Error::NotFirewall)?;
    // Two lines break the grammar somewhere; the cause is worth more than the place.
    read(text).map_err(|error| {
        if text.matches(" OUT=").nth(1).is_some() {
            Error::Merged
        } else {
            error
        }
    })
}

fn read(text: &str) -> Result<Report, Error> {
    let (prefix, rest) = split_prefix(text)?;
    let mut fields = Fields::new(rest);
    let inbound = fields.required("IN=")?;
    let outbound = fields.required("OUT=")?;
    let input = Interface::from(inbound).map_err(|_| Error::Value("IN="))?;
    let output = Interface::from(outbound).map_err(|_| Error::Value("OUT="))?;
    let _physical = (fields.optional("PHYSIN="), fields.optional("PHYSOUT="));
    let group_frame = link_layer(&mut fields)?;
    let packet = packet(&mut fields)?;
    own_socket(&mut fields)?;
    if !fields.is_at_end() {
        return Err(Error::Trailing);
    }
    Ok(Report {
        prefix,
        input,
        output,
        outbound: input.is_empty() && !output.is_empty(),
        group: group_frame || packet.is_to_group(),
        ..Report::bare(Feed::File, Body::Packet(packet))
    })
}

/// The prefix, and the rest from `IN=` on.
///
/// A prefix may hold `IN=` itself, so the first `IN=` counts that an interface's name and `OUT=` follow.
fn split_prefix(text: &str) -> Result<(Prefix, &str), Error> {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("IN=")) {
        let at = from.saturating_add(found);
        let (Some(prefix), Some(rest)) = (text.get(..at), text.get(at..)) else {
            break;
        };
        let after_name = rest.get(3..).and_then(|rest| rest.split_once(' '));
        if after_name.is_some_and(|(name, behind)| {
            name.len() <= Interface::new().capacity() && behind.starts_with("OUT=")
        }) {
            let prefix = Prefix::from(prefix.trim()).map_err(|_| Error::LongPrefix)?;
            return Ok((prefix, rest));
        }
        from = at.saturating_add(3);
    }
    Err(Error::NotFirewall)
}

/// The link-layer header, in one of the kernel's two dresses; says whether the frame was sent to a group.
fn link_layer(fields: &mut Fields<'_>) -> Result<bool, Error> {
    if fields.optional("MACSRC=").is_some() {
        let dst = fields.required("MACDST=")?;
        let _vlan = (fields.optional("VPROTO="), fields.optional("VID="));
        fields.required("MACPROTO=")?;
        return Ok(fields::is_group_mac(dst));
    }
    let Some(mac) = fields.optional("MAC=") else {
        return Ok(false);
    };
    if !mac
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    {
        return Err(Error::Value("MAC="));
    }
    let _tunnel = fields.optional("TUNNEL=");
    // Only an Ethernet header, 14 bytes as `xx:`, begins with its destination.
    Ok(mac.len() == 41 && fields::is_group_mac(mac))
}

/// From `SRC=` to the end of the packet.
fn packet(fields: &mut Fields<'_>) -> Result<Packet, Error> {
    let src = fields.address("SRC=")?;
    let dst = fields.address("DST=")?;
    match (src, dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) => ipv4(fields, src, dst),
        (IpAddr::V6(_), IpAddr::V6(_)) => ipv6(fields, src, dst),
        _ => Err(Error::Value("DST=")),
    }
}

/// What `dump_ipv4_packet` writes.
fn ipv4(fields: &mut Fields<'_>, src: IpAddr, dst: IpAddr) -> Result<Packet, Error> {
    let len = fields.number::<u16>("LEN=")?.into();
    let tos = fields.hex("TOS=")? | fields.hex("PREC=")?;
    let ttl = fields.number("TTL=")?;
    let ip_id = fields.number::<u16>("ID=")?;
    fields.word("CE");
    let df = fields.word("DF");
    let more = fields.word("MF");
    // In units of 8 bytes, at most 13 bits (RFC 791).
    let offset = match fields.optional("FRAG:") {
        Some(text) => {
            let units = fields::number::<u16>(text)
                .filter(|units| *units < 0x2000)
                .ok_or(Error::Value("FRAG:"))?;
            units.checked_mul(8).ok_or(Error::Value("FRAG:"))?
        }
        None => 0,
    };
    let has_options = fields.hex_dump()?.is_some();
    let (protocol, transport) = transport(fields, offset != 0)?;
    Ok(Packet {
        src,
        dst,
        protocol,
        len,
        ttl,
        tos,
        ip_id: Some(ip_id.into()),
        df,
        fragment: (more || offset != 0).then_some(Fragment { offset, more }),
        has_options,
        ip_options: IpOptions::new(),
        transport,
    })
}

/// What `dump_ipv6_packet` writes.
fn ipv6(fields: &mut Fields<'_>, src: IpAddr, dst: IpAddr) -> Result<Packet, Error> {
    let mut packet = Packet {
        src,
        dst,
        len: fields.number("LEN=")?,
        tos: fields.number("TC=")?,
        ttl: fields.number("HOPLIMIT=")?,
        // 59 is "no next header" (RFC 8200 section 4.7): what is left when the kernel could not read on.
        protocol: Protocol(59),
        ip_id: None,
        df: false,
        fragment: None,
        has_options: false,
        ip_options: IpOptions::new(),
        transport: Transport::Other,
    };
    fields.number::<u32>("FLOWLBL=")?;
    while !fields.next_is("PROTO=") {
        let dumped = fields.word("OPT") && fields.word("(");
        packet.has_options = true;
        if let Some(text) = fields.optional("FRAG:") {
            let offset = fields::number(text).ok_or(Error::Value("FRAG:"))?;
            let more = fields.word("INCOMPLETE");
            packet.fragment = Some(Fragment { offset, more });
            packet.ip_id = Some(
                fields
                    .optional("ID:")
                    .and_then(fields::hex_digits)
                    .ok_or(Error::Value("ID:"))?,
            );
        } else if fields.word("AH") || fields.word("ESP") {
            fields.incomplete()?;
            fields.optional("SPI=");
        } else if fields.word("TRUNCATED") {
            return Ok(packet);
        } else if !dumped {
            // A later fragment, an ESP header and a header not known end the kernel's text without PROTO=.
            break;
        }
        if dumped && !fields.word(")") {
            return Err(Error::Missing(")"));
        }
    }
    if fields.next_is("PROTO=") {
        let later = packet.fragment.is_some_and(|fragment| fragment.offset != 0);
        (packet.protocol, packet.transport) = transport(fields, later)?;
    } else if !packet.has_options
        || !(fields.is_at_end() || fields.next_is("MARK=") || fields.next_is("UID="))
    {
        return Err(Error::Missing("PROTO="));
    }
    Ok(packet)
}

/// `PROTO=` and the header behind; `later` fragments have none.
fn transport(fields: &mut Fields<'_>, later: bool) -> Result<(Protocol, Transport), Error> {
    if fields.word("TRUNCATED") {
        return Ok((Protocol(59), Transport::Other));
    }
    let named = match fields.required("PROTO=")? {
        "TCP" => Protocol::TCP,
        "UDP" => Protocol::UDP,
        "UDPLITE" => Protocol::UDPLITE,
        "ICMP" => Protocol::ICMP,
        "ICMPv6" => Protocol::ICMPV6,
        "AH" => Protocol(51),
        "ESP" => Protocol(50),
        // What the kernel writes as a number it does not look into.
        number => {
            let number = fields::number(number).ok_or(Error::Value("PROTO="))?;
            return Ok((Protocol(number), Transport::Other));
        }
    };
    if later || fields.incomplete()? {
        return Ok((named, Transport::Other));
    }
    let transport = match named {
        Protocol::TCP => Transport::Tcp(tcp(fields)?),
        Protocol::UDP | Protocol::UDPLITE => Transport::Udp(Udp {
            sport: fields.number("SPT=")?,
            dport: fields.number("DPT=")?,
            len: Some(fields.number("LEN=")?),
        }),
        Protocol::ICMP | Protocol::ICMPV6 => Transport::Icmp(icmp(fields)?),
        _ => {
            fields.required("SPI=")?;
            Transport::Other
        }
    };
    Ok((named, transport))
}

/// What `nf_log_dump_tcp_header` writes.
fn tcp(fields: &mut Fields<'_>) -> Result<Tcp, Error> {
    let sport = fields.number("SPT=")?;
    let dport = fields.number("DPT=")?;
    let seq = fields.optional_number("SEQ=")?;
    let ack = fields.optional_number("ACK=")?;
    let window = fields.number("WINDOW=")?;
    fields.hex("RES=")?;
    // Accurate ECN, the ninth flag, which kernels write since 6.15 (RFC 9768).
    fields.word("AE");
    let mut flags = TcpFlags::default();
    for (flag, name) in TcpFlags::NAMES {
        if fields.word(name) {
            flags = flags.with(flag);
        }
    }
    let urgp = fields.number("URGP=")?;
    let options = fields.hex_dump()?.map(|digits| {
        let mut options = TcpOptions::new();
        options.extend(fields::hex_pairs(digits).take(40));
        options
    });
    Ok(Tcp {
        sport,
        dport,
        seq,
        ack,
        flags,
        window,
        urgp,
        options,
    })
}

/// What the kernel writes of ICMP and ICMPv6; the packet that an error quotes is skipped, never mistaken for the outer one.
fn icmp(fields: &mut Fields<'_>) -> Result<Icmp, Error> {
    let mut icmp = Icmp {
        kind: fields.number("TYPE=")?,
        code: fields.number("CODE=")?,
        id: None,
        seq: None,
        detail: None,
        quoted: None,
    };
    if fields.incomplete()? {
        return Ok(icmp);
    }
    icmp.id = fields.optional_number("ID=")?;
    icmp.seq = fields.optional_number("SEQ=")?;
    for key in ["PARAMETER=", "POINTER=", "GATEWAY="] {
        fields.optional(key);
    }
    fields.quoted_packet()?;
    fields.optional_number::<u32>("MTU=")?;
    Ok(icmp)
}

/// What the kernel adds of the sending socket and the mark.
fn own_socket(fields: &mut Fields<'_>) -> Result<(), Error> {
    if fields.optional_number::<u32>("UID=")?.is_some() {
        fields.number::<u32>("GID=")?;
    }
    match fields.optional("MARK=") {
        Some(text) => text
            .strip_prefix("0x")
            .and_then(fields::hex_digits)
            .map(|_| ())
            .ok_or(Error::Value("MARK=")),
        None => Ok(()),
    }
}
