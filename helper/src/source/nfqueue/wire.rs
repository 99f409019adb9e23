//! The messages of `nfnetlink_queue` (`linux/netfilter/nfnetlink_queue.h`): what is asked of the kernel. What it sends is read by
//! [`crate::decode::nfqueue`].
//!
//! Pure: values in, bytes out.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::source::request::Request;

/// `NFNL_SUBSYS_QUEUE << 8`.
const SUBSYSTEM: u16 = 3 << 8;
/// `NFQNL_MSG_CONFIG`.
const CONFIG: u16 = SUBSYSTEM | 2;
/// `NFQNL_MSG_VERDICT_BATCH`: one verdict for a packet and for all before it.
const VERDICT_BATCH: u16 = SUBSYSTEM | 3;
/// `NFQNL_CFG_CMD_*`. `PF_BIND` is not needed since Linux 3.8.
const BIND: u8 = 1;
const UNBIND: u8 = 2;
/// `NFQNL_COPY_PACKET`.
const COPY_PACKET: u8 = 2;
/// `NFQA_CFG_F_FAIL_OPEN`: what does not fit into the queue passes instead of being dropped.
const FAIL_OPEN: u32 = 1;
/// `NFQA_CFG_F_GSO`: packets of one connection that travel as one are queued as one, and need not be cut apart.
const GSO: u32 = 4;
/// `NFQA_CFG_*`.
mod config {
    pub(super) const CMD: u16 = 1;
    pub(super) const PARAMS: u16 = 2;
    pub(super) const QUEUE_MAXLEN: u16 = 3;
    pub(super) const MASK: u16 = 4;
    pub(super) const FLAGS: u16 = 5;
}
/// `NFQA_VERDICT_HDR`.
const VERDICT_HDR: u16 = 2;
/// `NF_ACCEPT` (`linux/netfilter.h`).
const ACCEPT: u32 = 1;

/// The request to become the only listener of `queue`, in one message, so that the queue is never without its flags.
#[must_use]
pub fn bind(queue: u16, sequence: u32, copy_bytes: u32, length: u32) -> Vec<u8> {
    let [a, b, c, d] = copy_bytes.to_be_bytes();
    let flags = (FAIL_OPEN | GSO).to_be_bytes();
    Request::answered(CONFIG, queue, sequence)
        .with(config::CMD, &[BIND, 0, 0, 0])
        .with(config::PARAMS, &[a, b, c, d, COPY_PACKET])
        .with(config::QUEUE_MAXLEN, &length.to_be_bytes())
        .with(config::MASK, &flags)
        .with(config::FLAGS, &flags)
        .finish()
}

/// The request that so many packets may wait in the queue from now on.
#[must_use]
pub fn set_length(queue: u16, length: u32) -> Vec<u8> {
    Request::new(CONFIG, queue)
        .with(config::QUEUE_MAXLEN, &length.to_be_bytes())
        .finish()
}

/// The request to be the listener of `queue` no longer. What waits in it is dropped by the kernel.
#[must_use]
pub fn unbind(queue: u16) -> Vec<u8> {
    Request::new(CONFIG, queue)
        .with(config::CMD, &[UNBIND, 0, 0, 0])
        .finish()
}

/// The request to let the packet `id` pass, and all that came before it. It is answered where none of them waits.
#[must_use]
pub fn accept(queue: u16, id: u32) -> Vec<u8> {
    let verdict = u64::from(ACCEPT) << 32 | u64::from(id);
    Request::new(VERDICT_BATCH, queue)
        .with(VERDICT_HDR, &verdict.to_be_bytes())
        .finish()
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_tells_its_queue_and_the_last_packet() {
        let message = accept(5370, 9);
        let expected = [
            &32_u32.to_ne_bytes()[..],
            &[VERDICT_BATCH.to_ne_bytes(), 1_u16.to_ne_bytes()].concat(),
            &[0; 4],                         // sequence
            &[0, 0, 0, 0, 0, 0, 0x14, 0xfa], // port id, family, version, the queue big endian
            &[12_u16.to_ne_bytes(), VERDICT_HDR.to_ne_bytes()].concat(),
            &[0, 0, 0, 1, 0, 0, 0, 9],
        ];
        assert_eq!(message, expected.concat());
    }

    #[test]
    fn the_queue_is_bound_with_all_that_makes_it_harmless() {
        let message = bind(7, 3, 128, 0x2000);
        let attribute = |kind: u16, value: &[u8]| {
            let whole = Request::new(CONFIG, 7).with(kind, value).finish();
            let bytes = &whole[20..]; // behind the headers
            message.windows(bytes.len()).any(|window| window == bytes)
        };
        assert!(attribute(config::CMD, &[1, 0, 0, 0]));
        assert!(attribute(config::PARAMS, &[0, 0, 0, 128, 2]));
        assert!(attribute(config::QUEUE_MAXLEN, &[0, 0, 0x20, 0]));
        assert!(attribute(config::MASK, &[0, 0, 0, 5]));
        assert!(attribute(config::FLAGS, &[0, 0, 0, 5]));
    }
}
