//! The methods as they stand on the bus. (Private, because the macro writes public items without documentation.)

use wallwatch_dbus::{Alert, AlertFilter, NoiseCount, Rule, Statistics, Status, names};
use zbus::{Connection, message::Header, object_server::SignalEmitter};

use super::{Refusal, Service};

#[zbus::interface(name = "org.wallwatch.Helper1", introspection_docs = false)]
impl Service {
    #[zbus(out_args("last_seq"))]
    async fn subscribe(&self, #[zbus(header)] header: Header<'_>) -> Result<u64, Refusal> {
        self.add_subscriber(&header).await?;
        Ok(self.board.last_seq())
    }

    // Asks for no right and costs nothing: it can only take away what the caller has.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the macro hands the header over"
    )]
    fn unsubscribe(&self, #[zbus(header)] header: Header<'_>) {
        if let Some(sender) = header.sender() {
            self.subscribers.remove(sender.as_str());
        }
    }

    #[zbus(out_args("alerts"))]
    async fn get_alerts(
        &self,
        after_seq: u64,
        limit: u32,
        filter: AlertFilter,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<Alert>, Refusal> {
        let _pass = self.let_in(&header, names::ACTION_MONITOR).await?;
        self.alerts(after_seq, limit, filter).await
    }

    #[zbus(out_args("alert"))]
    async fn get_alert(
        &self,
        id: u64,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Alert, Refusal> {
        let _pass = self.let_in(&header, names::ACTION_MONITOR).await?;
        self.alert(id).await
    }

    #[zbus(out_args("statistics"))]
    async fn get_statistics(
        &self,
        from: i64,
        to: i64,
        buckets: u32,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Statistics, Refusal> {
        let _pass = self.let_in(&header, names::ACTION_MONITOR).await?;
        self.statistics(from, to, buckets).await
    }

    #[zbus(out_args("noise"))]
    async fn get_noise(
        &self,
        from: i64,
        to: i64,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<NoiseCount>, Refusal> {
        let _pass = self.let_in(&header, names::ACTION_MONITOR).await?;
        self.noise(from, to).await
    }

    #[zbus(out_args("status"))]
    async fn get_status(&self, #[zbus(header)] header: Header<'_>) -> Result<Status, Refusal> {
        let _pass = self.let_in(&header, names::ACTION_MONITOR).await?;
        Ok(self.board.status())
    }

    async fn set_capture(
        &self,
        on: bool,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Refusal> {
        let _pass = self.let_in(&header, names::ACTION_CONFIGURE).await?;
        self.switch_capture(on).await
    }

    #[zbus(out_args("id"))]
    async fn add_rule(
        &self,
        rule: Rule,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<u64, Refusal> {
        let _pass = self.let_in(&header, names::ACTION_CONFIGURE).await?;
        self.new_rule(rule, &header, connection).await
    }

    async fn remove_rule(
        &self,
        id: u64,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Refusal> {
        let _pass = self.let_in(&header, names::ACTION_CONFIGURE).await?;
        self.drop_rule(id).await
    }

    #[zbus(out_args("rules"))]
    async fn list_rules(&self, #[zbus(header)] header: Header<'_>) -> Result<Vec<Rule>, Refusal> {
        let _pass = self.let_in(&header, names::ACTION_CONFIGURE).await?;
        self.rules().await
    }

    async fn clear_history(
        &self,
        before: i64,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Refusal> {
        let _pass = self.let_in(&header, names::ACTION_CONFIGURE).await?;
        self.clear(before).await
    }

    async fn reload(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Refusal> {
        let _pass = self.let_in(&header, names::ACTION_CONFIGURE).await?;
        self.read_config().await
    }

    #[zbus(out_args("id"))]
    async fn send_test_alert(&self, #[zbus(header)] header: Header<'_>) -> Result<u64, Refusal> {
        let _pass = self.let_in(&header, names::ACTION_MONITOR).await?;
        self.test_alert().await
    }

    #[zbus(signal)]
    pub(super) async fn alert_raised(
        emitter: &SignalEmitter<'_>,
        seq: u64,
        alert: &Alert,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn alert_updated(
        emitter: &SignalEmitter<'_>,
        seq: u64,
        alert: &Alert,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn alert_closed(
        emitter: &SignalEmitter<'_>,
        seq: u64,
        id: u64,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn status_changed(
        emitter: &SignalEmitter<'_>,
        status: &Status,
    ) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "const"))]
    #[expect(clippy::unused_self, reason = "a property has a receiver")]
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    #[zbus(property)]
    fn capturing(&self) -> bool {
        self.board.capture.is_on()
    }
}
