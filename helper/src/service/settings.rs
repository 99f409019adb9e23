//! What calls change for everybody: rules, and the configuration.

use tokio::sync::oneshot;
use wallwatch_dbus::{Error, Rule as Record};
use zbus::{Connection, fdo, message::Header};

use super::{Refusal, Service};
use crate::{
    rules::{self, AddError, RemoveError, Rule},
    steward::Order,
};

impl Service {
    pub(super) async fn new_rule(
        &self,
        record: Record,
        header: &Header<'_>,
        connection: &Connection,
    ) -> Result<u64, Refusal> {
        let rule = Rule::try_from(&record)
            .map_err(|sentence| fdo::Error::InvalidArgs(format!("{}.", capitalised(&sentence))))?;
        let sender = header
            .sender()
            .ok_or_else(|| fdo::Error::AccessDenied("The call has no sender.".to_owned()))?;
        let bus = fdo::DBusProxy::new(connection).await?;
        let uid = bus.get_connection_unix_user(sender.clone().into()).await?;
        let added = self.order(|reply| Order::Add(Box::new(rule), uid, reply));
        added.await?.map_err(|error| refusal(&error))
    }

    pub(super) async fn drop_rule(&self, id: u64) -> Result<(), Refusal> {
        let removed = self.order(|reply| Order::Remove(id, reply)).await?;
        removed.map_err(|error| refusal(&error))
    }

    pub(super) async fn rules(&self) -> Result<Vec<Record>, Refusal> {
        self.order(Order::List).await
    }

    pub(super) async fn read_config(&self) -> Result<(), Refusal> {
        let read = self.order(Order::Reload).await?;
        read.map_err(|sentence| Box::new(Error::Failed(sentence)) as Refusal)
    }

    /// Has an order carried out, and waits for that.
    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, Refusal> {
        let busy = || {
            fdo::Error::LimitsExceeded(
                "Too much is being changed at a time: try again in a moment.".to_owned(),
            )
        };
        let (reply, answer) = oneshot::channel();
        self.orders.try_send(order(reply)).map_err(|_| busy())?;
        answer.await.map_err(|_| busy().into())
    }
}

fn refusal(error: &rules::Error) -> Refusal {
    let sentence = error.to_string();
    match error {
        rules::Error::Add(AddError::Full) => Box::new(fdo::Error::LimitsExceeded(sentence)),
        rules::Error::Add(AddError::Fixed) | rules::Error::Remove(RemoveError::Fixed) => {
            Box::new(Error::FixedByConfig(sentence))
        }
        rules::Error::Remove(RemoveError::Unknown(_)) => Box::new(Error::NotFound(sentence)),
        rules::Error::Write { .. } => Box::new(Error::Failed(sentence)),
    }
}

/// A sentence of a file's mistake, as it begins when it stands alone.
fn capitalised(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
