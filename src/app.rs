//! The event loop: the one place where the helper, the tray, the popups and the window meet.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    time::Duration,
};

use gtk::{glib, prelude::*};
use tao::{
    event::{Event, StartCause},
    event_loop::{ControlFlow, EventLoop, EventLoopBuilder, EventLoopProxy},
    platform::{
        run_return::EventLoopExtRunReturn as _,
        unix::{EventLoopBuilderExtUnix as _, EventLoopWindowTargetExtUnix as _},
    },
};
use tokio::sync::mpsc;
use tray_icon::{
    MouseButton, TrayIconEvent,
    menu::{MenuEvent, MenuId},
};
use wallwatch_dbus::{Alert, Status, names::APP_ID};
use wallwatch_helper::clock;

use crate::{
    bus::{HelperEvent, Reason},
    config::Config,
    history::{Banner, Window, Wish},
    picture::{self, Picture},
    say,
    session::{self, Command, News},
    text,
    tray::{self, Choice, State, Tray, View},
};

/// The tray and the window are brought up to date at most this often.
const BETWEEN_REFRESHES: Duration = Duration::from_secs(1);
/// "2 min ago" is brought up to date this often, while there is something that was ago.
const BETWEEN_AGES: Duration = Duration::from_secs(60);
/// The first pause before the next try to put the icon into the panel; each further one is twice as long, up to the last.
const FIRST_TRAY_RETRY: Duration = Duration::from_secs(2);
const LAST_TRAY_RETRY: Duration = Duration::from_secs(60);

/// How the program was started.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Show no window at the start.
    pub hidden: bool,
    /// Show no tray icon.
    pub no_tray: bool,
}

/// Everything that wakes the event loop.
#[derive(Debug)]
enum AppEvent {
    /// Of the session's thread.
    Session(Box<News>),
    /// An entry of the tray's menu.
    Menu(MenuId),
    /// A click on the tray icon.
    Click(MouseButton),
    /// The window's.
    Window(Wish),
    /// It is time to bring tray and window up to date.
    Refresh,
    /// It is time to bring the ages up to date.
    Age,
    /// It is time to try the panel again.
    TryTray,
}

/// Runs the program until it is asked to end.
#[must_use]
pub fn run(options: Options, config: Config) -> ExitCode {
    // Before anything of GTK: the window class and the Wayland app id come of it.
    glib::set_prgname(Some(APP_ID));
    glib::set_application_name("Wallwatch");
    if gtk::init().is_err() {
        say::warn(
            "there is no display to show anything on. Start it in a graphical session, or see alerts in the terminal: wallwatchctl watch",
        );
        return ExitCode::FAILURE;
    }
    let mut event_loop: EventLoop<AppEvent> = EventLoopBuilder::with_user_event()
        .with_app_id(APP_ID)
        .build();
    let running_already = event_loop.gtk_app().is_remote();
    if running_already {
        say::warn("Wallwatch is running already");
        if options.hidden {
            return ExitCode::SUCCESS;
        }
    }
    if let Some(connection) = event_loop.gtk_app().dbus_connection() {
        // GLib ends a program by SIGTERM when its session bus goes; this one waits for the bus to come back.
        connection.set_exit_on_close(false);
    }
    let mut app = App::new(options, config, event_loop.create_proxy());
    let code = event_loop.run_return(|event, target, flow| {
        *flow = ControlFlow::Wait;
        let alive = match event {
            // The second one is another start of the program, which asks to be shown.
            Event::NewEvents(StartCause::Init) => app.start(target.gtk_app()),
            Event::UserEvent(event) => app.handle(event, target.gtk_app()),
            _ => true,
        };
        if !alive {
            *flow = ControlFlow::Exit;
        }
    });
    if running_already && let Some(connection) = event_loop.gtk_app().dbus_connection() {
        // The message that asks the first one to show itself is sent by a thread of GLib's, which would end unheard with this one.
        if let Err(error) = connection.flush_sync(gtk::gio::Cancellable::NONE) {
            say::warn(format_args!(
                "the one that runs cannot be asked to show itself: {error}"
            ));
        }
    }
    if code == 0 && !app.failed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The program's picture where the icon theme does not have it, as where Wallwatch is not installed; windows get it here.
fn own_picture() -> Option<Picture> {
    if gtk::IconTheme::default().is_some_and(|theme| theme.has_icon(APP_ID)) {
        gtk::Window::set_default_icon_name(APP_ID);
        return None;
    }
    if let Ok(icon) = picture::pixbuf(picture::APP) {
        gtk::Window::set_default_icon(&icon);
    }
    Picture::decode(picture::APP).ok()
}

/// What is known of the helper.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Helper {
    /// Nothing yet.
    Unknown,
    /// It watches.
    Watching,
    /// It watches, but not all that it should, and why, in words.
    Partly(String),
    /// It does, but tells this session nothing now.
    Waiting,
    /// It does not, and why, in words.
    Blind(String),
}

