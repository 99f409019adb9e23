//! Why the helper ends by itself: a sentence that says what to do, and an exit code (sysexits.h).

use crate::config;

/// The bus was lost, or something else broke.
pub const EXIT_FAILURE: u8 = 1;
/// The command line is wrong.
pub const EXIT_USAGE: u8 = 2;
/// `EX_UNAVAILABLE`: there is no system bus, or the name is not to be had.
pub const EXIT_UNAVAILABLE: u8 = 69;
/// `EX_NOPERM`: neither capability.
pub const EXIT_NO_PERMISSION: u8 = 77;
/// `EX_CONFIG`: the configuration is broken.
pub const EXIT_CONFIG: u8 = 78;

/// The end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What is wrong and what to do.
    pub sentence: String,
}

impl Failure {
    /// Something that should not happen.
    #[must_use]
    pub fn other(cause: &dyn std::error::Error) -> Self {
        Self {
            code: EXIT_FAILURE,
            sentence: format!("{cause}."),
        }
    }

    /// The command line asks for nothing that there is.
    #[must_use]
    pub fn usage(cause: &str) -> Self {
        Self {
            code: EXIT_USAGE,
            sentence: format!("{cause}; see 'wallwatch-helper --help'."),
        }
    }

    /// The bus ended while it served.
    #[must_use]
    pub fn bus_lost() -> Self {
        Self {
            code: EXIT_FAILURE,
            sentence: "The system bus is gone, so nobody can be told of attacks.".to_owned(),
        }
    }

    /// The bus takes nothing more: somebody does not read what he was sent, and the bus counts it as the sender's.
    #[must_use]
    pub fn bus_stuck() -> Self {
        Self {
            code: EXIT_FAILURE,
            sentence: "The system bus takes nothing more from the helper, because some program does not read what it is sent: the helper has to \
                       begin anew, which systemd sees to."
                .to_owned(),
        }
    }

    /// The configuration cannot be used.
    #[must_use]
    pub fn config(cause: &config::Error) -> Self {
        Self {
            code: EXIT_CONFIG,
            // A key of the file may be named, and what is in it must not command the terminal.
            sentence: escape_control(&cause.to_string()),
        }
    }

    /// The helper has neither of the rights that its sources need.
    #[must_use]
    pub fn no_permission() -> Self {
        let sentence = format!(
            "The helper may neither listen to the firewall (CAP_NET_ADMIN) nor read the kernel's log (CAP_SYSLOG).\n\
             To mend it: {}",
            crate::source::start_command()
        );
        Self {
            code: EXIT_NO_PERMISSION,
            sentence,
        }
    }

    /// There is no system bus.
    #[must_use]
    pub fn no_bus(cause: &zbus::Error) -> Self {
        let sentence = format!(
            "There is no system bus to serve on ({cause}).\nTo mend it: sudo systemctl start dbus"
        );
        Self {
            code: EXIT_UNAVAILABLE,
            sentence,
        }
    }

    /// The name is not to be had.
    #[must_use]
    pub fn no_name(cause: &zbus::Error) -> Self {
        let name = wallwatch_dbus::names::HELPER_BUS_NAME;
        let sentence = match cause {
            zbus::Error::NameTaken => {
                format!(
                    "Another helper is running: the name {name} is taken on the system bus. End that one first."
                )
            }
            zbus::Error::FDO(error) if matches!(**error, zbus::fdo::Error::AccessDenied(_)) => {
                format!(
                    "The system bus does not let this user have the name {name}: run the helper as the user wallwatch, and put the bus \
                 policy {name}.conf into /usr/share/dbus-1/system.d."
                )
            }
            other => format!("The system bus does not give the name {name} ({other})."),
        };
        Self {
            code: EXIT_UNAVAILABLE,
            sentence,
        }
    }
}

/// The text without what could command a terminal.
pub(crate) fn escape_control(line: &str) -> String {
    line.chars()
        .fold(String::with_capacity(line.len()), |mut text, c| {
            if c.is_control() {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
            text
        })
}
