//! Bytes as an IP packet.

use wallwatch_helper::{
    decode::{self, Error},
    packet::Packet,
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

/// Are there bytes that tell just this? Neither a fragment header that is cut short nor untold IP options can be made from
/// what was told.
fn is_told_whole(packet: &Packet) -> bool {
    (packet.fragment.is_none() || packet.ip_id.is_some())
        && (packet.src.is_ipv6() || !packet.has_options || !packet.ip_options.is_empty())
}
