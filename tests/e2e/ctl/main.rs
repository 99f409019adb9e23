//! `wallwatchctl` beside a helper that says what a test wants: what it asks for, what it prints, and how it ends.

mod errors;
mod export;
mod forget;
mod past;

use wallwatch_dbus::Alert;
use wallwatch_test_support::{FakeHelper, Output, PrivateBus, Program, stage::scan};

/// A bus with a helper.
struct Stage {
    helper: FakeHelper,
    bus: PrivateBus,
}

impl Stage {
    fn new() -> Self {
        let bus = PrivateBus::start();
        let helper = FakeHelper::start(&bus.address());
        Self { helper, bus }
    }

    /// The helper knows so many alerts, the first with number and id 1.
    fn knows(&self, count: u64) {
        for id in 1..=count {
            self.helper
                .keep(scan(id, &format!("192.0.2.{}", id % 250), 3));
        }
    }

    /// Runs `wallwatchctl` with these words.
    fn ctl(&self, words: &[&str]) -> Output {
        ctl(&self.bus.address(), words).output()
    }

    /// As [`Self::ctl`], which must succeed; what it printed.
    fn printed(&self, words: &[&str]) -> String {
        let output = self.ctl(words);
        assert_eq!(output.code, Some(0), "{words:?}: {}", output.text());
        assert_eq!(output.stderr, "", "{words:?}");
        output.stdout
    }
}

/// `wallwatchctl` with a system bus at this address, in UTC.
fn ctl(bus: &str, words: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_wallwatchctl"))
        .clean_env()
        .args(words)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
        .env("TZ", "UTC")
        .env("LANG", "C.UTF-8")
}

/// An alert with text of a stranger's in every place where one may stand.
fn hostile() -> Alert {
    let text = "=cmd|'/c calc'!A1\u{1b}[2J\u{9b}31m\u{202e}\n,\"x";
    Alert {
        sources: vec![text.to_owned()],
        tool: text.to_owned(),
        interface: text.to_owned(),
        ports: text.to_owned(),
        tags: vec![text.to_owned()],
        ..scan(1, "192.0.2.1", 3)
    }
}

/// No character in it steers a terminal.
fn assert_harmless(text: &str) {
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(steers), "{text:?}");
}
