//! What this machine is and how it changes: looks at the kernel and at files, that make the pure values detection knows.
//!
//! [`Surroundings`] follows interfaces, addresses and routes, and sleeps while none of them changes. Files that nobody announces,
//! as the list of name servers, are read again while packets come. [`Outlook`] hands all of it to detection, with what [`listeners`]
//! sees listen when there is an alert. [`firewall`] follows the user's own rules and says what follows for those who read the kernel's
//! log.

mod ask;
pub mod firewall;
pub mod listeners;
mod network;
mod outlook;
mod texts;
mod units;

use std::{
    future::pending,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    time::sleep_until,
};

pub use self::outlook::Outlook;
use self::{network::View, texts::Texts};
use crate::{
    clock,
    decode::attributes::Envelopes,
    event::Timestamp,
    journal,
    neighbourhood::{DEFAULT_EPHEMERAL, Neighbourhood},
    sys::{
        clock_change::ClockChange,
        netlink::{Family, Netlink},
    },
};

/// What the kernel tells of when it changes: `RTNLGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR` and `_IPV6_ROUTE`
/// (`linux/rtnetlink.h`).
const GROUPS: [libc::c_int; 5] = [1, 5, 7, 9, 11];
/// One message of the kernel's has at most so many bytes.
const BUFFER: usize = 32 * 1024;
/// A change seldom comes alone: so long is waited for the rest of it.
const SETTLE: Duration = Duration::from_millis(100);
/// So long after a change is looked again: programs write the list of name servers behind it, and the router's link-layer address
/// is known once something was sent to it.
const LATER: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
];
/// Whoever has packets asks for a glance at most so often.
const GLANCE_INTERVAL: Duration = Duration::from_secs(10);
/// A machine that slept for less than this has missed nothing.
const SLEPT: Duration = Duration::from_secs(1);

/// Asks for a look at what nobody announces.
#[derive(Debug)]
struct Glance {
    wanted: Arc<Notify>,
    last: Option<Instant>,
}

impl Glance {
    /// Packets came at this moment. Costs next to nothing.
    fn packets(&mut self, now: Instant) {
        let due = |last| now.saturating_duration_since(last) >= GLANCE_INTERVAL;
        if self.last.is_none_or(due) {
            self.last = Some(now);
            self.wanted.notify_one();
        }
    }
}

/// This machine in its network, followed.
#[derive(Debug)]
pub struct Surroundings {
    told: watch::Sender<Neighbourhood>,
    wanted: Arc<Notify>,
    /// What the kernel tells; `None` where it tells nothing, so that it must be asked.
    changes: Option<Netlink>,
    clock: Option<ClockChange>,
    view: View,
    texts: Texts,
    asleep: Duration,
    resumed_at: Option<Timestamp>,
}

impl Surroundings {
    /// Looks for the first time.
    #[must_use]
    pub fn open() -> Self {
        // The kernel is listened to before it is asked, so that no change falls between.
        let changes = listen()
            .inspect_err(|error| {
                journal::say(&format_args!(
                    "the kernel does not tell of changes of the network ({error}): it is asked while packets come"
                ));
            })
            .ok();
        let mut surroundings = Self {
            told: watch::Sender::new(Neighbourhood::default()),
            wanted: Arc::new(Notify::new()),
            changes,
            clock: ClockChange::open().ok(),
            view: View::default(),
            texts: Texts::default(),
            asleep: clock::asleep(),
            resumed_at: None,
        };
        surroundings.look();
        surroundings
    }

