//! Where hooks listen to detection: each is asked whether it wants an alert or an event, and what it wants is left at the desk.
//!
//! The filters that cost little come first; what an event is, in a word, is found out for those alone that pass them.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{
    Each, Hooks, Wants,
    desk::Desk,
    filter::{AlertFilter, EventFilter},
    line::What,
};
use crate::{
    alert::{Change, MAX_OPEN, MAX_REMEMBERED},
    clock,
    event::Event,
    flow::{Flow, Stage},
    twins::Twins,
    watcher::Watcher,
};

/// So many incidents are known to have been told: twice as many as can still change.
const MOST_TOLD: usize = 2 * (MAX_OPEN + MAX_REMEMBERED);
/// So many packets are remembered, to know those that several sources tell of.
const REMEMBERED: usize = 1 << 8;

/// All hooks, as detection sees them.
#[derive(Debug)]
pub struct Taps {
    alerts: Vec<AlertTap>,
    events: Vec<EventTap>,
    /// Events that were told by several sources: each hook is told once.
    twins: Twins,
    desk: Arc<Desk>,
}

/// A hook on alerts.
#[derive(Debug)]
struct AlertTap {
    /// Its place in the configuration.
    place: usize,
    each: Each,
    filter: AlertFilter,
    /// The incidents that it was told of, the latest last.
    told: VecDeque<u64>,
}

/// A hook on events.
#[derive(Debug)]
struct EventTap {
    place: usize,
    filter: EventFilter,
}

impl Taps {
    /// What these hooks want is left at the desk.
    #[must_use]
    pub fn new(hooks: &Hooks, desk: Arc<Desk>) -> Self {
        let mut taps = Self {
            alerts: Vec::new(),
            events: Vec::new(),
            twins: Twins::new(REMEMBERED),
            desk,
        };
        for (place, hook) in hooks.iter().enumerate() {
            match hook.wants.clone() {
                Wants::Alert(each, filter) => taps.alerts.push(AlertTap {
                    place,
                    each,
                    filter,
                    told: VecDeque::new(),
                }),
                Wants::Event(filter) => taps.events.push(EventTap { place, filter }),
            }
        }
        taps
    }

    /// An incident changed.
    pub fn change(&mut self, change: &Change) {
        let alert = change.alert();
        for tap in &mut self.alerts {
            if tap.filter.holds(alert) && tap.is_due(change) {
                let what = What::Alert(Box::new(alert.clone()));
                self.desk.offer(tap.place, what, clock::moment());
            }
        }
    }

    /// A packet came, of which `teller` tells; where it is not `alone`, others may tell of it too.
    pub fn packet(&mut self, event: &Event, teller: usize, alone: bool, watcher: &Watcher) {
        let Self {
            events,
            twins,
            desk,
            ..
        } = self;
        let mut known = None;
        for EventTap { place, filter } in events {
            if !filter.may_hold(event) {
                continue;
            }
            let class = *known.get_or_insert_with(|| watcher.class_of(event));
            if !filter.holds_class(Some(class)) {
                continue;
            }
            if !alone {
                let packet = twins.hasher().of_packet(event);
                let told = twins.hasher().of((*place, packet));
                if twins.is_known(told, teller) {
                    continue;
                }
            }
            let what = What::Packet(Box::new(event.clone()), class);
            desk.offer(*place, what, clock::moment());
        }
    }

    /// A flow began, or was there, or ended.
    pub fn flow(&self, flow: &Flow, watcher: &Watcher) {
        if flow.stage != Stage::Began {
            return;
        }
        let mut known: Option<(_, Instant)> = None;
        for EventTap { place, filter } in &self.events {
            if !filter.may_hold_for_flow(flow) {
                continue;
            }
            let ((direction, class), now) =
                *known.get_or_insert_with(|| (watcher.class_of_flow(flow), clock::moment()));
            if filter.holds_class(class) {
                let what = What::Flow(Box::new(flow.clone()), direction, class);
                self.desk.offer(*place, what, now);
            }
        }
    }
}

impl AlertTap {
    /// Is this change one to run for? An incident whose end is the first that is heard of it is none.
    fn is_due(&mut self, change: &Change) -> bool {
        if self.each == Each::Change {
            return true;
        }
        let id = change.alert().id;
        if matches!(change, Change::Closed(_)) || self.told.contains(&id) {
            return false;
        }
        if self.told.len() == MOST_TOLD {
            self.told.pop_front();
        }
        self.told.push_back(id);
        true
    }
}
