//! The notification server (Desktop Notifications Specification 1.2).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use zbus::{
    Connection, OwnedVariant, connection, fdo, interface, message::Header,
    object_server::SignalEmitter,
};

use crate::{background::Background, process};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// How the server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It shows what it is told to.
    #[default]
    Working,
    /// It answers Notify with an error.
    Erring,
    /// It never answers Notify.
    Hanging,
}

/// One call of Notify.
#[derive(Debug, Clone)]
pub struct Note {
    /// The popup.
    pub id: u32,
    /// The popup it replaces; 0 is none.
    pub replaces: u32,
    /// Who sent it.
    pub sender: String,
    /// The application's name.
    pub app: String,
    /// The icon's name.
    pub icon: String,
    /// The first line.
    pub summary: String,
    /// The text.
    pub body: String,
    /// Keys and labels of buttons in turn.
    pub actions: Vec<String>,
    /// The hints.
    pub hints: HashMap<String, OwnedVariant>,
    /// After how many milliseconds it goes; -1 is the server's choice.
    pub expire: i32,
    /// When it came.
    pub at: Instant,
}

/// What the server knows.
#[derive(Debug, Default)]
struct State {
    mode: Mode,
    capabilities: Vec<String>,
    notes: Vec<Note>,
    last_id: u32,
    calls: usize,
    /// Is this button pressed before Notify is answered?
    hasty: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Server(Arc<Mutex<State>>);

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[interface(name = "org.freedesktop.Notifications")]
impl Server {
    fn get_capabilities(&self) -> Vec<String> {
        self.state().capabilities.clone()
    }

    #[expect(clippy::too_many_arguments, reason = "the specification has them")]
    async fn notify(
        &self,
        app: String,
        replaces: u32,
        icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        hints: HashMap<String, OwnedVariant>,
        expire: i32,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<u32> {
        let (mode, hasty) = {
            let mut state = self.state();
            state.calls += 1;
            (state.mode, state.hasty)
        };
        match mode {
            Mode::Erring => return Err(fdo::Error::Failed("no".to_owned())),
            Mode::Hanging => std::future::pending().await,
            Mode::Working => {}
        }
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let id = {
            let mut state = self.state();
            let id = if replaces == 0 {
                state.last_id + 1
            } else {
                replaces
            };
            state.last_id = state.last_id.max(id);
            state.notes.push(Note {
                id,
                replaces,
                sender,
                app,
                icon,
                summary,
                body,
                actions,
                hints,
                expire,
                at: process::now(),
            });
            id
        };
        if let Some(key) = hasty {
            Self::action_invoked(&emitter, id, key).await?;
        }
        Ok(id)
    }

    #[zbus(signal)]
    async fn notification_closed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        reason: u32,
    ) -> zbus::Result<()>;
    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, key: &str) -> zbus::Result<()>;
}

/// The server; `Drop` takes it off the bus.
#[derive(Debug)]
pub struct Notifier {
    connection: Connection,
    server: Server,
    background: Background,
}

impl Notifier {
    /// A server that can everything, on the bus at this address.
    #[must_use]
    pub fn start(address: &str) -> Self {
        let background = Background::start();
        let capabilities = [
            "actions",
            "body",
            "body-markup",
            "icon-static",
            "persistence",
        ]
        .map(str::to_owned)
        .to_vec();
        let server = Server(Arc::new(Mutex::new(State {
            capabilities,
            ..State::default()
        })));
        let connection = background
            .run(async {
                connection::Builder::address(address)
                    .serve_at(PATH, server.clone())
                    .build()
                    .await
            })
            .expect("the bus is up");
        let notifier = Self {
            connection,
            server,
            background,
        };
        notifier.own();
        notifier
    }

    /// Takes the name.
    pub fn own(&self) {
        self.background
            .run(self.connection.request_name(NAME))
            .expect("the name is free");
    }

    /// Gives the name back and forgets every popup, as a server that ended.
    pub fn disown(&self) {
        self.background
            .run(self.connection.release_name(NAME))
            .expect("the name is ours");
        self.server.state().last_id = 0;
    }

    /// Behaves so from now on.
    pub fn behave(&self, mode: Mode) {
        self.server.state().mode = mode;
    }

    /// Can this and no more from now on; the client has to ask again after [`Self::disown`] and [`Self::own`].
    pub fn can(&self, capabilities: &[&str]) {
        self.server.state().capabilities =
            capabilities.iter().map(|&word| word.to_owned()).collect();
    }

    /// Presses this button of every popup before the answer to Notify goes out.
    pub fn press_at_once(&self, key: Option<&'static str>) {
        self.server.state().hasty = key;
    }

    /// What it was told to show, the oldest first.
    pub fn notes(&self) -> Vec<Note> {
        self.server.state().notes.clone()
    }

    /// How often Notify was called, answered or not.
    pub fn calls(&self) -> usize {
        self.server.state().calls
    }

    /// Presses a button.
    pub fn press(&self, id: u32, key: &str) {
        self.background
            .run(Server::action_invoked(&self.emitter(), id, key))
            .expect("the bus is up");
    }

    /// Closes a popup: 1 it expired, 2 the user closed it, 3 a program closed it.
    pub fn close(&self, id: u32, reason: u32) {
        self.background
            .run(Server::notification_closed(&self.emitter(), id, reason))
            .expect("the bus is up");
    }

    fn emitter(&self) -> SignalEmitter<'static> {
        SignalEmitter::new(&self.connection, PATH).expect("the path is one")
    }
}

/// Sends the signal of a pressed button from a connection that is not the server's.
pub fn forge_press(address: &str, id: u32, key: &str) {
    let background = Background::start();
    let sent = background.run(async {
        let connection = connection::Builder::address(address).build().await?;
        connection
            .emit_signal(None::<&str>, PATH, NAME, "ActionInvoked", &(id, key))
            .await?;
        // The bus answers in order: when it does, the signal was delivered.
        fdo::DBusProxy::new(&connection).await?.get_id().await?;
        Ok::<_, zbus::Error>(())
    });
    sent.expect("the bus is up");
}
