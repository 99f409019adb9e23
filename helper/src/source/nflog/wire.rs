//! The messages of `nfnetlink_log` (`linux/netfilter/nfnetlink_log.h`): what is asked of the kernel. What it sends
//! is read by [`crate::decode::nflog`].
//!
//! Pure: values in, bytes out.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::source::request::Request;

/// `NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG`.
const CONFIG: u16 = (4 << 8) | 1;
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
    let [a, b, c, d] = copy_bytes.to_be_bytes();
    let request = Request::answered(CONFIG, group, sequence)
        .with(config::CMD, &[BIND])
        .with(config::MODE, &[a, b, c, d, COPY_PACKET, 0])
        .with(config::NLBUFSIZ, &buffer_bytes.to_be_bytes())
        .with(config::FLAGS, &FLAG_SEQ.to_be_bytes());
    with_delivery(request, delivery).finish()
}

/// The request to deliver otherwise from now on.
#[must_use]
pub fn deliver(group: u16, delivery: Delivery) -> Vec<u8> {
    with_delivery(Request::new(CONFIG, group), delivery).finish()
}

fn with_delivery(request: Request, delivery: Delivery) -> Request {
    request
        .with(config::TIMEOUT, &delivery.timeout.to_be_bytes())
        .with(config::QTHRESH, &delivery.threshold.to_be_bytes())
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
        let message = deliver(5370, delivery);
        let expected = [
            &36_u32.to_ne_bytes()[..],
            &[CONFIG.to_ne_bytes(), 1_u16.to_ne_bytes()].concat(),
            &[0; 4],                         // no answer is asked for
            &[0, 0, 0, 0, 0, 0, 0x14, 0xfa], // port id, family, version, the group big endian
            &[8_u16.to_ne_bytes(), config::TIMEOUT.to_ne_bytes()].concat(),
            &[0, 0, 0, 2],
            &[8_u16.to_ne_bytes(), config::QTHRESH.to_ne_bytes()].concat(),
            &[0, 0, 0, 64],
        ];
        assert_eq!(message, expected.concat());
    }
}
