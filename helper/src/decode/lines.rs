//! Lines of logs, whatever wrote them and whatever dress they wear.

use super::{
    Error, Report,
    dress::{self, Reference},
    log_line,
};

/// Reads lines of one log, one after the other.
#[derive(Debug)]
pub struct Lines {
    reference: Reference,
}

impl Lines {
    /// A reader that has seen no line.
    #[must_use]
    pub const fn new(reference: Reference) -> Self {
        Self { reference }
    }

    /// Reads a line, with or without the mark of its end.
    pub fn read(&mut self, line: &[u8]) -> Result<Report, Error> {
        let text = String::from_utf8_lossy(line);
        let undressed = dress::undress(&text, &self.reference)?;
        let mut report = log_line(undressed.message.as_bytes())?;
        report.stamp = undressed.stamp;
        Ok(report)
    }
}
