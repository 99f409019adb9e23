//! The thresholds of detection, as the administrator may set them.

use std::num::NonZeroU32;

use serde::Deserialize;

/// Probes of ordinary weight that make an alert: a fourth port, or the second or third impossible packet.
pub const DEFAULT_THRESHOLD: f32 = 3.3;
/// After so many seconds half of a burst is forgotten.
pub const DEFAULT_FAST_HALF_LIFE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not zero");
/// After so many seconds half of a slow scan is forgotten: 6 hours.
pub const DEFAULT_SLOW_HALF_LIFE: NonZeroU32 =
    NonZeroU32::new(6 * 3600).expect("6 hours are not zero");
/// From so many ports on a scan is of medium severity.
pub const DEFAULT_MEDIUM_PORTS: u32 = 15;
/// From so many ports on a scan is of high severity.
pub const DEFAULT_HIGH_PORTS: u32 = 200;

/// The section `[detect]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Probes of ordinary weight that make an alert; from 1 to 1000.
    #[serde(deserialize_with = "threshold")]
    pub threshold: f32,
    /// Half-life of the score of bursts, in seconds.
    pub fast_half_life: NonZeroU32,
    /// Half-life of the score of slow scans, in seconds.
    pub slow_half_life: NonZeroU32,
    /// From so many ports on severity is medium.
    pub medium_ports: u32,
    /// From so many ports on severity is high.
    pub high_ports: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threshold: DEFAULT_THRESHOLD,
            fast_half_life: DEFAULT_FAST_HALF_LIFE,
            slow_half_life: DEFAULT_SLOW_HALF_LIFE,
            medium_ports: DEFAULT_MEDIUM_PORTS,
            high_ports: DEFAULT_HIGH_PORTS,
        }
    }
}

/// A threshold that can be reached and is not reached by any single packet.
fn threshold<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let value = f32::deserialize(deserializer)?;
    if (1.0..=1000.0).contains(&value) {
        Ok(value)
    } else {
        Err(serde::de::Error::custom(format_args!(
            "threshold is {value}, but must be from 1 to 1000"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_the_default() {
        assert_eq!(toml::from_str::<Config>(""), Ok(Config::default()));
        let config: Config = toml::from_str("medium-ports = 30").unwrap();
        assert_eq!(
            (config.medium_ports, config.high_ports),
            (30, DEFAULT_HIGH_PORTS)
        );
    }

    #[test]
    fn a_value_that_cannot_be_is_named() {
        for (text, part) in [
            ("threshold = 0.5", "from 1 to 1000"),
            ("threshold = nan", "from 1 to 1000"),
            ("fast-half-life = 0", "nonzero"),
            ("treshold = 4.0", "expected one of `threshold`"),
            ("high-ports = -1", "expected u32"),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
