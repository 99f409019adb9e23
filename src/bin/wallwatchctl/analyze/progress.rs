//! How far the work is, as a bar on standard error, and a way past it for what is printed.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use wallwatch::text;
use wallwatch_helper::clock;

use super::input::is_stdin;

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// The bar moves so often.
const FRAME: Duration = Duration::from_millis(100);
/// Where the length is known: how much of it is read, and how long the rest will take.
const BAR: &str = "{spinner} {percent:>3}% [{bar:30}] {msg}, {eta} left";
/// Where it is not.
const SPINNER: &str = "{spinner} {msg}";

/// The progress of the work.
#[derive(Debug)]
pub(super) struct Progress {
    /// `None` where nobody would see it.
    bar: Option<ProgressBar>,
    started: Instant,
    /// When it moved last; not before it is shown.
    moved: Option<Instant>,
}

impl Progress {
    /// The progress of reading so many bytes, or nobody knows how many.
    pub(super) fn new(length: Option<u64>, is_wanted: bool) -> Self {
        let is_seen = is_wanted && io::stderr().is_terminal();
        Self {
            bar: is_seen.then(|| bar(length)),
            started: clock::moment(),
            moved: None,
        }
    }

    /// Is it time to move the bar?
    pub(super) fn is_due(&self) -> bool {
        let (since, pause) = match self.moved {
            Some(moved) => (moved, FRAME),
            None => (self.started, PATIENCE),
        };
        self.bar.is_some() && clock::moment().duration_since(since) >= pause
    }

    /// Moves the bar.
    pub(super) fn show(&mut self, bytes: u64, lines: u64, alerts: u64) {
        let Some(bar) = &self.bar else { return };
        if self.moved.is_none() {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(20));
            // It goes on turning while a pipe is waited for.
            bar.enable_steady_tick(FRAME);
        }
        self.moved = Some(clock::moment());
        bar.set_position(bytes);
        bar.set_message(format!(
            "{}, {}, {}",
            HumanBytes(bytes),
            text::count(lines, "line", "lines"),
            text::count(alerts, "alert", "alerts")
        ));
    }

    /// Writes to standard output; the bar is away meanwhile where both are on a terminal.
    pub(super) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        if io::stdout().is_terminal() {
            self.aside(write)
        } else {
            write()
        }
    }

    /// Does something that writes to the terminal, while the bar is away.
    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) if self.moved.is_some() => bar.suspend(write),
            _ => write(),
        }
    }

    /// Says on standard error what is wrong.
    pub(super) fn tell(&self, sentence: &str) {
        // Whoever closed standard error wants to hear nothing.
        self.aside(|| {
            _ = writeln!(
                io::stderr(),
                "wallwatchctl: {}",
                text::sanitize_sentences(sentence)
            );
        });
    }

    /// Takes the bar away.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Says how to end what is typed in, where standard input is somebody at a keyboard.
pub(super) fn await_terminal(files: &[PathBuf]) {
    if files.iter().any(|path| is_stdin(path)) && io::stdin().is_terminal() {
        _ = writeln!(
            io::stderr(),
            "Reading log lines from the terminal; Ctrl+D ends."
        );
    }
}

/// A bar that is not shown yet.
fn bar(length: Option<u64>) -> ProgressBar {
    let template = if length.is_some() { BAR } else { SPINNER };
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        // Every terminal has these; the last stands when the work is done.
        .tick_chars("|/-\\ ");
    ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden()).with_style(style)
}
