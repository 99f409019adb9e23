//! The front door of detection: sources hand in what they hear, and what it leads to is stored and told.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc},
    time::{sleep, sleep_until},
};
use wallwatch_dbus::Verdict;

use crate::{
    alert::Change,
    board::Board,
    clock, detect,
    event::{Event, Timestamp},
    flow::{Beginning, Flow, Stage, beginning_of},
    hook::tap::Taps,
    rules::Rules,
    source::Sink,
    store::History,
    surroundings::Outlook,
    twins::Twins,
    watcher::Watcher,
};

/// The longest sleep while an incident is open: the system's clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Harmless packets that were counted are noted so often at most.
const NOISE_INTERVAL: Duration = Duration::from_secs(60);
/// What was over so long before it is raised, in microseconds, is no news that pops up: it was read late, as from the journal.
const OLD_NEWS: i64 = 600 * Timestamp::SECOND;

/// So many packets are remembered, to know those that several sources tell of: 64 KiB.
const REMEMBERED: usize = 1 << 10;

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
    /// How many tell of every packet that asks for something; flows that begin are no news then.
    tell_all: AtomicUsize,
    /// How many tell of flows.
    tell_flows: AtomicUsize,
    /// The number of the next who does.
    next_teller: AtomicUsize,
    history: History,
    board: Arc<Board>,
}

#[derive(Debug)]
struct State {
    watcher: Watcher,
    /// What tells the watcher of this machine; where there is none it goes by what it was given.
    outlook: Option<Outlook>,
    twins: Twins,
    unsettled: Unsettled,
    old_news: OldNews,
    /// When what was harmless is noted; none where nothing is counted.
    noise_due: Option<Instant>,
    changes: Vec<Change>,
    subscribers: mpsc::Sender<Change>,
    /// The administrator's scripts, where there are any.
    taps: Option<Box<Taps>>,
}

/// Packets of which it was told that nobody knows what became of them; another source may know.
#[derive(Debug)]
struct Unsettled(Vec<u64>);

impl Unsettled {
    /// So many places, which are taken by turns of chance: about 8 KiB.
    const PLACES: usize = 1024;

    fn new() -> Self {
        Self(vec![0; Self::PLACES])
    }

    /// Remembers a packet by its hash.
    fn insert(&mut self, packet: u64) {
        *self.place(packet) = packet;
    }

    /// Was this packet among them? Then it is no more.
    fn remove(&mut self, packet: u64) -> bool {
        let place = self.place(packet);
        let known = *place == packet;
        if known {
            *place = 0;
        }
        known
    }

    fn place(&mut self, packet: u64) -> &mut u64 {
        let low = usize::try_from(packet & 0xffff).unwrap_or(0);
        &mut self.0[low % Self::PLACES]
    }
}

/// The open incidents that were over long before they were raised. As the watcher has a bound for open ones, there are not many.
#[derive(Debug, Default)]
struct OldNews(Vec<u64>);

impl OldNews {
    /// Takes the popup from what is no news. An incident that goes on until now becomes one.
    fn hush(&mut self, change: &mut Change, now: Timestamp) {
        let is_raised = matches!(change, Change::Raised(_));
        let is_closed = matches!(change, Change::Closed(_));
        let (Change::Raised(alert) | Change::Updated(alert) | Change::Closed(alert)) = change;
        let is_old = now.since(Timestamp(alert.last_seen)) > OLD_NEWS;
        let place = self.0.iter().position(|id| *id == alert.id);
        let is_hushed = match place {
            Some(place) if is_closed || !is_old => {
                self.0.swap_remove(place);
                is_closed
            }
            Some(_) => true,
            None if is_raised && is_old => {
                self.0.push(alert.id);
                true
            }
            None => false,
        };
        alert.popup &= !is_hushed;
    }
}

