//! What a packet is for where somebody does not hold its class for harmless: what it asks for, and nothing excuses it.

use wallwatch_dbus::Kind;

use super::{Class, Nature, Probe, class::weighed};
use crate::{
    event::Event,
    neighbourhood::Neighbourhood,
    packet::{Protocol, TcpFlags, Transport},
};

/// The same packet as a stranger's probe of what it was sent to, which weighs as any other.
#[must_use]
pub fn unexcused(event: &Event, judged: &Class, neighbourhood: &Neighbourhood) -> Class {
    let packet = &event.packet;
    let (kind, unit) = match &packet.transport {
        Transport::Tcp(tcp) => (of_flags(tcp.flags), tcp.dport.into()),
        Transport::Udp(udp) => (Kind::UdpScan, udp.dport.into()),
        Transport::Icmp(icmp) => (Kind::PingSweep, icmp.kind.into()),
        Transport::Ports { dport, .. } => (Kind::SctpScan, (*dport).into()),
        Transport::Ipsec { .. } | Transport::Other => {
            let Protocol(number) = packet.protocol;
            (Kind::IpProtocolScan, number.into())
        }
    };
    let asked = Probe {
        unit,
        ..Probe::new(kind, 1.0, Nature::Plain)
    };
    let probe = match judged.probe() {
        // What it would be if it were no answer is known already.
        Some(probe) => Probe {
            weight: probe.weight.max(1.0),
            nature: match probe.nature {
                Nature::Impossible => Nature::Impossible,
                Nature::Plain | Nature::Mutual | Nature::ReplyLike => Nature::Plain,
            },
            ..*probe
        },
        None => asked,
    };
    let near = neighbourhood.is_near(packet.src);
    Class::Probe(weighed(probe, packet.dport(), near, event.verdict))
}

/// The scan that a segment with these flags would be a part of.
fn of_flags(flags: TcpFlags) -> Kind {
    let control = flags.control();
    if control == TcpFlags::SYN {
        Kind::TcpSynScan
    } else if control.0 & TcpFlags::ACK.0 != 0
        && control.0 & (TcpFlags::SYN.0 | TcpFlags::RST.0) == 0
    {
        Kind::TcpAckScan
    } else {
        Kind::TcpBadFlags
    }
}
