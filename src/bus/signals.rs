//! The only reader of the connection that the helper's signals come in on.
//!
//! A zbus stream that is not read stalls its whole connection, so a task of its own does nothing but read and put what it read into
//! a bounded queue. What finds the queue full is dropped and said to be ([`Signal::Overflow`]).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_lite::StreamExt as _;
use tokio::sync::mpsc;
use wallwatch_dbus::{Alert, Helper1Proxy, Status};
use zbus::{
    Connection, Message,
    proxy::{OwnerChangedStream, SignalStream},
};

use super::Reason;

/// So many signals wait for their reader.
const MAX_QUEUED_SIGNALS: usize = 1024;

/// Something that the bus told.
#[derive(Debug)]
pub(super) enum Signal {
    /// An incident was raised or changed.
    Alert(Box<Alert>),
    /// An incident is over.
    Closed { seq: u64, id: u64 },
    /// The helper's state changed.
    Status(Status),
    /// The helper's name lost its owner (false), or has a new one.
    Owner(bool),
    /// Signals were dropped.
    Overflow,
}

/// The reader's side of the queue.
#[derive(Debug)]
pub(super) struct Queue {
    signals: mpsc::Receiver<Signal>,
    /// Apart from the signals and without bound, because none may be dropped; the bus alone writes it, when the name changes hands.
    owners: mpsc::UnboundedReceiver<bool>,
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
        }
    }
}

/// Starts to read the helper's signals on this connection, which must be used for nothing that waits but Subscribe.
pub(super) async fn start(bus: &Connection) -> Result<(Queue, Helper1Proxy<'static>), Reason> {
    let proxy = super::proxy(bus).await?;
    // The proxy's streams take signals of the name's owner only: anybody may send a signal that looks like the helper's.
    let from_helper = proxy.inner().receive_all_signals().await?;
    let owners = proxy.inner().receive_owner_changed().await?;
    let (signal_sender, signals) = mpsc::channel(MAX_QUEUED_SIGNALS);
    let (owner_sender, owner_receiver) = mpsc::unbounded_channel();
    let overflow = Arc::new(AtomicBool::new(false));
    let queue = Queue {
        signals,
        owners: owner_receiver,
        overflow: Arc::clone(&overflow),
    };
    tokio::spawn(drain(
        from_helper,
        owners,
        signal_sender,
        owner_sender,
        overflow,
    ));
    Ok((queue, proxy))
}

/// Reads until the connection or the reader of the queue is gone.
async fn drain(
    mut from_helper: SignalStream<'static>,
    mut owners: OwnerChangedStream<'static>,
    signals: mpsc::Sender<Signal>,
    owner_sender: mpsc::UnboundedSender<bool>,
    overflow: Arc<AtomicBool>,
) {
    loop {
        tokio::select! {
            biased;
            message = from_helper.next() => {
                let Some(message) = message else { return };
                let Some(signal) = read(&message) else { continue };
                match signals.try_send(signal) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => overflow.store(true, Ordering::Relaxed),
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
            }
            owner = owners.next() => {
                let Some(owner) = owner else { return };
                if owner_sender.send(owner.is_some()).is_err() {
                    return;
                }
            }
            () = signals.closed() => return,
        }
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
        "StatusChanged" => body.deserialize().ok().map(Signal::Status),
        _ => None,
    }
}
