//! Addresses on a log line: IPv4 with dots, IPv6 in full length as the kernel writes it or compressed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Error,
    fields::{Fields, nibble, wrong},
};

/// Characters of an IPv6 address in full length: eight groups of four digits and seven colons.
const FULL_LENGTH: usize = 39;
/// Characters of the longest IPv6 address, one that ends in dots (`INET6_ADDRSTRLEN`, without its NUL).
const LONGEST: usize = 45;

impl Fields<'_> {
    /// The field `KEY=192.0.2.1` or `KEY=2001:0db8:..`, which must come next.
    #[inline]
    pub(super) fn address<const N: usize>(
        &mut self,
        key: &'static [u8; N],
    ) -> Result<IpAddr, Error> {
        self.expect(key)?;
        let address = match self.ipv4() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(self.ipv6().ok_or_else(|| wrong(key))?),
        };
        self.end().ok_or_else(|| wrong(key))?;
        Ok(address)
    }

    /// Four numbers of at most 255 without leading zeros; takes nothing where they do not stand there.
    #[inline]
    pub(super) fn ipv4(&mut self) -> Option<Ipv4Addr> {
        let mut rest = self.rest();
        let mut bits = 0_u32;
        for place in 0..4_u8 {
            if place > 0 {
                rest = rest.strip_prefix(b".")?;
            }
            let (octet, behind) = octet(rest)?;
            bits = bits << 8 | octet;
            rest = behind;
        }
        *self = Self::new(rest);
        Some(Ipv4Addr::from_bits(bits))
    }

    fn ipv6(&mut self) -> Option<Ipv6Addr> {
        let full = self
            .rest()
            .split_first_chunk::<FULL_LENGTH>()
            .and_then(|(text, rest)| Some((full_length(text)?, rest)));
        let (address, rest) = match full {
            Some(found) => found,
            None => compressed(self.rest())?,
        };
        *self = Self::new(rest);
        Some(address)
    }
}

/// A number of at most 255 without leading zeros, and what follows.
#[inline]
fn octet(text: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = digit(text)?;
    let Some((second, rest)) = digit(rest) else {
        return Some((first, rest));
    };
    if first == 0 {
        return None;
    }
    let value = first.wrapping_mul(10).wrapping_add(second);
    let Some((third, rest)) = digit(rest) else {
        return Some((value, rest));
    };
    let value = value.wrapping_mul(10).wrapping_add(third);
    (value <= 255).then_some((value, rest))
}

#[inline]
fn digit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (byte, rest) = text.split_first()?;
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some((digit.into(), rest))
}

/// Eight groups of four digits.
fn full_length(text: &[u8; FULL_LENGTH]) -> Option<Ipv6Addr> {
    let (groups, last) = text.as_chunks::<5>();
    let last: &[u8; 4] = last.try_into().ok()?;
    let mut bits = 0_u128;
    let mut wrong = 0;
    let mut group = |[a, b, c, d]: [u8; 4]| {
        let (a, b, c, d) = (nibble(a), nibble(b), nibble(c), nibble(d));
        wrong |= (a | b | c | d) & 0xf0;
        bits = bits << 16 | u128::from(u16::from_be_bytes([a << 4 | b, c << 4 | d]));
    };
    let mut colons = 0;
    for [a, b, c, d, colon] in groups {
        colons |= colon ^ b':';
        group([*a, *b, *c, *d]);
    }
    group(*last);
    ((wrong | colons) == 0).then(|| Ipv6Addr::from_bits(bits))
}

/// An address as other programs write it, and what follows.
#[cold]
fn compressed(text: &[u8]) -> Option<(Ipv6Addr, &[u8])> {
    let of_address = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let end = text
        .iter()
        .position(|byte| !of_address(byte))
        .unwrap_or(text.len());
    let (address, rest) = text.split_at_checked(end)?;
    if address.len() > LONGEST {
        return None;
    }
    let address = std::str::from_utf8(address).ok()?.parse().ok()?;
    Some((address, rest))
}
