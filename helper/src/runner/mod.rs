//! Running the scripts of hooks: the program `wallwatch-hook` for those of the system, and what it shares with the desktop program,
//! which runs the user's.
//!
//! [`told`] is the line that says what happened, [`check`] looks whether a script is safe to run, [`run`] is one run with its `input`
//! and its [`output`]. [`slots`] says who may run now, a [`pool`] starts and follows all runs, and an [`answer`] says what became of
//! one. Around it is the program: `cli`, [`account`], `socket`, `peers`, the `book` of hooks, and `serve`, where these meet.

pub mod account;
pub mod answer;
mod book;
pub mod check;
mod cli;
mod input;
pub mod output;
mod peers;
pub mod pool;
pub mod run;
mod serve;
pub mod slots;
mod socket;
pub mod told;
mod words;

pub use cli::main;

/// The user that the scripts of system hooks run as, where the unit is as it is shipped.
pub const USER: &str = "wallwatch-hook";
