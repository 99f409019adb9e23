//! The client of the helper: one stream of what it says, over every restart of the helper and of the bus.
//!
//! [`watch`] starts it and returns the stream of [`HelperEvent`]s. Signals come in on one connection, whose only reader ([`signals`])
//! drains it into a bounded queue; calls go out on another, because a connection whose signals are not read answers no call either.
//! What was missed, while the bus was away or because the queue was full, is asked for by sequence number ([`caught_up`]).

mod caught_up;
mod signals;

use std::{fmt, time::Duration};

use tokio::{sync::mpsc, time};
use wallwatch_dbus::{Alert, AlertFilter, Helper1Proxy, Status};
use zbus::{
    Connection, DBusError as _, connection, fdo,
    proxy::{CacheProperties, MethodFlags},
};

use caught_up::{Change, Seen};
use signals::Signal;

/// So many events wait for a slow reader before the signals behind them are given up and asked for again.
const MAX_QUEUED_EVENTS: usize = 256;
/// The helper has so long to answer a call. The slowest part of it is polkit: the helper gives it 10 s, and 10 more to let go.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(25);
/// The helper has so long to answer a call that polkit may ask somebody's password for: it leaves that person 120 s.
pub const DIALOG_TIMEOUT: Duration = Duration::from_secs(150);
/// The first pause before the next try to reach the bus or the helper; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// The longest pause between two tries.
const LAST_RETRY: Duration = Duration::from_secs(60);
/// At least this long between two questions for missed changes.
const BETWEEN_CATCH_UPS: Duration = Duration::from_secs(1);
/// At most so many missed alerts are asked for; older ones stay in the helper's history.
const MAX_MISSED: u32 = 500;

/// What the helper says, or why it says nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum HelperEvent {
    /// The helper was reached; from now on changes follow.
    Up(Status),
    /// What it knew when it was first reached, oldest first: history, not news.
    Known(Vec<Alert>),
    /// A new incident.
    Raised(Alert),
    /// An incident changed.
    Updated(Alert),
    /// An incident is over.
    Closed {
        /// The number of this change.
        seq: u64,
        /// The incident.
        id: u64,
    },
    /// The helper's state changed.
    Status(Status),
    /// The helper cannot be reached; it is tried again until it can.
    Down(Reason),
}

/// Why the helper cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is no system bus.
    NoBus,
    /// Nobody owns the helper's name, and it could not be started.
    NotRunning,
    /// polkit says that this user may not see alerts.
    NotAuthorised,
    /// The helper could not ask polkit.
    PolkitAway,
    /// The helper does not answer, or answers with an error; its words, which may be anybody's.
    Failed(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBus => f.write_str("there is no system bus."),
            Self::NotRunning => f.write_str("the Wallwatch helper is not running."),
            Self::NotAuthorised => f.write_str("this user may not see the firewall's alerts here."),
            Self::PolkitAway => f.write_str("polkit does not answer, so nobody is let in."),
            Self::Failed(words) => write!(
                f,
                "the Wallwatch helper does not answer as it should: {}.",
                crate::text::sanitize_sentences(words.trim_end_matches('.'))
            ),
        }
    }
}

impl Reason {
    /// The command that would mend it, or a sentence where no command does.
    #[must_use]
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::NoBus => "sudo systemctl start dbus",
            Self::NotRunning => "sudo systemctl start wallwatch-helper",
            Self::NotAuthorised => {
                "log in at this computer itself, or ask its administrator for the right org.wallwatch.helper1.monitor"
            }
            Self::PolkitAway => "sudo systemctl start polkit",
            Self::Failed(_) => "sudo systemctl restart wallwatch-helper",
        }
    }
}

impl From<zbus::Error> for Reason {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::FDO(error) => Self::from(*error),
            // Under systemd an activation that failed is told in systemd's words.
            zbus::Error::MethodError(name, ..) if name.starts_with("org.freedesktop.systemd1.") => {
                Self::NotRunning
            }
            zbus::Error::MethodError(name, words, _) => {
                Self::Failed(words.unwrap_or_else(|| name.to_string()))
            }
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<fdo::Error> for Reason {
    fn from(error: fdo::Error) -> Self {
        match error {
            fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => Self::NotRunning,
            fdo::Error::AccessDenied(_) | fdo::Error::InteractiveAuthorizationRequired(_) => {
                Self::NotAuthorised
            }
            fdo::Error::AuthFailed(_) => Self::PolkitAway,
            // Activation that failed.
            other
                if other
                    .name()
                    .starts_with("org.freedesktop.DBus.Error.Spawn.") =>
            {
                Self::NotRunning
            }
            other => Self::Failed(
                other
                    .description()
                    .map_or_else(|| other.to_string(), str::to_owned),
            ),
        }
    }
}

/// Starts the client on the present tokio runtime. `history` alerts are asked for when the helper is first reached.
///
/// It ends when the receiver is dropped.
#[must_use]
pub fn watch(history: u32) -> mpsc::Receiver<HelperEvent> {
    let (events, receiver) = mpsc::channel(MAX_QUEUED_EVENTS);
    tokio::spawn(async move {
        let mut client = Client {
            events,
            seen: Seen::default(),
            history: Some(history),
            may_start: true,
            last_reason: None,
        };
        // An error is the reader's leaving.
        _ = client.run().await;
    });
    receiver
}

/// Connects to the system bus for calls, each of which has so long to be answered.
pub async fn connect(timeout: Duration) -> Result<Connection, Reason> {
    connection::Builder::system()
        .method_timeout(timeout)
        .build()
        .await
        .map_err(|_| Reason::NoBus)
}

/// The proxy of the helper on a connection; its properties are not cached, so nothing is subscribed to.
pub async fn proxy(connection: &Connection) -> Result<Helper1Proxy<'static>, Reason> {
    Ok(Helper1Proxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?)
}