impl Intake {
    /// A front door whose changes are stored and handed to `subscribers`.
    #[must_use]
    pub fn new(
        watcher: Watcher,
        history: History,
        subscribers: mpsc::Sender<Change>,
        board: Arc<Board>,
    ) -> Self {
        board.progress(watcher.last_seq(), watcher.open_incidents());
        Self {
            state: Mutex::new(State {
                watcher,
                outlook: None,
                twins: Twins::new(REMEMBERED),
                unsettled: Unsettled::new(),
                old_news: OldNews::default(),
                noise_due: None,
                changes: Vec::new(),
                subscribers,
                taps: None,
            }),
            deadline: Notify::new(),
            tellers: AtomicUsize::new(0),
            tell_all: AtomicUsize::new(0),
            tell_flows: AtomicUsize::new(0),
            next_teller: AtomicUsize::new(0),
            history,
            board,
        }
    }

    /// Has this tell detection how the machine changes, and what listens on it.
    #[must_use]
    pub fn with_outlook(self, outlook: Outlook) -> Self {
        self.lock().outlook = Some(outlook);
        self
    }

    /// From now on these hooks are told of alerts and events, or none.
    pub fn set_taps(&self, taps: Option<Box<Taps>>) {
        self.lock().taps = taps;
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
            flows: self.flows(),
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

    /// What flows that begin are at present.
    fn flows(&self) -> Flows {
        if self.tell_all.load(Ordering::Relaxed) > 0 {
            Flows::NoNews
        } else if self.tell_flows.load(Ordering::Relaxed) > 0
            && self.tellers.load(Ordering::Relaxed) > 0
        {
            Flows::Beside
        } else {
            Flows::Alone
        }
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

    /// Goes by other rules from now on, and tells what follows for open incidents.
    pub fn set_rules(&self, rules: Rules) {
        self.take_in(0, |door| {
            let State {
                watcher, changes, ..
            } = &mut *door.state;
            watcher.set_rules(rules, changes);
        });
    }

    /// Goes by other thresholds from now on.
    pub fn set_thresholds(&self, config: detect::Config) {
        self.lock().watcher.set_config(config);
    }

    /// A way in for a source that was opened; `packets` says whether it tells of packets.
    pub fn way_in(self: &Arc<Self>, packets: bool) -> WayIn {
        let weight = usize::from(packets);
        self.tellers.fetch_add(weight, Ordering::Relaxed);
        self.tell_flows.fetch_add(1 - weight, Ordering::Relaxed);
        WayIn {
            teller: self.next_teller.fetch_add(1, Ordering::Relaxed),
            weight,
            every: 0,
            intake: Arc::clone(self),
        }
    }

    /// Does what time alone asks for, for ever. Sleeps without a timer while no incident is open and nothing harmless is counted.
    pub async fn keep_time(&self) {
        loop {
            let (due, noise_due) = {
                let state = self.lock();
                (state.watcher.next_deadline(), state.noise_due)
            };
            tokio::select! {
                () = self.deadline.notified() => {}
                () = reached(due) => self.take_in(0, |_| ()),
                () = passed(noise_due) => self.note_noise(),
            }
        }
    }

    /// Has the history ask for what was counted and not noted yet, before it answers for harmless packets.
    pub fn answer_for_noise(self: &Arc<Self>) {
        let intake = Arc::downgrade(self);
        self.history.gather_noise_by(move || {
            if let Some(intake) = intake.upgrade() {
                intake.note_noise();
            }
        });
    }

    /// Hands what was harmless, and counted since the last time, to the history.
    pub fn note_noise(&self) {
        let mut state = self.lock();
        state.noise_due = None;
        let entries = state.watcher.take_noise();
        drop(state);
        self.history.note_noise(entries);
    }

    /// Stores and tells the changes; `due` was the deadline before them.
    fn settle(&self, state: &mut State, due: Option<Timestamp>) {
        let State {
            watcher,
            outlook,
            old_news,
            noise_due,
            changes,
            subscribers,
            taps,
            ..
        } = state;
        // Also where the deadline is far ahead: the clock may have been set back.
        if watcher.next_deadline().is_some() {
            watcher.tick(clock::now(), changes);
        }
        let is_first_noise = noise_due.is_none() && !watcher.noise().is_empty();
        if is_first_noise {
            *noise_due = Some(clock::moment() + NOISE_INTERVAL);
        }
        if is_first_noise || watcher.next_deadline() != due {
            self.deadline.notify_one();
        }
        self.board
            .progress(watcher.last_seq(), watcher.open_incidents());
        if let Some(outlook) = outlook {
            outlook.before_telling(watcher, changes);
        }
        watcher.mute(changes);
        for mut change in changes.drain(..) {
            old_news.hush(&mut change, clock::now());
            self.history
                .record(&change, watcher.evidence(change.alert().id));
            if let Some(taps) = taps {
                taps.change(&change);
            }
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
    /// 1 where it tells of every packet that asks for something.
    every: usize,
    intake: Arc<Intake>,
}

impl WayIn {
    /// The same for a source that tells of every packet that asks for something, or not.
    #[must_use]
    pub fn telling(mut self, every: bool) -> Self {
        let tell_all = &self.intake.tell_all;
        tell_all.fetch_sub(self.every, Ordering::Relaxed);
        self.every = usize::from(every);
        tell_all.fetch_add(self.every, Ordering::Relaxed);
        self
    }

    /// Has `work` hand in events, and stores and tells what comes of them.
    pub fn take_in<T>(&self, work: impl FnOnce(&mut Door<'_>) -> T) -> T {
        self.intake.take_in(self.teller, work)
    }
}

impl Drop for WayIn {
    fn drop(&mut self) {
        let Intake {
            tellers,
            tell_all,
            tell_flows,
            ..
        } = &*self.intake;
        tellers.fetch_sub(self.weight, Ordering::Relaxed);
        tell_flows.fetch_sub(1 - self.weight, Ordering::Relaxed);
        tell_all.fetch_sub(self.every, Ordering::Relaxed);
    }
}

/// What flows that begin are to detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flows {
    /// Somebody tells of each of their first packets.
    NoNews,
    /// Nobody tells of packets.
    Alone,
    /// Somebody may have told of the first packet already, or will.
    Beside,
}

/// What a source hands its events to.
#[derive(Debug)]
pub struct Door<'a> {
    /// Who tells.
    teller: usize,
    /// Is there but one source of packets?
    alone: bool,
    /// What flows that begin are.
    flows: Flows,
    /// How many packets were stopped, without those of which that was taken back.
    stopped: i64,
    state: &'a mut State,
}

impl Door<'_> {
    /// Was this beginning of a flow taken already from another, be it as a flow or as its first packet?
    fn has_begun(&mut self, beginning: &Beginning) -> bool {
        let twins = &mut self.state.twins;
        let beginning = twins.hasher().of(("flow", beginning));
        twins.is_known(beginning, self.teller)
    }
}

impl Sink for Door<'_> {
    fn packet(&mut self, event: &Event) {
        // Before it is known whether another told of it already: a hook may ask for one source alone.
        if let Some(taps) = &mut self.state.taps {
            taps.packet(event, self.teller, self.alone, &self.state.watcher);
        }
        if !self.alone {
            let State {
                twins, unsettled, ..
            } = self.state;
            let packet = twins.hasher().of_packet(event);
            let is_known = twins.is_known(packet, self.teller);
            let is_settled = event.verdict != Verdict::Unknown;
            if is_known && is_settled && unsettled.remove(packet) {
                self.stopped += i64::from(event.verdict == Verdict::Dropped);
                self.state.watcher.put_right(event, Verdict::Unknown);
            } else if !is_known && !is_settled {
                unsettled.insert(packet);
            }
            if is_known {
                return;
            }
        }
        self.stopped += i64::from(event.verdict == Verdict::Dropped);
        if let Some(outlook) = &mut self.state.outlook {
            outlook.heard(event);
        }
        if self.flows == Flows::Beside
            && event.verdict != Verdict::Dropped
            && beginning_of(&event.packet).is_some_and(|beginning| self.has_begun(&beginning))
        {
            return;
        }
        let State {
            watcher, changes, ..
        } = self.state;
        watcher.observe(event, changes);
    }

    fn passed_after_all(&mut self, event: &Event) {
        self.stopped -= 1;
        self.state.watcher.put_right(event, Verdict::Dropped);
    }

    fn flow(&mut self, flow: &Flow) {
        // Also where every packet is told, so that it is no news: a hook may ask for connections.
        if let Some(taps) = &self.state.taps {
            taps.flow(flow, &self.state.watcher);
        }
        let is_news = flow.stage == Stage::Began
            && match self.flows {
                Flows::NoNews => false,
                Flows::Alone => true,
                Flows::Beside => !self.has_begun(&flow.beginning()),
            };
        let State {
            watcher, changes, ..
        } = self.state;
        if is_news {
            watcher.observe_flow(flow, changes);
        }
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

/// Waits until this moment; for ever where there is none.
async fn passed(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        capture::Capture,
        decode, detect,
        event::{Feed, Interface, Prefix},
        flow::{Ends, Tuple},
        neighbourhood::Neighbourhood,
        packet::{Protocol, TcpFlags, Transport, Udp},
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
        let home = Neighbourhood {
            addresses: vec!["192.0.2.2".parse().unwrap()],
            ..Neighbourhood::default()
        };
        let watcher = Watcher::new(detect::Config::default(), home, 1);
        let (changes, told) = mpsc::channel(64);
        let history = History::in_memory();
        (
            Arc::new(Intake::new(watcher, history, changes, board)),
            told,
        )
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

    /// The flow that a probe of a port begins where every rule lets it pass.
    fn flow(dport: u16) -> Flow {
        let original = Tuple {
            src: "203.0.113.9".parse().unwrap(),
            dst: "192.0.2.2".parse().unwrap(),
            protocol: Protocol::UDP,
            ends: Ends::Ports {
                sport: 50000,
                dport,
            },
        };
        Flow {
            time: clock::now(),
            stage: Stage::Began,
            id: None,
            original,
            reply: original,
            answered: false,
            assured: false,
            tcp: None,
            mark: 0,
            began: None,
            sent: None,
            received: None,
        }
    }

    /// The first packet of that flow, as a LOG line tells of it.
    fn first_packet(dport: u16) -> Event {
        let mut event = null_probe(clock::now(), 1);
        event.packet.protocol = Protocol::UDP;
        event.packet.transport = Transport::Udp(Udp {
            sport: 50000,
            dport,
            len: None,
        });
        (event.verdict, event.feed) = (Verdict::Passed, Feed::Kmsg);
        event
    }

    #[test]
    fn a_flow_and_the_record_of_its_first_packet_are_one() {
        let (intake, mut told) = intake();
        let (lines, flows) = (intake.way_in(true), intake.way_in(false));
        for dport in 1..=20 {
            let tell_flow = || flows.take_in(|door| door.flow(&flow(dport)));
            let tell_packet = || lines.take_in(|door| door.packet(&first_packet(dport)));
            if dport % 2 == 0 {
                tell_flow();
                tell_packet();
            } else {
                tell_packet();
                tell_flow();
            }
        }
        let Ok(Change::Raised(alert)) = told.try_recv() else {
            panic!("so many ports are an alert")
        };
        assert_eq!(alert.packets, alert.port_count);
        assert_eq!(alert.port_count, 12, "what passed weighs little");
    }

    #[test]
    fn flows_are_no_news_where_every_packet_is_told() {
        let (intake, mut told) = intake();
        let (table, flows) = (intake.way_in(true).telling(true), intake.way_in(false));
        let scan = || {
            for dport in 1..=20 {
                flows.take_in(|door| door.flow(&flow(dport)));
            }
        };
        scan();
        assert!(told.try_recv().is_err());
        drop(table);
        scan();
        assert!(matches!(told.try_recv(), Ok(Change::Raised(_))));
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

    #[test]
    fn what_is_only_caught_up_pops_up_where_it_goes_on_alone() {
        let (intake, mut told) = intake();
        let source = intake.way_in(true);
        let from = |time: Timestamp| {
            source.take_in(|door| {
                for dport in 1..=3 {
                    door.packet(&null_probe(time, dport));
                }
            });
        };
        let now = clock::now();
        from(now.plus(-660 * Timestamp::SECOND));
        let popups = |told: &mut mpsc::Receiver<Change>| -> Vec<(bool, bool)> {
            let changes = std::iter::from_fn(|| told.try_recv().ok());
            changes
                .map(|change| {
                    let is_raised = matches!(change, Change::Raised(_));
                    (is_raised, change.alert().popup)
                })
                .collect()
        };
        assert_eq!(popups(&mut told), [(true, false)]);
        from(now);
        assert_eq!(popups(&mut told).first(), Some(&(false, true)));

        // The same five minutes late is news; five hours late it is over as soon as it is told.
        let (late, mut told) = self::intake();
        let source = late.way_in(true);
        for (ago, expected) in [
            (300, vec![(true, true)]),
            (5 * 3600, vec![(true, false), (false, false)]),
        ] {
            source.take_in(|door| {
                for dport in 1..=3 {
                    let mut probe = null_probe(now.plus(-ago * Timestamp::SECOND), dport);
                    let sender = u8::try_from(ago / 300).unwrap();
                    probe.packet.src = [203, 0, 113, sender].into();
                    door.packet(&probe);
                }
            });
            assert_eq!(popups(&mut told), expected, "{ago} s ago");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_harmless_is_noted_a_minute_after_it_came() {
        let (intake, _told) = intake();
        let keeping_time = Arc::clone(&intake);
        let task = tokio::spawn(async move { keeping_time.keep_time().await });
        let mut late = null_probe(clock::now(), 50000);
        let Transport::Tcp(tcp) = &mut late.packet.transport else {
            panic!("a TCP packet")
        };
        (tcp.sport, tcp.dport, tcp.flags) = (443, 50000, TcpFlags(0x11));
        let counted = async || -> u64 {
            let noise = intake.history.noise(0, 0).await.unwrap();
            noise.iter().map(|count| count.packets).sum()
        };
        let source = intake.way_in(true);
        for round in 1..=3 {
            for _ in 0..2 {
                source.take_in(|door| door.packet(&late));
            }
            assert!(intake.lock().noise_due.is_some());
            sleep(NOISE_INTERVAL + Duration::from_secs(1)).await;
            assert!(intake.lock().noise_due.is_none(), "no timer without need");
            assert_eq!(counted().await, 2 * round);
        }
        task.abort();
    }

    #[test]
    fn what_became_of_a_packet_is_told_by_whoever_knows() {
        let (intake, mut told) = intake();
        let (one, other) = (intake.way_in(true), intake.way_in(true));
        let now = clock::now();
        let probe = |dport, verdict| Event {
            verdict,
            ..null_probe(now, dport)
        };
        for dport in 1..=2 {
            one.take_in(|door| door.packet(&probe(dport, Verdict::Unknown)));
            other.take_in(|door| door.packet(&probe(dport, Verdict::Dropped)));
        }
        // Who knows may come first as well.
        other.take_in(|door| door.packet(&probe(3, Verdict::Dropped)));
        one.take_in(|door| door.packet(&probe(3, Verdict::Unknown)));
        let mut last = None;
        while let Ok(Change::Raised(alert) | Change::Updated(alert)) = told.try_recv() {
            last = Some(alert);
        }
        let alert = last.expect("three ports are an alert");
        assert_eq!((alert.verdict.as_str(), alert.packets), ("dropped", 3));
    }
}
