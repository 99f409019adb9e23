//! The rules that were added over the bus, each with its number, who added it and when; and their text in a file.

use std::fmt::Write as _;

use serde::Deserialize;
use wallwatch_dbus::Rule as Record;

use super::{MOST_RULES, Rule, rule::quoted};
use crate::event::Timestamp;

/// What stands above the rules in the file.
const HEAD: &str = "# Rules that were added over the bus, written by wallwatch-helper. To change them: wallwatchctl rules\n";
/// A name of an account is at most so long: useradd(8) takes no longer one.
const MOST_NAME: usize = 32;

/// A rule that was added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// Its number.
    pub id: u64,
    /// The rule.
    pub rule: Rule,
    /// The number of the account that added it.
    pub added_uid: u32,
    /// The account's name; its number where it had none.
    pub added_by: String,
    /// When.
    pub added_at: i64,
}

impl Entry {
    /// The rule as it stands on the bus.
    #[must_use]
    pub fn to_record(&self) -> Record {
        Record {
            id: self.id,
            added_by: self.added_by.clone(),
            added_at: self.added_at,
            ..self.rule.to_record()
        }
    }
}

/// Why a rule was not added. Each is a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// There are as many as there may be.
    #[error(
        "There are {MOST_RULES} rules, and no more can be kept: remove one first (wallwatchctl rules lists them)."
    )]
    Full,
    /// The configuration says otherwise.
    #[error("The configuration says otherwise of the same: change its rule there.")]
    Fixed,
}

/// Why a rule was not removed. Each is a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    /// There is none.
    #[error("There is no rule {0}: wallwatchctl rules lists those that there are.")]
    Unknown(u64),
    /// It stands in the configuration.
    #[error("This rule stands in the configuration: take it out there, then: wallwatchctl reload.")]
    Fixed,
}

/// The rules that were added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Book {
    /// The number of the next rule.
    next_id: u64,
    #[serde(default, rename = "rule")]
    entries: Vec<Entry>,
}

impl Default for Book {
    fn default() -> Self {
        Self::from_number(1)
    }
}

impl Book {
    /// An empty one, whose next rule has this number.
    #[must_use]
    pub const fn from_number(next_id: u64) -> Self {
        Self {
            next_id,
            entries: Vec::new(),
        }
    }

    /// All rules, in the order in which they were added.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds a rule beside those of the configuration; returns its number, or that of the rule that says the same already: 0 where
    /// it stands in the configuration. What was added before and says otherwise of the same is replaced.
    pub fn add(
        &mut self,
        rule: Rule,
        fixed: &[Rule],
        (added_uid, added_by): (u32, &str),
        now: Timestamp,
    ) -> Result<u64, AddError> {
        let same = |known: &Rule| known.what() == rule.what();
        if fixed.iter().any(same) {
            return Ok(0);
        }
        if let Some(known) = self.entries.iter().find(|entry| same(&entry.rule)) {
            return Ok(known.id);
        }
        if fixed.iter().any(|known| known.is_about_the_same(&rule)) {
            return Err(AddError::Fixed);
        }
        let replaced = self
            .entries
            .iter()
            .position(|entry| entry.rule.is_about_the_same(&rule));
        if replaced.is_none() && fixed.len() + self.entries.len() >= MOST_RULES {
            return Err(AddError::Full);
        }
        if let Some(replaced) = replaced {
            self.entries.remove(replaced);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push(Entry {
            id,
            rule,
            added_uid,
            added_by: added_by.to_owned(),
            added_at: now.0,
        });
        Ok(id)
    }

    /// Removes a rule.
    pub fn remove(&mut self, id: u64) -> Result<(), RemoveError> {
        let found = self.entries.iter().position(|entry| entry.id == id);
        match found {
            _ if id == 0 => Err(RemoveError::Fixed),
            None => Err(RemoveError::Unknown(id)),
            Some(at) => {
                self.entries.remove(at);
                Ok(())
            }
        }
    }

    /// The text of its file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}next-id = {}\n", self.next_id);
        for entry in &self.entries {
            let rule: Vec<_> = entry.rule.to_toml();
            let rule: Vec<_> = rule
                .iter()
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            // Writing to a string cannot fail.
            _ = write!(
                text,
                "\n[[rule]]\nid = {}\nrule = {{ {} }}\nadded-uid = {}\nadded-by = {}\nadded-at = {}\n",
                entry.id,
                rule.join(", "),
                entry.added_uid,
                quoted(&entry.added_by),
                entry.added_at
            );
        }
        text
    }

    /// Reads the text of its file; the error is a sentence.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let book: Self = toml::from_str(text).map_err(|error| {
            let message = error.message().lines().collect::<Vec<_>>().join("; ");
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or(text);
            format!("line {}: {message}", before.matches('\n').count() + 1)
        })?;
        let mut ids: Vec<u64> = book.entries.iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        if count > MOST_RULES {
            Err(format!(
                "it holds {count} rules, but at most {MOST_RULES} may be"
            ))
        } else if ids.len() < count || ids.first() == Some(&0) {
            Err("two rules have the same number, or one has 0".to_owned())
        } else if ids.last().is_some_and(|last| *last >= book.next_id) {
            Err("the next number was used already".to_owned())
        } else if book.entries.iter().any(|entry| !is_name(&entry.added_by)) {
            Err("a name of an account cannot be one".to_owned())
        } else {
            Ok(book)
        }
    }
}

