//! Tells the subscribers of alerts and of the helper's state, each by a signal to its own connection.

use std::sync::Arc;

use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};
use wallwatch_dbus::{Status, names};
use zbus::{Connection, names::BusName, object_server::SignalEmitter};

use super::{Service, subscribers::Subscribers};
use crate::{alert::Change, board::Board};

/// What a status must differ in to be told: the counters alone are no news.
type Gist = (bool, bool, String, String, String, Vec<String>);

/// Tells the subscribers.
#[derive(Debug)]
pub struct Announcer {
    subscribers: Arc<Subscribers>,
    board: Arc<Board>,
}

impl Announcer {
    pub(super) const fn new(subscribers: Arc<Subscribers>, board: Arc<Board>) -> Self {
        Self { subscribers, board }
    }

    /// Tells every change until there are no more, and whenever the status has changed.
    pub async fn announce(
        self,
        connection: Connection,
        mut changes: mpsc::Receiver<Change>,
    ) -> zbus::Result<()> {
        let mut capture = self.board.capture.watch();
        let state = Arc::new(Notify::new());
        // They end with this task.
        let mut revisions = self.board.revisions();
        let mut sources = JoinSet::new();
        self.watch_sources(&mut sources, &state);
        let mut watching = JoinSet::new();
        let mut history = self.board.history();
        let of_history = Arc::clone(&state);
        watching.spawn(async move {
            while history.changed().await.is_ok() {
                of_history.notify_one();
            }
        });
        let mut told = gist(&self.board.status());
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Some(change) => {
                        self.tell_change(&connection, &change).await?;
                        continue;
                    }
                    None => return Ok(()),
                },
                news = capture.changed() => if news.is_err() {
                    return Ok(());
                },
                // There may be other sources now.
                _ = revisions.changed() => self.watch_sources(&mut sources, &state),
                () = state.notified() => {}
            }
            let status = self.board.status();
            let new = gist(&status);
            if new.1 != told.1 {
                self.tell_property(&connection).await?;
            }
            if new != told {
                self.tell_status(&connection, &status).await?;
                told = new;
            }
        }
    }

    /// Has the sources looked at that there are now, and no others: whenever the state of one has changed `state` rings.
    fn watch_sources(&self, watching: &mut JoinSet<()>, state: &Arc<Notify>) {
        *watching = JoinSet::new();
        for mut reports in self.board.reports() {
            let state = Arc::clone(state);
            watching.spawn(async move {
                while reports.changed().await.is_ok() {
                    state.notify_one();
                }
            });
        }
    }

    async fn tell_change(&self, connection: &Connection, change: &Change) -> zbus::Result<()> {
        for name in self.subscribers.names() {
            // It may have been dropped while another was told.
            if !self.subscribers.contains(&name) {
                continue;
            }
            let emitter = emitter(connection)?.set_destination(BusName::Unique(name.into_inner()));
            let told = match change {
                Change::Raised(alert) => Service::alert_raised(&emitter, alert.seq, alert).await,
                Change::Updated(alert) => Service::alert_updated(&emitter, alert.seq, alert).await,
                Change::Closed(alert) => Service::alert_closed(&emitter, alert.seq, alert.id).await,
            };
            told?;
        }
        Ok(())
    }

    async fn tell_status(&self, connection: &Connection, status: &Status) -> zbus::Result<()> {
        for name in self.subscribers.names() {
            // It may have been dropped while another was told.
            if !self.subscribers.contains(&name) {
                continue;
            }
            let emitter = emitter(connection)?.set_destination(BusName::Unique(name.into_inner()));
            Service::status_changed(&emitter, status).await?;
        }
        Ok(())
    }

    /// Whether capture is switched on is public, so this signal goes to everybody.
    async fn tell_property(&self, connection: &Connection) -> zbus::Result<()> {
        let object = connection
            .object_server()
            .interface::<_, Service>(names::HELPER_PATH)
            .await?;
        let service = object.get().await;
        service.capturing_changed(object.signal_emitter()).await
    }
}

fn emitter(connection: &Connection) -> zbus::Result<SignalEmitter<'static>> {
    SignalEmitter::new(connection, names::HELPER_PATH)
}

fn gist(status: &Status) -> Gist {
    let each = status
        .sources
        .iter()
        .map(|source| source.state.clone())
        .collect();
    (
        status.watching,
        status.capturing,
        status.reason.clone(),
        status.history.clone(),
        status.complaint.clone(),
        each,
    )
}
