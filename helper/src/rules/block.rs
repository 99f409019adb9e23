//! Addresses that begin with the same bits.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Deserializer, de};

use crate::neighbourhood::shares_prefix;

/// An address, or all that begin with the same bits: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    prefix_len: u8,
}

impl Block {
    /// Reads an address with or without the length of its prefix in bits; the bits behind must be 0. The error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = || {
            text.chars()
                .take(60)
                .collect::<String>()
                .escape_debug()
                .to_string()
        };
        let (address, prefix_len) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| {
            format!(
                "'{}' is no address: write one like 192.0.2.7 or 192.0.2.0/24",
                shown()
            )
        })?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = match prefix_len {
            None => most,
            Some(length) => length
                .parse()
                .ok()
                .filter(|length| *length <= most)
                .ok_or_else(|| {
                    format!(
                        "the prefix of '{}' is no number of bits from 0 to {most}",
                        shown()
                    )
                })?,
        };
        let block = Self {
            address,
            prefix_len,
        };
        let first = block.first();
        if first == address {
            Ok(block)
        } else {
            Err(format!(
                "'{}' is one address of {first}/{prefix_len}: write the one or the other",
                shown()
            ))
        }
    }

    /// Its first address.
    fn first(self) -> IpAddr {
        let behind = |bits: u32| bits.saturating_sub(u32::from(self.prefix_len));
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(behind(u32::BITS)).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(behind(u128::BITS)).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        }
    }

    /// Is this one of its addresses?
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        shares_prefix(self.address, address, self.prefix_len)
    }

    /// Is the source of an alert within, be it an address or a whole /64?
    #[must_use]
    pub fn contains_source(self, source: &str) -> bool {
        Self::parse(source).is_ok_and(|source| {
            source.prefix_len >= self.prefix_len && self.contains(source.address)
        })
    }

    /// All addresses that share so many leading bits with this one.
    #[must_use]
    pub fn around(address: IpAddr, prefix_len: u8) -> Self {
        Self {
            address,
            prefix_len,
        }
    }
}

/// As it is read; an address alone without its length.
impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix_len == most {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix_len)
        }
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_written_as_it_is_read() {
        for text in [
            "192.0.2.7",
            "192.0.2.0/24",
            "0.0.0.0/0",
            "::/0",
            "2001:db8::/32",
            "2001:db8::1",
        ] {
            assert_eq!(Block::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Block::parse("192.0.2.7/32").unwrap().to_string(),
            "192.0.2.7"
        );
    }

    #[test]
    fn a_source_is_within_where_all_of_it_is() {
        let site = Block::parse("2001:db8::/32").unwrap();
        assert!(site.contains_source("2001:db8:0:7::/64"));
        assert!(!site.contains_source("2001:db9:0:7::/64"));
        assert!(!site.contains_source("2001:d00::/24"));
        assert!(!site.contains_source(""));
    }
}
