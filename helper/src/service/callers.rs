//! Whose calls are worked on: connections and their users, each counted, so that nobody has more than a share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OnceCell, Semaphore};
use zbus::{fdo, names::OwnedUniqueName};

/// So many calls of one connection are worked on at a time.
pub(super) const MOST_OF_SENDER: u8 = 4;
/// So many of one user, who may have 256 connections.
pub(super) const MOST_OF_USER: u8 = 16;
/// So many questions of one user are before polkit at a time: a quarter of all, see [`super::gate`].
pub(super) const MOST_QUESTIONS_OF_USER: usize = 8;
/// So many dialogs of one user are open at a time; of one connection it is one.
pub(super) const MOST_DIALOGS_OF_USER: u8 = 2;
/// So many connections are remembered: half of those that a system bus takes (`max_completed_connections`, dbus-daemon(1)). About 200
/// bytes each.
const MOST_KNOWN: usize = 1024;

/// All who call, and who called and are still on the bus.
#[derive(Debug, Default)]
pub(super) struct Callers {
    // A std mutex, because nothing is awaited while it is held.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    connections: BTreeMap<OwnedUniqueName, Connection>,
    /// Those of whom a call is worked on.
    users: BTreeMap<u32, User>,
}

/// One connection.
#[derive(Debug, Default)]
struct Connection {
    peer: Arc<Peer>,
    calls: u8,
    has_dialog: bool,
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    /// Whose it is; asked of the bus once.
    pub(super) user: OnceCell<u32>,
    /// Never has a permit, and is closed when the connection leaves the bus.
    presence: Semaphore,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            user: OnceCell::new(),
            presence: Semaphore::new(0),
        }
    }
}

/// One user.
#[derive(Debug)]
struct User {
    calls: u8,
    dialogs: u8,
    questions: Arc<Semaphore>,
}

impl Default for User {
    fn default() -> Self {
        Self {
            calls: 0,
            dialogs: 0,
            questions: Arc::new(Semaphore::new(MOST_QUESTIONS_OF_USER)),
        }
    }
}

/// A place among the calls that are worked on, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    callers: &'a Callers,
    pub(super) name: OwnedUniqueName,
    pub(super) peer: Arc<Peer>,
    /// The user among whose calls it is counted.
    counted: Option<u32>,
}

/// A place among the dialogs, until it is dropped.
#[derive(Debug)]
pub(super) struct DialogPlace<'a> {
    callers: &'a Callers,
    name: OwnedUniqueName,
    uid: u32,
}

impl Callers {
    /// A place among the calls of a connection.
    pub(super) fn place(&self, name: OwnedUniqueName) -> Result<Place<'_>, fdo::Error> {
        let mut table = self.lock();
        if !table.connections.contains_key(&name) && table.connections.len() >= MOST_KNOWN {
            // Whoever waits for nothing can be asked for anew.
            let mut known = table.connections.iter();
            let idle = known.find(|(_, connection)| connection.calls == 0);
            let idle = idle.map(|(name, _)| name.clone()).ok_or_else(|| {
                limit("Too many programs ask something at a time: try again in a moment.")
            })?;
            table.connections.remove(&idle);
        }
        let connection = table.connections.entry(name.clone()).or_default();
        if connection.calls >= MOST_OF_SENDER {
            return Err(limit(
                "Too many calls at a time: wait for the answers to the earlier ones.",
            ));
        }
        connection.calls += 1;
        let peer = Arc::clone(&connection.peer);
        Ok(Place {
            callers: self,
            name,
            peer,
            counted: None,
        })
    }

    /// Forgets a connection that left the bus, and wakes whatever is done for it.
    pub(super) fn left(&self, name: &str) {
        let mut table = self.lock();
        // The names are compared as words: one that is none is not there.
        if let Some(connection) = table.connections.remove(name) {
            connection.peer.presence.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is nobody remembered?
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let table = self.lock();
        table.connections.is_empty() && table.users.is_empty()
    }
}

impl Peer {
    /// Has it left the bus?
    pub(super) fn has_left(&self) -> bool {
        self.presence.is_closed()
    }

    /// Waits until it leaves the bus.
    pub(super) async fn left(&self) {
        drop(self.presence.acquire().await);
    }
}

