//! Keeps a source open while it is wanted: opens it, hands its events on, tries again when it fails.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};

use super::{Source, Trouble, health::Health};
use crate::{clock, event::Event, journal};

/// The first wait before a source that failed is tried again.
pub const FIRST_RETRY: Duration = Duration::from_secs(2);
/// The longest: a source that stays broken costs next to nothing.
pub const LAST_RETRY: Duration = Duration::from_secs(600);
/// A source that worked for so long before it failed starts with the first wait again.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// Whether a source shall be open. A new number makes a source that failed try again at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// Shall it be open?
    pub on: bool,
    /// The number of this wish.
    pub number: u64,
}

/// Keeps a source as it is wished, until nobody can wish any more; then it is closed.
///
/// The events go through a bounded channel. When it is full the source is simply not read: the records wait in the kernel, which
/// numbers them, so that a loss is counted exactly where it happens.
pub async fn keep<S, F>(
    mut open: impl FnMut() -> F,
    mut wishes: watch::Receiver<Wish>,
    health: Arc<Health>,
    events: mpsc::Sender<Event>,
) where
    S: Source,
    F: Future<Output = Result<S, Trouble>>,
{
    let mut retry = FIRST_RETRY;
    loop {
        let wish = *wishes.borrow_and_update();
        if !wish.on {
            health.off(wish.number);
            retry = FIRST_RETRY;
            if wishes.changed().await.is_err() {
                return;
            }
            continue;
        }
        health.opening(wish.number);
        let started = clock::moment();
        let trouble = match open().await {
            Ok(source) => {
                journal::whisper(&format_args!("{} works", health.name()));
                health.working(wish.number);
                match deliver(source, &mut wishes, &health, &events).await {
                    Ended::Unwanted => continue,
                    Ended::Over => return,
                    Ended::Failed(trouble) => trouble,
                }
            }
            Err(trouble) => trouble,
        };
        journal::say(&format_args!("{}: {trouble}", health.name()));
        health.failed(wish.number, &trouble);
        if clock::moment().duration_since(started) >= STABLE_AFTER {
            retry = FIRST_RETRY;
        }
        tokio::select! {
            changed = wishes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(retry) => retry = (retry * 2).min(LAST_RETRY),
        }
    }
}

/// Why a source was closed.
enum Ended {
    /// It is not wanted any more.
    Unwanted,
    /// The helper ends.
    Over,
    /// It does not work any more.
    Failed(Trouble),
}

async fn deliver<S: Source>(
    mut source: S,
    wishes: &mut watch::Receiver<Wish>,
    health: &Health,
    events: &mpsc::Sender<Event>,
) -> Ended {
    let ended = loop {
        let event = tokio::select! {
            changed = wishes.changed() => match changed {
                Err(_) => break Ended::Over,
                Ok(()) if wishes.borrow().on => {
                    // The same once more: it works already.
                    health.working(wishes.borrow().number);
                    continue;
                }
                Ok(()) => {
                    wishes.mark_changed();
                    break Ended::Unwanted;
                }
            },
            next = source.next() => match next {
                Ok(event) => event,
                Err(trouble) => break Ended::Failed(trouble),
            },
        };
        health.event(event.time);
        if events.send(event).await.is_err() {
            break Ended::Over;
        }
    };
    source.close().await;
    ended
}
