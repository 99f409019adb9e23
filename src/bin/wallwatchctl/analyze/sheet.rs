//! Where alerts are written: as a table, as JSON lines or as comma separated values, on standard output.

use std::io::{self, Write as _};

use wallwatch::text;
use wallwatch_dbus::{Alert, Severity};

use super::{
    fates::Facts,
    progress::Progress,
    summary::Summary,
    table::{Look, Table},
};
use crate::{csv, error::Error, print::Printer};

/// So much is written at once.
const BLOCK: usize = 1 << 15;

/// How alerts are written.
#[derive(Debug)]
pub(super) enum Form {
    /// For people.
    Table(Table, Look),
    /// For people who want to see everything.
    Details(Look),
    /// One object a line.
    Json,
    /// Comma separated values, below a row of names.
    Csv,
}

impl Form {
    /// Is a summary wanted behind the alerts?
    pub(super) const fn has_summary(&self) -> bool {
        matches!(self, Self::Table(_, look) | Self::Details(look) if look.words)
    }

    /// A table as the printer and the terminal want it.
    pub(super) fn table(printer: &Printer) -> Self {
        let look = Look::of(printer);
        Self::Table(Table::new(look), look)
    }
}

/// What was found, on its way to standard output.
#[derive(Debug)]
pub(super) struct Sheet {
    form: Form,
    progress: Progress,
    summary: Summary,
    /// What was not written yet.
    out: Vec<u8>,
}

impl Sheet {
    /// An empty sheet.
    pub(super) fn new(form: Form, progress: Progress) -> Self {
        Self {
            form,
            progress,
            summary: Summary::default(),
            out: Vec::new(),
        }
    }

    /// Says on standard error what is wrong.
    pub(super) fn tell(&self, sentence: &str) {
        self.progress.tell(sentence);
    }

    /// Adds an alert.
    pub(super) fn add(&mut self, alert: &Alert) -> Result<(), Error> {
        match &mut self.form {
            Form::Table(table, _) => table.add(alert, &mut self.out),
            Form::Details(look) => {
                let head = text::terminal_line(alert);
                let sgr = text::terminal_colour(alert.severity());
                if look.colour {
                    writeln!(self.out, "\u{1b}[{sgr}m{head}\u{1b}[0m")?;
                } else {
                    writeln!(self.out, "{head}")?;
                }
                for line in text::details(alert) {
                    writeln!(self.out, "{line}")?;
                }
            }
            Form::Json => {
                serde_json::to_writer(&mut self.out, &alert.to_json()).map_err(io::Error::from)?;
                self.out.push(b'\n');
            }
            Form::Csv => {
                if self.summary.is_empty() {
                    csv::head(&mut self.out)?;
                }
                csv::row(alert, &mut self.out)?;
            }
        }
        self.summary.add(alert);
        if self.out.len() >= BLOCK {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what is left, and what it all comes to; says how severe the worst alert is.
    pub(super) fn end(&mut self, facts: &Facts<'_>) -> Result<Option<Severity>, Error> {
        self.progress.end();
        if let Form::Table(table, _) = &mut self.form {
            table.end(&mut self.out);
        }
        match &self.form {
            Form::Table(_, look) | Form::Details(look) => {
                if look.words {
                    if !self.summary.is_empty() {
                        self.out.push(b'\n');
                    }
                    for line in self.summary.lines(facts, look.colour) {
                        writeln!(self.out, "{line}")?;
                    }
                }
            }
            Form::Csv if self.summary.is_empty() => csv::head(&mut self.out)?,
            Form::Json | Form::Csv => {}
        }
        self.write()?;
        Ok(self.summary.worst())
    }

    /// Writes what waits to standard output.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        if !self.out.is_empty() {
            let mut stdout = io::stdout().lock();
            self.progress
                .beside(|| stdout.write_all(&self.out).and_then(|()| stdout.flush()))?;
            self.out.clear();
        }
        Ok(())
    }
}
