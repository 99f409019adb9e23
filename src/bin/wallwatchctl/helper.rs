//! What the helper is asked, over the system bus.

use std::time::Duration;

use wallwatch::bus;
use wallwatch_dbus::Helper1Proxy;

use crate::{args::Wanted, error::Error, print::Printer};

/// A call to the helper that went wrong.
pub(crate) fn failed(error: zbus::Error) -> Error {
    Error::from_call(error, Error::HelperNotRunning)
}

/// Reaches the helper, for calls that have so long to be answered.
pub(crate) async fn connect(timeout: Duration) -> Result<Helper1Proxy<'static>, Error> {
    let connection = bus::connect(timeout)
        .await
        .map_err(|reason| Error::from_reason(&reason))?;
    bus::proxy(&connection)
        .await
        .map_err(|reason| Error::from_reason(&reason))
}

/// `status`: is the firewall watched?
pub(crate) async fn status(printer: &mut Printer) -> Result<(), Error> {
    let status = connect(bus::CALL_TIMEOUT)
        .await?
        .get_status()
        .await
        .map_err(failed)?;
    printer.status(&status)
}

/// `alerts`: the past.
pub(crate) async fn alerts(wanted: &Wanted, printer: &mut Printer) -> Result<(), Error> {
    let helper = connect(bus::CALL_TIMEOUT).await?;
    let mut alerts = helper
        .get_alerts(0, wanted.limit, wanted.filter())
        .await
        .map_err(failed)?;
    if alerts.is_empty() {
        return printer.note("No alerts.");
    }
    // The newest were asked for; on a terminal the newest belongs next to the prompt.
    alerts.reverse();
    alerts.iter().try_for_each(|alert| printer.alert(alert))
}

/// `show`: one of them in full.
pub(crate) async fn show(id: u64, printer: &mut Printer) -> Result<(), Error> {
    let helper = connect(bus::CALL_TIMEOUT).await?;
    let alert = helper.get_alert(id).await.map_err(failed)?;
    printer.alert_in_full(&alert)
}

/// `test-alert`: the whole way to the screen.
pub(crate) async fn test_alert(printer: &mut Printer) -> Result<(), Error> {
    let id = connect(bus::CALL_TIMEOUT)
        .await?
        .send_test_alert()
        .await
        .map_err(failed)?;
    if printer.json() {
        return printer.line(&serde_json::json!({ "id": id }).to_string());
    }
    printer.note(&format!(
        "Sent test alert {id}. It pops up on every desktop where Wallwatch runs and is not paused."
    ))
}

/// `capture`: by the own nftables table, or not.
pub(crate) async fn capture(on: bool, printer: &mut Printer) -> Result<(), Error> {
    let helper = connect(bus::DIALOG_TIMEOUT).await?;
    helper.set_capture(on).await.map_err(failed)?;
    printer.note(if on {
        "Packets are captured from now on."
    } else {
        "Packets are no longer captured."
    })
}
