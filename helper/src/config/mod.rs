//! The administrator's configuration: read as it is written, then made usable.

mod check;
mod error;
mod layers;
mod place;
mod show;

use std::{
    num::NonZeroU16,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Table;

pub use check::mistakes;
pub use error::Error;
use layers::Layer;
use place::Place;
pub use show::{Effective, Setting, files, show};

use crate::{
    detect,
    hook::{self, Hooks},
    rules::{self, Rule},
    source::nflog::DEFAULT_GROUP,
    store::Limits,
};

/// Where the configuration lies if the command line does not say.
pub const DEFAULT_PATH: &str = "/etc/wallwatch/config.toml";
/// So many groups, queues or files are read at most.
const MOST_OF_A_KIND: usize = 16;
/// So many days the history may go back: ten years.
const HISTORY_DAYS: RangeInclusive<u32> = 1..=3650;
/// So many megabytes it may have. Less has no room for what SQLite keeps beside it.
const HISTORY_MEGABYTES: RangeInclusive<u32> = 10..=10_000;

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    capture: Option<bool>,
    nflog: Nflog,
    kmsg: Read,
    journal: Read,
    file: Files,
    ulogd: Ulogd,
    conntrack: Read,
    nfqueue: Queues,
    history: History,
    detect: detect::Config,
    #[serde(deserialize_with = "rules::few")]
    rule: Vec<Rule>,
    hook: Hooks,
    #[serde(deserialize_with = "absolute_path")]
    hook_socket: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Nflog {
    group: Option<NonZeroU16>,
    #[serde(deserialize_with = "few")]
    groups: Vec<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Read {
    read: Choice,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Files {
    read: Choice,
    #[serde(deserialize_with = "absolute_paths")]
    paths: Vec<PathBuf>,
}

/// What ulogd writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ulogd {
    /// Its LOGEMU and JSON files.
    #[serde(deserialize_with = "absolute_paths")]
    pub files: Vec<PathBuf>,
    /// The socket that its JSON output connects to; the helper makes it.
    #[serde(deserialize_with = "absolute_path")]
    pub socket: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Queues {
    #[serde(deserialize_with = "few")]
    queues: Vec<u16>,
}

/// Shall a source be read?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Where nothing better is to be had; see [`crate::source::auto`].
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct History {
    #[serde(deserialize_with = "history_days")]
    days: Option<u32>,
    #[serde(deserialize_with = "history_megabytes")]
    megabytes: Option<u32>,
}

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Config {
    /// Is capture fixed on or off? Then nobody can switch it over the bus.
    pub capture: Option<bool>,
    /// The NFLOG group of the own table.
    pub group: u16,
    /// NFLOG groups that the user's own rules log to, each once.
    pub groups: Vec<u16>,
    /// Is the kernel's log read?
    pub kmsg: Choice,
    /// Is the journal read?
    pub journal: Choice,
    /// Are log files read?
    pub file: Choice,
    /// The log files that are read; empty where nobody named any.
    pub file_paths: Vec<PathBuf>,
    /// What ulogd writes.
    pub ulogd: Ulogd,
    /// Are the flows of connection tracking followed?
    pub conntrack: Choice,
    /// NFQUEUE queues that the user's own rules fill, each once.
    pub queues: Vec<u16>,
    /// How much is remembered.
    pub history: Limits,
    /// The thresholds of detection.
    pub detect: detect::Config,
    /// The rules that stand in it.
    pub rules: Vec<Rule>,
    /// The scripts that run when there is an alert or an event.
    pub hooks: Hooks,
    /// Where the program listens that runs them.
    pub hook_socket: PathBuf,
    /// The file that it stands in, or would stand in.
    pub path: PathBuf,
    /// The file that fixes capture, where one does.
    capture_path: PathBuf,
    /// How the file's text has to be changed to set another group.
    place: Place,
}

impl Config {
    /// Reads the file at `path`, or the default one; where that is missing everything has its default.
    pub fn load(path: Option<&Path>) -> Result<Self, Error> {
        let (path, required) = path.map_or((Path::new(DEFAULT_PATH), false), |path| (path, true));
        Self::of_layers(path, &layers::read_all(path, required)?)
    }

    /// Reads the text of the file at `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let layer = Layer {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        Self::of_layers(path, &[layer])
    }

    /// What these files say together; the first would be at `path`.
    fn of_layers(path: &Path, layers: &[Layer]) -> Result<Self, Error> {
        let mut file = Written::default();
        let mut all = Table::new();
        let mut place = Place::in_no_file(path);
        let mut capture_path = path;
        for (n, layer) in layers.iter().enumerate() {
            let Layer { path: own, text } = layer;
            // By itself first, so that a mistake is told with its line.
            let written: Written =
                toml::from_str(text).map_err(|cause| Error::parse(own, text, cause))?;
            if written.nflog.group.is_some() || own == path {
                place = Place::in_text(own, text, written.nflog.group.is_some());
            }
            if written.capture.is_some() {
                capture_path = own;
            }
            if layers.len() > 1 {
                let above = toml::from_str(text).map_err(|cause| Error::parse(own, text, cause))?;
                layers::lay_over(&mut all, above);
            }
            file = if n == 0 {
                written
            } else {
                Written::deserialize(all.clone()).map_err(|cause| Error::Together {
                    path: own.clone(),
                    cause: Box::new(cause),
                })?
            };
        }
        let mut config = Self::usable(path, file, place);
        capture_path.clone_into(&mut config.capture_path);
        Ok(config)
    }

    fn usable(path: &Path, file: Written, place: Place) -> Self {
        Self {
            capture: file.capture,
            group: file.nflog.group.map_or(DEFAULT_GROUP, NonZeroU16::get),
            groups: file.nflog.groups,
            kmsg: file.kmsg.read,
            journal: file.journal.read,
            file: file.file.read,
            file_paths: file.file.paths,
            ulogd: file.ulogd,
            conntrack: file.conntrack.read,
            queues: file.nfqueue.queues,
            history: file.history.limits(),
            detect: file.detect,
            rules: file.rule,
            hooks: file.hook,
            hook_socket: file.hook_socket.unwrap_or_else(|| hook::SOCKET.into()),
            path: path.to_owned(),
            capture_path: path.to_owned(),
            place,
        }
    }

    /// What capture is fixed to, and by which file; `None` where people switch it.
    #[must_use]
    pub fn capture_fixed(&self) -> Option<(bool, &Path)> {
        self.capture.map(|on| (on, self.capture_path.as_path()))
    }

    /// The command that sets another NFLOG group in the file.
    #[must_use]
    pub fn set_group_command(&self, group: u16) -> String {
        self.place.command(group)
    }
}

impl History {
    /// What is written, and the defaults for the rest.
    fn limits(self) -> Limits {
        let default = Limits::default();
        Limits {
            days: self.days.unwrap_or(default.days),
            megabytes: self.megabytes.unwrap_or(default.megabytes),
        }
    }
}

fn history_days<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    within(deserializer, "days", &HISTORY_DAYS)
}

fn history_megabytes<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    within(deserializer, "megabytes", &HISTORY_MEGABYTES)
}

