//! Recorded attacks are found and named; recorded ordinary traffic raises nothing. The cases are `tests/data/cases`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{fmt::Write as _, fs, path::Path};

use evaluation::stream::replayed_log;
use wallwatch_dbus::{Alert, Severity};
use wallwatch_helper::replay::Counts;

#[path = "../support/evaluation/mod.rs"]
pub mod evaluation;

/// An attack must be told by this packet of its at the latest.
const MAX_PACKETS_TO_ALERT: u64 = 10;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cases"))
}

/// The alerts that a case raises, and what became of its lines.
fn replayed(case: &str) -> (Vec<Alert>, Counts) {
    let path = folder().join(case).with_extension("log");
    replayed_log(&fs::read_to_string(path).unwrap())
}

fn truth() -> Vec<[String; 3]> {
    let table = fs::read_to_string(folder().join("truth.tsv")).unwrap();
    let row = |line: &str| -> [String; 3] {
        let columns: Vec<String> = line.split('\t').map(str::to_owned).collect();
        columns.try_into().unwrap()
    };
    table.lines().map(row).collect()
}

/// What is wrong with the alerts of an attack; empty where nothing is.
fn faults(alerts: &[Alert], kind: &str, source: &str) -> String {
    let mut faults = String::new();
    if !alerts.iter().any(|alert| alert.kind == kind) {
        write!(faults, " no {kind}").unwrap();
    }
    for alert in alerts {
        if alert.sources != [source] {
            write!(faults, " {} blames {:?}", alert.kind, alert.sources).unwrap();
        }
        if alert.severity() < Severity::Low || !alert.popup {
            write!(faults, " {} pops up nothing", alert.kind).unwrap();
        }
        if alert.packets_to_alert > MAX_PACKETS_TO_ALERT {
            write!(
                faults,
                " {} told after {} packets",
                alert.kind, alert.packets_to_alert
            )
            .unwrap();
        }
    }
    faults
}

#[test]
fn each_recorded_attack_is_found_and_named() {
    let mut wrong = String::new();
    let attacks: Vec<_> = truth()
        .into_iter()
        .filter(|[_, kind, _]| kind != "-")
        .collect();
    assert!(attacks.len() > 30);
    for [case, kind, source] in attacks {
        let faults = faults(&replayed(&case).0, &kind, &source);
        if !faults.is_empty() {
            writeln!(wrong, "{case}:{faults}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn recorded_ordinary_traffic_raises_nothing() {
    let quiet: Vec<_> = truth()
        .into_iter()
        .filter(|[_, kind, _]| kind == "-")
        .collect();
    assert!(quiet.len() > 10);
    for [case, ..] in quiet {
        let (alerts, _) = replayed(&case);
        assert_eq!(alerts, [], "{case}");
    }
}

#[test]
fn every_recorded_line_is_read() {
    for [case, ..] in truth() {
        let (_, counts) = replayed(&case);
        assert!(
            counts.events > 0 && counts.lines.refused.is_empty(),
            "{case}: {counts:?}"
        );
    }
}

#[test]
fn an_incident_is_told_once_with_its_tool_and_ports() {
    let (alerts, _) = replayed("mixed_nmap_browsing");
    let [alert] = alerts.as_slice() else {
        panic!("{alerts:?}")
    };
    assert_eq!(
        (alert.kind.as_str(), alert.tool.as_str()),
        ("tcp-syn-scan", "nmap")
    );
    assert_eq!(
        (alert.verdict.as_str(), alert.protocol.as_str()),
        ("dropped", "tcp")
    );
    assert_eq!(alert.port_count, 24);
    assert_eq!(alert.packets, 24);
    assert!(!alert.trusted);
}
