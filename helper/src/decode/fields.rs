//! A cursor over the bytes of a log line: each call takes the next field where it is what it should be.
//!
//! A field ends with one blank or with the text. Nothing is looked at twice, and nothing is searched for.

use super::Error;

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// A value that cannot be.
#[cold]
pub(super) fn wrong<const N: usize>(key: &'static [u8; N]) -> Error {
    Error::Value(std::str::from_utf8(key).unwrap_or_default())
}

/// A field that does not stand where it should.
#[cold]
fn missing<const N: usize>(key: &'static [u8; N]) -> Error {
    Error::Missing(std::str::from_utf8(key).unwrap_or_default())
}

impl<'a> Fields<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// What is left.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Is nothing left?
    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Does the next field begin so?
    pub(super) fn next_is<const N: usize>(&self, key: &[u8; N]) -> bool {
        self.rest.first_chunk() == Some(key)
    }

    /// Takes these bytes where they come next.
    #[inline]
    pub(super) fn key<const N: usize>(&mut self, key: &[u8; N]) -> bool {
        match self.rest.split_first_chunk() {
            Some((head, rest)) if head == key => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes these bytes, which must come next.
    #[inline]
    pub(super) fn expect<const N: usize>(&mut self, key: &'static [u8; N]) -> Result<(), Error> {
        if self.key(key) {
            Ok(())
        } else {
            Err(missing(key))
        }
    }

    /// Takes the blank that ends a field, which the text's end spares.
    #[inline]
    pub(super) fn end(&mut self) -> Option<()> {
        match self.rest {
            [] => Some(()),
            [b' ', rest @ ..] => {
                self.rest = rest;
                Some(())
            }
            _ => None,
        }
    }

    /// Takes the next field where it is this word.
    #[inline]
    pub(super) fn word<const N: usize>(&mut self, word: &[u8; N]) -> bool {
        let mut ahead = *self;
        let taken = ahead.key(word) && ahead.end().is_some();
        if taken {
            *self = ahead;
        }
        taken
    }

    /// Takes `TRUNCATED`, behind which the kernel writes no blank.
    pub(super) fn truncated(&mut self) -> bool {
        let taken = self.key(b"TRUNCATED");
        if taken {
            let _blank = self.end();
        }
        taken
    }

    /// A value up to the next blank.
    pub(super) fn value(&mut self) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|byte| *byte == b' ')
            .unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest.get(1..).unwrap_or_default();
        value
    }

    /// A decimal number as the kernel writes it: no sign, no leading zero, at most `max`.
    #[inline]
    pub(super) fn decimal(&mut self, max: u32) -> Option<u32> {
        let (value, rest) = match self.rest.first_chunk().and_then(|text| few_digits(*text)) {
            Some((value, digits)) => (value, self.rest.get(digits..)?),
            None => many_digits(self.rest)?,
        };
        self.rest = rest;
        (value <= max).then_some(value)
    }

    /// The field `KEY=123`, which must come next.
    #[inline]
    pub(super) fn number<T: Bounded, const N: usize>(
        &mut self,
        key: &'static [u8; N],
    ) -> Result<T, Error> {
        self.expect(key)?;
        self.whole_number(T::MAX)
            .map(T::cut)
            .ok_or_else(|| wrong(key))
    }

    /// A decimal number of at most `max`, and the blank behind.
    fn whole_number(&mut self, max: u32) -> Option<u32> {
        if let Some(text) = self.rest.first_chunk()
            && let Some((value, digits)) = few_digits(*text)
            && let Some([b' ', rest @ ..]) = self.rest.get(digits..)
        {
            self.rest = rest;
            return (value <= max).then_some(value);
        }
        let value = self.decimal(max)?;
        self.end().map(|()| value)
    }

    /// The field `KEY=123`, where it comes next.
    #[inline]
    pub(super) fn optional_number<T: Bounded, const N: usize>(
        &mut self,
        key: &'static [u8; N],
    ) -> Result<Option<T>, Error> {
        if self.next_is(key) {
            self.number(key).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The field `KEY=0x1f`: a byte as two digits.
    #[inline]
    pub(super) fn byte<const N: usize>(&mut self, key: &'static [u8; N]) -> Result<u8, Error> {
        self.expect(key)?;
        self.hex_byte().ok_or_else(|| wrong(key))
    }

    #[inline]
    fn hex_byte(&mut self) -> Option<u8> {
        let ([b'0', b'x', high, low], rest) = self.rest.split_first_chunk()? else {
            return None;
        };
        self.rest = rest;
        self.end()?;
        pair(*high, *low)
    }

    /// A hexadecimal number of at most 32 bits, without `0x`.
    pub(super) fn hex(&mut self) -> Option<u32> {
        let mut value = 0_u32;
        let mut digits = 0_u8;
        while let [byte, rest @ ..] = self.rest {
            let digit = nibble(*byte);
            if digit > 15 {
                break;
            }
            // Eight digits of four bits.
            digits = digits.checked_add(1).filter(|digits| *digits <= 8)?;
            value = value << 4 | u32::from(digit);
            self.rest = rest;
        }
        (digits > 0).then_some(value)
    }

    /// The field `KEY=0x1f00`, which must come next.
    pub(super) fn hex_number<const N: usize>(
        &mut self,
        key: &'static [u8; N],
    ) -> Result<u32, Error> {
        self.expect(key)?;
        if !self.key(b"0x") {
            return Err(wrong(key));
        }
        self.hex()
            .and_then(|value| self.end().map(|()| value))
            .ok_or_else(|| wrong(key))
    }

    /// `N` bytes as `00:1b:21`, of a link-layer address.
    #[inline]
    pub(super) fn colon_hex<const N: usize>(&mut self) -> Option<[u8; N]> {
        let length = N.wrapping_mul(3).wrapping_sub(1);
        let (text, rest) = self.rest.split_at_checked(length)?;
        let (triples, last) = text.as_chunks();
        let [high, low] = last else { return None };
        let mut bytes = [0; N];
        let mut wrong = 0;
        let mut byte = |high: u8, low: u8| {
            let (high, low) = (nibble(high), nibble(low));
            wrong |= high | low;
            high << 4 | low
        };
        let (end, start) = bytes.split_last_mut()?;
        let mut colons = 0;
        for (place, [high, low, colon]) in start.iter_mut().zip(triples) {
            *place = byte(*high, *low);
            colons |= colon ^ b':';
        }
        *end = byte(*high, *low);
        self.rest = rest;
        (wrong < 16 && colons == 0).then_some(bytes)
    }

    /// The 14 bytes of an Ethernet header and the end of the field, where they come next.
    #[inline]
    pub(super) fn header(&mut self) -> Option<[u8; 14]> {
        let mut ahead = *self;
        let header = ahead.colon_hex()?;
        ahead.end()?;
        *self = ahead;
        Some(header)
    }

    /// The field `KEY=00:1b:21:aa:bb:cc`, which must come next.
    pub(super) fn mac<const N: usize>(&mut self, key: &'static [u8; N]) -> Result<[u8; 6], Error> {
        self.expect(key)?;
        self.colon_hex()
            .filter(|_| self.end().is_some())
            .ok_or_else(|| wrong(key))
    }

    /// `OPT (020405B4)`: the options of a header, at most 40 bytes; `None` where the kernel wrote none.
    pub(super) fn options<const N: usize>(
        &mut self,
    ) -> Result<Option<arrayvec::ArrayVec<u8, N>>, Error> {
        if !self.key(b"OPT (") {
            return Ok(None);
        }
        let options = self.bracketed_bytes().filter(|_| self.end().is_some());
        options.map(Some).ok_or(Error::Value("OPT"))
    }

    /// `020405B4)`: at least one byte and at most `N`.
    fn bracketed_bytes<const N: usize>(&mut self) -> Option<arrayvec::ArrayVec<u8, N>> {
        let longest = N.wrapping_mul(2).wrapping_add(1);
        let near = self.rest.get(..longest).unwrap_or(self.rest);
        let end = memchr::memchr(b')', near)?;
        let (digits, rest) = self.rest.split_at_checked(end)?;
        let (pairs, odd) = digits.as_chunks();
        let mut bytes = [0; N];
        let mut wrong = 0;
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (high, low) = (nibble(*high), nibble(*low));
            wrong |= high | low;
            *byte = high << 4 | low;
        }
        let bytes = bytes.get(..pairs.len()).filter(|bytes| !bytes.is_empty())?;
        self.rest = rest.get(1..)?;
        let mut options = arrayvec::ArrayVec::new();
        options.try_extend_from_slice(bytes).ok()?;
        (wrong < 16 && odd.is_empty()).then_some(options)
    }

    /// `INCOMPLETE [8 bytes]`: the packet ends within the header that comes next.
    #[inline]
    pub(super) fn incomplete(&mut self) -> Result<bool, Error> {
        if !self.next_is(b"INCOMPLETE") {
            return Ok(false);
        }
        self.missing_bytes()
            .map(|()| true)
            .ok_or(Error::Value("INCOMPLETE"))
    }

    #[cold]
    fn missing_bytes(&mut self) -> Option<()> {
        (self.word(b"INCOMPLETE") && self.key(b"[")).then_some(())?;
        self.decimal(u32::MAX)?;
        self.key(b" bytes]").then_some(())?;
        self.end()
    }
}

