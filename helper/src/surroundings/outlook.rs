//! What detection is told of this machine, and when: changes before it weighs packets, and what listens when there is an alert.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Glance, listeners::Lookout};
use crate::{
    alert::Change, clock, event::Event, journal, neighbourhood::Neighbourhood, source::advice::ufw,
    watcher::Watcher,
};

/// What was seen to listen is believed for so long. Looking takes less than a millisecond on a desktop.
const BELIEVED: Duration = Duration::from_secs(5);

/// The surroundings, as whoever drives detection sees them.
#[derive(Debug)]
pub struct Outlook {
    neighbourhood: watch::Receiver<Neighbourhood>,
    glance: Glance,
    /// `None` once it could not look.
    lookout: Option<Lookout>,
    looked_at: Option<Instant>,
    ufw_heard: watch::Sender<bool>,
}

impl Outlook {
    pub(super) fn new(mut neighbourhood: watch::Receiver<Neighbourhood>, glance: Glance) -> Self {
        neighbourhood.mark_changed();
        Self {
            neighbourhood,
            glance,
            lookout: Some(Lookout::new()),
            looked_at: None,
            ufw_heard: watch::Sender::new(false),
        }
    }

    /// Tells when a packet was heard that a rule of ufw's logged.
    #[must_use]
    pub fn ufw_heard(&self) -> watch::Receiver<bool> {
        self.ufw_heard.subscribe()
    }

    /// A packet came.
    pub fn heard(&self, event: &Event) {
        if ufw::is_prefix(&event.prefix) {
            self.ufw_heard
                .send_if_modified(|heard| !std::mem::replace(heard, true));
        }
    }

    /// Packets came: tells the watcher what changed, which costs next to nothing where nothing did.
    pub fn before_packets(&mut self, watcher: &mut Watcher) {
        self.glance.packets(clock::moment());
        if self.neighbourhood.has_changed().unwrap_or(false) {
            watcher.set_neighbourhood(self.neighbourhood.borrow_and_update().clone());
        }
    }

    /// There is something to tell: looks what listens, where that was not done lately.
    pub fn before_telling(&mut self, watcher: &mut Watcher, changes: &mut [Change]) {
        let now = clock::moment();
        let fresh = |at| now.saturating_duration_since(at) < BELIEVED;
        if changes.is_empty() || self.looked_at.is_some_and(fresh) {
            return;
        }
        let Some(lookout) = &mut self.lookout else {
            return;
        };
        self.looked_at = Some(now);
        let own = self.neighbourhood.borrow().addresses.clone();
        match lookout.look(own) {
            Ok(exposure) => watcher.set_exposure(exposure, changes),
            Err(error) => {
                journal::say(&format_args!(
                    "the kernel does not tell what listens ({error}): alerts do not name it"
                ));
                self.lookout = None;
            }
        }
    }
}
