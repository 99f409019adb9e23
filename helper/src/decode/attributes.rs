//! What all netlink messages have in common (`linux/netlink.h`): the messages of a datagram, and the attributes of a message.

use super::order::Order;

/// `NLMSG_ERROR`: an error, or with code 0 an acknowledgment.
const NLMSG_ERROR: u16 = 2;
/// Length of a netlink header in bytes.
const NLMSG_HEADER: usize = 16;
/// Length of the `nfgenmsg` (`linux/netfilter/nfnetlink.h`) that begins the body of netfilter's messages: family, version, and
/// two bytes in the network's order.
pub(super) const NFGENMSG: usize = 4;
/// Length of an attribute's header in bytes: a length, which is that of the header too, and a type.
const HEADER: usize = 4;
/// `NLA_TYPE_MASK`: the type without the flags for nesting and byte order.
const TYPE_MASK: u16 = 0x3fff;

/// A message as it lies in a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// What it is, as `NLMSG_*` or subsystem and type.
    pub kind: u16,
    /// Flags, as `NLM_F_*`.
    pub flags: u16,
    /// The number of the request that it answers; 0 of an event.
    pub sequence: u32,
    /// What stands behind the header.
    pub body: &'a [u8],
}

impl Envelope<'_> {
    /// Where it is the answer to a request: the request's number, and 0 or an errno.
    #[must_use]
    pub fn answer(&self) -> Option<(u32, i32)> {
        if self.kind != NLMSG_ERROR {
            return None;
        }
        // nlmsgerr: a negative errno, then the header of the request
        let errno = i32::from_ne_bytes(*self.body.first_chunk()?).checked_neg()?;
        Some((Order::NATIVE.u32_at(self.body, 12)?, errno))
    }
}

/// The messages of one datagram, in the order of this machine. What is cut short is left out.
#[derive(Debug, Clone)]
pub struct Envelopes<'a>(pub &'a [u8]);

impl<'a> Iterator for Envelopes<'a> {
    type Item = Envelope<'a>;

    #[inline]
    fn next(&mut self) -> Option<Envelope<'a>> {
        const NATIVE: Order = Order::NATIVE;
        let len = usize::try_from(NATIVE.u32_at(self.0, 0)?).ok()?;
        let envelope = Envelope {
            kind: NATIVE.u16_at(self.0, 4)?,
            flags: NATIVE.u16_at(self.0, 6)?,
            sequence: NATIVE.u32_at(self.0, 8)?,
            body: self.0.get(NLMSG_HEADER..len)?,
        };
        self.0 = self.0.get(aligned(len)..).unwrap_or_default();
        Some(envelope)
    }
}

/// Where what follows so many bytes begins (`NLMSG_ALIGN`, `NLA_ALIGN`): at a multiple of four.
pub(super) const fn aligned(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// Attributes one after the other, as their type and their value. What is cut short ends them.
///
/// Lengths and types are in the order given (in capture files it is that of the machine that wrote them); numbers within
/// netfilter's attributes are in the network's.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) order: Order,
}

impl<'a> Attributes<'a> {
    /// The attributes that these bytes are.
    #[must_use]
    pub const fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { bytes, order }
    }

    /// The type of the attribute whose header begins at this byte, and the length of both; `None` where it is cut short.
    #[inline]
    pub(super) fn head(&self, at: usize) -> Option<(u16, usize)> {
        let rest = self.bytes.get(at..)?;
        let head: &[u8; HEADER] = rest.first_chunk()?;
        let len = usize::from(self.order.u16_at(head, 0)?);
        let kind = self.order.u16_at(head, 2)?;
        (HEADER <= len && len <= rest.len()).then_some((kind & TYPE_MASK, len))
    }

    /// The value of that attribute.
    #[inline]
    pub(super) fn value(&self, at: usize) -> Option<&'a [u8]> {
        let (_, len) = self.head(at)?;
        self.bytes.get(at..)?.get(HEADER..len)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let (kind, len) = self.head(0)?;
        let value = self.bytes.get(HEADER..len)?;
        self.bytes = self.bytes.get(aligned(len)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// Messages by hand, for the tests of those who read them.
#[cfg(test)]
pub(super) mod made {
    use super::NLMSG_HEADER;

    /// Puts an attribute behind a message.
    pub(in super::super) fn push(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
        let len = u16::try_from(value.len().saturating_add(4)).unwrap();
        message.extend(len.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    }

    /// A message of this type that nobody asked for.
    pub(in super::super) fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(NLMSG_HEADER.saturating_add(body.len())).unwrap();
        [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_with_its_header() {
        let mut bytes = made::message(0x0401, &[7, 8, 9]);
        bytes.push(0); // messages begin at multiples of four
        bytes.extend(made::message(3, &[]));
        if let Some(place) = bytes.get_mut(6..12) {
            place.copy_from_slice(&[&5_u16.to_ne_bytes()[..], &77_u32.to_ne_bytes()].concat());
        }
        let read: Vec<_> = Envelopes(&bytes).collect();
        let expected = [
            Envelope {
                kind: 0x0401,
                flags: 5,
                sequence: 77,
                body: &[7, 8, 9],
            },
            Envelope {
                kind: 3,
                flags: 0,
                sequence: 0,
                body: &[],
            },
        ];
        assert_eq!(read, expected);
        assert!(read.iter().all(|envelope| envelope.answer().is_none()));
    }

    #[test]
    fn what_claims_no_length_does_not_loop() {
        assert_eq!(Envelopes(&[0; 64]).count(), 0);
        assert_eq!(Attributes::new(&[0; 64], Order::NATIVE).count(), 0);
    }

    #[test]
    fn an_attribute_is_read_without_its_flags_and_its_filling() {
        let mut bytes = Vec::new();
        made::push(&mut bytes, 0x8001, &[1]);
        made::push(&mut bytes, 2, &[]);
        made::push(&mut bytes, 3, &[1, 2, 3, 4]);
        let read: Vec<_> = Attributes::new(&bytes, Order::NATIVE).collect();
        let expected: [(u16, &[u8]); 3] = [(1, &[1]), (2, &[]), (3, &[1, 2, 3, 4])];
        assert_eq!(read, expected);
    }
}
