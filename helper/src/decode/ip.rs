//! IP packets from their bytes, which may end early (NFLOG copies at most 128).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Error;
use crate::packet::{
    Fragment, Icmp, IpOptions, Packet, Protocol, Tcp, TcpFlags, TcpOptions, Transport, Udp,
};

/// The fixed part of an IPv6 header in bytes (RFC 8200 section 3).
const IPV6_HEADER: usize = 40;
/// At most so many IPv6 extension headers are followed; an honest packet has one of each of the six kinds.
const MAX_EXTENSIONS: usize = 8;
/// IPv6 extension headers (RFC 8200 section 4.1 and IANA "IPv6 Extension Header Types").
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// Reads an IPv4 or IPv6 packet from its first byte on.
///
/// Headers behind the IP header that are cut short leave [`Transport::Other`].
pub fn ip_packet(bytes: &[u8]) -> Result<Packet, Error> {
    match bytes.first().ok_or(Error::Short)? >> 4 {
        4 => ipv4(bytes),
        6 => ipv6(bytes),
        _ => Err(Error::NotIp),
    }
}

/// An IPv4 packet (RFC 791 section 3.1).
fn ipv4(bytes: &[u8]) -> Result<Packet, Error> {
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
    if header_len < head.len() {
        return Err(Error::NotIp);
    }
    let word = u16::from_be_bytes([frag_hi, frag_lo]);
    let offset = (word & 0x1fff) << 3;
    let more = word & 0x2000 != 0;
    let protocol = Protocol(protocol);
    Ok(Packet {
        src: Ipv4Addr::from_bits(u32_at(bytes, 12).ok_or(Error::Short)?).into(),
        dst: Ipv4Addr::from_bits(u32_at(bytes, 16).ok_or(Error::Short)?).into(),
        protocol,
        len: u16::from_be_bytes([len_hi, len_lo]).into(),
        ttl,
        tos,
        ip_id: Some(u16::from_be_bytes([id_hi, id_lo]).into()),
        df: word & 0x4000 != 0,
        fragment: (offset != 0 || more).then_some(Fragment { offset, more }),
        has_options: header_len > head.len(),
        ip_options: IpOptions::new(),
        transport: bytes
            .get(header_len..)
            .map_or(Transport::Other, |rest| transport(protocol, offset, rest)),
    })
}

