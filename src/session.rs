//! What runs beside the event loop, on a thread of its own: the helper's events, the popups, the user's hooks, the pause and the control
//! object.
//!
//! A popup goes from the helper's signal to the notification server on this thread alone, whatever the windows are doing.

use std::{
    pin::Pin,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time,
};
use wallwatch_helper::clock;
use zbus::Connection;

use crate::{
    bus::{self, HelperEvent},
    config::Config,
    control::{self, Facts},
    hook::Hooks,
    paths,
    pause::Pause,
    picture::Picture,
    popup::{Link, Outcome, Popups},
    say,
};

/// So many past alerts are shown in the window.
pub(crate) const HISTORY: u32 = 500;
/// What the button of a popup and a middle click on the icon pause for, in seconds.
pub(crate) const SHORT_PAUSE: u64 = 3600;
/// The first pause before the next try to reach the session bus; each further one is twice as long, up to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// A longer timer than this is set again when it ran out, because timers sleep with the computer and the pause does not.
const LONGEST_TIMER: Duration = Duration::from_secs(60);
/// Whoever was asked to end has so long to do it.
const END_LIMIT: Duration = Duration::from_secs(2);

/// What the session shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Hold popups back for so many seconds; 0 is until resumed.
    Pause(u64),
    /// Show popups again.
    Resume,
    /// One or the other.
    TogglePause,
    /// Show an incident, or with 0 the window.
    Show(u64),
}

/// What the session tells.
#[derive(Debug)]
pub(crate) enum News {
    /// The helper said something.
    Helper(Box<HelperEvent>),
    /// Popups resume at this time: 0 is not paused, `i64::MAX` when the user says so.
    Paused(i64),
    /// An incident shall be shown, or with 0 the window.
    Show(u64),
    /// The session bus is there again after it was lost.
    BusBack,
    /// The program shall end.
    Quit,
}

/// Where the session tells its news; false when nobody listens any more.
pub(crate) type Listener = Box<dyn Fn(News) -> bool + Send>;

/// Starts the session on its thread. Popups show the picture, where there is one, in place of the icon theme's.
pub(crate) fn start(
    config: Config,
    picture: Option<Picture>,
    listener: Listener,
) -> std::io::Result<mpsc::UnboundedSender<Command>> {
    let (commands, receiver) = mpsc::unbounded_channel();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let sender = commands.clone();
    let picture = picture.map(Arc::new);
    std::thread::Builder::new()
        .name("session".to_owned())
        .spawn(move || {
            runtime.block_on(Session::new(config, picture, sender, listener).run(receiver));
        })?;
    Ok(commands)
}

/// What a timer rings for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rings {
    /// The time is over.
    ForTheEnd,
    /// It is not, but it is time to look at the clock again.
    ToLookAgain,
}

/// After which time a timer rings, and for what, where so much of a pause is left.
const fn next_ring(left: Duration) -> (Duration, Rings) {
    if left.as_secs() >= LONGEST_TIMER.as_secs() {
        (LONGEST_TIMER, Rings::ToLookAgain)
    } else {
        (left, Rings::ForTheEnd)
    }
}

/// The session.
struct Session {
    commands: mpsc::UnboundedSender<Command>,
    listener: Listener,
    facts: Arc<Facts>,
    pause: Pause,
    popups: Popups,
    hooks: Hooks,
    /// The connection that the control object is served on.
    control: Option<Connection>,
    /// Was that connection lost since the news of the last one?
    bus_was_lost: bool,
    links: mpsc::UnboundedSender<(Connection, Link)>,
    new_links: mpsc::UnboundedReceiver<(Connection, Link)>,
}

impl Session {
    fn new(
        config: Config,
        picture: Option<Arc<Picture>>,
        commands: mpsc::UnboundedSender<Command>,
        listener: Listener,
    ) -> Self {
        let (links, new_links) = mpsc::unbounded_channel();
        Self {
            commands,
            listener,
            facts: Arc::default(),
            pause: Pause::load(paths::pause_file(), clock::now().0),
            popups: Popups::new(config.popup_from, picture),
            hooks: Hooks::new(config.hooks),
            control: None,
            bus_was_lost: false,
            links,
            new_links,
        }
    }

