//! What the kernel's connection tracking sends (`linux/netfilter/nfnetlink_conntrack.h`): flows that begin, change and end.
//!
//! [`Messages`] are those of a netlink datagram. A flow without both its directions is left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    attributes::{Attributes, Envelopes, NFGENMSG},
    order::Order,
};
use crate::{
    event::Timestamp,
    flow::{Ends, Flow, Stage, TcpState, Tuple, Volume},
    packet::Protocol,
};

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW`: a flow that is new, or has changed, or is told on request.
const NEW: u16 = 1 << 8;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`.
const DELETE: u16 = (1 << 8) | 2;
/// `NLMSG_DONE` (`linux/netlink.h`): the end of what was asked for.
const DONE: u16 = 3;
/// `NLM_F_MULTI` (`linux/netlink.h`): one of many that were asked for.
const FLAG_MULTI: u16 = 2;
/// `NLM_F_CREATE`: it is new.
const FLAG_CREATE: u16 = 0x400;

/// `CTA_*`.
mod attribute {
    pub(super) const TUPLE_ORIG: u16 = 1;
    pub(super) const TUPLE_REPLY: u16 = 2;
    pub(super) const STATUS: u16 = 3;
    pub(super) const PROTOINFO: u16 = 4;
    pub(super) const MARK: u16 = 8;
    pub(super) const COUNTERS_ORIG: u16 = 9;
    pub(super) const COUNTERS_REPLY: u16 = 10;
    pub(super) const ID: u16 = 12;
    pub(super) const TIMESTAMP: u16 = 20;
}

/// `CTA_TUPLE_*`, `CTA_IP_*` and `CTA_PROTO_*`: what a tuple consists of.
mod part {
    pub(super) const IP: u16 = 1;
    pub(super) const PROTO: u16 = 2;

    pub(super) const V4_SRC: u16 = 1;
    pub(super) const V4_DST: u16 = 2;
    pub(super) const V6_SRC: u16 = 3;
    pub(super) const V6_DST: u16 = 4;

    pub(super) const NUM: u16 = 1;
    pub(super) const SRC_PORT: u16 = 2;
    pub(super) const DST_PORT: u16 = 3;
    pub(super) const ICMP_ID: u16 = 4;
    pub(super) const ICMP_TYPE: u16 = 5;
    pub(super) const ICMP_CODE: u16 = 6;
    pub(super) const ICMPV6_ID: u16 = 7;
    pub(super) const ICMPV6_TYPE: u16 = 8;
    pub(super) const ICMPV6_CODE: u16 = 9;
}

/// `CTA_PROTOINFO_TCP`, and in it `CTA_PROTOINFO_TCP_STATE`.
const PROTOINFO_TCP: u16 = 1;
const TCP_STATE: u16 = 1;
/// `CTA_COUNTERS_PACKETS` and `_BYTES`, `CTA_TIMESTAMP_START`.
const COUNTERS_PACKETS: u16 = 1;
const COUNTERS_BYTES: u16 = 2;
const TIMESTAMP_START: u16 = 1;
/// `IPS_SEEN_REPLY` and `IPS_ASSURED` (`linux/netfilter/nf_conntrack_common.h`).
const SEEN_REPLY: u32 = 2;
const ASSURED: u32 = 4;

/// A message of the kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A flow began, ended, or stood already when it was asked for.
    Flow(Flow),
    /// A flow of which nothing is told but that it has changed.
    Changed,
    /// All that was asked for has been told.
    Done,
    /// The answer to the request with this number: 0, or an errno.
    Answer {
        /// The request's number.
        sequence: u32,
        /// 0 or an errno.
        errno: i32,
    },
}

/// The messages of one datagram that was read at a time. Messages of other types and what is cut short are left out.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    envelopes: Envelopes<'a>,
    time: Timestamp,
}

impl<'a> Messages<'a> {
    /// The messages of these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8], time: Timestamp) -> Self {
        Self {
            envelopes: Envelopes(bytes),
            time,
        }
    }
}

impl Iterator for Messages<'_> {
    type Item = Message;

    #[inline]
    fn next(&mut self) -> Option<Message> {
        let time = self.time;
        self.envelopes.find_map(|envelope| {
            if let Some((sequence, errno)) = envelope.answer() {
                return Some(Message::Answer { sequence, errno });
            }
            let stage = match envelope.kind {
                NEW if envelope.flags & FLAG_MULTI != 0 => Stage::Standing,
                NEW if envelope.flags & FLAG_CREATE != 0 => Stage::Began,
                NEW => return Some(Message::Changed),
                DELETE => Stage::Ended,
                DONE => return Some(Message::Done),
                _ => return None,
            };
            flow(envelope.body.get(NFGENMSG..)?, time, stage).map(Message::Flow)
        })
    }
}