/// The number that the text begins with, and how many digits it has, where these are one to seven.
///
/// All eight bytes are looked at in one word: a byte is a digit where its difference to `0` is at most 9; digits are
/// added up in pairs, then in fours.
#[inline]
fn few_digits(text: [u8; 8]) -> Option<(u32, usize)> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const ABOVE_NINE: u64 = u64::from_le_bytes([0x76; 8]);
    const HIGHEST_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(text) ^ ZEROS;
    // What is above 9 or above 127 sets the highest bit; a carry spoils only bytes behind the first that does.
    let others = (word.wrapping_add(ABOVE_NINE) | word) & HIGHEST_BITS;
    let bits = others.trailing_zeros() & !7;
    if bits == 0 || bits == 64 || (bits > 8 && text.starts_with(b"0")) {
        return None;
    }
    // The last digit goes to the highest byte; zeros stand before the first.
    let digits = word << 64_u32.wrapping_sub(bits);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let value = fours.wrapping_mul(10_000).wrapping_add(fours >> 32);
    let [a, b, c, d, ..] = value.to_le_bytes();
    let count = usize::try_from(bits >> 3).ok()?;
    Some((u32::from_le_bytes([a, b, c, d]), count))
}

/// The number that the text begins with, and what follows.
fn many_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u32;
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if value == 0 && text.len() != rest.len() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(digit.into())?;
        rest = behind;
    }
    (text.len() != rest.len()).then_some((value, rest))
}

