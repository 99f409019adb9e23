//! What somebody knows of a network: by its gateway's link-layer address it is known again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};
use wallwatch_dbus::words;

words! {
    /// Whose network it is.
    pub enum Place {
        /// One's own: devices look for each other there.
        Home = "home",
        /// One of strangers: who scans from it may be the worst neighbour that there is.
        Public = "public",
    }
}

/// A link-layer address (EUI-48).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    /// A sentence.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        let read = bytes.iter_mut().all(|byte| {
            let part = parts.next().filter(|part| {
                matches!(part.len(), 1 | 2) && part.bytes().all(|c| c.is_ascii_hexdigit())
            });
            let value = part.and_then(|part| u8::from_str_radix(part, 16).ok());
            value.map(|value| *byte = value).is_some()
        });
        // Nobody's, or of a group (IEEE 802).
        let is_one = bytes != [0; 6] && bytes[0] & 1 == 0;
        if read && parts.next().is_none() && is_one {
            Ok(Self(bytes))
        } else {
            let shown: String = text.chars().take(40).collect();
            Err(format!(
                "'{}' is no link-layer address of a gateway: write one like 02:00:5e:10:00:01",
                shown.escape_debug()
            ))
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.0.iter().enumerate() {
            let between = if n == 0 { "" } else { ":" };
            write!(f, "{between}{byte:02x}")?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).map_err(de::Error::custom)
    }
}

impl Place {
    /// Reads the word; the error is a sentence.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            format!(
                "a network is home or public, not '{}'",
                shown.escape_debug()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_link_layer_is_read_and_written() {
        let mac: Mac = "02:00:5E:10:0:1".parse().unwrap();
        assert_eq!(mac.to_string(), "02:00:5e:10:00:01");
        for wrong in [
            "",
            "02:00:5e:10:00",
            "02:00:5e:10:00:01:02",
            "02:00:5e:10:00:+1",
            "02:00:5e:10:00:100",
            "02-00-5e-10-00-01",
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:fb",
        ] {
            assert!(wrong.parse::<Mac>().is_err(), "{wrong}");
        }
    }
}