/// A flow by its attributes; `None` where one of its directions is missing.
fn flow(attributes: &[u8], time: Timestamp, stage: Stage) -> Option<Flow> {
    let (mut original, mut reply) = (None, None);
    let (mut status, mut mark, mut id) = (0, 0, None);
    let (mut tcp, mut began, mut sent, mut received) = (None, None, None, None);
    for (kind, value) in nested(attributes) {
        match kind {
            attribute::TUPLE_ORIG => original = tuple(value),
            attribute::TUPLE_REPLY => reply = tuple(value),
            attribute::STATUS => status = Order::Big.u32_at(value, 0).unwrap_or(0),
            attribute::PROTOINFO => tcp = tcp_state(value),
            attribute::MARK => mark = Order::Big.u32_at(value, 0).unwrap_or(0),
            attribute::COUNTERS_ORIG => sent = Some(volume(value)),
            attribute::COUNTERS_REPLY => received = Some(volume(value)),
            attribute::ID => id = Order::Big.u32_at(value, 0),
            attribute::TIMESTAMP => began = start(value),
            _ => {}
        }
    }
    Some(Flow {
        time,
        stage,
        id,
        original: original?,
        reply: reply?,
        answered: status & SEEN_REPLY != 0,
        assured: status & ASSURED != 0,
        tcp,
        mark,
        began,
        sent,
        received,
    })
}

fn nested(bytes: &[u8]) -> Attributes<'_> {
    Attributes::new(bytes, Order::NATIVE)
}

/// The value of the first attribute of a type.
fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    nested(bytes).find_map(|(kind, value)| (kind == wanted).then_some(value))
}

/// One direction; `None` where addresses are missing or of two families.
fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let (mut addresses, mut proto) = (None, None);
    for (kind, value) in nested(bytes) {
        match kind {
            part::IP => addresses = pair(value),
            part::PROTO => proto = protocol(value),
            _ => {}
        }
    }
    let (src, dst) = addresses?;
    let (protocol, ends) = proto?;
    Some(Tuple {
        src,
        dst,
        protocol,
        ends,
    })
}

/// Source and destination address.
fn pair(bytes: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let (mut src, mut dst) = (None, None);
    for (kind, value) in nested(bytes) {
        match kind {
            part::V4_SRC => src = v4(value),
            part::V4_DST => dst = v4(value),
            part::V6_SRC => src = v6(value),
            part::V6_DST => dst = v6(value),
            _ => {}
        }
    }
    let (src, dst) = (src?, dst?);
    (src.is_ipv4() == dst.is_ipv4()).then_some((src, dst))
}

fn v4(value: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 4] = value.try_into().ok()?;
    Some(IpAddr::V4(Ipv4Addr::from(octets)))
}

fn v6(value: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 16] = value.try_into().ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

/// The protocol and its ports, or what it has in their place.
fn protocol(bytes: &[u8]) -> Option<(Protocol, Ends)> {
    let mut number = None;
    let (mut sport, mut dport) = (None, None);
    let (mut id, mut kind, mut code) = (None, None, None);
    for (part, value) in nested(bytes) {
        let byte = value.first().copied();
        match part {
            part::NUM => number = byte,
            part::SRC_PORT => sport = Order::Big.u16_at(value, 0),
            part::DST_PORT => dport = Order::Big.u16_at(value, 0),
            part::ICMP_ID | part::ICMPV6_ID => id = Order::Big.u16_at(value, 0),
            part::ICMP_TYPE | part::ICMPV6_TYPE => kind = byte,
            part::ICMP_CODE | part::ICMPV6_CODE => code = byte,
            _ => {}
        }
    }
    let protocol = Protocol(number?);
    let ends = match protocol {
        // Of GRE the "ports" are call numbers, and other protocols have none.
        Protocol::TCP | Protocol::UDP | Protocol::UDPLITE | Protocol::SCTP | Protocol::DCCP => {
            Ends::Ports {
                sport: sport?,
                dport: dport?,
            }
        }
        Protocol::ICMP | Protocol::ICMPV6 => Ends::Icmp {
            id: id?,
            kind: kind?,
            code: code?,
        },
        _ => Ends::None,
    };
    Some((protocol, ends))
}

fn tcp_state(bytes: &[u8]) -> Option<TcpState> {
    let state = find(find(bytes, PROTOINFO_TCP)?, TCP_STATE)?;
    state.first().copied().map(TcpState)
}

