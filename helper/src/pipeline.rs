//! The whole data flow on one page: sources -> detection -> store and subscribers, with the bus's calls coming back.

use std::{
    fs,
    future::pending,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use wallwatch_dbus::{SourceState, Verdict, names};
use zbus::{Connection, fdo};

use crate::{
    alert::Change,
    authority::Polkit,
    board::Board,
    capture::Capture,
    clock,
    config::Config,
    event::{Event, Timestamp},
    failure::Failure,
    neighbourhood::Neighbourhood,
    service::{Service, TestRequest},
    source::{
        health::Health,
        keeper::{Wish, keep},
        kmsg::Kmsg,
        nflog::Nflog,
    },
    store::Store,
    sys::addresses,
    watcher::Watcher,
};

/// So many events may wait for detection; when they are full the sources are not read, and the kernel keeps and counts.
const EVENTS: usize = 1024;
/// So many events are looked at before their changes are told.
const EVENTS_A_TURN: usize = 256;
/// So many changes may wait for the bus; what is over them is not sent, and the gap in the numbers tells the clients.
const CHANGES: usize = 1024;
/// So many test alerts may wait.
const TESTS: usize = 4;
/// So long is waited for the bus to take the name back.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);
/// The longest sleep while an incident is open: the system's clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Our own addresses are looked at again after so many microseconds, when packets come.
const LOOK_AGAIN: i64 = 60 * Timestamp::SECOND;

/// What the command line and the configuration say together.
#[derive(Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// Where capture is remembered.
    pub state_dir: PathBuf,
    /// Capture for this run, whatever was remembered.
    pub capture: Option<bool>,
}

/// Serves until a signal ends it or the bus is lost.
pub async fn run(setup: Setup) -> Result<(), Failure> {
    let mut signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let Setup {
        config,
        state_dir,
        capture,
    } = setup;
    let (nflog, kmsg) = (
        Arc::new(Health::new("nflog")),
        Arc::new(Health::new("kmsg")),
    );
    let fixed = config.capture.map(|on| (on, config.path.as_path()));
    let capture = Arc::new(Capture::new(&state_dir, fixed, capture, Arc::clone(&nflog)));
    let started_at = clock::now();
    let board = Arc::new(Board::new(
        started_at,
        Arc::clone(&capture),
        Arc::clone(&nflog),
        Arc::clone(&kmsg),
    ));
    let store = Arc::new(Mutex::new(Store::new(config.history)));

    let (event_in, event_out) = mpsc::channel(EVENTS);
    let (change_in, change_out) = mpsc::channel(CHANGES);
    let (test_in, test_out) = mpsc::channel(TESTS);
    let kmsg_wish = watch::Sender::new(Wish::default());

    // The name comes first: a second helper ends here, before it has touched the firewall.
    let first_seq = u64::try_from(started_at.0).unwrap_or(1);
    let watcher = Watcher::new(config.detect, neighbourhood(), first_seq);
    board.progress(watcher.last_seq(), 0);
    let connection = Connection::system()
        .await
        .map_err(|error| Failure::no_bus(&error))?;
    let polkit = Polkit::new(&connection)
        .await
        .map_err(|error| Failure::no_bus(&error))?;
    let service = Service::new(
        Box::new(polkit),
        Arc::clone(&board),
        Arc::clone(&store),
        test_in,
    );
    let announcer = service.announcer();
    let leaving = serve(&connection, service).await?;
    let bus_gone = tokio::spawn(announcer.forgetting(leaving));
    let announcing = tokio::spawn(announcer.announce(connection.clone(), change_out));

    tokio::spawn(detect(
        watcher,
        event_out,
        test_out,
        change_in,
        store,
        Arc::clone(&board),
    ));
    let choosing = tokio::spawn(choose_kmsg(
        capture.watch(),
        Arc::clone(&nflog),
        kmsg_wish.clone(),
    ));
    let health = Arc::clone(&kmsg);
    let open_kmsg = move || Kmsg::open(Arc::clone(&health));
    tokio::spawn(keep(
        open_kmsg,
        kmsg_wish.subscribe(),
        kmsg,
        event_in.clone(),
    ));
    let health = Arc::clone(&nflog);
    let open_nflog = move || Nflog::open(config.clone(), Arc::clone(&health));
    tokio::spawn(keep(open_nflog, capture.watch(), nflog, event_in));

    let lost = async {
        tokio::select! { _ = bus_gone => (), _ = announcing => (), () = connection.closed() => () }
    };
    let ended = tokio::select! {
        () = ended_by(&mut signals) => Ok(()),
        () = lost => Err(Failure::bus_lost()),
    };
    choosing.abort(); // the log is no substitute any more
    // Not `graceful_shutdown`: it waits for clones of the connection that live as long as the object on it.
    let release = timeout(
        RELEASE_LIMIT,
        connection.release_name(names::HELPER_BUS_NAME),
    );
    // Where nft hangs its table is not waited for: it vanishes with its holder, which ends with us.
    drop(tokio::join!(
        release,
        timeout(RELEASE_LIMIT * 2, capture.end())
    ));
    ended
}

/// Puts the object on the bus and takes the name; returns what tells of connections that leave.
async fn serve(
    connection: &Connection,
    service: Service,
) -> Result<fdo::NameOwnerChangedStream, Failure> {
    let served = async {
        connection
            .object_server()
            .at(names::HELPER_PATH, service)
            .await?;
        let bus = fdo::DBusProxy::new(connection).await?;
        let leaving = bus.receive_name_owner_changed_with_args(&[(2, "")]).await?;
        let flags = fdo::RequestNameFlags::DO_NOT_QUEUE;
        connection
            .request_name_with_flags(names::HELPER_BUS_NAME, flags)
            .await?;
        Ok(leaving)
    };
    served
        .await
        .map_err(|error: zbus::Error| Failure::no_name(&error))
}

