//! A desktop without pixels: a panel and a notification server that do and say what a test wants.
//!
//! [`Panel`] is a StatusNotifierWatcher with a host that reads items, their menus and tooltips, and clicks on them.
//! [`Notifier`] is an `org.freedesktop.Notifications` server that keeps what it was told to show, presses its buttons, hangs or
//! errs. Each has a connection of its own and can give its name back and take it again, as a program that restarts.

mod notifier;
mod panel;

pub use notifier::{Mode, Note, Notifier, forge_press};
pub use panel::{Entry, Item, Panel};
