//! The header behind the IP header on a log line, and the packet that an ICMP error quotes.

use super::{Error, fields::Fields, headers};
use crate::packet::{Icmp, IcmpDetail, Packet, Protocol, Quoted, Tcp, TcpFlags, Transport, Udp};

/// Which packet of a line is read. The kernel shows what an ICMP error quotes, and goes no deeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The packet that came.
    Outer,
    /// The one it quotes.
    Quoted,
}

/// `PROTO=` and the header behind; `later` fragments have none.
#[inline]
pub(super) fn transport(
    fields: &mut Fields<'_>,
    later: bool,
    place: Place,
    packet: &mut Packet,
) -> Result<(), Error> {
    fields.expect(b"PROTO=")?;
    let Some(protocol) = named(fields) else {
        // What the kernel writes as a number it does not look into.
        let number = fields.decimal(0xff).filter(|_| fields.end().is_some());
        let number = number.and_then(|number| number.try_into().ok());
        let numbered = |protocol: &Protocol| !is_never_number(*protocol, packet.src.is_ipv6());
        let protocol = number.map(Protocol).filter(numbered);
        packet.protocol = protocol.ok_or(Error::Value("PROTO="))?;
        return Ok(());
    };
    if is_foreign(protocol, packet.src.is_ipv6()) {
        return Err(Error::Value("PROTO="));
    }
    packet.protocol = protocol;
    if later || fields.incomplete()? {
        return Ok(());
    }
    packet.transport = match protocol {
        Protocol::TCP => Transport::Tcp(tcp(fields)?),
        Protocol::UDP | Protocol::UDPLITE => Transport::Udp(udp(fields)?),
        Protocol::ICMP => Transport::Icmp(icmp(fields, place)?),
        Protocol::ICMPV6 => Transport::Icmp(icmpv6(fields, place)?),
        _ => Transport::Ipsec {
            spi: fields.hex_number(b"SPI=")?,
        },
    };
    Ok(())
}

/// The protocols that the kernel names.
#[inline]
fn named(fields: &mut Fields<'_>) -> Option<Protocol> {
    Some(if fields.word(b"TCP") {
        Protocol::TCP
    } else if fields.word(b"UDP") {
        Protocol::UDP
    } else if fields.word(b"ICMP") {
        Protocol::ICMP
    } else if fields.word(b"ICMPv6") {
        Protocol::ICMPV6
    } else if fields.word(b"UDPLITE") {
        Protocol::UDPLITE
    } else if fields.word(b"ESP") {
        Protocol::ESP
    } else if fields.word(b"AH") {
        Protocol::AH
    } else {
        return None;
    })
}

/// Does the kernel not name this protocol in a packet of this family? ICMP of the other one is a number to it, and to IPv6
/// ESP and AH are extension headers.
fn is_foreign(protocol: Protocol, v6: bool) -> bool {
    match protocol {
        Protocol::ICMPV6 => !v6,
        Protocol::ICMP | Protocol::ESP | Protocol::AH => v6,
        _ => false,
    }
}

/// Does the kernel never write this protocol of this family as a number? It names it, or to IPv6 it is an extension header.
/// UDP-Lite, which new kernels may forget, may be one.
const fn is_never_number(protocol: Protocol, v6: bool) -> bool {
    match protocol {
        Protocol::TCP | Protocol::UDP | Protocol::ESP | Protocol::AH => true,
        Protocol::ICMP => !v6,
        // And hop-by-hop options, routing, fragment and destination options (RFC 8200 section 4).
        Protocol::ICMPV6 | Protocol(0 | 43 | 44 | 60) => v6,
        _ => false,
    }
}

/// What `nf_log_dump_udp_header` writes.
#[inline]
pub(super) fn udp(fields: &mut Fields<'_>) -> Result<Udp, Error> {
    Ok(Udp {
        sport: fields.number(b"SPT=")?,
        dport: fields.number(b"DPT=")?,
        len: Some(fields.number(b"LEN=")?),
    })
}