impl From<&Status> for Helper {
    fn from(status: &Status) -> Self {
        let (reason, mend) = (&status.reason, &status.mend);
        if !status.watching {
            Self::Blind(text::not_watching(reason, mend))
        } else if reason.is_empty() {
            Self::Watching
        } else {
            Self::Partly(text::partly_watching(reason, mend))
        }
    }
}

/// The program's state; lives on the event loop's thread.
struct App {
    options: Options,
    config: Config,
    proxy: EventLoopProxy<AppEvent>,
    session: Option<mpsc::UnboundedSender<Command>>,
    tray: Option<Tray>,
    tray_retry: Duration,
    window: Option<Window>,
    helper: Helper,
    paused_until: i64,
    /// The newest incidents, [`session::HISTORY`] of them.
    alerts: BTreeMap<u64, Alert>,
    /// Incidents that the window does not show as they are.
    dirty: BTreeSet<u64>,
    /// Incidents that are new since the window was last looked at.
    new: BTreeSet<u64>,
    /// Is a [`AppEvent::Refresh`] on its way?
    refreshing: bool,
    /// When that was done last, by the monotonic clock, in microseconds.
    refreshed: i64,
    /// Is a [`AppEvent::Age`] on its way?
    aging: bool,
    /// Did the start fail?
    failed: bool,
}

impl App {
    fn new(options: Options, config: Config, proxy: EventLoopProxy<AppEvent>) -> Self {
        Self {
            options,
            config,
            proxy,
            session: None,
            tray: None,
            tray_retry: FIRST_TRAY_RETRY,
            window: None,
            helper: Helper::Unknown,
            paused_until: 0,
            alerts: BTreeMap::new(),
            dirty: BTreeSet::new(),
            new: BTreeSet::new(),
            refreshing: false,
            refreshed: 0,
            aging: false,
            failed: false,
        }
    }

    /// The program was started, or started again.
    fn start(&mut self, app: &gtk::Application) -> bool {
        if self.session.is_some() {
            self.open(app, 0);
            return true;
        }
        let proxy = self.proxy.clone();
        let listener =
            Box::new(move |news| proxy.send_event(AppEvent::Session(Box::new(news))).is_ok());
        match session::start(self.config.clone(), own_picture(), listener) {
            Ok(commands) => self.session = Some(commands),
            Err(error) => {
                say::warn(format_args!(
                    "the session's thread cannot be started: {error}"
                ));
                self.failed = true;
                return false;
            }
        }
        if !self.options.no_tray {
            self.listen_to_tray();
            self.try_tray();
        }
        if !self.options.hidden {
            self.open(app, 0);
        }
        true
    }

    fn handle(&mut self, event: AppEvent, app: &gtk::Application) -> bool {
        match event {
            AppEvent::Session(news) => return self.session_says(*news, app),
            AppEvent::Window(Wish::Quit) => return false,
            AppEvent::Menu(id) => match self.tray.as_ref().and_then(|tray| tray.choice(&id)) {
                Some(Choice::Show(id)) => self.open(app, id),
                Some(Choice::Pause(seconds)) => self.command(Command::Pause(seconds)),
                Some(Choice::Resume) => self.command(Command::Resume),
                Some(Choice::Quit) => return false,
                None => {}
            },
            AppEvent::Click(MouseButton::Left) if self.window.is_some() => self.close(),
            AppEvent::Click(MouseButton::Left) => self.open(app, 0),
            AppEvent::Click(MouseButton::Middle) => self.command(Command::TogglePause),
            AppEvent::Click(MouseButton::Right) => {}
            AppEvent::Window(Wish::Close) => self.close(),
            AppEvent::Refresh => {
                self.refreshing = false;
                self.refresh_now();
            }
            AppEvent::Age => {
                self.aging = false;
                self.refresh();
            }
            // The icon may be there by now, where the bus came back meanwhile.
            AppEvent::TryTray if self.tray.is_some() => {}
            AppEvent::TryTray => self.try_tray(),
        }
        true
    }