    /// Works until it is asked to end or nobody listens.
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut helper = bus::watch(HISTORY);
        let mut end = Box::pin(asked_to_end());
        self.connect();
        self.pause_changed().await;
        let mut timer = self.pause_timer();
        loop {
            let alive = tokio::select! {
                Some(event) = helper.recv() => {
                    self.popup(&event);
                    self.hooks.helper_says(&event);
                    // A pause that was over by the clock ended just now.
                    self.pause_changed().await && (self.listener)(News::Helper(Box::new(event)))
                }
                outcome = self.popups.next() => self.outcome(outcome).await,
                () = self.hooks.next() => true,
                Some((connection, link)) = self.new_links.recv() => {
                    self.popups.connect(link);
                    say::step("the session bus is served");
                    self.control = Some(connection);
                    !std::mem::take(&mut self.bus_was_lost) || (self.listener)(News::BusBack)
                }
                Some(command) = commands.recv() => {
                    let alive = self.command(command).await;
                    timer = self.pause_timer();
                    alive
                }
                rings = &mut timer => {
                    match rings {
                        // By this clock the pause is over, even if the clock on the wall went back.
                        Rings::ForTheEnd => self.pause.end(),
                        Rings::ToLookAgain => _ = self.pause.holds(clock::now().0),
                    }
                    timer = self.pause_timer();
                    self.pause_changed().await
                }
                () = &mut end => {
                    (self.listener)(News::Quit);
                    // The event loop ends the program; where it hangs, this does.
                    time::sleep(END_LIMIT).await;
                    std::process::exit(0);
                }
            };
            if !alive {
                return;
            }
        }
    }

    /// Pops up what is news.
    fn popup(&mut self, event: &HelperEvent) {
        match event {
            HelperEvent::Raised(alert) | HelperEvent::Updated(alert) => {
                if !self.pause.holds(clock::now().0) {
                    self.popups.alert(alert);
                }
            }
            HelperEvent::Known(alerts) => {
                for alert in alerts {
                    self.popups.known(alert);
                }
            }
            HelperEvent::Afresh => self.popups.begin_anew(),
            HelperEvent::Up(_)
            | HelperEvent::Closed { .. }
            | HelperEvent::Status(_)
            | HelperEvent::Down(_) => {}
        }
    }

    async fn outcome(&mut self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Show(id) => return (self.listener)(News::Show(id)),
            Outcome::Pause => return self.command(Command::Pause(SHORT_PAUSE)).await,
            Outcome::Shown(_) => {
                *self
                    .facts
                    .shown
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = self.popups.shown();
            }
            Outcome::Lost => {
                say::warn("the session bus is gone; popups come back with it");
                self.control = None;
                self.bus_was_lost = true;
                self.connect();
            }
        }
        true
    }

    async fn command(&mut self, command: Command) -> bool {
        let now = clock::now().0;
        match command {
            Command::Show(id) => return (self.listener)(News::Show(id)),
            Command::Pause(seconds) => self.pause.begin(seconds, now),
            Command::TogglePause if !self.pause.holds(now) => self.pause.begin(SHORT_PAUSE, now),
            Command::Resume | Command::TogglePause => self.pause.end(),
        }
        if self.pause.holds(now) {
            self.popups.hold();
        }
        self.pause_changed().await
    }

    /// Tells everybody when popups resume.
    async fn pause_changed(&mut self) -> bool {
        let until = self.pause.until();
        if self.facts.paused_until.swap(until, Ordering::Relaxed) == until {
            return true;
        }
        say::step(format_args!("popups are paused until {until}"));
        if let Some(connection) = &self.control
            && let Err(error) = control::pause_changed(connection).await
        {
            say::step(format_args!("the bus was not told of the pause: {error}"));
        }
        (self.listener)(News::Paused(until))
    }

    /// Runs out when the pause ends, or when it is time to look again.
    fn pause_timer(&self) -> Pin<Box<dyn Future<Output = Rings> + Send>> {
        match self.pause.remaining(clock::now().0) {
            Some(left) => {
                let (after, rings) = next_ring(left);
                Box::pin(async move {
                    time::sleep(after).await;
                    rings
                })
            }
            None => Box::pin(std::future::pending()),
        }
    }

    /// Reaches the session bus, again and again, beside everything else.
    fn connect(&self) {
        let (commands, facts, links) = (
            self.commands.clone(),
            Arc::clone(&self.facts),
            self.links.clone(),
        );
        tokio::spawn(async move {
            let mut pause = FIRST_RETRY;
            let mut told = false;
            loop {
                match link(commands.clone(), Arc::clone(&facts)).await {
                    // The session is gone where nobody takes it.
                    Ok(made) => return drop(links.send(made)),
                    Err(error) if !told => {
                        told = true;
                        say::warn(format_args!("no session bus, so no popups yet: {error}"));
                    }
                    Err(error) => say::step(format_args!("still no session bus: {error}")),
                }
                time::sleep(pause).await;
                pause = (pause * 2).min(LAST_RETRY);
            }
        });
    }
}

/// Connects to the session bus, serves the control object and listens to the notification server.
async fn link(
    commands: mpsc::UnboundedSender<Command>,
    facts: Arc<Facts>,
) -> zbus::Result<(Connection, Link)> {
    let connection = Connection::session().await?;
    match control::serve(&connection, commands, facts).await {
        Ok(()) => {}
        // Somebody else's Wallwatch answers wallwatchctl; popups are ours all the same.
        Err(zbus::Error::NameTaken) => {
            say::warn("another Wallwatch answers wallwatchctl in this session");
        }
        Err(error) => return Err(error),
    }
    let link = Link::new(connection.clone()).await?;
    Ok((connection, link))
}

/// Waits for SIGTERM or SIGINT.
async fn asked_to_end() {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_ends_a_pause_only_where_it_covered_the_rest_of_it() {
        let half = LONGEST_TIMER / 2;
        assert_eq!(next_ring(half), (half, Rings::ForTheEnd));
        let long = LONGEST_TIMER + half;
        assert_eq!(next_ring(long), (LONGEST_TIMER, Rings::ToLookAgain));
    }
}
