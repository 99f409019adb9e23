//! IP packets from their bytes, which may end early (NFLOG copies at most 128).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Error;
use crate::packet::{
    Fragment, Icmp, IcmpDetail, IpOptions, Packet, Protocol, Quoted, Tcp, TcpFlags, TcpOptions,
    Transport, Udp,
};

/// The fixed part of an IPv6 header in bytes (RFC 8200 section 3).
const IPV6_HEADER: usize = 40;
/// At most so many IPv6 extension headers are followed; an honest packet has one of each of the six kinds.
const MAX_EXTENSIONS: usize = 8;
/// The fixed part of a TCP header in bytes (RFC 9293 section 3.1).
const TCP_HEADER: usize = 20;
/// IPv6 extension headers (RFC 8200 section 4.1 and IANA "IPv6 Extension Header Types").
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// The option of the hop-by-hop header that tells the length of a packet over 64 KiB (RFC 2675 section 2), and padding.
const JUMBO: u8 = 0xc2;
const PAD: u8 = 0;

/// Reads an IPv4 or IPv6 packet from its first byte on.
///
/// Headers behind the IP header that are cut short leave [`Transport::Other`]. What stands behind the length that the packet
/// tells (an Ethernet frame is filled up to 60 bytes) is not of it.
pub fn ip_packet(bytes: &[u8]) -> Result<Packet, Error> {
    let mut packet = Packet::BLANK;
    ip(bytes, &mut packet, transport)?;
    Ok(packet)
}

/// Reads a packet as [`ip_packet`] does, in place of another, which is left as it is where this is none. Where packets come in floods that
/// saves moving each of them.
pub fn ip_packet_into(bytes: &[u8], packet: &mut Packet) -> Result<(), Error> {
    ip(bytes, packet, transport)
}

/// Reads the IP header; `transport` reads what stands behind it, but not in a later fragment.
#[inline]
fn ip<'a>(
    bytes: &'a [u8],
    packet: &mut Packet,
    transport: impl FnOnce(Protocol, &'a [u8], &mut Transport),
) -> Result<(), Error> {
    match bytes.first().ok_or(Error::Short)? >> 4 {
        4 => ipv4(bytes, packet, transport),
        6 => ipv6(bytes, packet, transport),
        _ => Err(Error::NotIp),
    }
}

/// An IPv4 packet (RFC 791 section 3.1).
#[inline]
fn ipv4<'a>(
    bytes: &'a [u8],
    packet: &mut Packet,
    transport: impl FnOnce(Protocol, &'a [u8], &mut Transport),
) -> Result<(), Error> {
    let head: &[u8; 20] = bytes.first_chunk().ok_or(Error::Short)?;
    let [
        first,
        tos,
        len_hi,
        len_lo,
        id_hi,
        id_lo,
        frag_hi,
        frag_lo,
        ttl,
        protocol,
        ..,
    ] = *head;
    let header_len = usize::from(first & 0x0f) << 2;
    let len = u16::from_be_bytes([len_hi, len_lo]);
    let is_too_short = len != 0 && usize::from(len) < header_len;
    if header_len < head.len() || is_too_short {
        return Err(Error::NotIp);
    }
    let bytes = within(bytes, len.into());
    let word = u16::from_be_bytes([frag_hi, frag_lo]);
    let offset = (word & 0x1fff) << 3;
    let more = word & 0x2000 != 0;
    let protocol = Protocol(protocol);
    packet.src = Ipv4Addr::from_bits(u32_at(head, 12).ok_or(Error::Short)?).into();
    packet.dst = Ipv4Addr::from_bits(u32_at(head, 16).ok_or(Error::Short)?).into();
    packet.protocol = protocol;
    packet.len = len.into();
    packet.ttl = ttl;
    packet.tos = tos;
    packet.ip_id = Some(u16::from_be_bytes([id_hi, id_lo]).into());
    packet.df = word & 0x4000 != 0;
    packet.fragment = (offset != 0 || more).then_some(Fragment { offset, more });
    packet.has_options = header_len > head.len();
    packet.ip_options.clear();
    if packet.has_options {
        packet.ip_options = ipv4_options(bytes, header_len);
    }
    match bytes.get(header_len..) {
        Some(rest) if offset == 0 => transport(protocol, rest, &mut packet.transport),
        _ => packet.transport = Transport::Other,
    }
    Ok(())
}

/// The options of an IPv4 header; what is cut is left out.
#[cold]
fn ipv4_options(bytes: &[u8], header_len: usize) -> IpOptions {
    let options = bytes.get(20..header_len).unwrap_or_default();
    IpOptions::try_from(options).unwrap_or_default()
}

/// As many of the bytes as the packet has by its own account; 0 tells nothing (a packet over 64 KiB before it was cut up).
#[inline]
fn within(bytes: &[u8], len: usize) -> &[u8] {
    match len {
        0 => bytes,
        _ => bytes.get(..len).unwrap_or(bytes),
    }
}

