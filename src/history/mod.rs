//! The window: the list of attacks, the details of one, and whether Wallwatch is watching.
//!
//! A plain GTK window of the event loop's application: a window of tao's own would collect a message for every redraw until the next
//! event. It exists while it is open. What strangers wrote goes into it as text, never as markup.

mod list;

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use gtk::{gdk, glib, pango, prelude::*};
use wallwatch_dbus::Alert;

use crate::text;
use list::List;

/// What the window asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Close the window.
    Close,
    /// End the program.
    Quit,
}

/// What the window says besides the attacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Banner {
    /// One or two sentences.
    pub(crate) words: String,
    /// Is something wrong?
    pub(crate) alarming: bool,
}

/// The window.
pub(crate) struct Window {
    frame: gtk::ApplicationWindow,
    /// Is it dropped, so that closing destroys it?
    ending: Rc<Cell<bool>>,
    banner: gtk::InfoBar,
    /// What it says.
    words: gtk::Label,
    stack: gtk::Stack,
    empty: gtk::Label,
    list: List,
    details: Details,
}

/// The page of the stack with the list, and the one without attacks.
const PAGE_LIST: &str = "list";
const PAGE_EMPTY: &str = "empty";

impl Window {
    /// Opens the window; `wish` is called when the user wants something of it.
    pub(crate) fn open(app: &gtk::Application, wish: impl Fn(Wish) + Clone + 'static) -> Self {
        let window = gtk::ApplicationWindow::new(app);
        window.set_title("Wallwatch");
        window.set_default_size(1040, 560);
        let words = label();
        words.set_selectable(true);
        let banner = gtk::InfoBar::new();
        banner.content_area().add(&words);
        let empty = label();
        empty.set_xalign(0.5);
        empty.set_justify(gtk::Justification::Center);
        empty.set_selectable(true);
        let list = List::new();
        let details = Details::new();
        let scrolled = gtk::ScrolledWindow::new(gtk::Adjustment::NONE, gtk::Adjustment::NONE);
        scrolled.set_shadow_type(gtk::ShadowType::In);
        scrolled.add(list.widget());
        let paned = gtk::Paned::new(gtk::Orientation::Vertical);
        paned.pack1(&scrolled, true, false);
        paned.pack2(details.widget(), false, false);
        let stack = gtk::Stack::new();
        stack.add_named(&paned, PAGE_LIST);
        stack.add_named(&empty, PAGE_EMPTY);
        let column = gtk::Box::new(gtk::Orientation::Vertical, 8);
        column.set_border_width(10);
        column.pack_start(&banner, false, false, 0);
        column.pack_start(&stack, true, true, 0);
        window.add(&column);
        let ending = Rc::new(Cell::new(false));
        listen(&window, Rc::clone(&ending), wish);
        Self {
            frame: window,
            ending,
            banner,
            words,
            stack,
            empty,
            list,
            details,
        }
    }

    /// Fills the window for the first time and shows it.
    pub(crate) fn fill(&mut self, alerts: &BTreeMap<u64, Alert>, banner: &Banner) {
        for alert in alerts.values() {
            self.list.show(alert);
        }
        self.show_banner(banner);
        self.list.on_selection({
            let details = self.details.clone();
            move |words| details.show(words)
        });
        self.frame.show_all();
        self.list.select_first();
        self.show_page();
        // Not the words above it, which would be marked as selected.
        self.list.widget().grab_focus();
        self.words.select_region(0, 0);
    }

    /// Shows an alert anew.
    pub(crate) fn show(&mut self, alert: &Alert) {
        self.list.show(alert);
        if self.list.selected() == Some(alert.id) {
            self.details.show(Some(&details(alert)));
        }
        self.show_page();
    }

    /// Takes an alert out of the list.
    pub(crate) fn remove(&mut self, id: u64) {
        self.list.remove(id);
        self.show_page();
    }

