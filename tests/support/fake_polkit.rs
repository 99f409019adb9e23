//! polkit's name and its signal, with no judge behind them.

use zbus::{Connection, connection};

use crate::background::Background;

/// polkit's name on the bus.
const NAME: &str = "org.freedesktop.PolicyKit1";
/// Its object, and the interface of it.
pub const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
/// See [`PATH`].
pub const INTERFACE: &str = "org.freedesktop.PolicyKit1.Authority";

/// Who has polkit's name; `Drop` gives it back.
#[derive(Debug)]
pub struct FakePolkit {
    connection: Connection,
    background: Background,
}

impl FakePolkit {
    /// Takes polkit's name on the bus at this address.
    #[must_use]
    pub fn start(address: &str) -> Self {
        let background = Background::start();
        let connection = background
            .run(async {
                connection::Builder::address(address)
                    .name(NAME)
                    .build()
                    .await
            })
            .expect("the name is free");
        Self {
            connection,
            background,
        }
    }

    /// Tells everybody that what is allowed may have changed.
    pub fn changed(&self) {
        self.background
            .run(
                self.connection
                    .emit_signal(None::<&str>, PATH, INTERFACE, "Changed", &()),
            )
            .expect("the bus is up");
    }
}
