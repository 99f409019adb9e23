//! What an ICMP or ICMPv6 message is for, by its type.

use wallwatch_dbus::Kind;

use super::class::{Harmless, Nature, Probe};
use crate::packet::{Icmp, Protocol};

/// A query; three of different types or to different addresses are a sweep.
const QUERY: f32 = 1.15;
/// An echo request with a code: only nmap's probe for operating systems has code 9 (osscan2.cc, IE1).
const ODD_ECHO: f32 = 2.0;

/// Says what the message is for. Errors, answers and the upkeep of IPv6 are harmless here.
pub(super) fn judge(protocol: Protocol, icmp: &Icmp) -> Result<Probe, Harmless> {
    let query = |weight, nature| {
        Ok(Probe {
            unit: icmp.kind.into(),
            ..Probe::new(Kind::PingSweep, weight, nature)
        })
    };
    match (protocol, icmp.kind) {
        (Protocol::ICMP, 8) if icmp.code != 0 => query(ODD_ECHO, Nature::Impossible),
        // Echo, timestamp, information, address mask (RFC 792, RFC 950); ICMPv6 echo (RFC 4443).
        (Protocol::ICMP, 8 | 13 | 15 | 17) | (Protocol::ICMPV6, 128) => query(QUERY, Nature::Plain),
        (Protocol::ICMP, 3 | 4 | 11 | 12) | (Protocol::ICMPV6, 1..=127) => Err(Harmless::Error),
        (Protocol::ICMP, 0 | 14 | 16 | 18) | (Protocol::ICMPV6, 129) => Err(Harmless::Answer),
        _ => Err(Harmless::Upkeep),
    }
}
