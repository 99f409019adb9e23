//! `watch`: alerts as they come.
//!
//! A scan changes its incident many times a second; a person wants to read that it began, that it grew worse, and how far it got.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, sleep_until};
use wallwatch::{
    bus::{self, HelperEvent},
    text,
};
use wallwatch_dbus::Alert;

use crate::{error::Error, print::Printer};

/// An incident that did not change for this long has come to rest, and how far it got is printed.
const REST: Duration = Duration::from_secs(2);

/// An incident that changed since it was printed.
#[derive(Debug)]
struct Pending {
    /// Its last state.
    alert: Alert,
    /// When it has come to rest.
    rests_at: Instant,
}

/// What was printed, and what is to be.
#[derive(Debug, Default)]
struct Watch {
    /// The state of each incident as printed, by its id, while it is open.
    printed: BTreeMap<u64, Alert>,
    /// Changed incidents, by their id.
    pending: BTreeMap<u64, Pending>,
    /// Was the helper reached?
    reached: bool,
}

/// Prints until the helper's stream ends, which it does not, or the reader of the output goes away.
pub(crate) async fn run(printer: &mut Printer) -> Result<(), Error> {
    let mut events = bus::watch(0);
    let mut watch = Watch::default();
    loop {
        let rests_at = watch.pending.values().map(|pending| pending.rests_at).min();
        let rest = async {
            match rests_at {
                Some(time) => sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => watch.take(event, printer)?,
                None => return Ok(()),
            },
            () = rest => watch.rested(Instant::now(), printer)?,
        }
    }
}

impl Watch {
    /// Takes in what the helper says.
    fn take(&mut self, event: HelperEvent, printer: &mut Printer) -> Result<(), Error> {
        if printer.json() {
            return self.take_json(&event, printer);
        }
        match event {
            HelperEvent::Up(status) | HelperEvent::Status(status) => {
                let first = !std::mem::replace(&mut self.reached, true);
                if !status.watching {
                    printer.note(&text::not_watching(&status.reason, &status.mend))
                } else if !status.reason.is_empty() {
                    printer.note(&text::partly_watching(&status.reason, &status.mend))
                } else if first {
                    printer.note(
                        "Watching the firewall. Alerts are printed as they come; Ctrl+C ends.",
                    )
                } else {
                    Ok(())
                }
            }
            HelperEvent::Known(_) => Ok(()),
            HelperEvent::Afresh => {
                self.printed.clear();
                self.pending.clear();
                Ok(())
            }
            HelperEvent::Raised(alert) => self.print(alert, printer),
            HelperEvent::Updated(alert) => match self.printed.get(&alert.id) {
                Some(before) if before.severity < alert.severity => self.print(alert, printer),
                _ => {
                    let pending = Pending {
                        rests_at: Instant::now() + REST,
                        alert,
                    };
                    self.pending.insert(pending.alert.id, pending);
                    Ok(())
                }
            },
            HelperEvent::Closed { id, .. } => {
                if let Some(Pending { alert, .. }) = self.pending.remove(&id) {
                    self.print(alert, printer)?;
                }
                self.printed.remove(&id);
                Ok(())
            }
            HelperEvent::Down(reason) if !self.reached => Err(Error::from_reason(&reason)),
            HelperEvent::Down(reason) => printer.note(&reason.sentence()),
        }
    }

    /// Prints an event as one JSON object.
    fn take_json(&mut self, event: &HelperEvent, printer: &mut Printer) -> Result<(), Error> {
        let line = match event {
            HelperEvent::Up(status) | HelperEvent::Status(status) => {
                self.reached = true;
                serde_json::json!({ "change": "status", "status": status.to_json() })
            }
            HelperEvent::Known(_) => return Ok(()),
            HelperEvent::Afresh => serde_json::json!({ "change": "afresh" }),
            HelperEvent::Raised(alert) => {
                serde_json::json!({ "change": "raised", "alert": alert.to_json() })
            }
            HelperEvent::Updated(alert) => {
                serde_json::json!({ "change": "updated", "alert": alert.to_json() })
            }
            HelperEvent::Closed { seq, id } => {
                serde_json::json!({ "change": "closed", "seq": seq, "id": id })
            }
            HelperEvent::Down(reason) if !self.reached => return Err(Error::from_reason(reason)),
            HelperEvent::Down(reason) => {
                serde_json::json!({ "change": "down", "reason": reason.to_string(), "mend": reason.mend() })
            }
        };
        printer.json_line(&line)
    }

    /// Prints an incident now.
    fn print(&mut self, alert: Alert, printer: &mut Printer) -> Result<(), Error> {
        self.pending.remove(&alert.id);
        printer.alert(&alert)?;
        self.printed.insert(alert.id, alert);
        Ok(())
    }

    /// Prints the incidents that have come to rest, if more of them is to be told than was.
    fn rested(&mut self, now: Instant, printer: &mut Printer) -> Result<(), Error> {
        let ids: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.rests_at <= now)
            .map(|(&id, _)| id)
            .collect();
        let alerts: Vec<Alert> = ids
            .iter()
            .filter_map(|id| self.pending.remove(id))
            .map(|pending| pending.alert)
            .collect();
        for alert in alerts {
            let told = self.printed.get(&alert.id);
            if told.is_none_or(|told| text::sentence(told) != text::sentence(&alert)) {
                self.print(alert, printer)?;
            }
        }
        Ok(())
    }
}
