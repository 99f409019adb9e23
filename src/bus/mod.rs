//! The client of the helper: one stream of what it says, over every restart of the helper and of the bus.
//!
//! [`watch`] starts it and returns the stream of [`HelperEvent`]s. Signals come in on one connection, whose only reader ([`signals`])
//! drains it into a bounded queue; calls go out on another, because a connection whose signals are not read answers no call either.
//! What was missed, while the bus was away or because the queue was full, is asked for by sequence number ([`caught_up`]). Signals are
//! believed by their sender alone ([`owners`]), and [`client`] subscribes anew when rights change, as when users switch.

mod caught_up;
mod client;
mod owners;
mod reason;
mod signals;

use std::time::Duration;

use tokio::sync::mpsc;
use wallwatch_dbus::{Alert, Helper1Proxy, Status};
use zbus::{Connection, connection, proxy::CacheProperties};

use client::Client;
pub use reason::Reason;

/// So many events wait for a slow reader before the signals behind them are given up and asked for again.
const MAX_QUEUED_EVENTS: usize = 256;
/// The helper has so long to answer a call. The slowest part of it is polkit: the helper gives it 10 s, and 10 more to let go.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(25);
/// The helper has so long to answer a call that polkit may ask somebody's password for: it leaves that person 120 s.
pub const DIALOG_TIMEOUT: Duration = Duration::from_secs(150);

/// What the helper says, or why it says nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum HelperEvent {
    /// The helper was reached; from now on changes follow.
    Up(Status),
    /// What it knew when it was first reached, or before its numbers began anew, oldest first: history, not news.
    Known(Vec<Alert>),
    /// The helper's numbers began anew, as where its history was lost: what was told before is none of what follows.
    Afresh,
    /// A new incident.
    Raised(Alert),
    /// An incident changed.
    Updated(Alert),
    /// An incident is over.
    Closed {
        /// The number of this change.
        seq: u64,
        /// The incident.
        id: u64,
    },
    /// The helper's state changed.
    Status(Status),
    /// The helper cannot be reached; it is tried again until it can.
    Down(Reason),
}

/// Starts the client on the present tokio runtime. `history` alerts are asked for when the helper is first reached.
///
/// It ends when the receiver is dropped.
#[must_use]
pub fn watch(history: u32) -> mpsc::Receiver<HelperEvent> {
    let (events, receiver) = mpsc::channel(MAX_QUEUED_EVENTS);
    tokio::spawn(async move {
        // An error is the reader's leaving.
        _ = Client::new(events, history).run().await;
    });
    receiver
}

/// Connects to the system bus for calls, each of which has so long to be answered.
pub async fn connect(timeout: Duration) -> Result<Connection, Reason> {
    connection::Builder::system()
        .method_timeout(timeout)
        .build()
        .await
        .map_err(|_| Reason::NoBus)
}

/// The proxy of the helper on a connection; its properties are not cached, so nothing is subscribed to.
pub async fn proxy(connection: &Connection) -> Result<Helper1Proxy<'static>, Reason> {
    Ok(Helper1Proxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?)
}
