//! Bytes as messages of the kernel's queues.

use wallwatch_helper::decode::nfqueue::{Message, Messages, Queued, packet_id};

use super::ip_packet;

/// Length of a netlink header in bytes (linux/netlink.h).
const NLMSG_HEADER: usize = 16;

/// Reads the input; there are no more messages than fit, and nothing is told that does not stand there.
pub fn check(input: &[u8]) {
    let mut messages = 0;
    for (place, message) in Messages(input).enumerate() {
        messages += 1;
        if let Message::Packet(told) = message {
            packet(&told, input);
            // The reader of a queue answers by the number that it reads alone.
            assert!(place > 0 || packet_id(input).is_none_or(|id| id == told.id));
        }
    }
    assert!(messages * NLMSG_HEADER <= input.len());
    if let Some(told) = Queued::read(input) {
        packet(&told, input);
    }
}

fn packet(told: &Queued<'_>, input: &[u8]) {
    for part in [told.payload, told.sender, told.link_header] {
        let within = part.is_empty() || input.as_ptr_range().contains(&part.as_ptr());
        assert!(within, "{told:?}");
    }
    assert!(!told.is_to_group() || !told.link_header.is_empty());
    assert!(!told.is_outbound() || told.input.is_none() || told.hook.is_some());
    ip_packet::check(told.payload);
}
