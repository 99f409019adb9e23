//! The user's hooks: scripts that run in the desktop session when there is an alert.
//!
//! They run while popups are paused too: the pause is one of popups. What the helper tells of the past, at the start or after it was
//! away, runs nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use tokio::time;
use wallwatch_dbus::Alert;
use wallwatch_helper::{
    clock,
    hook::{Each, Hook, Wants, call::Place, filter::AlertFilter, limit::Limit, line::What},
    runner::{pool::Pool, told::Told},
    sys::privilege,
};

use crate::{bus::HelperEvent, say};

/// So many incidents are known to have had their run; more than are told at the start and can still change.
const MOST_TOLD: usize = 2048;

/// All hooks of the user.
#[derive(Debug)]
pub(crate) struct Hooks {
    list: Vec<Own>,
    /// What came over the limit of a hook, by its place in the list: the latest, and how many it stands for.
    waiting: BTreeMap<usize, (Alert, u64)>,
    pool: Pool,
}

/// One hook.
#[derive(Debug)]
struct Own {
    hook: Arc<Hook>,
    each: Each,
    filter: AlertFilter,
    limit: Limit,
    /// Incidents that had their run, the oldest first.
    told: VecDeque<u64>,
}

impl Own {
    fn new(hook: Hook) -> Option<Self> {
        let Wants::Alert(each, filter) = hook.wants.clone() else {
            return None;
        };
        Some(Self {
            each,
            filter,
            limit: Limit::new(hook.per_minute),
            hook: Arc::new(hook),
            told: VecDeque::new(),
        })
    }

    /// Does it run for an incident in this state? It is remembered that it did.
    fn is_due(&mut self, alert: &Alert) -> bool {
        if !self.filter.holds(alert) {
            return false;
        }
        if self.each == Each::Change {
            return true;
        }
        if self.told.contains(&alert.id) {
            return false;
        }
        if self.told.len() == MOST_TOLD {
            self.told.pop_front();
        }
        self.told.push_back(alert.id);
        true
    }
}

impl Hooks {
    /// The hooks of the user's configuration.
    pub(crate) fn new(hooks: Vec<Hook>) -> Self {
        let say = |line: &str| say::warn(format_args!("hook {line}"));
        Self {
            list: hooks.into_iter().filter_map(Own::new).collect(),
            waiting: BTreeMap::new(),
            pool: Pool::new(Place::Session, privilege::user(), Arc::new(say)),
        }
    }

    /// The helper said something, for which some hooks may run.
    pub(crate) fn helper_says(&mut self, event: &HelperEvent) {
        match event {
            HelperEvent::Raised(alert) | HelperEvent::Updated(alert) => {
                self.alert(alert, clock::moment());
            }
            HelperEvent::Known(alerts) => {
                for own in &mut self.list {
                    for alert in alerts {
                        // Whether an earlier start of this program ran it, or nobody: it is past.
                        own.is_due(alert);
                    }
                }
            }
            // What ran before was for others, whatever their numbers are.
            HelperEvent::Afresh => self.list.iter_mut().for_each(|own| own.told.clear()),
            // The rest is no alert.
            _ => {}
        }
    }

    /// Waits until a run has ended or the limit of a hook lets what waits run, and goes on with what follows. It may be given up at any
    /// time and asked again.
    pub(crate) async fn next(&mut self) {
        let now = clock::moment();
        let due = self
            .waiting
            .keys()
            .map(|place| self.list[*place].limit.next_at(now))
            .min();
        let rings = async {
            match due {
                Some(due) => time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.pool.next() => {}
            () = rings => self.catch_up(clock::moment()),
        }
    }

    fn alert(&mut self, alert: &Alert, now: Instant) {
        for place in 0..self.list.len() {
            let own = &mut self.list[place];
            if !own.is_due(alert) {
                continue;
            }
            // What waits already stands for this one's predecessors, and this one for it.
            let folded = self.waiting.remove(&place).map(|(_, folded)| folded + 1);
            if folded.is_none() && own.limit.take(now) {
                self.run(place, 0, alert);
            } else {
                self.waiting
                    .insert(place, (alert.clone(), folded.unwrap_or_default()));
            }
        }
    }

    /// Runs what waits and may run now.
    fn catch_up(&mut self, now: Instant) {
        let places: Vec<usize> = self.waiting.keys().copied().collect();
        for place in places {
            if self.list[place].limit.take(now)
                && let Some((alert, folded)) = self.waiting.remove(&place)
            {
                self.run(place, folded, &alert);
            }
        }
    }

    fn run(&mut self, place: usize, folded: u64, alert: &Alert) {
        let hook = &self.list[place].hook;
        say::step(format_args!(
            "the hook {} runs for incident {}",
            hook.name, alert.id
        ));
        match Told::of(&hook.name, folded, &What::Alert(Box::new(alert.clone()))) {
            Some(told) => self.pool.run(hook, told, None),
            None => say::warn(format_args!(
                "the hook {} was not run for incident {}, which is too long to be told",
                hook.name, alert.id
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(lines: &str) -> Own {
        let text =
            format!("[[hook]]\nname = \"a\"\non = \"alert\"\nrun = [\"/bin/true\"]\n{lines}");
        let (config, warnings) = crate::config::Config::read(&text);
        assert_eq!(warnings, []);
        Own::new(config.hooks[0].clone()).unwrap()
    }

    fn alert(id: u64, severity: u8) -> Alert {
        Alert {
            id,
            severity,
            ..Alert::default()
        }
    }

    #[test]
    fn a_hook_runs_once_for_an_incident_when_it_first_fits() {
        let mut own = own("min-severity = 3\n");
        let due = [(1, 2), (1, 3), (1, 4), (2, 5), (1, 5)]
            .map(|(id, severity)| own.is_due(&alert(id, severity)));
        assert_eq!(due, [false, true, false, true, false]);
    }

    #[test]
    fn or_at_each_change_where_that_is_wanted() {
        let mut own = own("each = \"change\"\n");
        assert!((0..5).all(|_| own.is_due(&alert(1, 1))));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut own = own("");
        assert!((0..5000).all(|id| own.is_due(&alert(id, 3))));
        assert_eq!(own.told.len(), MOST_TOLD);
        assert!(!own.is_due(&alert(4999, 3)));
    }
}
