//! What keeps a network running: addresses, neighbours, routers and groups.

use std::net::IpAddr;

use super::{Case, Explanation, Noise};
use crate::packet::{Icmp, Packet, Protocol, Transport};

/// Ports of DHCP and DHCPv6, servers first (RFC 2131, RFC 9915).
const DHCP: [(u16, u16); 2] = [(67, 68), (547, 546)];
/// Neighbour discovery must come so: no router lets it through (RFC 4861 section 6.1).
const ON_LINK: u8 = 255;

/// The explanation, where the packet is one of these.
pub(super) fn explain(case: &Case<'_>) -> Option<Explanation> {
    let packet = case.packet;
    match &packet.transport {
        Transport::Udp(udp) => dhcp(packet, udp.sport, udp.dport),
        Transport::Icmp(icmp) if packet.protocol == Protocol::ICMPV6 => ipv6(case, icmp),
        Transport::Icmp(icmp) => ipv4(packet, icmp),
        _ if packet.protocol == Protocol::IGMP => Some(igmp(case)),
        _ => None,
    }
}

fn dhcp(packet: &Packet, sport: u16, dport: u16) -> Option<Explanation> {
    let (server, client) = DHCP
        .into_iter()
        .find(|(server, client)| [*server, *client].contains(&dport))?;
    let src = packet.src;
    let reason = if dport == server && (sport == client || packet.is_to_group()) {
        if src.is_unspecified() {
            "A device that has no address yet asks this network for one (DHCP). Every device does that when it comes."
                .to_owned()
        } else {
            format!(
                "{src} asks this network for its address and settings (DHCP), as every device does."
            )
        }
    } else if dport == client && (sport == server || is_link_local(src)) {
        format!(
            "{src} gives out addresses on this network (DHCP). Your router does that; somebody else who did would be worth a look."
        )
    } else {
        return None;
    };
    Some(Explanation::noise(Noise::Dhcp, reason))
}

/// A DHCPv6 server may answer from any port; who speaks from such an address stands on this network.
const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

fn igmp(case: &Case<'_>) -> Explanation {
    let (who, dst) = (case.who(), &case.packet.dst);
    let asks = *dst == IpAddr::from([224, 0, 0, 1]);
    let reason = if asks {
        format!(
            "{who} asks which computers of this network listen to group messages (IGMP). Routers and switches ask every minute or two."
        )
    } else if dst.is_multicast() {
        format!(
            "{who} says which group messages it listens to (IGMP, {dst}). Televisions, speakers and computers do so all the time."
        )
    } else {
        format!(
            "{who} speaks of group messages to {dst} alone (IGMP). Only routers listen to that; this computer does not care."
        )
    };
    Explanation::noise(Noise::Igmp, reason)
}

fn ipv4(packet: &Packet, icmp: &Icmp) -> Option<Explanation> {
    let src = packet.src;
    Some(match icmp.kind {
        5 => Explanation::noise(
            Noise::IcmpRedirect,
            format!(
                "{src} says that another router knows a shorter way to some address (ICMP redirect). Routers of this network may do \
                 so; from anybody else it would be a try to lead traffic astray."
            ),
        ),
        // RFC 1256.
        9 | 10 => Explanation::noise(
            Noise::NeighbourDiscovery,
            format!("{src} speaks of the routers of this network (ICMP router discovery)."),
        ),
        _ => return None,
    })
}

fn ipv6(case: &Case<'_>, icmp: &Icmp) -> Option<Explanation> {
    let Packet { src, dst, ttl, .. } = case.packet;
    let (noise, does) = message(icmp.kind)?;
    if noise == Noise::NeighbourDiscovery && *ttl != ON_LINK {
        return Some(Explanation::noise(
            Noise::Malformed,
            format!(
                "{src} speaks of neighbours or routers of this network to {dst}, but its hop limit is {ttl} where every honest \
                 one is 255: it may have come from outside. The kernel ignores it."
            ),
        ));
    }
    Some(Explanation::noise(noise, format!("{} {does}.", case.who())))
}

/// What a message of this type says (RFC 4861, RFC 4286, RFC 2710, RFC 3810).
const fn message(kind: u8) -> Option<(Noise, &'static str)> {
    Some(match kind {
        133 => (
            Noise::NeighbourDiscovery,
            "asks for the routers of this network (router solicitation), as every device does when it comes",
        ),
        134 => (
            Noise::NeighbourDiscovery,
            "says that it is an IPv6 router of this network (router advertisement). Your router does so every few minutes; \
             somebody else who did would be worth a look",
        ),
        135 => (
            Noise::NeighbourDiscovery,
            "asks who on this network has an address (neighbour solicitation), the first step of every IPv6 conversation",
        ),
        136 => (
            Noise::NeighbourDiscovery,
            "says that an address is its own (neighbour advertisement), the answer to a neighbour's question",
        ),
        137 => (
            Noise::NeighbourDiscovery,
            "says that another router knows a shorter way (redirect). Only your router should",
        ),
        130 => (
            Noise::Mld,
            "asks which computers of this network listen to group messages (MLD query). Routers ask every two minutes",
        ),
        131 | 143 => (
            Noise::Mld,
            "says which group messages it listens to (MLD report). Every IPv6 device does so",
        ),
        132 => (
            Noise::Mld,
            "says that it stops listening to a group (MLD done)",
        ),
        151..=153 => (
            Noise::Mld,
            "speaks of routers for group messages (multicast router discovery)",
        ),
        _ => return None,
    })
}
