//! An alert as it stands on the bus and in JSON, and the filter that asks for alerts.

use crate::{
    kind::{Kind, Severity, Verdict},
    record::record,
};

/// At most so many sources of an incident are listed.
pub const MAX_LISTED_SOURCES: usize = 32;
/// At most so many signatures of an incident are listed.
pub const MAX_LISTED_SIGNATURES: usize = 16;

/// At most so many packets of an incident are kept as evidence.
pub const MAX_EVIDENCE: usize = 8;

record! {
    /// One packet of an attack, or the beginning of a flow: the first of them are kept as evidence. A number is 0 where it was not
    /// told, or where the protocol has none.
    pub struct Evidence {
        /// When it came, in microseconds since 1970, UTC.
        pub time: i64,
        /// Source address.
        pub src: String,
        /// Destination address.
        pub dst: String,
        /// tcp, udp, icmp, icmpv6, ..., or a number.
        pub proto: String,
        /// Source port.
        pub sport: u16,
        /// Destination port.
        pub dport: u16,
        /// Flags of TCP, as SYN.
        pub flags: Vec<String>,
        /// Type of an ICMP message.
        pub icmp_type: u8,
        /// Its code.
        pub icmp_code: u8,
        /// Time to live, or hop limit.
        pub ttl: u8,
        /// Length of the whole packet in bytes.
        pub len: u32,
        /// A word of [`Verdict`].
        pub verdict: String,
        /// The same in the words of the kernel's log.
        pub line: String,
    }
}

record! {
    /// One incident in its present state.
    ///
    /// Times are microseconds since 1970, UTC. Words that a stranger may have written are bounded but not escaped: whoever
    /// shows them escapes them.
    pub struct Alert {
        /// The incident.
        pub id: u64,
        /// The number of this change; gaps show a client what it missed.
        pub seq: u64,
        /// A word of [`Kind`].
        pub kind: String,
        /// A number of [`Severity`].
        pub severity: u8,
        /// At most [`MAX_LISTED_SOURCES`] addresses.
        pub sources: Vec<String>,
        /// How many sources there were.
        pub source_count: u64,
        /// Our addresses that were attacked.
        pub targets: Vec<String>,
        /// Attacked ports as `22,80,1000-1500`.
        pub ports: String,
        /// How many different ports were attacked.
        pub port_count: u64,
        /// tcp, udp, icmp, ...; empty where several.
        pub protocol: String,
        /// The interface the packets came in by.
        pub interface: String,
        /// A word of [`Verdict`].
        pub verdict: String,
        /// Packets of the attack's sources.
        pub packets: u64,
        /// Packets up to the first raise.
        pub packets_to_alert: u64,
        /// The first packet.
        pub first_seen: i64,
        /// The last packet.
        pub last_seen: i64,
        /// When the alert was first raised.
        pub raised_at: i64,
        /// nmap, masscan, zmap, ... or empty.
        pub tool: String,
        /// Traits, as slow, decoy, accepted.
        pub tags: Vec<String>,
        /// Matched signatures: sid and msg.
        pub signatures: Vec<(u32, String)>,
        /// The source of events that saw it.
        pub feed: String,
        /// False where a local user could have written the line.
        pub trusted: bool,
        /// Attacked ports that something listens on: port, protocol, owner.
        pub exposed: Vec<(u16, String, String)>,
        /// Why it is as severe as it is, as sentences.
        pub reason: String,
        /// The first packets, at most [`MAX_EVIDENCE`]; only where one alert is asked for (`GetAlert`, `analyze`).
        pub evidence: Vec<Evidence>,
        /// Would it pop up at the default settings?
        pub popup: bool,
        /// Is the incident over?
        pub closed: bool,
        /// Was it made by `SendTestAlert`?
        pub test: bool,
    }
}

impl Alert {
    /// The kind, where this version knows it.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.kind.parse().ok()
    }

    /// The severity.
    #[must_use]
    pub fn severity(&self) -> Severity {
        Severity::from_level(self.severity)
    }

    /// The verdict; unknown where this version does not know the word.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict.parse().unwrap_or(Verdict::Unknown)
    }
}

/// In which order alerts are returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest change first: for catching up.
    #[default]
    Ascending,
    /// The newest change first: for showing pages.
    Descending,
}

record! {
    /// What `GetAlerts` shall return; a key at its default does not filter.
    pub struct AlertFilter {
        /// Only changes with a smaller sequence number; 0 is no bound.
        pub before_seq: u64,
        /// Only alerts last seen at or after this time; 0 is no bound.
        pub from: i64,
        /// Only alerts first seen before this time; 0 is no bound.
        pub to: i64,
        /// A word of [`Kind`], or empty.
        pub kind: String,
        /// The least severity.
        pub min_severity: u8,
        /// An address among the sources, or empty.
        pub source: String,
        /// Text that must occur in the kind, the sources, the ports or the tool, without regard to case.
        pub text: String,
        /// `asc` or `desc`; empty is `asc`.
        pub order: String,
    }
}

impl AlertFilter {
    /// The order asked for, or the word that is none.
    pub fn order(&self) -> Result<Order, crate::UnknownWord> {
        match self.order.as_str() {
            "" | "asc" => Ok(Order::Ascending),
            "desc" => Ok(Order::Descending),
            other => Err(crate::UnknownWord(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;
    use zbus::{
        Variant,
        wire::{LE, serialized::Context, to_bytes},
    };

    use super::*;

    fn alert() -> Alert {
        Alert {
            id: 7,
            kind: Kind::TcpSynScan.to_string(),
            sources: vec!["192.0.2.7".to_owned()],
            signatures: vec![(384, "PING".to_owned())],
            exposed: vec![(22, "tcp".to_owned(), "ssh.service".to_owned())],
            ..Alert::default()
        }
    }

    #[test]
    fn an_alert_is_read_back_from_the_bus() {
        let context = Context::new(LE, 0);
        let bytes = to_bytes(context, &alert()).unwrap();
        assert_eq!(bytes.deserialize::<Alert>().unwrap().0, alert());
    }

    #[test]
    fn a_newer_key_is_skipped_and_a_missing_key_is_its_default() {
        let context = Context::new(LE, 0);
        let newer: HashMap<&str, Variant<'_>> = HashMap::from([
            ("id", Variant::from(7_u64)),
            ("mood", Variant::from(vec!["calm"])),
        ]);
        let bytes = to_bytes(context, &newer).unwrap();
        assert_eq!(
            bytes.deserialize::<Alert>().unwrap().0,
            Alert {
                id: 7,
                ..Alert::default()
            }
        );
    }

    #[test]
    fn json_has_the_keys_of_the_bus() {
        let json = alert().to_json();
        assert_eq!(json["id"], 7);
        assert_eq!(json["sources"], json!(["192.0.2.7"]));
        assert_eq!(json["exposed"], json!([[22, "tcp", "ssh.service"]]));
        assert_eq!(json["popup"], false);
    }
}