fn volume(bytes: &[u8]) -> Volume {
    let number = |kind| find(bytes, kind).and_then(|value| Order::Big.u64_at(value, 0));
    Volume {
        packets: number(COUNTERS_PACKETS).unwrap_or(0),
        bytes: number(COUNTERS_BYTES).unwrap_or(0),
    }
}

/// Nanoseconds since 1970.
fn start(bytes: &[u8]) -> Option<Timestamp> {
    let nanos = Order::Big.u64_at(find(bytes, TIMESTAMP_START)?, 0)?;
    i64::try_from(nanos / 1000).ok().map(Timestamp)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{
        super::attributes::made::{message, push},
        *,
    };

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
    const V4: [&[u8]; 2] = [&[192, 0, 2, 7], &[10, 99, 0, 2]];

    /// An attribute that holds others.
    fn nest(kind: u16, parts: &[(u16, &[u8])]) -> Vec<u8> {
        let mut inner = Vec::new();
        for (kind, value) in parts {
            push(&mut inner, *kind, value);
        }
        let mut nest = Vec::new();
        push(&mut nest, kind | 0x8000, &inner); // NLA_F_NESTED
        nest
    }

    /// A direction: where the addresses have 16 bytes, of IPv6.
    fn tuple_of(kind: u16, [src, dst]: [&[u8]; 2], proto: &[(u16, &[u8])]) -> Vec<u8> {
        let (from, to) = if src.len() == 4 {
            (part::V4_SRC, part::V4_DST)
        } else {
            (part::V6_SRC, part::V6_DST)
        };
        let parts = [
            nest(part::IP, &[(from, src), (to, dst)]),
            nest(part::PROTO, proto),
        ]
        .concat();
        let mut tuple = Vec::new();
        push(&mut tuple, kind | 0x8000, &parts);
        tuple
    }

    fn tcp_parts() -> [(u16, &'static [u8]); 3] {
        [
            (part::NUM, &[6]),
            (part::SRC_PORT, &[0x9c, 0x40]),
            (part::DST_PORT, &[0, 22]),
        ]
    }

    /// A message of these attributes.
    fn with(kind: u16, flags: u16, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut message = message(kind, &[&[2, 0, 0, 0][..], &attributes.concat()].concat());
        message[6..8].copy_from_slice(&flags.to_ne_bytes());
        message
    }

    fn simple(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, kind, value);
        bytes
    }

    fn both(proto: &[(u16, &[u8])]) -> Vec<Vec<u8>> {
        vec![
            tuple_of(attribute::TUPLE_ORIG, V4, proto),
            tuple_of(attribute::TUPLE_REPLY, [V4[1], V4[0]], proto),
        ]
    }

    fn read(bytes: &[u8]) -> Vec<Message> {
        Messages::new(bytes, NOW).collect()
    }

    /// A whole beginning with all that the kernel may tell.
    fn full() -> Vec<u8> {
        let mut attributes = both(&tcp_parts());
        attributes.push(simple(attribute::STATUS, &0x0e_u32.to_be_bytes()));
        attributes.push(nest(
            attribute::PROTOINFO,
            &[(PROTOINFO_TCP, &simple(TCP_STATE, &[1]))],
        ));
        attributes.push(simple(attribute::MARK, &7_u32.to_be_bytes()));
        attributes.push(nest(
            attribute::COUNTERS_ORIG,
            &[
                (COUNTERS_PACKETS, &3_u64.to_be_bytes()),
                (COUNTERS_BYTES, &180_u64.to_be_bytes()),
            ],
        ));
        attributes.push(nest(attribute::COUNTERS_REPLY, &[]));
        attributes.push(simple(attribute::ID, &0xdead_beef_u32.to_be_bytes()));
        attributes.push(nest(
            attribute::TIMESTAMP,
            &[(
                TIMESTAMP_START,
                &1_700_000_000_123_456_789_u64.to_be_bytes(),
            )],
        ));
        with(NEW, FLAG_CREATE | 0x200, &attributes)
    }

    #[test]
    fn a_flow_is_read_attribute_by_attribute() {
        let original = Tuple {
            src: "192.0.2.7".parse().unwrap(),
            dst: "10.99.0.2".parse().unwrap(),
            protocol: Protocol::TCP,
            ends: Ends::Ports {
                sport: 40000,
                dport: 22,
            },
        };
        let flow = Flow {
            time: NOW,
            stage: Stage::Began,
            id: Some(0xdead_beef),
            original,
            reply: Tuple {
                src: original.dst,
                dst: original.src,
                ..original
            },
            answered: true,
            assured: true,
            tcp: Some(TcpState::SYN_SENT),
            mark: 7,
            began: Some(Timestamp(1_700_000_000_123_456)),
            sent: Some(Volume {
                packets: 3,
                bytes: 180,
            }),
            received: Some(Volume::default()),
        };
        assert_eq!(read(&full()), [Message::Flow(flow)]);
    }

    #[test]
    fn the_type_and_its_flags_tell_what_happened() {
        for (kind, flags, stage) in [
            (NEW, FLAG_CREATE | 0x200, Some(Stage::Began)),
            (NEW, FLAG_MULTI, Some(Stage::Standing)),
            (DELETE, 0, Some(Stage::Ended)),
            (NEW, 0, None),
        ] {
            let bytes = with(kind, flags, &both(&tcp_parts()));
            let told = read(&bytes);
            let [message] = told.as_slice() else {
                panic!("{told:?}")
            };
            match (message, stage) {
                (Message::Flow(flow), Some(stage)) => assert_eq!(flow.stage, stage),
                (Message::Changed, None) => {}
                (message, _) => panic!("{kind} {flags}: {message:?}"),
            }
        }
        let refused = [&(-22_i32).to_ne_bytes()[..], &[0; 8], &5_u32.to_ne_bytes()].concat();
        let bytes = [message(DONE, &[0; 4]), message(2, &refused)].concat();
        let answer = Message::Answer {
            sequence: 5,
            errno: 22,
        };
        assert_eq!(read(&bytes), [Message::Done, answer]);
    }

    #[test]
    fn each_protocol_has_its_own_ends() {
        let icmp: [(u16, &[u8]); 4] = [
            (part::NUM, &[1]),
            (part::ICMP_ID, &[1, 2]),
            (part::ICMP_TYPE, &[8]),
            (part::ICMP_CODE, &[9]),
        ];
        let icmpv6: [(u16, &[u8]); 4] = [
            (part::NUM, &[58]),
            (part::ICMPV6_ID, &[1, 2]),
            (part::ICMPV6_TYPE, &[128]),
            (part::ICMPV6_CODE, &[0]),
        ];
        // Call numbers of PPTP.
        let gre: [(u16, &[u8]); 3] = [
            (part::NUM, &[47]),
            (part::SRC_PORT, &[1, 2]),
            (part::DST_PORT, &[3, 4]),
        ];
        let echo = |kind, code| Ends::Icmp {
            id: 0x0102,
            kind,
            code,
        };
        let v6: [&[u8]; 2] = [&[0x20; 16], &[0xfd; 16]];
        for (addresses, proto, ends) in [
            (V4, &icmp[..], echo(8, 9)),
            (v6, &icmpv6[..], echo(128, 0)),
            (v6, &gre[..], Ends::None),
        ] {
            let attributes = [
                tuple_of(attribute::TUPLE_ORIG, addresses, proto),
                tuple_of(attribute::TUPLE_REPLY, addresses, proto),
            ];
            let told = read(&with(DELETE, 0, &attributes));
            let [Message::Flow(flow)] = told.as_slice() else {
                panic!("{told:?}")
            };
            assert_eq!(flow.original.ends, ends);
            assert_eq!(flow.original.src.is_ipv4(), addresses == V4);
        }
    }

    #[test]
    fn a_flow_of_which_a_direction_is_missing_is_left_out() {
        let whole = both(&tcp_parts());
        let mixed: [&[u8]; 2] = [V4[0], &[0xfd; 16]];
        let portless: [(u16, &[u8]); 2] = [(part::NUM, &[6]), (part::SRC_PORT, &[1])];
        for attributes in [
            vec![],
            vec![whole[0].clone()],
            vec![whole[1].clone()],
            vec![nest(attribute::TUPLE_ORIG, &[]), whole[1].clone()],
            vec![
                tuple_of(attribute::TUPLE_ORIG, mixed, &tcp_parts()),
                whole[1].clone(),
            ],
            vec![
                tuple_of(attribute::TUPLE_ORIG, V4, &portless),
                whole[1].clone(),
            ],
        ] {
            assert_eq!(read(&with(DELETE, 0, &attributes)), []);
        }
    }

    #[test]
    fn every_cut_and_every_damage_of_a_datagram_ends_without_a_panic() {
        let bytes = [full(), with(DELETE, 0, &both(&tcp_parts()))].concat();
        let first = full().len();
        for end in 0..bytes.len() {
            let most = usize::from(end >= first);
            assert!(read(&bytes[..end]).len() <= most, "cut at {end}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                assert!(read(&damaged).len() <= 2, "byte {at} = {value}");
            }
        }
    }
}
