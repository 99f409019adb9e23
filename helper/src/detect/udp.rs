//! What a UDP datagram is for, by its ports.

use std::{net::IpAddr, ops::RangeInclusive};

use wallwatch_dbus::Kind;

use super::class::{Harmless, Nature, Probe, REPLY};
use crate::{
    neighbourhood::Neighbourhood,
    packet::{Packet, Udp},
};

/// Ports whose services answer what desktops ask: DNS, NTP, `NetBIOS`, SNMP, QUIC, IKE, DNS over QUIC, SSDP, STUN, WSD, mDNS.
const SERVICES: [u16; 14] = [
    53, 123, 137, 161, 443, 500, 853, 1900, 3478, 3479, 3702, 4500, 5353, 5355,
];
/// The service whose servers speak from the port that they speak to: NTP.
const NTP: u16 = 123;
/// Services whose partners do so within one network: `NetBIOS`.
const MUTUAL_ON_LINK: [u16; 2] = [137, 138];
/// Services that speak within one network only: `NetBIOS`, SSDP, WSD, mDNS, LLMNR.
const ON_LINK: [u16; 6] = [137, 138, 1900, 3702, 5353, 5355];
/// Services above 1023 that floods are made with where they answer anybody (US-CERT alert TA14-017A), besides those of one
/// network: Microsoft SQL, `VxWorks`' debugger, Apple Remote Desktop, `CoAP`, Ubiquiti, memcached. Who speaks to them from afar asks, from
/// whatever port.
const OPEN_SERVICES: [u16; 6] = [1434, 3283, 5683, 10001, 11211, 17185];
/// The destination ports of traceroute (traceroute(8), option -p: 33434 and one more for each probe).
const TRACEROUTE: RangeInclusive<u16> = 33434..=33534;
/// DHCP and DHCPv6 servers and clients (RFC 2131, RFC 9915).
const DHCP: [(u16, u16); 2] = [(67, 68), (547, 546)];

/// Does a program that speaks with many strangers have this port by default: eMule, `BitTorrent`, Syncthing, Ethereum? Such strangers
/// knock for hours after it has ended.
pub(crate) const fn is_peer_port(port: u16) -> bool {
    matches!(port, 4662 | 4672 | 6881..=6889 | 22000 | 30303 | 51413)
}

/// Does a service with this port answer much to little, so that others are flooded with its answers: echo, quote of the day, chargen,
/// DNS, TFTP, portmap, NTP, `NetBIOS`, SNMP, CLDAP, RIP, SSDP, WSD, mDNS, memcached (CISA TA14-017A)?
pub(super) const fn is_amplifier(sport: u16) -> bool {
    matches!(
        sport,
        7 | 17 | 19 | 53 | 69 | 111 | 123 | 137 | 161 | 389 | 520 | 1900 | 3702 | 5353 | 11211
    )
}

/// Is this a port that services answer from?
pub(super) fn is_service(sport: u16) -> bool {
    sport < 1024 || SERVICES.contains(&sport)
}

/// Is this a port of a service that speaks within one network only?
pub(super) fn is_of_one_network(dport: u16) -> bool {
    ON_LINK.contains(&dport)
}

/// Says what the datagram is for.
pub(super) fn judge(
    packet: &Packet,
    udp: &Udp,
    neighbourhood: &Neighbourhood,
) -> Result<Probe, Harmless> {
    let Udp { sport, dport, .. } = *udp;
    let on_link = neighbourhood.is_on_link(packet);
    let (weight, nature) = judge_ports(packet.src, (sport, dport), on_link, neighbourhood)?;
    Ok(Probe {
        unit: dport.into(),
        ..Probe::new(Kind::UdpScan, weight, nature)
    })
}

