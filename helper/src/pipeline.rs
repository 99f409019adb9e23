//! The whole data flow on one page: sources -> intake (detection, store) -> subscribers, with the bus's calls coming back.

use std::{
    future::{pending, ready},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use wallwatch_dbus::names;
use zbus::{Connection, fdo};

use crate::{
    authority::Polkit,
    board::Board,
    capture::Capture,
    clock,
    config::{self, Choice, Config},
    failure::Failure,
    intake::Intake,
    service::{Service, TestRequest},
    source::{
        Source, Trouble, auto,
        conntrack::Conntrack,
        file::Files,
        health::Health,
        journal::Journal,
        keeper::{Wish, keep},
        kmsg::Kmsg,
        nflog::{Foreign, Nflog},
        ulogd::Ulogd,
    },
    store::Store,
    surroundings::{
        Surroundings,
        firewall::{self, FirewallWatch},
    },
    watcher::Watcher,
};

/// So many changes may wait for the bus; what is over them is not sent, and the gap in the numbers tells the clients.
const CHANGES: usize = 1024;
/// So many test alerts may wait.
const TESTS: usize = 4;
/// So long is waited for the bus to take the name back.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// The sources that read what others write of the firewall.
const LOGS: [&str; 4] = ["kmsg", "journal", "file", "ulogd"];

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
    let nflog = Arc::new(Health::new("nflog"));
    let logs = LOGS.map(|name| Arc::new(Health::new(name)));
    let groups = config
        .groups
        .iter()
        .map(|number| (*number, Arc::new(Health::new(&format!("nflog:{number}")))));
    let groups: Vec<(u16, Arc<Health>)> = groups.collect();
    let conntrack = Arc::new(Health::new("conntrack"));
    let fixed = config.capture.map(|on| (on, config.path.as_path()));
    let capture = Arc::new(Capture::new(&state_dir, fixed, capture, Arc::clone(&nflog)));
    let started_at = clock::now();
    let board = Arc::new(Board::new(
        started_at,
        Arc::clone(&capture),
        std::iter::once(&nflog)
            .chain(&logs)
            .chain([&conntrack])
            .chain(groups.iter().map(|(_, health)| health))
            .cloned()
            .collect(),
    ));
    let store = Arc::new(Mutex::new(Store::new(config.history)));

    let (change_in, change_out) = mpsc::channel(CHANGES);
    let (test_in, test_out) = mpsc::channel(TESTS);

    let first_seq = u64::try_from(started_at.0).unwrap_or(1);
    let surroundings = Surroundings::open();
    let neighbourhood = surroundings.watch().borrow().clone();
    let watcher = Watcher::new(config.detect, neighbourhood, first_seq);
    let intake = Intake::new(watcher, Arc::clone(&store), change_in, Arc::clone(&board));
    let outlook = surroundings.outlook();
    let ufw_heard = outlook.ufw_heard();
    let intake = Arc::new(intake.with_outlook(outlook));
    // The name comes first: a second helper ends here, before it has touched the firewall.
    let connection = Connection::system()
        .await
        .map_err(|error| Failure::no_bus(&error))?;
    let polkit = Polkit::new(&connection)
        .await
        .map_err(|error| Failure::no_bus(&error))?;
    let service = Service::new(Box::new(polkit), Arc::clone(&board), store, test_in);
    let announcer = service.announcer();
    let leaving = serve(&connection, service).await?;
    let bus_gone = tokio::spawn(announcer.forgetting(leaving));
    let announcing = tokio::spawn(announcer.announce(connection.clone(), change_out));

    let keeping_time = Arc::clone(&intake);
    tokio::spawn(async move { keeping_time.keep_time().await });
    tokio::spawn(answer_tests(Arc::clone(&intake), test_out));
    tokio::spawn(surroundings.follow());
    let firewall = FirewallWatch::open(ufw_heard);
    tokio::spawn(firewall::tell_board(firewall.watch(), board));
    tokio::spawn(firewall::advise(firewall.watch(), Arc::clone(&logs[0])));
    tokio::spawn(firewall.follow());

    let mut sources = Sources::new(intake);
    for (number, health) in groups {
        let (config, kept) = (config.clone(), Arc::clone(&health));
        sources.keep_always(&health, move || {
            ready(Foreign::open(number, &config, Arc::clone(&kept)))
        });
    }
    if config.conntrack != Choice::Off {
        let health = Arc::clone(&conntrack);
        sources.keep_always(&conntrack, move || Conntrack::open(Arc::clone(&health)));
    }
    let (next, behind) = watch::channel(capture.is_on());
    sources
        .choosing
        .spawn(auto::capture(capture.watch(), Arc::clone(&nflog), next));
    read_logs(&mut sources, behind, logs, &config, &state_dir);
    let health = Arc::clone(&nflog);
    sources.keep_switched(capture.watch(), &nflog, move || {
        Nflog::open(config.clone(), Arc::clone(&health))
    });

    let lost = async {
        tokio::select! { _ = bus_gone => (), _ = announcing => (), () = connection.closed() => () }
    };
    let ended = tokio::select! {
        () = ended_by(&mut signals) => Ok(()),
        () = lost => Err(Failure::bus_lost()),
    };
    // Not `graceful_shutdown`: it waits for clones of the connection that live as long as the object on it.
    let release = timeout(
        RELEASE_LIMIT,
        connection.release_name(names::HELPER_BUS_NAME),
    );
    // Where nft hangs its table is not waited for: it vanishes with its holder, which ends with us.
    drop(tokio::join!(
        release,
        timeout(RELEASE_LIMIT * 2, async {
            capture.end().await;
            sources.end().await;
        })
    ));
    ended
}