/// The reader of the events is gone.
struct ReaderGone;

/// Why a session with the helper ended.
enum End {
    /// The reader left: so do we.
    ReaderGone,
    /// The bus is away.
    BusLost,
    /// The helper's name lost its owner; has it another one already?
    HelperLost { back: bool },
}

impl From<ReaderGone> for End {
    fn from(ReaderGone: ReaderGone) -> Self {
        Self::ReaderGone
    }
}

/// The task behind [`watch`].
struct Client {
    events: mpsc::Sender<HelperEvent>,
    seen: Seen,
    /// How many alerts to ask for at first; taken when they were.
    history: Option<u32>,
    /// May the next call start the helper? Only the first one: a helper that its administrator stopped stays stopped.
    may_start: bool,
    /// The reason given last, so that a retry that fails alike says nothing.
    last_reason: Option<Reason>,
}

impl Client {
    /// Reaches the bus again and again, and serves while it is there.
    async fn run(&mut self) -> Result<(), ReaderGone> {
        let mut pause = FIRST_RETRY;
        loop {
            match self.with_bus().await {
                Ok(reason) => self.down(reason).await?,
                Err(End::ReaderGone) => return Err(ReaderGone),
                Err(_) => {
                    pause = FIRST_RETRY;
                    self.down(Reason::NoBus).await?;
                }
            }
            tokio::select! {
                () = time::sleep(pause) => {}
                () = self.events.closed() => return Err(ReaderGone),
            }
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    /// Serves while the bus is there; returns the reason where it could not be reached.
    async fn with_bus(&mut self) -> Result<Reason, End> {
        let (Ok(signal_bus), Ok(call_bus)) =
            (connect(CALL_TIMEOUT).await, connect(CALL_TIMEOUT).await)
        else {
            return Ok(Reason::NoBus);
        };
        let (mut signals, proxy) = match signals::start(&signal_bus).await {
            Ok(started) => started,
            Err(reason) => return Ok(reason),
        };
        let calls = match self::proxy(&call_bus).await {
            Ok(calls) => calls,
            Err(reason) => return Ok(reason),
        };
        let mut pause = FIRST_RETRY;
        loop {
            let reason = match self.serve(&proxy, &calls, &mut signals).await {
                Ok(reason) => reason,
                Err(End::HelperLost { back: true }) => continue,
                Err(End::HelperLost { back: false }) => {
                    pause = FIRST_RETRY;
                    Reason::NotRunning
                }
                Err(end) => return Err(end),
            };
            // A missing helper announces its return by its name; everything else is tried again after a while.
            let wait = (reason != Reason::NotRunning).then_some(pause);
            self.down(reason).await?;
            self.until_return(&mut signals, wait).await?;
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    /// Waits until the helper's name gets an owner, or for so long.
    async fn until_return(
        &self,
        signals: &mut signals::Queue,
        wait: Option<Duration>,
    ) -> Result<(), End> {
        let timer = async {
            match wait {
                Some(pause) => time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(timer);
        loop {
            tokio::select! {
                () = &mut timer => return Ok(()),
                () = self.events.closed() => return Err(End::ReaderGone),
                signal = signals.next() => match signal {
                    None => return Err(End::BusLost),
                    Some(Signal::Owner(true)) => return Ok(()),
                    Some(_) => {}
                },
            }
        }
    }

    /// Subscribes and catches up; returns the reason where the helper refuses.
    async fn begin(
        &mut self,
        proxy: &Helper1Proxy<'_>,
        calls: &Helper1Proxy<'_>,
    ) -> Result<(Status, u64), Reason> {
        let flags = if std::mem::take(&mut self.may_start) {
            MethodFlags::empty()
        } else {
            MethodFlags::NO_AUTO_START
        };
        let last_seq: Option<u64> = proxy
            .inner()
            .call_with_flags("Subscribe", flags, &())
            .await?;
        Ok((calls.get_status().await?, last_seq.unwrap_or_default()))
    }

    /// Subscribes, catches up and hands on every change until the helper is lost; returns the reason where it refused.
    async fn serve(
        &mut self,
        proxy: &Helper1Proxy<'_>,
        calls: &Helper1Proxy<'_>,
        signals: &mut signals::Queue,
    ) -> Result<Reason, End> {
        let (status, last_seq) = match self.begin(proxy, calls).await {
            Ok(begun) => begun,
            Err(reason) => return Ok(reason),
        };
        self.last_reason = None;
        self.send(HelperEvent::Up(status)).await?;
        let mut missed = !self.catch_up(calls, last_seq).await?;
        let mut pause = BETWEEN_CATCH_UPS;
        let mut earliest = time::Instant::now();
        if missed {
            earliest += pause;
        }
        loop {
            tokio::select! {
                biased;
                () = self.events.closed() => return Err(End::ReaderGone),
                () = time::sleep_until(earliest), if missed => {
                    missed = !self.catch_up(calls, last_seq).await?;
                    pause = if missed { (pause * 2).min(LAST_RETRY) } else { BETWEEN_CATCH_UPS };
                    earliest = time::Instant::now() + pause;
                }
                signal = signals.next() => missed |= self.hand_on(signal).await?,
            }
        }
    }

    /// Hands one signal on. Was one before it missed?
    async fn hand_on(&mut self, signal: Option<Signal>) -> Result<bool, End> {
        match signal {
            None => return Err(End::BusLost),
            Some(Signal::Owner(back)) => return Err(End::HelperLost { back }),
            Some(Signal::Overflow) => return Ok(true),
            Some(Signal::Status(status)) => self.send(HelperEvent::Status(status)).await?,
            Some(Signal::Alert(alert)) => {
                let missed = !self.seen.follows(alert.seq);
                self.change(*alert).await?;
                return Ok(missed);
            }
            Some(Signal::Closed { seq, id }) => {
                let missed = !self.seen.follows(seq);
                if self.seen.change(id, seq) != Change::Stale {
                    self.send(HelperEvent::Closed { seq, id }).await?;
                }
                return Ok(missed);
            }
        }
        Ok(false)
    }

    /// Asks for the changes since the last one before which none was missed. What came after `last_seq`, the last change before
    /// we subscribed, is news even the first time. Did the helper answer?
    async fn catch_up(
        &mut self,
        calls: &Helper1Proxy<'_>,
        last_seq: u64,
    ) -> Result<bool, ReaderGone> {
        let first = self.history.take();
        let limit = first.unwrap_or(MAX_MISSED);
        if limit == 0 {
            self.seen.complete_to(last_seq);
            return Ok(true);
        }
        // The newest first, because the limit shall cut off the oldest.
        let filter = AlertFilter {
            order: "desc".to_owned(),
            ..AlertFilter::default()
        };
        let Ok(mut alerts) = calls.get_alerts(self.seen.complete(), limit, filter).await else {
            // The helper went away, which the loss of its name says, or has no time: it is asked again.
            self.history = first;
            return Ok(false);
        };
        alerts.sort_by_key(|alert| alert.seq);
        let newest = alerts.last().map_or(0, |alert| alert.seq);
        if first.is_some() {
            let news = alerts.split_off(alerts.partition_point(|alert| alert.seq <= last_seq));
            for alert in &alerts {
                self.seen.change(alert.id, alert.seq);
            }
            self.send(HelperEvent::Known(alerts)).await?;
            alerts = news;
        }
        for alert in alerts {
            self.change(alert).await?;
        }
        self.seen.complete_to(newest.max(last_seq));
        Ok(true)
    }

    /// Hands a change on, unless a newer state of its incident was handed on already.
    async fn change(&mut self, alert: Alert) -> Result<(), ReaderGone> {
        match self.seen.change(alert.id, alert.seq) {
            Change::Stale => Ok(()),
            Change::New => self.send(HelperEvent::Raised(alert)).await,
            Change::Known => self.send(HelperEvent::Updated(alert)).await,
        }
    }

    /// Says once why the helper cannot be reached.
    async fn down(&mut self, reason: Reason) -> Result<(), ReaderGone> {
        if self.last_reason.as_ref() == Some(&reason) {
            return Ok(());
        }
        self.last_reason = Some(reason.clone());
        self.send(HelperEvent::Down(reason)).await
    }

    async fn send(&self, event: HelperEvent) -> Result<(), ReaderGone> {
        self.events.send(event).await.map_err(|_| ReaderGone)
    }
}
