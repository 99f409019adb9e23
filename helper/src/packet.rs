//! An IP packet as decoders hand it on: what its headers said, and nothing else.
//!
//! [`Packet`] is the outer packet. Fields that a source may not tell are `Option`s; a field is never guessed.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

/// An IP protocol number (IANA "Assigned Internet Protocol Numbers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Internet Control Message Protocol, RFC 792.
    pub const ICMP: Self = Self(1);
    /// Internet Group Management Protocol, RFC 3376.
    pub const IGMP: Self = Self(2);
    /// Transmission Control Protocol, RFC 9293.
    pub const TCP: Self = Self(6);
    /// User Datagram Protocol, RFC 768.
    pub const UDP: Self = Self(17);
    /// Datagram Congestion Control Protocol, RFC 4340.
    pub const DCCP: Self = Self(33);
    /// ICMP for IPv6, RFC 4443.
    pub const ICMPV6: Self = Self(58);
    /// Stream Control Transmission Protocol, RFC 9260.
    pub const SCTP: Self = Self(132);
    /// Encapsulating Security Payload, RFC 4303.
    pub const ESP: Self = Self(50);
    /// Authentication Header, RFC 4302.
    pub const AH: Self = Self(51);
    /// Lightweight UDP, RFC 3828.
    pub const UDPLITE: Self = Self(136);

    /// The lower-case name, where the protocol is one that people know.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "icmp",
            2 => "igmp",
            6 => "tcp",
            17 => "udp",
            41 => "ipv6",
            47 => "gre",
            50 => "esp",
            51 => "ah",
            58 => "icmpv6",
            132 => "sctp",
            136 => "udplite",
            _ => return None,
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The flags of a TCP header, bit for bit as in its 14th byte (RFC 9293 section 3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// The sender is finished.
    pub const FIN: Self = Self(0x01);
    /// The sender opens.
    pub const SYN: Self = Self(0x02);
    /// The sender aborts.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);
    /// ECN echo, RFC 3168.
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced, RFC 3168.
    pub const CWR: Self = Self(0x80);
    /// Each flag with its name on a LOG line, in the order of the kernel's `nf_log_syslog.c`.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::CWR, "CWR"),
        (Self::ECE, "ECE"),
        (Self::URG, "URG"),
        (Self::ACK, "ACK"),
        (Self::PSH, "PSH"),
        (Self::RST, "RST"),
        (Self::SYN, "SYN"),
        (Self::FIN, "FIN"),
    ];

    /// Are all flags of `other` set?
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags without ECE and CWR, which say nothing about what the segment is for.
    #[must_use]
    pub const fn control(self) -> Self {
        Self(self.0 & 0x3f)
    }
}

/// Options of a TCP header, as many bytes as the header can hold (RFC 9293: at most 40).
pub type TcpOptions = arrayvec::ArrayVec<u8, 40>;

/// Options of an IPv4 header, as many bytes as the header can hold (RFC 791: at most 40).
pub type IpOptions = arrayvec::ArrayVec<u8, 40>;

/// What a TCP header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Sequence number; not on every LOG line.
    pub seq: Option<u32>,
    /// Acknowledgment field; not on every LOG line.
    pub ack: Option<u32>,
    /// Flags.
    pub flags: TcpFlags,
    /// Window, unscaled.
    pub window: u16,
    /// Urgent pointer.
    pub urgp: u16,
    /// Options; `None` where the source does not tell.
    pub options: Option<TcpOptions>,
}

/// What a UDP or UDP-Lite header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Length of header and data in bytes, where told.
    pub len: Option<u16>,
}

/// What an ICMP or ICMPv6 header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of an echo or its like.
    pub id: Option<u16>,
    /// Sequence number of an echo or its like.
    pub seq: Option<u16>,
    /// What an error, a redirect or a router advertisement says besides.
    pub detail: Option<IcmpDetail>,
    /// The packet that an error quotes, where it was told.
    pub quoted: Option<Quoted>,
}

