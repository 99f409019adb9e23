//! What a hook waits for, in words.

use std::fmt::Display;

use wallwatch_dbus::{Kind, Severity};
use wallwatch_helper::{
    event::{Feed, Interface},
    explain::Class,
    hook::{
        Each, Hook, Wants,
        filter::{AlertFilter, EventFilter},
    },
};

/// As "each alert once, from medium on, of 192.0.2.0/24; at most 10 a minute".
pub(super) fn words(hook: &Hook) -> String {
    let mut parts = match &hook.wants {
        Wants::Alert(each, filter) => alerts(*each, filter),
        Wants::Event(filter) => events(filter),
    };
    parts.retain(|part| !part.is_empty());
    format!("{}; at most {} a minute", parts.join(", "), hook.per_minute)
}

fn alerts(each: Each, filter: &AlertFilter) -> Vec<String> {
    let head = match each {
        Each::Incident => "each alert once",
        Each::Change => "each change of an alert",
    };
    let severity = match Severity::from_level(filter.min_severity) {
        Severity::Info => String::new(),
        least => format!("from severity {} ({least}) on", filter.min_severity),
    };
    vec![
        head.to_owned(),
        severity,
        any_of("of the kind", filter.kind.iter().copied().map(Kind::as_str)),
        any_of("from", filter.source.iter()),
        any_of("at port", filter.port.iter().map(|port| port.0)),
        any_of("on", filter.interface.iter().map(Interface::as_str)),
    ]
}

fn events(filter: &EventFilter) -> Vec<String> {
    let head = match (filter.packets, filter.flows) {
        (true, false) => "each packet",
        (false, _) => "each new connection",
        (true, true) => "each packet and each new connection",
    };
    vec![
        head.to_owned(),
        any_of(
            "logged with a prefix like",
            filter
                .prefix
                .iter()
                .map(|prefix| format!("'{}'", prefix.as_str())),
        ),
        any_of("told by", filter.feed.iter().copied().map(Feed::as_str)),
        any_of(
            "of the class",
            filter.class.iter().copied().map(Class::as_str),
        ),
        any_of("of the kind", filter.kind.iter().copied().map(Kind::as_str)),
        any_of("of the protocol", filter.protocol.iter()),
        any_of("that was", filter.verdict.iter()),
        any_of("from", filter.source.iter()),
        any_of("to port", filter.port.iter().map(|port| port.0)),
        any_of("on", filter.interface.iter().map(Interface::as_str)),
    ]
}

/// As "from a, b or c"; nothing where nothing is named.
fn any_of<T: Display>(what: &str, values: impl Iterator<Item = T>) -> String {
    let mut values: Vec<String> = values.map(|value| value.to_string()).collect();
    match values.pop() {
        None => String::new(),
        Some(one) if values.is_empty() => format!("{what} {one}"),
        Some(last) => format!("{what} {} or {last}", values.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use wallwatch_helper::config::Config;

    use super::*;

    #[test]
    fn a_hook_says_what_it_waits_for() {
        let text = "[[hook]]\nname = \"a\"\non = \"alert\"\nrun = [\"/a\"]\nmin-severity = 3\nsource = [\"192.0.2.0/24\", \"2001:db8::1\"]\n\
            kind = \"tcp-syn-scan\"\nport = [22, 80, 443]\n\
            [[hook]]\nname = \"b\"\non = \"event\"\nrun = [\"/b\"]\nprefix = \"SSH-DROP\"\nfeed = \"kmsg\"\nprotocol = \"tcp\"\nper-minute = 5\n\
            [[hook]]\nname = \"c\"\non = \"event\"\nrun = [\"/c\"]\nconntrack = \"new\"\n\
            [[hook]]\nname = \"d\"\non = \"alert\"\nrun = [\"/d\"]\neach = \"change\"\n";
        let config = Config::parse("/c.toml".as_ref(), text).unwrap();
        let told: Vec<String> = config.hooks.iter().map(words).collect();
        assert_eq!(
            told,
            [
                "each alert once, from severity 3 (medium) on, of the kind tcp-syn-scan, from 192.0.2.0/24 or 2001:db8::1, at port 22, 80 or 443; at most 10 a minute",
                "each packet, logged with a prefix like 'SSH-DROP', told by kmsg, of the protocol tcp; at most 5 a minute",
                "each new connection; at most 10 a minute",
                "each change of an alert; at most 10 a minute",
            ]
        );
    }
}