    fn session_says(&mut self, news: News, app: &gtk::Application) -> bool {
        match news {
            News::Quit => return false,
            News::Show(id) => self.open(app, id),
            News::Paused(until) => {
                self.paused_until = until;
                self.refresh_now();
            }
            News::Helper(event) => self.helper_says(*event),
            // The icon was on the old bus.
            News::BusBack if !self.options.no_tray => {
                self.tray = None;
                self.try_tray();
            }
            News::BusBack => {}
        }
        true
    }

    fn command(&self, command: Command) {
        if let Some(session) = &self.session
            && session.send(command).is_err()
        {
            say::warn("the session's thread is gone; start Wallwatch again");
        }
    }

    fn helper_says(&mut self, event: HelperEvent) {
        match event {
            HelperEvent::Up(status) => {
                self.close_before(status.started_at);
                self.helper = Helper::from(&status);
                return self.refresh_now();
            }
            HelperEvent::Status(status) => {
                self.helper = Helper::from(&status);
                return self.refresh_now();
            }
            HelperEvent::Down(reason) => {
                say::step(format_args!("helper: {reason}"));
                self.helper = match reason {
                    Reason::Waiting => Helper::Waiting,
                    reason => Helper::Blind(reason.sentence()),
                };
                return self.refresh_now();
            }
            HelperEvent::Afresh => {
                say::step("the helper's history began anew");
                self.forget_all();
            }
            HelperEvent::Known(alerts) => {
                for alert in alerts {
                    self.keep(alert);
                }
            }
            HelperEvent::Raised(alert) => {
                if !self.window.as_ref().is_some_and(Window::is_active) {
                    self.new.insert(alert.id);
                }
                self.keep(alert);
            }
            HelperEvent::Updated(alert) => self.keep(alert),
            HelperEvent::Closed { id, .. } => {
                if let Some(alert) = self.alerts.get_mut(&id) {
                    alert.closed = true;
                    self.dirty.insert(id);
                }
            }
        }
        self.refresh();
    }

    /// Closes what an earlier helper left open: nobody will say any more how it goes on.
    fn close_before(&mut self, start: i64) {
        let mut closed = 0;
        for alert in self.alerts.values_mut() {
            if !alert.closed && alert.last_seen < start {
                alert.closed = true;
                self.dirty.insert(alert.id);
                closed += 1;
            }
        }
        if closed > 0 {
            say::step(format_args!(
                "{} ended with the helper that saw it",
                text::count(closed, "incident", "incidents")
            ));
        }
    }

    /// Forgets every incident: the numbers of those that follow mean others.
    fn forget_all(&mut self) {
        self.dirty.clear();
        self.new.clear();
        for id in std::mem::take(&mut self.alerts).into_keys() {
            if let Some(window) = &mut self.window {
                window.remove(id);
            }
        }
    }

    /// Keeps an alert, and forgets the oldest where there are too many.
    fn keep(&mut self, alert: Alert) {
        self.dirty.insert(alert.id);
        self.alerts.insert(alert.id, alert);
        while self.alerts.len() > session::HISTORY as usize {
            let oldest = self
                .alerts
                .values()
                .min_by_key(|alert| alert.last_seen)
                .map(|alert| alert.id);
            let Some(oldest) = oldest else { break };
            self.alerts.remove(&oldest);
            self.dirty.remove(&oldest);
            self.new.remove(&oldest);
            if let Some(window) = &mut self.window {
                window.remove(oldest);
            }
        }
    }

    /// Brings tray and window up to date: at once, or at the end of the second in which that was done already.
    fn refresh(&mut self) {
        if std::mem::replace(&mut self.refreshing, true) {
            return;
        }
        let since = Duration::from_micros(
            glib::monotonic_time()
                .saturating_sub(self.refreshed)
                .unsigned_abs(),
        );
        self.later(BETWEEN_REFRESHES.saturating_sub(since), AppEvent::Refresh);
    }

    /// Brings tray and window up to date.
    fn refresh_now(&mut self) {
        self.refreshed = glib::monotonic_time();
        let banner = self.banner();
        let dirty = std::mem::take(&mut self.dirty);
        if let Some(window) = &mut self.window {
            for alert in dirty.iter().filter_map(|id| self.alerts.get(id)) {
                window.show(alert);
            }
            window.show_banner(&banner);
        }
        let view = self.view();
        let ages = !view.recent.is_empty();
        if let Some(tray) = &mut self.tray
            && let Err(error) = tray.show(view)
        {
            say::warn(error);
        }
        if ages && self.tray.is_some() && !std::mem::replace(&mut self.aging, true) {
            self.later(BETWEEN_AGES, AppEvent::Age);
        }
    }

