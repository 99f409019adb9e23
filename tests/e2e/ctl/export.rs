//! `export`: everything, page by page, and harmless to spreadsheets.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use wallwatch_dbus::Alert;

use super::{Stage, ctl, hostile};

/// The rows of a table, by the names of its columns.
fn rows(table: &str) -> (csv::StringRecord, Vec<csv::StringRecord>) {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let head = reader.headers().expect("there is a row of names").clone();
    let rows = reader.records().collect::<Result<_, _>>();
    (head, rows.expect("each row has a cell for each name"))
}

#[test]
fn all_pages_are_printed_once_each_as_a_table_or_as_json() {
    let stage = Stage::new();
    stage.knows(1100);
    let table = stage.printed(&["export"]);
    let (head, rows) = rows(&table);
    assert_eq!(head, Alert::KEYS.to_vec());
    let ids: Vec<u64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(ids, (1..=1100).collect::<Vec<u64>>());
    assert_eq!(stage.helper.pages(), [500; 3]);
    assert_eq!(stage.printed(&["export", "--csv"]), table);
    let json = stage.printed(&["export", "--json"]);
    let of_json: BTreeSet<u64> = json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|alert| alert["id"].as_u64().unwrap())
        .collect();
    assert_eq!((json.lines().count(), of_json.len()), (1100, 1100));
}

#[test]
fn filters_hold_and_nothing_is_a_row_of_names() {
    let stage = Stage::new();
    stage.knows(1100);
    let few = stage.printed(&["export", "--source", "192.0.2.7"]);
    assert_eq!(rows(&few).1.len(), 5);
    let none = stage.printed(&["export", "--kind", "worm"]);
    assert_eq!(none.lines().count(), 1, "{none}");
    assert_eq!(stage.printed(&["export", "--json", "--kind", "worm"]), "");
}

#[test]
fn no_cell_is_a_formula_whatever_a_stranger_wrote() {
    let stage = Stage::new();
    stage.helper.keep(hostile());
    let table = stage.printed(&["export"]);
    let (head, rows) = rows(&table);
    for name in ["sources", "tool", "interface", "ports", "tags"] {
        let column = head.iter().position(|known| known == name).unwrap();
        let cell = &rows[0][column];
        assert!(cell.starts_with("'=cmd"), "{name}: {cell}");
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test may start a program, and this one reads its output while it runs"
)]
fn memory_does_not_grow_with_the_history() {
    let stage = Stage::new();
    // The most memory that it had when four of five alerts were printed, in KiB.
    let peak = |alerts: usize| {
        let mut export = Command::new(env!("CARGO_BIN_EXE_wallwatchctl"))
            .args(["export", "--json"])
            .env("DBUS_SYSTEM_BUS_ADDRESS", stage.bus.address())
            .stdout(Stdio::piped())
            .spawn()
            .expect("wallwatchctl starts");
        let mut lines = BufReader::new(export.stdout.take().expect("it is a pipe")).lines();
        assert_eq!(lines.by_ref().take(alerts * 4 / 5).count(), alerts * 4 / 5);
        let status = fs::read_to_string(format!("/proc/{}/status", export.id()))
            .expect("it waits for its reader");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.expect("the kernel tells it").trim_end_matches(" kB");
        assert_eq!(lines.count(), alerts - alerts * 4 / 5);
        assert!(export.wait().expect("it ends").success());
        peak.trim().parse::<u64>().expect("it is a number")
    };
    stage.knows(2000);
    let few = peak(2000);
    stage.knows(20_000);
    let many = peak(20_000);
    assert!(
        many < few + 1024,
        "{few} KiB for 2,000, {many} KiB for 20,000"
    );
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let stage = Stage::new();
    stage.knows(2000);
    let export = ctl(&stage.bus.address(), &["export", "--json"]);
    let script = r#"set -o pipefail; "$@" | head -n 1"#;
    let output = export
        .wrapped(["/usr/bin/env", "bash", "-c", script, "bash"])
        .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert_eq!(output.stdout.lines().count(), 1);
}
