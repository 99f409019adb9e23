//! What the administrator trusts and what he wants to hear nothing of: rules of the configuration.
//!
//! A rule that *trusts* keeps packets from being weighed at all; one that *mutes* lets incidents into the history, but takes their
//! popup. A rule holds where all that it names holds.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, de};
use wallwatch_dbus::{Alert, Kind};

use crate::{detect::Trace, event::Interface, neighbourhood::shares_prefix};

/// So many rules may be written.
pub const MOST_RULES: usize = 64;
/// A comment may have so many bytes.
const MOST_COMMENT: usize = 100;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Its packets are counted as noise and not weighed.
    Trust,
    /// Its incidents are kept without a popup.
    Mute,
}

/// An address, or all that begin with the same bits: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    prefix_len: u8,
}

impl Block {
    /// Reads an address with or without the length of its prefix in bits; the bits behind must be 0.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix_len) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| {
            format!("'{text}' is no address: write one like 192.0.2.7 or 192.0.2.0/24")
        })?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = match prefix_len {
            None => most,
            Some(length) => length
                .parse()
                .ok()
                .filter(|length| *length <= most)
                .ok_or_else(|| {
                    format!("the prefix of '{text}' is no number of bits from 0 to {most}")
                })?,
        };
        let block = Self {
            address,
            prefix_len,
        };
        let first = block.first();
        if first == address {
            Ok(block)
        } else {
            Err(format!(
                "'{text}' is one address of {first}/{prefix_len}: write the one or the other"
            ))
        }
    }

    /// Its first address.
    fn first(self) -> IpAddr {
        let behind = |bits: u32| bits.saturating_sub(u32::from(self.prefix_len));
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(behind(u32::BITS)).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(behind(u128::BITS)).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        }
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        shares_prefix(self.address, address, self.prefix_len)
    }

    /// Is the source of an alert within, be it an address or a whole /64?
    pub(crate) fn contains_source(self, source: &str) -> bool {
        Self::parse(source).is_ok_and(|source| {
            source.prefix_len >= self.prefix_len && self.contains(source.address)
        })
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A rule as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    #[serde(rename = "type")]
    effect: Effect,
    source: Option<Block>,
    #[serde(default, deserialize_with = "interface")]
    interface: Option<Interface>,
    #[serde(default, deserialize_with = "kind")]
    kind: Option<Kind>,
    #[serde(default, deserialize_with = "port")]
    port: Option<u16>,
    #[serde(default, deserialize_with = "comment")]
    comment: String,
}

/// One rule. What it does not name may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Rule {
    effect: Effect,
    source: Option<Block>,
    interface: Option<Interface>,
    kind: Option<Kind>,
    port: Option<u16>,
    comment: String,
}

impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written {
            effect,
            source,
            interface,
            kind,
            port,
            comment,
        } = written;
        if source.is_none() && interface.is_none() && kind.is_none() && port.is_none() {
            return Err(
                "this rule would hold for everything: name source, interface, kind or port"
                    .to_owned(),
            );
        }
        if let Some(kind) = kind.filter(|kind| effect == Effect::Trust && !is_of_one_packet(*kind))
        {
            return Err(format!(
                "no single packet is a {kind}, so none can be trusted as one: name the source, or use the type mute"
            ));
        }
        Ok(Self {
            effect,
            source,
            interface,
            kind,
            port,
            comment,
        })
    }
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

impl Rule {
    /// What the administrator wrote beside it; empty where he wrote nothing.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Does it hold for a packet or flow of this kind, or of none?
    fn holds_for(&self, trace: &Trace, kind: Option<Kind>) -> bool {
        self.source.is_none_or(|source| source.contains(trace.src))
            && self.port.is_none_or(|port| trace.dport == Some(port))
            && (self.kind.is_none() || self.kind == kind)
            && self
                .interface
                .is_none_or(|interface| interface == trace.interface)
    }

    /// Does it hold for all of an incident: each of its sources and each of its ports?
    fn holds_for_all(&self, alert: &Alert) -> bool {
        let all_listed = usize::try_from(alert.source_count) == Ok(alert.sources.len());
        self.source.is_none_or(|block| {
            let mut sources = alert.sources.iter();
            all_listed && sources.all(|source| block.contains_source(source))
        }) && self
            .port
            .is_none_or(|port| alert.port_count == 1 && alert.ports == port.to_string())
            && self.kind.is_none_or(|kind| alert.kind == kind.as_str())
            && self
                .interface
                .is_none_or(|interface| *interface == *alert.interface)
    }
}

/// All rules, at most [`MOST_RULES`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    trust: Vec<Rule>,
    mute: Vec<Rule>,
}

