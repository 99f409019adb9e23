//! What the desktop program `wallwatch` and the terminal program `wallwatchctl` are made of.
//!
//! [`bus`] is the client of the helper. [`text`] holds every sentence for people.

pub mod bus;
pub mod text;
