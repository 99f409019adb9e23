//! What the helper says to the journal, by its standard error.

use std::{
    fmt::Display,
    io::{self, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// From now on what only a debugger wants to know is said too.
pub(crate) fn be_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// Says what an administrator should know. Whoever listened may be gone, which is no reason to end.
pub(crate) fn say(sentence: &dyn Display) {
    drop(writeln!(
        io::stderr().lock(),
        "wallwatch-helper: {sentence}"
    ));
}

/// Says what only a debugger wants to know.
pub(crate) fn whisper(sentence: &dyn Display) {
    if VERBOSE.load(Ordering::Relaxed) {
        say(sentence);
    }
}
