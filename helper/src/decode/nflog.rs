//! What the kernel's `nfnetlink_log` sends (`linux/netfilter/nfnetlink_log.h`): messages, records and their attributes.
//!
//! [`Messages`] are those of a netlink datagram. [`Record::read`] reads the attributes of one alone, as they stand in capture
//! files too. Everything read is bounded by the slice that it lies in.

use super::{
    attributes::{Attributes, Envelopes, NFGENMSG, aligned},
    order::Order,
};
use crate::event::Timestamp;

/// `NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET`.
const PACKET: u16 = 4 << 8;

/// `NFULA_*`.
mod attribute {
    pub(super) const PACKET_HDR: u16 = 1;
    pub(super) const MARK: u16 = 2;
    pub(super) const TIMESTAMP: u16 = 3;
    pub(super) const IFINDEX_INDEV: u16 = 4;
    pub(super) const IFINDEX_OUTDEV: u16 = 5;
    pub(super) const IFINDEX_PHYSINDEV: u16 = 6;
    pub(super) const IFINDEX_PHYSOUTDEV: u16 = 7;
    pub(super) const HWADDR: u16 = 8;
    pub(super) const PAYLOAD: u16 = 9;
    pub(super) const PREFIX: u16 = 10;
    pub(super) const UID: u16 = 11;
    pub(super) const SEQ: u16 = 12;
    pub(super) const GID: u16 = 14;
    pub(super) const HWTYPE: u16 = 15;
    pub(super) const HWHEADER: u16 = 16;
}
/// `ARPHRD_ETHER` (`linux/if_arp.h`).
const ETHERNET: u16 = 1;

/// Where in the kernel a packet was logged: `NF_INET_*` (`linux/netfilter.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook(pub u8);

impl Hook {
    /// Packets that this machine sends (`NF_INET_LOCAL_OUT`).
    pub const OUTPUT: Self = Self(3);
    /// Everything that leaves (`NF_INET_POST_ROUTING`).
    pub const POSTROUTING: Self = Self(4);
}

/// So many types of attributes are known: up to the last of [`attribute`].
const TYPES: usize = 17;

/// One record of the kernel's: its attributes, of which each is read when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    bytes: &'a [u8],
    order: Order,
    /// Where in them the attribute of each type lies: its first byte, counted from 1; 0 where there is none. Of several of one type
    /// the last counts.
    places: [usize; TYPES],
}

impl<'a> Record<'a> {
    /// Reads attributes, whose lengths and types are in this order; a number within them is in the network's order.
    #[must_use]
    pub fn read(attributes: &'a [u8], order: Order) -> Self {
        // The order of this machine has a loop of its own, in which it is not asked for again and again.
        match order {
            Order::NATIVE => Self::of(&Attributes::new(attributes, Order::NATIVE)),
            other => Self::of(&Attributes::new(attributes, other)),
        }
    }

    #[inline]
    fn of(attributes: &Attributes<'a>) -> Self {
        let Attributes { bytes, order } = *attributes;
        let mut places = [0; TYPES];
        let mut at = 0_usize;
        while let Some((kind, len)) = attributes.head(at) {
            if let Some(place) = places.get_mut(usize::from(kind)) {
                *place = at.wrapping_add(1);
            }
            at = at.wrapping_add(aligned(len));
        }
        Self {
            bytes,
            order,
            places,
        }
    }

