//! Desktop notifications: one popup per incident, replaced in place while the incident goes on.
//!
//! notify-rust is the model of a notification, one long-lived connection the transport ([`server`]): some servers let nobody but the
//! connection that sent a notification replace it, and tell nobody else what became of it. [`Popups::next`] does the work and must be
//! polled all the time; nothing in it waits for the server but tasks of their own, so a server that hangs holds nothing up.

mod incident;
mod server;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use tokio::{
    task::JoinSet,
    time::{self, Duration, Instant},
};
use wallwatch_dbus::{Alert, Severity};

use crate::{picture::Picture, say};
use incident::{Content, Incident};
pub(crate) use server::Link;
use server::{Answer, Capabilities, Signal};

/// So many incidents are remembered; the oldest are forgotten first.
const MAX_INCIDENTS: usize = 512;
/// So many calls wait for the server at once; what comes in meanwhile waits for them.
const MAX_CALLS: usize = 8;
/// So many signals about ids that nobody knows yet are kept until the calls in flight are answered.
const MAX_EARLY_SIGNALS: usize = 32;
/// A popup that could not be shown is given up after this time: it would be no news any more.
const STALE_AFTER: Duration = Duration::from_secs(300);

/// What comes out of the popups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The user wants to see this incident.
    Show(u64),
    /// The user wants no popups for a while.
    Pause,
    /// An incident's popup is on the screen for the first time.
    Shown(u64),
    /// The session bus is gone; a new [`Link`] is needed.
    Lost,
}

/// All popups.
#[derive(Debug)]
pub(crate) struct Popups {
    /// The least severity that pops up.
    from: Severity,
    /// What popups show where the icon theme does not have the program's icon.
    picture: Option<Arc<Picture>>,
    link: Option<Link>,
    /// What the server can; none until it was asked.
    capabilities: Option<Capabilities>,
    /// Is it being asked?
    asking: bool,
    /// Counts the servers, so that an answer of one is not taken for its successor's.
    generation: u64,
    incidents: BTreeMap<u64, Incident>,
    /// Incidents in the order they came, for forgetting.
    order: VecDeque<u64>,
    calls: JoinSet<Answer>,
    /// Signals that came before the answer that tells whose id they speak of.
    early: VecDeque<Signal>,
    /// When the server refused or was missing: not before this time again.
    not_before: Option<Instant>,
    /// The complaint of the server that was told last, so that each is told once.
    complaint: String,
}

impl Popups {
    /// No popups yet. With a picture, they show it in place of the icon theme's.
    #[must_use]
    pub(crate) fn new(from: Severity, picture: Option<Arc<Picture>>) -> Self {
        Self {
            from,
            picture,
            link: None,
            capabilities: None,
            asking: false,
            generation: 0,
            incidents: BTreeMap::new(),
            order: VecDeque::new(),
            calls: JoinSet::new(),
            early: VecDeque::new(),
            not_before: None,
            complaint: String::new(),
        }
    }

    /// Takes a new connection to the session bus.
    pub(crate) fn connect(&mut self, link: Link) {
        self.link = Some(link);
        self.server_changed();
    }

    /// An incident was raised or changed.
    pub(crate) fn alert(&mut self, alert: &Alert) {
        if !alert.popup || alert.severity() < self.from {
            return;
        }
        if !self.incidents.contains_key(&alert.id) {
            self.forget_oldest();
            self.order.push_back(alert.id);
        }
        self.incidents
            .entry(alert.id)
            .or_default()
            .want(alert, Instant::now());
    }

    /// An incident that the user knows already, or was not to see: it pops up only when it gets worse.
    pub(crate) fn known(&mut self, alert: &Alert) {
        if !self.incidents.contains_key(&alert.id) {
            self.forget_oldest();
            self.order.push_back(alert.id);
            self.incidents
                .insert(alert.id, Incident::known(alert.severity()));
        }
    }

    /// The incidents that follow are none of those that came before, whatever their numbers are. What is on the screen stays there.
    pub(crate) fn begin_anew(&mut self) {
        self.incidents.clear();
        self.order.clear();
    }

    /// Drops what was not shown yet, because a pause began.
    pub(crate) fn hold(&mut self) {
        for incident in self.incidents.values_mut() {
            incident.drop_wanted();
        }
    }

