//! Records of the journal, as `journalctl -o json` writes them, one object a line (systemd.journal-fields(7)).

use serde::Deserialize;

use super::{
    Error, Report, Stamp,
    calendar::leading_number,
    json::{self, Text},
    log_line,
};
use crate::event::{Feed, Timestamp};

/// The fields that are asked for. Those with a leading underscore the journal itself adds; no program can set them.
#[derive(Debug, Deserialize)]
struct Record<'a> {
    #[serde(borrow, rename = "MESSAGE")]
    message: Option<Text<'a>>,
    #[serde(borrow, rename = "_TRANSPORT")]
    transport: Option<Text<'a>>,
    #[serde(borrow, rename = "SYSLOG_IDENTIFIER")]
    identifier: Option<Text<'a>>,
    #[serde(borrow, rename = "SYSLOG_FACILITY")]
    facility: Option<Text<'a>>,
    #[serde(borrow, rename = "_SOURCE_REALTIME_TIMESTAMP")]
    source_realtime: Option<Text<'a>>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    realtime: Option<Text<'a>>,
    #[serde(borrow, rename = "_SOURCE_MONOTONIC_TIMESTAMP")]
    source_monotonic: Option<Text<'a>>,
    #[serde(borrow, rename = "__MONOTONIC_TIMESTAMP")]
    monotonic: Option<Text<'a>>,
}

/// Reads a record. One that the kernel did not write is refused; an object that is no record is not ours.
///
/// The journal takes what programs of root's write to `/dev/kmsg` with the kernel's own messages, but for their facility and
/// name.
pub(super) fn record(line: &[u8]) -> Result<Report, Error> {
    let record: Record<'_> = json::object(line)?;
    let Some(transport) = &record.transport else {
        let journal = record.message.is_some() || record.realtime.is_some();
        return Err(if journal {
            Error::NotKernel
        } else {
            Error::NotOurs
        });
    };
    let is = |field: &Option<Text<'_>>, value: &[u8]| {
        field.as_ref().is_none_or(|text| text.as_bytes() == value)
    };
    if transport.as_bytes() != b"kernel"
        || !is(&record.identifier, b"kernel")
        || !is(&record.facility, b"0")
    {
        return Err(Error::NotKernel);
    }
    let message = record.message.as_ref().map_or(&b""[..], Text::as_bytes);
    Ok(Report {
        stamp: record.stamp(),
        feed: Feed::Journal,
        trusted: true,
        ..log_line(message)?
    })
}

impl Record<'_> {
    /// By the wall clock, of the kernel before that of the journal; else since the machine started.
    fn stamp(&self) -> Stamp {
        let micros = |field: &Option<Text<'_>>| {
            let (micros, rest) = leading_number(field.as_ref()?.as_bytes().trim_ascii())?;
            rest.is_empty().then_some(micros)
        };
        let wall = micros(&self.source_realtime).or_else(|| micros(&self.realtime));
        let boot = || micros(&self.source_monotonic).or_else(|| micros(&self.monotonic));
        wall.map(|micros| Stamp::Wall(Timestamp(micros)))
            .or_else(|| boot().map(Stamp::Boot))
            .unwrap_or_default()
    }
}
