//! For which alerts and events a hook runs: all that it names must hold.

use wallwatch_dbus::{Alert, Kind, Verdict};

use super::words::{Beginning, Few, Port};
use crate::{
    event::{Event, Feed, Interface},
    explain::Class,
    flow::{Flow, Stage},
    packet::Protocol,
    rules::Block,
};

/// For which alerts. Of several sources or ports of an incident one is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// The least severity, 1 to 5.
    pub min_severity: u8,
    /// Addresses and networks of which one source is.
    pub source: Few<Block>,
    /// Kinds.
    pub kind: Few<Kind>,
    /// Interfaces the packets came in by.
    pub interface: Few<Interface>,
    /// Attacked ports.
    pub port: Few<Port>,
}

impl AlertFilter {
    /// Does it hold for an incident in this state?
    #[must_use]
    pub fn holds(&self, alert: &Alert) -> bool {
        alert.severity >= self.min_severity
            && self.kind.pass(|kind| alert.kind == kind.as_str())
            && self.interface.pass(|name| **name == *alert.interface)
            && self.source.pass(|block| {
                let mut sources = alert.sources.iter();
                sources.any(|source| block.contains_source(source))
            })
            && self.port.pass(|port| lists(&alert.ports, port.0))
    }
}

/// Does a text like `22,80,1000-1500` list this port?
fn lists(ports: &str, port: u16) -> bool {
    ports.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let bounds = (first.parse::<u16>(), last.parse::<u16>());
        matches!(bounds, (Ok(first), Ok(last)) if (first..=last).contains(&port))
    })
}

/// For which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Are flows told that begin? Only where the hook names conntrack, since a flow begins with a packet.
    pub flows: bool,
    /// Are packets told?
    pub packets: bool,
    /// Source addresses and networks.
    pub source: Few<Block>,
    /// What detection takes it for.
    pub kind: Few<Kind>,
    /// Interfaces it came in by.
    pub interface: Few<Interface>,
    /// Destination ports.
    pub port: Few<Port>,
    /// What the prefix of the rule that logged it begins with.
    pub prefix: Few<Beginning>,
    /// Sources of events that told.
    pub feed: Few<Feed>,
    /// What it is, in one word.
    pub class: Few<Class>,
    /// Protocols.
    pub protocol: Few<Protocol>,
    /// What became of it.
    pub verdict: Few<Verdict>,
}

impl EventFilter {
    /// Does everything but its class and kind hold for this packet?
    #[must_use]
    pub fn may_hold(&self, event: &Event) -> bool {
        let packet = &event.packet;
        self.packets
            && self.feed.pass(|feed| *feed == event.feed)
            && self.verdict.pass(|verdict| *verdict == event.verdict)
            && self.protocol.pass(|protocol| *protocol == packet.protocol)
            && self.port.pass(|port| packet.dport() == Some(port.0))
            && self.prefix.pass(|prefix| prefix.begins(&event.prefix))
            && self.interface.pass(|name| *name == event.interface)
            && self.source.pass(|block| block.contains(packet.src))
    }

    /// Does everything but its class and kind hold for this flow?
    #[must_use]
    pub fn may_hold_for_flow(&self, flow: &Flow) -> bool {
        let original = &flow.original;
        self.flows
            && flow.stage == Stage::Began
            && self.verdict.pass(|verdict| *verdict == Verdict::Passed)
            && self.protocol.pass(|protocol| *protocol == original.protocol)
            && self.port.pass(|port| original.dport() == Some(port.0))
            && self.source.pass(|block| block.contains(original.src))
            // It tells neither.
            && self.prefix.is_empty()
            && self.interface.is_empty()
    }

    /// The feeds that it names; none where any will do.
    #[must_use]
    pub fn feeds(&self) -> Vec<Feed> {
        let mut feeds: Vec<Feed> = self.feed.iter().copied().collect();
        if self.flows && feeds.is_empty() {
            feeds.push(Feed::Conntrack);
        }
        feeds
    }

    /// Is its class asked for?
    #[must_use]
    pub const fn asks_class(&self) -> bool {
        !self.class.is_empty() || !self.kind.is_empty()
    }