/// An IPv6 packet with its extension headers (RFC 8200 sections 3 and 4).
#[inline]
fn ipv6<'a>(
    bytes: &'a [u8],
    packet: &mut Packet,
    transport: impl FnOnce(Protocol, &'a [u8], &mut Transport),
) -> Result<(), Error> {
    let head: &[u8; IPV6_HEADER] = bytes.first_chunk().ok_or(Error::Short)?;
    let [first, second, _, _, len_hi, len_lo, next, hop_limit, ..] = *head;
    let payload_len = u16::from_be_bytes([len_hi, len_lo]);
    *packet = Packet {
        src: Ipv6Addr::from_bits(u128_at(head, 8).ok_or(Error::Short)?).into(),
        dst: Ipv6Addr::from_bits(u128_at(head, 24).ok_or(Error::Short)?).into(),
        protocol: Protocol(next),
        len: u32::from(payload_len).saturating_add(40),
        ttl: hop_limit,
        tos: (first << 4) | (second >> 4),
        ip_id: None,
        df: false,
        fragment: None,
        has_options: false,
        ip_options: IpOptions::new(),
        transport: Transport::Other,
    };
    let rest = bytes.get(IPV6_HEADER..).unwrap_or_default();
    let rest = within(rest, payload_len.into());
    if payload_len == 0 && next == HOP_BY_HOP {
        packet.len = jumbo_len(rest).unwrap_or(0).saturating_add(40);
    }
    if let Some(rest) = behind_extensions(packet, rest) {
        transport(packet.protocol, rest, &mut packet.transport);
    }
    Ok(())
}

/// Follows the extension headers to what they announce; `None` where that is not in this packet.
fn behind_extensions<'a>(packet: &mut Packet, mut rest: &'a [u8]) -> Option<&'a [u8]> {
    for _ in 0..MAX_EXTENSIONS {
        let Some(length) = extension_len(packet.protocol.0, rest) else {
            break;
        };
        packet.has_options = true;
        if packet.protocol.0 == FRAGMENT {
            let word = u16_at(rest, 2)?;
            packet.fragment = Some(Fragment {
                offset: word & 0xfff8,
                more: word & 1 != 0,
            });
            packet.ip_id = u32_at(rest, 4);
        }
        packet.protocol = Protocol(*rest.first()?);
        rest = rest.get(length..)?;
        if packet.fragment.is_some_and(|fragment| fragment.offset != 0) {
            return None;
        }
    }
    Some(rest)
}

/// The length of the payload by the hop-by-hop header's option, which must be more than the usual field holds.
fn jumbo_len(header: &[u8]) -> Option<u32> {
    let end = extension_len(HOP_BY_HOP, header)?;
    let mut options = header.get(2..end)?;
    loop {
        match *options {
            [PAD, ref rest @ ..] => options = rest,
            [JUMBO, 4, a, b, c, d, ..] => {
                let len = u32::from_be_bytes([a, b, c, d]);
                return (len > u32::from(u16::MAX)).then_some(len);
            }
            [_, len, ref rest @ ..] => options = rest.get(usize::from(len)..)?,
            _ => return None,
        }
    }
}

/// The length in bytes of the extension header that `rest` begins with; `None` where it is none or is cut.
fn extension_len(kind: u8, rest: &[u8]) -> Option<usize> {
    let units = usize::from(*rest.get(1)?);
    match kind {
        HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => Some(units.saturating_add(1) << 3),
        FRAGMENT => Some(8),
        AUTHENTICATION => Some(units.saturating_add(2) << 2),
        _ => None,
    }
}

/// The header behind the IP header.
#[inline]
fn transport(protocol: Protocol, bytes: &[u8], place: &mut Transport) {
    // What comes in floods is written where it is to stand.
    if protocol == Protocol::TCP {
        tcp(bytes, place);
    } else {
        *place = other_transport(protocol, bytes);
    }
}

/// A header that is not TCP's.
#[inline(never)]
fn other_transport(protocol: Protocol, bytes: &[u8]) -> Transport {
    let read = match protocol {
        Protocol::UDP | Protocol::UDPLITE => udp(bytes).map(Transport::Udp),
        Protocol::ICMP | Protocol::ICMPV6 => icmp(protocol, bytes).map(Transport::Icmp),
        Protocol::SCTP => ports(bytes).map(|(sport, dport)| Transport::Ports { sport, dport }),
        // RFC 4303 section 2 and RFC 4302 section 2; IPv6 follows the latter as an extension header.
        Protocol::ESP => u32_at(bytes, 0).map(|spi| Transport::Ipsec { spi }),
        Protocol::AH => u32_at(bytes, 4).map(|spi| Transport::Ipsec { spi }),
        _ => None,
    };
    read.unwrap_or(Transport::Other)
}

/// The two ports that TCP, UDP, UDP-Lite and SCTP begin with.
fn ports(bytes: &[u8]) -> Option<(u16, u16)> {
    Some((u16_at(bytes, 0)?, u16_at(bytes, 2)?))
}

