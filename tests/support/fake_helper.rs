//! A helper that says what a test wants: the contract of `org.wallwatch.Helper1` without a firewall behind it.

#![expect(
    clippy::needless_pass_by_value,
    reason = "an interface takes what was read off the bus by value"
)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wallwatch_dbus::{
    Alert, AlertFilter, Error, NoiseCount, Order, Statistics, Status,
    names::{HELPER_BUS_NAME, HELPER_PATH},
};
use zbus::{
    BoxDBusError, Connection, connection, fdo,
    message::Header,
    names::{BusName, OwnedUniqueName},
    object_server::SignalEmitter,
};

use crate::background::Background;

/// At most so many alerts are returned at once, as the helper has it.
const MOST_RETURNED: usize = 1000;

/// What the helper knows.
#[derive(Debug, Default)]
struct State {
    alerts: Vec<Alert>,
    last_seq: u64,
    status: Status,
    subscribers: Vec<OwnedUniqueName>,
    subscriptions: usize,
    /// What is answered to those who ask for counts.
    statistics: Statistics,
    noise: Vec<NoiseCount>,
    /// The stretches of time that were asked for: from, to, buckets.
    stretches: Vec<(i64, i64, u32)>,
    /// How many alerts were asked for, each time.
    pages: Vec<u32>,
    refusing: bool,
    busy: bool,
}

/// The object on the bus.
#[derive(Debug, Clone)]
struct Helper1(Arc<Mutex<State>>);

impl Helper1 {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses where nobody is let in.
    fn guard(&self) -> fdo::Result<()> {
        if self.state().refusing {
            return Err(fdo::Error::AccessDenied("this user may not".to_owned()));
        }
        Ok(())
    }
}

/// Does the filter let this alert through?
fn is_wanted(alert: &Alert, filter: &AlertFilter) -> bool {
    (filter.before_seq == 0 || alert.seq < filter.before_seq)
        && (filter.from == 0 || alert.last_seen >= filter.from)
        && (filter.to == 0 || alert.first_seen < filter.to)
        && (filter.kind.is_empty() || alert.kind == filter.kind)
        && alert.severity >= filter.min_severity
        && (filter.source.is_empty() || alert.sources.contains(&filter.source))
        && (filter.text.is_empty() || alert.ports.contains(&filter.text))
}

#[zbus::interface(name = "org.wallwatch.Helper1")]
impl Helper1 {
    fn subscribe(&self, #[zbus(header)] header: Header<'_>) -> fdo::Result<u64> {
        self.guard()?;
        let mut state = self.state();
        let sender = header
            .sender()
            .ok_or_else(|| fdo::Error::Failed("no sender".to_owned()))?;
        let sender = OwnedUniqueName::from(sender.to_owned());
        if !state.subscribers.contains(&sender) {
            state.subscribers.push(sender);
        }
        state.subscriptions += 1;
        Ok(state.last_seq)
    }

    fn get_alert(&self, id: u64) -> Result<Alert, BoxDBusError> {
        self.guard()?;
        let state = self.state();
        let found = state.alerts.iter().find(|alert| alert.id == id);
        found.cloned().ok_or_else(|| -> BoxDBusError {
            Box::new(Error::NotFound(format!("There is no alert {id}.")))
        })
    }

    fn get_alerts(
        &self,
        after_seq: u64,
        limit: u32,
        filter: AlertFilter,
    ) -> fdo::Result<Vec<Alert>> {
        let order = filter
            .order()
            .map_err(|error| fdo::Error::InvalidArgs(error.to_string()))?;
        if self.state().busy {
            return Err(fdo::Error::LimitsExceeded("try again later".to_owned()));
        }
        self.guard()?;
        let mut state = self.state();
        state.pages.push(limit);
        let mut alerts: Vec<Alert> = state
            .alerts
            .iter()
            .filter(|alert| alert.seq > after_seq && is_wanted(alert, &filter))
            .cloned()
            .collect();
        drop(state);
        alerts.sort_by_key(|alert| alert.seq);
        if order == Order::Descending {
            alerts.reverse();
        }
        alerts.truncate((limit as usize).min(MOST_RETURNED));
        Ok(alerts)
    }

    fn get_status(&self) -> fdo::Result<Status> {
        self.guard()?;
        Ok(self.state().status.clone())
    }

    fn get_statistics(&self, from: i64, to: i64, buckets: u32) -> fdo::Result<Statistics> {
        self.guard()?;
        let mut state = self.state();
        state.stretches.push((from, to, buckets));
        Ok(state.statistics.clone())
    }

    fn get_noise(&self, from: i64, to: i64) -> fdo::Result<Vec<NoiseCount>> {
        self.guard()?;
        let mut state = self.state();
        state.stretches.push((from, to, 0));
        Ok(state.noise.clone())
    }

    fn clear_history(&self, before: i64) -> fdo::Result<()> {
        self.guard()?;
        let forgotten = |alert: &Alert| before == 0 || alert.last_seen < before;
        self.state().alerts.retain(|alert| !forgotten(alert));
        Ok(())
    }

