//! What calls ask of the history: alerts, counts, and to forget.
use wallwatch_dbus::{Alert, AlertFilter, Error, NoiseCount, Statistics};
use zbus::fdo;

use super::{Refusal, Service};
use crate::store::QueryError;

impl Service {
    pub(super) async fn alerts(
        &self,
        after_seq: u64,
        limit: u32,
        filter: AlertFilter,
    ) -> Result<Vec<Alert>, Refusal> {
        let found = self.history.query(after_seq, limit, filter).await;
        found.map_err(|error| refusal(&error))
    }

    pub(super) async fn alert(&self, id: u64) -> Result<Alert, Refusal> {
        let found = self.history.alert(id).await;
        let found = found.map_err(|error| refusal(&error))?;
        found.ok_or_else(|| {
            Box::new(Error::NotFound(format!(
                "There is no alert {id}, or it is so old that it was forgotten: wallwatchctl alerts lists those that are known."
            ))) as Refusal
        })
    }

    pub(super) async fn statistics(
        &self,
        from: i64,
        to: i64,
        buckets: u32,
    ) -> Result<Statistics, Refusal> {
        let counted = self.history.statistics(from, to, buckets).await;
        counted.map_err(|error| refusal(&error))
    }

    pub(super) async fn noise(&self, from: i64, to: i64) -> Result<Vec<NoiseCount>, Refusal> {
        let counted = self.history.noise(from, to).await;
        counted.map_err(|error| refusal(&error))
    }

    pub(super) async fn clear(&self, before: i64) -> Result<(), Refusal> {
        let cleared = self.history.clear(before).await;
        cleared.map_err(|error| refusal(&error))
    }
}

/// Why the history does not answer, for the caller.
fn refusal(error: &QueryError) -> Refusal {
    let sentence = format!("{error}.");
    match error {
        QueryError::NoAnswer => Box::new(Error::Failed(sentence)),
        _ => fdo::Error::InvalidArgs(sentence).into(),
    }
}
