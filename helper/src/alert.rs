//! Incidents: what detection finds, told as alerts that are raised once, updated in place and closed.

use wallwatch_dbus::Alert;

/// What became of an incident.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is new.
    Raised(Alert),
    /// It grew, or began again.
    Updated(Alert),
    /// It is over.
    Closed(Alert),
}

impl Change {
    /// The incident in its present state.
    #[must_use]
    pub const fn alert(&self) -> &Alert {
        match self {
            Self::Raised(alert) | Self::Updated(alert) | Self::Closed(alert) => alert,
        }
    }
}
