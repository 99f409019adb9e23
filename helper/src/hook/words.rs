//! The values of a hook's filters, each of which may be one or a list.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};
use wallwatch_dbus::{Kind, Verdict};

use crate::{
    event::{Feed, Interface, Prefix},
    explain::Class,
    packet::Protocol,
    rules::Block,
};

/// So many values may stand in one list.
pub const MOST_VALUES: usize = 64;

/// Feeds of live events, which a hook can name.
pub const FEEDS: [Feed; 7] = [
    Feed::Nflog,
    Feed::Kmsg,
    Feed::File,
    Feed::Journal,
    Feed::Ulogd,
    Feed::Conntrack,
    Feed::Nfqueue,
];

/// A value of a filter, as it is written.
pub trait Word: Sized {
    /// What could stand there, as the end of a sentence.
    const EXPECTED: &'static str;

    /// Reads a text; the error is a sentence.
    fn of_text(text: &str) -> Result<Self, String>;

    /// Reads a number.
    fn of_number(number: i64) -> Result<Self, String> {
        Err(format!(
            "{number} cannot stand here: write {}",
            Self::EXPECTED
        ))
    }
}

/// What one key of a filter names; empty where the key is not there, and then everything passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Few<T> {
    /// Is the key not there?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is nothing named, or does one that is named pass?
    pub fn pass(&self, one: impl FnMut(&T) -> bool) -> bool {
        self.0.is_empty() || self.0.iter().any(one)
    }

    /// Those that are named.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<'de, T: Word> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor(PhantomData)).map(Self)
    }
}

/// Reads one value or a list.
struct Visitor<T>(PhantomData<T>);

impl<'de, T: Word> de::Visitor<'de> for Visitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or a list of such", T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        T::of_text(text).map(|one| vec![one]).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<T>, E> {
        T::of_number(number).map(|one| vec![one]).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<T>, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut few = Vec::new();
        while let Some(One(value)) = list.next_element()? {
            if few.len() == MOST_VALUES {
                return Err(de::Error::custom(format_args!(
                    "this list is too long: a hook can name at most {MOST_VALUES} values in one"
                )));
            }
            few.push(value);
        }
        if few.is_empty() {
            return Err(de::Error::custom(
                "this list is empty: leave the key out where anything may come",
            ));
        }
        Ok(few)
    }
}

/// One value of a list.
struct One<T>(T);

impl<'de, T: Word> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A list in a list is refused, since it is no text and no number.
        let value = OneVisitor(PhantomData);
        deserializer.deserialize_any(value).map(Self)
    }
}

/// Reads one value.
struct OneVisitor<T>(PhantomData<T>);

impl<T: Word> de::Visitor<'_> for OneVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::of_text(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::of_number(number).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// The sentence for a word that is none of those expected.
fn unknown(text: &str, expected: &str) -> String {
    format!(
        "'{}' cannot stand here: write {expected}",
        text.escape_debug()
    )
}

impl Word for Block {
    const EXPECTED: &'static str = "an address like 192.0.2.7 or a network like 192.0.2.0/24";

    fn of_text(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl Word for Kind {
    const EXPECTED: &'static str = "a kind like tcp-syn-scan";

    fn of_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| unknown(text, Self::EXPECTED))
    }
}

impl Word for Class {
    const EXPECTED: &'static str = "a word of `wallwatchctl explain` like discovery or udp-scan";

    fn of_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| unknown(text, Self::EXPECTED))
    }
}

impl Word for Verdict {
    const EXPECTED: &'static str = "dropped, passed or unknown";

    fn of_text(text: &str) -> Result<Self, String> {
        text.parse()
            .ok()
            // Only an incident can be mixed.
            .filter(|verdict| *verdict != Self::Mixed)
            .ok_or_else(|| unknown(text, Self::EXPECTED))
    }
}

impl Word for Feed {
    const EXPECTED: &'static str = "nflog, kmsg, file, journal, ulogd, conntrack or nfqueue";

    fn of_text(text: &str) -> Result<Self, String> {
        let mut feeds = FEEDS.into_iter();
        feeds
            .find(|feed| feed.as_str() == text)
            .ok_or_else(|| unknown(text, Self::EXPECTED))
    }
}

impl Word for Protocol {
    const EXPECTED: &'static str = "a protocol like tcp, udp, icmp, or its number from 0 to 255";

    fn of_text(text: &str) -> Result<Self, String> {
        (0..=u8::MAX)
            .map(Self)
            .find(|protocol| protocol.name() == Some(text))
            .ok_or_else(|| unknown(text, Self::EXPECTED))
    }

    fn of_number(number: i64) -> Result<Self, String> {
        u8::try_from(number)
            .map(Self)
            .map_err(|_| unknown(&number.to_string(), Self::EXPECTED))
    }
}

impl Word for Interface {
    const EXPECTED: &'static str =
        "the name of an interface, 1 to 15 bytes without blanks, / and :";

    fn of_text(text: &str) -> Result<Self, String> {
        // dev_valid_name, net/core/dev.c.
        let is_valid =
            !text.is_empty() && !text.contains(|c: char| c == '/' || c == ':' || c.is_whitespace());
        Self::from(text)
            .ok()
            .filter(|_| is_valid)
            .ok_or_else(|| unknown(text, Self::EXPECTED))
    }
}

/// A port to which something was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port(pub u16);

impl Word for Port {
    const EXPECTED: &'static str = "a port from 1 to 65535, as a number";

    fn of_text(text: &str) -> Result<Self, String> {
        Err(unknown(text, Self::EXPECTED))
    }

    fn of_number(number: i64) -> Result<Self, String> {
        u16::try_from(number)
            .ok()
            .filter(|port| *port != 0)
            .map(Self)
            .ok_or_else(|| unknown(&number.to_string(), Self::EXPECTED))
    }
}

/// What the prefix of a log rule begins with. Blanks at both ends of a prefix are the log's, and count for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning(Prefix);

impl Beginning {
    /// What it begins with.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Does this prefix begin so?
    #[must_use]
    pub fn begins(&self, prefix: &Prefix) -> bool {
        let prefix = prefix.trim();
        prefix.starts_with(&*self.0) || prefix == self.0.trim_end()
    }
}

impl Word for Beginning {
    const EXPECTED: &'static str = "the beginning of a rule's log prefix, 1 to 127 bytes";

    fn of_text(text: &str) -> Result<Self, String> {
        Prefix::from(text.trim_start())
            .ok()
            .filter(|prefix| !prefix.is_empty())
            .map(Self)
            .ok_or_else(|| unknown(text, Self::EXPECTED))
    }
}

/// Which flows of conntrack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct New;

impl Word for New {
    const EXPECTED: &'static str = "new, for connections that begin";

    fn of_text(text: &str) -> Result<Self, String> {
        match text {
            "new" => Ok(Self),
            _ => Err(unknown(text, Self::EXPECTED)),
        }
    }
}
