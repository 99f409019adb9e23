//! The user's configuration of the desktop program: `~/.config/wallwatch/config.toml`.
//!
//! It is read once, at the start. What is wrong in it is told with its line and left at its default, so that a slip of the pen
//! never costs an alert.

use std::{fmt, fs, io, path::Path};

use serde::Deserialize as _;
use toml::{
    Spanned,
    de::{DeValue, ValueDeserializer},
};
use wallwatch_dbus::Severity;
use wallwatch_helper::hook::{Hook, On, config::MOST_HOOKS};

/// The least severity that pops up, unless the user says otherwise; below it an alert is for the history only.
pub const DEFAULT_POPUP_FROM: Severity = Severity::Low;

/// A configuration longer than this is not read.
const MAX_FILE: u64 = 64 * 1024;

/// The keys, as they are named to somebody who wrote another one.
const KEYS: &str = "popup-from and [[hook]]";

/// The configuration as it is usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The least severity that pops up: 2 to 5.
    pub popup_from: Severity,
    /// The scripts that run on alerts, each of a name of its own.
    pub hooks: Vec<Hook>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            popup_from: DEFAULT_POPUP_FROM,
            hooks: Vec::new(),
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
            if key.get_ref() == "hook" {
                hooks(value, &mut config.hooks, |at, words| {
                    let at = at.unwrap_or(key.span().start);
                    warnings.push(Warning {
                        line: line_of(at),
                        words,
                    });
                });
                continue;
            }
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

/// Reads the hooks, each for itself. What cannot be taken is told to `warn`, with where it stands.
fn hooks(
    value: &Spanned<DeValue<'_>>,
    taken: &mut Vec<Hook>,
    mut warn: impl FnMut(Option<usize>, String),
) {
    let Some(tables) = value.get_ref().as_array() else {
        return warn(
            None,
            "a hook begins with [[hook]] on a line of its own".to_owned(),
        );
    };
    for table in tables {
        let start = table.span().start;
        match Hook::deserialize(ValueDeserializer::from(table.clone())) {
            Err(error) => {
                let at = error.span().map_or(start, |span| span.start);
                let words = error.message().lines().collect::<Vec<_>>().join("; ");
                warn(Some(at), format!("{words}; this hook is left out"));
            }
            Ok(hook) if hook.on() == On::Event => warn(
                Some(start),
                format!(
                    "the hook '{}': hooks on events stand in /etc/wallwatch/config.toml, your own run on alerts; this hook is left out",
                    hook.name
                ),
            ),
            Ok(hook) if taken.iter().any(|other| other.name == hook.name) => warn(
                Some(start),
                format!(
                    "two hooks have the name '{}'; give each its own; this one is left out",
                    hook.name
                ),
            ),
            Ok(_) if taken.len() == MOST_HOOKS => {
                return warn(
                    Some(start),
                    format!(
                        "at most {MOST_HOOKS} hooks are kept; this one and those behind it are left out"
                    ),
                );
            }
            Ok(hook) => taken.push(hook),
        }
    }
}

/// A severity from which popups are shown.
fn severity(value: &DeValue<'_>) -> Result<Severity, String> {
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
                    popup_from: Severity::High,
                    hooks: Vec::new(),
                },
                Vec::new()
            )
        );
    }

    #[test]
    fn hooks_are_taken_each_for_itself() {
        let text = "popup-from = 4\n\n[[hook]]\nname = \"sound\"\non = \"alert\"\nrun = [\"/usr/bin/paplay\", \"x.wav\"]\n\n\
            [[hook]]\nname = \"early\"\non = \"event\"\nrun = [\"/bin/true\"]\n\n\
            [[hook]]\nname = \"sound\"\non = \"alert\"\nrun = [\"/bin/true\"]\n\n\
            [[hook]]\nname = \"slow\"\non = \"alert\"\nrun = [\"/bin/true\"]\ntimeout = 9999\n\n\
            [[hook]]\nname = \"typo\"\non = \"alert\"\nrnu = [\"/bin/true\"]\n";
        let (config, warnings) = Config::read(text);
        assert_eq!(config.popup_from, Severity::High);
        assert_eq!(config.hooks.len(), 1);
        assert_eq!(config.hooks[0].run, ["/usr/bin/paplay", "x.wav"]);
        let told: Vec<(usize, &str)> = warnings
            .iter()
            .map(|one| (one.line, one.words.as_str()))
            .collect();
        let expected = [
            (8, "hooks on events stand in /etc/wallwatch/config.toml"),
            (13, "two hooks have the name 'sound'"),
            (18, "timeout is 9999"),
            (27, "unknown field `rnu`"),
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for ((line, words), (expected_line, part)) in told.into_iter().zip(expected) {
            assert!(
                line == expected_line && words.contains(part),
                "{line}: {words}"
            );
            assert!(words.contains("left out"), "{words}");
        }
        let (config, warnings) = Config::read("hook = 5\n");
        assert_eq!((config, warnings.len()), (Config::default(), 1));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_the_rest_is_taken() {
        for (text, line, words) in [
            (
                "# mine\npopup-form = 3\npopup-from = 3\n",
                2,
                "unknown key 'popup-form'; known is popup-from and [[hook]]",
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
