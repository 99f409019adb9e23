//! The task behind the stream: reaches the bus and the helper again and again, subscribes, and asks for what was missed.

use std::{pin::Pin, time::Duration};

use tokio::{
    sync::mpsc,
    time::{self, Instant},
};
use wallwatch_dbus::{Alert, AlertFilter, Helper1Proxy, Status};
use zbus::proxy::MethodFlags;

use super::{
    CALL_TIMEOUT, HelperEvent, Reason,
    caught_up::{Change, Seen},
    connect,
    signals::{self, Signal},
};

/// The first pause before the next try to reach the bus or the helper; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// The longest pause between two tries to reach the helper. Its return is told; this is for what is not.
const LAST_RETRY: Duration = Duration::from_secs(60);
/// The longest pause between two tries to reach the bus, whose return nobody tells. A try is one connect(2).
const LAST_BUS_RETRY: Duration = Duration::from_secs(5);
/// polkit tells of a change of sessions several times, and does so before the last of it is known: so long is waited for the end.
const RIGHTS_SETTLE: Duration = Duration::from_millis(200);
/// At least this long between two subscriptions that a change of rights asks for.
const BETWEEN_RENEWALS: Duration = Duration::from_secs(1);
/// At least this long between two questions for missed changes.
const BETWEEN_CATCH_UPS: Duration = Duration::from_secs(1);
/// At most so many missed alerts are asked for, the newest; older ones stay in the helper's history. At two kibibytes each they
/// take four megabytes.
const MAX_MISSED: usize = 2000;
/// So many of them in one answer.
const PAGE: usize = 500;

/// The reader of the events is gone.
pub(super) struct ReaderGone;

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

/// What the next answer with alerts is to the reader.
#[derive(Debug, Clone, Copy)]
enum Past {
    /// The first that it hears of the helper: history up to the subscription, of so many alerts at most.
    First(u32),
    /// The helper's numbers began anew: history up to the last raise that was told before, in microseconds since 1970.
    Anew(i64),
    /// What it missed: news.
    Missed,
}

/// An answer to Subscribe that is waited for beside everything else.
type Renewal<'a> = Pin<Box<dyn Future<Output = Result<(u64, Status), Reason>> + Send + 'a>>;

/// The task.
#[derive(Debug)]
pub(super) struct Client {
    events: mpsc::Sender<HelperEvent>,
    seen: Seen,
    past: Past,
    /// The latest raise that was handed on, in microseconds since 1970.
    last_raise: i64,
    /// The state that was told last.
    status: Option<Status>,
    /// May the next call start the helper? Only the first one: a helper that its administrator stopped stays stopped.
    may_start: bool,
    /// Were we ever subscribed?
    was_let_in: bool,
    /// When we last asked to be subscribed.
    last_try: Instant,
    /// The reason given last, so that a retry that fails alike says nothing.
    last_reason: Option<Reason>,
}

impl Client {
    /// A client that knows nothing yet. So many past alerts are asked for at first.
    pub(super) fn new(events: mpsc::Sender<HelperEvent>, history: u32) -> Self {
        Self {
            events,
            seen: Seen::default(),
            past: Past::First(history),
            last_raise: 0,
            status: None,
            may_start: true,
            was_let_in: false,
            last_try: Instant::now(),
            last_reason: None,
        }
    }

