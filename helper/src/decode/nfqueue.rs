//! What the kernel's `nfnetlink_queue` sends (`linux/netfilter/nfnetlink_queue.h`): packets that wait for a verdict.
//!
//! [`Messages`] are those of a netlink datagram, or of several that stand one behind the other. Everything read is bounded by the
//! slice that it lies in.

use super::{
    attributes::{Attributes, Envelopes, NFGENMSG},
    nflog::{Hook, hardware_address, time},
    order::Order,
};
use crate::event::Timestamp;

/// `NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET`.
const PACKET: u16 = 3 << 8;
/// `NFQA_SKB_GSO`: several packets of one connection that travel as one (`NFQA_CFG_F_GSO`).
const GSO: u32 = 2;

/// `NFQA_*`.
mod attribute {
    pub(super) const PACKET_HDR: u16 = 1;
    pub(super) const MARK: u16 = 3;
    pub(super) const TIMESTAMP: u16 = 4;
    pub(super) const IFINDEX_INDEV: u16 = 5;
    pub(super) const IFINDEX_OUTDEV: u16 = 6;
    pub(super) const HWADDR: u16 = 9;
    pub(super) const PAYLOAD: u16 = 10;
    pub(super) const CAP_LEN: u16 = 13;
    pub(super) const SKB_INFO: u16 = 14;
    pub(super) const L2HDR: u16 = 20;
}

/// A packet that waits in a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queued<'a> {
    /// The queue's number.
    pub queue: u16,
    /// The packet's number within the queue: one more than that of the packet before it, and after 2³² - 1 comes 0.
    pub id: u32,
    /// The packet from its IP header on, cut to what was asked for.
    pub payload: &'a [u8],
    /// How long the packet is in bytes, where the payload was cut.
    pub length: Option<u32>,
    /// Are these several packets of one connection that travel as one?
    pub joined: bool,
    /// When the packet came, where the kernel had noted it.
    pub time: Option<Timestamp>,
    /// The number of the interface it came in by.
    pub input: Option<u32>,
    /// The number of the interface it leaves by.
    pub output: Option<u32>,
    /// Where it was queued.
    pub hook: Option<Hook>,
    /// The type of the payload as an `EtherType`.
    pub ethertype: Option<u16>,
    /// The link-layer address of its sender, as long as it is.
    pub sender: &'a [u8],
    /// The link-layer header it came with; only a bridge's rules tell it.
    pub link_header: &'a [u8],
    /// The packet's mark.
    pub mark: Option<u32>,
}

impl<'a> Queued<'a> {
    /// Reads the body of a message: an `nfgenmsg` with the queue's number, and attributes. `None` where it has no number, without
    /// which the packet cannot be answered.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let mut queued = Self {
            queue: Order::Big.u16_at(body, 2)?,
            ..Self::default()
        };
        let mut id = None;
        for (kind, value) in Attributes::new(body.get(NFGENMSG..)?, Order::NATIVE) {
            if kind == attribute::PACKET_HDR && id.is_none() {
                id = Some(Order::Big.u32_at(value, 0)?);
            }
            queued.take(kind, value);
        }
        queued.id = id?;
        Some(queued)
    }

    #[inline]
    fn take(&mut self, kind: u16, value: &'a [u8]) {
        let number = || Order::Big.u32_at(value, 0);
        match kind {
            // nfqnl_msg_packet_hdr: the packet's number, the EtherType, the hook
            attribute::PACKET_HDR => {
                self.ethertype = Order::Big.u16_at(value, 4);
                self.hook = value.get(6).copied().map(Hook);
            }
            attribute::MARK => self.mark = number(),
            attribute::TIMESTAMP => self.time = time(value),
            attribute::IFINDEX_INDEV => self.input = number(),
            attribute::IFINDEX_OUTDEV => self.output = number(),
            attribute::HWADDR => self.sender = hardware_address(value).unwrap_or_default(),
            attribute::PAYLOAD => self.payload = value,
            attribute::CAP_LEN => self.length = number(),
            attribute::SKB_INFO => self.joined = number().is_some_and(|info| info & GSO != 0),
            attribute::L2HDR => self.link_header = value,
            _ => {}
        }
    }

    /// Was the frame sent to a group address (its first byte is odd, IEEE 802)?
    #[must_use]
    pub fn is_to_group(&self) -> bool {
        self.link_header.first().is_some_and(|byte| byte & 1 == 1)
    }

    /// Did this machine send it? The hook tells; what is forwarded has come in.
    #[must_use]
    pub fn is_outbound(&self) -> bool {
        match self.hook {
            Some(Hook::OUTPUT) => true,
            Some(Hook::POSTROUTING) | None => self.input.is_none() && self.output.is_some(),
            Some(_) => false,
        }
    }
}

/// A message of the kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// A packet waits.
    Packet(Queued<'a>),
    /// The answer to the request with this number: 0, or an errno.
    Answer {
        /// The request's number.
        sequence: u32,
        /// 0 or an errno.
        errno: i32,
    },
}

/// The messages of these bytes. Messages of other types and what is cut short are left out.
#[derive(Debug, Clone)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        let mut envelopes = Envelopes(self.0);
        let message = envelopes.find_map(|envelope| {
            if let Some((sequence, errno)) = envelope.answer() {
                return Some(Message::Answer { sequence, errno });
            }
            if envelope.kind != PACKET {
                return None;
            }
            Queued::read(envelope.body).map(Message::Packet)
        });
        self.0 = envelopes.0;
        message
    }
}

