//! Labelled cases: a folder each, with `truth.json` beside what was recorded.
//!
//! `truth.json` tells the `label` (attack, benign, noise), the `type` of an attack, its `source` (addresses, or words where it is forged
//! or very many), `first_packet_ts` and `end` or `span_s` in seconds, the `hours` of what is no attack, and whether it is `borderline`.
//! `kernel.log` has the lines about dropped packets, `accept.log` those about accepted ones, `other.log` what the kernel wrote else,
//! and `packets.pcap` what came in, before the firewall. `kinds.tsv` beside the cases has a line for each type: the type, a tab, and
//! the kinds of alert that are right, the most fitting first.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// What a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Somebody attacks.
    Attack,
    /// Ordinary traffic of a desktop.
    Benign,
    /// Single probes, as every address of the Internet meets them.
    Noise,
}

/// What a case truly is.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Attack or not.
    pub label: Label,
    /// A word for what was done.
    pub what: String,
    /// The kinds of alert that are right; empty where none is.
    pub kinds: Vec<String>,
    /// Who attacks; empty where that is told by a word alone.
    pub sources: Vec<IpAddr>,
    /// Is an alert right that names no source of these, since they are forged or very many?
    pub covered: bool,
    /// May one see it either way? Such a case is shown and does not count.
    pub borderline: bool,
    /// How long it took, in hours.
    pub hours: f64,
}

/// A case of a corpus.
#[derive(Debug, Clone)]
pub struct Case {
    /// The name of its folder.
    pub name: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// What it is.
    pub truth: Truth,
    /// When its last packet came, in seconds since 1970.
    pub end: f64,
}

/// Kinds whose alerts are about very many sources, or about forged ones.
const OF_MANY: [&str; 6] = [
    "distributed-scan",
    "syn-flood",
    "udp-flood",
    "icmp-flood",
    "reply-flood",
    "bogon",
];
/// A line of kinds.tsv whose type has one of these words names an attack by forged or very many sources.
const MANY_WORDS: [&str; 4] = ["decoy", "distributed", "spoof", "reflection"];

/// Every case of a folder, or of `corpus` within it, in the order of the names.
///
/// # Errors
/// Where a file cannot be read, or does not tell what it must.
pub fn corpus(folder: &Path) -> Result<Vec<Case>, Box<dyn Error>> {
    let within = folder.join("corpus");
    let folder = if within.is_dir() { &within } else { folder };
    let kinds = kinds(&folder.join("kinds.tsv"))?;
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| about(folder, &error))? {
        folders.push(entry?.path());
    }
    folders.retain(|path| path.join("truth.json").is_file());
    folders.sort();
    folders.into_iter().map(|path| case(path, &kinds)).collect()
}

/// What is wrong with a file.
fn about(path: &Path, error: &dyn std::fmt::Display) -> Box<dyn Error> {
    format!("{}: {error}", path.display()).into()
}

/// Which kinds of alert are right for a type of attack.
fn kinds(path: &Path) -> Result<BTreeMap<String, Vec<String>>, Box<dyn Error>> {
    let table = fs::read_to_string(path).map_err(|error| about(path, &error))?;
    let rows = table.lines().filter_map(|line| line.split_once('\t'));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    Ok(rows
        .map(|(what, right)| (what.to_owned(), words(right)))
        .collect())
}

fn case(folder: PathBuf, kinds: &BTreeMap<String, Vec<String>>) -> Result<Case, Box<dyn Error>> {
    let path = folder.join("truth.json");
    let text = fs::read_to_string(&path).map_err(|error| about(&path, &error))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| about(&path, &error))?;
    let truth = truth(&json, kinds).map_err(|error| about(&path, &error))?;
    let start = json["first_packet_ts"].as_f64();
    let length = json["span_s"].as_f64().unwrap_or(truth.hours * 3600.0);
    let end = json["end"]
        .as_f64()
        .or(start.map(|start| start + length))
        .ok_or_else(|| about(&path, &"neither first_packet_ts nor end"))?;
    let name = folder.file_name().unwrap_or_default();
    Ok(Case {
        name: name.to_string_lossy().into_owned(),
        folder,
        truth,
        end,
    })
}

fn truth(json: &Value, kinds: &BTreeMap<String, Vec<String>>) -> Result<Truth, String> {
    let label = match json["label"].as_str() {
        Some("attack") => Label::Attack,
        Some("benign") => Label::Benign,
        Some("noise") => Label::Noise,
        _ => return Err("label is none of attack, benign and noise".to_owned()),
    };
    let what = json["type"].as_str().ok_or("no type")?.to_owned();
    let kinds = kinds.get(&what).cloned().unwrap_or_default();
    let borderline = json["borderline"].as_bool().unwrap_or(false);
    if label == Label::Attack && kinds.is_empty() && !borderline {
        return Err(format!("kinds.tsv does not tell what is right for {what}"));
    }
    let named = texts(&json["source"]);
    let sources: Vec<IpAddr> = named.iter().filter_map(|text| text.parse().ok()).collect();
    let covered = sources.is_empty()
        || sources.len() > wallwatch_dbus::MAX_LISTED_SOURCES
        || MANY_WORDS.iter().any(|word| what.contains(word));
    let lasted = json["end"]
        .as_f64()
        .zip(json["start"].as_f64())
        .map(|(end, start)| (end - start) / 3600.0);
    Ok(Truth {
        label,
        what,
        kinds,
        sources,
        covered,
        borderline,
        hours: json["hours"].as_f64().or(lasted).unwrap_or_default(),
    })
}

/// A text, or each of a list of texts.
fn texts(json: &Value) -> Vec<&str> {
    match json {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

impl Truth {
    /// Is this alert about the attack: does it name one of its sources, or cover them where nobody in particular attacks?
    #[must_use]
    pub fn is_about(&self, alert: &wallwatch_dbus::Alert) -> bool {
        let named = alert
            .sources
            .iter()
            .any(|text| self.sources.iter().any(|source| names(text, *source)));
        let of_many = alert.source_count > 1
            || alert.sources.is_empty()
            || OF_MANY.contains(&alert.kind.as_str());
        // Of an attacker of whom nothing is known but the deed, the deed is enough.
        let by_deed = self.sources.is_empty() && self.kinds.contains(&alert.kind);
        named || (self.covered && (of_many || by_deed))
    }
}

/// Does the text of an alert, an address or a network as `2001:db8::/64`, name this source?
fn names(text: &str, source: IpAddr) -> bool {
    let (address, length) = text.split_once('/').unwrap_or((text, ""));
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let differing = |a: u128, b: u128, width: u32| {
        let beyond = length
            .parse::<u32>()
            .map_or(0, |bits| width.saturating_sub(bits));
        (a ^ b).checked_shr(beyond).unwrap_or(0)
    };
    match (address, source) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            differing(u128::from(a.to_bits()), u128::from(b.to_bits()), 32) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => differing(a.to_bits(), b.to_bits(), 128) == 0,
        _ => false,
    }
}
