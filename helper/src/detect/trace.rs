//! What detection keeps of what came in, be it a packet or a flow of which no packet was told.

use std::net::IpAddr;

use wallwatch_dbus::Verdict;

use super::tcp;
use crate::{
    event::{Event, Feed, Interface, Timestamp},
    flow::{Ends, Flow, TcpState},
    packet::{Protocol, TcpFlags, Transport},
};

/// Does a packet open a TCP connection, and who made it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It opens none.
    None,
    /// A program that makes its packets itself, as scanners do.
    Raw,
    /// An operating system's own stack, for a program that connects.
    Stack,
}

/// Who asked for what, when, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about a packet, each of its own"
)]
pub struct Trace {
    /// When it came.
    pub time: Timestamp,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol.
    pub protocol: Protocol,
    /// Source port.
    pub sport: Option<u16>,
    /// Destination port.
    pub dport: Option<u16>,
    /// Does it open a connection?
    pub opening: Opening,
    /// TCP's sequence number, where it was told.
    pub seq: Option<u32>,
    /// Does it stand for many of which a limit of the log kept silent?
    pub sampled: bool,
    /// Did it probably start on our own network?
    pub on_link: bool,
    /// TCP's flags, where it is TCP.
    pub flags: Option<TcpFlags>,
    /// Type and code, where it is ICMP.
    pub icmp: Option<(u8, u8)>,
    /// Length in bytes, at most 65,535; 0 where not told.
    pub len: u16,
    /// Time to live, or hop limit; 0 where not told.
    pub ttl: u8,
    /// Was it a fragment?
    pub fragmented: bool,
    /// What the firewall did with it.
    pub verdict: Verdict,
    /// Who told.
    pub feed: Feed,
    /// Could only the kernel have told this?
    pub trusted: bool,
    /// The interface it came in by; empty where not told.
    pub interface: Interface,
}

impl From<&Event> for Trace {
    #[inline]
    fn from(event: &Event) -> Self {
        let packet = &event.packet;
        let (opening, seq) = match &packet.transport {
            Transport::Tcp(tcp) => (tcp::opening_of(packet, tcp), tcp.seq),
            _ => (Opening::None, None),
        };
        Self {
            time: event.time,
            src: packet.src,
            dst: packet.dst,
            protocol: packet.protocol,
            sport: packet.sport(),
            dport: packet.dport(),
            opening,
            seq,
            sampled: false,
            on_link: false,
            flags: packet.tcp().map(|tcp| tcp.flags),
            icmp: match &packet.transport {
                Transport::Icmp(icmp) => Some((icmp.kind, icmp.code)),
                _ => None,
            },
            len: u16::try_from(packet.len).unwrap_or(u16::MAX),
            ttl: packet.ttl,
            fragmented: packet.fragment.is_some(),
            verdict: event.verdict,
            feed: event.feed,
            trusted: event.trusted,
            interface: event.interface,
        }
    }
}

/// A flow's first packet: every rule let it pass, or it were no flow.
impl From<&Flow> for Trace {
    fn from(flow: &Flow) -> Self {
        let original = &flow.original;
        Self {
            time: flow.time,
            src: original.src,
            dst: original.dst,
            protocol: original.protocol,
            sport: original.sport(),
            dport: original.dport(),
            opening: if flow.tcp == Some(TcpState::SYN_SENT) {
                Opening::Stack
            } else {
                Opening::None
            },
            seq: None,
            sampled: false,
            on_link: false,
            flags: None,
            icmp: match original.ends {
                Ends::Icmp { kind, code, .. } => Some((kind, code)),
                _ => None,
            },
            len: 0,
            ttl: 0,
            fragmented: false,
            verdict: Verdict::Passed,
            feed: Feed::Conntrack,
            trusted: true,
            interface: Interface::new(),
        }
    }
}
