//! One rule, such as can be meant.

use std::fmt::{self, Write as _};

use serde::Deserialize;
use wallwatch_dbus::{Alert, Kind, Rule as Record};

use super::{
    Block, Mac, Place,
    written::{Type, Written},
};
use crate::{detect::Trace, event::Interface, explain::Noise};

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Rule {
    what: What,
    comment: String,
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// What this holds for is counted as noise and not weighed.
    Trust(Scope),
    /// Incidents that this holds for are kept without a popup.
    Mute(Scope),
    /// A class of packets is held for harmless, or not.
    Noise {
        /// The class.
        class: Noise,
        /// Is it held for harmless?
        on: bool,
    },
    /// The network behind a gateway.
    Network {
        /// Its link-layer address.
        gateway: Mac,
        /// Whose network it is.
        place: Place,
    },
}

/// What a rule holds for. What it does not name may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    source: Option<Block>,
    interface: Option<Interface>,
    kind: Option<Kind>,
    port: Option<u16>,
}

/// Can this class of noise be switched off? Of some no packet is ever weighed, whatever is thought of it: what is no IP packet, what
/// this computer sent itself, later pieces, which the first one is judged for, and what a rule trusts.
#[must_use]
pub const fn is_switchable(class: Noise) -> bool {
    !matches!(
        class,
        Noise::Own | Noise::Fragment | Noise::Arp | Noise::Martian | Noise::Frame | Noise::Trusted
    )
}

/// Is a packet of this kind by itself? Others become it only by their number.
pub(crate) const fn is_of_one_packet(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::HostSweep
            | Kind::DistributedScan
            | Kind::BruteForce
            | Kind::SynFlood
            | Kind::UdpFlood
            | Kind::IcmpFlood
            | Kind::ReplyFlood
            | Kind::Signature
            | Kind::Test
    )
}

/// The error is a sentence.
impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let what = match written.effect {
            Type::Trust | Type::Mute => scoped(&written)?,
            Type::Noise => noise(&written)?,
            Type::Network => network(&written)?,
        };
        Ok(Self {
            what,
            comment: written.comment,
        })
    }
}

/// The error is a sentence.
impl TryFrom<&Record> for Rule {
    type Error = String;

    fn try_from(record: &Record) -> Result<Self, String> {
        Written::try_from(record)?.try_into()
    }
}

fn scoped(written: &Written) -> Result<What, String> {
    let Written {
        source,
        interface,
        kind,
        port,
        class,
        on,
        gateway,
        place,
        ..
    } = written;
    if class.is_some() || on.is_some() || gateway.is_some() || place.is_some() {
        return Err(format!(
            "a rule of the type {} names source, interface, kind or port, and nothing else",
            written.effect
        ));
    }
    let scope = Scope {
        source: *source,
        interface: *interface,
        kind: *kind,
        port: *port,
    };
    if source.is_none() && interface.is_none() && kind.is_none() && port.is_none() {
        return Err(
            "this rule would hold for everything: name source, interface, kind or port".to_owned(),
        );
    }
    if written.effect == Type::Mute {
        return Ok(What::Mute(scope));
    }
    match kind.filter(|kind| !is_of_one_packet(*kind)) {
        Some(kind) => Err(format!(
            "no single packet is a {kind}, so none can be trusted as one: name the source, or use the type mute"
        )),
        None => Ok(What::Trust(scope)),
    }
}

/// Does it name what only rules that trust or mute have?
const fn has_scope(written: &Written) -> bool {
    written.source.is_some()
        || written.interface.is_some()
        || written.kind.is_some()
        || written.port.is_some()
}

fn noise(written: &Written) -> Result<What, String> {
    match (written.class, written.on) {
        (Some(class), Some(on))
            if !has_scope(written) && written.gateway.is_none() && written.place.is_none() =>
        {
            if is_switchable(class) {
                Ok(What::Noise { class, on })
            } else {
                Err(format!(
                    "packets of the class {class} are never weighed, so it cannot be switched"
                ))
            }
        }
        _ => Err(
            "a rule of the type noise names a class, as mdns, and on = true or false, and nothing else"
                .to_owned(),
        ),
    }
}

