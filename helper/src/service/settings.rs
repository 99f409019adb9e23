//! What calls change for everybody: rules, and the configuration.
#![expect(
    clippy::unused_async,
    reason = "rules and configuration are kept by tasks of their own"
)]

use wallwatch_dbus::{Error, Rule};
use zbus::{Connection, message::Header};

use super::{Refusal, Service};

impl Service {
    pub(super) async fn new_rule(
        &self,
        _rule: Rule,
        _header: &Header<'_>,
        _connection: &Connection,
    ) -> Result<u64, Refusal> {
        Err(Box::new(Error::Failed("No rule is kept yet.".to_owned())))
    }

    pub(super) async fn drop_rule(&self, _id: u64) -> Result<(), Refusal> {
        Err(Box::new(Error::Failed("No rule is kept yet.".to_owned())))
    }

    pub(super) async fn rules(&self) -> Result<Vec<Rule>, Refusal> {
        Err(Box::new(Error::Failed("No rule is kept yet.".to_owned())))
    }

    pub(super) async fn read_config(&self) -> Result<(), Refusal> {
        Err(Box::new(Error::Failed(
            "Nothing is read again yet.".to_owned(),
        )))
    }
}
