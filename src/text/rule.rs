//! Rules in words, and the commands that make and undo them.

use wallwatch_dbus::Rule;

use super::{date_time, sanitize};

/// What a rule does, as a line without its end: "Trusts packets from 192.0.2.7".
#[must_use]
pub fn rule(rule: &Rule) -> String {
    let words = match rule.r#type.as_str() {
        "trust" => format!("Trusts packets{}", scope(rule, "for port")),
        "mute" => format!("No popups of attacks{}", scope(rule, "on port")),
        "noise" if rule.on => format!("Packets of the class {} are harmless", rule.class),
        "noise" => format!(
            "Packets of the class {} are not held for harmless",
            rule.class
        ),
        "network" if rule.place == "home" => format!(
            "The network behind {} is home: no popups of devices that look around",
            rule.gateway
        ),
        "network" => format!(
            "The network behind {} is {}: scans from within are one level worse",
            rule.gateway, rule.place
        ),
        // Of a newer helper.
        other => format!("A rule of the type {other}"),
    };
    let words = if rule.comment.is_empty() {
        words
    } else {
        format!("{words} (\"{}\")", rule.comment)
    };
    sanitize(&words).into_owned()
}

/// What a rule that trusts or mutes holds for.
fn scope(rule: &Rule, port: &str) -> String {
    let mut words = String::new();
    for (before, name) in [
        (" of the kind ", &rule.kind),
        (" from ", &rule.source),
        (" by the interface ", &rule.interface),
    ] {
        if !name.is_empty() {
            words.push_str(before);
            words.push_str(name);
        }
    }
    if rule.port != 0 {
        words = format!("{words} {port} {}", rule.port);
    }
    words
}

/// Who added a rule and when: "alice, 2026-11-24 20:15:09".
#[must_use]
pub fn rule_author(rule: &Rule) -> String {
    if rule.fixed {
        "the configuration".to_owned()
    } else {
        format!("{}, {}", sanitize(&rule.added_by), date_time(rule.added_at))
    }
}

/// The command that makes such a rule.
#[must_use]
pub fn rule_command(rule: &Rule) -> String {
    let port = if rule.port == 0 {
        String::new()
    } else {
        rule.port.to_string()
    };
    let on = if rule.on { "on" } else { "off" };
    let (command, options): (&str, &[(&str, &str)]) = match rule.r#type.as_str() {
        "trust" => ("trust", &[("", &rule.source)]),
        "mute" => ("mute", &[("--source", &rule.source)]),
        "noise" => ("rules noise", &[("", &rule.class), ("", on)]),
        _ => (
            "rules network",
            &[("", &rule.place), ("--gateway", &rule.gateway)],
        ),
    };
    let shared = [
        ("--port", port.as_str()),
        ("--kind", &rule.kind),
        ("--interface", &rule.interface),
        ("--comment", &rule.comment),
    ];
    let mut line = format!("wallwatchctl {command}");
    for (name, value) in options.iter().chain(&shared) {
        if value.is_empty() {
            continue;
        }
        for word in [name, quoted(value).as_str()] {
            if !word.is_empty() {
                line.push(' ');
                line.push_str(word);
            }
        }
    }
    if rule.r#type == "mute" {
        line.push_str(" --everybody");
    }
    line
}

/// The command that undoes a rule; where it stands in the configuration a person has to take it out.
#[must_use]
pub fn rule_undo(rule: &Rule) -> String {
    let names_source_alone = rule.kind.is_empty() && rule.interface.is_empty() && rule.port == 0;
    match rule.r#type.as_str() {
        _ if rule.fixed => "take it out of the configuration, then: wallwatchctl reload".to_owned(),
        "trust" if names_source_alone => {
            format!("wallwatchctl untrust {}", quoted(&rule.source))
        }
        "noise" => format!(
            "wallwatchctl rules noise {} {}",
            quoted(&rule.class),
            if rule.on { "off" } else { "on" }
        ),
        _ => format!("wallwatchctl rules remove {}", rule.id),
    }
}

/// A word as a shell takes it, whatever it holds (POSIX.1-2024, XCU 2.2.2).
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,".contains(c);
    let word = sanitize(word);
    if word.chars().all(is_plain) && !word.is_empty() {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(effect: &str) -> Rule {
        Rule {
            id: 3,
            r#type: effect.to_owned(),
            added_by: "alice".to_owned(),
            ..Rule::default()
        }
    }

    #[test]
    fn a_rule_is_said_made_and_undone() {
        let trust = Rule {
            source: "192.0.2.0/24".to_owned(),
            ..of("trust")
        };
        let narrow = Rule {
            port: 22,
            kind: "tcp-syn-scan".to_owned(),
            comment: "Bob's; $(reboot)".to_owned(),
            ..trust.clone()
        };
        let mute = Rule {
            port: 5353,
            interface: "eth0".to_owned(),
            ..of("mute")
        };
        let noise = Rule {
            class: "llmnr".to_owned(),
            ..of("noise")
        };
        let home = Rule {
            gateway: "02:00:00:00:00:01".to_owned(),
            place: "home".to_owned(),
            ..of("network")
        };
        for (rule_, words, command, undo) in [
            (
                &trust,
                "Trusts packets from 192.0.2.0/24",
                "wallwatchctl trust 192.0.2.0/24",
                "wallwatchctl untrust 192.0.2.0/24",
            ),
            (
                &narrow,
                "Trusts packets of the kind tcp-syn-scan from 192.0.2.0/24 for port 22 (\"Bob's; $(reboot)\")",
                "wallwatchctl trust 192.0.2.0/24 --port 22 --kind tcp-syn-scan --comment 'Bob'\\''s; $(reboot)'",
                "wallwatchctl rules remove 3",
            ),
            (
                &mute,
                "No popups of attacks by the interface eth0 on port 5353",
                "wallwatchctl mute --port 5353 --interface eth0 --everybody",
                "wallwatchctl rules remove 3",
            ),
            (
                &noise,
                "Packets of the class llmnr are not held for harmless",
                "wallwatchctl rules noise llmnr off",
                "wallwatchctl rules noise llmnr on",
            ),
            (
                &home,
                "The network behind 02:00:00:00:00:01 is home: no popups of devices that look around",
                "wallwatchctl rules network home --gateway 02:00:00:00:00:01",
                "wallwatchctl rules remove 3",
            ),
        ] {
            assert_eq!(rule(rule_), words);
            assert_eq!(rule_command(rule_), command);
            assert_eq!(rule_undo(rule_), undo);
        }
        let fixed = Rule {
            fixed: true,
            ..trust
        };
        assert!(rule_undo(&fixed).contains("out of the configuration"));
        assert_eq!(rule_author(&fixed), "the configuration");
        assert!(rule_author(&noise).starts_with("alice, "));
    }
}