/// What `nf_log_dump_tcp_header` writes.
#[inline]
fn tcp(fields: &mut Fields<'_>) -> Result<Tcp, Error> {
    let sport = fields.number(b"SPT=")?;
    let dport = fields.number(b"DPT=")?;
    let (seq, ack) = if fields.next_is(b"SEQ=") {
        (Some(fields.number(b"SEQ=")?), Some(fields.number(b"ACK=")?))
    } else {
        (None, None)
    };
    let window = fields.number(b"WINDOW=")?;
    // The reserved bits, two places higher than they stand (`TCP_RESERVED_BITS`, include/uapi/linux/tcp.h).
    if fields.byte(b"RES=")? & !0x3c != 0 {
        return Err(Error::Value("RES="));
    }
    // Accurate ECN, the ninth flag, which kernels write since 6.15 (RFC 9768).
    fields.word(b"AE");
    let flags = flags(fields);
    let urgp = fields.number(b"URGP=")?;
    // Options that are cut short are not told, and nothing follows.
    let options = if fields.key(b"OPT (TRUNCATED)") {
        None
    } else {
        fields.options()?
    };
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

/// The flags, in the kernel's order; ulogd keeps to it and leaves out the first two.
#[inline]
pub(super) fn flags(fields: &mut Fields<'_>) -> TcpFlags {
    let mut flags = TcpFlags::default();
    let mut take = |name: &[u8; 4], flag| {
        if fields.key(name) {
            flags = flags.with(flag);
        }
    };
    take(b"CWR ", TcpFlags::CWR);
    take(b"ECE ", TcpFlags::ECE);
    take(b"URG ", TcpFlags::URG);
    take(b"ACK ", TcpFlags::ACK);
    take(b"PSH ", TcpFlags::PSH);
    take(b"RST ", TcpFlags::RST);
    take(b"SYN ", TcpFlags::SYN);
    take(b"FIN ", TcpFlags::FIN);
    flags
}

/// Type and code, and the identifier and sequence number of an echo or its like.
pub(super) fn icmp_head(fields: &mut Fields<'_>) -> Result<Icmp, Error> {
    Ok(Icmp {
        kind: fields.number(b"TYPE=")?,
        code: fields.number(b"CODE=")?,
        id: fields.optional_number(b"ID=")?,
        seq: fields.optional_number(b"SEQ=")?,
        detail: None,
        quoted: None,
    })
}

/// What `dump_ipv4_packet` writes of ICMP.
fn icmp(fields: &mut Fields<'_>, place: Place) -> Result<Icmp, Error> {
    /// Types of RFC 792.
    const ECHO_REPLY: u8 = 0;
    const ECHO: u8 = 8;
    const UNREACHABLE: u8 = 3;
    const SOURCE_QUENCH: u8 = 4;
    const REDIRECT: u8 = 5;
    const TIME_EXCEEDED: u8 = 11;
    const PARAMETER_PROBLEM: u8 = 12;
    /// The code of "fragmentation needed", type 3 (RFC 792, RFC 1191).
    const TOO_BIG: u8 = 4;

    let mut icmp = icmp_head(fields)?;
    if fields.incomplete()? {
        return Ok(icmp);
    }
    match icmp.kind {
        // Some who hand lines on leave the sequence numbers out.
        ECHO_REPLY | ECHO if icmp.id.is_none() => return Err(Error::Missing("ID=")),
        PARAMETER_PROBLEM => {
            icmp.detail = Some(IcmpDetail::Pointer(
                fields.number::<u8, _>(b"PARAMETER=")?.into(),
            ));
        }
        REDIRECT => {
            fields.expect(b"GATEWAY=")?;
            let gateway = fields.ipv4().filter(|_| fields.end().is_some());
            icmp.detail = gateway.map(IcmpDetail::Gateway);
            icmp.detail.ok_or(Error::Value("GATEWAY="))?;
        }
        _ => {}
    }
    // On its way out by the hook of a network device it is not quoted: there the header does not stand first.
    if place == Place::Outer
        && matches!(
            icmp.kind,
            UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED
        )
    {
        icmp.quoted = quoted(fields)?;
    }
    if (icmp.kind, icmp.code) == (UNREACHABLE, TOO_BIG) {
        let mtu = fields.number::<u16, _>(b"MTU=")?;
        icmp.detail = Some(IcmpDetail::Mtu(mtu.into()));
    }
    Ok(icmp)
}

/// What `dump_ipv6_packet` writes of ICMPv6.
fn icmpv6(fields: &mut Fields<'_>, place: Place) -> Result<Icmp, Error> {
    /// Types of RFC 4443; those up to parameter problem are errors.
    const TOO_BIG: u8 = 2;
    const PARAMETER_PROBLEM: u8 = 4;

    let mut icmp = icmp_head(fields)?;
    if icmp.kind == PARAMETER_PROBLEM {
        fields.expect(b"POINTER=")?;
        let pointer = fields.hex().filter(|_| fields.end().is_some());
        icmp.detail = pointer.map(IcmpDetail::Pointer);
        icmp.detail.ok_or(Error::Value("POINTER="))?;
    }
    if place == Place::Outer && matches!(icmp.kind, 1..=PARAMETER_PROBLEM) {
        if !fields.next_is(b"[") {
            return Err(Error::Missing("["));
        }
        icmp.quoted = quoted(fields)?;
    }
    if icmp.kind == TOO_BIG {
        icmp.detail = Some(IcmpDetail::Mtu(fields.number(b"MTU=")?));
    }
    Ok(icmp)
}

/// `[SRC=.. ] `: the packet that an error quotes, by the grammar of packets; `None` where the kernel could not read it.
fn quoted(fields: &mut Fields<'_>) -> Result<Option<Quoted>, Error> {
    if !fields.key(b"[") {
        return Ok(None);
    }
    let cut = fields.key(b"TRUNCATED");
    let mut packet = headers::EMPTY;
    if !cut {
        headers::packet(fields, Place::Quoted, &mut packet)?;
    }
    fields.expect(b"]")?;
    fields.end().ok_or(Error::Value("]"))?;
    Ok((!cut).then(|| summary(&packet)))
}

/// What is kept of a quoted packet.
fn summary(packet: &Packet) -> Quoted {
    Quoted {
        src: packet.src,
        dst: packet.dst,
        protocol: packet.protocol,
        len: packet.len,
        ttl: packet.ttl,
        sport: packet.sport(),
        dport: packet.dport(),
        flags: packet.tcp().map(|tcp| tcp.flags),
        icmp: match &packet.transport {
            Transport::Icmp(icmp) => Some((icmp.kind, icmp.code)),
            _ => None,
        },
    }
}