    /// What the tray shall show.
    fn view(&self) -> View {
        let now = clock::now().0;
        let mut newest: Vec<&Alert> = self.alerts.values().collect();
        newest.sort_by_key(|alert| std::cmp::Reverse(alert.last_seen));
        newest.truncate(tray::RECENT);
        let paused = self.paused_until != 0;
        let (state, tooltip) = match &self.helper {
            Helper::Blind(words) => (State::Blind, words.clone()),
            Helper::Waiting => (State::Paused, text::WAITING.to_owned()),
            _ if paused => (State::Paused, text::paused(self.paused_until, now)),
            Helper::Unknown => (State::Blind, "Wallwatch asks its helper.".to_owned()),
            Helper::Partly(words) if self.new.is_empty() => (State::Watching, words.clone()),
            Helper::Watching if self.new.is_empty() => (
                State::Watching,
                text::tooltip_watching(newest.first().copied(), 0, now),
            ),
            Helper::Watching | Helper::Partly(_) => (
                State::Alert,
                text::tooltip_watching(newest.first().copied(), self.new.len(), now),
            ),
        };
        let recent = newest
            .iter()
            .map(|alert| (alert.id, text::menu_line(alert, now)))
            .collect();
        View {
            state,
            tooltip,
            paused,
            recent,
        }
    }

    /// What the window says besides the attacks.
    fn banner(&self) -> Banner {
        match &self.helper {
            Helper::Blind(words) | Helper::Partly(words) => Banner {
                words: words.clone(),
                alarming: true,
            },
            Helper::Waiting => Banner {
                words: text::WAITING.to_owned(),
                alarming: false,
            },
            Helper::Unknown => Banner {
                words: "Wallwatch asks its helper.".to_owned(),
                alarming: false,
            },
            Helper::Watching if self.paused_until != 0 => Banner {
                words: text::paused(self.paused_until, clock::now().0),
                alarming: false,
            },
            Helper::Watching => Banner {
                words: "Wallwatch is watching.".to_owned(),
                alarming: false,
            },
        }
    }

    /// Opens the window, or brings it to the front, and selects an incident (0: none).
    fn open(&mut self, app: &gtk::Application, id: u64) {
        self.new.clear();
        if self.window.is_none() {
            let proxy = self.proxy.clone();
            let wish = move |wish| drop(proxy.send_event(AppEvent::Window(wish)));
            let mut window = Window::open(app, wish);
            window.fill(&self.alerts, &self.banner());
            self.window = Some(window);
            say::step("the window is open");
        }
        // Before an incident is selected, because it may have come within this second.
        self.refresh_now();
        if let Some(window) = &self.window {
            if id != 0 && !window.select(id) {
                say::step(format_args!("incident {id} is not in the list any more"));
            }
            window.present();
        }
    }

    fn close(&mut self) {
        if self.window.take().is_some() {
            say::step("the window is closed");
        }
    }

    /// Hands the tray's events to the event loop.
    fn listen_to_tray(&self) {
        // The handlers may be called on any thread, one at a time.
        let proxy = std::sync::Mutex::new(self.proxy.clone());
        TrayIconEvent::set_event_handler(Some(move |event| {
            if let (TrayIconEvent::Click { button, .. }, Ok(proxy)) = (event, proxy.lock()) {
                drop(proxy.send_event(AppEvent::Click(button)));
            }
        }));
        let proxy = std::sync::Mutex::new(self.proxy.clone());
        MenuEvent::set_event_handler(Some(move |event: MenuEvent| {
            if let Ok(proxy) = proxy.lock() {
                drop(proxy.send_event(AppEvent::Menu(event.id)));
            }
        }));
    }

    /// Puts the icon into the panel, or tries again later.
    fn try_tray(&mut self) {
        match Tray::new(self.view()) {
            Ok(tray) => {
                self.tray = Some(tray);
                self.tray_retry = FIRST_TRAY_RETRY;
            }
            Err(error) => {
                say::warn(format_args!(
                    "{error}; it is tried again in {} s",
                    self.tray_retry.as_secs()
                ));
                self.later(self.tray_retry, AppEvent::TryTray);
                self.tray_retry = (self.tray_retry * 2).min(LAST_TRAY_RETRY);
            }
        }
    }

    /// Sends an event to the loop after a while. (A timer of GTK, because tao's own wakes nobody.)
    fn later(&self, after: Duration, event: AppEvent) {
        let proxy = self.proxy.clone();
        glib::timeout_add_local_once(after, move || drop(proxy.send_event(event)));
    }
}
