//! What is sent to everybody on a network: searches and announcements.

use std::net::IpAddr;

use super::{Case, Explanation, Noise, services};
use crate::packet::{Packet, Protocol, Transport, Udp};

/// Explains a packet to a group of computers.
pub(super) fn explain(case: &Case<'_>) -> Explanation {
    let packet = case.packet;
    let src = packet.src;
    if let Transport::Tcp(_) = packet.transport {
        return case.void(
            Noise::Malformed, || format!(
                "{src} sent a TCP segment to {}, an address of many. A connection has two ends, so nobody will take it.",
                packet.dst
            ));
    }
    if !may_be_group(packet) {
        return case.odd(
            Noise::BroadcastFrame, || format!(
                "{src} sent {} to {} alone, but in a frame for everybody on this network. Some wireless access points and load \
                 balancers do that; from anybody else it can be a try to slip past a firewall.",
                case.what(),
                packet.dst
            ));
    }
    match &packet.transport {
        Transport::Udp(udp) => datagram(case, udp),
        Transport::Icmp(icmp) if matches!(icmp.kind, 8 | 128) => ping(case),
        _ => bare(case),
    }
}

/// A ping to everybody; from afar, its sender would be flooded with answers that it hardly wanted.
fn ping(case: &Case<'_>) -> Explanation {
    let src = case.packet.src;
    let asks =
        || format!("{src} asks everybody on this network at once whether they are there (ping)");
    if case.is_on_link() {
        return case.fine(
            Noise::Discovery, || format!(
                "{}. Programs that look for devices do so. It asks nothing of this computer in particular.",
                asks()
            ));
    }
    // Of ICMPv6 it answers them (Documentation/networking/ip-sysctl.rst, echo_ignore_multicast; icmp_echo_ignore_broadcasts).
    let end = if src.is_ipv4() {
        " The kernel does not answer such pings unless it is told to."
    } else {
        ""
    };
    case.odd(
        Noise::Discovery, || format!(
            "{}, but does not seem to be on this network itself. Perhaps the sender is forged, and all the answers would hit {src} \
             (smurf).{end}",
            asks()
        ))
}

/// Can the destination be an address of many? The broadcast address of every subnet of more than two ends in two set bits
/// (RFC 919: all bits of the host set).
fn may_be_group(packet: &Packet) -> bool {
    packet.is_to_group() || matches!(packet.dst, IpAddr::V4(dst) if dst.to_bits() & 3 == 3)
}

/// A UDP datagram, by the port that it is for.
fn datagram(case: &Case<'_>, udp: &Udp) -> Explanation {
    match call(udp.sport, udp.dport) {
        Some((noise, does)) => case.fine(noise, || format!("{} {does}.", case.who())),
        None => other_discovery(case, udp),
    }
}

/// What a call between these ports is for, where a standard says so.
const fn call(sport: u16, dport: u16) -> Option<(Noise, &'static str)> {
    Some(match (sport, dport) {
        (5353, 5353) => (
            Noise::Mdns,
            "asks everybody on this network for names or services, or announces its own (mDNS). Printers, phones and computers do \
             so all the time",
        ),
        (_, 5353) => (
            Noise::Mdns,
            "asks everybody on this network for a name or a service (mDNS). Phones, browsers and computers do so all the time",
        ),
        // A line does not tell whether it is M-SEARCH or NOTIFY.
        (_, 1900) => (
            Noise::Ssdp,
            "asks everybody on this network for media players and the like, or announces itself (SSDP). TVs, routers and browsers do \
             so all the time",
        ),
        (_, 5355) => (
            Noise::Llmnr,
            "asks everybody on this network who has a name (LLMNR). Windows computers do so all the time",
        ),
        (_, 3702) => (
            Noise::WsDiscovery,
            "asks everybody on this network for printers, scanners and cameras, or announces itself (WS-Discovery). Windows computers \
             and such devices do so all the time",
        ),
        (_, 137) => (
            Noise::Netbios,
            "asks everybody on this network who has a name, or announces its own (NetBIOS). Windows computers do so all the time",
        ),
        (_, 138) => (
            Noise::Netbios,
            "speaks to everybody on this network (NetBIOS). Windows computers tell so every few minutes that they are there",
        ),
        (_, 123) => (
            Noise::Routing,
            "speaks of the time to everybody on this network (NTP)",
        ),
        (_, 319 | 320) => (
            Noise::Routing,
            "keeps the clocks of this network in step (PTP)",
        ),
        // RIP, RIPng, HSRP for IPv4 and IPv6, GLBP, LDP, OLSR, Babel.
        (_, 520 | 521 | 646 | 698 | 1985 | 2029 | 3222 | 6696) => (
            Noise::Routing,
            "speaks to the other routers of this network",
        ),
        _ => return None,
    })
}

/// A datagram to everybody, for a program that is known by its port or not at all.
fn other_discovery(case: &Case<'_>, udp: &Udp) -> Explanation {
    let reason = || {
        let who = case.who();
        let wanted = services::shouted_for(udp.dport).or_else(|| services::shouted_for(udp.sport));
        match wanted {
            Some(what) => format!(
                "{who} asks everybody on this network for {what}, to judge by port {}. Such programs and devices do so all the time.",
                udp.dport
            ),
            None => format!(
                "{who} calls everybody on this network by {}. Programs that look for each other do so. It asks nothing of this computer \
             in particular.",
                services::port(Protocol::UDP, udp.dport)
            ),
        }
    };
    case.fine(Noise::Discovery, reason)
}

/// Anything else to everybody, by its protocol (IANA "Assigned Internet Protocol Numbers").
fn bare(case: &Case<'_>) -> Explanation {
    let Packet { src, protocol, .. } = case.packet;
    let router = match protocol.0 {
        88 => Some("EIGRP"),
        89 => Some("OSPF"),
        103 => Some("PIM"),
        112 => Some("VRRP"),
        124 => Some("IS-IS"),
        _ => None,
    };
    match router {
        Some(name) => case.fine(
            Noise::Routing, || format!("{src} speaks to the other routers of this network ({name}).")),
        None => case.fine(
            Noise::Discovery, || format!(
                "{src} sent {} to everybody on this network. That asks nothing of this computer in particular.",
                case.what()
            )),
    }
}
