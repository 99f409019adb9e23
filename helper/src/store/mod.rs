//! The history: what became of incidents and of harmless packets, for those who ask later.
//!
//! [`History`] is the handle that everybody holds. Writing never waits; asking is a future.

mod memory;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wallwatch_dbus::{Alert, AlertFilter};

use self::memory::Store;
pub use self::memory::{DEFAULT_CAPACITY, MOST_RETURNED, QueryError};
use crate::{alert::Change, detect::Fact};

/// A handle of the history; its clones are handles of the same.
#[derive(Debug, Clone)]
pub struct History {
    store: Arc<Mutex<Store>>,
}

impl History {
    /// An empty history in memory, of at most so many incidents.
    #[must_use]
    pub fn in_memory(capacity: usize) -> Self {
        Self {
            store: Arc::new(Mutex::new(Store::new(capacity))),
        }
    }

    /// Notes what became of an incident, with its first packets. Does not wait for the disk.
    pub fn record(&self, change: &Change, facts: &[Fact]) {
        let mut store = self.lock();
        store.record(change);
        store.keep(change.alert().id, facts);
    }

    /// Alerts that changed after `after_seq`, at most `limit` of them (0 is as many as there may be), without evidence.
    #[expect(
        clippy::unused_async,
        reason = "a history on a disk has to be waited for"
    )]
    pub async fn query(
        &self,
        after_seq: u64,
        limit: u32,
        filter: AlertFilter,
    ) -> Result<Vec<Alert>, QueryError> {
        self.lock().query(after_seq, limit, &filter)
    }

    /// One incident in its latest state, with its first packets; `None` where it is not remembered.
    #[expect(
        clippy::unused_async,
        reason = "a history on a disk has to be waited for"
    )]
    pub async fn alert(&self, id: u64) -> Option<Alert> {
        self.lock().alert(id)
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
