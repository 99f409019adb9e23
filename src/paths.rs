//! Where the user's files lie, by the XDG Base Directory Specification 0.8.

use std::{env, path::PathBuf};

/// The user's configuration: `$XDG_CONFIG_HOME/wallwatch/config.toml`. None where the user has no home.
#[must_use]
pub fn config_file() -> Option<PathBuf> {
    base("XDG_CONFIG_HOME", ".config").map(|base| base.join("wallwatch/config.toml"))
}

/// The pause that is remembered: `$XDG_STATE_HOME/wallwatch/pause`. None where the user has no home.
#[must_use]
pub fn pause_file() -> Option<PathBuf> {
    base("XDG_STATE_HOME", ".local/state").map(|base| base.join("wallwatch/pause"))
}

/// A base directory; a relative path in its variable is invalid and ignored, as the specification says.
fn base(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}
