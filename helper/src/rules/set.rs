//! All rules together, as detection asks for them.

use wallwatch_dbus::{Alert, Kind, Severity};

use super::{
    Block, Mac, Place, Rule,
    rule::{Scope, What, all_sources_are_listed},
};
use crate::{
    detect::{SCANS, Trace},
    explain::Noise,
    neighbourhood::Neighbourhood,
};

/// What devices and phones do when they look for each other, on a small scale: at home it pops up nowhere.
const LOOKING_AROUND: [Kind; 5] = [
    Kind::TcpSynScan,
    Kind::TcpConnectScan,
    Kind::UdpScan,
    Kind::PingSweep,
    Kind::HostSweep,
];

/// All rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    trust: Vec<(Scope, String)>,
    mute: Vec<Scope>,
    /// The classes of noise that are not held for harmless, each a bit.
    off: u64,
    networks: Vec<(Mac, Place)>,
}

const _: () = assert!(Noise::ALL.len() <= 64, "each class has its bit");

impl Rules {
    /// All of these. Where two speak of the same class or network the last holds.
    #[must_use]
    pub fn of<'a, I: IntoIterator<Item = &'a Rule>>(rules: I) -> Self {
        let mut all = Self::default();
        for rule in rules {
            match rule.what() {
                What::Trust(scope) => all.trust.push((scope.clone(), rule.comment().to_owned())),
                What::Mute(scope) => all.mute.push(scope.clone()),
                What::Noise { class, on } => {
                    all.off &= !bit(*class);
                    all.off |= if *on { 0 } else { bit(*class) };
                }
                What::Network { gateway, place } => {
                    all.networks.retain(|(known, _)| known != gateway);
                    all.networks.push((*gateway, *place));
                }
            }
        }
        all
    }

    /// The first rule that trusts a packet or flow of this kind, or a harmless one: what somebody wrote beside it.
    #[inline]
    #[must_use]
    pub fn trusting(&self, trace: &Trace, kind: Option<Kind>) -> Option<&str> {
        let mut trust = self.trust.iter();
        let found = trust.find(|(scope, _)| scope.holds_for(trace, kind));
        found.map(|(_, comment)| comment.as_str())
    }

    /// Is every class of noise held for harmless?
    #[inline]
    #[must_use]
    pub const fn excuse_all_noise(&self) -> bool {
        self.off == 0
    }

    /// Is this class held for harmless?
    #[must_use]
    pub const fn excuses(&self, class: Noise) -> bool {
        self.off & bit(class) == 0
    }

    /// Does a rule take the popup from this incident? At home that is also so for little that devices of the own network do when
    /// they look around.
    #[must_use]
    pub fn mutes(&self, alert: &Alert, neighbourhood: &Neighbourhood) -> bool {
        self.mute.iter().any(|scope| scope.holds_for_all(alert))
            || alert.severity <= Severity::Low.level()
                && LOOKING_AROUND
                    .iter()
                    .any(|kind| alert.kind == kind.as_str())
                && self.is_of(Place::Home, alert, neighbourhood)
    }

    /// Is this a scan by those who stand on a public network with this machine? Then it is one level worse.
    #[must_use]
    pub fn lifts(&self, alert: &Alert, neighbourhood: &Neighbourhood) -> bool {
        let kind = alert.kind.parse::<Kind>();
        kind.is_ok_and(|kind| SCANS.contains(&kind.family()))
            && self.is_of(Place::Public, alert, neighbourhood)
    }

    /// What is known of the present networks: the first gateway whose link-layer address a rule names, else the first of all.
    #[must_use]
    pub fn present(&self, neighbourhood: &Neighbourhood) -> (Option<Mac>, Option<Place>) {
        let macs = || {
            let gateways = neighbourhood.gateways.iter();
            gateways.filter_map(|gateway| gateway.mac).map(Mac)
        };
        let named = macs().find_map(|mac| Some((mac, self.place(mac)?)));
        match named {
            Some((mac, place)) => (Some(mac), Some(place)),
            None => (macs().next(), None),
        }
    }

    fn place(&self, gateway: Mac) -> Option<Place> {
        let mut networks = self.networks.iter();
        networks
            .find(|(known, _)| *known == gateway)
            .map(|(_, place)| *place)
    }

    /// Do all sources of an incident stand on a present network of this kind?
    fn is_of(&self, place: Place, alert: &Alert, neighbourhood: &Neighbourhood) -> bool {
        if self.networks.is_empty() || alert.sources.is_empty() || !all_sources_are_listed(alert) {
            return false;
        }
        neighbourhood.gateways.iter().any(|gateway| {
            let interface = &*gateway.interface;
            // A flow tells no interface.
            let is_there = alert.interface.is_empty() || alert.interface == *interface;
            let mac = gateway.mac.filter(|_| is_there).map(Mac);
            mac.and_then(|mac| self.place(mac)) == Some(place)
                && alert.sources.iter().all(|source| {
                    let mut networks = neighbourhood.networks.iter();
                    networks.any(|network| {
                        *network.interface == *interface
                            && Block::around(network.address, network.prefix_len)
                                .contains_source(source)
                    })
                })
        })
    }
}

const fn bit(class: Noise) -> u64 {
    1 << class as u64
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use wallwatch_dbus::Verdict;

    use super::{
        super::{MOST_RULES, few},
        *,
    };
    use crate::{
        detect::Opening,
        event::{Feed, Timestamp, bounded},
        packet::Protocol,
    };

    #[derive(Debug, Deserialize)]
    struct File {
        #[serde(deserialize_with = "few")]
        rule: Vec<Rule>,
    }

    fn rules(text: &str) -> Result<Rules, String> {
        toml::from_str(text)
            .map(|File { rule }| Rules::of(&rule))
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
            rules.mutes(alert, &Neighbourhood::default())
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
            (
                "type = \"drop\"\nport = 1",
                "use trust, mute, noise or network",
            ),
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
