//! The helper's object on the system bus: answers calls from what the other tasks know, and tells subscribers of alerts.
//!
//! A guarded call passes the gate and then polkit. Alerts are secrets of the machine: signals go to subscribers alone,
//! each to its own connection, never to everybody.

mod announcer;
mod callers;
mod gate;
mod interface;
mod past;
mod sessions;
mod settings;
mod subscribers;

use std::{fmt, sync::Arc};

use futures_lite::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use wallwatch_dbus::{Error, names};
use zbus::{BoxDBusError, Connection, fdo, message::Header, names::OwnedUniqueName};

pub use announcer::Announcer;

use crate::{
    authority::{self, Authority, Judgement},
    board::Board,
    capture,
    steward::Order,
    store::History,
};
use gate::{Gate, Pass};
use sessions::Sessions;
use subscribers::Subscribers;

/// A call that is refused or failed.
type Refusal = BoxDBusError;

/// A request for a test alert, to be answered with its incident.
pub type TestRequest = oneshot::Sender<u64>;

/// The bus's own name, which it alone can send by.
const BUS: &str = "org.freedesktop.DBus";

/// The object.
pub struct Service {
    authority: Arc<dyn Authority>,
    gate: Arc<Gate>,
    sessions: Arc<Sessions>,
    subscribers: Arc<Subscribers>,
    board: Arc<Board>,
    history: History,
    tests: mpsc::Sender<TestRequest>,
    orders: mpsc::Sender<Order>,
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
        orders: mpsc::Sender<Order>,
    ) -> Self {
        let (authority, subscribers) = (Arc::from(authority), Arc::default());
        Self {
            sessions: Arc::new(Sessions::new(
                Arc::clone(&authority),
                Arc::clone(&subscribers),
            )),
            authority,
            gate: Arc::new(Gate::new()),
            subscribers,
            board,
            history,
            tests,
            orders,
        }
    }

    /// What tells this object's subscribers of alerts.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        Announcer::new(Arc::clone(&self.subscribers), Arc::clone(&self.board))
    }

    /// Follows who leaves the bus and whose rights may have changed, until the bus is gone. The streams are open when this returns, and
    /// are read for as long as the future is polled.
    pub async fn follow(
        &self,
        connection: &Connection,
    ) -> zbus::Result<impl Future<Output = ()> + Send + use<>> {
        let bus = fdo::DBusProxy::new(connection).await?;
        let mut leaving = bus.receive_name_owner_changed_with_args(&[(2, "")]).await?;
        let changes = authority::changes(connection).await?;
        let polkit = authority::comings(connection).await?;
        let (gate, subscribers) = (Arc::clone(&self.gate), Arc::clone(&self.subscribers));
        let sessions = Arc::clone(&self.sessions);
        let forget = async move {
            while let Some(signal) = leaving.next().await {
                // Anybody may send us alone a signal that looks like the bus's; only the name of the sender cannot be forged.
                let header = signal.message().header();
                if header.sender().is_none_or(|sender| sender.as_str() != BUS) {
                    continue;
                }
                if let Ok(arguments) = signal.args() {
                    subscribers.remove(arguments.name.as_str());
                    gate.left(arguments.name.as_str());
                }
            }
        };
        Ok(async move {
            tokio::select! {
                () = forget => {}
                () = sessions.listen(changes, polkit) => {}
                () = sessions.judge() => {}
            }
        })
    }

    /// Lets the sender of a call in, or says why not.
    async fn let_in(&self, header: &Header<'_>, action: &'static str) -> Result<Pass<'_>, Refusal> {
        let mut pass = self.gate.enter(header, &*self.authority).await?;
        let judgement = pass.unless_left(self.judge(&pass, action)).await?;
        pass.by_password = judgement == Judgement::AllowedByPassword;
        Ok(pass)
    }

    /// Asks polkit without a dialog first: who needs none takes no place of those who do, and is known as somebody without a password.
    async fn judge(&self, pass: &Pass<'_>, action: &'static str) -> Result<Judgement, fdo::Error> {
        let turn = pass.turn().await?;
        let mut judgement = self.authority.judge(pass.name(), action, false).await?;
        drop(turn);
        let dialog = pass.dialog && judgement == Judgement::Challenged;
        if dialog {
            let _open = pass.open_dialog()?;
            judgement = self.authority.judge(pass.name(), action, true).await?;
        }
        judgement.refusal(action, dialog).map_or(Ok(judgement), Err)
    }

    async fn add_subscriber(&self, header: &Header<'_>) -> Result<(), Refusal> {
        let changes = self.sessions.changes();
        let pass = self.let_in(header, names::ACTION_MONITOR).await?;
        let name = OwnedUniqueName::from(pass.name().clone());
        self.subscribers.add(name, pass.uid(), pass.by_password)?;
        // It may have left the bus before it was added, and nobody would ever take it out;
        if pass.has_left() {
            self.subscribers.remove(pass.name());
        }
        // or it was judged by what was true just before a change, and nobody would ever judge it again.
        if self.sessions.changes() != changes {
            self.sessions.ring();
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
