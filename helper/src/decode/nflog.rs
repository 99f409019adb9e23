//! What the kernel's `nfnetlink_log` sends (`linux/netfilter/nfnetlink_log.h`): messages, records and their attributes.
//!
//! [`Messages`] are those of a netlink datagram. [`Record::read`] reads the attributes of one alone, as they stand in capture
//! files too. Everything read is bounded by the slice that it lies in.

use super::{
    attributes::{Attributes, Envelopes, NFGENMSG},
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

/// One record of the kernel's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The packet from its IP header on, cut to what was asked for.
    pub payload: &'a [u8],
    /// The prefix of the rule, without its end mark; empty where there was none.
    pub prefix: &'a [u8],
    /// The number of the record within its group.
    pub sequence: Option<u32>,
    /// When the packet came, where the kernel had noted it.
    pub time: Option<Timestamp>,
    /// The number of the interface it came in by.
    pub input: Option<u32>,
    /// The number of the interface it leaves by.
    pub output: Option<u32>,
    /// The number of the bridge's port it came in by.
    pub physical_input: Option<u32>,
    /// The number of the bridge's port it leaves by.
    pub physical_output: Option<u32>,
    /// Where it was logged.
    pub hook: Option<Hook>,
    /// The type of the payload as an `EtherType`.
    pub ethertype: Option<u16>,
    /// The link-layer address of its sender, as long as it is.
    pub sender: &'a [u8],
    /// The kind of link it came by, as an `ARPHRD_*` number.
    pub link: Option<u16>,
    /// The link-layer header it came with.
    pub link_header: &'a [u8],
    /// The packet's mark.
    pub mark: Option<u32>,
    /// The user of the local socket that sent it.
    pub uid: Option<u32>,
    /// The group of the local socket that sent it.
    pub gid: Option<u32>,
}

impl<'a> Record<'a> {
    /// Reads attributes, whose lengths and types are in this order; a number within them is in the network's order.
    #[inline] // so that the order is known where it is the machine's own
    #[must_use]
    pub fn read(attributes: &'a [u8], order: Order) -> Self {
        let mut record = Self::default();
        for (kind, value) in Attributes::new(attributes, order) {
            record.take(kind, value);
        }
        record
    }

    #[inline]
    fn take(&mut self, kind: u16, value: &'a [u8]) {
        let number = || Order::Big.u32_at(value, 0);
        match kind {
            // nfulnl_msg_packet_hdr: the EtherType, the hook, a pad
            attribute::PACKET_HDR => {
                self.ethertype = Order::Big.u16_at(value, 0);
                self.hook = value.get(2).copied().map(Hook);
            }
            attribute::MARK => self.mark = number(),
            attribute::TIMESTAMP => self.time = time(value),
            attribute::IFINDEX_INDEV => self.input = number(),
            attribute::IFINDEX_OUTDEV => self.output = number(),
            attribute::IFINDEX_PHYSINDEV => self.physical_input = number(),
            attribute::IFINDEX_PHYSOUTDEV => self.physical_output = number(),
            attribute::HWADDR => self.sender = hardware_address(value).unwrap_or_default(),
            attribute::PAYLOAD => self.payload = value,
            attribute::PREFIX => {
                let end = value.iter().position(|byte| *byte == 0);
                self.prefix = end.and_then(|end| value.get(..end)).unwrap_or(value);
            }
            attribute::UID => self.uid = number(),
            attribute::SEQ => self.sequence = number(),
            attribute::GID => self.gid = number(),
            attribute::HWTYPE => self.link = Order::Big.u16_at(value, 0),
            attribute::HWHEADER => self.link_header = value,
            _ => {}
        }
    }

    /// The Ethernet header it came with; empty where it came otherwise.
    #[must_use]
    pub fn ethernet(&self) -> &'a [u8] {
        if self.link == Some(ETHERNET) {
            self.link_header
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
        match self.hook {
            Some(Hook::OUTPUT) => true,
            // What is forwarded has come in.
            Some(Hook::POSTROUTING) | None => self.input.is_none() && self.output.is_some(),
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

    fn next(&mut self) -> Option<Message<'a>> {
        let mut envelopes = Envelopes(self.0);
        let message = envelopes.find_map(|envelope| {
            if let Some((sequence, errno)) = envelope.answer() {
                return Some(Message::Answer { sequence, errno });
            }
            let attributes = envelope.body.get(NFGENMSG..)?;
            (envelope.kind == PACKET)
                .then(|| Message::Record(Record::read(attributes, Order::NATIVE)))
        });
        self.0 = envelopes.0;
        message
    }
}

/// `nfulnl_msg_packet_timestamp`: seconds and microseconds, big endian.
fn time(value: &[u8]) -> Option<Timestamp> {
    let seconds = i64::from_be_bytes(*value.first_chunk()?);
    let micros = i64::from_be_bytes(*value.get(8..)?.first_chunk()?);
    Some(Timestamp(
        seconds
            .checked_mul(Timestamp::SECOND)?
            .checked_add(micros)?,
    ))
}

/// `nfulnl_msg_packet_hw`: the length, a pad, and eight bytes of which so many count.
fn hardware_address(value: &[u8]) -> Option<&[u8]> {
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
        let expected = Record {
            payload: &[0x45, 0, 0],
            prefix: b"ww:seen",
            sequence: Some(9),
            time: Some(Timestamp(7_000_005)),
            input: Some(3),
            output: Some(4),
            physical_input: Some(5),
            physical_output: Some(6),
            hook: Some(Hook(1)),
            ethertype: Some(0x0800),
            sender: &[2, 0, 0, 0, 0, 7],
            link: Some(1),
            link_header: &[1, 0, 0x5e, 0, 0, 1],
            mark: Some(7),
            uid: Some(1000),
            gid: Some(100),
        };
        assert!(expected.is_to_group() && !expected.is_outbound());
        assert_eq!(
            Messages(&bytes).collect::<Vec<_>>(),
            [Message::Record(expected)]
        );
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
        assert!(matches!(
            read[0],
            Message::Record(Record { payload: [1], .. })
        ));
        assert_eq!(
            read[1],
            Message::Answer {
                sequence: 77,
                errno: 1
            }
        );
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
            let record = Record {
                input,
                output,
                hook,
                ..Record::default()
            };
            assert_eq!(record.is_outbound(), outbound, "{record:?}");
        }
    }

    #[test]
    fn only_an_ethernet_header_tells_of_groups() {
        let mut record = Record {
            link_header: &[1, 0, 0x5e, 0, 0, 1],
            link: Some(512), // ARPHRD_PPP
            ..Record::default()
        };
        assert!(!record.is_to_group());
        record.link = Some(ETHERNET);
        assert!(record.is_to_group());
    }
}