/// Reads what others write of the firewall: each log in the place of those before it, and ulogd's besides, which nobody writes twice.
fn read_logs(
    sources: &mut Sources,
    behind: watch::Receiver<bool>,
    [kmsg, journal, file, ulogd]: [Arc<Health>; LOGS.len()],
    config: &Config,
    state_dir: &Path,
) {
    let health = Arc::clone(&kmsg);
    let behind = sources.stand_in(behind, config.kmsg, &kmsg, move || {
        Kmsg::open(Arc::clone(&health))
    });
    let (health, dir) = (Arc::clone(&journal), state_dir.to_owned());
    let behind = sources.stand_in(behind, config.journal, &journal, move || {
        Journal::open(dir.clone(), Arc::clone(&health))
    });
    let (health, dir) = (Arc::clone(&file), state_dir.to_owned());
    let paths = config.file_paths.clone();
    sources.stand_in(behind, config.file, &file, move || {
        Files::open(paths.clone(), dir.clone(), Arc::clone(&health))
    });
    if config.ulogd != config::Ulogd::default() {
        let (health, dir) = (Arc::clone(&ulogd), state_dir.to_owned());
        let settings = config.ulogd.clone();
        sources.keep_always(&ulogd, move || {
            Ulogd::open(settings.clone(), dir.clone(), Arc::clone(&health))
        });
    }
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

/// The sources that are kept open, and what decides which of them are wanted.
#[derive(Debug)]
struct Sources {
    intake: Arc<Intake>,
    /// Those that decide; they end first, so that no source is opened in the place of one that ends.
    choosing: JoinSet<()>,
    /// Those that keep a source open, until nobody can wish any more.
    keeping: JoinSet<()>,
}

impl Sources {
    fn new(intake: Arc<Intake>) -> Self {
        Self {
            intake,
            choosing: JoinSet::new(),
            keeping: JoinSet::new(),
        }
    }

    /// Keeps the source that `open` opens as these wishes want it.
    fn keep<S, F>(
        &mut self,
        wishes: watch::Receiver<Wish>,
        health: &Arc<Health>,
        open: impl FnMut() -> F + Send + 'static,
    ) where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let (health, intake) = (Arc::clone(health), Arc::clone(&self.intake));
        self.keeping.spawn(keep(open, wishes, health, intake));
    }

    /// Keeps a source that has a switch of its own, which outlives the sources: it is not waited for here.
    fn keep_switched<S, F>(
        &self,
        wishes: watch::Receiver<Wish>,
        health: &Arc<Health>,
        open: impl FnMut() -> F + Send + 'static,
    ) where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let (health, intake) = (Arc::clone(health), Arc::clone(&self.intake));
        tokio::spawn(keep(open, wishes, health, intake));
    }

    /// Keeps a source open until the end.
    fn keep_always<S, F>(&mut self, health: &Arc<Health>, open: impl FnMut() -> F + Send + 'static)
    where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let wish = watch::Sender::new(Wish {
            on: true,
            number: 1,
        });
        self.keep(wish.subscribe(), health, open);
        self.choosing.spawn(async move { wish.closed().await });
    }

    /// Keeps a source open that stands in for those before it, of which `before` tells; returns what tells of it and them.
    fn stand_in<S, F>(
        &mut self,
        before: watch::Receiver<bool>,
        choice: Choice,
        health: &Arc<Health>,
        open: impl FnMut() -> F + Send + 'static,
    ) -> watch::Receiver<bool>
    where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let (wish, wishes) = watch::channel(Wish::default());
        // Until it is known otherwise; what stands behind is not opened for a moment.
        let (next, behind) = watch::channel(true);
        self.keep(wishes, health, open);
        let health = Arc::clone(health);
        self.choosing
            .spawn(auto::stand_in(before, choice, wish, health, next));
        behind
    }

    /// Has every source closed.
    async fn end(mut self) {
        self.choosing.shutdown().await;
        while self.keeping.join_next().await.is_some() {}
    }
}

/// Raises test alerts for those who ask.
async fn answer_tests(intake: Arc<Intake>, mut tests: mpsc::Receiver<TestRequest>) {
    while let Some(reply) = tests.recv().await {
        // Whoever asked may be gone; the alert is raised all the same. Without an answer there were too many.
        if let Some(id) = intake.test_alert() {
            _ = reply.send(id);
        }
    }
}