/// An IPv6 packet with its extension headers (RFC 8200 sections 3 and 4).
fn ipv6(bytes: &[u8]) -> Result<Packet, Error> {
    let head: &[u8; IPV6_HEADER] = bytes.first_chunk().ok_or(Error::Short)?;
    let [first, second, _, _, len_hi, len_lo, next, hop_limit, ..] = *head;
    let payload_len = u32::from(u16::from_be_bytes([len_hi, len_lo]));
    let mut packet = Packet {
        src: Ipv6Addr::from_bits(u128_at(bytes, 8).ok_or(Error::Short)?).into(),
        dst: Ipv6Addr::from_bits(u128_at(bytes, 24).ok_or(Error::Short)?).into(),
        protocol: Protocol(next),
        len: payload_len.saturating_add(40),
        ttl: hop_limit,
        tos: (first << 4) | (second >> 4),
        ip_id: None,
        df: false,
        fragment: None,
        has_options: false,
        ip_options: IpOptions::new(),
        transport: Transport::Other,
    };
    let mut rest = bytes.get(IPV6_HEADER..).unwrap_or_default();
    for _ in 0..MAX_EXTENSIONS {
        let Some(length) = extension_len(packet.protocol.0, rest) else {
            break;
        };
        packet.has_options = true;
        if packet.protocol.0 == FRAGMENT {
            let word = u16_at(rest, 2).unwrap_or(0);
            packet.fragment = Some(Fragment {
                offset: word & 0xfff8,
                more: word & 1 != 0,
            });
            packet.ip_id = u32_at(rest, 4);
        }
        let Some(next) = rest.first() else {
            return Ok(packet);
        };
        packet.protocol = Protocol(*next);
        let Some(behind) = rest.get(length..) else {
            return Ok(packet);
        };
        rest = behind;
        if packet.fragment.is_some_and(|fragment| fragment.offset != 0) {
            return Ok(packet);
        }
    }
    packet.transport = transport(packet.protocol, 0, rest);
    Ok(packet)
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

/// The header behind the IP header; only the first fragment has one.
fn transport(protocol: Protocol, offset: u16, bytes: &[u8]) -> Transport {
    if offset != 0 {
        return Transport::Other;
    }
    let read = match protocol {
        Protocol::TCP => tcp(bytes).map(Transport::Tcp),
        Protocol::UDP | Protocol::UDPLITE => udp(bytes).map(Transport::Udp),
        Protocol::ICMP | Protocol::ICMPV6 => icmp(protocol, bytes).map(Transport::Icmp),
        Protocol::SCTP => ports(bytes).map(|(sport, dport)| Transport::Ports { sport, dport }),
        _ => None,
    };
    read.unwrap_or(Transport::Other)
}

/// The two ports that TCP, UDP, UDP-Lite and SCTP begin with.
fn ports(bytes: &[u8]) -> Option<(u16, u16)> {
    Some((u16_at(bytes, 0)?, u16_at(bytes, 2)?))
}

/// A TCP header (RFC 9293 section 3.1); options that are cut are left out.
fn tcp(bytes: &[u8]) -> Option<Tcp> {
    let (sport, dport) = ports(bytes)?;
    let header_len = usize::from(*bytes.get(12)? >> 4) << 2;
    let options = bytes
        .get(20..header_len)
        .map(|options| TcpOptions::try_from(options).unwrap_or_default());
    Some(Tcp {
        sport,
        dport,
        seq: u32_at(bytes, 4),
        ack: u32_at(bytes, 8),
        flags: TcpFlags(*bytes.get(13)?),
        window: u16_at(bytes, 14)?,
        urgp: u16_at(bytes, 18)?,
        options,
    })
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
fn icmp(protocol: Protocol, bytes: &[u8]) -> Option<Icmp> {
    let kind = *bytes.first()?;
    let has_id = match protocol {
        Protocol::ICMP => matches!(kind, 0 | 8 | 13..=18),
        _ => matches!(kind, 128 | 129),
    };
    let field = |at| has_id.then(|| u16_at(bytes, at)).flatten();
    Some(Icmp {
        kind,
        code: *bytes.get(1)?,
        id: field(4),
        seq: field(6),
        detail: None,
        quoted: None,
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
#[expect(clippy::indexing_slicing, reason = "the bytes are the test's own")]
mod tests {
    use super::*;

    /// A SYN from 192.0.2.7:40000 to 198.51.100.1:22 with the option MSS 1460.
    const SYN: [u8; 44] = [
        0x45, 0x10, 0, 44, 0x12, 0x34, 0x40, 0, 57, 6, 0, 0, 192, 0, 2, 7, 198, 51, 100,
        1, // IPv4
        0x9c, 0x40, 0, 22, 0, 0, 0, 1, 0, 0, 0, 2, 0x60, 0x02, 4, 0, 0, 0, 0, 3, 2, 4, 5,
        0xb4, // TCP
    ];

    /// An IPv6 header for a payload that begins with the header `next`.
    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![
            0x6a,
            0xb0,
            0,
            0,
            0,
            u8::try_from(payload.len()).unwrap(),
            next,
            64,
        ];
        bytes.extend("2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        bytes.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_syn_is_read_to_its_last_option() {
        let packet = ip_packet(&SYN).unwrap();
        assert_eq!(packet.src.to_string(), "192.0.2.7");
        assert_eq!(packet.dst.to_string(), "198.51.100.1");
        assert_eq!(
            (packet.len, packet.ttl, packet.tos, packet.ip_id),
            (44, 57, 0x10, Some(0x1234))
        );
        assert!(packet.df && packet.fragment.is_none() && !packet.has_options);
        let tcp = packet.tcp().unwrap();
        assert_eq!(
            (tcp.sport, tcp.dport, tcp.window, tcp.urgp),
            (40000, 22, 1024, 3)
        );
        assert_eq!(
            (tcp.seq, tcp.ack, tcp.flags),
            (Some(1), Some(2), TcpFlags::SYN)
        );
        assert_eq!(tcp.options.as_deref(), Some(&[2, 4, 5, 0xb4][..]));
    }

    #[test]
    fn a_packet_cut_anywhere_tells_what_is_there() {
        for end in 0..=SYN.len() {
            let read = ip_packet(&SYN[..end]);
            match end {
                0..20 => assert_eq!(read, Err(Error::Short), "{end}"),
                20..40 => assert_eq!(read.unwrap().transport, Transport::Other, "{end}"),
                40..44 => assert_eq!(read.unwrap().tcp().unwrap().options, None, "{end}"),
                _ => assert!(read.unwrap().tcp().unwrap().options.is_some(), "{end}"),
            }
        }
    }

    #[test]
    fn ip_options_stand_before_the_ports() {
        let mut bytes = SYN.to_vec();
        bytes[0] = 0x46;
        bytes.splice(20..20, [0x94, 4, 0, 0]);
        let packet = ip_packet(&bytes).unwrap();
        assert!(packet.has_options);
        assert_eq!(packet.dport(), Some(22));
    }

    #[test]
    fn impossible_headers_are_refused() {
        assert_eq!(ip_packet(&[]), Err(Error::Short));
        assert_eq!(ip_packet(&[0x55; 60]), Err(Error::NotIp));
        let mut short_header = SYN;
        short_header[0] = 0x44;
        assert_eq!(ip_packet(&short_header), Err(Error::NotIp));
    }

    #[test]
    fn only_the_first_fragment_has_ports() {
        for (word, ports, fragment) in [
            (
                0x2000_u16,
                Some(22),
                Some(Fragment {
                    offset: 0,
                    more: true,
                }),
            ),
            (
                0x2002,
                None,
                Some(Fragment {
                    offset: 16,
                    more: true,
                }),
            ),
            (
                0x1fff,
                None,
                Some(Fragment {
                    offset: 65528,
                    more: false,
                }),
            ),
            (0x4000, Some(22), None),
        ] {
            let mut bytes = SYN;
            bytes[6..8].copy_from_slice(&word.to_be_bytes());
            let packet = ip_packet(&bytes).unwrap();
            assert_eq!(
                (packet.dport(), packet.fragment),
                (ports, fragment),
                "{word:#x}"
            );
        }
    }

    #[test]
    fn extension_headers_are_followed_to_the_ports() {
        let tcp = &SYN[20..];
        let hop_by_hop = [6_u8, 0, 5, 2, 0, 0, 1, 0];
        let first_fragment = [6_u8, 0, 0, 1, 0, 0, 0, 7];
        let later_fragment = [6_u8, 0, 0, 8, 0, 0, 0, 7];
        let authentication = [6_u8, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        for (next, header, ports, protocol) in [
            (0, &hop_by_hop[..], Some(22), 6),
            (44, &first_fragment, Some(22), 6),
            (44, &later_fragment, None, 6),
            (51, &authentication, Some(22), 6),
            (50, &hop_by_hop, None, 50),
        ] {
            let packet = ip_packet(&v6(next, &[header, tcp].concat())).unwrap();
            assert_eq!(
                (packet.dport(), packet.protocol.0),
                (ports, protocol),
                "{next}"
            );
            assert_eq!(packet.has_options, next != 50);
        }
        let packet = ip_packet(&v6(6, tcp)).unwrap();
        assert_eq!((packet.len, packet.tos, packet.ttl), (40 + 24, 0xab, 64));
    }

    #[test]
    fn an_endless_chain_of_extension_headers_ends() {
        let chain: Vec<u8> = [0_u8, 0, 0, 0, 0, 0, 0, 0].repeat(20);
        let packet = ip_packet(&v6(0, &chain)).unwrap();
        assert_eq!(packet.transport, Transport::Other);
    }

    #[test]
    fn each_transport_tells_its_ports_or_type() {
        let payload = [0, 53, 0x14, 0xe9, 0, 12, 0, 0];
        let of = |protocol: u8| ip_packet(&v6(protocol, &payload)).unwrap().transport;
        let udp = Transport::Udp(Udp {
            sport: 53,
            dport: 5353,
            len: Some(12),
        });
        assert_eq!(of(17), udp);
        assert_eq!(of(136), udp);
        assert_eq!(
            of(132),
            Transport::Ports {
                sport: 53,
                dport: 5353
            }
        );
        assert_eq!(
            of(58),
            Transport::Icmp(Icmp {
                kind: 0,
                code: 53,
                id: None,
                seq: None,
                detail: None,
                quoted: None,
            })
        );
        assert_eq!(of(59), Transport::Other);
        let echo = ip_packet(&v6(58, &[128, 0, 0, 0, 0, 9, 0, 1]))
            .unwrap()
            .transport;
        assert_eq!(
            echo,
            Transport::Icmp(Icmp {
                kind: 128,
                code: 0,
                id: Some(9),
                seq: Some(1),
                detail: None,
                quoted: None,
            })
        );
    }
}
