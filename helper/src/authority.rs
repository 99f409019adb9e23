//! Who may do what: asks polkit about the sender of a call. Whoever cannot be judged is refused.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::timeout;
use zbus::{Connection, fdo, message::Header, proxy::CacheProperties};
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

/// So long may polkit take where it asks nobody.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// So long may a person take to give a password.
const DIALOG_LIMIT: Duration = Duration::from_secs(120);

/// What a judgement comes out as.
pub type Judgement<'a> = Pin<Box<dyn Future<Output = Result<(), fdo::Error>> + Send + 'a>>;

/// Judges whether the sender of a call may do something. A trait, so that tests judge without polkit.
pub trait Authority: Send + Sync {
    /// May the sender of this call do what the polkit action `action` stands for? `dialog` allows to ask a person for a password.
    fn check<'a>(
        &'a self,
        header: &'a Header<'_>,
        action: &'static str,
        dialog: bool,
    ) -> Judgement<'a>;
}

/// The system's polkit.
#[derive(Debug)]
pub struct Polkit {
    proxy: AuthorityProxy<'static>,
    checks: AtomicU64,
}

impl Polkit {
    /// Needs no polkit yet: each question finds it, and so starts it where it is started on demand.
    pub async fn new(connection: &Connection) -> zbus::Result<Self> {
        let proxy = AuthorityProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(Self {
            proxy,
            checks: AtomicU64::new(0),
        })
    }

    async fn ask(
        &self,
        header: &Header<'_>,
        action: &'static str,
        dialog: bool,
    ) -> Result<(), fdo::Error> {
        // The subject is the sender's name on the bus: a process id may belong to somebody else by the time it is looked at.
        let subject = Subject::new_for_message_header(header).map_err(|_| denied(action))?;
        let (flags, limit) = if dialog {
            (
                CheckAuthorizationFlags::ALLOW_USER_INTERACTION,
                DIALOG_LIMIT,
            )
        } else {
            (CheckAuthorizationFlags::empty(), ANSWER_LIMIT)
        };
        let cancellation = format!("wallwatch-{}", self.checks.fetch_add(1, Ordering::Relaxed));
        let details = HashMap::new();
        let question =
            self.proxy
                .check_authorization(&subject, action, &details, flags, &cancellation);
        let answer = match timeout(limit, question).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(away(&error.to_string())),
            Err(_) => {
                // Takes the dialog from the screen. Whether that succeeds does not matter: nobody is let in.
                drop(
                    timeout(
                        ANSWER_LIMIT,
                        self.proxy.cancel_check_authorization(&cancellation),
                    )
                    .await,
                );
                return Err(away("it did not answer in time"));
            }
        };
        match (answer.is_authorized, answer.is_challenge && !dialog) {
            (true, _) => Ok(()),
            (false, true) => Err(fdo::Error::InteractiveAuthorizationRequired(format!(
                "An administrator's password is needed for {action}: allow a dialog, or log in at this computer's own screen."
            ))),
            (false, false) => Err(denied(action)),
        }
    }
}

impl Authority for Polkit {
    fn check<'a>(
        &'a self,
        header: &'a Header<'_>,
        action: &'static str,
        dialog: bool,
    ) -> Judgement<'a> {
        Box::pin(self.ask(header, action, dialog))
    }
}

fn denied(action: &str) -> fdo::Error {
    fdo::Error::AccessDenied(format!(
        "polkit does not let you do {action}: ask an administrator, or log in at this computer's own screen."
    ))
}

fn away(cause: &str) -> fdo::Error {
    fdo::Error::AuthFailed(format!(
        "polkit cannot be asked who you are ({cause}), so nobody is let in: start it with 'sudo systemctl start polkit'."
    ))
}
