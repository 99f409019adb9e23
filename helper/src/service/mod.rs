//! The helper's object on the system bus: answers calls from what the other tasks know, and tells subscribers of alerts.
//!
//! A guarded call passes the gate and then polkit. Alerts are secrets of the machine: signals go to subscribers alone,
//! each to its own connection, never to everybody.

mod announcer;
mod gate;
mod interface;
mod past;
mod settings;
mod subscribers;

use std::{fmt, sync::Arc};

use tokio::sync::{mpsc, oneshot};
use wallwatch_dbus::Error;
use zbus::{BoxDBusError, Connection, fdo, message::Header, names::OwnedUniqueName};

pub use announcer::Announcer;

use crate::{authority::Authority, board::Board, capture, store::History};
use gate::{Gate, Pass};
use subscribers::Subscribers;

/// A call that is refused or failed.
type Refusal = BoxDBusError;

/// A request for a test alert, to be answered with its incident.
pub type TestRequest = oneshot::Sender<u64>;

/// The object.
pub struct Service {
    authority: Box<dyn Authority>,
    gate: Gate,
    subscribers: Arc<Subscribers>,
    board: Arc<Board>,
    history: History,
    tests: mpsc::Sender<TestRequest>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("subscribers", &self.subscribers)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// The object, without a place on a bus yet. Its methods take `&self`: one of them may wait for minutes while polkit asks a
    /// person for a password.
    #[must_use]
    pub fn new(
        authority: Box<dyn Authority>,
        board: Arc<Board>,
        history: History,
        tests: mpsc::Sender<TestRequest>,
    ) -> Self {
        Self {
            authority,
            gate: Gate::new(),
            subscribers: Arc::default(),
            board,
            history,
            tests,
        }
    }

    /// What tells this object's subscribers of alerts.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        Announcer::new(Arc::clone(&self.subscribers), Arc::clone(&self.board))
    }

    /// Lets the sender of a call in, or says why not.
    async fn let_in(&self, header: &Header<'_>, action: &'static str) -> Result<Pass<'_>, Refusal> {
        let pass = self.gate.enter(header).await?;
        self.authority.check(header, action, pass.dialog).await?;
        Ok(pass)
    }

    async fn add_subscriber(
        &self,
        header: &Header<'_>,
        connection: &Connection,
    ) -> Result<(), Refusal> {
        let sender = header
            .sender()
            .ok_or_else(|| fdo::Error::AccessDenied("The call has no sender.".to_owned()))?;
        let name = OwnedUniqueName::from(sender.to_owned());
        let bus = fdo::DBusProxy::new(connection).await?;
        let uid = bus.get_connection_unix_user(sender.clone().into()).await?;
        self.subscribers.add(name.clone(), uid)?;
        // It may have left the bus before it was added, and nobody would ever take it out.
        if !bus.name_has_owner(sender.clone().into()).await? {
            self.subscribers.remove(name.as_str());
        }
        Ok(())
    }

    async fn switch_capture(&self, on: bool) -> Result<(), Refusal> {
        self.board.capture.set(on).await.map_err(|error| {
            let sentence = error.to_string();
            let error = match error {
                capture::Error::Fixed(_) => Error::FixedByConfig(sentence),
                capture::Error::Source(_) | capture::Error::Remember { .. } => {
                    Error::Failed(sentence)
                }
            };
            Box::new(error) as Refusal
        })
    }

    async fn test_alert(&self) -> Result<u64, Refusal> {
        let (reply, answer) = oneshot::channel();
        let busy = || {
            fdo::Error::LimitsExceeded(
                "Too many test alerts at a time: try again in a minute.".to_owned(),
            )
        };
        self.tests.try_send(reply).map_err(|_| busy())?;
        answer.await.map_err(|_| busy().into())
    }
}
