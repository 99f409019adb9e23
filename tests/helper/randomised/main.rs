//! Attacks and ordinary traffic that nobody has seen before: made up anew in each run.
//!
//! Every attack that headers can tell is a row of [`attacks`], and what comes to every desktop a row of [`noise`]; each has a test of its
//! name. The [`place`] where it happens, addresses, ports, pauses and marks are thrown by [`dice`]; a [`form`] tells of the packets as lines,
//! as a capture or as records. A failure prints the seed, with which `WALLWATCH_SEED` has the same run again.
#![expect(
    clippy::format_push_string,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "what a test stands on panics when it breaks, is called for its effect, and need not be fast"
)]

pub mod attacks;
pub mod check;
pub mod dice;
#[path = "../../support/evaluation/mod.rs"]
pub mod evaluation;
pub mod form;
#[path = "../../support/format/mod.rs"]
pub mod format;
pub mod hour;
pub mod noise;
pub mod packets;
pub mod place;
pub mod properties;
pub mod scene;
