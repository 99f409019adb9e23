//! How answers look: JSON, or lines with colours on a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use wallwatch::text;
use wallwatch_dbus::{Alert, SourceHealth, SourceState, Status};

use crate::{
    args::{Colour, Output},
    error::Error,
};

/// Writes answers to standard output.
#[derive(Debug)]
pub(crate) struct Printer {
    /// One JSON object a line.
    json: bool,
    /// ANSI colours.
    colour: bool,
    /// Nothing but what was asked for.
    quiet: bool,
}

impl Printer {
    /// A printer as the options want it.
    pub(crate) fn new(output: &Output) -> Self {
        let colour = match output.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        Self {
            json: output.json,
            colour,
            quiet: output.quiet,
        }
    }

    /// Is JSON wanted?
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Are colours wanted?
    pub(crate) const fn colour(&self) -> bool {
        self.colour
    }

    /// Is nothing wanted but what was asked for?
    pub(crate) const fn quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a line.
    #[expect(clippy::unused_self, reason = "all output goes through the printer")]
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()?;
        Ok(())
    }

    /// Prints a JSON value on a line, so that nothing in it steers the terminal.
    pub(crate) fn json_line(&mut self, value: &serde_json::Value) -> Result<(), Error> {
        self.line(&text::escape_json(&value.to_string()))
    }

    /// Prints a line that says what was done; not with `--json` or `--quiet`.
    pub(crate) fn note(&mut self, line: &str) -> Result<(), Error> {
        if self.json || self.quiet {
            Ok(())
        } else {
            self.line(line)
        }
    }

    /// Prints an alert.
    pub(crate) fn alert(&mut self, alert: &Alert) -> Result<(), Error> {
        if self.json {
            return self.json_line(&alert.to_json());
        }
        let colour = text::terminal_colour(alert.severity());
        self.line(&self.painted(colour, &text::terminal_line(alert)))
    }

    /// Prints an alert with its reason and its first packets.
    pub(crate) fn alert_in_full(&mut self, alert: &Alert) -> Result<(), Error> {
        self.alert(alert)?;
        if self.json {
            return Ok(());
        }
        let lines = text::details(alert);
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Prints the helper's state.
    pub(crate) fn status(&mut self, status: &Status) -> Result<(), Error> {
        if self.json {
            return self.json_line(&status.to_json());
        }
        let head = if !status.watching {
            self.painted("31", &text::not_watching(&status.reason, &status.mend))
        } else if status.reason.is_empty() {
            self.painted("32", "Watching the firewall.")
        } else {
            self.painted("33", &text::partly_watching(&status.reason, &status.mend))
        };
        self.line(&head)?;
        if !status.complaint.is_empty() {
            let complaint = text::sanitize_sentences(&status.complaint);
            self.line(&self.painted("33", &complaint))?;
        }
        if !status.place.is_empty() {
            self.line(&format!(
                "This network is {}.",
                text::sanitize(&status.place)
            ))?;
        }
        self.line(&format!(
            "Capture of packets: {}.",
            if status.capturing { "on" } else { "off" }
        ))?;
        self.line(&format!(
            "Open incidents: {}.",
            text::number(status.open_incidents)
        ))?;
        status
            .sources
            .iter()
            .try_for_each(|source| self.source(source))
    }

    /// Prints the health of one source.
    fn source(&mut self, source: &SourceHealth) -> Result<(), Error> {
        let line = format!("  {}", text::source_line(source));
        let is = |state: SourceState| source.state == state.as_str();
        let line = if is(SourceState::Failed) || is(SourceState::Blind) {
            self.painted("31", &line)
        } else if is(SourceState::Working) && !source.reason.is_empty() {
            self.painted("33", &line)
        } else {
            line
        };
        self.line(&line)
    }

    /// The text in a colour (an ANSI SGR parameter), where colours are wanted.
    pub(crate) fn painted(&self, sgr: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{sgr}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
