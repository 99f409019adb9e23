//! Everything that is wrong in a configuration, for somebody who mends it.

use std::path::Path;

use super::{
    Config, DEFAULT_PATH, Error, Written,
    layers::{self, Layer},
};

/// So many mistakes of a file are told.
const MOST_MISTAKES: usize = 50;

/// All mistakes of the configuration at `path`, or of the default one, file by file from top to bottom; none where it can be used.
#[must_use]
pub fn mistakes(path: Option<&Path>) -> Vec<Error> {
    let (path, required) = path.map_or((Path::new(DEFAULT_PATH), false), |path| (path, true));
    let layers = match layers::read_all(path, required) {
        Ok(layers) => layers,
        Err(error) => return vec![error],
    };
    let mut all: Vec<Error> = layers.iter().flat_map(mistakes_of).collect();
    if all.is_empty() {
        all.extend(Config::of_layers(path, &layers).err());
    }
    all
}

/// All mistakes of one file: behind each the reading goes on as if what is wrong did not stand there.
fn mistakes_of(layer: &Layer) -> Vec<Error> {
    let mut text = layer.text.clone();
    let mut all = Vec::new();
    while all.len() < MOST_MISTAKES {
        let Err(cause) = toml::from_str::<Written>(&text) else {
            break;
        };
        let error = Error::parse(&layer.path, &text, cause);
        let Error::Parse { line, .. } = error else {
            break;
        };
        // What stands behind a mistake of the language itself may be anything.
        let is_readable = toml::de::DeTable::parse(&text).is_ok();
        all.push(error);
        let less = without(&text, line);
        if !is_readable || less == text || toml::de::DeTable::parse(&less).is_err() {
            break;
        }
        text = less;
    }
    all.sort_by_key(|error| match error {
        Error::Parse { line, .. } => *line,
        Error::Read { .. } | Error::Together { .. } => 0,
    });
    all
}

/// The text with as many lines, but nothing in this line, from 1 on; nor in its section, where that is a rule or the like, of which less
/// would be another mistake, or where the line is its head.
fn without(text: &str, line: usize) -> String {
    let is_head = |text: &str| text.trim_start().starts_with('[');
    let mut lines: Vec<&str> = text.lines().collect();
    let line = line.saturating_sub(1);
    let head = lines
        .iter()
        .take(line + 1)
        .rposition(|text| is_head(text))
        .filter(|head| *head == line || lines[*head].trim_start().starts_with("[["));
    let first = head.unwrap_or(line);
    for (n, text) in lines.iter_mut().enumerate().skip(first) {
        if n > first && (head.is_none() || is_head(text)) {
            break;
        }
        *text = "";
    }
    let mut less = lines.join("\n");
    less.push('\n');
    less
}

#[cfg(test)]
mod tests {
    use wallwatch_test_support::TempDir;

    use super::*;

    fn told(dir: &TempDir) -> Vec<String> {
        let all = mistakes(Some(&dir.path().join("config.toml")));
        let dir = format!("{}/", dir.path().display());
        all.iter()
            .map(|error| error.to_string().replace(&dir, ""))
            .collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_own_file_and_line() {
        let dir = TempDir::new();
        std::fs::create_dir(dir.path().join("config.d")).unwrap();
        dir.write(
            "config.toml",
            "captrue = true\nnflog.group = 0\n\n[[rule]]\ntype = \"mute\"\n\n[[rule]]\ntype = \"trust\"\nsource = \"x\"\n",
        );
        dir.write(
            "config.d/10-a.toml",
            "[detect]\nthreshold = 0\nmedium-ports = \"many\"\n",
        );
        dir.write("config.d/20-b.toml", "kmsg.read = \"on\"\n");
        dir.write("config.d/30-c.toml", "capture = = 1\ncaptrue = 1\n");
        dir.write("config.d/.hidden.toml", "nonsense");
        dir.write("config.d/README", "nonsense");
        let told = told(&dir);
        let starts: Vec<_> = told
            .iter()
            .map(|error| error.split(": ").next().unwrap_or_default())
            .collect();
        assert_eq!(
            starts,
            [
                "config.toml, line 1",
                "config.toml, line 2",
                "config.toml, line 4",
                "config.toml, line 9",
                "config.d/10-a.toml, line 2",
                "config.d/10-a.toml, line 3",
                "config.d/30-c.toml, line 1",
            ],
            "{told:#?}"
        );
    }

    #[test]
    fn what_is_too_much_together_is_told_of_the_file_that_makes_it_so() {
        let dir = TempDir::new();
        std::fs::create_dir(dir.path().join("config.d")).unwrap();
        let rules = |count: usize| "[[rule]]\ntype = \"mute\"\nport = 1\n".repeat(count);
        dir.write("config.toml", rules(60));
        dir.write("config.d/1.toml", rules(4));
        assert_eq!(told(&dir), [""; 0]);
        dir.write("config.d/2.toml", rules(1));
        dir.write("config.d/3.toml", "capture = true\n");
        let told = told(&dir);
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("config.d/2.toml: beside the files before it: these are 65 rules"),
            "{told:?}"
        );
    }
}
