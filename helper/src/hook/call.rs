//! How a script is called: its words, its environment and its input, for system hooks and user hooks alike.
//!
//! The words are those of the configuration. What a stranger may have sent is in the input and in variables, never in a word and never
//! in a shell's text.

use std::ffi::OsString;

use serde_json::Value;
use wallwatch_dbus::{Kind, Severity};

use super::{Hook, On};
use crate::runner::told::Told;

/// A variable holds at most so many bytes.
const MOST_VALUE: usize = 4096;
/// Ports are listed in the summary up to so many characters.
const MOST_PORTS: usize = 80;

/// What a script is called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name as it is configured, and its arguments.
    pub words: Vec<String>,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its standard input.
    pub input: Vec<u8>,
}

/// Where a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the system side: in an environment that holds nothing else.
    System,
    /// In the user's session: in the environment of that session besides.
    Session,
}

impl Call {
    /// The call of a hook for what a line tells. Every variable is there; one that says nothing is empty.
    #[must_use]
    pub fn new(hook: &Hook, told: &Told, place: Place) -> Self {
        let value = told.value();
        let mut environment: Vec<(OsString, OsString)> = match place {
            Place::System => [
                ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                ("LANG", "C.UTF-8"),
            ]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
            Place::Session => std::env::vars_os().collect(),
        };
        let facts = match told.on {
            On::Alert => alert(&value["alert"]),
            On::Event => event(&value["event"]),
        };
        let head = [
            ("WALLWATCH_HOOK", hook.name.clone()),
            ("WALLWATCH_ON", told.on.as_str().to_owned()),
            ("WALLWATCH_FOLDED", told.folded.to_string()),
        ];
        let variables = head.into_iter().chain(facts.variables());
        environment.extend(variables.map(|(name, value)| (name.into(), tame(value).into())));
        Self {
            words: hook.run.clone(),
            environment,
            input: told.input(),
        }
    }
}

/// What the variables tell.
#[derive(Debug, Default)]
struct Facts {
    id: String,
    kind: String,
    severity: String,
    sources: String,
    ports: String,
    summary: String,
    src: String,
    dst: String,
    proto: String,
    sport: String,
    dport: String,
    prefix: String,
    interface: String,
    verdict: String,
}

impl Facts {
    fn variables(self) -> [(&'static str, String); 15] {
        [
            ("WALLWATCH_ID", self.id),
            ("WALLWATCH_KIND", self.kind),
            ("WALLWATCH_SEVERITY", self.severity),
            ("WALLWATCH_SOURCES", self.sources),
            ("WALLWATCH_PORTS", self.ports),
            ("WALLWATCH_SUMMARY", self.summary),
            // What psad calls it.
            ("SRCIP", self.src.clone()),
            ("WALLWATCH_SRC", self.src),
            ("WALLWATCH_DST", self.dst),
            ("WALLWATCH_PROTO", self.proto),
            ("WALLWATCH_SPORT", self.sport),
            ("WALLWATCH_DPORT", self.dport),
            ("WALLWATCH_PREFIX", self.prefix),
            ("WALLWATCH_INTERFACE", self.interface),
            ("WALLWATCH_VERDICT", self.verdict),
        ]
    }
}

fn alert(alert: &Value) -> Facts {
    let ports = text(&alert["ports"]);
    let one_port = ports.parse::<u16>().is_ok();
    Facts {
        id: text(&alert["id"]),
        kind: text(&alert["kind"]),
        severity: text(&alert["severity"]),
        sources: list(&alert["sources"]),
        summary: summary(alert),
        src: text(&alert["sources"][0]),
        dst: text(&alert["targets"][0]),
        proto: text(&alert["protocol"]),
        dport: if one_port {
            ports.clone()
        } else {
            String::new()
        },
        ports,
        interface: text(&alert["interface"]),
        verdict: text(&alert["verdict"]),
        ..Facts::default()
    }
}

fn event(event: &Value) -> Facts {
    let packet = event.get("packet").unwrap_or(&event["flow"]);
    let [src, dst, proto, sport, dport] =
        ["src", "dst", "proto", "sport", "dport"].map(|key| text(&packet[key]));
    let end = |address: &str, port: &str| match (port, address.contains(':')) {
        ("", _) => address.to_owned(),
        (port, true) => format!("[{address}]:{port}"),
        (port, false) => format!("{address}:{port}"),
    };
    let (from, to) = (end(&src, &sport), end(&dst, &dport));
    Facts {
        kind: text(&event["kind"]),
        sources: src.clone(),
        ports: dport.clone(),
        summary: format!("{proto} from {from} to {to}"),
        prefix: text(&event["prefix"]),
        interface: text(&packet["in"]),
        verdict: text(&event["verdict"]),
        src,
        dst,
        proto,
        sport,
        dport,
        ..Facts::default()
    }
}

/// An alert in one line: "Port scan (SYN) - medium: 192.0.2.7, ports 22,80".
fn summary(alert: &Value) -> String {
    let kind = text(&alert["kind"]);
    let title = kind
        .parse::<Kind>()
        .map_or(kind, |kind| kind.title().to_owned());
    let level = alert["severity"].as_u64().unwrap_or_default();
    let severity = Severity::from_level(u8::try_from(level).unwrap_or(u8::MAX));
    let count = alert["source_count"].as_u64().unwrap_or_default();
    let who = match (count, text(&alert["sources"][0])) {
        (0 | 1, one) => one,
        (many, _) => format!("{many} addresses"),
    };
    let listed = text(&alert["ports"]);
    let ports = match (listed.is_empty(), listed.contains([',', '-'])) {
        (true, _) => String::new(),
        (false, false) => format!(", port {listed}"),
        (false, true) if listed.chars().count() <= MOST_PORTS => format!(", ports {listed}"),
        (false, true) => format!(", {} ports", text(&alert["port_count"])),
    };
    format!("{title} - {}: {who}{ports}", severity.as_str())
}

/// A text or a number; everything else is nothing.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Texts with a space between them.
fn list(value: &Value) -> String {
    let texts = value.as_array().into_iter().flatten().map(text);
    texts.collect::<Vec<_>>().join(" ")
}

/// The value as a variable can hold it: of a bounded length, and without the byte that ends it.
fn tame(mut value: String) -> String {
    let end = (0..=MOST_VALUE.min(value.len()))
        .rev()
        .find(|at| value.is_char_boundary(*at));
    value.truncate(end.unwrap_or_default());
    if value.contains('\0') {
        value = value.replace('\0', "\u{fffd}");
    }
    value
}
