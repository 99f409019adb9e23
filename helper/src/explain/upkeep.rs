//! What keeps a network running: addresses, neighbours, routers and groups.

use std::net::IpAddr;

use super::{Case, Explanation, Noise, Outlook};
use crate::packet::{Icmp, Packet, Protocol, Transport};

/// Ports of DHCP and DHCPv6, servers first (RFC 2131, RFC 9915).
const DHCP: [(u16, u16); 2] = [(67, 68), (547, 546)];
/// Neighbour discovery must come so: no router lets it through (RFC 4861 section 6.1).
const ON_LINK: u8 = 255;

/// The explanation, where the packet is one of these.
pub(super) fn explain(case: &Case<'_>) -> Option<Explanation> {
    let packet = case.packet;
    match &packet.transport {
        Transport::Udp(udp) => dhcp(case, udp.sport, udp.dport),
        Transport::Icmp(icmp) if packet.protocol == Protocol::ICMPV6 => ipv6(case, icmp),
        Transport::Icmp(icmp) => ipv4(case, icmp),
        _ if packet.protocol == Protocol::IGMP => Some(igmp(case)),
        _ => None,
    }
}

fn dhcp(case: &Case<'_>, sport: u16, dport: u16) -> Option<Explanation> {
    let (server, client) = DHCP
        .into_iter()
        .find(|(server, client)| [*server, *client].contains(&dport))?;
    let src = case.packet.src;
    if dport == server && (sport == client || case.packet.is_to_group()) {
        let reason = || {
            if src.is_unspecified() {
                "A device that has no address yet asks this network for one (DHCP). Every device does that when it comes."
                .to_owned()
            } else {
                format!(
                    "{src} asks this network for its address and settings (DHCP), as every device does."
                )
            }
        };
        return Some(case.fine(Noise::Dhcp, reason));
    }
    if dport != client || !(sport == server || is_link_local(src)) {
        return None;
    }
    Some(if case.is_on_link() {
        case.likely(
            Noise::Dhcp, || format!(
                "{src} gives out addresses on this network (DHCP), as your router probably does. Whether it is your router, the line \
                 does not tell."
            ))
    } else {
        case.odd(
            Noise::Dhcp, || format!(
                "{src} gives out addresses (DHCP), but does not seem to be on this network. Servers of some providers stand so far \
                 away; nobody else should do so."
            ))
    })
}

/// A DHCPv6 server may answer from any port; who speaks from such an address stands on this network.
const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// The line tells no type, so that the destination must (RFC 2236 section 9, RFC 3376 section 4.2.14).
fn igmp(case: &Case<'_>) -> Explanation {
    let dst = case.packet.dst;
    let IpAddr::V4(group) = dst else {
        return void_igmp(case, dst);
    };
    if group.is_multicast() {
        return case.fine(Noise::Igmp, || {
            let who = case.who();
            match group.octets() {
                [224, 0, 0, 1] => format!(
                    "{who} asks which computers of this network listen to group messages (IGMP). Routers and switches ask every minute or two."
                ),
                [224, 0, 0, 2] => format!(
                    "{who} tells the routers of this network that it stops listening to a group (IGMP)."
                ),
                [224, 0, 0, 22] => format!(
                    "{who} says which group messages it listens to (IGMP). Televisions, speakers and computers do so all the time."
                ),
                _ => format!(
                    "{who} says that it listens to messages for {dst}, or asks who does (IGMP). Televisions, speakers and routers do \
                     so all the time."
                ),
            }
        });
    }
    if !case.is_on_link() {
        return void_igmp(case, dst);
    }
    case.likely(Noise::Igmp, || {
        format!(
            "{} speaks of group messages to {dst} alone (IGMP): probably a router or a switch that asks this computer for its groups.",
            case.who()
        )
    })
}

/// Membership is told within one network alone.
fn void_igmp(case: &Case<'_>, dst: IpAddr) -> Explanation {
    case.odd(
        Noise::Igmp, || format!(
            "{} speaks of group messages to {dst} alone (IGMP), but does not seem to be on this network, which such messages never \
             leave. Port scanners send one when they look which protocols a computer speaks.",
            case.who()
        ))
}