fn network(written: &Written) -> Result<What, String> {
    match (written.gateway, written.place) {
        (Some(gateway), Some(place))
            if !has_scope(written) && written.class.is_none() && written.on.is_none() =>
        {
            Ok(What::Network { gateway, place })
        }
        _ => Err(
            "a rule of the type network names a gateway, as 02:00:5e:10:00:01, and a place, home or public, and nothing else"
                .to_owned(),
        ),
    }
}

impl Rule {
    /// What it says.
    #[must_use]
    pub const fn what(&self) -> &What {
        &self.what
    }

    /// What somebody wrote beside it; empty where nobody wrote anything.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Do both speak of the same class of noise, or of the same network? Then one of them alone can hold.
    #[must_use]
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        match (&self.what, &other.what) {
            (What::Noise { class: a, .. }, What::Noise { class: b, .. }) => a == b,
            (What::Network { gateway: a, .. }, What::Network { gateway: b, .. }) => a == b,
            (a, b) => a == b,
        }
    }

    /// The rule as it stands on the bus.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let mut record = Record {
            comment: self.comment.clone(),
            ..Record::default()
        };
        let effect = match &self.what {
            What::Trust(scope) => {
                scope.record(&mut record);
                Type::Trust
            }
            What::Mute(scope) => {
                scope.record(&mut record);
                Type::Mute
            }
            What::Noise { class, on } => {
                (record.class, record.on) = (class.to_string(), *on);
                Type::Noise
            }
            What::Network { gateway, place } => {
                (record.gateway, record.place) = (gateway.to_string(), place.to_string());
                Type::Network
            }
        };
        record.r#type = effect.to_string();
        record
    }

    /// The rule's keys and values in TOML, in the order in which they are explained.
    #[must_use]
    pub fn to_toml(&self) -> Vec<(&'static str, String)> {
        let record = self.to_record();
        let texts = [
            ("type", &record.r#type),
            ("source", &record.source),
            ("interface", &record.interface),
            ("kind", &record.kind),
            ("class", &record.class),
            ("gateway", &record.gateway),
            ("place", &record.place),
            ("comment", &record.comment),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let mut pairs: Vec<_> = texts
            .map(|(key, text)| (key, quoted(text).to_string()))
            .collect();
        if record.port != 0 {
            pairs.push(("port", record.port.to_string()));
        }
        if let What::Noise { on, .. } = &self.what {
            pairs.push(("on", on.to_string()));
        }
        pairs
    }
}

/// A text as a basic string of TOML 1.0.
pub(crate) fn quoted(text: &str) -> impl fmt::Display {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Scope {
    /// Does it hold for a packet or flow of this kind, or of none?
    pub(super) fn holds_for(&self, trace: &Trace, kind: Option<Kind>) -> bool {
        self.source.is_none_or(|source| source.contains(trace.src))
            && self.port.is_none_or(|port| trace.dport == Some(port))
            && (self.kind.is_none() || self.kind == kind)
            && self
                .interface
                .is_none_or(|interface| interface == trace.interface)
    }

    /// Does it hold for all of an incident: each of its sources and each of its ports?
    pub(super) fn holds_for_all(&self, alert: &Alert) -> bool {
        self.source.is_none_or(|block| {
            all_sources_are_listed(alert)
                && alert
                    .sources
                    .iter()
                    .all(|source| block.contains_source(source))
        }) && self
            .port
            .is_none_or(|port| alert.port_count == 1 && alert.ports == port.to_string())
            && self.kind.is_none_or(|kind| alert.kind == kind.as_str())
            && self
                .interface
                .is_none_or(|interface| *interface == *alert.interface)
    }

    fn record(&self, record: &mut Record) {
        let text =
            |value: Option<&dyn fmt::Display>| value.map_or_else(String::new, ToString::to_string);
        record.source = text(self.source.as_ref().map(|source| source as _));
        record.interface = text(self.interface.as_ref().map(|name| name as _));
        record.kind = text(self.kind.as_ref().map(|kind| kind as _));
        record.port = self.port.unwrap_or(0);
    }
}

/// Those that are not listed may be anybody.
pub(super) fn all_sources_are_listed(alert: &Alert) -> bool {
    usize::try_from(alert.source_count) == Ok(alert.sources.len())
}
