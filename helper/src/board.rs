//! What is known of the helper itself, put together as the status.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use tokio::sync::watch;
use wallwatch_dbus::{SourceHealth, SourceState, Status};

use crate::{
    capture::Capture,
    clock,
    event::Timestamp,
    hook::desk::Desk,
    neighbourhood::Neighbourhood,
    rules::Rules,
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
    known: Mutex<Known>,
    /// Goes up when there are other sources, or another complaint.
    revision: watch::Sender<u64>,
    last_seq: AtomicU64,
    open_incidents: AtomicU64,
    /// How many packets were stopped.
    stopped: AtomicI64,
    no_firewall: AtomicBool,
    /// Where hooks wait for their runner, where there are any.
    hooks: Mutex<Option<Arc<Desk>>>,
    /// What is wrong with the history.
    history: Mutex<watch::Receiver<String>>,
}

/// What is known of the rest.
#[derive(Debug)]
struct Known {
    /// Every source, in the order in which they are shown.
    sources: Vec<Arc<Health>>,
    rules: Rules,
    /// The networks that this machine is in; `None` where nobody looks.
    neighbourhood: Option<watch::Receiver<Neighbourhood>>,
    /// Why rules that were added are not there; empty where all are.
    of_rules: String,
    /// Why the configuration as it is written does not hold; empty where it does.
    of_config: String,
}

impl Board {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(started_at: Timestamp, capture: Arc<Capture>, sources: Vec<Arc<Health>>) -> Self {
        Self {
            started_at,
            capture,
            known: Mutex::new(Known {
                sources,
                rules: Rules::default(),
                neighbourhood: None,
                of_rules: String::new(),
                of_config: String::new(),
            }),
            revision: watch::Sender::new(0),
            last_seq: AtomicU64::new(0),
            open_incidents: AtomicU64::new(0),
            stopped: AtomicI64::new(0),
            no_firewall: AtomicBool::new(false),
            hooks: Mutex::new(None),
            history: Mutex::new(watch::Sender::default().subscribe()),
        }
    }

    /// Knows from now on which networks this machine is in.
    pub fn look_around(&self, neighbourhood: watch::Receiver<Neighbourhood>) {
        self.known().neighbourhood = Some(neighbourhood);
    }

    /// Knows other rules from now on.
    pub fn know_rules(&self, rules: Rules) {
        self.known().rules = rules;
    }

    /// Knows other sources from now on.
    pub fn know_sources(&self, sources: Vec<Arc<Health>>) {
        self.known().sources = sources;
        self.revise();
    }

    /// Notes why rules that were added are not there.
    pub fn complain_of_rules(&self, sentence: &str) {
        sentence.clone_into(&mut self.known().of_rules);
        self.revise();
    }

    /// Notes why the configuration as it is written does not hold; empty where it does.
    pub fn complain_of_config(&self, sentence: &str) {
        sentence.clone_into(&mut self.known().of_config);
        self.revise();
    }

    /// What tells when there are other sources, or another complaint.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    fn revise(&self) {
        self.revision
            .send_modify(|revision| *revision = revision.wrapping_add(1));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// From now on the hooks are shown that wait there, or none.
    pub fn show_hooks(&self, desk: Option<Arc<Desk>>) {
        *self.hooks.lock().unwrap_or_else(PoisonError::into_inner) = desk;
    }

    /// Shows what is wrong with the history.
    pub fn show_history(&self, trouble: watch::Receiver<String>) {
        *self.lock_history() = trouble;
    }

    /// What tells when what is wrong with the history changes.
    pub fn history(&self) -> watch::Receiver<String> {
        self.lock_history().clone()
    }

    fn lock_history(&self) -> MutexGuard<'_, watch::Receiver<String>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the latest change.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Relaxed)
    }

    /// What tells when the state of a source changes, one for each.
    pub fn reports(&self) -> impl Iterator<Item = watch::Receiver<Report>> {
        let sources = self.known().sources.clone();
        sources.into_iter().map(|health| health.watch())
    }

    /// Everything as it stands now. Where a source that is wanted fails, others may be read in its place: that is watching, but the
    /// reason says what is missing.
    #[must_use]
    pub fn status(&self) -> Status {
        let capturing = self.capture.is_on();
        let now = clock::now();
        let known = self.known();
        let sources: Vec<_> = known
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
        let (gateway, place) = known
            .neighbourhood
            .as_ref()
            .map(|told| known.rules.present(&told.borrow()))
            .unwrap_or_default();
        let complaints = [known.of_config.as_str(), known.of_rules.as_str()];
        let hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        let hooks = hooks.as_ref().map(|desk| desk.records(&sources));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            watching,
            capturing,
            reason,
            mend,
            complaint: complaints.join(" ").trim().to_owned(),
            firewall: self.firewall().to_owned(),
            gateway: gateway.map_or_else(String::new, |gateway| gateway.to_string()),
            place: place.map_or_else(String::new, |place| place.to_string()),
            last_seq: self.last_seq(),
            open_incidents: self.open_incidents.load(Ordering::Relaxed),
            started_at: self.started_at.0,
            history: self.history().borrow().clone(),
            sources,
            hooks: hooks.unwrap_or_default(),
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
