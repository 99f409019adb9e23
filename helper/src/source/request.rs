//! Requests to a part of the kernel's netfilter that has numbered groups or queues, as bytes (`linux/netfilter/nfnetlink.h`).
//!
//! Pure: values in, bytes out.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NLM_F_ACK`.
const ACK: u16 = 4;

/// A request that is being written.
#[derive(Debug)]
pub(super) struct Request(Vec<u8>);

impl Request {
    /// A request of this kind (subsystem and type) about a group or queue. Only where it is refused it is answered.
    pub(super) fn new(kind: u16, number: u16) -> Self {
        Self::begin(kind, number, 0, REQUEST)
    }

    /// As [`Self::new`], but it is answered in any case, by the number `sequence`.
    pub(super) fn answered(kind: u16, number: u16, sequence: u32) -> Self {
        Self::begin(kind, number, sequence, REQUEST | ACK)
    }

    fn begin(kind: u16, number: u16, sequence: u32, flags: u16) -> Self {
        let mut message = Vec::with_capacity(96);
        message.extend(0_u32.to_ne_bytes()); // the length, set by `finish`
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(sequence.to_ne_bytes());
        message.extend(0_u32.to_ne_bytes()); // the port id, which the kernel knows
        message.extend([0, 0]); // family AF_UNSPEC, version 0
        message.extend(number.to_be_bytes());
        Self(message)
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let len = u16::try_from(value.len().saturating_add(4))
            .expect("attributes of a request have a few bytes");
        self.0.extend(len.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// The whole message.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut message = self.0;
        let len = u32::try_from(message.len()).expect("a request has less than a hundred bytes");
        if let Some(place) = message.first_chunk_mut() {
            *place = len.to_ne_bytes();
        }
        message
    }
}
