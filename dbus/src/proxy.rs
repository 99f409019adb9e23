//! The clients' side of the two interfaces. (Private, because the macros write public items without documentation.)
#![expect(
    missing_docs,
    reason = "the macros write items that cannot carry documentation; the XML describes the interface"
)]

use crate::{
    alert::{Alert, AlertFilter},
    rule::Rule,
    statistics::{NoiseCount, Statistics},
    status::Status,
};

#[zbus::proxy(
    interface = "org.wallwatch.Helper1",
    default_service = "org.wallwatch.Helper1",
    default_path = "/org/wallwatch/Helper1"
)]
pub trait Helper1 {
    /// Sends this connection alerts from now on; returns the last sequence number.
    fn subscribe(&self) -> zbus::Result<u64>;
    fn unsubscribe(&self) -> zbus::Result<()>;
    fn get_alerts(
        &self,
        after_seq: u64,
        limit: u32,
        filter: AlertFilter,
    ) -> zbus::Result<Vec<Alert>>;
    fn get_alert(&self, id: u64) -> zbus::Result<Alert>;
    fn get_statistics(&self, from: i64, to: i64, buckets: u32) -> zbus::Result<Statistics>;
    fn get_noise(&self, from: i64, to: i64) -> zbus::Result<Vec<NoiseCount>>;
    fn get_status(&self) -> zbus::Result<Status>;
    #[zbus(allow_interactive_auth)]
    fn set_capture(&self, on: bool) -> zbus::Result<()>;
    #[zbus(allow_interactive_auth)]
    fn add_rule(&self, rule: Rule) -> zbus::Result<u64>;
    #[zbus(allow_interactive_auth)]
    fn remove_rule(&self, id: u64) -> zbus::Result<()>;
    #[zbus(allow_interactive_auth)]
    fn list_rules(&self) -> zbus::Result<Vec<Rule>>;
    #[zbus(allow_interactive_auth)]
    fn clear_history(&self, before: i64) -> zbus::Result<()>;
    #[zbus(allow_interactive_auth)]
    fn reload(&self) -> zbus::Result<()>;
    fn send_test_alert(&self) -> zbus::Result<u64>;

    #[zbus(signal)]
    fn alert_raised(&self, seq: u64, alert: Alert) -> zbus::Result<()>;
    #[zbus(signal)]
    fn alert_updated(&self, seq: u64, alert: Alert) -> zbus::Result<()>;
    #[zbus(signal)]
    fn alert_closed(&self, seq: u64, id: u64) -> zbus::Result<()>;
    #[zbus(signal)]
    fn status_changed(&self, status: Status) -> zbus::Result<()>;

    #[zbus(property)]
    fn version(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn capturing(&self) -> zbus::Result<bool>;
}

#[zbus::proxy(
    interface = "org.wallwatch.Wallwatch.Control",
    default_service = "org.wallwatch.Wallwatch.Control",
    default_path = "/org/wallwatch/Control"
)]
pub trait Control {
    /// Holds popups back for so many seconds; 0 is until resumed.
    fn pause(&self, seconds: u64) -> zbus::Result<()>;
    fn resume(&self) -> zbus::Result<()>;
    /// Shows an incident, or with 0 the window.
    fn show(&self, id: u64) -> zbus::Result<()>;
    /// Was this incident's popup shown on the screen?
    fn was_shown(&self, id: u64) -> zbus::Result<bool>;

    /// Microseconds since 1970; 0 is not paused, `i64::MAX` until resumed.
    #[zbus(property)]
    fn paused_until(&self) -> zbus::Result<i64>;
}
