//! The messages of `nfnetlink_log` (`linux/netfilter/nfnetlink_log.h`): what is asked of the kernel and what it sends.
//!
//! Pure: bytes in, values out. Everything read is bounded by the slice that it lies in.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::event::Timestamp;

/// `NLMSG_ERROR` (linux/netlink.h): an error, or with code 0 an acknowledgment.
const NLMSG_ERROR: u16 = 2;
/// `NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET`.
const PACKET: u16 = 4 << 8;
/// `NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG`.
const CONFIG: u16 = (4 << 8) | 1;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NLM_F_ACK`.
const ACK: u16 = 4;
/// Length of a netlink header and of the nfgenmsg behind it, in bytes.
const NLMSG_HEADER: usize = 16;
const NFGENMSG: usize = 4;

/// `NFULNL_CFG_CMD_BIND`. `PF_BIND` is never sent: it would take the kernel's own logging over.
const BIND: u8 = 1;
/// `NFULNL_COPY_PACKET`.
const COPY_PACKET: u8 = 2;
/// `NFULNL_CFG_F_SEQ`: number the records, so that a gap tells exactly how many were lost.
const FLAG_SEQ: u16 = 1;
/// `NFULA_CFG_*`.
mod config {
    pub(super) const CMD: u16 = 1;
    pub(super) const MODE: u16 = 2;
    pub(super) const NLBUFSIZ: u16 = 3;
    pub(super) const TIMEOUT: u16 = 4;
    pub(super) const QTHRESH: u16 = 5;
    pub(super) const FLAGS: u16 = 6;
}
/// `NFULA_*`.
mod attribute {
    pub(super) const TIMESTAMP: u16 = 3;
    pub(super) const IFINDEX_INDEV: u16 = 4;
    pub(super) const PAYLOAD: u16 = 9;
    pub(super) const PREFIX: u16 = 10;
    pub(super) const SEQ: u16 = 12;
    pub(super) const HWTYPE: u16 = 15;
    pub(super) const HWHEADER: u16 = 16;
}
/// `NLA_TYPE_MASK`: the type without the flags for nesting and byte order.
const TYPE_MASK: u16 = 0x3fff;
/// `ARPHRD_ETHER` (`linux/if_arp.h`).
const ETHERNET: u16 = 1;

/// How the kernel shall deliver the records of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// So many records are collected before they are sent; 1 sends each at once.
    pub threshold: u32,
    /// Collected records are sent after so many hundredths of a second at the latest.
    pub timeout: u32,
}

/// The request to become the listener of `group`.
#[must_use]
pub fn bind(
    group: u16,
    sequence: u32,
    copy_bytes: u32,
    buffer_bytes: u32,
    delivery: Delivery,
) -> Vec<u8> {
    let mut message = begin(group, sequence, REQUEST | ACK);
    push(&mut message, config::CMD, &[BIND]);
    let [a, b, c, d] = copy_bytes.to_be_bytes();
    push(&mut message, config::MODE, &[a, b, c, d, COPY_PACKET, 0]);
    push(&mut message, config::NLBUFSIZ, &buffer_bytes.to_be_bytes());
    push(&mut message, config::FLAGS, &FLAG_SEQ.to_be_bytes());
    push_delivery(&mut message, delivery);
    finish(message)
}

/// The request to deliver otherwise from now on. No answer is asked for.
#[must_use]
pub fn deliver(group: u16, sequence: u32, delivery: Delivery) -> Vec<u8> {
    let mut message = begin(group, sequence, REQUEST);
    push_delivery(&mut message, delivery);
    finish(message)
}

fn push_delivery(message: &mut Vec<u8>, delivery: Delivery) {
    push(message, config::TIMEOUT, &delivery.timeout.to_be_bytes());
    push(message, config::QTHRESH, &delivery.threshold.to_be_bytes());
}

fn begin(group: u16, sequence: u32, flags: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(96);
    message.extend(0_u32.to_ne_bytes()); // the length, set by `finish`
    message.extend(CONFIG.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes()); // the port id, which the kernel knows
    message.extend([0, 0]); // family AF_UNSPEC, version 0
    message.extend(group.to_be_bytes());
    message
}

fn push(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let len = u16::try_from(value.len().saturating_add(4))
        .expect("attributes of a request have a few bytes");
    message.extend(len.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn finish(mut message: Vec<u8>) -> Vec<u8> {
    let len = u32::try_from(message.len()).expect("a request has less than a hundred bytes");
    if let Some(place) = message.first_chunk_mut() {
        *place = len.to_ne_bytes();
    }
    message
}

/// One record of the kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub interface: Option<u32>,
    /// Was the frame sent to a group address (its first byte is odd, IEEE 802)?
    pub group_frame: bool,
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
        loop {
            let len = usize::try_from(u32_at(self.0, 0)?).ok()?;
            let kind = u16_at(self.0, 4)?;
            let message = self.0.get(NLMSG_HEADER..len)?;
            self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
            match kind {
                PACKET => return Some(Message::Record(record(message.get(NFGENMSG..)?))),
                // nlmsgerr: a negative errno, then the header of the request
                NLMSG_ERROR => {
                    let errno = i32::from_ne_bytes(*message.first_chunk()?).checked_neg()?;
                    return Some(Message::Answer {
                        sequence: u32_at(message, 12)?,
                        errno,
                    });
                }
                _ => {}
            }
        }
    }
}

fn record(mut attributes: &[u8]) -> Record<'_> {
    let mut record = Record {
        payload: &[],
        prefix: &[],
        sequence: None,
        time: None,
        interface: None,
        group_frame: false,
    };
    let (mut ethernet, mut to_group) = (false, false);
    while let Some((kind, value, rest)) = attribute(attributes) {
        attributes = rest;
        match kind {
            attribute::TIMESTAMP => record.time = time(value),
            attribute::IFINDEX_INDEV => {
                record.interface = value.first_chunk().copied().map(u32::from_be_bytes);
            }
            attribute::PAYLOAD => record.payload = value,
            attribute::PREFIX => {
                record.prefix = value.split(|byte| *byte == 0).next().unwrap_or_default();
            }
            attribute::SEQ => {
                record.sequence = value.first_chunk().copied().map(u32::from_be_bytes);
            }
            attribute::HWTYPE => {
                ethernet = value.first_chunk().copied().map(u16::from_be_bytes) == Some(ETHERNET);
            }
            attribute::HWHEADER => to_group = value.first().is_some_and(|byte| byte & 1 == 1),
            _ => {}
        }
    }
    record.group_frame = ethernet && to_group;
    record
}

/// The first attribute of these, and what follows it.
fn attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let len = usize::from(u16_at(bytes, 0)?);
    let kind = u16_at(bytes, 2)?;
    let value = bytes.get(4..len)?;
    Some((
        kind & TYPE_MASK,
        value,
        bytes.get(len.next_multiple_of(4)..).unwrap_or_default(),
    ))
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

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_ne_bytes)
}

#[cfg(test)]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(NLMSG_HEADER + body.len()).unwrap();
        [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat()
    }

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
            (1, &[8, 0, 2, 0]), // NFULA_PACKET_HDR, which nobody asks for
            (attribute::TIMESTAMP, &time),
            (attribute::IFINDEX_INDEV, &3_u32.to_be_bytes()),
            (attribute::PREFIX, b"ww:seen\0"),
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
            interface: Some(3),
            group_frame: true,
        };
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
        bytes.extend(message(NLMSG_ERROR, &refused));
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
    fn a_message_that_claims_no_length_does_not_loop() {
        assert_eq!(Messages(&[0; 64]).count(), 0);
    }
}