impl<'a> Place<'a> {
    /// Counts the call among those of its user, too; returns what his questions wait at.
    pub(super) fn count_for(&mut self, uid: u32) -> Result<Arc<Semaphore>, fdo::Error> {
        let mut table = self.callers.lock();
        let user = table.users.entry(uid).or_default();
        if user.calls >= MOST_OF_USER {
            return Err(limit(
                "Too many calls of all your programs at a time: end those that ask so much, and try again.",
            ));
        }
        user.calls += 1;
        self.counted = Some(uid);
        Ok(Arc::clone(&user.questions))
    }

    /// A place among the dialogs of the connection and of its user.
    pub(super) fn dialog(&self, uid: u32) -> Result<DialogPlace<'a>, fdo::Error> {
        let mut table = self.callers.lock();
        let Table { connections, users } = &mut *table;
        let (Some(connection), Some(user)) = (connections.get_mut(&self.name), users.get_mut(&uid))
        else {
            return Err(gone());
        };
        if connection.has_dialog || user.dialogs >= MOST_DIALOGS_OF_USER {
            return Err(limit(
                "You are being asked for a password already: answer that dialog first.",
            ));
        }
        connection.has_dialog = true;
        user.dialogs += 1;
        Ok(DialogPlace {
            callers: self.callers,
            name: self.name.clone(),
            uid,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut table = self.callers.lock();
        if let Some(connection) = table.connections.get_mut(&self.name) {
            connection.calls = connection.calls.saturating_sub(1);
            // Nobody would ever say that one has left which the bus does not know.
            if connection.calls == 0 && !self.peer.user.initialized() {
                table.connections.remove(&self.name);
            }
        }
        if let Some(uid) = self.counted
            && let Some(user) = table.users.get_mut(&uid)
        {
            user.calls = user.calls.saturating_sub(1);
            if user.calls == 0 {
                table.users.remove(&uid);
            }
        }
    }
}

impl Drop for DialogPlace<'_> {
    fn drop(&mut self) {
        let mut table = self.callers.lock();
        if let Some(connection) = table.connections.get_mut(&self.name) {
            connection.has_dialog = false;
        }
        if let Some(user) = table.users.get_mut(&self.uid) {
            user.dialogs = user.dialogs.saturating_sub(1);
        }
    }
}

/// Too much at a time; the sentence says of what.
pub(super) fn limit(sentence: &str) -> fdo::Error {
    fdo::Error::LimitsExceeded(sentence.to_owned())
}

/// What somebody is answered who is not there any more to read it.
pub(super) fn gone() -> fdo::Error {
    fdo::Error::AccessDenied("The caller has left the bus.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> OwnedUniqueName {
        OwnedUniqueName::try_from(format!(":1.{n}")).unwrap()
    }

    /// A call of a connection whose user is known.
    fn known(callers: &Callers, n: usize, uid: u32) -> Place<'_> {
        let mut place = callers.place(name(n)).unwrap();
        drop(place.peer.user.set(uid));
        place.count_for(uid).unwrap();
        place
    }

    #[test]
    fn what_is_remembered_is_bounded_and_whoever_is_worked_for_is_never_forgotten() {
        let callers = Callers::default();
        let first = known(&callers, 0, 1000);
        for n in 1..MOST_KNOWN * 2 {
            drop(known(&callers, n, 1000));
        }
        let table = callers.lock();
        assert_eq!(table.connections.len(), MOST_KNOWN);
        assert!(table.connections.contains_key(&first.name));
        assert_eq!(table.users.len(), 1);
    }

    #[test]
    fn a_connection_that_the_bus_does_not_know_is_forgotten_with_its_call() {
        let callers = Callers::default();
        drop(callers.place(name(7)).unwrap());
        assert!(callers.is_empty());
    }

    #[test]
    fn nothing_is_remembered_of_a_connection_that_left() {
        let callers = Callers::default();
        let place = known(&callers, 7, 1000);
        let dialog = place.dialog(1000).unwrap();
        callers.left(":1.7");
        assert!(place.peer.has_left());
        drop((place, dialog));
        assert!(callers.is_empty());
        callers.left(":1.8");
    }
}