/// Says by the ports what a datagram is for that somebody sent from this network, or from afar.
pub(super) fn judge_ports(
    src: IpAddr,
    (sport, dport): (u16, u16),
    on_link: bool,
    neighbourhood: &Neighbourhood,
) -> Result<(f32, Nature), Harmless> {
    // A client that has an address asks its server alone, and a DHCPv6 server may answer from any port (RFC 9915 section 7.2).
    let of_dhcpv6 = dport == 546 && matches!(src, IpAddr::V6(src) if src.is_unicast_link_local());
    if DHCP.contains(&(sport, dport)) || (on_link && DHCP.contains(&(dport, sport))) || of_dhcpv6 {
        return Err(Harmless::Upkeep);
    }
    let service = SERVICES.contains(&sport) || is_amplifier(sport);
    // Where somebody has set so, our own questions start from such a port too.
    let asked_from_afar = !on_link
        && (ON_LINK.contains(&dport) || OPEN_SERVICES.contains(&dport))
        && !neighbourhood.ephemeral.contains(&dport);
    let near_or_far = |near, far| {
        if neighbourhood.is_near(src) {
            near
        } else {
            far
        }
    };
    Ok(
        if sport == dport && (sport == NTP || (on_link && MUTUAL_ON_LINK.contains(&sport))) {
            (0.4, Nature::Mutual)
        } else if asked_from_afar {
            // Who asks these from afar looks for services to make floods with.
            (1.0, Nature::Plain)
        } else if sport == dport && service && sport < 1024 {
            (0.4, Nature::Plain)
        } else if (service && dport >= 1024) || TRACEROUTE.contains(&dport) {
            (REPLY, Nature::ReplyLike)
        } else if sport >= 1024 && (neighbourhood.ephemeral.contains(&dport) || is_peer_port(dport))
        {
            // A service whose port nobody knows answers our client, as TFTP's, a game's or a peer's; and peers go on asking.
            (near_or_far(0.03, 0.12), Nature::ReplyLike)
        } else {
            (1.0, Nature::Plain)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, packet::Transport};

    /// How far a datagram speaks for itself; `None` where it is harmless.
    fn nature(src: &str, ttl: u8, sport: u16, dport: u16) -> Option<Nature> {
        let line = format!(
            "X IN=eth0 OUT= MAC= SRC={src} DST=192.168.7.2 LEN=40 TOS=0x00 PREC=0x00 TTL={ttl} ID=7 PROTO=UDP SPT={sport} DPT={dport} LEN=20 "
        );
        let report = decode::log_line(line.as_bytes()).unwrap();
        let packet = report.packet()?;
        let Transport::Udp(udp) = &packet.transport else {
            panic!("no UDP: {line}")
        };
        judge(packet, udp, &Neighbourhood::default())
            .ok()
            .map(|probe| probe.nature)
    }

    #[test]
    fn what_neighbours_ask_each_other_is_a_probe_from_afar() {
        use Nature::{Mutual, Plain, ReplyLike};
        const NEAR: &str = "192.168.7.1";
        const FAR: &str = "203.0.113.9";
        for (src, ttl, sport, dport, expected) in [
            (NEAR, 64, 137, 137, Some(Mutual)),
            (FAR, 50, 137, 137, Some(Plain)),
            (NEAR, 255, 5353, 5353, Some(ReplyLike)),
            // A public address on the own network: no router has passed the packet on.
            (FAR, 255, 5353, 5353, Some(ReplyLike)),
            (FAR, 50, 5353, 5353, Some(Plain)),
            (FAR, 50, 1900, 1900, Some(Plain)),
            (FAR, 50, 1900, 41000, Some(ReplyLike)),
            // Whatever port it is asked from.
            (FAR, 50, 53, 1900, Some(Plain)),
            (FAR, 50, 40000, 3702, Some(Plain)),
            (FAR, 50, 123, 11211, Some(Plain)),
            (FAR, 50, 443, 17185, Some(Plain)),
            (FAR, 50, 40000, 389, Some(Plain)),
            (FAR, 50, 5353, 5355, Some(Plain)),
            (FAR, 50, 137, 138, Some(Plain)),
            (NEAR, 64, 1900, 1900, Some(ReplyLike)),
            (FAR, 50, 123, 123, Some(Mutual)),
            (FAR, 50, 500, 500, Some(Plain)),
            (NEAR, 64, 68, 67, None),
            (FAR, 50, 68, 67, Some(Plain)),
            (FAR, 50, 67, 68, None),
        ] {
            assert_eq!(
                nature(src, ttl, sport, dport),
                expected,
                "{src} {sport}>{dport}"
            );
        }
    }

    #[test]
    fn partners_of_a_file_exchange_go_on_asking() {
        let far = |sport, dport| nature("203.0.113.9", 50, sport, dport);
        assert_eq!(far(16001, 6881), Some(Nature::ReplyLike));
        assert_eq!(far(53, 6881), Some(Nature::ReplyLike));
        assert_eq!(far(16001, 6890), Some(Nature::Plain));
        assert_eq!(far(1000, 6881), Some(Nature::Plain));
    }
}
