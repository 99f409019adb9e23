//! The few lines that the desktop program writes to standard error, for the journal of the session.
#![expect(clippy::print_stderr, reason = "this is where they are written")]

use std::{
    fmt::Display,
    sync::atomic::{AtomicBool, Ordering},
};

/// Are steps told, beside what went wrong?
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Tells steps too from now on.
pub fn verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// Something went wrong, or somebody should know it.
pub fn warn(text: impl Display) {
    eprintln!("wallwatch: {text}");
}

/// A step that is of interest to whoever looks for a fault.
pub fn step(text: impl Display) {
    if VERBOSE.load(Ordering::Relaxed) {
        eprintln!("wallwatch: {text}");
    }
}