/// Can this be the name of an account, or its number, such as can be shown to anybody?
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MOST_NAME && !name.contains(|c: char| c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
    const ALICE: (u32, &str) = (1000, "alice");

    fn rule(text: &str) -> Rule {
        toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn port(port: u16) -> Rule {
        rule(&format!("type = \"mute\"\nport = {port}"))
    }

    fn add(book: &mut Book, rule: Rule) -> Result<u64, AddError> {
        book.add(rule, &[], ALICE, NOW)
    }

    #[test]
    fn a_number_is_never_used_again() {
        let mut book = Book::default();
        assert_eq!(add(&mut book, port(1)), Ok(1));
        assert_eq!(add(&mut book, port(2)), Ok(2));
        assert_eq!(book.remove(2), Ok(()));
        assert_eq!(book.remove(2), Err(RemoveError::Unknown(2)));
        let mut book = Book::from_text(&book.to_text()).unwrap();
        assert_eq!(add(&mut book, port(3)), Ok(3));
        assert_eq!(book.remove(0), Err(RemoveError::Fixed));
    }

    #[test]
    fn a_rule_that_is_there_answers_with_its_number() {
        let mut book = Book::default();
        let noted = rule("type = \"mute\"\nport = 1\ncomment = \"loud\"");
        assert_eq!(add(&mut book, noted.clone()), Ok(1));
        assert_eq!(add(&mut book, port(1)), Ok(1), "the comment is none of it");
        assert_eq!(book.entries().len(), 1);
        assert_eq!(book.entries()[0].rule, noted);
        let fixed = [port(7)];
        assert_eq!(book.add(port(7), &fixed, ALICE, NOW), Ok(0));
    }

    #[test]
    fn of_a_class_and_of_a_network_the_last_word_counts_and_the_configuration_s_before_all() {
        let noise = |on: bool| rule(&format!("type = \"noise\"\nclass = \"mdns\"\non = {on}"));
        let network = |place: &str| {
            rule(&format!(
                "type = \"network\"\ngateway = \"02:00:00:00:00:01\"\nplace = \"{place}\""
            ))
        };
        let mut book = Book::default();
        assert_eq!(add(&mut book, noise(false)), Ok(1));
        assert_eq!(add(&mut book, noise(true)), Ok(2));
        assert_eq!(add(&mut book, network("home")), Ok(3));
        assert_eq!(add(&mut book, network("public")), Ok(4));
        let ids: Vec<u64> = book.entries().iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [2, 4]);
        let fixed = [network("public")];
        let mut book = Book::default();
        let refused = book.add(network("home"), &fixed, ALICE, NOW);
        assert_eq!(refused, Err(AddError::Fixed));
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut book = Book::default();
        let fixed = [port(1)];
        for n in 2..=64 {
            assert_eq!(book.add(port(n), &fixed, ALICE, NOW), Ok(u64::from(n) - 1));
        }
        assert_eq!(book.add(port(65), &fixed, ALICE, NOW), Err(AddError::Full));
        assert_eq!(book.add(port(64), &fixed, ALICE, NOW), Ok(63));
    }

    #[test]
    fn the_file_gives_back_what_was_written() {
        let mut book = Book::default();
        for text in [
            "type = \"trust\"\nsource = \"2001:db8::/32\"\nport = 22\nkind = \"tcp-syn-scan\"\ninterface = \"a\\\"b\\\\\"",
            "type = \"mute\"\nkind = \"syn-flood\"\ncomment = \"\\\"quoted\\\" and \\\\ and $HOME \u{2603}\"",
            "type = \"noise\"\nclass = \"llmnr\"\non = false",
            "type = \"network\"\ngateway = \"02:00:00:00:00:01\"\nplace = \"public\"",
        ] {
            add(&mut book, rule(text)).unwrap();
        }
        let text = book.to_text();
        assert_eq!(Book::from_text(&text), Ok(book), "{text}");
    }

    #[test]
    fn a_damaged_file_is_none() {
        let mut book = Book::default();
        add(&mut book, port(1)).unwrap();
        add(&mut book, port(2)).unwrap();
        let text = book.to_text();
        for (from, to) in [
            ("next-id = 3", "next-id = 2"),
            ("next-id = 3", ""),
            ("id = 2", "id = 1"),
            ("id = 1", "id = 0"),
            ("port = 1", "port = 0"),
            ("added-by = \"alice\"", "added-by = \"\\u001b[31m\""),
            ("added-uid", "added-gid"),
        ] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text, "{from}");
            assert!(Book::from_text(&damaged).is_err(), "{damaged}");
        }
        for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            // Cut between two rules it is a whole file of fewer.
            if let Ok(less) = Book::from_text(&text[..cut]) {
                assert!(less.entries().len() <= 2);
            }
        }
    }
}
