//! The fields of a log line, one after the other: words between single blanks.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::Error;

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    /// Is nothing left but blanks?
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.bytes().all(|byte| byte == b' ')
    }

    /// Does the next field begin so?
    pub(super) fn next_is(&self, key: &str) -> bool {
        self.rest.starts_with(key)
    }

    /// The value of the next field where its key is this one.
    pub(super) fn optional(&mut self, key: &str) -> Option<&'a str> {
        let value = self.rest.strip_prefix(key)?;
        let end = value
            .bytes()
            .position(|byte| byte == b' ')
            .unwrap_or(value.len());
        let (value, rest) = value.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(value)
    }

    /// The value of the next field, whose key must be this one.
    pub(super) fn required(&mut self, key: &'static str) -> Result<&'a str, Error> {
        self.optional(key).ok_or(Error::Missing(key))
    }

    /// Takes the next field where it is this word.
    pub(super) fn word(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) if rest.is_empty() => self.rest = rest,
            Some(rest) if rest.starts_with(' ') => self.rest = rest.get(1..).unwrap_or_default(),
            _ => return false,
        }
        true
    }

    /// A decimal number in range.
    pub(super) fn number<T: FromStr>(&mut self, key: &'static str) -> Result<T, Error> {
        number(self.required(key)?).ok_or(Error::Value(key))
    }

    /// A decimal number in range, where the field is there.
    pub(super) fn optional_number<T: FromStr>(
        &mut self,
        key: &'static str,
    ) -> Result<Option<T>, Error> {
        self.optional(key)
            .map(|text| number(text).ok_or(Error::Value(key)))
            .transpose()
    }

    /// A byte as `0x1f`.
    pub(super) fn hex(&mut self, key: &'static str) -> Result<u8, Error> {
        let digits = self
            .required(key)?
            .strip_prefix("0x")
            .ok_or(Error::Value(key))?;
        hex_digits(digits)
            .and_then(|value| u8::try_from(value).ok())
            .ok_or(Error::Value(key))
    }

    /// An address.
    pub(super) fn address(&mut self, key: &'static str) -> Result<IpAddr, Error> {
        address(self.required(key)?).ok_or(Error::Value(key))
    }

    /// `OPT (020405B4)`: the digits between the brackets.
    pub(super) fn hex_dump(&mut self) -> Result<Option<&'a str>, Error> {
        let Some(rest) = self.rest.strip_prefix("OPT (") else {
            return Ok(None);
        };
        let (digits, rest) = rest.split_once(')').ok_or(Error::Value("OPT"))?;
        if digits.len() > 80
            || !digits.len().is_multiple_of(2)
            || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(Error::Value("OPT"));
        }
        self.rest = rest.strip_prefix(' ').unwrap_or(rest);
        Ok(Some(digits))
    }

    /// `INCOMPLETE [8 bytes]`: the packet ends within the header that comes next.
    pub(super) fn incomplete(&mut self) -> Result<bool, Error> {
        if !self.word("INCOMPLETE") {
            return Ok(false);
        }
        let count = self.optional("[").and_then(number::<u32>);
        (count.is_some() && self.word("bytes]"))
            .then_some(true)
            .ok_or(Error::Value("INCOMPLETE"))
    }

    /// Skips the packet that an ICMP error quotes, `[SRC=.. ]`; within it only `INCOMPLETE [8 bytes]` has brackets.
    pub(super) fn quoted_packet(&mut self) -> Result<(), Error> {
        if !self.rest.starts_with('[') {
            return Ok(());
        }
        let mut depth = 0_u32;
        for (at, byte) in self.rest.bytes().enumerate() {
            match byte {
                b'[' => depth = depth.saturating_add(1),
                b']' => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if depth == 0 {
                let (quoted, rest) = self
                    .rest
                    .split_at_checked(at.saturating_add(1))
                    .unwrap_or((self.rest, ""));
                self.rest = rest.strip_prefix(' ').unwrap_or(rest);
                let sound = (quoted.starts_with("[SRC=") || quoted.starts_with("[TRUNCATED"))
                    && !quoted.contains("IN=");
                return sound.then_some(()).ok_or(Error::Value("["));
            }
        }
        Err(Error::Missing("]"))
    }
}

/// A decimal number in range, digits alone.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// A hexadecimal number of at most 32 bits, digits alone.
pub(super) fn hex_digits(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(text, 16).ok())
        .flatten()
}

/// The bytes that pairs of hexadecimal digits stand for.
pub(super) fn hex_pairs(digits: &str) -> impl Iterator<Item = u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
            .unwrap_or(0)
    };
    digits
        .as_bytes()
        .as_chunks::<2>()
        .0
        .iter()
        .map(move |[high, low]| digit(*high) << 4 | digit(*low))
}

/// An address; the kernel writes IPv6 in full length, which is read without the general parser.
fn address(text: &str) -> Option<IpAddr> {
    if text.len() == 39 {
        let mut bits = 0_u128;
        for (at, byte) in text.bytes().enumerate() {
            if at % 5 == 4 {
                (byte == b':').then_some(())?;
            } else {
                bits = bits << 4 | u128::from(char::from(byte).to_digit(16)?);
            }
        }
        return Some(Ipv6Addr::from_bits(bits).into());
    }
    if text.contains(':') {
        text.parse().ok().map(IpAddr::V6)
    } else {
        text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    }
}

/// Is the group bit of the address that this text begins with set (IEEE 802: the lowest bit of the first byte)?
pub(super) fn is_group_mac(text: &str) -> bool {
    text.get(..2)
        .and_then(hex_digits)
        .is_some_and(|byte| byte & 1 == 1)
}
