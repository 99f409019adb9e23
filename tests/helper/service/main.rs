//! The service as its clients, friend and foe, meet it on a real bus with a real polkitd.

mod capture;
mod delays;
mod ends;
mod floods;
mod questions;
mod rights;
mod secrets;
mod sessions;
mod slow;
mod subscriptions;
mod updates;

use std::time::Duration;

use wallwatch_dbus::Helper1Proxy;
use wallwatch_test_support::NetNs;
use zbus::Connection;

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);

/// The helper as this connection sees it.
async fn helper(connection: &Connection) -> Helper1Proxy<'static> {
    Helper1Proxy::new(connection)
        .await
        .expect("a proxy needs no answer")
}

/// The name of the error that an answer is.
fn error_name(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => zbus::DBusError::name(&*error).to_string(),
        other => panic!("no answer of the helper's: {other}"),
    }
}

fn has_table(ns: &NetNs) -> bool {
    ns.tables()
        .iter()
        .any(|table| table == "table inet wallwatch")
}