/// The number of the packet that this message of the kernel's tells of; read without the rest, which the reader of a queue hands on
/// as it is.
#[inline]
#[must_use]
pub fn packet_id(message: &[u8]) -> Option<u32> {
    let envelope = Envelopes(message).next()?;
    if envelope.kind != PACKET {
        return None;
    }
    Attributes::new(envelope.body.get(NFGENMSG..)?, Order::NATIVE)
        .find(|(kind, _)| *kind == attribute::PACKET_HDR)
        .and_then(|(_, value)| Order::Big.u32_at(value, 0))
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{
        super::attributes::made::{message, push},
        *,
    };

    fn with(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![2, 0, 0x14, 0xfa];
        for (kind, value) in attributes {
            push(&mut body, *kind, value);
        }
        message(PACKET, &body)
    }

    /// `nfqnl_msg_packet_hdr` of packet 9 of the hook for what comes in.
    const HEADER: [u8; 7] = [0, 0, 0, 9, 8, 0, 1];

    #[test]
    fn a_packet_is_read_attribute_by_attribute() {
        let time = [&7_u64.to_be_bytes()[..], &5_u64.to_be_bytes()].concat();
        let bytes = with(&[
            (attribute::PACKET_HDR, &HEADER),
            (attribute::IFINDEX_INDEV, &3_u32.to_be_bytes()),
            (attribute::IFINDEX_OUTDEV, &4_u32.to_be_bytes()),
            (attribute::MARK, &7_u32.to_be_bytes()),
            (attribute::HWADDR, &[0, 6, 0, 0, 2, 0, 0, 0, 0, 7, 0, 0]),
            (attribute::L2HDR, &[1, 0, 0x5e, 0, 0, 1]),
            (attribute::TIMESTAMP, &time),
            (attribute::CAP_LEN, &1500_u32.to_be_bytes()),
            (attribute::SKB_INFO, &3_u32.to_be_bytes()),
            (99, &[1, 2, 3]), // unknown
            (attribute::PAYLOAD, &[0x45, 0]),
        ]);
        assert_eq!(packet_id(&bytes), Some(9));
        let expected = Queued {
            queue: 5370,
            id: 9,
            payload: &[0x45, 0],
            length: Some(1500),
            joined: true,
            time: Some(Timestamp(7_000_005)),
            input: Some(3),
            output: Some(4),
            hook: Some(Hook(1)),
            ethertype: Some(0x0800),
            sender: &[2, 0, 0, 0, 0, 7],
            link_header: &[1, 0, 0x5e, 0, 0, 1],
            mark: Some(7),
        };
        let read: Vec<_> = Messages(&bytes).collect();
        assert_eq!(read, [Message::Packet(expected)]);
    }

    #[test]
    fn a_packet_without_a_number_and_another_subsystem_are_left_out() {
        let nameless = with(&[(attribute::PAYLOAD, &[0x45])]);
        let foreign = message(4 << 8, &[2, 0, 0, 0]);
        let good = with(&[(attribute::PACKET_HDR, &HEADER)]);
        assert_eq!((packet_id(&nameless), packet_id(&foreign)), (None, None));
        let ids: Vec<_> = Messages(&[nameless, foreign, good].concat())
            .map(|message| match message {
                Message::Packet(queued) => queued.id,
                Message::Answer { .. } => 0,
            })
            .collect();
        assert_eq!(ids, [9]);
    }

    #[test]
    fn an_answer_tells_its_request_and_its_errno() {
        let mut body = (-1_i32).to_ne_bytes().to_vec();
        body.extend(message(0x0302, &[])); // the header of the request
        body[12..16].copy_from_slice(&77_u32.to_ne_bytes());
        let answer = message(2, &body);
        let read: Vec<_> = Messages(&answer).collect();
        let expected = Message::Answer {
            sequence: 77,
            errno: 1,
        };
        assert_eq!(read, [expected]);
    }

    #[test]
    fn nothing_that_is_damaged_or_cut_short_breaks_it() {
        let bytes = [
            with(&[
                (attribute::PACKET_HDR, &HEADER),
                (attribute::TIMESTAMP, &[0xff; 16]),
                (attribute::HWADDR, &[0xff; 12]),
                (attribute::PAYLOAD, &[0x45; 20]),
            ]),
            with(&[(attribute::PACKET_HDR, &HEADER)]),
        ]
        .concat();
        for end in 0..bytes.len() {
            assert!(Messages(&bytes[..end]).count() <= 2);
            assert!(matches!(packet_id(&bytes[..end]), None | Some(9)));
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
            (Some(Hook(0)), Some(2), None, false),
            (Some(Hook(2)), Some(2), Some(3), false),
            (Some(Hook::OUTPUT), None, Some(3), true),
            (Some(Hook::POSTROUTING), None, Some(3), true),
            (Some(Hook::POSTROUTING), Some(2), Some(3), false),
        ] {
            let queued = Queued {
                input,
                output,
                hook,
                ..Queued::default()
            };
            assert_eq!(queued.is_outbound(), outbound, "{queued:?}");
        }
    }
}
