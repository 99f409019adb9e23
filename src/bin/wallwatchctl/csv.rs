//! Alerts as a table of comma separated values (RFC 4180), with the keys of the JSON output.

use std::io;

use ::csv::WriterBuilder;
use serde_json::Value;
use wallwatch::text::sanitize_whole;
use wallwatch_dbus::Alert;

/// The row of names.
pub(crate) fn head(out: &mut Vec<u8>) -> io::Result<()> {
    write(out, Alert::KEYS.iter().map(|key| (*key).to_owned()))
}

/// The row of an alert.
pub(crate) fn row(alert: &Alert, out: &mut Vec<u8>) -> io::Result<()> {
    let fields = alert.to_json();
    write(out, Alert::KEYS.iter().map(|key| cell(&fields[*key])))
}

fn write(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) -> io::Result<()> {
    let mut writer = WriterBuilder::new()
        .buffer_capacity(1 << 12)
        .from_writer(out);
    writer.write_record(cells)?;
    writer.flush()
}

/// A value in a cell: the parts of a list apart by blanks, the parts of these by slashes; packets as their lines, apart by semicolons.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => harmless(text),
        Value::Array(parts) if parts.iter().any(Value::is_object) => harmless(&joined(parts, "; ")),
        Value::Array(parts) => harmless(&joined(parts, " ")),
        other => other.to_string(),
    }
}

fn joined(parts: &[Value], between: &str) -> String {
    let part = |part: &Value| match part {
        Value::String(text) => text.clone(),
        Value::Array(parts) => joined(parts, "/"),
        Value::Object(packet) => packet
            .get("line")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        other => other.to_string(),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(between)
}

/// A spreadsheet takes what begins so for a formula, which may start programs (OWASP, CSV injection); behind an apostrophe it is
/// text.
fn harmless(text: &str) -> String {
    // A stranger's control characters would steer the terminal, or end the row.
    let text = sanitize_whole(text);
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(alert: &Alert) -> String {
        let mut out = Vec::new();
        head(&mut out).unwrap();
        row(alert, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_has_a_cell_for_each_name() {
        let alert = Alert {
            sources: vec!["192.0.2.1".to_owned(), "2001:db8::1".to_owned()],
            ports: "22,80".to_owned(),
            first_seen: -5,
            signatures: vec![(384, "PING \"x\"".to_owned())],
            exposed: vec![(22, "tcp".to_owned(), "ssh.service".to_owned())],
            ..Alert::default()
        };
        let text = table(&alert);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let names = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let cell = |name: &str| &row[names.iter().position(|known| known == name).unwrap()];
        assert_eq!(cell("sources"), "192.0.2.1 2001:db8::1");
        assert_eq!(cell("ports"), "22,80");
        assert_eq!(cell("first_seen"), "-5", "a number is no formula");
        assert_eq!(cell("signatures"), "384/PING \"x\"");
        assert_eq!(cell("exposed"), "22/tcp/ssh.service");
        assert_eq!(cell("targets"), "");
    }

    #[test]
    fn what_a_stranger_wrote_cannot_steer_the_terminal() {
        let alert = Alert {
            interface: "e\u{1b}[2J\n".to_owned(),
            ..Alert::default()
        };
        assert!(table(&alert).contains(",e\u{fffd}[2J\u{fffd},"));
    }

    #[test]
    fn what_looks_like_a_formula_is_text() {
        for interface in ["=1+1", "+1", "-1", "@SUM(A1)"] {
            let alert = Alert {
                interface: interface.to_owned(),
                ..Alert::default()
            };
            assert!(
                table(&alert).contains(&format!("'{interface}")),
                "{interface}"
            );
        }
    }
}
