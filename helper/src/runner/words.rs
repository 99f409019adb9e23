//! Text of scripts, files and the system as it may stand in the journal and on a terminal.

use std::{io, path::Path};

/// Is this a character that steers, hides or reorders what stands around it?
fn is_hostile(c: char) -> bool {
    // The standard library escapes whatever is no printable character, and besides what strings are made with.
    !matches!(c, '"' | '\'' | '\\' | '\t') && c.escape_debug().len() > 1
}

/// The text with every character escaped that could steer a terminal or hide what stands around it.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) {
            cleaned.extend(c.escape_debug());
        } else {
            cleaned.push(c);
        }
    }
    cleaned
}

/// A path as a word of a shell's command.
pub(crate) fn quoted(path: &Path) -> String {
    let text = clean(&path.to_string_lossy());
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// What the system said, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_escaped_and_the_rest_is_left() {
        assert_eq!(clean("a'b\"c\\d \u{e9}"), "a'b\"c\\d \u{e9}");
        assert_eq!(
            clean("\u{1b}[2J\n\t\u{202e}\0"),
            "\\u{1b}[2J\\n\t\\u{202e}\\0"
        );
        assert_eq!(quoted(Path::new("/a/b-c.sh")), "/a/b-c.sh");
        assert_eq!(quoted(Path::new("/a b'$(c)")), "'/a b'\\''$(c)'");
    }
}
