//! What is known of the helper itself, put together as the status.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use wallwatch_dbus::{SourceHealth, SourceState, Status};

use crate::{capture::Capture, event::Timestamp, source::health::Health};

/// The facts, written by the tasks and read by the service.
#[derive(Debug)]
pub struct Board {
    /// When the helper started.
    pub started_at: Timestamp,
    /// The switch of the own table.
    pub capture: Arc<Capture>,
    /// The source that the switch switches.
    pub nflog: Arc<Health>,
    /// The source that is used otherwise.
    pub kmsg: Arc<Health>,
    last_seq: AtomicU64,
    open_incidents: AtomicU64,
    stopped: AtomicBool,
}

impl Board {
    /// Nothing has happened yet.
    #[must_use]
    pub const fn new(
        started_at: Timestamp,
        capture: Arc<Capture>,
        nflog: Arc<Health>,
        kmsg: Arc<Health>,
    ) -> Self {
        Self {
            started_at,
            capture,
            nflog,
            kmsg,
            last_seq: AtomicU64::new(0),
            open_incidents: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// Notes how far detection is.
    pub fn progress(&self, last_seq: u64, open_incidents: usize) {
        self.last_seq.store(last_seq, Ordering::Relaxed);
        self.open_incidents.store(
            u64::try_from(open_incidents).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Notes that a packet was stopped, so there is a firewall.
    pub fn packet_stopped(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// The number of the latest change.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Relaxed)
    }

    /// Everything as it stands now. Where capture is switched on and fails, the firewall's own LOG lines are read in its place: that
    /// is watching, but the reason says what is missing.
    #[must_use]
    pub fn status(&self) -> Status {
        let capturing = self.capture.is_on();
        let (nflog, kmsg) = (self.nflog.record(), self.kmsg.record());
        let watching = is(&nflog, SourceState::Working) || is(&kmsg, SourceState::Working);
        let wanted = if capturing { &nflog } else { &kmsg };
        let (reason, mend) = if is(wanted, SourceState::Failed) {
            (reason(wanted, watching), wanted.mend.clone())
        } else if watching {
            (String::new(), String::new())
        } else {
            (
                "The helper is just starting to watch.".to_owned(),
                String::new(),
            )
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            watching,
            capturing,
            reason,
            mend,
            firewall: if self.stopped.load(Ordering::Relaxed) {
                "yes"
            } else {
                "unknown"
            }
            .to_owned(),
            last_seq: self.last_seq(),
            open_incidents: self.open_incidents.load(Ordering::Relaxed),
            started_at: self.started_at.0,
            sources: vec![nflog, kmsg],
        }
    }
}

fn is(source: &SourceHealth, state: SourceState) -> bool {
    source.state == state.as_str()
}

fn reason(failed: &SourceHealth, watching: bool) -> String {
    if watching {
        format!(
            "{} Until then only what the firewall itself logs is seen.",
            failed.reason
        )
    } else {
        failed.reason.clone()
    }
}
