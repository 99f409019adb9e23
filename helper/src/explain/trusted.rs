//! What a rule trusts.

use super::services;
use crate::detect::Trace;

/// Who did what, and why it is not weighed, in a sentence; the comment is what somebody wrote beside the rule.
#[must_use]
pub fn trusted(trace: &Trace, comment: &str) -> String {
    let Trace { src, protocol, .. } = trace;
    let what = match trace.dport {
        Some(port) => format!("asks for {}", services::port(*protocol, port)),
        None => format!("sent a packet of the protocol {protocol}"),
    };
    let why = if comment.is_empty() {
        String::new()
    } else {
        format!(" (\"{comment}\")")
    };
    format!("{src} {what}, which a rule trusts{why}: it is not weighed.")
}
