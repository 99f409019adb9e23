//! Values of JSON objects that others wrote: texts and numbers, borrowed from the line, and told apart from what they are not.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use super::Error;

/// A longer object is refused unread. The kernel's message and all that the journal adds to it are a tenth of that.
pub(super) const MAX_OBJECT: usize = 1 << 16;

/// Reads a line that is one JSON object and nothing besides.
pub(super) fn object<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Error> {
    if line.len() > MAX_OBJECT {
        return Err(Error::Json);
    }
    let text = std::str::from_utf8(line).map_err(|_| Error::Json)?;
    serde_json::from_str(text).map_err(|_| Error::Json)
}

/// A text: a string, or the bytes as which the journal writes what is no UTF-8. Empty where it is anything else.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(Cow<'a, [u8]>);

impl Text<'_> {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, where it is UTF-8.
    pub(super) fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text.as_bytes()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.as_bytes().to_vec()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(&[]))
    }

    /// Of several values, as the journal writes what was set more than once, none is the text.
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut text = Some(Vec::new());
        while let Some(value) = values.next_element::<Number>()? {
            let byte = value.within::<u8>("").ok();
            text = text.zip(byte).map(|(mut text, byte)| {
                text.push(byte);
                text
            });
        }
        Ok(Cow::Owned(text.unwrap_or_default()))
    }
}

/// A whole number that is not negative, or something else that stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// The number.
    Whole(u64),
    /// A negative number, a fraction, a text.
    Other,
}

impl Number {
    /// The number in the range of a type; `key` is to blame where it is out of it.
    pub(super) fn within<T: TryFrom<u64>>(self, key: &'static str) -> Result<T, Error> {
        match self {
            Self::Whole(number) => T::try_from(number).map_err(|_| Error::Value(key)),
            Self::Other => Err(Error::Value(key)),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number::Whole(number))
    }

    fn visit_bool<E>(self, set: bool) -> Result<Number, E> {
        Ok(Number::Whole(set.into()))
    }

    fn visit_i64<E>(self, _number: i64) -> Result<Number, E> {
        Ok(Number::Other)
    }

    fn visit_f64<E>(self, _number: f64) -> Result<Number, E> {
        Ok(Number::Other)
    }

    fn visit_str<E>(self, _text: &str) -> Result<Number, E> {
        Ok(Number::Other)
    }

    fn visit_unit<E>(self) -> Result<Number, E> {
        Ok(Number::Other)
    }
}
