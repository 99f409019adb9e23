//! Bytes as a datagram of the kernel's packet log.

use wallwatch_helper::decode::{
    nflog::{Message, Messages, Record},
    order::Order,
};

use super::ip_packet;

/// Length of a netlink header in bytes (linux/netlink.h).
const NLMSG_HEADER: usize = 16;

/// Reads the input; there are no more messages than fit, and nothing is told that does not stand there.
pub fn check(input: &[u8]) {
    let mut messages = 0;
    for message in Messages(input) {
        messages += 1;
        if let Message::Record(told) = message {
            record(&told, input);
        }
    }
    assert!(messages * NLMSG_HEADER <= input.len());
    // In capture files the attributes stand alone, in either order.
    for order in [Order::Big, Order::Little] {
        record(&Record::read(input, order), input);
    }
}

fn record(told: &Record<'_>, input: &[u8]) {
    let parts = [
        told.payload(),
        told.prefix(),
        told.sender(),
        told.link_header(),
    ];
    for part in parts {
        let within = part.is_empty() || input.as_ptr_range().contains(&part.as_ptr());
        assert!(within, "{told:?}");
    }
    assert!(!told.prefix().contains(&0), "the end mark is no part of it");
    assert!(!told.is_to_group() || !told.ethernet().is_empty());
    assert!(!told.is_outbound() || told.input().is_none() || told.hook().is_some());
    ip_packet::check(told.payload());
}
