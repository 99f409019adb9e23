//! What rules and thresholds change of the way to alerts.

use wallwatch_dbus::Kind;

use super::Watcher;
use crate::{
    alert::Change,
    detect::{self, Class, Trace, classify, unexcused},
    event::Event,
    explain::{self, Noise},
    rules::Rules,
};

impl Watcher {
    /// The same with these rules.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Goes by other rules from now on. What was detected stays; open incidents that pop up no more, or are worse than they were told,
    /// are told again.
    pub fn set_rules(&mut self, rules: Rules, changes: &mut Vec<Change>) {
        let before = std::mem::replace(&mut self.rules, rules);
        let (after, neighbourhood) = (&self.rules, &self.neighbourhood);
        self.incidents.tell_again(changes, |alert| {
            before.mutes(alert, neighbourhood) != after.mutes(alert, neighbourhood)
                || after.lifts(alert, neighbourhood)
        });
    }

    /// The rules that it goes by.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Goes by other thresholds from now on; what was detected stays.
    pub const fn set_config(&mut self, config: detect::Config) {
        self.config = config;
        self.scan.set_config(config);
        self.incidents.set_config(config);
    }

    /// What an event's packet is for. What the rules do not hold for harmless is a probe.
    pub(super) fn judge(&self, event: &Event) -> Class {
        let judged = classify(event, &self.neighbourhood, &self.flows);
        if self.rules.excuse_all_noise() {
            return judged;
        }
        match explain::class_of(event, &judged, &self.neighbourhood, &self.flows) {
            explain::Class::Noise(class) if !self.rules.excuses(class) => {
                unexcused(event, &judged, &self.neighbourhood)
            }
            _ => judged,
        }
    }

    /// Does a rule trust this, which would belong to an attack of such a kind if it were not harmless? Then it is counted.
    #[inline]
    pub(super) fn trusts(&mut self, trace: &Trace, kind: Option<Kind>) -> bool {
        let Some(comment) = self.rules.trusting(trace, kind) else {
            return false;
        };
        let seen = (trace.time, trace.src, trace.feed);
        self.noise
            .count(Noise::Trusted, seen, || explain::trusted(trace, comment));
        true
    }

    /// Takes the popup from changes of incidents that a rule mutes, and makes those worse that come from a public network. To be
    /// called before anybody is told of them.
    pub fn mute(&mut self, changes: &mut [Change]) {
        for change in changes {
            let (Change::Raised(alert) | Change::Updated(alert) | Change::Closed(alert)) = change;
            if self.rules.lifts(alert, &self.neighbourhood) {
                self.incidents.lift(alert);
            }
            alert.popup &= !self.rules.mutes(alert, &self.neighbourhood);
        }
    }
}