    /// Selects an incident; false where it is not in the list.
    pub(crate) fn select(&self, id: u64) -> bool {
        self.list.select(id)
    }

    /// Says whether Wallwatch is watching.
    pub(crate) fn show_banner(&self, banner: &Banner) {
        self.words.set_text(&banner.words);
        self.banner.set_message_type(if banner.alarming {
            gtk::MessageType::Warning
        } else {
            gtk::MessageType::Other
        });
        self.empty.set_text(&if banner.alarming {
            banner.words.clone()
        } else {
            format!("No attacks so far.\n{}", banner.words)
        });
    }

    fn show_page(&self) {
        let empty = self.list.is_empty();
        self.stack
            .set_visible_child_name(if empty { PAGE_EMPTY } else { PAGE_LIST });
        self.banner.set_visible(!empty);
    }

    /// Brings the window to the front.
    pub(crate) fn present(&self) {
        self.frame.present();
    }

    /// Does the user look at it?
    pub(crate) fn is_active(&self) -> bool {
        self.frame.is_active()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // GTK keeps a window until it is destroyed, and a closed one is.
        self.ending.set(true);
        self.frame.hide();
        self.frame.close();
    }
}

/// Closes by the window manager, Ctrl+W and Escape; quits by Ctrl+Q.
fn listen(
    window: &gtk::ApplicationWindow,
    ending: Rc<Cell<bool>>,
    wish: impl Fn(Wish) + Clone + 'static,
) {
    window.connect_delete_event({
        let wish = wish.clone();
        move |_, _| {
            if ending.get() {
                return glib::Propagation::Proceed;
            }
            // The owner drops the window.
            wish(Wish::Close);
            glib::Propagation::Stop
        }
    });
    window.connect_key_press_event(move |_, event| {
        let control = event.state().contains(gdk::ModifierType::CONTROL_MASK);
        let asked = match event.keyval() {
            gdk::keys::constants::Escape => Wish::Close,
            gdk::keys::constants::w | gdk::keys::constants::W if control => Wish::Close,
            gdk::keys::constants::q | gdk::keys::constants::Q if control => Wish::Quit,
            _ => return glib::Propagation::Proceed,
        };
        wish(asked);
        glib::Propagation::Stop
    });
}

/// A label of several lines.
fn label() -> gtk::Label {
    let label = gtk::Label::new(None);
    label.set_xalign(0.0);
    label.set_line_wrap(true);
    label.set_line_wrap_mode(pango::WrapMode::WordChar);
    label
}

/// The details of an alert: the sentence, and the same for somebody who knows networks.
fn details(alert: &Alert) -> String {
    let sources = alert
        .sources
        .iter()
        .map(|source| text::sanitize(source))
        .collect::<Vec<_>>()
        .join(", ");
    let from = if sources.is_empty() {
        String::new()
    } else {
        format!("\nFrom {sources}")
    };
    format!(
        "{}\n{}\n{}, first seen {}, last seen {}{from}",
        text::sentence(alert),
        text::technical(alert),
        text::count(alert.packets, "packet", "packets"),
        text::date_time(alert.first_seen),
        text::date_time(alert.last_seen),
    )
}

/// The pane below the list.
#[derive(Clone)]
struct Details {
    pane: gtk::ScrolledWindow,
    words: gtk::Label,
}

impl Details {
    fn new() -> Self {
        let words = label();
        words.set_selectable(true);
        words.set_yalign(0.0);
        words.set_margin(8);
        let pane = gtk::ScrolledWindow::new(gtk::Adjustment::NONE, gtk::Adjustment::NONE);
        pane.set_min_content_height(110);
        pane.set_hscrollbar_policy(gtk::PolicyType::Never);
        pane.add(&words);
        Self { pane, words }
    }

    const fn widget(&self) -> &gtk::ScrolledWindow {
        &self.pane
    }

    fn show(&self, words: Option<&str>) {
        self.words.set_text(words.unwrap_or_default());
    }
}
