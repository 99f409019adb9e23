//! A polkit agent: what asks for a password in a session, or in this case does not ask but knows what to do.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::{Notify, oneshot};
use zbus::{Connection, OwnedVariant, fdo};

use crate::{process::wait_until, system_bus::SystemBus};

/// Where the agent's object is.
const PATH: &str = "/org/wallwatch/Test/Agent";
/// polkit's name, object and interface.
const POLKIT: [&str; 3] = [
    "org.freedesktop.PolicyKit1",
    "/org/freedesktop/PolicyKit1/Authority",
    "org.freedesktop.PolicyKit1.Authority",
];

/// What the agent does when somebody shall give a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Gives the right one.
    Right,
    /// Gives a wrong one.
    Wrong,
    /// Closes the dialog.
    Dismissed,
    /// Leaves the dialog open until it is taken away.
    None,
}

/// The agent.
#[derive(Debug)]
pub struct Agent {
    seen: Arc<Mutex<Vec<String>>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    /// An agent for the dialogs of the process `pid` of the user `uid`.
    #[must_use]
    pub fn start(bus: &SystemBus, pid: u32, uid: u32, answer: Answer) -> Self {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (end, ended) = oneshot::channel();
        let (address, log) = (bus.address(), Arc::clone(&seen));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime can be made").block_on(async {
                let connection = serve(&address, pid, uid, answer, log).await;
                drop(ended.await);
                drop(connection.close().await);
            });
        });
        let agent = Self {
            seen,
            end: Some(end),
            thread: Some(thread),
        };
        wait_until("the agent is registered", Duration::from_secs(10), || {
            agent.has_seen("registered")
        });
        agent
    }

    /// Has this happened: `begin ACTION`, `cancel`?
    #[must_use]
    pub fn has_seen(&self, what: &str) -> bool {
        self.seen().iter().any(|seen| seen == what)
    }

    /// What has happened.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the agent panicked");
        }
    }
}

/// The object that polkit calls.
struct Object {
    answer: Answer,
    seen: Arc<Mutex<Vec<String>>>,
    cancelled: Notify,
}

impl Object {
    fn note(&self, what: String) {
        let seen = self.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

#[zbus::interface(name = "org.freedesktop.PolicyKit1.AuthenticationAgent")]
impl Object {
    #[expect(clippy::too_many_arguments, reason = "polkit calls it so")]
    async fn begin_authentication(
        &self,
        action: String,
        message: String,
        icon: String,
        details: HashMap<String, String>,
        cookie: String,
        identities: Vec<(String, HashMap<String, OwnedVariant>)>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Cancelled> {
        drop((message, icon, details));
        self.note(format!("begin {action}"));
        match self.answer {
            Answer::Right => {
                // As the user root, for whom the agent is registered.
                let answer = (0_u32, cookie, &identities[0]);
                let [name, path, interface] = POLKIT;
                let told = connection.call_method(
                    Some(name),
                    path,
                    Some(interface),
                    "AuthenticationAgentResponse2",
                    &answer,
                );
                told.await.expect("polkit believes root");
                Ok(())
            }
            Answer::Wrong => Ok(()),
            Answer::Dismissed => Err(Cancelled::Cancelled("closed".to_owned())),
            Answer::None => {
                self.cancelled.notified().await;
                Err(Cancelled::Cancelled("taken away".to_owned()))
            }
        }
    }

    fn cancel_authentication(&self, cookie: String) {
        drop(cookie);
        self.note("cancel".to_owned());
        self.cancelled.notify_one();
    }
}

/// What an agent says whose dialog was closed.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.PolicyKit1.Error")]
enum Cancelled {
    #[zbus(error)]
    ZBus(zbus::Error),
    Cancelled(String),
}

async fn serve(
    address: &str,
    pid: u32,
    uid: u32,
    answer: Answer,
    seen: Arc<Mutex<Vec<String>>>,
) -> Connection {
    let object = Object {
        answer,
        seen: Arc::clone(&seen),
        cancelled: Notify::new(),
    };
    let connection = zbus::connection::Builder::address(address)
        .serve_at(PATH, object)
        .build()
        .await
        .expect("the bus takes connections");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // proc_pid_stat(5): the 22nd field; the name before it, in brackets, is the second.
    let rest = stat.rsplit_once(')').expect("a name in brackets").1;
    let started: u64 = rest
        .split_whitespace()
        .nth(19)
        .and_then(|word| word.parse().ok())
        .expect("a time");
    let details: HashMap<&str, zbus::Variant<'_>> = HashMap::from([
        ("pid", pid.into()),
        ("start-time", started.into()),
        ("uid", i32::try_from(uid).expect("a small number").into()),
    ]);
    let [name, path, interface] = POLKIT;
    connection
        .call_method(
            Some(name),
            path,
            Some(interface),
            "RegisterAuthenticationAgent",
            &(("unix-process", details), "C", PATH),
        )
        .await
        .map_err(fdo::Error::from)
        .expect("polkit takes an agent of root's");
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push("registered".to_owned());
    connection
}
