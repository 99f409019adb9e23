//! What one line, record or frame tells, in whatever dress it came.

use std::net::{IpAddr, Ipv4Addr};

use wallwatch_dbus::Verdict;

use super::verdict_of;
use crate::{
    event::{Event, Feed, Interface, Prefix, Timestamp},
    packet::Packet,
};

/// When something was written, as far as it tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stamp {
    /// By the wall clock.
    Wall(Timestamp),
    /// So many microseconds after the machine started.
    Boot(i64),
    /// Not told.
    #[default]
    None,
}

/// The link-layer header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mac {
    /// Source address.
    pub src: [u8; 6],
    /// Destination address.
    pub dst: [u8; 6],
    /// The type of what follows (IEEE 802 `EtherType`): 0x0800 is IPv4, 0x86dd IPv6.
    pub ethertype: u16,
}

/// An ARP message for IPv4 over Ethernet (RFC 826).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u16,
    /// Hardware and protocol address of the sender, where they are of Ethernet and IPv4.
    pub sender: Option<([u8; 6], Ipv4Addr)>,
    /// Hardware and protocol address of the target.
    pub target: Option<([u8; 6], Ipv4Addr)>,
}

/// An address that cannot be where it was seen: the kernel's `martian source` and `martian destination`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Martian {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Is the source the impossible one?
    pub source: bool,
}

/// What was told of.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// An IP packet.
    Packet(Packet),
    /// An ARP message.
    Arp(Arp),
    /// A packet of which only the addresses are told.
    Martian(Martian),
    /// A frame that is neither; its type stands in the link-layer header.
    Frame,
}

/// What one line, record or frame tells.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
pub struct Report {
    /// When.
    pub stamp: Stamp,
    /// Which kind of source it is from.
    pub feed: Feed,
    /// Could only the kernel, or a program with its rights, have written it?
    pub trusted: bool,
    /// The prefix of the rule that logged it, without blanks at its ends.
    pub prefix: Prefix,
    /// The interface it came in by; empty where this machine sent it, or where not told.
    pub input: Interface,
    /// The interface it leaves by; empty where it is for this machine, or where not told.
    pub output: Interface,
    /// The port of a bridge it came in by.
    pub physical_input: Interface,
    /// The port of a bridge it leaves by.
    pub physical_output: Interface,
    /// The Ethernet header, where told.
    pub mac: Option<Mac>,
    /// Was the frame sent to a group, by its link-layer address or its destination?
    pub group: bool,
    /// Did this machine send it?
    pub outbound: bool,
    /// Does it answer what this machine sent, or belong to a conversation of it or of others?
    pub answer: bool,
    /// The user and group of the local socket that sent it.
    pub owner: Option<(u32, u32)>,
    /// The packet's mark, where told.
    pub mark: Option<u32>,
    /// What it is.
    pub body: Body,
}

impl Report {
    /// A report of which nothing but the body is known.
    #[must_use]
    pub const fn bare(feed: Feed, body: Body) -> Self {
        Self {
            stamp: Stamp::None,
            feed,
            trusted: false,
            prefix: Prefix::new_const(),
            input: Interface::new_const(),
            output: Interface::new_const(),
            physical_input: Interface::new_const(),
            physical_output: Interface::new_const(),
            mac: None,
            group: false,
            outbound: false,
            answer: false,
            owner: None,
            mark: None,
            body,
        }
    }

    /// What the prefix tells of the packet's fate.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        verdict_of(&self.prefix)
    }

    /// The IP packet, where it is one.
    #[must_use]
    pub const fn packet(&self) -> Option<&Packet> {
        match &self.body {
            Body::Packet(packet) => Some(packet),
            _ => None,
        }
    }

    /// The event of a packet that came in at `time`; `None` where this machine sent it or asked for it, and where it is no IP
    /// packet.
    #[must_use]
    pub fn into_event(self, time: Timestamp) -> Option<Event> {
        self.event(time, self.verdict())
    }

    /// The same for a reader that knows already what the prefix tells.
    #[must_use]
    #[inline]
    pub fn event(&self, time: Timestamp, verdict: Verdict) -> Option<Event> {
        match &self.body {
            Body::Packet(packet) if !self.outbound && !self.answer => Some(Event {
                time,
                packet: packet.clone(),
                verdict,
                feed: self.feed,
                trusted: self.trusted,
                interface: self.input,
                prefix: self.prefix,
                group: self.group,
            }),
            _ => None,
        }
    }
}
