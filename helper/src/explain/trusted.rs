//! What a rule of the configuration trusts.

use super::services;
use crate::{detect::Trace, rules::Rule};

/// Who did what, and why it is not weighed, in a sentence.
#[must_use]
pub fn trusted(trace: &Trace, rule: &Rule) -> String {
    let Trace { src, protocol, .. } = trace;
    let what = match trace.dport {
        Some(port) => format!("asks for {}", services::port(*protocol, port)),
        None => format!("sent a packet of the protocol {protocol}"),
    };
    let why = if rule.comment().is_empty() {
        String::new()
    } else {
        format!(" (\"{}\")", rule.comment())
    };
    format!("{src} {what}, which a rule of the configuration trusts{why}: it is not weighed.")
}
