//! A client of the helper that notes when it is told of an alert.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::SystemTime,
};

use futures_lite::StreamExt as _;
use tokio::{runtime, sync::oneshot};
use wallwatch_dbus::{Alert, Helper1Proxy};

use crate::{process::wall_clock, system_bus::SystemBus};

/// What was told so far, each with its time.
type List = Arc<Mutex<Vec<(Alert, SystemTime)>>>;

/// The client; `Drop` ends it.
#[derive(Debug)]
pub struct Raised {
    list: List,
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Raised {
    /// Subscribes as root to the helper on this bus.
    #[must_use]
    pub fn watch(bus: &SystemBus) -> Self {
        let (list, address) = (List::default(), bus.address());
        let (end, ended) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let to = Arc::clone(&list);
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async {
                tokio::select! {
                    () = listen(&address, &to, ready) => {}
                    _ = ended => {}
                }
            });
        });
        is_ready.recv().expect("the helper takes a subscriber");
        Self {
            list,
            end: Some(end),
            thread: Some(thread),
        }
    }

    /// The alerts that were raised, each with the time at which this client was told.
    #[must_use]
    pub fn alerts(&self) -> Vec<(Alert, SystemTime)> {
        self.list
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn listen(address: &str, list: &List, ready: mpsc::Sender<()>) {
    let builder = zbus::connection::Builder::address(address);
    let connection = builder.build().await.expect("the bus takes connections");
    let helper = Helper1Proxy::new(&connection)
        .await
        .expect("the proxy is made");
    let mut raised = helper
        .receive_alert_raised()
        .await
        .expect("signals can be received");
    helper.subscribe().await.expect("root may subscribe");
    ready.send(()).expect("the test waits for it");
    while let Some(signal) = raised.next().await {
        let now = wall_clock();
        let told = signal.args().expect("the helper keeps to the contract");
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        list.push((told.alert.clone(), now));
    }
}
