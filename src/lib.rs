//! What the desktop program `wallwatch` and the terminal program `wallwatchctl` are made of.
//!
//! [`text`] holds every sentence for people.

pub mod text;