    #[inline]
    fn value(&self, kind: u16) -> &'a [u8] {
        let attributes = Attributes::new(self.bytes, self.order);
        let place = self.places.get(usize::from(kind));
        place
            .and_then(|place| attributes.value(place.checked_sub(1)?))
            .unwrap_or_default()
    }

    fn number(&self, kind: u16) -> Option<u32> {
        Order::Big.u32_at(self.value(kind), 0)
    }

    /// The packet from its IP header on, cut to what was asked for.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.value(attribute::PAYLOAD)
    }

    /// The prefix of the rule, without its end mark; empty where there was none.
    #[must_use]
    pub fn prefix(&self) -> &'a [u8] {
        let value = self.value(attribute::PREFIX);
        let end = value.iter().position(|byte| *byte == 0);
        end.and_then(|end| value.get(..end)).unwrap_or(value)
    }

    /// The number of the record within its group.
    #[must_use]
    pub fn sequence(&self) -> Option<u32> {
        self.number(attribute::SEQ)
    }

    /// When the packet came, where the kernel had noted it.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        time(self.value(attribute::TIMESTAMP))
    }

    /// The number of the interface it came in by.
    #[must_use]
    pub fn input(&self) -> Option<u32> {
        self.number(attribute::IFINDEX_INDEV)
    }

    /// The number of the interface it leaves by.
    #[must_use]
    pub fn output(&self) -> Option<u32> {
        self.number(attribute::IFINDEX_OUTDEV)
    }

    /// The number of the bridge's port it came in by.
    #[must_use]
    pub fn physical_input(&self) -> Option<u32> {
        self.number(attribute::IFINDEX_PHYSINDEV)
    }

    /// The number of the bridge's port it leaves by.
    #[must_use]
    pub fn physical_output(&self) -> Option<u32> {
        self.number(attribute::IFINDEX_PHYSOUTDEV)
    }

    /// Where it was logged: `nfulnl_msg_packet_hdr` is the `EtherType`, the hook, a pad.
    #[must_use]
    pub fn hook(&self) -> Option<Hook> {
        self.value(attribute::PACKET_HDR).get(2).copied().map(Hook)
    }

    /// The type of the payload as an `EtherType`.
    #[must_use]
    pub fn ethertype(&self) -> Option<u16> {
        Order::Big.u16_at(self.value(attribute::PACKET_HDR), 0)
    }

    /// The link-layer address of its sender, as long as it is.
    #[must_use]
    pub fn sender(&self) -> &'a [u8] {
        hardware_address(self.value(attribute::HWADDR)).unwrap_or_default()
    }

    /// The kind of link it came by, as an `ARPHRD_*` number.
    #[must_use]
    pub fn link(&self) -> Option<u16> {
        Order::Big.u16_at(self.value(attribute::HWTYPE), 0)
    }

    /// The link-layer header it came with.
    #[must_use]
    pub fn link_header(&self) -> &'a [u8] {
        self.value(attribute::HWHEADER)
    }

    /// The packet's mark.
    #[must_use]
    pub fn mark(&self) -> Option<u32> {
        self.number(attribute::MARK)
    }

    /// The user of the local socket that sent it.
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        self.number(attribute::UID)
    }

    /// The group of the local socket that sent it.
    #[must_use]
    pub fn gid(&self) -> Option<u32> {
        self.number(attribute::GID)
    }

    /// The Ethernet header it came with; empty where it came otherwise.
    #[must_use]
    pub fn ethernet(&self) -> &'a [u8] {
        if self.link() == Some(ETHERNET) {
            self.link_header()
        } else {
            &[]
        }
    }

    /// Was the frame sent to a group address (its first byte is odd, IEEE 802)?
    #[must_use]
    pub fn is_to_group(&self) -> bool {
        self.ethernet().first().is_some_and(|byte| byte & 1 == 1)
    }

    /// Did this machine send it? The hook tells, else that it came in by no interface.
    #[must_use]
    pub fn is_outbound(&self) -> bool {
        match self.hook() {
            Some(Hook::OUTPUT) => true,
            // What is forwarded has come in.
            Some(Hook::POSTROUTING) | None => self.input().is_none() && self.output().is_some(),
            Some(_) => false,
        }
    }
}

/// A message of the kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// A packet was logged.
    Record(Record<'a>),
    /// The answer to the request with this number: 0, or an errno.
    Answer {
        /// The request's number.
        sequence: u32,
        /// 0 or an errno.
        errno: i32,
    },
}

/// The messages of one datagram. Messages of other types and what is cut short are left out.
#[derive(Debug, Clone)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        loop {
            let mut envelopes = Envelopes(self.0);
            let envelope = envelopes.next();
            self.0 = envelopes.0;
            let envelope = envelope?;
            if let Some((sequence, errno)) = envelope.answer() {
                return Some(Message::Answer { sequence, errno });
            }
            if envelope.kind == PACKET
                && let Some(attributes) = envelope.body.get(NFGENMSG..)
            {
                return Some(Message::Record(Record::read(attributes, Order::NATIVE)));
            }
        }
    }
}

/// `nfulnl_msg_packet_timestamp`: seconds and microseconds, big endian.
pub(super) fn time(value: &[u8]) -> Option<Timestamp> {
    let seconds = i64::from_be_bytes(*value.first_chunk()?);
    let micros = i64::from_be_bytes(*value.get(8..)?.first_chunk()?);
    Some(Timestamp(
        seconds
            .checked_mul(Timestamp::SECOND)?
            .checked_add(micros)?,
    ))
}

