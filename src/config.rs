//! The user's configuration of the desktop program: `~/.config/wallwatch/config.toml`.
//!
//! It is read once, at the start. What is wrong in it is told with its line and left at its default, so that a slip of the pen
//! never costs an alert.

use std::{fmt, fs, io, path::Path};

use wallwatch_dbus::Severity;

/// The least severity that pops up, unless the user says otherwise; below it an alert is for the history only.
pub const DEFAULT_POPUP_FROM: Severity = Severity::Low;

/// A configuration longer than this is not read.
const MAX_FILE: u64 = 64 * 1024;

/// The keys, as they are named to somebody who wrote another one.
const KEYS: &str = "popup-from";

/// The configuration as it is usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The least severity that pops up: 2 to 5.
    pub popup_from: Severity,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            popup_from: DEFAULT_POPUP_FROM,
        }
    }
}

/// Something in the file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Its line, counted from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub words: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.words)
    }
}

impl Config {
    /// Reads a file; a missing one is the defaults.
    pub fn load(path: &Path) -> io::Result<(Self, Vec<Warning>)> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self::default(), Vec::new()));
            }
            Err(error) => return Err(error),
            Ok(metadata) if metadata.len() > MAX_FILE => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it is longer than 64 KiB",
                ));
            }
            Ok(_) => {}
        }
        Ok(Self::read(&fs::read_to_string(path)?))
    }

    /// Reads the text of a file.
    #[must_use]
    pub fn read(text: &str) -> (Self, Vec<Warning>) {
        let mut config = Self::default();
        let mut warnings = Vec::new();
        let line_of = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let table = match toml::de::DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let line = line_of(error.span().map_or(0, |span| span.start));
                let words = format!("{}; the whole file is ignored", error.message());
                return (config, vec![Warning { line, words }]);
            }
        };
        for (key, value) in table.get_ref() {
            let taken = match key.get_ref().as_ref() {
                "popup-from" => {
                    severity(value.get_ref()).map(|severity| config.popup_from = severity)
                }
                other => Err(format!(
                    "unknown key '{}'; known is {KEYS}",
                    other.escape_debug()
                )),
            };
            if let Err(words) = taken {
                warnings.push(Warning {
                    line: line_of(key.span().start),
                    words,
                });
            }
        }
        warnings.sort_by_key(|warning| warning.line);
        (config, warnings)
    }
}

/// A severity from which popups are shown.
fn severity(value: &toml::de::DeValue<'_>) -> Result<Severity, String> {
    value
        .as_integer()
        .and_then(|integer| u8::from_str_radix(integer.as_str(), integer.radix()).ok())
        .filter(|level| (2..=5).contains(level))
        .map(Severity::from_level)
        .ok_or_else(|| {
            "popup-from is a severity: 2 (low), 3 (medium), 4 (high) or 5 (critical)".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_where_nothing_is_written() {
        assert_eq!(Config::read(""), (Config::default(), Vec::new()));
        let missing = Path::new("/nonexistent/wallwatch/config.toml");
        assert_eq!(
            Config::load(missing).unwrap(),
            (Config::default(), Vec::new())
        );
    }

    #[test]
    fn a_severity_is_taken() {
        assert_eq!(
            Config::read("popup-from = 4\n"),
            (
                Config {
                    popup_from: Severity::High
                },
                Vec::new()
            )
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_the_rest_is_taken() {
        for (text, line, words) in [
            (
                "# mine\npopup-form = 3\npopup-from = 3\n",
                2,
                "unknown key 'popup-form'; known is popup-from",
            ),
            ("popup-from = 9\n", 1, "popup-from is a severity"),
            ("\npopup-from = 'high'\n", 2, "popup-from is a severity"),
            (
                "popup-from = 3\n\nx = = 2\n",
                3,
                "the whole file is ignored",
            ),
        ] {
            let (config, warnings) = Config::read(text);
            assert_eq!(warnings.len(), 1, "{text}");
            assert_eq!(warnings[0].line, line, "{text}");
            assert!(warnings[0].words.contains(words), "{}", warnings[0]);
            let expected = if text.contains("popup-form") {
                Severity::Medium
            } else {
                DEFAULT_POPUP_FROM
            };
            assert_eq!(config.popup_from, expected, "{text}");
        }
    }
}
