//! What `wallwatchctl` asks of the desktop program: the object on the session bus.
//!
//! Nobody but the session's own user is on that bus, and what can be asked for is the user's own: no password.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use tokio::sync::mpsc;
use wallwatch_dbus::names::{CONTROL_BUS_NAME, CONTROL_PATH};
use zbus::{Connection, OwnedVariant, fdo};

use crate::session::Command;

/// The longest pause that ends by itself: ten years. A longer one is a slip.
const MAX_PAUSE: u64 = 10 * 366 * 24 * 3600;

/// What the object tells, written by the session.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// When popups resume: 0 is not paused, `i64::MAX` when the user says so.
    pub(crate) paused_until: AtomicI64,
    /// The incidents whose popups were on the screen. (A std mutex: it is never held over an await.)
    pub(crate) shown: Mutex<BTreeSet<u64>>,
}

/// The object.
#[derive(Debug)]
struct Control {
    commands: mpsc::UnboundedSender<Command>,
    facts: std::sync::Arc<Facts>,
}

impl Control {
    fn send(&self, command: Command) -> fdo::Result<()> {
        self.commands
            .send(command)
            .map_err(|_| fdo::Error::Failed("Wallwatch is ending".to_owned()))
    }
}

#[zbus::interface(name = "org.wallwatch.Wallwatch.Control")]
impl Control {
    fn pause(&self, seconds: u64) -> fdo::Result<()> {
        if seconds > MAX_PAUSE {
            return Err(fdo::Error::InvalidArgs(
                "a pause is at most ten years long; 0 is until resumed".to_owned(),
            ));
        }
        self.send(Command::Pause(seconds))
    }

    fn resume(&self) -> fdo::Result<()> {
        self.send(Command::Resume)
    }

    fn show(&self, id: u64) -> fdo::Result<()> {
        self.send(Command::Show(id))
    }

    fn was_shown(&self, id: u64) -> bool {
        self.facts
            .shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id)
    }

    #[zbus(property)]
    fn paused_until(&self) -> i64 {
        self.facts.paused_until.load(Ordering::Relaxed)
    }

    #[zbus(property)]
    #[expect(
        clippy::unused_self,
        reason = "nothing is muted yet; the contract has the property already"
    )]
    fn muted(&self) -> Vec<HashMap<String, OwnedVariant>> {
        Vec::new()
    }
}

/// Serves the object on a connection and takes its name.
pub(crate) async fn serve(
    connection: &Connection,
    commands: mpsc::UnboundedSender<Command>,
    facts: std::sync::Arc<Facts>,
) -> zbus::Result<()> {
    connection
        .object_server()
        .at(CONTROL_PATH, Control { commands, facts })
        .await?;
    connection.request_name(CONTROL_BUS_NAME).await
}

/// Tells the bus that the pause changed.
pub(crate) async fn pause_changed(connection: &Connection) -> zbus::Result<()> {
    let object = connection
        .object_server()
        .interface::<_, Control>(CONTROL_PATH)
        .await?;
    let control = object.get().await;
    control.paused_until_changed(object.signal_emitter()).await
}
