//! A rule as it is written, in a file or on the bus, before it is known whether it can be meant so.

use serde::{Deserialize, Deserializer, de};
use wallwatch_dbus::{Kind, Rule as Record, words};

use super::{Block, MOST_RULES, Mac, Place, Rule};
use crate::{event::Interface, explain::Noise};

/// A comment may have so many bytes.
const MOST_COMMENT: usize = 100;

words! {
    /// What a rule does.
    pub enum Type {
        /// Its packets are counted as noise and not weighed.
        Trust = "trust",
        /// Its incidents are kept without a popup.
        Mute = "mute",
        /// A class of packets is held for harmless, or not.
        Noise = "noise",
        /// The network behind a gateway is home or public.
        Network = "network",
    }
}

/// A rule as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Written {
    #[serde(rename = "type", deserialize_with = "effect")]
    pub(super) effect: Type,
    pub(super) source: Option<Block>,
    #[serde(default, deserialize_with = "interface")]
    pub(super) interface: Option<Interface>,
    #[serde(default, deserialize_with = "kind")]
    pub(super) kind: Option<Kind>,
    #[serde(default, deserialize_with = "port")]
    pub(super) port: Option<u16>,
    #[serde(default, deserialize_with = "class")]
    pub(super) class: Option<Noise>,
    pub(super) on: Option<bool>,
    pub(super) gateway: Option<Mac>,
    pub(super) place: Option<Place>,
    #[serde(default, deserialize_with = "comment")]
    pub(super) comment: String,
}

/// What stands on the bus; what is empty or 0 is not named. The error is a sentence.
impl TryFrom<&Record> for Written {
    type Error = String;

    fn try_from(record: &Record) -> Result<Self, String> {
        fn named<T>(
            text: &str,
            read: impl FnOnce(&str) -> Result<T, String>,
        ) -> Result<Option<T>, String> {
            (!text.is_empty()).then(|| read(text)).transpose()
        }
        let effect = read_effect(&record.r#type)?;
        Ok(Self {
            effect,
            source: named(&record.source, Block::parse)?,
            interface: named(&record.interface, read_interface)?,
            kind: named(&record.kind, read_kind)?,
            port: (record.port != 0).then_some(record.port),
            class: named(&record.class, read_class)?,
            // A flag has no way to say nothing, so it counts where it belongs.
            on: (effect == Type::Noise).then_some(record.on),
            gateway: named(&record.gateway, str::parse)?,
            place: named(&record.place, Place::read)?,
            comment: read_comment(record.comment.clone())?,
        })
    }
}

/// All rules of a configuration, not more than may be.
pub fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    let rules = Vec::<Rule>::deserialize(deserializer)?;
    if rules.len() > MOST_RULES {
        return Err(de::Error::custom(format_args!(
            "these are {} rules, but at most {MOST_RULES} can be kept",
            rules.len()
        )));
    }
    Ok(rules)
}

/// What somebody wrote, cut and escaped so that it can stand in a sentence.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    start.escape_debug().to_string()
}

fn read_effect(word: &str) -> Result<Type, String> {
    word.parse().map_err(|_| {
        format!(
            "there is no rule of the type '{}': use trust, mute, noise or network",
            shown(word)
        )
    })
}

fn read_interface(name: &str) -> Result<Interface, String> {
    // dev_valid_name, net/core/dev.c.
    let is_valid = !name.is_empty()
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
    match Interface::from(name) {
        Ok(interface) if is_valid => Ok(interface),
        _ => Err(format!(
            "'{}' is no name of an interface: 1 to 15 bytes without blanks, / and :",
            shown(name)
        )),
    }
}

fn read_kind(word: &str) -> Result<Kind, String> {
    word.parse().map_err(|_| {
        format!(
            "the kind '{}' is unknown: use one like tcp-syn-scan",
            shown(word)
        )
    })
}

fn read_class(word: &str) -> Result<Noise, String> {
    word.parse().map_err(|_| {
        format!(
            "the class of noise '{}' is unknown: use one like mdns",
            shown(word)
        )
    })
}

/// It comes back in sentences, so it is one line.
fn read_comment(text: String) -> Result<String, String> {
    if text.len() > MOST_COMMENT || text.contains(char::is_control) {
        return Err(format!(
            "a comment is one line of at most {MOST_COMMENT} bytes"
        ));
    }
    Ok(text)
}

fn effect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Type, D::Error> {
    let word = String::deserialize(deserializer)?;
    read_effect(&word).map_err(de::Error::custom)
}

fn interface<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Interface>, D::Error> {
    let name = String::deserialize(deserializer)?;
    read_interface(&name).map(Some).map_err(de::Error::custom)
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kind>, D::Error> {
    let word = String::deserialize(deserializer)?;
    read_kind(&word).map(Some).map_err(de::Error::custom)
}

fn class<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Noise>, D::Error> {
    let word = String::deserialize(deserializer)?;
    read_class(&word).map(Some).map_err(de::Error::custom)
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(deserializer)? {
        0 => Err(de::Error::custom("a port is a number from 1 to 65535")),
        port => Ok(Some(port)),
    }
}

fn comment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    read_comment(String::deserialize(deserializer)?).map_err(de::Error::custom)
}
