//! What the desktop program is asked, over the session bus.

use std::time::Duration;

use wallwatch::text;
use wallwatch_dbus::ControlProxy;
use wallwatch_helper::clock;
use zbus::{connection, proxy::CacheProperties};

use crate::{error::Error, print::Printer};

/// The desktop program has so long to answer a call; it asks nobody.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A call to the desktop program that went wrong.
fn failed(error: zbus::Error) -> Error {
    Error::from_call(error, Error::DesktopNotRunning)
}

/// Reaches the desktop program.
async fn connect() -> Result<ControlProxy<'static>, Error> {
    let connection = connection::Builder::session()
        .method_timeout(CALL_TIMEOUT)
        .build()
        .await
        .map_err(Error::NoSessionBus)?;
    let builder = ControlProxy::builder(&connection).cache_properties(CacheProperties::No);
    builder.build().await.map_err(failed)
}

/// `pause`: no popups for so many seconds; 0 is until resumed.
pub(crate) async fn pause(seconds: u64, printer: &mut Printer) -> Result<(), Error> {
    let desktop = connect().await?;
    desktop.pause(seconds).await.map_err(failed)?;
    let until = desktop.paused_until().await.map_err(failed)?;
    if printer.json() {
        return printer.line(&serde_json::json!({ "paused_until": until }).to_string());
    }
    printer.note(&text::paused(until, clock::now().0))
}

/// `resume`: popups again.
pub(crate) async fn resume(printer: &mut Printer) -> Result<(), Error> {
    connect().await?.resume().await.map_err(failed)?;
    printer.note("Popups are shown again.")
}
