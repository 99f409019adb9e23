//! What calls ask of the history: alerts, counts, and to forget.
#![expect(
    clippy::unused_async,
    reason = "the history answers from a thread of its own"
)]

use wallwatch_dbus::{Alert, AlertFilter, Error, NoiseCount, Statistics};
use zbus::fdo;

use super::{Refusal, Service};

impl Service {
    pub(super) async fn alerts(
        &self,
        after_seq: u64,
        limit: u32,
        filter: AlertFilter,
    ) -> Result<Vec<Alert>, Refusal> {
        let found = self.history.query(after_seq, limit, filter).await;
        found.map_err(|error| fdo::Error::InvalidArgs(format!("{error}.")).into())
    }

    pub(super) async fn alert(&self, id: u64) -> Result<Alert, Refusal> {
        self.history.alert(id).await.ok_or_else(|| {
            Box::new(Error::NotFound(format!(
                "There is no alert {id}, or it is so old that it was forgotten: wallwatchctl alerts lists those that are known."
            ))) as Refusal
        })
    }

    pub(super) async fn statistics(
        &self,
        _from: i64,
        _to: i64,
        _buckets: u32,
    ) -> Result<Statistics, Refusal> {
        Err(Box::new(Error::Failed(
            "Nothing is counted yet.".to_owned(),
        )))
    }

    pub(super) async fn noise(&self, _from: i64, _to: i64) -> Result<Vec<NoiseCount>, Refusal> {
        Err(Box::new(Error::Failed(
            "Nothing is counted yet.".to_owned(),
        )))
    }

    pub(super) async fn clear(&self, _before: i64) -> Result<(), Refusal> {
        Err(Box::new(Error::Failed(
            "Nothing is forgotten yet.".to_owned(),
        )))
    }
}
