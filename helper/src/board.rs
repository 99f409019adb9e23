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

    /// Everything as it stands now. Watching is whether the source that is wanted works: with capture switched on and broken, the
    /// LOG lines that are read in its place are no reason to feel watched over.
    #[must_use]
    pub fn status(&self) -> Status {
        let capturing = self.capture.is_on();
        let (nflog, kmsg) = (self.nflog.record(), self.kmsg.record());
        let wanted = if capturing { &nflog } else { &kmsg };
        let watching = wanted.state == SourceState::Working.as_str();
        let failed = wanted.state == SourceState::Failed.as_str();
        let (reason, mend) = match (watching, failed) {
            (true, _) => (String::new(), String::new()),
            (false, true) => (reason(wanted, capturing, &kmsg), wanted.mend.clone()),
            (false, false) => (
                "The helper is just starting to watch.".to_owned(),
                String::new(),
            ),
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

fn reason(wanted: &SourceHealth, capturing: bool, kmsg: &SourceHealth) -> String {
    if capturing && kmsg.state == SourceState::Working.as_str() {
        format!(
            "{} Until then only what the firewall itself logs is seen.",
            wanted.reason
        )
    } else {
        wanted.reason.clone()
    }
}
