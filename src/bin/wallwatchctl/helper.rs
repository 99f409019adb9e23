//! What the helper is asked, over the system bus.

use std::time::Duration;

use wallwatch::{bus, text};
use wallwatch_dbus::Helper1Proxy;

use crate::{
    error::Error,
    print::Printer,
    wanted::{self, Page},
};

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
pub(crate) async fn alerts(page: &Page, printer: &mut Printer) -> Result<(), Error> {
    let helper = connect(bus::CALL_TIMEOUT).await?;
    let mut filter = page.filter()?;
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let mut alerts = Vec::new();
    loop {
        let wanted = (limit - alerts.len()).min(wanted::PAGE);
        let count = u32::try_from(wanted).unwrap_or(u32::MAX);
        let asked = helper.get_alerts(0, count, filter.clone());
        let newest = asked.await.map_err(failed)?;
        let is_last = newest.len() < wanted;
        filter.before_seq = newest.last().map_or(filter.before_seq, |oldest| oldest.seq);
        alerts.extend(newest);
        if is_last || alerts.len() >= limit {
            break;
        }
    }
    if alerts.is_empty() {
        return printer.note("No alerts.");
    }
    if alerts.len() >= limit && filter.before_seq > 1 {
        printer.note(&text::older_alerts(filter.before_seq))?;
    }
    // The newest were asked for; on a terminal the newest belongs next to the prompt.
    alerts
        .iter()
        .rev()
        .try_for_each(|alert| printer.alert(alert))
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
        return printer.json_line(&serde_json::json!({ "id": id }));
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
