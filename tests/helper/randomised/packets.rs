//! Packets as programs and kernels build them.
//!
//! Each says where its marks are known from; nothing here looks at how detection knows them.

use std::net::IpAddr;

use wallwatch_helper::packet::{
    Icmp, IpOptions, Packet, Protocol, Quoted, Tcp, TcpFlags, TcpOptions, Transport, Udp,
};

use crate::{dice::Dice, place::Host};

/// SYN and ACK.
pub const SYN_ACK: TcpFlags = TcpFlags::SYN.with(TcpFlags::ACK);
/// The largest segment of an Ethernet, 1460 bytes (RFC 9293 section 3.7.1).
const MSS: [u8; 4] = [2, 4, 5, 0xb4];

/// A packet of a host with this payload behind its IP header.
pub fn ip(
    dice: &mut Dice,
    host: &Host,
    dst: IpAddr,
    protocol: Protocol,
    (length, transport): (u32, Transport),
) -> Packet {
    let v4 = dst.is_ipv4();
    Packet {
        src: host.address,
        dst,
        protocol,
        len: length + if v4 { 20 } else { 40 },
        ttl: host.ttl,
        tos: 0,
        ip_id: v4.then(|| dice.short(0..=u16::MAX).into()),
        df: v4,
        fragment: None,
        has_options: false,
        ip_options: IpOptions::new(),
        transport,
    }
}

/// What a segment of TCP says besides its addresses.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Flags.
    pub flags: TcpFlags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment field.
    pub ack: u32,
    /// Window.
    pub window: u16,
    /// Options.
    pub options: &'a [u8],
    /// Bytes of data.
    pub data: u32,
}

/// A segment of TCP.
pub fn tcp(dice: &mut Dice, host: &Host, dst: IpAddr, segment: Segment<'_>) -> Packet {
    let options: TcpOptions = segment.options.iter().copied().collect();
    let length = 20 + u32::try_from(options.len()).expect("at most 40") + segment.data;
    let told = Tcp {
        sport: segment.sport,
        dport: segment.dport,
        seq: Some(segment.seq),
        ack: Some(segment.ack),
        flags: segment.flags,
        window: segment.window,
        urgp: 0,
        options: Some(options),
    };
    ip(
        dice,
        host,
        dst,
        Protocol::TCP,
        (length, Transport::Tcp(told)),
    )
}

/// The SYN of Linux's connect(2): `tcp_syn_options` in `net/ipv4/tcp_output.c`, window and scale of a default configuration.
pub fn kernel_syn(dice: &mut Dice, host: &Host, dst: IpAddr, sport: u16, dport: u16) -> Packet {
    let stamp = dice.word().to_be_bytes();
    let options = [&MSS[..], &[4, 2, 8, 10], &stamp, &[0, 0, 0, 0, 1, 3, 3, 7]].concat();
    let segment = Segment {
        sport,
        dport,
        flags: TcpFlags::SYN,
        seq: dice.word(),
        ack: 0,
        window: 64240,
        options: &options,
        data: 0,
    };
    tcp(dice, host, dst, segment)
}

/// What a server sends on a connection that the other side has forgotten: with time stamps (RFC 7323).
pub fn late(
    dice: &mut Dice,
    host: &Host,
    dst: IpAddr,
    (sport, dport): (u16, u16),
    flags: TcpFlags,
) -> Packet {
    let stamps = [dice.word().to_be_bytes(), dice.word().to_be_bytes()].concat();
    let options = [&[1, 1, 8, 10], &stamps[..]].concat();
    let is_reset = flags.contains(TcpFlags::RST);
    let has_data = flags.contains(TcpFlags::PSH);
    let segment = Segment {
        sport,
        dport,
        flags,
        seq: dice.word(),
        ack: dice.word(),
        window: if is_reset { 0 } else { dice.short(60..=600) },
        options: if is_reset { &[] } else { &options },
        data: if has_data {
            dice.short(24..=900).into()
        } else {
            0
        },
    };
    tcp(dice, host, dst, segment)
}

/// What nmap keeps for a round of its probes: one source port and one sequence number.
#[derive(Debug, Clone, Copy)]
pub struct Nmap {
    /// Source port.
    pub sport: u16,
    /// Sequence number.
    pub seq: u32,
}

impl Nmap {
    /// Any.
    pub fn any(dice: &mut Dice) -> Self {
        Self {
            sport: dice.short(33_000..=65_000),
            seq: dice.word(),
        }
    }

    /// A probe of nmap (7.93 `tcpip.cc`): window 1024, a time to live of 37 to 59 at its start, no DF; a SYN has one option.
    pub fn probe(
        self,
        dice: &mut Dice,
        host: &Host,
        dst: IpAddr,
        dport: u16,
        flags: TcpFlags,
    ) -> Packet {
        let is_ack = flags.contains(TcpFlags::ACK);
        let segment = Segment {
            sport: self.sport,
            dport,
            flags,
            seq: self.seq,
            ack: if is_ack { dice.word() } else { 0 },
            window: 1024,
            options: if flags.contains(TcpFlags::SYN) {
                &MSS
            } else {
                &[]
            },
            data: 0,
        };
        let mut packet = tcp(dice, host, dst, segment);
        packet.df = false;
        packet.ttl = if dst.is_ipv4() {
            dice.byte(37..=59) - host.hops
        } else {
            255 - host.hops
        };
        packet
    }
}