/// `nfulnl_msg_packet_hw`: the length, a pad, and eight bytes of which so many count.
pub(super) fn hardware_address(value: &[u8]) -> Option<&[u8]> {
    let len = usize::from(Order::Big.u16_at(value, 0)?);
    value.get(4..)?.get(..len)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{
        super::attributes::made::{message, push},
        *,
    };

    fn with(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![2, 0, 0, 0];
        for (kind, value) in attributes {
            push(&mut body, *kind, value);
        }
        message(PACKET, &body)
    }

    #[test]
    fn a_record_is_read_attribute_by_attribute() {
        let time = [&7_u64.to_be_bytes()[..], &5_u64.to_be_bytes()].concat();
        let bytes = with(&[
            (attribute::PACKET_HDR, &[8, 0, 1, 0]),
            (attribute::MARK, &7_u32.to_be_bytes()),
            (attribute::TIMESTAMP, &time),
            (attribute::IFINDEX_INDEV, &3_u32.to_be_bytes()),
            (attribute::IFINDEX_OUTDEV, &4_u32.to_be_bytes()),
            (attribute::IFINDEX_PHYSINDEV, &5_u32.to_be_bytes()),
            (attribute::IFINDEX_PHYSOUTDEV, &6_u32.to_be_bytes()),
            (attribute::HWADDR, &[0, 6, 0, 0, 2, 0, 0, 0, 0, 7, 0, 0]),
            (attribute::PREFIX, b"ww:seen\0"),
            (attribute::UID, &1000_u32.to_be_bytes()),
            (attribute::GID, &100_u32.to_be_bytes()),
            (attribute::HWTYPE, &1_u16.to_be_bytes()),
            (attribute::HWHEADER, &[1, 0, 0x5e, 0, 0, 1]),
            (attribute::SEQ, &9_u32.to_be_bytes()),
            (attribute::PAYLOAD, &[0x45, 0, 0]),
        ]);
        let read: Vec<_> = Messages(&bytes).collect();
        let [Message::Record(record)] = read.as_slice() else {
            panic!("{read:?}")
        };
        assert_eq!(record.payload(), [0x45, 0, 0]);
        assert_eq!(record.prefix(), b"ww:seen");
        assert_eq!(record.sequence(), Some(9));
        assert_eq!(record.time(), Some(Timestamp(7_000_005)));
        assert_eq!((record.input(), record.output()), (Some(3), Some(4)));
        let ports = (record.physical_input(), record.physical_output());
        assert_eq!(ports, (Some(5), Some(6)));
        assert_eq!(record.hook(), Some(Hook(1)));
        assert_eq!(record.ethertype(), Some(0x0800));
        assert_eq!(record.sender(), [2, 0, 0, 0, 0, 7]);
        assert_eq!(record.link(), Some(1));
        assert_eq!(record.link_header(), [1, 0, 0x5e, 0, 0, 1]);
        assert_eq!(
            (record.mark(), record.uid(), record.gid()),
            (Some(7), Some(1000), Some(100))
        );
        assert!(record.is_to_group() && !record.is_outbound());
    }

    #[test]
    fn a_datagram_may_hold_several_messages_and_an_answer() {
        let mut bytes = with(&[(attribute::PAYLOAD, &[1])]);
        let refused = [
            &(-1_i32).to_ne_bytes()[..],
            &[0; 8],
            &77_u32.to_ne_bytes(),
            &[0; 4],
        ]
        .concat();
        bytes.extend(message(3, &[0; 4])); // NLMSG_DONE
        bytes.extend(message(2, &refused)); // NLMSG_ERROR
        let read: Vec<_> = Messages(&bytes).collect();
        let [Message::Record(record), answer] = read.as_slice() else {
            panic!("{read:?}")
        };
        assert_eq!(record.payload(), [1]);
        let refusal = Message::Answer {
            sequence: 77,
            errno: 1,
        };
        assert_eq!(*answer, refusal);
    }

    #[test]
    fn every_cut_of_a_datagram_ends_without_a_panic() {
        let mut bytes = with(&[
            (attribute::PREFIX, b"ww:pass\0"),
            (attribute::PAYLOAD, &[0x60; 41]),
        ]);
        bytes.extend(with(&[(attribute::SEQ, &9_u32.to_be_bytes())]));
        for end in 0..bytes.len() {
            assert!(Messages(&bytes[..end]).count() <= 1, "cut at {end}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                assert!(Messages(&damaged).count() <= 2, "byte {at} = {value}");
            }
        }
    }

    #[test]
    fn the_hook_tells_what_this_machine_sent() {
        for (hook, input, output, outbound) in [
            (Some(Hook(1)), Some(2), None, false),
            (Some(Hook(2)), Some(2), Some(3), false),
            (Some(Hook::OUTPUT), None, Some(3), true),
            (Some(Hook::POSTROUTING), None, Some(3), true),
            (Some(Hook::POSTROUTING), Some(2), Some(3), false),
            (None, None, Some(3), true),
            (None, None, None, false),
        ] {
            let head = hook.map(|hook: Hook| [8, 0, hook.0, 0]);
            let (input, output) = (input.map(u32::to_be_bytes), output.map(u32::to_be_bytes));
            let mut body = Vec::new();
            for (kind, value) in [
                (attribute::PACKET_HDR, head),
                (attribute::IFINDEX_INDEV, input),
                (attribute::IFINDEX_OUTDEV, output),
            ] {
                if let Some(value) = value {
                    push(&mut body, kind, &value);
                }
            }
            let record = Record::read(&body, Order::NATIVE);
            assert_eq!(record.is_outbound(), outbound, "{record:?}");
        }
    }

    #[test]
    fn only_an_ethernet_header_tells_of_groups() {
        const PPP: u16 = 512; // ARPHRD_PPP
        for (link, is_to_group) in [(PPP, false), (ETHERNET, true)] {
            let mut body = Vec::new();
            push(&mut body, attribute::HWTYPE, &link.to_be_bytes());
            push(&mut body, attribute::HWHEADER, &[1, 0, 0x5e, 0, 0, 1]);
            let record = Record::read(&body, Order::NATIVE);
            assert_eq!(record.is_to_group(), is_to_group, "{link}");
        }
    }
}
