//! The escaping of what a stranger could have written.

use std::{borrow::Cow, fmt::Write as _};

/// Text of strangers is shown up to this many characters.
pub const MAX_SHOWN: usize = 200;

/// The helper's own sentences are shown up to this many characters: the command that mends a trouble stands at their end.
const MAX_SENTENCES: usize = 1000;

/// The word put behind text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Can this character reorder, hide or end what stands around it?
///
/// Control characters (with line ends and escape), the bidirectional controls of Unicode UAX #9, and characters without width.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text as it may be shown: hostile characters replaced, length capped at [`MAX_SHOWN`]. Clean text costs nothing.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    sanitize_to(text, MAX_SHOWN)
}

/// As [`sanitize`], but whole: for programs, which cut nothing off.
#[must_use]
pub fn sanitize_whole(text: &str) -> Cow<'_, str> {
    sanitize_to(text, usize::MAX)
}

/// As [`sanitize`], for a few sentences, which may be longer than a name or a list of ports.
#[must_use]
pub fn sanitize_sentences(text: &str) -> Cow<'_, str> {
    sanitize_to(text, MAX_SENTENCES)
}

/// The text without hostile characters, cut behind so many characters.
fn sanitize_to(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max && !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown: String = text
        .chars()
        .take(max)
        .map(|c| {
            if is_hostile(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(max).is_some() {
        shown.push(ELLIPSIS);
    }
    Cow::Owned(shown)
}

/// The text as it may stand in a notification body that is read as markup.
#[must_use]
pub fn escape_markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// JSON with every hostile character as `\u` escape, which JSON allows in strings, the only place where they can stand.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_hostile) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hostile(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_harmless() {
        assert!(matches!(sanitize("DROP eth0"), Cow::Borrowed("DROP eth0")));
        assert_eq!(
            sanitize("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d"
        );
        assert_eq!(sanitize(&"x".repeat(10_000)).chars().count(), MAX_SHOWN + 1);
        assert_eq!(
            sanitize(&"\u{e9}".repeat(MAX_SHOWN)).chars().count(),
            MAX_SHOWN
        );
        assert_eq!(escape_markup("<b>&'\""), "&lt;b&gt;&amp;&#39;&quot;");
    }
    #[test]
    fn escaped_json_says_the_same_and_cannot_steer_a_terminal() {
        let hostile = "a\u{9b}2Jb\u{202e}c\u{e0041}d\u{7f}";
        let json = serde_json::to_string(hostile).unwrap();
        let escaped = escape_json(&json);
        assert_eq!(escaped, "\"a\\u009b2Jb\\u202ec\\udb40\\udc41d\\u007f\"");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), hostile);
        assert!(matches!(escape_json("{}"), Cow::Borrowed("{}")));
    }
}
