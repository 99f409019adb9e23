//! Who gets the signals: connections that polkit let in, until they leave the bus.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use zbus::{fdo, names::OwnedUniqueName};

/// So many connections may subscribe.
const MOST: usize = 64;
/// So many of one user.
const MOST_OF_USER: usize = 8;

/// The connections and their users.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    // A std mutex, because nothing is awaited while it is held.
    users: Mutex<BTreeMap<OwnedUniqueName, u32>>,
}

impl Subscribers {
    /// Adds a connection of the user `uid`; one that is there already stays there.
    pub(super) fn add(&self, name: OwnedUniqueName, uid: u32) -> Result<(), fdo::Error> {
        let mut users = self.lock();
        if users.contains_key(&name) {
            return Ok(());
        }
        if users.len() >= MOST
            || users.values().filter(|other| **other == uid).count() >= MOST_OF_USER
        {
            return Err(fdo::Error::LimitsExceeded(
                "Too many programs watch already: end some of them, and try again.".to_owned(),
            ));
        }
        users.insert(name, uid);
        Ok(())
    }

    /// Removes a connection; one that is not there is no matter.
    pub(super) fn remove(&self, name: &str) {
        self.lock().retain(|other, _| other.as_str() != name);
    }

    /// The connections.
    pub(super) fn names(&self) -> Vec<OwnedUniqueName> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OwnedUniqueName, u32>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> OwnedUniqueName {
        OwnedUniqueName::try_from(format!(":1.{n}")).unwrap()
    }

    #[test]
    fn a_user_has_eight_subscriptions_and_all_users_have_sixty_four() {
        let subscribers = Subscribers::default();
        for n in 0..MOST {
            let uid = u32::try_from(n / MOST_OF_USER).unwrap();
            subscribers.add(name(n), uid).unwrap();
            subscribers.add(name(n), uid).unwrap();
            if n % MOST_OF_USER == MOST_OF_USER - 1 {
                assert!(
                    subscribers.add(name(1000), uid).is_err(),
                    "the ninth of user {uid}"
                );
            }
        }
        assert!(
            subscribers.add(name(1000), 1000).is_err(),
            "the sixty-fifth"
        );
        subscribers.remove(":1.3");
        subscribers.add(name(1000), 1000).unwrap();
        assert_eq!(subscribers.names().len(), MOST);
    }
}
