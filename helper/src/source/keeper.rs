//! Keeps a source open while it is wanted: opens it, hands its events on, tries again when it fails.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task};

use super::{Sink, Source, Trouble, health::Health};
use crate::{
    clock,
    event::{Event, Timestamp},
    flow::{Flow, Stage},
    intake::Intake,
    journal,
};

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

impl Wish {
    /// Wishes otherwise; says whether it is otherwise.
    pub(crate) const fn turn(&mut self, on: bool) -> bool {
        let differs = self.on != on;
        if differs {
            *self = Self {
                on,
                number: self.number + 1,
            };
        }
        differs
    }
}

/// Keeps a source as it is wished, until nobody can wish any more; then it is closed.
///
/// Detection is done before the source is asked for more, so that nothing waits in between: records that cannot be worked on yet
/// wait in the kernel, which numbers them.
pub async fn keep<S, F>(
    mut open: impl FnMut() -> F,
    mut wishes: watch::Receiver<Wish>,
    health: Arc<Health>,
    intake: Arc<Intake>,
) where
    S: Source,
    F: Future<Output = Result<S, Trouble>>,
{
    let mut retry = FIRST_RETRY;
    // What was said last of why it does not work: it is said once, however often it is tried in vain.
    let mut said = None;
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
                match deliver(source, &mut wishes, &health, &intake).await {
                    Ended::Unwanted => continue,
                    Ended::Over => return,
                    Ended::Failed(trouble) => trouble,
                }
            }
            Err(trouble) => trouble,
        };
        if clock::moment().duration_since(started) >= STABLE_AFTER {
            (retry, said) = (FIRST_RETRY, None);
        }
        health.failed(wish.number, &trouble);
        if said.as_ref() != Some(&trouble) {
            journal::say(&format_args!("{}: {trouble}", health.name()));
            said = Some(trouble);
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
    intake: &Arc<Intake>,
) -> Ended {
    let way_in = intake.way_in(S::PACKETS).telling(S::EVERY);
    let ended = loop {
        tokio::select! {
            changed = wishes.changed() => match changed {
                Err(_) => break Ended::Over,
                Ok(()) if wishes.borrow().on => {
                    health.again(wishes.borrow().number);
                    continue;
                }
                Ok(()) => {
                    wishes.mark_changed();
                    break Ended::Unwanted;
                }
            },
            ready = source.ready() => if let Err(trouble) = ready {
                break Ended::Failed(trouble);
            },
        }
        let mut heard = Heard::default();
        let drained = way_in.take_in(|sink| {
            source.drain(&mut Counting {
                sink,
                heard: &mut heard,
            })
        });
        if heard.events > 0 {
            health.events(heard.events, heard.last, clock::now());
        }
        if let Err(trouble) = drained {
            break Ended::Failed(trouble);
        }
        // A flood on one source must not keep the bus and the other sources waiting.
        task::yield_now().await;
    };
    source.close().await;
    ended
}

/// What one look at a source brought.
#[derive(Debug, Default)]
struct Heard {
    events: u64,
    last: Timestamp,
}

/// Counts what is handed on, so that the health record is written once a look.
struct Counting<'a, S> {
    sink: &'a mut S,
    heard: &'a mut Heard,
}

impl<S: Sink> Sink for Counting<'_, S> {
    fn packet(&mut self, event: &Event) {
        self.heard.events += 1;
        self.heard.last = event.time;
        self.sink.packet(event);
    }

    fn passed_after_all(&mut self, event: &Event) {
        self.sink.passed_after_all(event);
    }

    fn flow(&mut self, flow: &Flow) {
        // What stood before is not heard now, but asked for.
        if flow.stage != Stage::Standing {
            self.heard.events += 1;
            self.heard.last = flow.time;
        }
        self.sink.flow(flow);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tokio::{sync::mpsc, time};
    use wallwatch_dbus::SourceState;

    use super::*;
    use crate::{
        board::Board,
        capture::Capture,
        detect,
        flow::{Ends, Tuple},
        neighbourhood::Neighbourhood,
        packet::Protocol,
        store::History,
        watcher::Watcher,
    };

    const TUPLE: Tuple = Tuple {
        src: IpAddr::V4(Ipv4Addr::LOCALHOST),
        dst: IpAddr::V4(Ipv4Addr::LOCALHOST),
        protocol: Protocol::IGMP,
        ends: Ends::None,
    };

    /// A source that hears one thing and then does not work any more.
    struct Brief {
        heard: bool,
    }

    impl Source for Brief {
        async fn ready(&mut self) -> Result<(), Trouble> {
            if self.heard {
                return Err(Trouble::new("It is over.", "begin again"));
            }
            Ok(())
        }

        fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
            self.heard = true;
            sink.flow(&Flow {
                time: Timestamp(7),
                stage: Stage::Began,
                id: None,
                original: TUPLE,
                reply: TUPLE,
                answered: false,
                assured: false,
                tcp: None,
                mark: 0,
                began: None,
                sent: None,
                received: None,
            });
            Ok(())
        }

        async fn close(self) {}
    }

    fn intake() -> Arc<Intake> {
        let nflog = Arc::new(Health::new("nflog"));
        let capture = Arc::new(Capture::new("/nonexistent".as_ref(), None, None, nflog));
        let board = Arc::new(Board::new(clock::now(), capture, Vec::new()));
        let watcher = Watcher::new(detect::Config::default(), Neighbourhood::default(), 1);
        let history = History::in_memory();
        Arc::new(Intake::new(watcher, history, mpsc::channel(1).0, board))
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_ends_is_opened_again_later_and_later() {
        let health = Arc::new(Health::new("source"));
        let (wish, wishes) = watch::channel(Wish {
            on: true,
            number: 1,
        });
        let open = || async { Ok(Brief { heard: false }) };
        let kept = tokio::spawn(keep(open, wishes, Arc::clone(&health), intake()));
        let at = async |seconds: u64| {
            time::sleep_until(time::Instant::now() + Duration::from_secs(seconds)).await;
            health.record(clock::now()).events
        };
        assert_eq!(at(1).await, 1);
        assert_eq!(at(2).await, 2, "two seconds after the first");
        assert_eq!(at(3).await, 2);
        assert_eq!(at(1).await, 3, "four seconds after the second");
        let record = health.record(clock::now());
        assert_eq!(
            (record.state.as_str(), record.mend.as_str()),
            ("failed", "begin again")
        );
        assert_eq!(health.watch().borrow().state, Some(SourceState::Failed));
        drop(wish);
        kept.await.unwrap();
    }
}
