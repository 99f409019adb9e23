//! Which past alerts are wanted, as options and as the filter that the helper reads.

use std::net::IpAddr;

use wallwatch_dbus::{AlertFilter, Kind, Severity};

use crate::{
    error::Error,
    moment::{self, Moment},
};

/// So many alerts are asked for at once: a megabyte or two.
pub(crate) const PAGE: usize = 500;
/// The longest text that the helper looks for, in bytes.
const MOST_TEXT: usize = 256;

/// Which alerts are wanted.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Only this kind, as tcp-syn-scan
    #[arg(long)]
    kind: Option<Kind>,
    /// Only from this severity: info, low, medium, high, critical or 1 to 5
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    min_severity: Option<Severity>,
    /// Only from this address
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// Only where this occurs in the kind, the sources, the ports or the tool
    #[arg(long, value_parser = short)]
    text: Option<String>,
    /// Only what was seen from this time on: 2h, 7d, or as 2026-11-22 14:05
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    since: Option<Moment>,
    /// Only what began before this time
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    until: Option<Moment>,
}

/// Which page of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Page {
    #[command(flatten)]
    wanted: Wanted,
    /// At most so many, the newest
    #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only what changed before this number (seq in JSON): the next page, which the last one names
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    before: Option<u64>,
}

/// Reads a severity as its word or its number.
pub(crate) fn level(text: &str) -> Result<Severity, String> {
    let named = Severity::ALL
        .iter()
        .find(|severity| severity.to_string() == text || severity.level().to_string() == text);
    named
        .copied()
        .ok_or_else(|| "write info, low, medium, high, critical or 1 to 5".to_owned())
}

/// Reads a text that the helper looks for.
fn short(text: &str) -> Result<String, String> {
    if text.len() > MOST_TEXT {
        return Err(format!("it is longer than {MOST_TEXT} bytes"));
    }
    Ok(text.to_owned())
}

impl Wanted {
    /// The filter that asks the helper for them, the oldest change first.
    pub(crate) fn filter(&self) -> Result<AlertFilter, Error> {
        let (from, to) = moment::stretch(self.since, self.until)?;
        Ok(AlertFilter {
            from,
            to,
            kind: self.kind.map_or_else(String::new, |kind| kind.to_string()),
            min_severity: self.min_severity.unwrap_or(Severity::Info).level(),
            source: self
                .source
                .map_or_else(String::new, |source| source.to_string()),
            text: self.text.clone().unwrap_or_default(),
            ..AlertFilter::default()
        })
    }
}

impl Page {
    /// The filter that asks the helper for it, the newest change first.
    pub(crate) fn filter(&self) -> Result<AlertFilter, Error> {
        Ok(AlertFilter {
            before_seq: self.before.unwrap_or(0),
            order: "desc".to_owned(),
            ..self.wanted.filter()?
        })
    }

    /// At most so many.
    pub(crate) const fn limit(&self) -> u32 {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_is_a_word_or_a_number() {
        assert_eq!(level("high"), Ok(Severity::High));
        assert_eq!(level("4"), Ok(Severity::High));
        for wrong in ["", "0", "6", "loud"] {
            assert!(level(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_text_is_no_longer_than_the_helper_takes() {
        assert!(short(&"x".repeat(MOST_TEXT)).is_ok());
        assert!(short(&"x".repeat(MOST_TEXT + 1)).is_err());
    }
}
