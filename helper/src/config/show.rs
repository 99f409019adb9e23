//! The configuration as it holds: each key with its value, and the file that says so.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    Config, DEFAULT_PATH, Error,
    layers::{self, Layer},
};

/// The file that is shipped. Each of its lines that begins with one # shows a default,
const SHIPPED: &str = include_str!("../../../assets/config.toml");
/// but for these, which show what could stand there.
const EXAMPLES: [&str; 2] = ["capture", "ulogd.socket"];

/// A configuration as it holds.
#[derive(Debug)]
pub struct Effective {
    /// Every key that has a value, by its whole name, in the order of the alphabet.
    pub settings: BTreeMap<String, Setting>,
    /// Every rule and every hook in TOML, with the file that it stands in.
    pub entries: Vec<(PathBuf, String)>,
    /// All of it as one table.
    pub table: Table,
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The value.
    pub value: Value,
    /// The file that sets it; `None` where none does.
    pub from: Option<PathBuf>,
}

/// The files that the configuration at `path`, or the default one, stands in, those that are read first before the others; the first may
/// be missing.
pub fn files(path: Option<&Path>) -> Result<Vec<PathBuf>, Error> {
    let path = path.unwrap_or(Path::new(DEFAULT_PATH));
    let mut files = vec![path.to_owned()];
    files.extend(layers::beside(path)?);
    Ok(files)
}

/// The configuration at `path`, or the default one, as it holds. One that cannot be used is an error.
pub fn show(path: Option<&Path>) -> Result<Effective, Error> {
    let (path, required) = path.map_or((Path::new(DEFAULT_PATH), false), |path| (path, true));
    let layers = layers::read_all(path, required)?;
    Config::of_layers(path, &layers)?;
    let mut effective = Effective {
        settings: BTreeMap::new(),
        entries: Vec::new(),
        table: defaults(),
    };
    let table = effective.table.clone();
    effective.take(None, "", &table);
    for Layer { path, text } in &layers {
        let table: Table = toml::from_str(text).map_err(|cause| Error::parse(path, text, cause))?;
        effective.take(Some(path), "", &table);
        layers::lay_over(&mut effective.table, table);
    }
    Ok(effective)
}

impl Effective {
    /// Takes over what a file says.
    fn take(&mut self, from: Option<&Path>, above: &str, table: &Table) {
        for (key, value) in table {
            let name = if above.is_empty() {
                key.clone()
            } else {
                format!("{above}.{key}")
            };
            match value {
                Value::Table(table) => self.take(from, &name, table),
                Value::Array(list) if layers::is_of_tables(list) => {
                    let from = from.unwrap_or(Path::new(""));
                    let each = list
                        .iter()
                        .map(|value| (from.to_owned(), entry(&name, value)));
                    self.entries.extend(each);
                }
                value => {
                    let setting = Setting {
                        value: value.clone(),
                        from: from.map(Path::to_owned),
                    };
                    self.settings.insert(name, setting);
                }
            }
        }
    }

    /// All of it as a file that says the same, each value with where it is from.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let lines: Vec<(String, String)> = self
            .settings
            .iter()
            .map(|(key, Setting { value, from })| {
                let from = from
                    .as_ref()
                    .map_or_else(|| "default".to_owned(), |path| path.display().to_string());
                (format!("{key} = {value}"), from)
            })
            .collect();
        let width = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (line, from) in &lines {
            _ = writeln!(text, "{line:width$}  # {from}");
        }
        for (from, entry) in &self.entries {
            _ = write!(text, "\n# {}\n{entry}", from.display());
        }
        text
    }
}

/// One rule or hook in TOML.
fn entry(name: &str, value: &Value) -> String {
    let mut table = Table::new();
    table.insert(name.to_owned(), Value::Array(vec![value.clone()]));
    toml::to_string(&table).unwrap_or_default()
}

/// Every key that has a default, with it.
fn defaults() -> Table {
    let mut table: Table = toml::from_str(&uncommented(SHIPPED)).unwrap_or_default();
    table.retain(|_, value| {
        !value
            .as_array()
            .is_some_and(|list| layers::is_of_tables(list))
    });
    for name in EXAMPLES {
        match name.split_once('.') {
            Some((section, key)) => {
                let section = table.get_mut(section).and_then(Value::as_table_mut);
                section.and_then(|section| section.remove(key));
            }
            None => drop(table.remove(name)),
        }
    }
    table
}

/// The shipped file with each of its lines set.
pub(super) fn uncommented(shipped: &str) -> String {
    let set = shipped.lines().map(|line| {
        line.strip_prefix("# ")
            .filter(|rest| rest.contains(" = ") || rest.starts_with("[["))
            .unwrap_or(line)
    });
    set.fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use wallwatch_test_support::TempDir;

    use super::*;

    #[test]
    fn what_is_shown_as_a_default_is_one() {
        let text = toml::to_string(&defaults()).unwrap();
        let path = Path::new("/etc/wallwatch/config.toml");
        let shown = Config::parse(path, &text).unwrap_or_else(|error| panic!("{error}"));
        let plain = Config::parse(path, "capture = true").unwrap();
        let values = |config: &Config| {
            let text = format!("{config:?}");
            text.split_once("group:")
                .and_then(|(_, text)| text.rsplit_once("capture_path"))
                .map(|(text, _)| text.to_owned())
                .unwrap()
        };
        assert_eq!(values(&shown), values(&plain));
    }

    #[test]
    fn each_value_is_shown_with_the_file_that_says_so() {
        let dir = TempDir::new();
        std::fs::create_dir(dir.path().join("config.d")).unwrap();
        dir.write(
            "config.toml",
            "capture = true\ndetect.threshold = 5\n[[rule]]\ntype = \"mute\"\nport = 22\n",
        );
        dir.write(
            "config.d/10.toml",
            "nflog.group = 7\n[detect]\nthreshold = 7.5\n[[rule]]\ntype = \"trust\"\nport = 23\ncomment = \"x # y\"\n",
        );
        let path = dir.path().join("config.toml");
        let effective = show(Some(&path)).unwrap();
        let of = |key: &str| {
            let Setting { value, from } = &effective.settings[key];
            let from = from.as_ref().and_then(|from| from.file_name());
            (value.to_string(), from.and_then(|from| from.to_str()))
        };
        assert_eq!(of("capture"), ("true".to_owned(), Some("config.toml")));
        assert_eq!(of("nflog.group"), ("7".to_owned(), Some("10.toml")));
        assert_eq!(of("detect.threshold"), ("7.5".to_owned(), Some("10.toml")));
        assert_eq!(of("detect.high-ports"), ("200".to_owned(), None));
        assert_eq!(effective.entries.len(), 2);
        // What is shown says the same.
        let shown = effective.to_toml();
        let again = Config::parse(&path, &shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
        let config = Config::load(Some(&path)).unwrap();
        assert_eq!((again.group, &again.rules), (7, &config.rules));
        assert_eq!(again.detect, config.detect);
        assert_eq!(files(Some(&path)).unwrap().len(), 2);
    }
}
