//! Where the tests of the desktop program play: two private buses, a screen, and everybody it talks to.

use std::{fs, path::PathBuf, time::Duration};

use wallwatch_dbus::Alert;

use crate::{
    fake_desktop::{Item, Note, Notifier, Panel},
    fake_helper::FakeHelper,
    private_bus::{PrivateBus, Screen},
    process::{Process, Program, holds_within, wait_until},
    temp::TempDir,
};

/// What happens at once happens within this time, even on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);
/// What shall not happen is waited for so long.
pub const A_WHILE: Duration = Duration::from_millis(1500);

/// The stage; nobody is on it but who was asked for.
#[derive(Debug)]
pub struct Stage {
    binary: PathBuf,
    /// The screen.
    pub screen: Screen,
    /// The system bus.
    pub system: PrivateBus,
    /// The session bus.
    pub session: PrivateBus,
    /// The user's home; the program writes nowhere else.
    pub home: TempDir,
}

/// The desktop program with a helper, a panel and a notification server.
#[derive(Debug)]
pub struct Cast {
    // In the order in which they leave.
    /// The program.
    pub tray: Process,
    /// The helper.
    pub helper: FakeHelper,
    /// The panel.
    pub panel: Panel,
    /// The notification server.
    pub notifier: Notifier,
    /// Where they play.
    pub stage: Stage,
}

impl Stage {
    /// Two buses and a screen for the desktop program at this path.
    #[must_use]
    pub fn new(binary: &str) -> Self {
        Self {
            binary: binary.into(),
            screen: Screen::start("1100x700"),
            system: PrivateBus::start(),
            session: PrivateBus::start(),
            home: TempDir::new(),
        }
    }

    /// The program, so that it finds this stage and nothing else.
    #[must_use]
    pub fn program(&self, arguments: &[&str]) -> Program {
        let path = |name: &str| self.home.path().join(name);
        Program::new(&self.binary)
            .clean_env()
            .args(arguments)
            .env("DISPLAY", self.screen.display())
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.system.address())
            .env("DBUS_SESSION_BUS_ADDRESS", self.session.address())
            .env("HOME", path("home"))
            .env("XDG_CONFIG_HOME", path("config"))
            .env("XDG_STATE_HOME", path("state"))
            .env("XDG_RUNTIME_DIR", path("run"))
            .env("GDK_BACKEND", "x11")
            .env("LANG", "C.UTF-8")
            .env("NO_AT_BRIDGE", "1")
    }

    /// Starts the program as at log-in, telling its steps.
    #[must_use]
    pub fn tray(&self) -> Process {
        self.program(&["--hidden", "-v"]).start()
    }

    /// Writes the user's configuration.
    pub fn configure(&self, text: &str) {
        let directory = self.home.path().join("config/wallwatch");
        fs::create_dir_all(&directory).expect("a directory can be made in the temporary directory");
        fs::write(directory.join("config.toml"), text)
            .expect("a file can be written in the temporary directory");
    }

    /// The file that remembers the pause.
    #[must_use]
    pub fn pause_file(&self) -> PathBuf {
        self.home.path().join("state/wallwatch/pause")
    }

    /// Everybody, with the program's icon in the panel and the helper at its ear.
    #[must_use]
    pub fn cast(self) -> Cast {
        let helper = FakeHelper::start(&self.system.address());
        let panel = Panel::start(&self.session.address());
        let notifier = Notifier::start(&self.session.address());
        let tray = self.tray();
        let cast = Cast {
            tray,
            helper,
            panel,
            notifier,
            stage: self,
        };
        cast.wait_ready();
        cast
    }
}

impl Cast {
    /// Waits until the icon is in the panel and the helper has a subscriber.
    pub fn wait_ready(&self) {
        wait_until("the icon is in the panel", SOON, || self.panel.count() > 0);
        wait_until("the helper has a subscriber", SOON, || {
            self.helper.subscriptions() > 0
        });
        wait_until("the icon tells that Wallwatch is watching", SOON, || {
            !self.tooltip().contains("asks its helper")
        });
        self.tray_says("the session bus is served");
    }

    /// Waits until the program wrote this.
    pub fn tray_says(&self, words: &str) {
        wait_until(words, SOON, || self.tray.log().contains(words));
    }

    /// The icon in the panel.
    #[must_use]
    pub fn item(&self) -> Option<Item> {
        self.panel.item()
    }

    /// The icon's tooltip.
    #[must_use]
    pub fn tooltip(&self) -> String {
        self.item().map(|item| item.tooltip).unwrap_or_default()
    }

    /// Waits until the tooltip contains these words.
    pub fn wait_tooltip(&self, words: &str) {
        let found = holds_within(SOON, || self.tooltip().contains(words));
        assert!(found, "no '{words}' in the tooltip '{}'", self.tooltip());
    }

    /// Waits until so many notifications were sent, and returns them.
    #[must_use]
    pub fn notes(&self, count: usize) -> Vec<Note> {
        let found = holds_within(SOON, || self.notifier.notes().len() >= count);
        let notes = self.notifier.notes();
        assert!(found, "{count} notifications expected, there are {notes:?}");
        notes
    }

    /// Lets a while pass and checks that there are so many notifications and no more.
    pub fn no_more_notes_than(&self, count: usize) {
        std::thread::sleep(A_WHILE);
        let notes = self.notifier.notes();
        assert_eq!(notes.len(), count, "{notes:?}");
    }

    /// Waits until the menu has an entry that begins so.
    pub fn wait_entry(&self, beginning: &str) {
        let found = holds_within(SOON, || self.has_entry(beginning));
        assert!(found, "no '{beginning}' in {:?}", self.panel.menu());
    }

    /// Has the menu an entry that begins so?
    #[must_use]
    pub fn has_entry(&self, beginning: &str) -> bool {
        self.panel
            .menu()
            .iter()
            .any(|entry| entry.label.starts_with(beginning))
    }
}

/// A scan by one address, of severity medium.
#[must_use]
pub fn scan(id: u64, source: &str, port_count: u64) -> Alert {
    Alert {
        id,
        kind: "tcp-syn-scan".to_owned(),
        severity: 3,
        sources: vec![source.to_owned()],
        source_count: 1,
        targets: vec!["192.0.2.1".to_owned()],
        ports: format!("1-{port_count}"),
        port_count,
        protocol: "tcp".to_owned(),
        interface: "eth0".to_owned(),
        verdict: "dropped".to_owned(),
        packets: port_count,
        packets_to_alert: 10,
        first_seen: 1_770_000_000_000_000,
        last_seen: 1_770_000_002_000_000 + i64::try_from(id).unwrap_or_default(),
        raised_at: 1_770_000_001_000_000,
        feed: "nflog".to_owned(),
        trusted: true,
        popup: true,
        ..Alert::default()
    }
}
