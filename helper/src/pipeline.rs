//! The whole data flow on one page: sources -> intake (detection, store) -> subscribers, with the bus's calls coming back.

use std::{future::pending, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{sleep, timeout},
};
use wallwatch_dbus::names;
use zbus::{Connection, fdo};

use crate::{
    authority::Polkit,
    board::Board,
    bus,
    capture::Capture,
    clock,
    config::Config,
    failure::Failure,
    hook,
    intake::Intake,
    rules::Keeper,
    service::{Service, TestRequest},
    sources::{Healths, Sources},
    steward::{MOST_ORDERS, Steward},
    store::History,
    surroundings::{
        Surroundings,
        firewall::{self, FirewallWatch},
    },
    sys::resident,
    watcher::Watcher,
};

/// So many changes may wait for the bus; what is over them is not sent, and the gap in the numbers tells the clients.
const CHANGES: usize = 1024;
/// So many test alerts may wait.
const TESTS: usize = 4;
/// So long is waited for the bus to take the name back.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// By then the sources are open and the first clients have come.
const START: Duration = Duration::from_secs(5);

/// What the command line and the configuration say together.
#[derive(Debug)]
pub struct Setup {
    /// The file of the configuration that the command line named.
    pub path: Option<PathBuf>,
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
    // Whatever becomes of it, a hangup does not end the helper.
    let mut hangups = signal(SignalKind::hangup()).ok();
    let Setup {
        path,
        config,
        state_dir,
        capture,
    } = setup;
    let healths = Healths::new(&config);
    let fixed = config.capture_fixed();
    let capture = Capture::new(&state_dir, fixed, capture, Arc::clone(&healths.nflog));
    let capture = Arc::new(capture);
    let started_at = clock::now();
    let board = Board::new(started_at, Arc::clone(&capture), healths.all());
    let board = Arc::new(board);
    let history = History::open(&state_dir, config.history);
    board.show_history(history.trouble());

    let (change_in, change_out) = mpsc::channel(CHANGES);
    let (test_in, test_out) = mpsc::channel(TESTS);
    let (order_in, orders) = mpsc::channel(MOST_ORDERS);

    let first_seq = history.begin(started_at).await;
    let surroundings = Surroundings::open();
    let neighbourhood = surroundings.watch().borrow().clone();
    let keeper = Keeper::open(&state_dir, config.rules.clone());
    let rules = keeper.rules();
    board.know_rules(rules.clone());
    board.look_around(surroundings.watch());
    let watcher = Watcher::new(config.detect, neighbourhood, first_seq).with_rules(rules);
    let intake = Intake::new(watcher, history.clone(), change_in, Arc::clone(&board));
    let outlook = surroundings.outlook();
    let ufw_heard = outlook.ufw_heard();
    let intake = Arc::new(intake.with_outlook(outlook));
    intake.answer_for_noise();
    let mut hooks = hook::keeper::Keeper::new(Arc::clone(&intake), Arc::clone(&board));
    // The name comes first: a second helper ends here, before it has touched the firewall.
    let (connection, stuck, polkit) = reach_bus().await.map_err(|error| Failure::no_bus(&error))?;
    let service = Service::new(
        Box::new(polkit),
        Arc::clone(&board),
        history.clone(),
        test_in,
        order_in,
    );
    let announcer = service.announcer();
    let following = serve(&connection, service).await?;
    history.close_orphans();
    let bus_gone = tokio::spawn(following);
    let announcing = tokio::spawn(announcer.announce(connection.clone(), change_out));

    let keeping_time = Arc::clone(&intake);
    tokio::spawn(async move { keeping_time.keep_time().await });
    tokio::spawn(answer_tests(Arc::clone(&intake), test_out));
    tokio::spawn(surroundings.follow());
    let firewall = FirewallWatch::open(ufw_heard);
    tokio::spawn(firewall::tell_board(firewall.watch(), Arc::clone(&board)));
    for log in healths.logs() {
        tokio::spawn(firewall::advise(firewall.watch(), log));
    }
    tokio::spawn(firewall.follow());
    hooks.set(&config.hooks, &config.hook_socket);
    let sources = Sources::start(Arc::clone(&intake), healths, &config, &state_dir, &capture);
    let mut steward = Steward {
        path,
        config,
        rules: keeper,
        hooks,
        intake: Arc::clone(&intake),
        history: history.clone(),
        sources,
        board,
    };
    tokio::spawn(settle());

    let lost = async {
        tokio::select! { _ = bus_gone => (), _ = announcing => (), () = connection.closed() => () }
    };
    let ended = tokio::select! {
        biased; // whoever sends fails at the same time as the bus is known to be stuck
        () = ended_by(&mut signals) => Ok(()),
        () = stuck.happens() => Err(Failure::bus_stuck()),
        () = lost => Err(Failure::bus_lost()),
        // It goes on for as long as the object on the bus does.
        () = steward.serve(orders, &mut hangups) => Err(Failure::bus_lost()),
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
            steward.end().await;
        })
    ));
    intake.note_noise();
    // A disk that hangs is not waited for: what it had half a second ago is safe.
    drop(timeout(RELEASE_LIMIT * 2, history.end()).await);
    ended
}

/// The bus, what tells when it takes nothing more, and whom to ask who may do what.
async fn reach_bus() -> zbus::Result<(Connection, bus::Stuck, Polkit)> {
    let (connection, stuck) = bus::connect().await?;
    let polkit = Polkit::new(&connection).await?;
    Ok((connection, stuck, polkit))
}

/// Puts the object on the bus and takes the name; returns what follows those who are served, until the bus is gone.
async fn serve(
    connection: &Connection,
    service: Service,
) -> Result<impl Future<Output = ()> + Send + use<>, Failure> {
    let served = async {
        let following = service.follow(connection).await?;
        connection
            .object_server()
            .at(names::HELPER_PATH, service)
            .await?;
        let flags = fdo::RequestNameFlags::DO_NOT_QUEUE;
        connection
            .request_name_with_flags(names::HELPER_BUS_NAME, flags)
            .await?;
        Ok(following)
    };
    served
        .await
        .map_err(|error: zbus::Error| Failure::no_name(&error))
}

/// Gives back what only the start needed, once it is over.
async fn settle() {
    sleep(START).await;
    // It only takes more memory where that cannot be done.
    drop(resident::give_back_code());
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

/// Raises test alerts for those who ask.
async fn answer_tests(intake: Arc<Intake>, mut tests: mpsc::Receiver<TestRequest>) {
    while let Some(reply) = tests.recv().await {
        // Whoever asked may be gone; the alert is raised all the same. Without an answer there were too many.
        if let Some(id) = intake.test_alert() {
            _ = reply.send(id);
        }
    }
}
