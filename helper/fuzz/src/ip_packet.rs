//! Bytes as an IP packet.

use wallwatch_helper::{
    decode::{self, Error},
    packet::{Packet, Protocol, Transport},
};

use super::{format::bytes, sound};

/// Reads the input; what was read is written again and then reads the same, and no shorter input tells anything else.
pub fn check(input: &[u8]) {
    let packet = match decode::ip_packet(input) {
        Ok(packet) => packet,
        Err(reason) => {
            assert!(!reason.to_string().is_empty());
            return;
        }
    };
    sound::packet(&packet);
    assert!(packet.src.is_ipv4() || packet.len >= 40, "{packet:?}");
    if is_told_whole(&packet) {
        let again = decode::ip_packet(&bytes::ip(&packet));
        assert_eq!(again.as_ref(), Ok(&packet));
    }
    let half = input.get(..input.len() / 2).unwrap_or_default();
    match decode::ip_packet(half) {
        Ok(less) => assert_eq!((less.src, less.dst), (packet.src, packet.dst)),
        Err(reason) => assert_eq!(reason, Error::Short),
    }
}

/// Are there bytes that `bytes::ip` would make of it? It writes neither a fragment header that is cut short, nor a packet over
/// 64 KiB, nor the AH header of IPv6 that stands behind more extension headers than are followed.
fn is_told_whole(packet: &Packet) -> bool {
    let fits = |len: u32, v6: bool| len <= if v6 { 0xffff + 40 } else { 0xffff };
    let quoted_fits = match &packet.transport {
        Transport::Icmp(icmp) => icmp
            .quoted
            .is_none_or(|inner| fits(inner.len, inner.src.is_ipv6())),
        Transport::Ipsec { .. } => packet.src.is_ipv4() || packet.protocol == Protocol::ESP,
        _ => true,
    };
    let fragment_whole = packet.fragment.is_none() || packet.ip_id.is_some();
    fragment_whole && quoted_fits && fits(packet.len, packet.src.is_ipv6())
}
