//! What each recorded case raises, alert by alert, is what it raised before: `tests/data/golden.tsv`.
//!
//! Where a change of detection is meant, `WALLWATCH_GOLDEN=renew cargo test -p wallwatch-helper --test golden` writes the file anew, and
//! its difference shows what the change did. Whether the alerts are right is not asked here: `corpus.rs` and `make evaluate` do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use evaluation::{
    case::corpus,
    stream::{Stream, replayed, replayed_log},
};
use wallwatch_dbus::Alert;

#[path = "../support/evaluation/mod.rs"]
pub mod evaluation;

const HEAD: &str = "case\tstream\tkind\tseverity\ttool\tsources\tports\tpackets to alert\ttags\n";

fn data() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data")).to_owned()
}

/// A row for an alert.
fn row(case: &str, stream: &str, alert: &Alert) -> String {
    let or_dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let fields = [
        case.to_owned(),
        stream.to_owned(),
        alert.kind.clone(),
        alert.severity.to_string(),
        or_dash(alert.tool.clone()),
        alert.source_count.to_string(),
        alert.port_count.to_string(),
        alert.packets_to_alert.to_string(),
        or_dash(alert.tags.join(" ")),
    ];
    fields.join("\t")
}

/// The rows of one stream of a case; one that raises nothing has a row that says so.
fn rows(case: &str, stream: &str, alerts: &[Alert]) -> String {
    let mut text = String::new();
    for alert in alerts {
        writeln!(text, "{}", row(case, stream, alert)).unwrap();
    }
    if alerts.is_empty() {
        writeln!(text, "{case}\t{stream}\t-").unwrap();
    }
    text
}

/// The rows of every case, by case and stream.
fn present() -> BTreeMap<(String, String), String> {
    let mut all = BTreeMap::new();
    let mut put = |case: &str, stream: &str, alerts: &[Alert]| {
        let key = (case.to_owned(), stream.to_owned());
        all.insert(key, rows(case, stream, alerts));
    };
    if data().join("corpus").is_dir() {
        for case in corpus(&data()).unwrap() {
            for stream in Stream::ALL {
                if let Some(alerts) = replayed(&case, stream).unwrap() {
                    put(&case.name, stream.as_str(), &alerts);
                }
            }
        }
    }
    for entry in fs::read_dir(data().join("cases")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let case = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            put(&format!("cases/{case}"), "full", &replayed_log(&text).0);
        }
    }
    all
}

/// The rows of the file, in the same way.
fn golden(text: &str) -> BTreeMap<(String, String), String> {
    let mut all: BTreeMap<(String, String), String> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split('\t').map(str::to_owned);
        let key = (fields.next().unwrap(), fields.next().unwrap());
        let rows = all.entry(key).or_default();
        writeln!(rows, "{line}").unwrap();
    }
    all
}

/// The lines that one of two texts has and the other lacks.
fn difference(was: &str, is: &str) -> String {
    let mut text = String::new();
    for (mark, these, those) in [('-', was, is), ('+', is, was)] {
        for line in these
            .lines()
            .filter(|line| !those.lines().any(|other| other == *line))
        {
            writeln!(text, "{mark} {}", line.replace('\t', "  ")).unwrap();
        }
    }
    // The same rows in another order.
    if text.is_empty() && was != is {
        writeln!(text, "- {was}+ {is}").unwrap();
    }
    text
}

#[test]
fn every_recorded_case_raises_what_it_raised_before() {
    let path = data().join("golden.tsv");
    let present = present();
    assert!(present.len() > 40, "the cases are there");
    let text: String = present.values().map(String::as_str).collect();
    if std::env::var("WALLWATCH_GOLDEN").is_ok_and(|word| word == "renew") {
        fs::write(&path, format!("{HEAD}{text}")).unwrap();
        return;
    }
    let golden = golden(&fs::read_to_string(&path).unwrap());
    let mut differences = String::new();
    for key in golden
        .keys()
        .chain(present.keys().filter(|key| !golden.contains_key(*key)))
    {
        let [was, is] = [&golden, &present].map(|all| all.get(key).map_or("", String::as_str));
        differences.push_str(&difference(was, is));
    }
    assert!(
        differences.is_empty(),
        "- was before, + is now; renew it with WALLWATCH_GOLDEN=renew where that is meant\n{differences}"
    );
}
