//! The tray icon: its shape tells the state, its menu holds the last attacks and the pause.
//!
//! The icon is a StatusNotifierItem, so the panel draws it and its menu. Every change is a message to the panel, so [`Tray::show`]
//! sends what differs from what is shown and nothing else; who calls it keeps to once a second.

use tray_icon::{
    Icon, TrayIcon, TrayIconBuilder,
    menu::{Menu, MenuId, MenuItem, PredefinedMenuItem, Submenu},
};

use crate::picture::Picture;

/// The item's id; constant, because panels remember by it whether the user hid the icon.
const ID: &str = "wallwatch";
/// So many attacks are in the menu.
pub(crate) const RECENT: usize = 5;

/// What the menu's pauses are called and how many seconds they last; 0 is until resumed.
const PAUSES: [(&str, &str, u64); 3] = [
    ("pause-15m", "for 15 minutes", 15 * 60),
    ("pause-1h", "for 1 hour", 60 * 60),
    ("pause", "until I resume", 0),
];

/// The state that the icon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// All is quiet: a shield with a check mark.
    Watching,
    /// There are alerts that the user has not looked at: a shield with an exclamation mark.
    Alert,
    /// Popups are paused: a shield with two bars.
    Paused,
    /// Nothing is watched: a hollow shield, crossed out.
    Blind,
}

impl State {
    /// The picture, 64 x 64 pixels, rendered from the SVG of the same name.
    const fn png(self) -> &'static [u8] {
        match self {
            Self::Watching => {
                include_bytes!("../assets/icons/org.wallwatch.Wallwatch-watching.png")
            }
            Self::Alert => include_bytes!("../assets/icons/org.wallwatch.Wallwatch-alert.png"),
            Self::Paused => include_bytes!("../assets/icons/org.wallwatch.Wallwatch-paused.png"),
            Self::Blind => include_bytes!("../assets/icons/org.wallwatch.Wallwatch-blind.png"),
        }
    }

    fn icon(self) -> Result<Icon, Error> {
        let picture = Picture::decode(self.png())?;
        Ok(Icon::from_rgba(
            picture.rgba,
            picture.width,
            picture.height,
        )?)
    }
}

