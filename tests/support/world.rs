//! The whole of Wallwatch on a fake desktop: the helper watches a victim, the tray shows what it finds.
//!
//! The panel and the notification server belong to the test and keep what the tray tells them. The tray runs as
//! [`ALICE`], whom polkit lets see alerts.

use std::time::{Duration, SystemTime};

use wallwatch_dbus::names::CONTROL_BUS_NAME;

use crate::{
    fake_desktop::{Notifier, Panel},
    netns::Firewall,
    process::{Process, now, wait_until, wall_clock},
    scene::Scene,
    session::Session,
};

/// How long the tray may need until its icon is in the panel.
const START_LIMIT: Duration = Duration::from_secs(20);

/// What the tray asked the notification server to show.
#[derive(Debug, Clone)]
pub struct Popup {
    /// The popup.
    pub id: u32,
    /// The popup it replaces; 0 is none.
    pub replaces: u32,
    /// The first line.
    pub summary: String,
    /// The text.
    pub body: String,
    /// When it was asked for.
    pub at: SystemTime,
}

/// Everything together.
#[derive(Debug)]
pub struct World {
    // In the order in which they are taken down.
    tray: Process,
    panel: Panel,
    notifier: Notifier,
    /// The desktop user's session.
    pub session: Session,
    /// Attacker, victim, system bus and helper.
    pub scene: Scene,
}

impl World {
    /// A victim with this firewall, helper and tray watching it, and the icon in the panel.
    #[must_use]
    pub fn new(firewall: Firewall) -> Self {
        let scene = Scene::new(firewall);
        let session = Session::start(&scene.bus);
        let notifier = Notifier::start(&session.address());
        let panel = Panel::start(&session.address());
        let tray = session
            .program(&scene.bus, scene.bus.program("wallwatch").arg("--hidden"))
            .start();
        let world = Self {
            tray,
            panel,
            notifier,
            session,
            scene,
        };
        world
            .session
            .wait_for_name(&world.scene.bus, CONTROL_BUS_NAME);
        wait_until("the icon is in the panel", START_LIMIT, || {
            // "Wallwatch: watching" once the tray has reached the helper; before it says that it is not.
            world
                .panel
                .item()
                .is_some_and(|item| !item.tooltip.to_lowercase().contains("not watching"))
        });
        world
    }

    /// What popped up until now, the oldest first.
    #[must_use]
    pub fn popups(&self) -> Vec<Popup> {
        let (moment, time) = (now(), wall_clock());
        let popup = |note: crate::fake_desktop::Note| Popup {
            id: note.id,
            replaces: note.replaces,
            summary: note.summary,
            body: note.body,
            at: time - moment.duration_since(note.at),
        };
        self.notifier.notes().into_iter().map(popup).collect()
    }

    /// What the icon's menu says, an entry each.
    #[must_use]
    pub fn menu(&self) -> Vec<String> {
        self.panel
            .menu()
            .into_iter()
            .map(|entry| entry.label)
            .filter(|label| !label.is_empty())
            .collect()
    }

    /// Says the icon that the tray has reached the helper, and that it watches?
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.panel.item().is_some_and(|item| {
            let tooltip = item.tooltip.to_lowercase();
            !tooltip.contains("not watching") && !tooltip.contains("asks its helper")
        })
    }

    /// Clicks on the entry of the menu that says this.
    pub fn click(&self, label: &str) {
        self.panel.choose(label);
    }

    /// The tray.
    pub fn tray(&mut self) -> &mut Process {
        &mut self.tray
    }
}