    /// What is known, now and whenever it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Neighbourhood> {
        self.told.subscribe()
    }

    /// What whoever drives detection sees of it.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        Outlook::new(self.watch(), self.glance())
    }

    /// What whoever has packets asks by.
    fn glance(&self) -> Glance {
        Glance {
            wanted: Arc::clone(&self.wanted),
            last: None,
        }
    }

    /// Follows all changes until nobody watches any more.
    pub async fn follow(mut self) {
        let mut buffer = vec![0; BUFFER];
        // Looks that are still to come, and when the next one is.
        let mut later = LATER.iter();
        let mut due = self.lacks().then(|| clock::moment() + LATER[0]);
        let told = self.told.clone();
        loop {
            tokio::select! {
                () = told.closed() => return,
                stirred = stirred(self.changes.as_ref(), &self.view, &mut buffer) => match stirred {
                    Ok(true) => {
                        later = LATER.iter();
                        let soon = clock::moment() + SETTLE;
                        due = Some(due.map_or(soon, |due| due.min(soon)));
                    }
                    Ok(false) => {}
                    Err(error) => {
                        journal::say(&format_args!("the kernel tells no more of changes of the network: {error}"));
                        self.changes = None;
                    }
                },
                () = until(due) => {
                    let first = later.len() == LATER.len();
                    self.look();
                    let next = later.next().filter(|_| first || self.lacks());
                    due = next.map(|wait| clock::moment() + *wait);
                },
                () = self.wanted.notified() => {
                    if self.changes.is_none() {
                        self.look();
                    } else {
                        self.texts = Texts::read();
                        self.tell();
                    }
                }
                set = clock_set(self.clock.as_ref()) => {
                    if set.is_err() {
                        self.clock = None;
                    }
                    self.woke(clock::asleep(), clock::now());
                }
            }
        }
    }

    /// Looks at everything.
    fn look(&mut self) {
        match View::take() {
            Ok(view) => self.view = view,
            // What was known stays: it is more likely than nothing.
            Err(error) => {
                journal::whisper(&format_args!("the network cannot be looked at: {error}"));
            }
        }
        self.texts = Texts::read();
        self.tell();
    }

    /// Is a router's link-layer address missing?
    fn lacks(&self) -> bool {
        self.view
            .gateways
            .iter()
            .any(|gateway| gateway.mac.is_none())
    }

    /// Notes that the machine woke, where the time that it has slept grew.
    fn woke(&mut self, asleep: Duration, now: Timestamp) {
        if asleep.saturating_sub(self.asleep) >= SLEPT {
            self.resumed_at = Some(now);
            self.tell();
        }
        self.asleep = asleep;
    }

    /// Tells what is known, where it is something new.
    fn tell(&self) {
        let ephemeral = self.texts.ephemeral.clone();
        let known = Neighbourhood {
            ephemeral: ephemeral.unwrap_or(DEFAULT_EPHEMERAL),
            addresses: self.view.addresses.clone(),
            networks: self.view.networks.clone(),
            gateways: self.view.gateways.clone(),
            resolvers: self.texts.resolvers.clone(),
            resumed_at: self.resumed_at,
        };
        self.told.send_if_modified(|told| {
            let differs = *told != known;
            *told = known;
            differs
        });
    }
}

/// Opens the socket that the kernel tells of changes by.
fn listen() -> io::Result<Netlink> {
    let socket = Netlink::open(Family::Route)?;
    for group in GROUPS {
        socket.join(group)?;
    }
    Ok(socket)
}

/// Waits for messages and says whether one of them can have changed the view. Cancel safe: a message is read only where the
/// answer is given.
async fn stirred(changes: Option<&Netlink>, view: &View, buffer: &mut [u8]) -> io::Result<bool> {
    let Some(socket) = changes else {
        return pending().await;
    };
    socket.readable().await?;
    let datagram = match socket.try_receive(buffer) {
        Ok(datagram) => datagram,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
        // More changed than could be told.
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(true),
        Err(error) => return Err(error),
    };
    if !datagram.from_kernel {
        return Ok(false);
    }
    let mut messages = Envelopes(&buffer[..datagram.len]);
    let stirs = messages.any(|message| view.is_stirred_by(&message));
    Ok(stirs || datagram.truncated)
}

/// Waits until the clock is set or the machine wakes.
async fn clock_set(clock: Option<&ClockChange>) -> io::Result<()> {
    match clock {
        Some(clock) => clock.changed().await,
        None => pending().await,
    }
}

/// Waits for the moment, or for ever where there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_glance_is_asked_for_once_in_a_while() {
        let surroundings = Surroundings::open();
        let mut glance = surroundings.glance();
        let start = clock::moment();
        for millis in [0, 1, 9_999] {
            glance.packets(start + Duration::from_millis(millis));
        }
        surroundings.wanted.notified().await;
        let again = tokio::time::timeout(Duration::from_millis(10), surroundings.wanted.notified());
        assert!(again.await.is_err());
        glance.packets(start + GLANCE_INTERVAL);
        surroundings.wanted.notified().await;
    }

    #[tokio::test]
    async fn waking_from_sleep_is_noted_and_a_clock_that_is_set_is_not() {
        let mut surroundings = Surroundings::open();
        let mut watch = surroundings.watch();
        let asleep = surroundings.asleep;
        watch.mark_unchanged();
        surroundings.woke(asleep, Timestamp(5));
        assert!(!watch.has_changed().unwrap());
        surroundings.woke(asleep + Duration::from_secs(3600), Timestamp(7));
        assert_eq!(watch.borrow_and_update().resumed_at, Some(Timestamp(7)));
        surroundings.woke(asleep + Duration::from_secs(3600), Timestamp(9));
        assert_eq!(watch.borrow().resumed_at, Some(Timestamp(7)));
    }

    #[tokio::test]
    async fn what_did_not_change_is_not_told() {
        let mut surroundings = Surroundings::open();
        let mut watch = surroundings.watch();
        watch.mark_unchanged();
        surroundings.look();
        assert!(!watch.has_changed().unwrap());
    }
}