    #[zbus(signal)]
    async fn alert_raised(emitter: &SignalEmitter<'_>, seq: u64, alert: Alert) -> zbus::Result<()>;
    #[zbus(signal)]
    async fn alert_updated(emitter: &SignalEmitter<'_>, seq: u64, alert: Alert)
    -> zbus::Result<()>;
    #[zbus(signal)]
    async fn alert_closed(emitter: &SignalEmitter<'_>, seq: u64, id: u64) -> zbus::Result<()>;
    #[zbus(signal)]
    async fn status_changed(emitter: &SignalEmitter<'_>, status: Status) -> zbus::Result<()>;
}

/// The helper; `Drop` takes it off the bus.
#[derive(Debug)]
pub struct FakeHelper {
    connection: Connection,
    object: Helper1,
    background: Background,
}

impl FakeHelper {
    /// A helper on the bus at this address that is watching.
    #[must_use]
    pub fn start(address: &str) -> Self {
        let helper = Self::nameless(address);
        helper.own();
        helper
    }

    /// A program that serves the helper's object without having its name, and knows the subscribers of the real one.
    #[must_use]
    pub fn forger(address: &str, real: &Self) -> Self {
        let forger = Self::nameless(address);
        let subscribers = real.object.state().subscribers.clone();
        forger.object.state().subscribers = subscribers;
        forger
    }

    fn nameless(address: &str) -> Self {
        let background = Background::start();
        let status = Status {
            watching: true,
            capturing: true,
            ..Status::default()
        };
        let object = Helper1(Arc::new(Mutex::new(State {
            status,
            ..State::default()
        })));
        let connection = background
            .run(async {
                connection::Builder::address(address)
                    .serve_at(HELPER_PATH, object.clone())
                    .build()
                    .await
            })
            .expect("the bus is up");
        Self {
            connection,
            object,
            background,
        }
    }

    /// Takes the helper's name.
    pub fn own(&self) {
        self.background
            .run(self.connection.request_name(HELPER_BUS_NAME))
            .expect("the name is free");
    }

    /// Gives the name back and forgets who subscribed, as a helper that ended.
    pub fn disown(&self) {
        self.object.state().subscribers.clear();
        self.background
            .run(self.connection.release_name(HELPER_BUS_NAME))
            .expect("the name is ours");
    }

    /// Refuses to let anybody subscribe, or lets everybody.
    pub fn refuse(&self, refusing: bool) {
        self.object.state().refusing = refusing;
    }

    /// Says that it started at this time, in microseconds since 1970, and knows nothing from before.
    pub fn restarted(&self, at: i64) {
        let mut state = self.object.state();
        state.status.started_at = at;
        state.alerts.clear();
    }

    /// Forgets everything, the numbers it gave too, as a helper whose history was lost on a machine whose clock went back.
    pub fn began_anew(&self) {
        let mut state = self.object.state();
        state.alerts.clear();
        state.last_seq = 0;
    }

    /// Gives numbers behind this one from now on, as a helper does that started later.
    pub fn number_from(&self, seq: u64) {
        self.object.state().last_seq = seq;
    }

    /// Tells nobody anything any more, until they subscribe again.
    pub fn drop_subscribers(&self) {
        self.object.state().subscribers.clear();
    }

    /// Has no time to look alerts up, or has.
    pub fn busy(&self, busy: bool) {
        self.object.state().busy = busy;
    }

    /// Has counted this.
    pub fn count(&self, statistics: Statistics, noise: Vec<NoiseCount>) {
        let mut state = self.object.state();
        state.statistics = statistics;
        state.noise = noise;
    }

    /// The stretches of time of which counts were asked for: from, to, buckets.
    pub fn stretches(&self) -> Vec<(i64, i64, u32)> {
        self.object.state().stretches.clone()
    }

    /// How many alerts were asked for, each time.
    pub fn pages(&self) -> Vec<u32> {
        self.object.state().pages.clone()
    }

    /// The alerts that it knows.
    pub fn alerts(&self) -> Vec<Alert> {
        self.object.state().alerts.clone()
    }

    /// How often somebody subscribed.
    pub fn subscriptions(&self) -> usize {
        self.object.state().subscriptions
    }

    /// Gives the alert the next number, keeps it and tells the subscribers.
    pub fn change(&self, alert: Alert) {
        let (alert, raised) = self.keep(alert);
        for emitter in self.emitters() {
            let alert = alert.clone();
            let sent = self.background.run(async {
                if raised {
                    Helper1::alert_raised(&emitter, alert.seq, alert).await
                } else {
                    Helper1::alert_updated(&emitter, alert.seq, alert).await
                }
            });
            sent.expect("the bus is up");
        }
    }

    /// Gives the alert the next number and keeps it, but tells nobody, as where a signal was lost.
    pub fn keep(&self, alert: Alert) -> (Alert, bool) {
        let mut state = self.object.state();
        state.last_seq += 1;
        let alert = Alert {
            seq: state.last_seq,
            ..alert
        };
        let before = state.alerts.len();
        state.alerts.retain(|kept| kept.id != alert.id);
        let raised = state.alerts.len() == before;
        state.alerts.push(alert.clone());
        (alert, raised)
    }

    /// Tells the subscribers of another state.
    pub fn status(&self, status: Status) {
        self.object.state().status = status.clone();
        for emitter in self.emitters() {
            self.background
                .run(Helper1::status_changed(&emitter, status.clone()))
                .expect("the bus is up");
        }
    }

    fn emitters(&self) -> Vec<SignalEmitter<'static>> {
        let subscribers = self.object.state().subscribers.clone();
        let emitter = |name: OwnedUniqueName| {
            SignalEmitter::new(&self.connection, HELPER_PATH)
                .expect("the path is one")
                .set_destination(BusName::Unique(name.into_inner()))
                .into_owned()
        };
        subscribers.into_iter().map(emitter).collect()
    }
}
