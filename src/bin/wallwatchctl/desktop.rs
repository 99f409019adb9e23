//! What the desktop program is asked, over the session bus.

use wallwatch::text;
use wallwatch_dbus::ControlProxy;
use wallwatch_helper::clock;
use zbus::Connection;

use crate::{error::Error, print::Printer};

/// A call to the desktop program that went wrong.
fn failed(error: zbus::Error) -> Error {
    Error::from_call(error, Error::DesktopNotRunning)
}

/// Reaches the desktop program.
async fn connect() -> Result<ControlProxy<'static>, Error> {
    let connection = Connection::session().await.map_err(Error::NoSessionBus)?;
    ControlProxy::new(&connection).await.map_err(failed)
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
