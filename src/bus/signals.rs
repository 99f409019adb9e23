//! The only reader of the connection that the helper's signals come in on.
//!
//! A zbus stream that is not read stalls its whole connection, so a task of its own does nothing but read and put what it read into
//! a bounded queue. What finds the queue full is dropped and said to be ([`Signal::Overflow`]). It reads all of the connection's
//! messages, in the order of the bus, and believes by their senders alone ([`Owners`]).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_lite::StreamExt as _;
use tokio::sync::{Notify, mpsc};
use wallwatch_dbus::{
    Alert, Helper1Proxy, Status,
    names::{HELPER_INTERFACE, HELPER_PATH},
};
use zbus::{
    Connection, MatchRule, Message, MessageStream, fdo,
    message::{self, Header},
    proxy::CacheProperties,
};

use super::{
    Reason,
    owners::{Change, Name, Owners},
};

/// So many signals wait for their reader.
const MAX_QUEUED_SIGNALS: usize = 1024;
/// polkit's object and interface (its D-Bus API).
const POLKIT_PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const POLKIT_INTERFACE: &str = "org.freedesktop.PolicyKit1.Authority";

/// Something that the bus told.
#[derive(Debug)]
pub(super) enum Signal {
    /// An incident was raised or changed.
    Alert(Box<Alert>),
    /// An incident is over.
    Closed { seq: u64, id: u64 },
    /// The helper's state changed.
    Status(Box<Status>),
    /// The helper's name lost its owner (false), or has a new one.
    Owner(bool),
    /// What polkit allows may have changed, once or several times: a session came to the front or left it, rules were changed.
    Rights,
    /// Signals were dropped.
    Overflow,
}

/// The reader's side of the queue.
#[derive(Debug)]
pub(super) struct Queue {
    signals: mpsc::Receiver<Signal>,
    /// Apart from the signals and without bound, because none may be dropped; the bus alone writes it, when the name changes hands.
    owners: mpsc::UnboundedReceiver<bool>,
    rights: Arc<Notify>,
    overflow: Arc<AtomicBool>,
}

impl Queue {
    /// The next signal; none when the connection is gone. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Signal> {
        if self.overflow.swap(false, Ordering::Relaxed) {
            return Some(Signal::Overflow);
        }
        tokio::select! {
            biased;
            signal = self.signals.recv() => signal,
            owner = self.owners.recv() => owner.map(Signal::Owner),
            () = self.rights.notified() => Some(Signal::Rights),
        }
    }
}

/// Starts to read the helper's signals on this connection, which must be used for nothing that waits but Subscribe.
pub(super) async fn start(bus: &Connection) -> Result<(Queue, Helper1Proxy<'static>), Reason> {
    let daemon = fdo::DBusProxy::builder(bus)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    // The helper's own signals are sent to us alone, which needs no rule. None of the rules starts a program.
    for rule in rules()? {
        daemon.add_match_rule(rule).await?;
    }
    let proxy = super::proxy(bus).await?;
    let messages = MessageStream::from(bus);
    let mut owners = Owners::default();
    for name in Name::ALL {
        let question = Message::method_call("/org/freedesktop/DBus", "GetNameOwner")
            .destination("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .build(&name.as_str())?;
        owners.asked(name, question.primary_header().serial_num());
        bus.send(&question).await?;
    }
    let (signal_sender, signals) = mpsc::channel(MAX_QUEUED_SIGNALS);
    let (owner_sender, owner_receiver) = mpsc::unbounded_channel();
    let queue = Queue {
        signals,
        owners: owner_receiver,
        rights: Arc::default(),
        overflow: Arc::default(),
    };
    let drain = Drain {
        owners,
        signals: signal_sender,
        owner_changes: owner_sender,
        rights: Arc::clone(&queue.rights),
        overflow: Arc::clone(&queue.overflow),
    };
    tokio::spawn(drain.run(messages));
    Ok((queue, proxy))
}

/// What the bus shall hand on although it is not sent to us alone.
fn rules() -> zbus::Result<[MatchRule<'static>; 3]> {
    let owner_of = |name: Name| {
        MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender("org.freedesktop.DBus")
            .path("/org/freedesktop/DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .add_arg(name.as_str())
            .build()
    };
    let rights = MatchRule::builder()
        .msg_type(message::Type::Signal)
        .sender(Name::Polkit.as_str())
        .path(POLKIT_PATH)
        .interface(POLKIT_INTERFACE)
        .member("Changed")
        .build()?;
    Ok([owner_of(Name::Helper)?, owner_of(Name::Polkit)?, rights])
}

/// The reading task.
struct Drain {
    owners: Owners,
    signals: mpsc::Sender<Signal>,
    owner_changes: mpsc::UnboundedSender<bool>,
    rights: Arc<Notify>,
    overflow: Arc<AtomicBool>,
}

impl Drain {
    /// Reads until the connection or the reader of the queue is gone.
    async fn run(mut self, mut messages: MessageStream) {
        loop {
            tokio::select! {
                biased;
                message = messages.next() => match message {
                    // After an error the connection is closed.
                    None | Some(Err(_)) => return,
                    Some(Ok(message)) => if !self.take(&message) {
                        return;
                    },
                },
                () = self.signals.closed() => return,
            }
        }
    }

    /// Takes a message in, whoever sent it. Is there still a reader?
    fn take(&mut self, message: &Message) -> bool {
        let header = message.header();
        match self.owners.take(message) {
            Some(Change::Helper(there)) => return self.owner_changes.send(there).is_ok(),
            Some(Change::Polkit(there)) => {
                if there {
                    self.rights.notify_one();
                }
                return true;
            }
            None => {}
        }
        if message.message_type() != message::Type::Signal {
            return true;
        }
        if self.is_from(&header, Name::Polkit, POLKIT_PATH, POLKIT_INTERFACE) {
            if header
                .member()
                .is_some_and(|member| member.as_str() == "Changed")
            {
                self.rights.notify_one();
            }
            return true;
        }
        if !self.is_from(&header, Name::Helper, HELPER_PATH, HELPER_INTERFACE) {
            return true;
        }
        let Some(signal) = read(message) else {
            return true;
        };
        match self.signals.try_send(signal) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.overflow.store(true, Ordering::Relaxed);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    /// Is it a signal of this interface, at this path, sent by the owner of this name?
    fn is_from(&self, header: &Header<'_>, name: Name, path: &str, interface: &str) -> bool {
        header.interface().is_some_and(|own| own == interface)
            && header.path().is_some_and(|own| own == path)
            && self.owners.owns(name, header.sender())
    }
}

/// A message as a signal; none where this version does not know it.
fn read(message: &Message) -> Option<Signal> {
    let body = message.body();
    match message.header().member()?.as_str() {
        "AlertRaised" | "AlertUpdated" => {
            let (seq, alert) = body.deserialize::<(u64, Alert)>().ok()?;
            Some(Signal::Alert(Box::new(Alert { seq, ..alert })))
        }
        "AlertClosed" => {
            let (seq, id) = body.deserialize().ok()?;
            Some(Signal::Closed { seq, id })
        }
        "StatusChanged" => body.deserialize().ok().map(Box::new).map(Signal::Status),
        _ => None,
    }
}
