//! What a UDP datagram is for, by its ports.

use std::ops::RangeInclusive;

use wallwatch_dbus::Kind;

use super::class::{Harmless, Nature, Probe};
use crate::{
    neighbourhood::Neighbourhood,
    packet::{Packet, Udp},
};

/// Ports whose services answer what desktops ask: DNS, NTP, `NetBIOS`, SNMP, QUIC, IKE, SSDP, STUN, WSD, mDNS.
const SERVICES: [u16; 13] = [
    53, 123, 137, 161, 443, 500, 1900, 3478, 3479, 3702, 4500, 5353, 5355,
];
/// The destination ports of traceroute (traceroute(8), option -p: 33434 and one more for each probe).
const TRACEROUTE: RangeInclusive<u16> = 33434..=33534;
/// DHCP and DHCPv6 clients (RFC 2131, RFC 9915).
const DHCP_CLIENTS: [(u16, u16); 2] = [(67, 68), (547, 546)];

/// Says what the datagram is for.
pub(super) fn judge(
    packet: &Packet,
    udp: &Udp,
    neighbourhood: &Neighbourhood,
) -> Result<Probe, Harmless> {
    if DHCP_CLIENTS.contains(&(udp.sport, udp.dport)) {
        return Err(Harmless::Upkeep);
    }
    let service = SERVICES.contains(&udp.sport);
    let (weight, nature) = if service && udp.dport == udp.sport && udp.dport < 1024 {
        // NTP and IKE speak from the port that they speak to: an answer to the first address, a sweep to many.
        (0.4, Nature::Plain)
    } else if (service && udp.dport >= 1024) || TRACEROUTE.contains(&udp.dport) {
        (0.02, Nature::ReplyLike)
    } else if udp.sport >= 1024 && neighbourhood.ephemeral.contains(&udp.dport) {
        // A service whose port nobody knows answers our client, as TFTP's, a game's or a peer's.
        (
            if neighbourhood.is_near(packet.src) {
                0.03
            } else {
                0.12
            },
            Nature::ReplyLike,
        )
    } else {
        (1.0, Nature::Plain)
    };
    Ok(Probe {
        unit: udp.dport.into(),
        ..Probe::new(Kind::UdpScan, weight, nature)
    })
}
