//! What is known of the helper itself, put together as the status.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use tokio::sync::watch;
use wallwatch_dbus::{SourceHealth, SourceState, Status};

use crate::{
    capture::Capture,
    clock,
    event::Timestamp,
    source::health::{Health, Report},
};

/// The source that is wanted while packets are captured.
const NFLOG: &str = "nflog";
/// Sources that tell of what was let through alone: they do not watch a firewall.
const PASSED_ONLY: [&str; 1] = ["conntrack"];

/// The facts, written by the tasks and read by the service.
#[derive(Debug)]
pub struct Board {
    /// When the helper started.
    pub started_at: Timestamp,
    /// The switch of the own table.
    pub capture: Arc<Capture>,
    /// Every source, in the order in which they are shown.
    sources: Vec<Arc<Health>>,
    last_seq: AtomicU64,
    open_incidents: AtomicU64,
    /// How many packets were stopped.
    stopped: AtomicI64,
    no_firewall: AtomicBool,
}

impl Board {
    /// Nothing has happened yet.
    #[must_use]
    pub const fn new(
        started_at: Timestamp,
        capture: Arc<Capture>,
        sources: Vec<Arc<Health>>,
    ) -> Self {
        Self {
            started_at,
            capture,
            sources,
            last_seq: AtomicU64::new(0),
            open_incidents: AtomicU64::new(0),
            stopped: AtomicI64::new(0),
            no_firewall: AtomicBool::new(false),
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

    /// Notes that so many packets were stopped, so there is a firewall; less than none where that is taken back.
    pub fn packets_stopped(&self, packets: i64) {
        self.stopped.fetch_add(packets, Ordering::Relaxed);
    }

    /// Notes whether it is proven that nothing on this machine stops packets.
    pub fn no_firewall(&self, proven: bool) {
        self.no_firewall.store(proven, Ordering::Relaxed);
    }

    /// The number of the latest change.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Relaxed)
    }

    /// What tells when the state of a source changes, one for each.
    pub fn reports(&self) -> impl Iterator<Item = watch::Receiver<Report>> {
        self.sources.iter().map(|health| health.watch())
    }

    /// Everything as it stands now. Where a source that is wanted fails, others may be read in its place: that is watching, but the
    /// reason says what is missing.
    #[must_use]
    pub fn status(&self) -> Status {
        let capturing = self.capture.is_on();
        let now = clock::now();
        let sources: Vec<_> = self
            .sources
            .iter()
            .map(|health| health.record(now))
            .collect();
        let watching = sources.iter().any(watches);
        let (reason, mend) = match wanting(&sources) {
            Some(source) => (reason(source, watching), source.mend.clone()),
            None if watching => (String::new(), String::new()),
            None => (
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
            firewall: self.firewall().to_owned(),
            last_seq: self.last_seq(),
            open_incidents: self.open_incidents.load(Ordering::Relaxed),
            started_at: self.started_at.0,
            sources,
        }
    }

    /// Is there a firewall? What is gone after it stopped packets is not there any more.
    fn firewall(&self) -> &'static str {
        if self.no_firewall.load(Ordering::Relaxed) {
            "none"
        } else if self.stopped.load(Ordering::Relaxed) > 0 {
            "yes"
        } else {
            "unknown"
        }
    }
}

/// Does this source watch the firewall now?
fn watches(source: &SourceHealth) -> bool {
    is(source, SourceState::Working) && !PASSED_ONLY.contains(&source.name.as_str())
}

/// The first source that is wanted and shows nothing.
fn wanting(sources: &[SourceHealth]) -> Option<&SourceHealth> {
    sources
        .iter()
        .find(|source| is(source, SourceState::Failed) || is(source, SourceState::Blind))
}

fn is(source: &SourceHealth, state: SourceState) -> bool {
    source.state == state.as_str()
}

fn reason(failed: &SourceHealth, watching: bool) -> String {
    if watching && failed.name == NFLOG {
        format!(
            "{} Until then only what the firewall itself logs is seen.",
            failed.reason
        )
    } else {
        failed.reason.clone()
    }
}
