//! What the desktop program `wallwatch` and the terminal program `wallwatchctl` are made of.
//!
//! [`bus`] is the client of the helper. [`text`] holds every sentence for people, [`pause`] the pause of popups, [`config`] and
//! [`paths`] the user's files, [`say`] the lines on standard error. None of these needs a desktop.
//!
//! With the feature `tray` there is [`app`], the event loop where everything meets. Beside it, on a thread of its own, `session`
//! takes the helper's events, shows them with `popup`, runs the user's scripts with `hook` and answers `control`, the object on the
//! session bus; `tray` is the icon,
//! `history` the window, and `picture` what both show.

#[cfg(feature = "tray")]
pub mod app;
pub mod bus;
pub mod config;
#[cfg(feature = "tray")]
mod control;
#[cfg(feature = "tray")]
mod history;
#[cfg(feature = "tray")]
mod hook;
pub mod paths;
pub mod pause;
#[cfg(feature = "tray")]
mod picture;
#[cfg(feature = "tray")]
mod popup;
pub mod say;
#[cfg(feature = "tray")]
mod session;
pub mod text;
#[cfg(feature = "tray")]
mod tray;