impl Rules {
    /// The first rule that trusts a packet or flow of this kind, or a harmless one.
    #[inline]
    #[must_use]
    pub fn trusting(&self, trace: &Trace, kind: Option<Kind>) -> Option<&Rule> {
        self.trust.iter().find(|rule| rule.holds_for(trace, kind))
    }

    /// Does a rule take the popup from this incident?
    #[must_use]
    pub fn mutes(&self, alert: &Alert) -> bool {
        self.mute.iter().any(|rule| rule.holds_for_all(alert))
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rules = Vec::<Rule>::deserialize(deserializer)?;
        if rules.len() > MOST_RULES {
            return Err(de::Error::custom(format_args!(
                "these are {} rules, but at most {MOST_RULES} can be kept",
                rules.len()
            )));
        }
        let (trust, mute) = rules
            .into_iter()
            .partition(|rule| rule.effect == Effect::Trust);
        Ok(Self { trust, mute })
    }
}

fn interface<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Interface>, D::Error> {
    let name = String::deserialize(deserializer)?;
    // dev_valid_name, net/core/dev.c.
    let is_valid =
        !name.is_empty() && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace());
    match Interface::from(&name) {
        Ok(interface) if is_valid => Ok(Some(interface)),
        _ => Err(de::Error::custom(format_args!(
            "'{name}' is no name of an interface: 1 to 15 bytes without blanks, / and :"
        ))),
    }
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kind>, D::Error> {
    let word = String::deserialize(deserializer)?;
    word.parse().map(Some).map_err(|_| {
        de::Error::custom(format_args!(
            "the kind '{word}' is unknown: use one like tcp-syn-scan"
        ))
    })
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(deserializer)? {
        0 => Err(de::Error::custom("a port is a number from 1 to 65535")),
        port => Ok(Some(port)),
    }
}