/// A SYN of masscan 1.3: its own time to live, and an identification made of the others.
pub fn masscan(dice: &mut Dice, host: &Host, dst: IpAddr, sport: u16, dport: u16) -> Packet {
    let seq = dice.word();
    let segment = Segment {
        sport,
        dport,
        flags: TcpFlags::SYN,
        seq,
        ack: 0,
        window: 1024,
        options: &[],
        data: 0,
    };
    let mut packet = tcp(dice, host, dst, segment);
    if let IpAddr::V4(dst) = dst {
        packet.ip_id = Some((dst.to_bits() ^ u32::from(dport) ^ seq) & 0xffff);
    }
    packet.ttl = 255 - host.hops;
    packet.df = false;
    packet
}

/// A SYN of zmap before 4.1: always the same identification and window.
pub fn zmap(dice: &mut Dice, host: &Host, dst: IpAddr, dport: u16) -> Packet {
    let segment = Segment {
        sport: dice.short(32_768..=61_000),
        dport,
        flags: TcpFlags::SYN,
        seq: dice.word(),
        ack: 0,
        window: 65535,
        options: &[],
        data: 0,
    };
    let mut packet = tcp(dice, host, dst, segment);
    packet.ip_id = packet.ip_id.map(|_| 54321);
    packet.ttl = 255 - host.hops;
    packet.df = false;
    packet
}

/// A segment of hping3: window 512, a time to live of 64, an acknowledgment field without the flag.
pub fn hping(
    dice: &mut Dice,
    host: &Host,
    dst: IpAddr,
    (sport, dport): (u16, u16),
    flags: TcpFlags,
) -> Packet {
    let segment = Segment {
        sport,
        dport,
        flags,
        seq: dice.word(),
        ack: dice.word(),
        window: 512,
        options: &[],
        data: 0,
    };
    let mut packet = tcp(dice, host, dst, segment);
    packet.df = false;
    packet.ttl = 64 - host.hops;
    packet
}

/// A SYN of Mirai's scanner (`bot/scanner.c` as published): the sequence number is the address that it is for.
pub fn mirai(dice: &mut Dice, host: &Host, dst: IpAddr, sport: u16) -> Packet {
    let IpAddr::V4(to) = dst else {
        panic!("Mirai knows IPv4 alone")
    };
    let segment = Segment {
        sport,
        dport: if dice.one_in(10) { 2323 } else { 23 },
        flags: TcpFlags::SYN,
        seq: to.to_bits(),
        ack: 0,
        window: dice.short(0..=u16::MAX),
        options: &[],
        data: 0,
    };
    let mut packet = tcp(dice, host, dst, segment);
    packet.df = false;
    packet
}

/// A datagram of UDP with so many bytes of data.
pub fn udp(
    dice: &mut Dice,
    host: &Host,
    dst: IpAddr,
    (sport, dport): (u16, u16),
    data: u16,
) -> Packet {
    let told = Udp {
        sport,
        dport,
        len: Some(data + 8),
    };
    let length = u32::from(data) + 8;
    ip(
        dice,
        host,
        dst,
        Protocol::UDP,
        (length, Transport::Udp(told)),
    )
}

/// A message of ICMP or ICMPv6 with an identifier and a number, and so many bytes of data.
pub fn icmp(
    dice: &mut Dice,
    host: &Host,
    dst: IpAddr,
    kind: u8,
    (id, seq): (u16, u16),
    data: u16,
) -> Packet {
    let told = Icmp {
        kind,
        code: 0,
        id: Some(id),
        seq: Some(seq),
        detail: None,
        quoted: None,
    };
    let length = u32::from(data) + 8;
    ip(
        dice,
        host,
        dst,
        icmp_of(dst),
        (length, Transport::Icmp(told)),
    )
}

/// A message of ICMPv6 without an identifier (RFC 4861, RFC 3810): so many bytes long.
pub fn icmp6_bare(dice: &mut Dice, host: &Host, dst: IpAddr, kind: u8, length: u32) -> Packet {
    let told = Icmp {
        kind,
        code: 0,
        id: None,
        seq: None,
        detail: None,
        quoted: None,
    };
    ip(
        dice,
        host,
        dst,
        Protocol::ICMPV6,
        (length, Transport::Icmp(told)),
    )
}

/// An error about a datagram of UDP that `dst` sent (RFC 792).
pub fn error(
    dice: &mut Dice,
    host: &Host,
    dst: IpAddr,
    (kind, code): (u8, u8),
    about: IpAddr,
) -> Packet {
    let quoted = Quoted {
        src: dst,
        dst: about,
        protocol: Protocol::UDP,
        len: 60,
        ttl: 1,
        sport: Some(dice.short(32_768..=60_999)),
        dport: Some(dice.short(33_434..=33_523)),
        flags: None,
        icmp: None,
    };
    let told = Icmp {
        kind,
        code,
        id: None,
        seq: None,
        detail: None,
        quoted: Some(quoted),
    };
    ip(dice, host, dst, Protocol::ICMP, (36, Transport::Icmp(told)))
}

/// A packet of another protocol, without anything in it.
pub fn bare(dice: &mut Dice, host: &Host, dst: IpAddr, protocol: u8) -> Packet {
    let mut packet = ip(dice, host, dst, Protocol(protocol), (0, Transport::Other));
    packet.df = false;
    packet
}

/// An INIT of SCTP (RFC 9260 section 3.3.2).
pub fn sctp(dice: &mut Dice, host: &Host, dst: IpAddr, sport: u16, dport: u16) -> Packet {
    let ports = Transport::Ports { sport, dport };
    ip(dice, host, dst, Protocol::SCTP, (32, ports))
}

/// ICMP of the address's family.
fn icmp_of(address: IpAddr) -> Protocol {
    if address.is_ipv4() {
        Protocol::ICMP
    } else {
        Protocol::ICMPV6
    }
}
