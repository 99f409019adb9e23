//! Where the attacks happen: an attacker and a victim, the helper that watches it, and a client that is told of alerts.

use std::{net::Ipv4Addr, thread, time::Duration};

use wallwatch_dbus::{Alert, Kind, Verdict};
use wallwatch_test_support::{
    Firewall, Helper, Program, Raised, SystemBus, TestNet, netns::VICTIM_IF, process::holds_within,
    wait_until,
};

/// How long an alert may take on a busy machine, from the end of an attack on.
const LIMIT: Duration = Duration::from_secs(15);
/// Longer than any update is held back; what was not raised by now is not raised.
const SETTLED: Duration = Duration::from_secs(2);

/// The victim's addresses beside its first.
pub(crate) const MORE: [Ipv4Addr; 5] = [
    Ipv4Addr::new(10, 99, 0, 3),
    Ipv4Addr::new(10, 99, 0, 4),
    Ipv4Addr::new(10, 99, 0, 5),
    Ipv4Addr::new(10, 99, 0, 6),
    Ipv4Addr::new(10, 99, 0, 7),
];

/// The range.
pub(crate) struct Range {
    // In the order in which they are taken down.
    raised: Raised,
    _helper: Helper,
    pub(crate) net: TestNet,
    pub(crate) bus: SystemBus,
}

/// What shall be told of an attack.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) kind: Kind,
    /// What it is raised as; `None` where its first packets may not tell.
    pub(crate) first: Option<Kind>,
    /// Its one source; empty where it has none in particular.
    pub(crate) source: String,
    /// `None` where it is not in each packet that the alert is made of.
    pub(crate) tool: Option<&'static str>,
    pub(crate) tags: &'static [&'static str],
    /// `None` where it depends on the moment.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) severity: u8,
}

impl Told {
    /// An attack of this kind, from this source, of which every packet was dropped.
    pub(crate) fn of(kind: Kind, source: &impl ToString) -> Self {
        Self {
            kind,
            first: Some(kind),
            source: source.to_string(),
            tool: None,
            tags: &[],
            verdict: Some(Verdict::Dropped),
            severity: 2,
        }
    }

    /// An attack of this kind of which it does not matter whom its packets name.
    pub(crate) fn of_anybody(kind: Kind) -> Self {
        Self::of(kind, &"")
    }

    fn is_of(&self, alert: &Alert) -> bool {
        if self.source.is_empty() {
            alert.kind() == Some(self.kind)
        } else {
            alert.sources.contains(&self.source)
        }
    }
}

impl Range {
    /// A victim that drops what is not for TCP ports 22 and 80, and has the addresses [`MORE`].
    pub(crate) fn new() -> Self {
        let bus = SystemBus::start();
        let net = TestNet::new(Firewall::DropInput);
        for address in MORE {
            net.victim
                .shell(&format!("ip addr add {address}/16 dev {VICTIM_IF}"));
        }
        let helper = Helper::start(&bus, &net.victim);
        wait_until("packets are captured", LIMIT, || {
            let mut sources = bus.status().sources.into_iter();
            sources.any(|source| source.name == "nflog" && source.state == "working")
        });
        Self {
            raised: Raised::watch(&bus),
            _helper: helper,
            net,
            bus,
        }
    }

    /// Runs a program of the attacker's, given by its words.
    pub(crate) fn attack(&self, words: &str) {
        let words: Vec<&str> = words.split_whitespace().collect();
        let program = Program::new(words[0]).args(&words[1..]);
        let output = self.net.attacker.inside(program).output();
        // hping3 counts it for a failure that nobody answers.
        let is_well = output.ok() || output.text().contains("packets transmitted");
        assert!(is_well, "{words:?}: {}", output.text());
    }

    /// Waits until an alert tells of this attack.
    #[track_caller]
    pub(crate) fn is_raised(&self, told: &Told) {
        let found = holds_within(LIMIT, || {
            let alerts = self.bus.alerts();
            alerts.iter().any(|alert| told.is_of(alert))
        });
        assert!(found, "not raised: {told:?}; {:#?}", self.bus.alerts());
    }

    /// Checks that each of these attacks was raised once and is told as it was, when all is over, and that there was no other.
    #[track_caller]
    pub(crate) fn all_are_told(&self, attacks: &[Told]) {
        for told in attacks {
            self.is_raised(told);
        }
        thread::sleep(SETTLED);
        let (raised, last) = (self.raised.alerts(), self.bus.alerts());
        let mut wrong = Vec::new();
        for told in attacks {
            let last: Vec<&Alert> = last.iter().filter(|alert| told.is_of(alert)).collect();
            let is_one = |alert: &&Alert| last.iter().any(|last| last.id == alert.id);
            let raised = raised.iter().map(|(alert, _)| alert);
            let raised: Vec<&Alert> = raised.filter(is_one).collect();
            if raised.len() != 1 || last.len() != 1 {
                wrong.push(format!("one alert for {told:?}: {last:#?}"));
                continue;
            }
            let (first, alert) = (raised[0], last[0]);
            let verdict = told
                .verdict
                .is_none_or(|verdict| verdict == alert.verdict());
            let tags = told
                .tags
                .iter()
                .all(|tag| alert.tags.iter().any(|has| has == tag));
            if told.first.is_some_and(|kind| first.kind() != Some(kind))
                || first.severity < 2
                || !first.popup
                || alert.kind() != Some(told.kind)
                || alert.severity < told.severity
                || told.tool.is_some_and(|tool| tool != alert.tool)
                || !verdict
                || !tags
                || !alert.popup
                || alert.feed != "nflog"
            {
                wrong.push(format!("{told:?}: {} first, then {alert:#?}", first.kind));
            }
        }
        for alert in &last {
            if !attacks.iter().any(|told| told.is_of(alert)) {
                wrong.push(format!("nobody did this: {alert:#?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
