//! Senders that nobody can be: whoever sent such a packet is not the one that it names.

use std::net::{IpAddr, Ipv4Addr};

use wallwatch_dbus::Kind;

use super::class::{Nature, Probe};
use crate::event::Event;

/// As heavy as a packet that no honest program sends; three of them are told.
const WEIGHT: f32 = 1.7;

/// May a packet for `dst` come from this address as it is, so that neither [`judge`] has anything to say nor is it this machine's own
/// by its looks? So may nearly all, which is why this is asked first.
#[inline]
pub(super) fn is_somebody(src: IpAddr, dst: IpAddr) -> bool {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let first = src.octets()[0];
            src != dst && first != 0 && first != 127 && first < 224
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            src != dst && !src.is_multicast() && !src.is_loopback() && !src.is_unspecified()
        }
        _ => false,
    }
}

/// The attack that a packet's impossible sender speaks of.
pub(super) fn judge(event: &Event) -> Option<Probe> {
    let packet = &event.packet;
    let kind = if is_nobody(packet.src) || (packet.src.is_loopback() && !is_local(event)) {
        Kind::Bogon
    } else if is_land(event) {
        Kind::Land
    } else {
        return None;
    };
    // It is the packet itself that is wrong, so each is another one, whatever port it is for.
    Some(Probe {
        unit: packet.ip_id.unwrap_or_else(|| {
            let port = |port: Option<u16>| u32::from(port.unwrap_or_default());
            (port(packet.sport()) << 16) | port(packet.dport())
        }),
        ..Probe::new(kind, WEIGHT, Nature::Impossible)
    })
}

/// May the packet come from this machine itself: by the loopback interface, or by none that is told?
pub(super) fn is_local(event: &Event) -> bool {
    matches!(event.interface.as_str(), "" | "lo")
}

/// An address that is never a sender's: of a group, of everybody, of "this network", or reserved (RFC 1122 section 3.2.1.3,
/// RFC 1112 section 4, RFC 4291 section 2.7). The unspecified address is that of hosts that have none yet.
fn is_nobody(src: IpAddr) -> bool {
    match src {
        IpAddr::V4(v4) => {
            let first = v4.octets()[0];
            (first == 0 && v4 != Ipv4Addr::UNSPECIFIED) || first >= 224
        }
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

/// From its receiver's own address (CERT CA-1997-28): by a real interface always, else where the ports are one too, since
/// programs of one machine speak with one another from other ports.
fn is_land(event: &Event) -> bool {
    let packet = &event.packet;
    let one_port = || packet.sport().is_some() && packet.sport() == packet.dport();
    packet.src == packet.dst && !packet.src.is_loopback() && (!is_local(event) || one_port())
}