/// Why there is no icon.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The picture could not be decoded.
    #[error("the icon's picture is not readable: {0}")]
    Picture(#[from] gtk::glib::Error),
    /// The picture has the wrong form.
    #[error("the icon's picture has the wrong form: {0}")]
    Form(#[from] tray_icon::BadIcon),
    /// The panel or the bus did not take it.
    #[error("the panel did not take the icon: {0}")]
    Panel(#[from] tray_icon::Error),
    /// The menu could not be made.
    #[error("the icon's menu could not be made: {0}")]
    Menu(#[from] tray_icon::menu::Error),
}

/// What an entry of the menu asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Show the window, or with an id an incident in it.
    Show(u64),
    /// Pause for so many seconds; 0 is until resumed.
    Pause(u64),
    /// Show popups again.
    Resume,
    /// End the program.
    Quit,
}

/// What the tray shall show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) tooltip: String,
    /// Are popups paused? The state does not tell while nothing is watched.
    pub(crate) paused: bool,
    /// The last attacks, newest first: incident and words.
    pub(crate) recent: Vec<(u64, String)>,
}

/// The icon and its menu.
pub(crate) struct Tray {
    icon: TrayIcon,
    menu: Menu,
    attacks: Vec<MenuItem>,
    none_yet: MenuItem,
    resume: MenuItem,
    shown: View,
}

/// Where the attacks begin in the menu: behind "Show Wallwatch" and a line.
const FIRST_ATTACK: usize = 2;

impl Tray {
    /// Puts the icon into the panel. Without a panel it waits for one; an error is worth another try later.
    pub(crate) fn new(view: View) -> Result<Self, Error> {
        let menu = Menu::new();
        let none_yet = MenuItem::with_id("none", "No attacks so far", false, None);
        let pause = Submenu::with_id("pause-menu", "Pause popups", true);
        for (id, label, _) in PAUSES {
            pause.append(&MenuItem::with_id(id, label, true, None))?;
        }
        let resume = MenuItem::with_id("resume", "Resume now", true, None);
        let line = PredefinedMenuItem::separator;
        menu.append(&MenuItem::with_id("show", "Show Wallwatch", true, None))?;
        menu.append(&line())?;
        menu.append(&none_yet)?;
        menu.append(&line())?;
        menu.append(&pause)?;
        menu.append(&line())?;
        menu.append(&MenuItem::with_id("quit", "Quit", true, None))?;
        let icon = TrayIconBuilder::new()
            .with_id(ID)
            .with_title("Wallwatch")
            .with_tooltip(&view.tooltip)
            .with_icon(view.state.icon()?)
            .with_menu(Box::new(menu.clone()))
            .build()?;
        let shown = View {
            paused: false,
            recent: Vec::new(),
            ..view.clone()
        };
        let mut tray = Self {
            icon,
            menu,
            attacks: Vec::new(),
            none_yet,
            resume,
            shown,
        };
        tray.show(view)?;
        Ok(tray)
    }

    /// Shows what differs from what is shown.
    pub(crate) fn show(&mut self, view: View) -> Result<(), Error> {
        if view.state != self.shown.state {
            self.icon.set_icon(Some(view.state.icon()?))?;
        }
        if view.tooltip != self.shown.tooltip {
            self.icon.set_tooltip(Some(&view.tooltip))?;
        }
        if view.paused != self.shown.paused {
            self.show_resume(view.paused)?;
        }
        for (i, (_, words)) in view.recent.iter().take(RECENT).enumerate() {
            // An ampersand marks a mnemonic, a double one is itself.
            let label = words.replace('&', "&&");
            match self.attacks.get(i) {
                Some(item) if item.text() != label => item.set_text(label),
                Some(_) => {}
                None => self.add_attack(i, &label)?,
            }
        }
        while self.attacks.len() > view.recent.len() {
            self.remove_attack()?;
        }
        self.shown = view;
        Ok(())
    }

    /// Takes the last attack out of the menu, as where the helper's history was lost.
    fn remove_attack(&mut self) -> Result<(), Error> {
        if let Some(item) = self.attacks.pop() {
            self.menu.remove(&item)?;
            if self.attacks.is_empty() {
                self.menu.insert(&self.none_yet, FIRST_ATTACK)?;
            }
        }
        Ok(())
    }

    fn add_attack(&mut self, i: usize, label: &str) -> Result<(), Error> {
        let item = MenuItem::with_id(format!("attack-{i}"), label, true, None);
        self.menu.insert(&item, FIRST_ATTACK + i)?;
        if i == 0 {
            self.menu.remove(&self.none_yet)?;
        }
        self.attacks.push(item);
        Ok(())
    }

    /// "Resume now" stands in front of the pauses, while there is something to resume.
    fn show_resume(&self, paused: bool) -> Result<(), Error> {
        if paused {
            let at = FIRST_ATTACK + self.attacks.len().max(1) + 1;
            self.menu.insert(&self.resume, at)?;
        } else {
            self.menu.remove(&self.resume)?;
        }
        Ok(())
    }

    /// What an entry of the menu asks for.
    pub(crate) fn choice(&self, id: &MenuId) -> Option<Choice> {
        let id = id.0.as_str();
        if let Some((.., seconds)) = PAUSES.iter().find(|(pause, ..)| *pause == id) {
            return Some(Choice::Pause(*seconds));
        }
        match id {
            "show" => Some(Choice::Show(0)),
            "resume" => Some(Choice::Resume),
            "quit" => Some(Choice::Quit),
            _ => {
                let i: usize = id.strip_prefix("attack-")?.parse().ok()?;
                self.shown
                    .recent
                    .get(i)
                    .map(|&(incident, _)| Choice::Show(incident))
            }
        }
    }
}