    /// Reaches the bus again and again, and serves while it is there.
    pub(super) async fn run(&mut self) -> Result<(), ReaderGone> {
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
            pause = (pause * 2).min(LAST_BUS_RETRY);
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
        let calls = match super::proxy(&call_bus).await {
            Ok(calls) => calls,
            Err(reason) => return Ok(reason),
        };
        let mut pause = FIRST_RETRY;
        loop {
            let served = self.serve(&proxy, &calls, &mut signals).await;
            // None is given while the helper serves.
            if self.last_reason.is_none() {
                pause = FIRST_RETRY;
            }
            let reason = match served {
                Ok(Reason::NotAuthorised) if self.was_let_in => Reason::Waiting,
                Ok(reason) => reason,
                Err(End::HelperLost { back: true }) => continue,
                Err(End::HelperLost { back: false }) => Reason::NotRunning,
                Err(end) => return Err(end),
            };
            // A missing helper announces its return by its name, and a change of rights is told; else time alone shows it.
            let wait = if reason == Reason::NotRunning {
                LAST_RETRY
            } else {
                pause
            };
            let rights = matches!(
                reason,
                Reason::NotAuthorised | Reason::Waiting | Reason::PolkitAway
            );
            self.down(reason).await?;
            self.until_return(&mut signals, wait, rights).await?;
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    /// Waits until the helper's name gets an owner, for so long, or, where `rights` keep us out, until they may have changed.
    async fn until_return(
        &self,
        signals: &mut signals::Queue,
        wait: Duration,
        rights: bool,
    ) -> Result<(), End> {
        let mut at = Instant::now() + wait;
        loop {
            tokio::select! {
                () = time::sleep_until(at) => return Ok(()),
                () = self.events.closed() => return Err(End::ReaderGone),
                signal = signals.next() => match signal {
                    None => return Err(End::BusLost),
                    Some(Signal::Owner(true)) => return Ok(()),
                    Some(Signal::Rights) if rights => at = at.min(self.next_renewal()),
                    Some(_) => {}
                },
            }
        }
    }

    /// When to subscribe anew after a change of rights that is told now.
    fn next_renewal(&self) -> Instant {
        (Instant::now() + RIGHTS_SETTLE).max(self.last_try + BETWEEN_RENEWALS)
    }

    /// Subscribes; returns the number of the last change and the helper's state.
    async fn subscribe(
        proxy: &Helper1Proxy<'_>,
        calls: &Helper1Proxy<'_>,
        flags: MethodFlags,
    ) -> Result<(u64, Status), Reason> {
        let last_seq: Option<u64> = proxy
            .inner()
            .call_with_flags("Subscribe", flags, &())
            .await?;
        Ok((last_seq.unwrap_or_default(), calls.get_status().await?))
    }

    /// Subscribes, catches up and hands on every change until the helper is lost; returns the reason where it refused.
    async fn serve(
        &mut self,
        proxy: &Helper1Proxy<'_>,
        calls: &Helper1Proxy<'_>,
        signals: &mut signals::Queue,
    ) -> Result<Reason, End> {
        let flags = if std::mem::take(&mut self.may_start) {
            MethodFlags::empty()
        } else {
            MethodFlags::NO_AUTO_START
        };
        self.last_try = Instant::now();
        let (last_seq, status) = match Self::subscribe(proxy, calls, flags).await {
            Ok(begun) => begun,
            Err(reason) => return Ok(reason),
        };
        self.last_reason = None;
        self.was_let_in = true;
        self.status = Some(status.clone());
        self.send(HelperEvent::Up(status)).await?;
        if last_seq < self.seen.complete() {
            self.past = Past::Anew(self.last_raise);
            self.seen = Seen::default();
            self.send(HelperEvent::Afresh).await?;
        }
        let mut missed = !self.catch_up(calls, last_seq).await?;
        let mut pause = BETWEEN_CATCH_UPS;
        let mut earliest = Instant::now();
        if missed {
            earliest += pause;
        }
        let mut renew_at: Option<Instant> = None;
        let mut renewal: Option<Renewal<'_>> = None;
        loop {
            tokio::select! {
                biased;
                () = self.events.closed() => return Err(End::ReaderGone),
                () = time::sleep_until(earliest), if missed => {
                    missed = !self.catch_up(calls, last_seq).await?;
                    pause = if missed { (pause * 2).min(LAST_RETRY) } else { BETWEEN_CATCH_UPS };
                    earliest = Instant::now() + pause;
                }
                () = until(renew_at), if renewal.is_none() => {
                    renew_at = None;
                    self.last_try = Instant::now();
                    renewal = Some(Box::pin(Self::subscribe(proxy, calls, MethodFlags::NO_AUTO_START)));
                }
                answer = answer(&mut renewal) => {
                    renewal = None;
                    match answer {
                        Ok((seq, status)) => {
                            missed |= seq > self.seen.complete();
                            self.state(status).await?;
                        }
                        Err(reason @ (Reason::NotAuthorised | Reason::PolkitAway)) => return Ok(reason),
                        // The loss of its name is told.
                        Err(Reason::NotRunning) => {}
                        Err(_) => renew_at = Some(Instant::now() + BETWEEN_RENEWALS),
                    }
                }
                signal = signals.next() => match signal {
                    Some(Signal::Rights) => _ = renew_at.get_or_insert(self.next_renewal()),
                    signal => missed |= self.hand_on(signal).await?,
                },
            }
        }
    }

    /// Hands one signal on. Was one before it missed?
    async fn hand_on(&mut self, signal: Option<Signal>) -> Result<bool, End> {
        match signal {
            None => return Err(End::BusLost),
            Some(Signal::Owner(back)) => return Err(End::HelperLost { back }),
            Some(Signal::Overflow) => return Ok(true),
            Some(Signal::Rights) => {}
            Some(Signal::Status(status)) => {
                self.status = Some(Status::clone(&status));
                self.send(HelperEvent::Status(*status)).await?;
            }
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

    /// Tells the helper's state where it differs from what was told in more than what it counts.
    async fn state(&mut self, status: Status) -> Result<(), ReaderGone> {
        let gist = |status: &Status| {
            (
                status.watching,
                status.capturing,
                status.reason.clone(),
                status.mend.clone(),
            )
        };
        if self.status.as_ref().map(gist) == Some(gist(&status)) {
            return Ok(());
        }
        self.status = Some(status.clone());
        self.send(HelperEvent::Status(status)).await
    }

    /// Asks for the changes since the last one before which none was missed. What came after `last_seq`, the last change before
    /// we subscribed, is news even the first time. Did the helper answer?
    async fn catch_up(
        &mut self,
        calls: &Helper1Proxy<'_>,
        last_seq: u64,
    ) -> Result<bool, ReaderGone> {
        if matches!(self.past, Past::First(0)) {
            self.past = Past::Missed;
            self.seen.complete_to(last_seq);
            return Ok(true);
        }
        let Ok(mut alerts) = self.missed(calls).await else {
            // The helper went away, which the loss of its name says, or has no time: it is asked again.
            return Ok(false);
        };
        alerts.sort_by_key(|alert| alert.seq);
        let newest = alerts.last().map_or(0, |alert| alert.seq);
        let past = std::mem::replace(&mut self.past, Past::Missed);
        let is_known = |alert: &Alert| match past {
            Past::First(_) => alert.seq <= last_seq,
            Past::Anew(last_raise) => alert.raised_at <= last_raise,
            Past::Missed => false,
        };
        let (known, news): (Vec<_>, Vec<_>) = alerts.into_iter().partition(is_known);
        for alert in &known {
            self.seen.change(alert.id, alert.seq);
            self.last_raise = self.last_raise.max(alert.raised_at);
        }
        if !matches!(past, Past::Missed) {
            self.send(HelperEvent::Known(known)).await?;
        }
        for alert in news {
            self.change(alert).await?;
        }
        self.seen.complete_to(newest.max(last_seq));
        Ok(true)
    }

    /// The newest of what was missed, page by page.
    async fn missed(&self, calls: &Helper1Proxy<'_>) -> zbus::Result<Vec<Alert>> {
        let limit = match self.past {
            Past::First(limit) => usize::try_from(limit).unwrap_or(MAX_MISSED),
            Past::Anew(_) | Past::Missed => MAX_MISSED,
        };
        let mut alerts: Vec<Alert> = Vec::new();
        // The newest first, because the limit shall cut off the oldest.
        let mut filter = AlertFilter {
            order: "desc".to_owned(),
            ..AlertFilter::default()
        };
        loop {
            let wanted = (limit - alerts.len()).min(PAGE);
            let page = calls
                .get_alerts(
                    self.seen.complete(),
                    u32::try_from(wanted).unwrap_or(u32::MAX),
                    filter.clone(),
                )
                .await?;
            let full = page.len() >= wanted;
            alerts.extend(page.into_iter().take(wanted));
            let oldest = alerts.iter().map(|alert| alert.seq).min().unwrap_or(0);
            if !full || alerts.len() >= limit || oldest <= self.seen.complete() + 1 {
                return Ok(alerts);
            }
            filter.before_seq = oldest;
        }
    }

    /// Hands a change on, unless a newer state of its incident was handed on already.
    async fn change(&mut self, alert: Alert) -> Result<(), ReaderGone> {
        let change = self.seen.change(alert.id, alert.seq);
        if change != Change::Stale {
            self.last_raise = self.last_raise.max(alert.raised_at);
        }
        match change {
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

/// Until this time, or for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The answer, or nothing for ever where nothing was asked.
async fn answer(renewal: &mut Option<Renewal<'_>>) -> Result<(u64, Status), Reason> {
    match renewal {
        Some(question) => question.await,
        None => std::future::pending().await,
    }
}
