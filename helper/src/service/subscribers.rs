//! Who gets the signals: connections that polkit let in, until they leave the bus or are no longer let in.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use zbus::{fdo, names::OwnedUniqueName};

use crate::authority::Judgement;

/// So many connections may subscribe.
const MOST: usize = 64;
/// So many of one user.
const MOST_OF_USER: usize = 8;

/// The connections.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    // A std mutex, because nothing is awaited while it is held.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    subscriptions: BTreeMap<OwnedUniqueName, Subscription>,
    next_number: u64,
}

/// What is known of a subscriber.
#[derive(Debug, Clone, Copy)]
struct Subscription {
    uid: u32,
    /// Did an administrator give his password for it?
    by_password: bool,
    /// Which time of subscribing this is, of all.
    number: u64,
}

/// A subscriber as it was when it was about to be judged again.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) name: OwnedUniqueName,
    number: u64,
}

impl Subscribers {
    /// Adds a connection of the user `uid`; one that is there already stays there.
    pub(super) fn add(
        &self,
        name: OwnedUniqueName,
        uid: u32,
        by_password: bool,
    ) -> Result<(), fdo::Error> {
        let mut table = self.lock();
        let Table {
            subscriptions,
            next_number,
        } = &mut *table;
        let known = subscriptions.get(&name);
        let of_user = subscriptions.values().filter(|other| other.uid == uid);
        if known.is_none() && (subscriptions.len() >= MOST || of_user.count() >= MOST_OF_USER) {
            return Err(fdo::Error::LimitsExceeded(
                "Too many programs watch already: end some of them, and try again.".to_owned(),
            ));
        }
        let subscription = Subscription {
            uid,
            // A password that was given once is good until the connection leaves.
            by_password: by_password || known.is_some_and(|known| known.by_password),
            number: *next_number,
        };
        *next_number += 1;
        subscriptions.insert(name, subscription);
        Ok(())
    }

    /// Removes a connection; one that is not there is no matter.
    pub(super) fn remove(&self, name: &str) {
        self.lock().subscriptions.remove(name);
    }

    /// Is this connection there?
    pub(super) fn contains(&self, name: &OwnedUniqueName) -> bool {
        self.lock().subscriptions.contains_key(name)
    }

    /// The connections.
    pub(super) fn names(&self) -> Vec<OwnedUniqueName> {
        self.lock().subscriptions.keys().cloned().collect()
    }

    /// All who are there now, to be judged again.
    pub(super) fn all(&self) -> Vec<Subscriber> {
        let table = self.lock();
        let subscriptions = table.subscriptions.iter();
        subscriptions
            .map(|(name, subscription)| Subscriber {
                name: name.clone(),
                number: subscription.number,
            })
            .collect()
    }

    /// Drops one who would not be let in any more, unless he subscribed anew meanwhile. For whom a password was given, he need not be
    /// given it again.
    pub(super) fn judged(&self, subscriber: &Subscriber, judgement: Judgement) {
        let mut table = self.lock();
        let Some(subscription) = table.subscriptions.get(&subscriber.name) else {
            return;
        };
        let stays = match judgement {
            Judgement::Allowed | Judgement::AllowedByPassword => true,
            Judgement::Challenged => subscription.by_password,
            Judgement::Refused | Judgement::Dismissed => false,
        };
        if !stays && subscription.number == subscriber.number {
            table.subscriptions.remove(&subscriber.name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
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
            subscribers.add(name(n), uid, false).unwrap();
            subscribers.add(name(n), uid, false).unwrap();
            if n % MOST_OF_USER == MOST_OF_USER - 1 {
                assert!(
                    subscribers.add(name(1000), uid, false).is_err(),
                    "the ninth of user {uid}"
                );
            }
        }
        assert!(
            subscribers.add(name(1000), 1000, false).is_err(),
            "the sixty-fifth"
        );
        subscribers.remove(":1.3");
        subscribers.add(name(1000), 1000, false).unwrap();
        assert_eq!(subscribers.names().len(), MOST);
    }
    /// Is a subscriber still there, who was let in so and is then judged so?
    fn stays(by_password: bool, judgement: Judgement) -> bool {
        let subscribers = Subscribers::default();
        subscribers.add(name(1), 1000, by_password).unwrap();
        let all = subscribers.all();
        subscribers.judged(&all[0], judgement);
        subscribers.contains(&name(1))
    }

    #[test]
    fn who_would_not_be_let_in_any_more_is_dropped_but_no_password_is_asked_for_twice() {
        for by_password in [false, true] {
            assert!(stays(by_password, Judgement::Allowed));
            assert!(stays(by_password, Judgement::AllowedByPassword));
            assert!(!stays(by_password, Judgement::Refused));
        }
        assert!(stays(true, Judgement::Challenged));
        assert!(!stays(false, Judgement::Challenged));
    }

    #[test]
    fn a_password_that_was_given_counts_until_the_connection_leaves() {
        let subscribers = Subscribers::default();
        subscribers.add(name(1), 1000, true).unwrap();
        subscribers.add(name(1), 1000, false).unwrap();
        subscribers.judged(&subscribers.all()[0], Judgement::Challenged);
        assert!(subscribers.contains(&name(1)));
        subscribers.remove(":1.1");
        subscribers.add(name(1), 1000, false).unwrap();
        subscribers.judged(&subscribers.all()[0], Judgement::Challenged);
        assert!(!subscribers.contains(&name(1)));
    }

    #[test]
    fn an_old_judgement_does_not_drop_who_subscribed_anew() {
        let subscribers = Subscribers::default();
        subscribers.add(name(1), 1000, false).unwrap();
        let before = subscribers.all();
        subscribers.add(name(1), 1000, false).unwrap();
        subscribers.judged(&before[0], Judgement::Refused);
        assert!(subscribers.contains(&name(1)));
    }
}
