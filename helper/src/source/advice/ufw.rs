//! ufw's own settings (ufw(8), ufw.conf): is it on, and how much does it log?

/// How much ufw logs of what it stops. `low` and `medium` bind every rule that logs to three lines a minute after a burst of ten
/// (`backend_iptables.py`, `_get_logging_rules` of ufw 0.36).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Off,
    /// `low` and `medium`: the first ten packets, then three a minute.
    Limited,
    /// `high` and `full`: every packet.
    Every,
}

/// The beginning of every prefix that ufw logs with.
const PREFIX: &str = "[UFW ";

/// Did a rule of ufw's write this prefix?
#[must_use]
pub fn is_prefix(prefix: &str) -> bool {
    prefix.starts_with(PREFIX)
}

/// Reads `ufw.conf`: the level where ufw is switched on, `None` where it is off. What the file does not say is as ufw takes it.
#[must_use]
pub fn read(conf: &str) -> Option<Level> {
    let (mut enabled, mut level) = (false, Level::Limited);
    for (key, value) in conf.lines().filter_map(assignment) {
        match key {
            "ENABLED" => enabled = value.eq_ignore_ascii_case("yes"),
            "LOGLEVEL" => {
                level = match value.to_ascii_lowercase().as_str() {
                    "off" => Level::Off,
                    "high" | "full" => Level::Every,
                    _ => Level::Limited, // also where it is none: ufw then sets "low"
                }
            }
            _ => {}
        }
    }
    enabled.then_some(level)
}

/// Reads a line `KEY=VALUE`, as a shell would.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.split('#').next()?;
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), value.trim().trim_matches(['"', '\''])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_counts_where_ufw_is_on() {
        let cases = [
            ("ENABLED=yes\nLOGLEVEL=low\n", Some(Level::Limited)),
            ("ENABLED=yes\nLOGLEVEL=medium\n", Some(Level::Limited)),
            ("ENABLED=yes\nLOGLEVEL=off\n", Some(Level::Off)),
            (
                "ENABLED=\"YES\" # on\nLOGLEVEL='full'\n",
                Some(Level::Every),
            ),
            ("LOGLEVEL=high\nENABLED=yes", Some(Level::Every)),
            ("ENABLED=yes\n#LOGLEVEL=off\n", Some(Level::Limited)),
            ("ENABLED=no\nLOGLEVEL=full\n", None),
            ("#ENABLED=yes\n", None),
            ("", None),
            ("\u{0}=\n==\n", None),
        ];
        for (conf, level) in cases {
            assert_eq!(read(conf), level, "{conf:?}");
        }
    }

    #[test]
    fn ufw_is_known_by_its_prefixes() {
        for prefix in ["[UFW BLOCK] ", "[UFW LIMIT BLOCK] ", "[UFW AUDIT INVALID] "] {
            assert!(is_prefix(prefix));
        }
        assert!(!is_prefix("UFW BLOCK") && !is_prefix(""));
    }
}
