//! Bytes as a datagram of the kernel's connection tracking.

use wallwatch_helper::{
    decode::conntrack::{Message, Messages},
    detect::{Class, classify_flow},
    event::Timestamp,
    flow::{Direction, Ends, Flow, FlowRing, Tuple},
    neighbourhood::Neighbourhood,
    packet::Protocol,
};

/// Length of a netlink header in bytes (linux/netlink.h).
const NLMSG_HEADER: usize = 16;
/// When the input was read.
const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

/// Reads the input; there are no more messages than fit, and a flow holds together for detection and for the ring.
pub fn check(input: &[u8]) {
    let mut messages = 0;
    let mut ring = FlowRing::new(1);
    for message in Messages::new(input, NOW) {
        messages += 1;
        if let Message::Flow(told) = message {
            flow(&told, &mut ring);
        }
    }
    assert!(messages * NLMSG_HEADER <= input.len());
}

fn flow(told: &Flow, ring: &mut FlowRing) {
    assert_eq!(told.time, NOW);
    tuple(&told.original);
    tuple(&told.reply);
    // Once for the one who began it, and once for the other.
    for own in [told.original.src, told.original.dst] {
        let home = Neighbourhood {
            addresses: vec![own],
            ..Neighbourhood::default()
        };
        judge(told, &home, ring);
        ring.take(told, told.direction(&home));
        judge(told, &home, ring);
    }
}

fn judge(told: &Flow, home: &Neighbourhood, ring: &FlowRing) {
    if let Class::Probe(probe) = classify_flow(told, home, ring) {
        assert_eq!(told.direction(home), Direction::Inbound);
        assert!(probe.weight > 0.0 && probe.tool.is_none(), "{probe:?}");
    }
}

fn tuple(told: &Tuple) {
    assert_eq!(told.src.is_ipv4(), told.dst.is_ipv4());
    match told.ends {
        Ends::Ports { sport, dport } => {
            assert_eq!((told.sport(), told.dport()), (Some(sport), Some(dport)));
        }
        Ends::Icmp { .. } => {
            assert!([Protocol::ICMP, Protocol::ICMPV6].contains(&told.protocol));
        }
        Ends::None => assert_eq!((told.sport(), told.dport()), (None, None)),
    }
}