    /// Do class and kind hold? A flow may have no class.
    #[must_use]
    pub fn holds_class(&self, class: Option<Class>) -> bool {
        self.class.pass(|one| Some(*one) == class)
            && self.kind.pass(|kind| class == Some(Class::Probe(*kind)))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{
        event::{Prefix, Timestamp, bounded},
        hook::{Hook, Wants},
        packet::{Packet, Transport},
    };

    /// The hook of these lines.
    fn wants(on: &str, lines: &str) -> Wants {
        #[derive(Deserialize)]
        struct File {
            hook: [Hook; 1],
        }
        let text =
            format!("[[hook]]\nname = \"a\"\nrun = [\"/bin/true\"]\non = \"{on}\"\n{lines}\n");
        let File { hook: [hook] } = toml::from_str(&text).unwrap();
        hook.wants
    }

    #[test]
    fn an_alert_passes_where_all_that_is_named_holds() {
        let alert = Alert {
            kind: "tcp-syn-scan".to_owned(),
            severity: 3,
            sources: vec!["192.0.2.7".to_owned(), "2001:db8:0:7::/64".to_owned()],
            ports: "22,80,1000-1500".to_owned(),
            interface: "eth0".to_owned(),
            ..Alert::default()
        };
        for (lines, expected) in [
            ("", true),
            ("min-severity = 3", true),
            ("min-severity = 4", false),
            ("source = \"192.0.2.0/24\"", true),
            ("source = \"192.0.3.0/24\"", false),
            ("source = [\"192.0.3.0/24\", \"2001:db8::/32\"]", true),
            ("kind = [\"udp-scan\", \"tcp-syn-scan\"]", true),
            ("kind = \"udp-scan\"", false),
            ("interface = \"eth0\"", true),
            ("interface = \"eth\"", false),
            ("port = 22", true),
            ("port = 1200", true),
            ("port = [23, 1500]", true),
            ("port = 100", false),
            ("port = 22\nkind = \"udp-scan\"", false),
        ] {
            let Wants::Alert(_, filter) = wants("alert", lines) else {
                panic!("{lines}")
            };
            assert_eq!(filter.holds(&alert), expected, "{lines}");
        }
    }

    #[test]
    fn an_event_passes_where_all_that_is_named_holds() {
        let packet = Packet {
            src: "192.0.2.7".parse().unwrap(),
            transport: Transport::Ports {
                sport: 22,
                dport: 80,
            },
            ..Packet::blank(Protocol::SCTP)
        };
        let event = Event {
            time: Timestamp(0),
            packet,
            verdict: Verdict::Dropped,
            feed: Feed::Kmsg,
            trusted: true,
            interface: bounded("eth0"),
            prefix: Prefix::from("SSH-DROP: ").unwrap(),
            group: false,
        };
        for (lines, expected) in [
            ("", true),
            ("prefix = \"SSH-DROP\"", true),
            ("prefix = [\"X\", \"SSH-DROP: \"]", true),
            ("prefix = \"DROP\"", false),
            ("prefix = \"SSH-DROP:   \"", true),
            ("prefix = \" SSH-\"", true),
            ("prefix = \"SSH-DROP \"", false),
            ("feed = \"kmsg\"", true),
            ("feed = [\"nflog\", \"ulogd\"]", false),
            ("conntrack = \"new\"", false),
            ("port = 80", true),
            ("port = 22", false),
            ("protocol = \"sctp\"", true),
            ("protocol = 132", true),
            ("protocol = \"tcp\"", false),
            ("verdict = \"dropped\"", true),
            ("verdict = \"passed\"", false),
            ("source = \"192.0.2.0/24\"", true),
            ("source = \"192.0.2.8\"", false),
            ("interface = \"eth0\"", true),
            ("interface = \"eth1\"", false),
            ("port = 80\nprefix = \"Y\"", false),
        ] {
            let Wants::Event(filter) = wants("event", lines) else {
                panic!("{lines}")
            };
            assert_eq!(filter.may_hold(&event), expected, "{lines}");
        }
    }

    #[test]
    fn class_and_kind_are_words_of_what_an_event_is() {
        let syn = Some(Class::Probe(Kind::TcpSynScan));
        let mdns = "mdns".parse().ok();
        for (lines, class, expected) in [
            ("", None, true),
            ("class = \"mdns\"", mdns, true),
            ("class = \"mdns\"", syn, false),
            ("class = [\"mdns\", \"tcp-syn-scan\"]", syn, true),
            ("kind = \"tcp-syn-scan\"", syn, true),
            ("kind = \"tcp-syn-scan\"", mdns, false),
            ("kind = \"tcp-syn-scan\"", None, false),
        ] {
            let Wants::Event(filter) = wants("event", lines) else {
                panic!("{lines}")
            };
            assert_eq!(filter.holds_class(class), expected, "{lines}");
            assert_eq!(filter.asks_class(), !lines.is_empty());
        }
    }
}
