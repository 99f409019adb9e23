//! Records of the kernel's log as `/dev/kmsg` gives them (Documentation/ABI/testing/dev-kmsg).

use super::calendar::leading_number;

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
