//! The front door of detection: sources hand in what they hear, and what it leads to is stored and told.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};
use wallwatch_dbus::Verdict;

use crate::{
    alert::Change,
    board::Board,
    clock,
    event::{Event, Timestamp},
    flow::Flow,
    source::Sink,
    store::Store,
    surroundings::Outlook,
    twins::{Twins, identity},
    watcher::Watcher,
};

/// The longest sleep while an incident is open: the system's clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// So many hashes of packets are remembered, to know those that several sources tell of: about 200 KiB.
const REMEMBERED: usize = 7 << 10;

/// Detection, with what it leads to.
///
/// All of it runs on one thread, and nothing is awaited while the lock is held. Whoever hands in an event waits for its detection: so no
/// queue can run over, and what is not worked on yet waits in the kernel.
#[derive(Debug)]
pub struct Intake {
    state: Mutex<State>,
    /// Rings when the next deadline of the watcher changed.
    deadline: Notify,
    /// How many tell of packets; where one is alone there are no twins.
    tellers: AtomicUsize,
    /// The number of the next who does.
    next_teller: AtomicUsize,
    store: Arc<Mutex<Store>>,
    board: Arc<Board>,
}

#[derive(Debug)]
struct State {
    watcher: Watcher,
    /// What tells the watcher of this machine; where there is none it goes by what it was given.
    outlook: Option<Outlook>,
    twins: Twins,
    changes: Vec<Change>,
    subscribers: mpsc::Sender<Change>,
}

impl Intake {
    /// A front door whose changes are stored and handed to `subscribers`.
    #[must_use]
    pub fn new(
        watcher: Watcher,
        store: Arc<Mutex<Store>>,
        subscribers: mpsc::Sender<Change>,
        board: Arc<Board>,
    ) -> Self {
        board.progress(watcher.last_seq(), watcher.open_incidents());
        Self {
            state: Mutex::new(State {
                watcher,
                outlook: None,
                twins: Twins::new(REMEMBERED),
                changes: Vec::new(),
                subscribers,
            }),
            deadline: Notify::new(),
            tellers: AtomicUsize::new(0),
            next_teller: AtomicUsize::new(0),
            store,
            board,
        }
    }

    /// Has this tell detection how the machine changes, and what listens on it.
    #[must_use]
    pub fn with_outlook(self, outlook: Outlook) -> Self {
        self.lock().outlook = Some(outlook);
        self
    }

