//! A flow as the kernel's connection tracking tells of it: who speaks with whom, since when, and how far it came.
//!
//! Only what passed every rule becomes a flow, so a dropped probe never does. [`FlowRing`] remembers flows, for those who must
//! tell a late answer from a probe.

mod ring;

pub use ring::{CONTACT, FlowRing, LATE, Relation};

use std::net::IpAddr;

use crate::{
    event::Timestamp,
    neighbourhood::Neighbourhood,
    packet::{Packet, Protocol, TcpFlags, Transport},
};

/// What happened to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its first packet passed.
    Began,
    /// It was there before anybody listened.
    Standing,
    /// The kernel forgot it: both ends had ended it, or it was silent for long.
    Ended,
}

/// What tells the flows between two addresses apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ends {
    /// The ports of TCP, UDP and their like.
    Ports {
        /// Source port.
        sport: u16,
        /// Destination port.
        dport: u16,
    },
    /// What an ICMP or ICMPv6 query has.
    Icmp {
        /// Identifier.
        id: u16,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// Nothing but the protocol.
    None,
}

/// One direction of a flow, as its packets bear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol.
    pub protocol: Protocol,
    /// Ports, or what stands for them.
    pub ends: Ends,
}

/// How far TCP came, as `enum tcp_conntrack` (`linux/netfilter/nf_conntrack_tcp.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpState(pub u8);

impl TcpState {
    /// A SYN passed.
    pub const SYN_SENT: Self = Self(1);
    /// Both sides have agreed; or it was picked up in its middle, by an ACK (`nf_conntrack_tcp_loose`).
    pub const ESTABLISHED: Self = Self(3);
    /// It was reset.
    pub const CLOSE: Self = Self(8);
}

/// What went one way; the kernel counts only where `net.netfilter.nf_conntrack_acct` is 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes, with the IP headers.
    pub bytes: u64,
}

/// What conntrack tells of one flow at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// When it was told.
    pub time: Timestamp,
    /// What happened.
    pub stage: Stage,
    /// The kernel's number of the flow; its beginning and its end bear the same.
    pub id: Option<u32>,
    /// The direction of the first packet, before any translation.
    pub original: Tuple,
    /// The direction of the answers, as they come in: where addresses are translated, not merely the other way round.
    pub reply: Tuple,
    /// Did an answer pass?
    pub answered: bool,
    /// Has traffic gone both ways so that the kernel keeps it under pressure (`IPS_ASSURED`)?
    pub assured: bool,
    /// How far TCP came; `None` of other protocols.
    pub tcp: Option<TcpState>,
    /// The mark of the flow (`ct mark`).
    pub mark: u32,
    /// When it began, where the kernel notes it (`net.netfilter.nf_conntrack_timestamp`).
    pub began: Option<Timestamp>,
    /// What went the way of the first packet.
    pub sent: Option<Volume>,
    /// What went back.
    pub received: Option<Volume>,
}

/// Who began a flow, seen from this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// This machine talks to itself.
    Local,
    /// This machine did, or one that it hands on for in its own name.
    Outbound,
    /// Somebody else did, and it was for this machine's address, or is handed on from there.
    Inbound,
    /// It passes through, or is for a group.
    Foreign,
}

impl Tuple {
    /// What a packet that came in bears, where that is known of it.
    #[must_use]
    pub fn of(packet: &Packet) -> Option<Self> {
        let ends = match &packet.transport {
            Transport::Icmp(icmp) => Ends::Icmp {
                id: icmp.id?,
                kind: icmp.kind,
                code: icmp.code,
            },
            Transport::Ipsec { .. } | Transport::Other => Ends::None,
            Transport::Tcp(_) | Transport::Udp(_) | Transport::Ports { .. } => Ends::Ports {
                sport: packet.sport()?,
                dport: packet.dport()?,
            },
        };
        Some(Self {
            src: packet.src,
            dst: packet.dst,
            protocol: packet.protocol,
            ends,
        })
    }

    /// Source port.
    #[must_use]
    pub const fn sport(&self) -> Option<u16> {
        match self.ends {
            Ends::Ports { sport, .. } => Some(sport),
            Ends::Icmp { .. } | Ends::None => None,
        }
    }

    /// Destination port.
    #[must_use]
    pub const fn dport(&self) -> Option<u16> {
        match self.ends {
            Ends::Ports { dport, .. } => Some(dport),
            Ends::Icmp { .. } | Ends::None => None,
        }
    }
}

/// What a flow and a record of its first packet have in common: the direction, and of TCP whether it is a SYN.
pub type Beginning = (Tuple, bool);

/// What a packet begins, where it is the first of a flow.
#[must_use]
pub fn beginning_of(packet: &Packet) -> Option<Beginning> {
    let opens = packet
        .tcp()
        .is_none_or(|tcp| tcp.flags.control() == TcpFlags::SYN);
    Tuple::of(packet).map(|tuple| (tuple, opens))
}

impl Flow {
    /// What it began with.
    #[must_use]
    pub fn beginning(&self) -> Beginning {
        let opens = self.tcp.is_none_or(|state| state == TcpState::SYN_SENT);
        (self.original, opens)
    }

    /// Who began it.
    #[must_use]
    pub fn direction(&self, neighbourhood: &Neighbourhood) -> Direction {
        let (from_us, to_us) = (
            neighbourhood.is_own(self.original.src),
            neighbourhood.is_own(self.original.dst),
        );
        match (from_us, to_us) {
            (true, true) => Direction::Local,
            (true, false) => Direction::Outbound,
            (false, true) => Direction::Inbound,
            // A container's flow under our own address: the answers come to us.
            (false, false) if neighbourhood.is_own(self.reply.dst) => Direction::Outbound,
            (false, false) => Direction::Foreign,
        }
    }
}
