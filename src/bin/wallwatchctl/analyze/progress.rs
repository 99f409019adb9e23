//! How far the work is, as a bar on standard error, and a way past it for what is printed.
//!
//! A thread of its own moves the bar, so that somebody who waits for a slow pipe, or for a line without an end, sees that.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use wallwatch::text;

use super::input::is_stdin;

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// The bar moves so often.
const FRAME: Duration = Duration::from_millis(100);
/// Where the length is known: how much of it is read, and how long the rest will take.
const BAR: &str = "{spinner} {percent:>3}% [{bar:30}] {msg}, {eta} left";
/// Where it is not.
const SPINNER: &str = "{spinner} {msg}";

/// What was done so far. One thread writes each number, another shows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Done>);

#[derive(Debug, Default)]
struct Done {
    bytes: AtomicU64,
    units: AtomicU64,
    alerts: AtomicU64,
    /// Is it time to print what was found?
    is_due: AtomicBool,
    /// Where nobody writes yet, as people know it.
    awaited: Mutex<Option<String>>,
}

impl Meter {
    /// So many bytes more were read.
    pub(super) fn add_bytes(&self, length: usize) {
        self.0.bytes.fetch_add(length as u64, Relaxed);
    }

    /// So many lines and frames were looked at, and so many alerts were raised.
    pub(super) fn set(&self, units: u64, alerts: u64) {
        self.0.units.store(units, Relaxed);
        self.0.alerts.store(alerts, Relaxed);
    }

    /// Is it time to print what was found? Says so once in a while, where a bar is seen.
    pub(super) fn is_due(&self) -> bool {
        self.0.is_due.load(Relaxed) && self.0.is_due.swap(false, Relaxed)
    }

    /// Somebody has to write there, or none has to any more.
    pub(super) fn await_writer(&self, name: Option<&str>) {
        let name = name.map(|name| text::sanitize(name).into_owned());
        *self
            .0
            .awaited
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = name;
    }

    fn message(&self) -> String {
        let awaited = self
            .0
            .awaited
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = &*awaited {
            return format!("Waiting for somebody to write to {name}.");
        }
        format!(
            "{}, {}, {}",
            HumanBytes(self.0.bytes.load(Relaxed)),
            text::count(self.0.units.load(Relaxed), "line", "lines"),
            text::count(self.0.alerts.load(Relaxed), "alert", "alerts")
        )
    }
}

/// The progress of the work.
#[derive(Debug)]
pub(super) struct Progress {
    /// `None` where nobody would see it.
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    bar: ProgressBar,
    /// The thread ends when this does.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// The progress of work that begins now.
    pub(super) fn new(meter: &Meter, is_wanted: bool) -> Self {
        let is_seen = is_wanted && io::stderr().is_terminal();
        let shown = is_seen.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
                .with_style(style(SPINNER));
            let (stop, stopped) = channel();
            let (turning, meter) = (bar.clone(), meter.clone());
            Shown {
                bar,
                stop,
                thread: thread::spawn(move || turn(&turning, &meter, &stopped)),
            }
        });
        Self { shown }
    }

    /// So many bytes are to be read, where that is known.
    pub(super) fn set_length(&self, length: Option<u64>) {
        if let (Some(shown), Some(length)) = (&self.shown, length) {
            shown.bar.set_style(style(BAR));
            shown.bar.set_length(length);
        }
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
        match &self.shown {
            Some(shown) => shown.bar.suspend(write),
            None => write(),
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
        if let Some(Shown { bar, stop, thread }) = self.shown.take() {
            drop(stop);
            // It can have failed in drawing only, which nobody needs now.
            _ = thread.join();
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// Moves the bar until nobody wants it any more.
fn turn(bar: &ProgressBar, meter: &Meter, stopped: &Receiver<()>) {
    let mut pause = PATIENCE;
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        if pause == PATIENCE {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(20));
            pause = FRAME;
        }
        bar.set_position(meter.0.bytes.load(Relaxed));
        bar.set_message(meter.message());
        bar.tick();
        meter.0.is_due.store(true, Relaxed);
    }
}

/// Says how to end what is typed in, where standard input is somebody at a keyboard. A bar would stand in what is typed.
pub(super) fn await_terminal(files: &[PathBuf], is_wanted: bool) -> bool {
    let is_typed = files.iter().any(|path| is_stdin(path)) && io::stdin().is_terminal();
    if is_typed && is_wanted {
        _ = writeln!(
            io::stderr(),
            "Reading log lines from the terminal; Ctrl+D ends."
        );
    }
    is_typed
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        // Every terminal has these; the last stands when the work is done.
        .tick_chars("|/-\\ ")
}
