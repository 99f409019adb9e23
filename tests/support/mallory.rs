//! A stranger on a bus, who sends signals that look like somebody else's.

use serde::Serialize;
use zbus::{Connection, Message, connection, fdo, wire::DynamicType};

use crate::background::Background;

/// The stranger; `Drop` takes him off the bus.
#[derive(Debug)]
pub struct Mallory {
    connection: Connection,
    background: Background,
}

impl Mallory {
    /// Somebody on the bus at this address.
    #[must_use]
    pub fn join(address: &str) -> Self {
        let background = Background::start();
        let connection = background
            .run(async { connection::Builder::address(address).build().await })
            .expect("the bus takes connections");
        Self {
            connection,
            background,
        }
    }

    /// His own name.
    #[must_use]
    pub fn name(&self) -> String {
        self.connection
            .unique_name()
            .expect("a bus gives everybody a name")
            .to_string()
    }

    /// Sends a signal to all and, since no match rule holds for those, to each connection of the bus alone.
    pub fn signal(
        &self,
        path: &str,
        interface: &str,
        member: &str,
        body: &(impl Serialize + DynamicType),
    ) {
        self.background.run(async {
            let bus = fdo::DBusProxy::new(&self.connection)
                .await
                .expect("the bus is up");
            let names = bus.list_names().await.expect("the bus lists its names");
            let mut signals = vec![Message::signal(path, interface, member).build(body)];
            for name in names.iter().filter(|name| name.as_str().starts_with(':')) {
                let signal = Message::signal(path, interface, member).destination(name.as_str());
                signals.push(signal.build(body));
            }
            for signal in signals {
                let signal = signal.expect("the signal is well formed");
                self.connection.send(&signal).await.expect("the bus is up");
            }
        });
    }
}
