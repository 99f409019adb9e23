//! What can go wrong, as one sentence that says what to do, and the exit code that scripts read.

use std::{io, process::ExitCode};

use wallwatch::{bus::Reason, text::sanitize_sentences};
use zbus::DBusError as _;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The program itself cannot run.
    #[error("cannot start the asynchronous runtime: {0}")]
    Runtime(#[source] io::Error),
    /// The reader of our output went away: no error at all.
    #[error("the reader of the output is gone")]
    OutputClosed,
    /// Our output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    /// No system bus.
    #[error("the system bus cannot be reached. Start it with: sudo systemctl start dbus")]
    NoSystemBus,
    /// No session bus.
    #[error(
        "the session bus cannot be reached ({0}). Run this command inside your desktop session"
    )]
    NoSessionBus(#[source] zbus::Error),
    /// Nobody owns the helper's name.
    #[error(
        "the Wallwatch helper is not running. Start it with: sudo systemctl start wallwatch-helper"
    )]
    HelperNotRunning,
    /// Nobody owns the desktop program's name.
    #[error("Wallwatch does not run in this desktop session. Start it with: wallwatch")]
    DesktopNotRunning,
    /// Nobody listens who runs system hooks.
    #[error(
        "wallwatch-hook, which runs the scripts of system hooks, does not listen at {0}. Start it with: sudo systemctl enable --now wallwatch-hook.socket"
    )]
    RunnerNotRunning(String),
    /// Polkit, or the bus, said no.
    #[error("you may not do this: {0}")]
    NotAuthorised(String),
    /// What was asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The helper said what is wrong.
    #[error("{0}")]
    Failed(String),
    /// Whoever was asked has the name and yet says nothing.
    #[error(
        "there was no answer in time. Try again; if that does not help, start what was asked anew"
    )]
    NoAnswer,
    /// The connection failed in another way.
    #[error("the bus does not work as it should: {0}")]
    Bus(#[source] zbus::Error),
    /// A file could not be read.
    #[error("{0}")]
    File(String),
    /// What was asked for cannot be meant so.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// The exit code of the program (see wallwatchctl(1)).
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Usage(_) => 2,
            Self::NoSystemBus
            | Self::HelperNotRunning
            | Self::DesktopNotRunning
            | Self::RunnerNotRunning(_) => 3,
            Self::NotAuthorised(_) => 4,
            Self::NotFound(_) => 5,
            Self::Runtime(_)
            | Self::Output(_)
            | Self::NoSessionBus(_)
            | Self::Failed(_)
            | Self::NoAnswer
            | Self::Bus(_)
            | Self::File(_) => 1,
        }
    }

    /// Why the client of the helper cannot watch.
    pub(crate) fn from_reason(reason: &Reason) -> Self {
        match reason {
            Reason::NoBus => Self::NoSystemBus,
            Reason::NotRunning => Self::HelperNotRunning,
            Reason::NotAuthorised | Reason::Waiting | Reason::PolkitAway => {
                Self::NotAuthorised(format!("{reason} To mend it: {}", reason.mend()))
            }
            Reason::Failed(_) => Self::Failed(format!("{reason} Try: {}", reason.mend())),
        }
    }

    /// What an answer of the helper or the desktop program means. `absent` is the error where nobody owns the name.
    pub(crate) fn from_call(error: zbus::Error, absent: Self) -> Self {
        let (name, message) = match &error {
            // The proxies turn the standard errors into values of their own.
            zbus::Error::FDO(standard) => (
                standard.name(),
                standard.description().unwrap_or_default().to_owned(),
            ),
            zbus::Error::MethodError(name, message, _) => {
                (name.as_ref(), message.clone().unwrap_or_default())
            }
            // What a connection makes of its time-out.
            zbus::Error::InputOutput(cause) if cause.kind() == io::ErrorKind::TimedOut => {
                return Self::NoAnswer;
            }
            _ => return Self::Bus(error),
        };
        match name.as_str() {
            "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner"
            | "org.freedesktop.DBus.Error.NoReply" => absent,
            "org.freedesktop.DBus.Error.AccessDenied"
            | "org.freedesktop.DBus.Error.AuthFailed"
            | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" => {
                Self::NotAuthorised(message)
            }
            "org.wallwatch.Error.NotFound" => Self::NotFound(message),
            name if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => absent,
            name if name.starts_with("org.wallwatch.Error.")
                || name.starts_with("org.freedesktop.DBus.Error.") =>
            {
                Self::Failed(message)
            }
            _ => Self::Bus(error),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Output(error)
        }
    }
}

/// Prints the error once, and says by which code the program ends.
#[expect(
    clippy::print_stderr,
    reason = "this is where a terminal program says what went wrong"
)]
pub(crate) fn report(error: &Error) -> ExitCode {
    if !matches!(error, Error::OutputClosed) {
        eprintln!("wallwatchctl: {}", sanitize_sentences(&error.to_string()));
    }
    ExitCode::from(error.exit_code())
}