/// A number of this range.
fn within<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
    key: &str,
    range: &RangeInclusive<u32>,
) -> Result<Option<u32>, D::Error> {
    let value = u32::deserialize(deserializer)?;
    if range.contains(&value) {
        Ok(Some(value))
    } else {
        Err(serde::de::Error::custom(format_args!(
            "{key} is {value}, but must be from {} to {}",
            range.start(),
            range.end()
        )))
    }
}

/// Numbers of groups or queues: each once, and not more than anybody has.
fn few<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    let mut numbers = Vec::<u16>::deserialize(deserializer)?;
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() > MOST_OF_A_KIND {
        return Err(serde::de::Error::custom(format_args!(
            "these are {} numbers, but at most {MOST_OF_A_KIND} are read",
            numbers.len()
        )));
    }
    Ok(numbers)
}

fn absolute_path<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    absolute(&path)?;
    Ok(Some(path))
}

fn absolute_paths<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<PathBuf>, D::Error> {
    let mut paths = Vec::<PathBuf>::deserialize(deserializer)?;
    paths.iter().try_for_each(|path| absolute(path))?;
    paths.sort_unstable();
    paths.dedup();
    if paths.len() > MOST_OF_A_KIND {
        return Err(serde::de::Error::custom(format_args!(
            "these are {} files, but at most {MOST_OF_A_KIND} are read",
            paths.len()
        )));
    }
    Ok(paths)
}

/// A relative path would depend on where the helper was started.
fn absolute<E: serde::de::Error>(path: &Path) -> Result<(), E> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(E::custom(format_args!(
        "{} does not begin with /",
        path.display().to_string().escape_debug()
    )))
}

#[cfg(test)]
mod tests;
