//! Who may do what: asks the bus whose a connection is, and polkit what it may do. Whoever cannot be judged is refused.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{runtime::Handle, time::timeout};
use zbus::{
    Connection, fdo,
    message::Message,
    names::{BusName, UniqueName},
    proxy::{CacheProperties, OwnerChangedStream},
};
use zbus_polkit::policykit1::{
    AuthorityProxy, AuthorizationResult, ChangedStream, CheckAuthorizationFlags, Subject,
};

/// So long may polkit take where it asks nobody, and the bus.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// So long may a person take to give a password.
const DIALOG_LIMIT: Duration = Duration::from_secs(120);

/// An answer that takes its time. `AuthFailed` is where polkit, or the bus, is not there to answer; any other error is about the one who is
/// judged, and whoever cannot be judged is refused.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, fdo::Error>> + Send + 'a>>;

/// What polkit thinks of somebody who wants to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// He may, as he is: root, or somebody in the active session.
    Allowed,
    /// He may because an administrator gave his password, just now or some minutes ago.
    AllowedByPassword,
    /// He may where an administrator gives his password.
    Challenged,
    /// He may not, or the password was wrong.
    Refused,
    /// The dialog was closed without a password.
    Dismissed,
}

impl Judgement {
    /// What to tell somebody who was not let in, after a dialog or without; `None` for who was.
    #[must_use]
    pub fn refusal(self, action: &str, dialog: bool) -> Option<fdo::Error> {
        match self {
            Self::Allowed | Self::AllowedByPassword => None,
            Self::Challenged if dialog => {
                Some(fdo::Error::InteractiveAuthorizationRequired(format!(
                    "An administrator's password is needed for {action}, and no program of your session can ask for it: start a polkit agent \
                     (pkttyagent in a terminal), or do it as root with sudo."
                )))
            }
            Self::Challenged => Some(fdo::Error::InteractiveAuthorizationRequired(format!(
                "An administrator's password is needed for {action}: allow a dialog, or log in at this computer's own screen."
            ))),
            Self::Refused if dialog => Some(fdo::Error::AccessDenied(format!(
                "polkit does not let you do {action}, or the password was wrong: try again, or ask an administrator."
            ))),
            Self::Refused => Some(fdo::Error::AccessDenied(format!(
                "polkit does not let you do {action}: ask an administrator, or log in at this computer's own screen (a session that is \
                 switched away may do nothing)."
            ))),
            Self::Dismissed => Some(fdo::Error::AccessDenied(format!(
                "The dialog was closed without the password that {action} needs: try again."
            ))),
        }
    }
}

/// Judges connections of the bus. A trait, so that tests judge without polkit.
pub trait Authority: Send + Sync {
    /// Whose connection is this?
    fn user_of<'a>(&'a self, name: &'a UniqueName<'a>) -> Answer<'a, u32>;

    /// May this connection do what the polkit action `action` stands for? `dialog` allows to ask a person for a password; the dialog is
    /// closed where the answer is dropped.
    fn judge<'a>(
        &'a self,
        name: &'a UniqueName<'a>,
        action: &'static str,
        dialog: bool,
    ) -> Answer<'a, Judgement>;
}

/// The system's polkit.
#[derive(Debug)]
pub struct Polkit {
    proxy: AuthorityProxy<'static>,
    bus: fdo::DBusProxy<'static>,
    checks: AtomicU64,
}

impl Polkit {
    /// Needs no polkit yet: each question finds it, and so starts it where it is started on demand.
    pub async fn new(connection: &Connection) -> zbus::Result<Self> {
        Ok(Self {
            proxy: proxy(connection).await?,
            bus: fdo::DBusProxy::new(connection).await?,
            checks: AtomicU64::new(0),
        })
    }

    async fn find_user(&self, name: &UniqueName<'_>) -> Result<u32, fdo::Error> {
        let name = BusName::from(name.to_owned());
        timeout(ANSWER_LIMIT, self.bus.get_connection_unix_user(name))
            .await
            .unwrap_or_else(|_| Err(fdo::Error::Failed("it did not answer in time".to_owned())))
            .map_err(|cause| {
                let sentence = format!("The bus does not say who you are ({cause}): try again.");
                fdo::Error::AuthFailed(sentence)
            })
    }

    async fn ask(
        &self,
        name: &UniqueName<'_>,
        action: &'static str,
        dialog: bool,
    ) -> Result<Judgement, fdo::Error> {
        // A process id may belong to somebody else by the time it is looked at; a name on the bus is never given twice.
        let subject = subject(name).map_err(|error| away(&error.to_string()))?;
        let (flags, limit) = if dialog {
            (
                CheckAuthorizationFlags::ALLOW_USER_INTERACTION,
                DIALOG_LIMIT,
            )
        } else {
            (CheckAuthorizationFlags::empty(), ANSWER_LIMIT)
        };
        let mut question = Question {
            id: format!("wallwatch-{}", self.checks.fetch_add(1, Ordering::Relaxed)),
            proxy: &self.proxy,
            is_open: true,
        };
        let details = HashMap::new();
        let answer =
            self.proxy
                .check_authorization(&subject, action, &details, flags, &question.id);
        let answer = timeout(limit, answer).await;
        question.is_open = answer.is_err();
        match answer {
            Ok(Ok(answer)) => Ok(judgement(&answer, dialog)),
            Ok(Err(error)) if is_away(&error) => Err(away(&error.to_string())),
            Ok(Err(error)) => Err(fdo::Error::AccessDenied(format!(
                "polkit cannot tell whether you may do {action} ({error}), so you may not: ask an administrator."
            ))),
            Err(_) if dialog => Err(fdo::Error::AccessDenied(format!(
                "Nobody gave the password that {action} needs within {} seconds: try again.",
                limit.as_secs()
            ))),
            Err(_) => Err(away("it did not answer in time")),
        }
    }
}

