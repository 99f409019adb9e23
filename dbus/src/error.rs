//! The errors of the helper's own, beside those of the D-Bus specification.

use zbus::DBusError;

/// An answer of the helper that is no result. Each carries a sentence that says what to do.
///
/// The standard errors are used where they fit: `AccessDenied` (polkit said no), `InteractiveAuthorizationRequired` (a password would be
/// needed and the caller did not allow a dialog), `AuthFailed` (polkit is away), `LimitsExceeded` and `InvalidArgs`.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.wallwatch.Error")]
pub enum Error {
    /// A standard error, or one of the connection's.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// The thing asked for does not exist.
    NotFound(String),
    /// What was asked for failed; the sentence says why and what mends it.
    Failed(String),
    /// The administrator's configuration decides this, so it cannot be changed over the bus.
    FixedByConfig(String),
}