/// Returns at the first signal that asks the helper to end.
async fn ended_by(signals: &mut [std::io::Result<Signal>; 2]) {
    let [terminate, interrupt] = signals;
    let wait = async |signal: &mut std::io::Result<Signal>| match signal {
        Ok(signal) => signal.recv().await,
        Err(_) => pending().await,
    };
    tokio::select! { _ = wait(terminate) => (), _ = wait(interrupt) => () }
}

/// Reads the firewall's LOG lines while packets are not captured, be it because nobody wants it or because it fails.
async fn choose_kmsg(
    mut capture: watch::Receiver<Wish>,
    nflog: Arc<Health>,
    wish: watch::Sender<Wish>,
) {
    let mut reports = nflog.watch();
    loop {
        let failed = match reports.borrow_and_update().state {
            Some(state) => state == SourceState::Failed,
            None => wish.borrow().on, // as it was, until the outcome is known
        };
        let on = !capture.borrow_and_update().on || failed;
        wish.send_if_modified(|wish| {
            let differs = wish.on != on;
            *wish = Wish {
                on,
                number: wish.number + u64::from(differs),
            };
            differs
        });
        let news =
            tokio::select! { news = capture.changed() => news, news = reports.changed() => news };
        if news.is_err() {
            return;
        }
    }
}

/// Drives detection by events and by time, and hands on what it finds. Sleeps without a timer while no incident is open.
async fn detect(
    mut watcher: Watcher,
    mut events: mpsc::Receiver<Event>,
    mut tests: mpsc::Receiver<TestRequest>,
    subscribers: mpsc::Sender<Change>,
    store: Arc<Mutex<Store>>,
    board: Arc<Board>,
) {
    let mut changes = Vec::new();
    let mut batch = Vec::new();
    let mut looked_at = clock::now();
    loop {
        tokio::select! {
            count = events.recv_many(&mut batch, EVENTS_A_TURN) => if count == 0 { return },
            test = tests.recv() => match test {
                // Whoever asked may be gone; the alert is raised all the same. Without an answer there were too many.
                Some(reply) => if let Some(id) = watcher.test_alert(clock::now(), &mut changes) {
                    _ = reply.send(id);
                },
                None => return,
            },
            () = due(watcher.next_deadline()) => {}
        }
        if !batch.is_empty() && clock::now().since(looked_at).abs() > LOOK_AGAIN {
            watcher.set_neighbourhood(neighbourhood());
            looked_at = clock::now();
        }
        for event in batch.drain(..) {
            if event.verdict == Verdict::Dropped {
                board.packet_stopped();
            }
            watcher.observe(&event, &mut changes);
        }
        // Also where the deadline is far ahead: the clock may have been set back.
        watcher.tick(clock::now(), &mut changes);
        board.progress(watcher.last_seq(), watcher.open_incidents());
        for change in changes.drain(..) {
            store
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .record(&change);
            // A bus that takes nothing must not stop detection.
            drop(subscribers.try_send(change));
        }
    }
}

/// Waits until the deadline of the system's clock; for ever where there is none.
async fn due(deadline: Option<Timestamp>) {
    let Some(deadline) = deadline else {
        return pending().await;
    };
    let micros = u64::try_from(deadline.since(clock::now())).unwrap_or(0);
    sleep(Duration::from_micros(micros).min(LONGEST_SLEEP)).await;
}

/// This machine as it is now.
fn neighbourhood() -> Neighbourhood {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ports = range.split_ascii_whitespace().map(str::parse);
    let mut known = Neighbourhood {
        addresses: addresses::own().unwrap_or_default(),
        ..Neighbourhood::default()
    };
    if let (Some(Ok(first)), Some(Ok(last))) = (ports.next(), ports.next()) {
        known.ephemeral = first..=last;
    }
    known
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        decode,
        detect::Config as Thresholds,
        event::{Feed, Interface, Prefix},
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

    #[tokio::test]
    async fn an_incident_that_the_clock_left_behind_in_the_future_is_closed() {
        let nflog = Arc::new(Health::new("nflog"));
        let nowhere = Path::new("/nonexistent");
        let capture = Arc::new(Capture::new(nowhere, None, None, Arc::clone(&nflog)));
        let kmsg = Arc::new(Health::new("kmsg"));
        let board = Arc::new(Board::new(clock::now(), capture, nflog, kmsg));
        let watcher = Watcher::new(Thresholds::default(), Neighbourhood::default(), 1);
        let (event_in, event_out) = mpsc::channel(8);
        let (change_in, mut change_out) = mpsc::channel(8);
        let (_test_in, test_out) = mpsc::channel(1);
        let in_two_days = clock::now().plus(48 * 3600 * Timestamp::SECOND);
        for dport in 1..=3 {
            event_in.send(null_probe(in_two_days, dport)).await.unwrap();
        }
        drop(event_in);
        let store = Arc::new(Mutex::new(Store::new(8)));
        detect(watcher, event_out, test_out, change_in, store, board).await;
        assert!(matches!(change_out.recv().await, Some(Change::Raised(_))));
        let last = std::iter::from_fn(|| change_out.try_recv().ok()).last();
        assert!(matches!(last, Some(Change::Closed(_))), "{last:?}");
    }
}
