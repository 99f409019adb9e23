//! The messages of `nfnetlink_log` (`linux/netfilter/nfnetlink_log.h`): what is asked of the kernel. What it sends
//! is read by [`crate::decode::nflog`].
//!
//! Pure: values in, bytes out.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// `NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG`.
const CONFIG: u16 = (4 << 8) | 1;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NLM_F_ACK`.
const ACK: u16 = 4;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tells_its_length_and_its_group() {
        let delivery = Delivery {
            threshold: 64,
            timeout: 2,
        };
        let message = deliver(5370, 9, delivery);
        let expected = [
            &36_u32.to_ne_bytes()[..],
            &[CONFIG.to_ne_bytes(), REQUEST.to_ne_bytes()].concat(),
            &9_u32.to_ne_bytes(),
            &[0, 0, 0, 0, 0, 0, 0x14, 0xfa], // port id, family, version, the group big endian
            &[8_u16.to_ne_bytes(), config::TIMEOUT.to_ne_bytes()].concat(),
            &[0, 0, 0, 2],
            &[8_u16.to_ne_bytes(), config::QTHRESH.to_ne_bytes()].concat(),
            &[0, 0, 0, 64],
        ];
        assert_eq!(message, expected.concat());
    }
}