fn ipv4(case: &Case<'_>, icmp: &Icmp) -> Option<Explanation> {
    let src = case.packet.src;
    Some(match icmp.kind {
        5 if case.is_on_link() => case.odd(
            Noise::IcmpRedirect, || format!(
                "{src} says that another router knows a shorter way to some address (ICMP redirect). Your router may say so; if this is \
                 not its address, somebody tries to lead traffic astray."
            )),
        5 => case.odd(
            Noise::IcmpRedirect, || format!(
                "{src} says that another router knows a shorter way to some address (ICMP redirect), but does not seem to be on this \
                 network, whose routers alone may say so: probably somebody tries to lead traffic astray. The kernel takes it from no \
                 router but the one in use."
            )),
        // RFC 1256.
        9 => case.fine(
            Noise::NeighbourDiscovery, || format!(
                "{src} says that it is a router (ICMP router advertisement). The kernel takes no notice of that."
            )),
        10 => case.fine(
            Noise::NeighbourDiscovery, || format!("{src} asks for the routers of this network (ICMP router solicitation).")),
        _ => return None,
    })
}

fn ipv6(case: &Case<'_>, icmp: &Icmp) -> Option<Explanation> {
    let Packet { src, dst, ttl, .. } = case.packet;
    let (noise, outlook, does) = message(icmp.kind)?;
    if noise == Noise::NeighbourDiscovery && *ttl != ON_LINK {
        return Some(case.void(
            Noise::Malformed, || format!(
                "{src} speaks of neighbours or routers of this network to {dst}, but its hop limit is {ttl} where every honest \
                 one is 255: it may have come from outside. The kernel ignores it."
            )));
    }
    // A router says so from its link-local address alone (RFC 4861 sections 6.1.2 and 8.1).
    if matches!(icmp.kind, 134 | 137) && !is_link_local(*src) {
        return Some(case.odd(
            noise, || format!(
                "{src} {does}. But a router says so from an address that begins with fe80, so this is no honest router. The kernel \
                 ignores it."
            )));
    }
    let end = match icmp.kind {
        134 => {
            ". Your router probably does so; whether this is your router, the line does not tell."
        }
        137 => {
            ". Your router may say so; if this is not its address, somebody tries to lead traffic astray."
        }
        _ => ".",
    };
    Some(case.noise(noise, outlook, || format!("{} {does}{end}", case.who())))
}

/// What a message of this type says (RFC 4861, RFC 4286, RFC 2710, RFC 3810).
const fn message(kind: u8) -> Option<(Noise, Outlook, &'static str)> {
    use Noise::{Mld, NeighbourDiscovery};
    use Outlook::{Fine, Likely, Odd};
    Some(match kind {
        133 => (
            NeighbourDiscovery,
            Fine,
            "asks for the routers of this network (router solicitation), as every device does when it comes",
        ),
        134 => (
            NeighbourDiscovery,
            Likely,
            "says that it is an IPv6 router of this network (router advertisement)",
        ),
        135 => (
            NeighbourDiscovery,
            Fine,
            "asks who on this network has an address (neighbour solicitation), the first step of every IPv6 conversation",
        ),
        136 => (
            NeighbourDiscovery,
            Fine,
            "says that an address is its own (neighbour advertisement), as every device does when it is asked or comes",
        ),
        137 => (
            NeighbourDiscovery,
            Odd,
            "says that another router knows a shorter way (redirect)",
        ),
        130 => (
            Mld,
            Fine,
            "asks which computers of this network listen to group messages (MLD query). Routers ask every minute or two",
        ),
        131 | 143 => (
            Mld,
            Fine,
            "says which group messages it listens to (MLD report). Every IPv6 device does so",
        ),
        132 => (
            Mld,
            Fine,
            "says that it stops listening to a group (MLD done)",
        ),
        151..=153 => (
            Mld,
            Fine,
            "speaks of routers for group messages (multicast router discovery)",
        ),
        _ => return None,
    })
}