/// It comes back in sentences, so it is one line.
fn comment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > MOST_COMMENT || text.contains(char::is_control) {
        return Err(de::Error::custom(format_args!(
            "a comment is one line of at most {MOST_COMMENT} bytes"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use wallwatch_dbus::Verdict;

    use super::*;
    use crate::{
        detect::Opening,
        event::{Feed, Timestamp, bounded},
        packet::Protocol,
    };

    #[derive(Debug, Deserialize)]
    struct File {
        rule: Rules,
    }

    fn rules(text: &str) -> Result<Rules, String> {
        toml::from_str(text)
            .map(|File { rule }| rule)
            .map_err(|error| error.message().to_owned())
    }

    fn trace(src: &str, dport: u16, interface: &str) -> Trace {
        Trace {
            time: Timestamp(0),
            src: src.parse().unwrap(),
            dst: "192.0.2.2".parse().unwrap(),
            protocol: Protocol::TCP,
            sport: Some(40000),
            dport: Some(dport),
            sampled: false,
            on_link: false,
            fragmented: false,
            flags: None,
            icmp: None,
            len: 0,
            ttl: 0,
            opening: Opening::None,
            seq: None,
            verdict: Verdict::Dropped,
            feed: Feed::Nflog,
            trusted: true,
            interface: bounded(interface),
        }
    }

    fn alert(sources: &[&str], ports: &str, port_count: u64) -> Alert {
        Alert {
            kind: "tcp-syn-scan".to_owned(),
            sources: sources.iter().map(|source| (*source).to_owned()).collect(),
            source_count: sources.len() as u64,
            ports: ports.to_owned(),
            port_count,
            interface: "eth0".to_owned(),
            ..Alert::default()
        }
    }

    #[test]
    fn a_rule_trusts_where_all_that_it_names_holds() {
        let holds = |named: &str, src: &str, dport: u16, kind: Option<Kind>| {
            let text = format!("[[rule]]\ntype = \"trust\"\n{named}\n");
            let rules = rules(&text).unwrap_or_else(|error| panic!("{named}: {error}"));
            rules.trusting(&trace(src, dport, "eth0"), kind).is_some()
        };
        let syn = Some(Kind::TcpSynScan);
        for (named, src, dport, kind, expected) in [
            ("source = \"192.0.2.7\"", "192.0.2.7", 22, syn, true),
            ("source = \"192.0.2.7\"", "192.0.2.8", 22, syn, false),
            ("source = \"192.0.2.0/24\"", "192.0.2.8", 22, None, true),
            ("source = \"192.0.2.0/24\"", "192.0.3.8", 22, syn, false),
            ("source = \"0.0.0.0/0\"", "192.0.3.8", 22, syn, true),
            ("source = \"0.0.0.0/0\"", "2001:db8::1", 22, syn, false),
            ("source = \"2001:db8::/32\"", "2001:db8::1", 22, syn, true),
            ("interface = \"eth0\"", "192.0.2.8", 22, syn, true),
            ("interface = \"eth1\"", "192.0.2.8", 22, syn, false),
            ("port = 22", "192.0.2.8", 22, syn, true),
            ("port = 22", "192.0.2.8", 23, syn, false),
            ("kind = \"tcp-syn-scan\"", "192.0.2.8", 23, syn, true),
            ("kind = \"tcp-syn-scan\"", "192.0.2.8", 23, None, false),
            ("kind = \"udp-scan\"", "192.0.2.8", 23, syn, false),
            (
                "source = \"192.0.2.8\"\nport = 22\nkind = \"tcp-syn-scan\"",
                "192.0.2.8",
                22,
                syn,
                true,
            ),
            (
                "source = \"192.0.2.8\"\nport = 22",
                "192.0.2.8",
                80,
                syn,
                false,
            ),
        ] {
            assert_eq!(
                holds(named, src, dport, kind),
                expected,
                "{named}: {src} {dport} {kind:?}"
            );
        }
    }

    #[test]
    fn a_rule_mutes_an_incident_where_it_holds_for_all_of_it() {
        let mutes = |named: &str, alert: &Alert| {
            let text = format!("[[rule]]\ntype = \"mute\"\n{named}\n");
            let rules = rules(&text).unwrap_or_else(|error| panic!("{named}: {error}"));
            assert!(
                rules
                    .trusting(&trace("192.0.2.7", 22, "eth0"), None)
                    .is_none(),
                "it does not trust"
            );
            rules.mutes(alert)
        };
        let one = alert(&["192.0.2.7"], "22,80", 2);
        let two = alert(&["192.0.2.7", "198.51.100.9"], "22", 1);
        let site = alert(&["2001:db8:0:7::/64"], "22", 1);
        let mut many = alert(&["192.0.2.7"], "22", 1);
        many.source_count = 500;
        for (named, alert, expected) in [
            ("source = \"192.0.2.7\"", &one, true),
            ("source = \"192.0.2.0/24\"", &one, true),
            ("source = \"192.0.2.7\"", &two, false),
            // Those that are not listed may be anybody.
            ("source = \"192.0.2.7\"", &many, false),
            ("source = \"2001:db8::/32\"", &site, true),
            ("source = \"2001:db8:0:7::1\"", &site, false),
            ("port = 22", &two, true),
            ("port = 22", &one, false),
            ("kind = \"tcp-syn-scan\"", &one, true),
            ("kind = \"distributed-scan\"", &one, false),
            ("interface = \"eth0\"", &one, true),
            ("interface = \"wlan0\"", &one, false),
            ("interface = \"eth0\"\nport = 22", &one, false),
        ] {
            assert_eq!(mutes(named, alert), expected, "{named}: {alert:?}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_meant_so_is_refused() {
        for (named, words) in [
            ("type = \"trust\"", "would hold for everything"),
            (
                "type = \"trust\"\ncomment = \"x\"",
                "would hold for everything",
            ),
            ("type = \"drop\"\nport = 1", "expected `trust` or `mute`"),
            ("port = 22", "missing field `type`"),
            ("type = \"mute\"\nports = 22", "unknown field `ports`"),
            ("type = \"mute\"\nport = 0", "from 1 to 65535"),
            ("type = \"mute\"\nport = 70000", "70000"),
            ("type = \"mute\"\nsource = \"home\"", "'home' is no address"),
            ("type = \"mute\"\nsource = \"192.0.2.0/33\"", "from 0 to 32"),
            ("type = \"mute\"\nsource = \"192.0.2.0/\"", "from 0 to 32"),
            ("type = \"mute\"\nsource = \"::/129\"", "from 0 to 128"),
            (
                "type = \"mute\"\nsource = \"192.0.2.7/24\"",
                "one address of 192.0.2.0/24",
            ),
            (
                "type = \"mute\"\nsource = \"2001:db8::1/64\"",
                "one address of 2001:db8::/64",
            ),
            (
                "type = \"mute\"\ninterface = \"\"",
                "no name of an interface",
            ),
            (
                "type = \"mute\"\ninterface = \"averylonginterface\"",
                "no name of an interface",
            ),
            (
                "type = \"mute\"\nkind = \"scan\"",
                "the kind 'scan' is unknown",
            ),
            (
                "type = \"trust\"\nkind = \"syn-flood\"",
                "no single packet is a syn-flood",
            ),
            (
                "type = \"mute\"\nport = 1\ncomment = \"two\\nlines\"",
                "a comment is one line",
            ),
        ] {
            let error = rules(&format!("[[rule]]\n{named}\n")).unwrap_err();
            assert!(error.contains(words), "{named}: {error}");
        }
        let many = |count: usize| "[[rule]]\ntype = \"mute\"\nport = 1\n".repeat(count);
        assert!(rules(&many(MOST_RULES)).is_ok());
        let error = rules(&many(MOST_RULES + 1)).unwrap_err();
        assert!(error.contains("65 rules, but at most 64"), "{error}");
    }
}