/// A TCP header (RFC 9293 section 3.1); options that are cut are left out.
#[inline]
fn tcp(bytes: &[u8], place: &mut Transport) {
    let Some(head) = bytes.first_chunk::<TCP_HEADER>() else {
        *place = Transport::Other;
        return;
    };
    let header_len = usize::from(head[12] >> 4) << 2;
    let header = Tcp {
        sport: u16::from_be_bytes([head[0], head[1]]),
        dport: u16::from_be_bytes([head[2], head[3]]),
        seq: u32_at(head, 4),
        ack: u32_at(head, 8),
        flags: TcpFlags(head[13]),
        window: u16::from_be_bytes([head[14], head[15]]),
        urgp: u16::from_be_bytes([head[18], head[19]]),
        options: None,
    };
    *place = Transport::Tcp(header);
    if let Transport::Tcp(header) = place
        && let Some(options) = bytes.get(TCP_HEADER..header_len)
    {
        header.options = Some(TcpOptions::new());
        if !options.is_empty() {
            header.options = Some(tcp_options(options));
        }
    }
}

/// The options of a TCP header: never more than fit.
fn tcp_options(options: &[u8]) -> TcpOptions {
    TcpOptions::try_from(options).unwrap_or_default()
}

/// A UDP or UDP-Lite header (RFC 768; RFC 3828 has the checksum coverage where UDP has the length).
fn udp(bytes: &[u8]) -> Option<Udp> {
    let (sport, dport) = ports(bytes)?;
    Some(Udp {
        sport,
        dport,
        len: u16_at(bytes, 4),
    })
}

/// An ICMP or ICMPv6 header; identifier and sequence number of echoes and of ICMP's timestamp and its like.
#[inline(never)]
fn icmp(protocol: Protocol, bytes: &[u8]) -> Option<Icmp> {
    let (kind, code) = (*bytes.first()?, *bytes.get(1)?);
    let has_id = match protocol {
        Protocol::ICMP => matches!(kind, 0 | 8 | 13..=18),
        _ => matches!(kind, 128 | 129),
    };
    let field = |at| has_id.then(|| u16_at(bytes, at)).flatten();
    let is_error = match protocol {
        Protocol::ICMP => matches!(kind, 3..=5 | 11 | 12),
        _ => matches!(kind, 1..=4),
    };
    Some(Icmp {
        kind,
        code,
        id: field(4),
        seq: field(6),
        detail: detail(protocol, kind, code, bytes),
        quoted: bytes.get(8..).filter(|_| is_error).and_then(quoted),
    })
}

/// What an error or an advertisement says in the second four bytes of its header.
fn detail(protocol: Protocol, kind: u8, code: u8, bytes: &[u8]) -> Option<IcmpDetail> {
    Some(match (protocol, kind, code) {
        // RFC 1191 section 4: in the lower half.
        (Protocol::ICMP, 3, 4) => IcmpDetail::Mtu(u16_at(bytes, 6)?.into()),
        (Protocol::ICMP, 5, _) => IcmpDetail::Gateway(Ipv4Addr::from_bits(u32_at(bytes, 4)?)),
        (Protocol::ICMP, 12, _) => IcmpDetail::Pointer((*bytes.get(4)?).into()),
        (Protocol::ICMPV6, 2, _) => IcmpDetail::Mtu(u32_at(bytes, 4)?),
        (Protocol::ICMPV6, 4, _) => IcmpDetail::Pointer(u32_at(bytes, 4)?),
        // In the lower half, behind the hop limit and the flags that it advises.
        (Protocol::ICMPV6, 134, _) => IcmpDetail::Lifetime(u16_at(bytes, 6)?),
        _ => return None,
    })
}

/// The packet that an error quotes, as much as is there. An error within it is not opened.
fn quoted(bytes: &[u8]) -> Option<Quoted> {
    let mut behind: &[u8] = &[];
    let mut packet = Packet::BLANK;
    ip(bytes, &mut packet, |_, rest, _| behind = rest).ok()?;
    let protocol = packet.protocol;
    let has_ports = matches!(
        protocol,
        Protocol::TCP | Protocol::UDP | Protocol::UDPLITE | Protocol::SCTP
    );
    let ports = ports(behind).filter(|_| has_ports);
    let byte = |at: usize, of: &[Protocol]| behind.get(at).filter(|_| of.contains(&protocol));
    let icmp = |at| byte(at, &[Protocol::ICMP, Protocol::ICMPV6]).copied();
    Some(Quoted {
        src: packet.src,
        dst: packet.dst,
        protocol,
        len: packet.len,
        ttl: packet.ttl,
        sport: ports.map(|(sport, _)| sport),
        dport: ports.map(|(_, dport)| dport),
        flags: byte(13, &[Protocol::TCP]).copied().map(TcpFlags),
        icmp: icmp(0).zip(icmp(1)),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u128_at(bytes: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;
