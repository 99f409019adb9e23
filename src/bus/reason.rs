//! Why the helper cannot be reached, in words, and what mends it.

use std::fmt;

use zbus::{DBusError as _, fdo};

/// Why the helper cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is no system bus.
    NoBus,
    /// Nobody owns the helper's name, and it could not be started.
    NotRunning,
    /// polkit says that this user may not see alerts.
    NotAuthorised,
    /// polkit let this session see alerts and does not now, as while another user's session is in front.
    Waiting,
    /// The helper could not ask polkit.
    PolkitAway,
    /// The helper does not answer, or answers with an error; its words, which may be anybody's.
    Failed(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBus => f.write_str("there is no system bus."),
            Self::NotRunning => f.write_str("the Wallwatch helper is not running."),
            Self::NotAuthorised => f.write_str("this user may not see the firewall's alerts here."),
            Self::Waiting => f.write_str(crate::text::WAITING),
            Self::PolkitAway => f.write_str("polkit does not answer, so nobody is let in."),
            Self::Failed(words) => write!(
                f,
                "the Wallwatch helper does not answer as it should: {}.",
                crate::text::sanitize_sentences(words.trim_end_matches('.'))
            ),
        }
    }
}

impl Reason {
    /// The state that it means, in whole sentences.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Waiting => crate::text::WAITING.to_owned(),
            reason => crate::text::not_watching(&reason.to_string(), reason.mend()),
        }
    }

    /// The command that would mend it, or a sentence where no command does.
    #[must_use]
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::NoBus => "sudo systemctl start dbus",
            Self::NotRunning => "sudo systemctl start wallwatch-helper",
            Self::NotAuthorised => {
                "log in at this computer itself, or ask its administrator for the right org.wallwatch.helper1.monitor"
            }
            Self::Waiting => "switch back to this session; what was missed is told then",
            Self::PolkitAway => "sudo systemctl start polkit",
            Self::Failed(_) => "sudo systemctl restart wallwatch-helper",
        }
    }
}

impl From<zbus::Error> for Reason {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::FDO(error) => Self::from(*error),
            // Under systemd an activation that failed is told in systemd's words.
            zbus::Error::MethodError(name, ..) if name.starts_with("org.freedesktop.systemd1.") => {
                Self::NotRunning
            }
            zbus::Error::MethodError(name, words, _) => {
                Self::Failed(words.unwrap_or_else(|| name.to_string()))
            }
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<fdo::Error> for Reason {
    fn from(error: fdo::Error) -> Self {
        match error {
            // No reply is what the bus answers where the helper ended over the question.
            fdo::Error::ServiceUnknown(_)
            | fdo::Error::NameHasNoOwner(_)
            | fdo::Error::NoReply(_) => Self::NotRunning,
            fdo::Error::AccessDenied(_) | fdo::Error::InteractiveAuthorizationRequired(_) => {
                Self::NotAuthorised
            }
            fdo::Error::AuthFailed(_) => Self::PolkitAway,
            // Activation that failed.
            other
                if other
                    .name()
                    .starts_with("org.freedesktop.DBus.Error.Spawn.") =>
            {
                Self::NotRunning
            }
            other => Self::Failed(
                other
                    .description()
                    .map_or_else(|| other.to_string(), str::to_owned),
            ),
        }
    }
}
