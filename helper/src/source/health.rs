//! How a source fares: the record that `GetStatus` shows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use wallwatch_dbus::{SourceHealth, SourceState};

use super::Trouble;
use crate::event::Timestamp;

/// A source's state, and the number of the wish that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The number of the last wish that was worked on.
    pub wish: u64,
    /// The state; `None` while the source is being opened.
    pub state: Option<SourceState>,
}

/// The health record of one source, shared by the source, its keeper and the service.
#[derive(Debug)]
pub struct Health {
    name: String,
    // A std mutex, because nothing is awaited while it is held.
    record: Mutex<SourceHealth>,
    report: watch::Sender<Report>,
}

impl Health {
    /// A source that is not wanted yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let state = SourceState::Off;
        let record = SourceHealth {
            name: name.to_owned(),
            state: state.to_string(),
            ..SourceHealth::default()
        };
        Self {
            name: name.to_owned(),
            record: Mutex::new(record),
            report: watch::Sender::new(Report {
                wish: 0,
                state: Some(state),
            }),
        }
    }

    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An event was delivered.
    pub fn event(&self, time: Timestamp) {
        let mut record = self.lock();
        record.events = record.events.saturating_add(1);
        record.last_event = time.0;
    }

    /// So many records are known to be lost.
    pub fn lost(&self, records: u64) {
        let mut record = self.lock();
        record.lost = record.lost.saturating_add(records);
    }

    /// The source is being opened.
    pub fn opening(&self, wish: u64) {
        self.tell(Report { wish, state: None });
    }

    /// The source works.
    pub fn working(&self, wish: u64) {
        self.set(wish, SourceState::Working, "", "");
    }

    /// The source is not wanted.
    pub fn off(&self, wish: u64) {
        self.set(wish, SourceState::Off, "", "");
    }

    /// The source is wanted and does not work.
    pub fn failed(&self, wish: u64, trouble: &Trouble) {
        self.set(wish, SourceState::Failed, &trouble.reason, &trouble.mend);
    }

    /// The record as it stands now.
    #[must_use]
    pub fn record(&self) -> SourceHealth {
        self.lock().clone()
    }

    /// Tells when the state changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Report> {
        self.report.subscribe()
    }

    fn set(&self, wish: u64, state: SourceState, reason: &str, mend: &str) {
        {
            let mut record = self.lock();
            state.as_str().clone_into(&mut record.state);
            reason.clone_into(&mut record.reason);
            mend.clone_into(&mut record.mend);
        }
        self.tell(Report {
            wish,
            state: Some(state),
        });
    }

    fn tell(&self, report: Report) {
        self.report
            .send_if_modified(|old| std::mem::replace(old, report) != report);
    }

    fn lock(&self) -> MutexGuard<'_, SourceHealth> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