/// What an ICMP or ICMPv6 error or router advertisement says besides its type and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcmpDetail {
    /// The next hop's largest packet in bytes (RFC 1191 section 4, RFC 4443 section 3.2).
    Mtu(u32),
    /// The better router of an ICMP redirect (RFC 792).
    Gateway(Ipv4Addr),
    /// Where the quoted packet is wrong, as offset in bytes (RFC 792, RFC 4443 section 3.4).
    Pointer(u32),
    /// For how many seconds the sender of a router advertisement is a way to everywhere; 0 is never (RFC 4861 section 4.2).
    Lifetime(u16),
}

/// A packet within an ICMP error: ours, where the error is honest. Never to be mistaken for the packet that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// The protocol of the payload.
    pub protocol: Protocol,
    /// Length of the whole packet in bytes.
    pub len: u32,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Source port.
    pub sport: Option<u16>,
    /// Destination port.
    pub dport: Option<u16>,
    /// Flags, of TCP.
    pub flags: Option<TcpFlags>,
    /// Type and code, of ICMP and ICMPv6.
    pub icmp: Option<(u8, u8)>,
}

/// What stands behind the IP header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP and UDP-Lite.
    Udp(Udp),
    /// ICMP and ICMPv6.
    Icmp(Icmp),
    /// A protocol with ports whose further fields nobody asks for (SCTP).
    Ports {
        /// Source port.
        sport: u16,
        /// Destination port.
        dport: u16,
    },
    /// ESP or AH (RFC 4303, RFC 4302).
    Ipsec {
        /// The security parameters index.
        spi: u32,
    },
    /// No header that is understood: another protocol, a later fragment, or a header cut short.
    Other,
}

/// Where a packet stands among its fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Offset in bytes.
    pub offset: u16,
    /// Are more to come?
    pub more: bool,
}

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// The protocol of the payload; for IPv6 the one behind the extension headers.
    pub protocol: Protocol,
    /// Length of the whole packet in bytes (for IPv6 header and payload).
    pub len: u32,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// IPv4 identification, or that of an IPv6 fragment header.
    pub ip_id: Option<u32>,
    /// IPv4 "don't fragment".
    pub df: bool,
    /// Set on fragments.
    pub fragment: Option<Fragment>,
    /// Were there IPv4 options or IPv6 extension headers?
    pub has_options: bool,
    /// The bytes of IPv4 options, where they were told.
    pub ip_options: IpOptions,
    /// The header behind.
    pub transport: Transport,
}

impl Packet {
    /// A packet of which nothing is known: a place to read one into.
    pub const BLANK: Self = Self::blank(Protocol(0));

    /// A packet of which only the protocol is known.
    #[must_use]
    pub const fn blank(protocol: Protocol) -> Self {
        Self {
            src: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            dst: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            protocol,
            len: 0,
            ttl: 0,
            tos: 0,
            ip_id: None,
            df: false,
            fragment: None,
            has_options: false,
            ip_options: IpOptions::new_const(),
            transport: Transport::Other,
        }
    }

    /// Source port.
    #[must_use]
    pub const fn sport(&self) -> Option<u16> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp.sport),
            Transport::Udp(udp) => Some(udp.sport),
            Transport::Ports { sport, .. } => Some(*sport),
            Transport::Icmp(_) | Transport::Ipsec { .. } | Transport::Other => None,
        }
    }

    /// Destination port.
    #[must_use]
    pub const fn dport(&self) -> Option<u16> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp.dport),
            Transport::Udp(udp) => Some(udp.dport),
            Transport::Ports { dport, .. } => Some(*dport),
            Transport::Icmp(_) | Transport::Ipsec { .. } | Transport::Other => None,
        }
    }

    /// The TCP header, where there is one.
    #[must_use]
    pub const fn tcp(&self) -> Option<&Tcp> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }

    /// Is the destination a multicast address or the limited broadcast (RFC 919)? The broadcast address of a subnet
    /// cannot be told from a host's by itself.
    #[must_use]
    pub const fn is_to_group(&self) -> bool {
        match self.dst {
            IpAddr::V4(dst) => dst.is_multicast() || dst.is_broadcast(),
            IpAddr::V6(dst) => dst.is_multicast(),
        }
    }
}