    /// Works until there is something to tell. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Outcome {
        loop {
            let wake = self.send_due();
            let outcome = tokio::select! {
                // In the order of the bus: a server's leaving before its signals, and both before the answers to calls.
                biased;
                heard = server::hear(&mut self.link) => match heard {
                    None => {
                        self.link = None;
                        self.server_changed();
                        Some(Outcome::Lost)
                    }
                    Some(signal) => self.heard(signal),
                },
                Some(answer) = self.calls.join_next() => answer.ok().and_then(|answer| self.answered(answer)),
                () = sleep_until(wake) => None,
            };
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    /// Sends every popup that is due, and tells when the next one will be.
    fn send_due(&mut self) -> Option<Instant> {
        let link = self.link.as_ref()?;
        let now = Instant::now();
        if let Some(at) = self.not_before.filter(|&at| at > now) {
            return self.incidents.values().any(Incident::wants).then_some(at);
        }
        let mut wake: Option<Instant> = None;
        for (&id, incident) in &mut self.incidents {
            let Some(due) = incident.due() else { continue };
            if due + STALE_AFTER < now {
                incident.drop_wanted();
            } else if due > now {
                wake = Some(wake.map_or(due, |wake| wake.min(due)));
            } else if self.calls.len() < MAX_CALLS {
                let Some(capabilities) = self.capabilities else {
                    if !self.asking {
                        self.asking = true;
                        self.calls.spawn(server::ask_capabilities(
                            link.connection().clone(),
                            self.generation,
                        ));
                    }
                    break;
                };
                if let Some((content, replaces)) = incident.take(now) {
                    let notification =
                        server::notification(&content, capabilities, self.picture.clone());
                    self.calls.spawn(server::notify(
                        link.connection().clone(),
                        self.generation,
                        id,
                        replaces,
                        notification,
                    ));
                }
            }
        }
        wake
    }

    /// Something came from the server or the bus.
    fn heard(&mut self, signal: Signal) -> Option<Outcome> {
        let (Signal::Closed { popup, .. } | Signal::Action { popup, .. }) = &signal else {
            self.server_changed();
            return None;
        };
        let popup = *popup;
        if let Some((&id, incident)) = self
            .incidents
            .iter_mut()
            .find(|(_, incident)| incident.is(popup))
        {
            return Self::apply(id, incident, &signal);
        }
        if !self.calls.is_empty() {
            if self.early.len() == MAX_EARLY_SIGNALS {
                self.early.pop_front();
            }
            self.early.push_back(signal);
        }
        None
    }

    /// A signal about the popup of an incident.
    fn apply(id: u64, incident: &mut Incident, signal: &Signal) -> Option<Outcome> {
        match signal {
            Signal::Closed { by_user, .. } => {
                incident.closed(*by_user);
                None
            }
            Signal::Action { key, .. } => {
                say::step(format_args!(
                    "action {} on incident {id}",
                    key.escape_debug()
                ));
                match key.as_str() {
                    "default" | "details" => Some(Outcome::Show(id)),
                    "pause" => Some(Outcome::Pause),
                    _ => None,
                }
            }
            Signal::ServerChanged => None,
        }
    }

    /// The server answered a call, or will not.
    fn answered(&mut self, answer: Answer) -> Option<Outcome> {
        match answer {
            Answer::Capabilities { generation, result } => {
                self.asking = false;
                match result {
                    Ok(capabilities) if generation == self.generation => {
                        self.capabilities = Some(capabilities);
                    }
                    Ok(_) => {}
                    Err(error) => self.failed(&error),
                }
                None
            }
            Answer::Shown {
                generation,
                id,
                popup,
            } => {
                let same_server = generation == self.generation;
                let incident = self.incidents.get_mut(&id)?;
                let first = incident.shown(same_server.then_some(popup));
                self.not_before = None;
                say::step(format_args!("popup {popup} shows incident {id}"));
                let early = self
                    .early
                    .iter()
                    .position(|signal| signal.popup() == Some(popup));
                if let (true, Some(at)) = (same_server, early) {
                    let outcome = self
                        .early
                        .remove(at)
                        .and_then(|signal| Self::apply(id, incident, &signal));
                    if outcome.is_some() {
                        return outcome;
                    }
                }
                if self.calls.is_empty() {
                    self.early.clear();
                }
                first.then_some(Outcome::Shown(id))
            }
            Answer::Failed {
                id,
                content,
                replaces,
                error,
            } => {
                if let Some(incident) = self.incidents.get_mut(&id) {
                    incident.failed(content);
                }
                // A server that does not know our id any more gets the popup as a new one, at once.
                if replaces == 0 {
                    self.failed(&error);
                }
                None
            }
        }
    }

    /// The server is missing, hangs or refuses: it is left alone for a while, or until it changes.
    fn failed(&mut self, error: &str) {
        if self.complaint != error {
            say::warn(format_args!(
                "the notification server shows no popup: {error}"
            ));
            error.clone_into(&mut self.complaint);
        }
        self.not_before = Some(Instant::now() + server::RETRY);
    }

    /// There is another server, or none: what the last one knew is void.
    fn server_changed(&mut self) {
        self.generation += 1;
        self.capabilities = None;
        self.not_before = None;
        self.early.clear();
        for incident in self.incidents.values_mut() {
            incident.forget_popup();
        }
    }

    fn forget_oldest(&mut self) {
        while self.order.len() >= MAX_INCIDENTS {
            if let Some(oldest) = self.order.pop_front() {
                self.incidents.remove(&oldest);
            }
        }
    }

    /// The incidents whose popups were on the screen.
    #[must_use]
    pub(crate) fn shown(&self) -> BTreeSet<u64> {
        self.incidents
            .iter()
            .filter(|(_, incident)| incident.was_shown())
            .map(|(&id, _)| id)
            .collect()
    }
}

/// Sleeps until a time, or for ever.
async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What an alert's popup says.
fn content(alert: &Alert) -> Content {
    Content {
        summary: crate::text::title(alert),
        body: crate::text::sentence(alert),
        severity: alert.severity(),
    }
}
