//! What one packet is for, judged by itself.

use wallwatch_dbus::{Kind, Verdict};

use super::{fingerprint, icmp, tcp, tool, tool::Tool, udp};
use crate::{
    event::Event,
    neighbourhood::Neighbourhood,
    packet::{Packet, Protocol, Transport},
};

/// The trait of a known tool makes a probe so much heavier.
const TOOL_FACTOR: f32 = 1.4;
/// What the firewall let pass weighs less: most of it was meant to come.
const PASSED_FACTOR: f32 = 0.3;
/// A neighbour's probe of a port that neighbours ask for by themselves weighs less.
const NEIGHBOUR_FACTOR: f32 = 0.35;
/// Ports that devices of one network ask each other for: web, `NetBIOS`, SMB, IPP, SSDP, mDNS, WSD, `AirPlay`, Cast, printers,
/// Syncthing, Plex.
const NEIGHBOUR_PORTS: [u16; 16] = [
    80, 137, 138, 139, 445, 631, 1716, 1900, 3702, 5353, 5357, 7000, 8008, 8009, 9100, 22000,
];

/// Why a packet is nothing to fear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Harmless {
    /// It is our own, or has the unspecified address that hosts without one send from.
    Own,
    /// It was sent to everybody: discovery on the network.
    Group,
    /// It reports that something of ours failed.
    Error,
    /// It keeps the network running: neighbour discovery, group membership, addresses.
    Upkeep,
    /// It ends or answers something.
    Answer,
    /// It is a later fragment, of which the first was looked at.
    Fragment,
}

/// How far a probe speaks for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nature {
    /// It asks for something, as an honest packet might.
    Plain,
    /// No honest program sends such a packet.
    Impossible,
    /// It looks like a late answer; only very many are an attack.
    ReplyLike,
}

/// A packet that may belong to an attack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe {
    /// The attack it would belong to.
    pub kind: Kind,
    /// How much it weighs; an ordinary probe is 1.
    pub weight: f32,
    /// How far it speaks for itself.
    pub nature: Nature,
    /// The tool whose traits it bears.
    pub tool: Option<Tool>,
    /// What makes it different from the origin's other probes besides its destination: port, ICMP type, or protocol.
    pub unit: u32,
}

impl Probe {
    pub(super) const fn new(kind: Kind, weight: f32, nature: Nature) -> Self {
        Self {
            kind,
            weight,
            nature,
            tool: None,
            unit: 0,
        }
    }
}

/// What one packet is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Class {
    /// Nothing to fear.
    Harmless(Harmless),
    /// Perhaps a piece of an attack.
    Probe(Probe),
}

/// Says what an event's packet is for.
#[must_use]
pub fn classify(event: &Event, neighbourhood: &Neighbourhood) -> Class {
    let packet = &event.packet;
    if packet.src.is_unspecified() || neighbourhood.is_own(packet.src) {
        return Class::Harmless(Harmless::Own);
    }
    // TCP is never sent to a group, whatever the frame's address says.
    if packet.is_to_group() || (event.group && packet.protocol != Protocol::TCP) {
        return Class::Harmless(Harmless::Group);
    }
    if packet.fragment.is_some_and(|fragment| fragment.offset != 0) {
        return Class::Harmless(Harmless::Fragment);
    }
    if let Some(probe) = fingerprint::judge(packet) {
        return Class::Probe(probe);
    }
    let judged = match &packet.transport {
        Transport::Tcp(header) => tcp::judge(packet, header, neighbourhood),
        Transport::Udp(header) => udp::judge(packet, header, neighbourhood),
        Transport::Icmp(header) => icmp::judge(packet.protocol, header),
        Transport::Ports { dport, .. } => Ok(Probe {
            unit: (*dport).into(),
            ..Probe::new(Kind::SctpScan, 1.0, Nature::Plain)
        }),
        Transport::Other => bare_protocol(packet),
    };
    match judged {
        Ok(probe) => Class::Probe(adjusted(probe, event, neighbourhood)),
        Err(harmless) => Class::Harmless(harmless),
    }
}

/// A packet of which no more than the protocol is known.
fn bare_protocol(packet: &Packet) -> Result<Probe, Harmless> {
    // Each packet is a unit of its own, where the ports that would tell are missing.
    let id = packet.ip_id.unwrap_or(0);
    match packet.protocol {
        Protocol::IGMP => Err(Harmless::Upkeep),
        // The kernel's LOG target writes no ports of SCTP.
        Protocol::SCTP => Ok(Probe {
            unit: id,
            ..Probe::new(Kind::SctpScan, 1.0, Nature::Plain)
        }),
        // A first fragment too short for a TCP header: RFC 1858 section 3, the tiny fragment attack.
        Protocol::TCP if packet.fragment.is_some() => Ok(Probe {
            unit: id,
            ..Probe::new(Kind::TcpBadFlags, 1.7, Nature::Impossible)
        }),
        Protocol(number) => Ok(Probe {
            unit: number.into(),
            ..Probe::new(Kind::IpProtocolScan, 1.0, Nature::Plain)
        }),
    }
}

/// The probe weighed once more by who sent it and what became of it.
fn adjusted(mut probe: Probe, event: &Event, neighbourhood: &Neighbourhood) -> Probe {
    if probe.nature == Nature::ReplyLike {
        return probe;
    }
    probe.tool = tool::tool_of(&event.packet);
    if probe.tool.is_some() {
        probe.weight *= TOOL_FACTOR;
    } else if event
        .packet
        .dport()
        .is_some_and(|dport| NEIGHBOUR_PORTS.contains(&dport))
        && neighbourhood.is_near(event.packet.src)
    {
        probe.weight *= NEIGHBOUR_FACTOR;
    }
    if event.verdict == Verdict::Passed {
        probe.weight *= PASSED_FACTOR;
    }
    probe
}