/// A number with the range of its field.
pub(super) trait Bounded {
    /// The greatest.
    const MAX: u32;
    /// The same number as this type; it is known to fit.
    fn cut(value: u32) -> Self;
}

impl Bounded for u8 {
    const MAX: u32 = 0xff;
    fn cut(value: u32) -> Self {
        value.to_le_bytes()[0]
    }
}

impl Bounded for u16 {
    const MAX: u32 = 0xffff;
    fn cut(value: u32) -> Self {
        let [low, high, ..] = value.to_le_bytes();
        Self::from_le_bytes([low, high])
    }
}

impl Bounded for u32 {
    const MAX: u32 = Self::MAX;
    fn cut(value: u32) -> Self {
        value
    }
}

/// What each byte stands for as a hexadecimal digit; 0xff where it is none.
const NIBBLES: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut digit = 0_u8;
    while digit < 16 {
        let (lower, upper) = if digit < 10 {
            (b'0'.wrapping_add(digit), b'0'.wrapping_add(digit))
        } else {
            let letter = digit.wrapping_sub(10);
            (b'a'.wrapping_add(letter), b'A'.wrapping_add(letter))
        };
        if let Some((place, _)) = table.split_at_mut(lower as usize).1.split_first_mut() {
            *place = digit;
        }
        if let Some((place, _)) = table.split_at_mut(upper as usize).1.split_first_mut() {
            *place = digit;
        }
        digit = digit.wrapping_add(1);
    }
    table
};

/// The value of a hexadecimal digit; more than 15 where it is none.
#[inline]
pub(super) fn nibble(byte: u8) -> u8 {
    NIBBLES.get(usize::from(byte)).copied().unwrap_or(0xff)
}

/// The byte of two hexadecimal digits.
#[inline]
pub(super) fn pair(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (nibble(high), nibble(low));
    ((high | low) < 16).then_some(high << 4 | low)
}
