//! Records of the kernel's log as `/dev/kmsg` gives them (Documentation/ABI/testing/dev-kmsg).

use std::borrow::Cow;

use super::{calendar::leading_number, fields::pair};

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Who wrote it: 0 is the kernel.
    pub(super) facility: i64,
    /// When, in microseconds after the machine started.
    pub(super) micros: i64,
    /// The message.
    pub(super) text: &'a [u8],
}

/// `4,1234,5678,-;text`: priority, number, time and flags, and perhaps `caller=T12`.
pub(super) fn record(line: &[u8]) -> Option<Record<'_>> {
    let (priority, rest) = leading_number(line)?;
    let (_number, rest) = leading_number(rest.strip_prefix(b",")?)?;
    let (micros, rest) = leading_number(rest.strip_prefix(b",")?)?;
    let rest = rest.strip_prefix(b",")?;
    let (flags, text) = rest.split_at_checked(memchr::memchr(b';', rest)?)?;
    let known = flags
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b',' | b'='));
    known.then_some(Record {
        facility: priority >> 3,
        micros,
        text: text.get(1..)?,
    })
}

/// The text of a record as it was logged: there a backslash, and whatever is not printable ASCII, stands as `\x5c`
/// (kernel/printk/printk.c, `msg_add_ext_text`). Hardly any line has one, so hardly any is copied.
#[must_use]
pub fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', text) else {
        return Cow::Borrowed(text);
    };
    let (plain, mut rest) = text.split_at_checked(first).unwrap_or((text, &[]));
    let mut read = plain.to_vec();
    while let [byte, behind @ ..] = rest {
        let escaped = match rest {
            [b'\\', b'x', high, low, behind @ ..] => pair(*high, *low).map(|byte| (byte, behind)),
            _ => None,
        };
        let (byte, behind) = escaped.unwrap_or((*byte, behind));
        read.push(byte);
        rest = behind;
    }
    Cow::Owned(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_escaped_is_read_as_it_was_logged() {
        for (escaped, text) in [
            ("DROP IN=eth0", "DROP IN=eth0"),
            (r"a\x5cb ", r"a\b "),
            (r"Ger\xc3\xa4t\x0a", "Ger\u{e4}t\n"),
            (r"\x5c\x5cx41", r"\\x41"),
            (r"\x4", r"\x4"),
            (r"\xzz\", r"\xzz\"),
        ] {
            assert_eq!(unescaped(escaped.as_bytes()), text.as_bytes());
        }
    }
}
