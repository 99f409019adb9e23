//! The line that tells of what a hook runs for, as it came over the socket.

use serde::Deserialize;
use serde_json::Value;

use crate::hook::{
    On,
    line::{self, What},
};

/// A line has at most so many bytes, its end not counted.
pub const MOST_LINE: usize = line::MOST_BYTES;
/// The version of lines that is understood.
pub const VERSION: u64 = 1;
/// What a wrong line says is shown up to so many characters.
const MOST_SHOWN: usize = 60;

/// A line that was understood as far as is needed to choose a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The name of the hook.
    pub hook: String,
    /// What it runs for.
    pub on: On,
    /// So many earlier ones this one stands for.
    pub folded: u64,
    /// The line as it came, without its end.
    line: String,
    /// Does the line itself say another number of folded ones?
    refolded: bool,
}

/// The head of a line. What else it holds is the script's concern.
#[derive(Debug, Deserialize)]
struct Head {
    version: u64,
    hook: String,
    on: On,
    #[serde(default)]
    folded: u64,
    #[serde(default)]
    alert: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    event: Option<serde::de::IgnoredAny>,
}

impl Told {
    /// Reads a line. An error is a sentence.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        if line.len() > MOST_LINE {
            return Err(too_long());
        }
        let line =
            std::str::from_utf8(line).map_err(|_| "The line is no text in UTF-8.".to_owned())?;
        let head: Head = serde_json::from_str(line).map_err(|error| {
            format!(
                "The line is not what a helper writes: {}.",
                short(&error.to_string())
            )
        })?;
        if head.version != VERSION {
            return Err(format!(
                "The line is of version {}, and this runner understands version {VERSION}: install helper and runner of one release.",
                head.version
            ));
        }
        let has = match head.on {
            On::Alert => head.alert.is_some(),
            On::Event => head.event.is_some(),
        };
        if !has {
            return Err(format!("The line tells of no {}.", head.on.as_str()));
        }
        Ok(Self {
            hook: head.hook,
            on: head.on,
            folded: head.folded,
            line: line.to_owned(),
            refolded: false,
        })
    }

    /// The line of a hook for what happened, as the helper writes it; `None` where it would be too long.
    #[must_use]
    pub fn of(hook: &str, folded: u64, what: &What) -> Option<Self> {
        let mut line = Vec::new();
        if !line::write(&mut line, hook, folded, what) {
            return None;
        }
        line.pop(); // its end
        Some(Self {
            hook: hook.to_owned(),
            on: what.on(),
            folded,
            line: String::from_utf8(line).ok()?,
            refolded: false,
        })
    }

    /// From now on this one stands for an older one too, and for those that the older one stood for.
    pub fn fold(&mut self, older: &Self) {
        self.folded = self.folded.saturating_add(older.folded).saturating_add(1);
        self.refolded = true;
    }

    /// What the line holds.
    #[must_use]
    pub fn value(&self) -> Value {
        let mut value: Value = serde_json::from_str(&self.line).unwrap_or_default();
        if let Some(folded) = value.get_mut("folded").filter(|_| self.refolded) {
            *folded = self.folded.into();
        } else if self.refolded
            && let Some(object) = value.as_object_mut()
        {
            object.insert("folded".to_owned(), self.folded.into());
        }
        value
    }

    /// The line as the script reads it: as it came, but for the number of folded ones where that has grown.
    #[must_use]
    pub fn input(&self) -> Vec<u8> {
        let mut bytes = if self.refolded {
            self.value().to_string()
        } else {
            self.line.clone()
        }
        .into_bytes();
        bytes.push(b'\n');
        bytes
    }
}

/// What is said of a line that has no end in sight.
pub(crate) fn too_long() -> String {
    format!("The line is longer than {} KiB.", MOST_LINE / 1024)
}

fn short(text: &str) -> String {
    text.chars().take(MOST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"version":1,"hook":"beep","on":"alert","folded":2,"alert":{"z":1,"id":7,"a":"\u0000`"}}"#;

    #[test]
    fn a_line_goes_to_the_script_as_it_came() {
        let told = Told::read(LINE.as_bytes()).unwrap();
        assert_eq!(
            (told.hook.as_str(), told.on, told.folded),
            ("beep", On::Alert, 2)
        );
        assert_eq!(told.input(), format!("{LINE}\n").into_bytes());
    }

    #[test]
    fn those_that_are_folded_here_are_added() {
        let older = Told::read(LINE.as_bytes()).unwrap();
        for line in [
            LINE,
            r#"{"version":1,"hook":"beep","on":"alert","alert":{}}"#,
        ] {
            let mut latest = Told::read(line.as_bytes()).unwrap();
            let own = latest.folded;
            latest.fold(&older);
            assert_eq!(latest.folded, own + 3);
            let read: Value = serde_json::from_slice(&latest.input()).unwrap();
            assert_eq!(read["folded"], own + 3);
        }
    }

    #[test]
    fn an_alert_is_told_as_the_helper_tells_it() {
        let alert = wallwatch_dbus::Alert {
            id: 7,
            ..Default::default()
        };
        let told = Told::of("beep", 3, &What::Alert(Box::new(alert))).unwrap();
        let mut line = told.input();
        line.pop();
        assert_eq!(Told::read(&line), Ok(told));
    }

    #[test]
    fn what_is_no_such_line_is_refused_with_a_sentence() {
        for (line, words) in [
            ("", "not what a helper writes"),
            ("{}", "missing field `version`"),
            ("[1]", "not what a helper writes"),
            (
                r#"{"version":2,"hook":"a","on":"alert","alert":{}}"#,
                "version 2",
            ),
            (
                r#"{"version":1,"hook":"a","on":"event","alert":{}}"#,
                "tells of no event",
            ),
            (
                r#"{"version":1,"hook":"a","on":"alert","alert":null}"#,
                "tells of no alert",
            ),
            (
                r#"{"version":1,"hook":"a","on":"sunrise"}"#,
                "unknown variant",
            ),
            (
                r#"{"version":1,"hook":"a","on":"alert","folded":-1,"alert":{}}"#,
                "not what",
            ),
        ] {
            let refused = Told::read(line.as_bytes()).unwrap_err();
            assert!(refused.contains(words), "{line}: {refused}");
        }
        assert!(
            Told::read(&vec![b'['; MOST_LINE]).is_err(),
            "it is too deep"
        );
        assert!(
            Told::read(&vec![b' '; MOST_LINE + 1])
                .unwrap_err()
                .contains("longer than 64 KiB")
        );
        assert!(Told::read(b"\xff").unwrap_err().contains("UTF-8"));
    }
}