    /// Has `work` hand in events, and stores and tells what comes of them.
    fn take_in<T>(&self, teller: usize, work: impl FnOnce(&mut Door<'_>) -> T) -> T {
        let mut state = self.lock();
        let due = state.watcher.next_deadline();
        let State {
            watcher, outlook, ..
        } = &mut *state;
        if let Some(outlook) = outlook {
            outlook.before_packets(watcher);
        }
        let mut door = Door {
            teller,
            alone: self.tellers.load(Ordering::Relaxed) < 2,
            stopped: 0,
            state: &mut state,
        };
        let done = work(&mut door);
        if door.stopped != 0 {
            self.board.packets_stopped(door.stopped);
        }
        self.settle(&mut state, due);
        done
    }

    /// Raises a test alert and says which incident it is; `None` where too many are open.
    pub fn test_alert(&self) -> Option<u64> {
        self.take_in(0, |door| {
            let State {
                watcher, changes, ..
            } = &mut *door.state;
            watcher.test_alert(clock::now(), changes)
        })
    }

    /// A way in for a source that was opened; `packets` says whether it tells of packets.
    pub fn way_in(self: &Arc<Self>, packets: bool) -> WayIn {
        let weight = usize::from(packets);
        self.tellers.fetch_add(weight, Ordering::Relaxed);
        WayIn {
            teller: self.next_teller.fetch_add(1, Ordering::Relaxed),
            weight,
            intake: Arc::clone(self),
        }
    }

    /// Does what time alone asks for, for ever. Sleeps without a timer while no incident is open.
    pub async fn keep_time(&self) {
        loop {
            let due = self.lock().watcher.next_deadline();
            tokio::select! {
                () = self.deadline.notified() => {}
                () = reached(due) => self.take_in(0, |_| ()),
            }
        }
    }

    /// Stores and tells the changes; `due` was the deadline before them.
    fn settle(&self, state: &mut State, due: Option<Timestamp>) {
        let State {
            watcher,
            outlook,
            changes,
            subscribers,
            ..
        } = state;
        // Also where the deadline is far ahead: the clock may have been set back.
        if watcher.next_deadline().is_some() {
            watcher.tick(clock::now(), changes);
        }
        if watcher.next_deadline() != due {
            self.deadline.notify_one();
        }
        self.board
            .progress(watcher.last_seq(), watcher.open_incidents());
        if let Some(outlook) = outlook {
            outlook.before_telling(watcher, changes);
        }
        for change in changes.drain(..) {
            self.store
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .record(&change);
            // A bus that takes nothing must not stop detection; the gap in the numbers tells the clients.
            drop(subscribers.try_send(change));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way in of one source, for as long as it is open.
#[derive(Debug)]
pub struct WayIn {
    teller: usize,
    /// 1 where it tells of packets.
    weight: usize,
    intake: Arc<Intake>,
}

impl WayIn {
    /// Has `work` hand in events, and stores and tells what comes of them.
    pub fn take_in<T>(&self, work: impl FnOnce(&mut Door<'_>) -> T) -> T {
        self.intake.take_in(self.teller, work)
    }
}

impl Drop for WayIn {
    fn drop(&mut self) {
        self.intake
            .tellers
            .fetch_sub(self.weight, Ordering::Relaxed);
    }
}

/// What a source hands its events to.
#[derive(Debug)]
pub struct Door<'a> {
    /// Who tells.
    teller: usize,
    /// Is there but one source of packets?
    alone: bool,
    /// How many packets were stopped, without those of which that was taken back.
    stopped: i64,
    state: &'a mut State,
}

impl Sink for Door<'_> {
    fn packet(&mut self, event: &Event) {
        if !self.alone {
            let twins = &mut self.state.twins;
            let packet = twins.hasher().of(identity(event));
            if twins.is_known(packet, self.teller) {
                return;
            }
        }
        self.stopped += i64::from(event.verdict == Verdict::Dropped);
        let State {
            watcher,
            outlook,
            changes,
            ..
        } = self.state;
        if let Some(outlook) = outlook {
            outlook.heard(event);
        }
        watcher.observe(event, changes);
    }

    fn passed_after_all(&mut self, event: &Event) {
        self.stopped -= 1;
        self.state.watcher.passed_after_all(event);
    }

    fn flow(&mut self, flow: &Flow) {
        let State {
            watcher, changes, ..
        } = self.state;
        watcher.observe_flow(flow, changes);
        watcher.remember_flow(flow);
    }
}

/// Waits until the deadline of the system's clock; for ever where there is none.
async fn reached(deadline: Option<Timestamp>) {
    let Some(deadline) = deadline else {
        return std::future::pending().await;
    };
    let micros = u64::try_from(deadline.since(clock::now())).unwrap_or(0);
    sleep(Duration::from_micros(micros).min(LONGEST_SLEEP)).await;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        capture::Capture,
        decode, detect,
        event::{Feed, Interface, Prefix},
        neighbourhood::Neighbourhood,
        source::health::Health,
    };

    /// A packet without any flag, which no honest program sends.
    fn null_probe(time: Timestamp, dport: u16) -> Event {
        let line = format!(
            "IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=TCP SPT=50000 DPT={dport} \
             WINDOW=1024 RES=0x00 URGP=0 "
        );
        Event {
            time,
            packet: decode::log_line(line.as_bytes())
                .unwrap()
                .packet()
                .unwrap()
                .clone(),
            verdict: Verdict::Dropped,
            feed: Feed::Nflog,
            trusted: true,
            interface: Interface::new(),
            prefix: Prefix::new(),
            group: false,
        }
    }

    /// A front door, and what comes out behind it.
    fn intake() -> (Arc<Intake>, mpsc::Receiver<Change>) {
        let nflog = Arc::new(Health::new("nflog"));
        let capture = Arc::new(Capture::new(Path::new("/nonexistent"), None, None, nflog));
        let board = Arc::new(Board::new(clock::now(), capture, Vec::new()));
        let watcher = Watcher::new(detect::Config::default(), Neighbourhood::default(), 1);
        let (changes, told) = mpsc::channel(64);
        let store = Arc::new(Mutex::new(Store::new(8)));
        (Arc::new(Intake::new(watcher, store, changes, board)), told)
    }

    #[test]
    fn an_incident_that_the_clock_left_behind_in_the_future_is_closed() {
        let (intake, mut told) = intake();
        let in_two_days = clock::now().plus(48 * 3600 * Timestamp::SECOND);
        intake.way_in(true).take_in(|door| {
            for dport in 1..=3 {
                door.packet(&null_probe(in_two_days, dport));
            }
        });
        assert!(matches!(told.try_recv(), Ok(Change::Raised(_))));
        let last = std::iter::from_fn(|| told.try_recv().ok()).last();
        assert!(matches!(last, Some(Change::Closed(_))), "{last:?}");
    }

    #[test]
    fn a_packet_that_two_sources_tell_of_is_one() {
        let (intake, mut told) = intake();
        let (one, other) = (intake.way_in(true), intake.way_in(true));
        let now = clock::now();
        for way_in in [&one, &other, &one] {
            way_in.take_in(|door| door.packet(&null_probe(now, 1)));
        }
        one.take_in(|door| door.packet(&null_probe(now, 2)));
        other.take_in(|door| {
            door.packet(&null_probe(now, 2));
            door.packet(&null_probe(now, 3));
        });
        let Ok(Change::Raised(alert)) = told.try_recv() else {
            panic!("three ports are an alert")
        };
        assert_eq!(
            alert.packets, 4,
            "the first port was tried twice by one account"
        );
    }
}