impl Authority for Polkit {
    fn user_of<'a>(&'a self, name: &'a UniqueName<'a>) -> Answer<'a, u32> {
        Box::pin(self.find_user(name))
    }

    fn judge<'a>(
        &'a self,
        name: &'a UniqueName<'a>,
        action: &'static str,
        dialog: bool,
    ) -> Answer<'a, Judgement> {
        Box::pin(self.ask(name, action, dialog))
    }
}

/// A question that polkit works on.
struct Question<'a> {
    id: String,
    proxy: &'a AuthorityProxy<'static>,
    is_open: bool,
}

impl Drop for Question<'_> {
    /// Takes the dialog from the screen where nobody waits for the answer any more. Whether that succeeds does not matter: nobody is
    /// let in.
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.is_open {
            let (proxy, id) = (self.proxy.clone(), std::mem::take(&mut self.id));
            runtime.spawn(async move {
                drop(timeout(ANSWER_LIMIT, proxy.cancel_check_authorization(&id)).await);
            });
        }
    }
}

/// What polkit tells when sessions, rules or passwords that were given change: then whoever was judged may be judged otherwise.
pub async fn changes(connection: &Connection) -> zbus::Result<ChangedStream> {
    proxy(connection).await?.receive_changed().await
}

/// Tells when polkit comes to the bus, and when it leaves.
pub async fn comings(connection: &Connection) -> zbus::Result<OwnerChangedStream<'static>> {
    proxy(connection)
        .await?
        .inner()
        .receive_owner_changed()
        .await
}

async fn proxy(connection: &Connection) -> zbus::Result<AuthorityProxy<'static>> {
    AuthorityProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await
}

/// A connection, as polkit calls it.
fn subject(name: &UniqueName<'_>) -> zbus::Result<Subject> {
    // The only way to name one is by a message of it.
    let message = Message::method_call("/", "Judge").sender(name).build(&())?;
    Subject::new_for_message_header(&message.header())
        .map_err(|error| zbus::Error::Failure(error.to_string()))
}

fn judgement(answer: &AuthorizationResult, dialog: bool) -> Judgement {
    // The keys stand in polkit's reference of the interface, PolkitDetails.
    let says = |key: &str| {
        answer
            .details
            .get(key)
            .is_some_and(|value| !value.is_empty())
    };
    if answer.is_authorized {
        if dialog || says("polkit.temporary_authorization_id") {
            Judgement::AllowedByPassword
        } else {
            Judgement::Allowed
        }
    } else if answer.is_challenge {
        Judgement::Challenged
    } else if says("polkit.dismissed") {
        Judgement::Dismissed
    } else {
        Judgement::Refused
    }
}

/// Is it polkit that is not there, rather than something about the one to be judged? Whoever can bring about an error of his own must
/// not pass for one of whom polkit had no time to speak.
fn is_away(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::FDO(error) => matches!(
            **error,
            fdo::Error::ServiceUnknown(_)
                | fdo::Error::NoReply(_)
                | fdo::Error::Timeout(_)
                | fdo::Error::TimedOut(_)
                | fdo::Error::Disconnected(_)
                | fdo::Error::NoServer(_)
                | fdo::Error::LimitsExceeded(_)
                | fdo::Error::SpawnExecFailed(_)
                | fdo::Error::SpawnForkFailed(_)
                | fdo::Error::SpawnChildExited(_)
                | fdo::Error::SpawnChildSignaled(_)
                | fdo::Error::SpawnFailed(_)
        ),
        // systemd was to start it.
        zbus::Error::MethodError(name, ..) => name.starts_with("org.freedesktop.systemd1."),
        _ => true,
    }
}

fn away(cause: &str) -> fdo::Error {
    fdo::Error::AuthFailed(format!(
        "polkit cannot be asked who you are ({cause}), so nobody is let in: start it with 'sudo systemctl start polkit'."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do() {
        for judgement in [
            Judgement::Challenged,
            Judgement::Refused,
            Judgement::Dismissed,
        ] {
            for dialog in [false, true] {
                let refusal = judgement.refusal(wallwatch_dbus::names::ACTION_MONITOR, dialog);
                let (fdo::Error::AccessDenied(sentence)
                | fdo::Error::InteractiveAuthorizationRequired(sentence)) = refusal.unwrap()
                else {
                    panic!("{judgement:?} is told as something else")
                };
                assert!(
                    sentence.contains(": ") && sentence.ends_with('.'),
                    "{sentence}"
                );
            }
        }
        assert_eq!(Judgement::Allowed.refusal("", false), None);
        assert_eq!(Judgement::AllowedByPassword.refusal("", true), None);
    }

    #[test]
    fn an_error_about_the_caller_is_no_absence_of_polkit() {
        let words = || "words".to_owned();
        let fdo = |error| zbus::Error::FDO(Box::new(error));
        assert!(is_away(&fdo(fdo::Error::ServiceUnknown(words()))));
        assert!(is_away(&fdo(fdo::Error::NoReply(words()))));
        assert!(!is_away(&fdo(fdo::Error::NameHasNoOwner(words()))));
        assert!(!is_away(&fdo(fdo::Error::Failed(words()))));
    }
}
