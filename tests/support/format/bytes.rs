//! A packet as its bytes: IPv4 (RFC 791), IPv6 with extension headers (RFC 8200), and the header behind.
//!
//! What a packet does not tell, its bytes end before.

use std::net::IpAddr;

use wallwatch_helper::packet::{
    Icmp, IcmpDetail, Packet, Protocol, Quoted, Tcp, TcpFlags, Transport,
};

/// IPv6's extension headers that are written here (RFC 8200 sections 4.5 and 4.6).
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// The packet from its IP header on.
#[must_use]
pub fn ip(packet: &Packet) -> Vec<u8> {
    match (packet.src, packet.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => ipv4(packet, src.octets(), dst.octets()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => ipv6(packet, src.octets(), dst.octets()),
        _ => panic!("a packet has addresses of one family"),
    }
}

fn ipv4(packet: &Packet, src: [u8; 4], dst: [u8; 4]) -> Vec<u8> {
    let options = packet.ip_options.len();
    // Options that were not told are cut away, with all that would stand behind.
    let words = if packet.has_options && options == 0 {
        6
    } else {
        5 + options / 4
    };
    let mut word = if packet.df { 0x4000 } else { 0 };
    if let Some(fragment) = packet.fragment {
        word |= (fragment.offset / 8) | if fragment.more { 0x2000 } else { 0 };
    }
    let mut bytes = vec![0x40 | low(words), packet.tos];
    bytes.extend(short(packet.len));
    bytes.extend(short(packet.ip_id.unwrap_or_default()));
    bytes.extend(word.to_be_bytes());
    bytes.extend([packet.ttl, packet.protocol.0, 0, 0]);
    bytes.extend(src);
    bytes.extend(dst);
    bytes.extend(&packet.ip_options);
    bytes.extend(transport(packet));
    bytes
}

fn ipv6(packet: &Packet, src: [u8; 16], dst: [u8; 16]) -> Vec<u8> {
    let mut bytes = vec![0x60 | packet.tos >> 4, packet.tos << 4, 0, 0];
    bytes.extend(short(packet.len - 40));
    let next = if packet.fragment.is_some() {
        FRAGMENT
    } else if packet.has_options {
        DESTINATION_OPTIONS
    } else {
        packet.protocol.0
    };
    bytes.extend([next, packet.ttl]);
    bytes.extend(src);
    bytes.extend(dst);
    if let Some(fragment) = packet.fragment {
        bytes.extend([packet.protocol.0, 0]);
        bytes.extend((fragment.offset | u16::from(fragment.more)).to_be_bytes());
        bytes.extend(packet.ip_id.unwrap_or_default().to_be_bytes());
    } else if packet.has_options {
        // PadN over the four bytes that are left (RFC 8200 section 4.2).
        bytes.extend([packet.protocol.0, 0, 1, 4, 0, 0, 0, 0]);
    }
    bytes.extend(transport(packet));
    bytes
}

/// What fits into four bits.
fn low(value: usize) -> u8 {
    u8::try_from(value).expect("a header has at most 15 words")
}

/// What fits into sixteen bits, in the network's order.
fn short(value: u32) -> [u8; 2] {
    u16::try_from(value)
        .expect("the field has 16 bits")
        .to_be_bytes()
}

fn transport(packet: &Packet) -> Vec<u8> {
    match &packet.transport {
        Transport::Tcp(told) => tcp(told),
        Transport::Udp(told) => {
            let mut bytes = ports(told.sport, told.dport);
            if let Some(len) = told.len {
                bytes.extend(len.to_be_bytes());
                bytes.extend([0, 0]);
            }
            bytes
        }
        Transport::Icmp(told) => icmp(told, packet.protocol == Protocol::ICMPV6),
        // RFC 9260: verification tag and checksum.
        Transport::Ports { sport, dport } => [&ports(*sport, *dport)[..], &[0; 8]].concat(),
        Transport::Ipsec { spi } => ipsec(packet.protocol, *spi),
        Transport::Other => Vec::new(),
    }
}

fn ports(sport: u16, dport: u16) -> Vec<u8> {
    [sport.to_be_bytes(), dport.to_be_bytes()].concat()
}

/// RFC 4303: index and sequence number; RFC 4302: what comes next and the length before them.
fn ipsec(protocol: Protocol, spi: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    if protocol == Protocol::AH {
        bytes.extend([Protocol::TCP.0, 1, 0, 0]);
    }
    bytes.extend(spi.to_be_bytes());
    bytes.extend([0, 0, 0, 1]);
    bytes
}

fn tcp(told: &Tcp) -> Vec<u8> {
    // Options that were not told are cut away.
    let words = told
        .options
        .as_ref()
        .map_or(6, |options| 5 + options.len() / 4);
    let mut bytes = ports(told.sport, told.dport);
    bytes.extend(told.seq.unwrap_or_default().to_be_bytes());
    bytes.extend(told.ack.unwrap_or_default().to_be_bytes());
    bytes.extend([low(words) << 4, told.flags.0]);
    bytes.extend(told.window.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(told.urgp.to_be_bytes());
    bytes.extend(told.options.iter().flatten());
    bytes
}

fn icmp(told: &Icmp, v6: bool) -> Vec<u8> {
    let mut bytes = vec![told.kind, told.code];
    let rest = match told.detail {
        Some(IcmpDetail::Mtu(mtu)) => mtu.to_be_bytes().to_vec(),
        Some(IcmpDetail::Gateway(router)) => router.octets().to_vec(),
        Some(IcmpDetail::Pointer(at)) if v6 => at.to_be_bytes().to_vec(),
        // Of one byte, the first (RFC 792).
        Some(IcmpDetail::Pointer(at)) => (at << 24).to_be_bytes().to_vec(),
        // Behind the hop limit and the flags (RFC 4861 section 4.2).
        Some(IcmpDetail::Lifetime(seconds)) => [0, seconds].map(u16::to_be_bytes).concat(),
        None if told.quoted.is_some() => vec![0; 4],
        None => [told.id, told.seq]
            .iter()
            .flatten()
            .flat_map(|word| word.to_be_bytes())
            .collect(),
    };
    if rest.is_empty() {
        return bytes;
    }
    bytes.extend([0, 0]);
    bytes.extend(rest);
    bytes.extend(told.quoted.iter().flat_map(quoted));
    bytes
}

/// The packet that an error quotes.
fn quoted(inner: &Quoted) -> Vec<u8> {
    let mut bytes = match (inner.src, inner.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut bytes = vec![0x45, 0];
            bytes.extend(short(inner.len));
            bytes.extend([0, 0, 0, 0, inner.ttl, inner.protocol.0, 0, 0]);
            bytes.extend([src.octets(), dst.octets()].concat());
            bytes
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let mut bytes = vec![0x60, 0, 0, 0];
            bytes.extend(short(inner.len - 40));
            bytes.extend([inner.protocol.0, inner.ttl]);
            bytes.extend([src.octets(), dst.octets()].concat());
            bytes
        }
        _ => panic!("a packet has addresses of one family"),
    };
    if let Some((sport, dport)) = inner.sport.zip(inner.dport) {
        bytes.extend(ports(sport, dport));
        bytes.extend([0; 4]);
        if let Some(TcpFlags(flags)) = inner.flags {
            bytes.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        }
    }
    if let Some((kind, code)) = inner.icmp {
        bytes.extend([kind, code]);
    }
    bytes
}
