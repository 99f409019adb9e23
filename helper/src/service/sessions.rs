//! Judges subscribers again when polkit says that something changed: whose session was switched away gets no more alerts.
//!
//! Whoever cannot be judged because polkit is away stays until it is back, and is judged then. He was let in by polkit once, that it is
//! away says nothing against him, and he could not subscribe anew: whoever makes polkit stop must not silence the alarm by it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_lite::StreamExt as _;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use wallwatch_dbus::names;
use zbus::{fdo, proxy::OwnerChangedStream};
use zbus_polkit::policykit1::ChangedStream;

use super::subscribers::Subscribers;
use crate::authority::{Authority, Judgement};

/// Between two rounds; what changes meanwhile is looked at in the next, once. A switch of sessions is several changes within some
/// milliseconds, and whoever installs packages makes many.
const PAUSE: Duration = Duration::from_millis(250);
/// So long after a round that polkit did not answer the next begins by itself.
const RETRY: Duration = Duration::from_secs(60);

/// What judges.
pub(super) struct Sessions {
    authority: Arc<dyn Authority>,
    subscribers: Arc<Subscribers>,
    bell: Notify,
    changes: AtomicU64,
}

impl Sessions {
    pub(super) fn new(authority: Arc<dyn Authority>, subscribers: Arc<Subscribers>) -> Self {
        Self {
            authority,
            subscribers,
            bell: Notify::new(),
            changes: AtomicU64::new(0),
        }
    }

    /// How many changes there were.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Has everybody judged again.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Notes each change until the bus is gone. Apart from the judging, because a stream that is not read holds up the whole connection,
    /// and with it the answers that the judging waits for.
    pub(super) async fn listen(
        &self,
        mut changes: ChangedStream,
        mut polkit: OwnerChangedStream<'_>,
    ) {
        loop {
            let news = tokio::select! {
                change = changes.next() => change.map(|_| true),
                // When it comes back it says nothing of what changed meanwhile.
                owner = polkit.next() => owner.map(|owner| owner.is_some()),
            };
            match news {
                None => return,
                Some(false) => {}
                Some(true) => {
                    self.changes.fetch_add(1, Ordering::Relaxed);
                    self.ring();
                }
            }
        }
    }

    /// Judges everybody whenever the bell rang, for ever.
    pub(super) async fn judge(&self) {
        self.bell.notified().await;
        loop {
            let done = self.round().await;
            sleep(PAUSE).await;
            if done {
                self.bell.notified().await;
            } else {
                // Whether the bell or the time ends it, the next round is due.
                drop(timeout(RETRY, self.bell.notified()).await);
            }
        }
    }

    /// Judges everybody once; false where polkit does not answer. One after the other and past the gate: so a round takes one of the calls
    /// that the bus allows us, and nobody who floods the gate can put it off.
    async fn round(&self) -> bool {
        for subscriber in self.subscribers.all() {
            let judging =
                self.authority
                    .judge(subscriber.name.inner(), names::ACTION_MONITOR, false);
            match judging.await {
                Ok(judgement) => self.subscribers.judged(&subscriber, judgement),
                Err(fdo::Error::AuthFailed(_)) => return false,
                Err(_) => self.subscribers.judged(&subscriber, Judgement::Refused),
            }
        }
        true
    }
}
