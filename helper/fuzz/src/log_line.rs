//! Text as lines of a log.

use wallwatch_helper::{
    decode::{Lines, Report, Stamp, Zone, dress::Reference},
    event::{Feed, Timestamp},
};

use super::{
    format::{
        dress,
        kernel::{self, Style},
    },
    sound,
};

/// 2026-11-22 12:00 UTC.
const NOW: Timestamp = Timestamp(1_795_348_800_000_000);

/// Reads the input line by line, as of two places and times.
///
/// What was read of a line is written as the kernel and syslog would write it, and then reads the same.
pub fn check(input: &[u8]) {
    let here = Reference {
        now: NOW,
        ..Reference::default()
    };
    // Clocks that go forth and back, and a machine that has lost the time.
    let there = Reference {
        now: Timestamp(0),
        zone: Zone::changing(-43_200, vec![(0, 50_400), (1_774_746_000, 7200)]),
    };
    let (mut first, mut second) = (Lines::new(here), Lines::new(there));
    for line in input.split(|byte| *byte == b'\n') {
        // Only the time may differ.
        match (first.read(line), second.read(line)) {
            (Ok(mut read), Ok(other)) => {
                read.stamp = other.stamp;
                assert_eq!(read, other);
                sound::report(&read);
                check_again(&mut first, read);
            }
            (Err(reason), Err(other)) => {
                assert!(!reason.to_string().is_empty() && !other.to_string().is_empty());
            }
            // A date that never was on a clock of the other place.
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => {}
        }
    }
}

/// Writes a report as a line of a syslog file and reads that.
fn check_again(lines: &mut Lines, mut report: Report) {
    let style = Style {
        mac_decode: report.mac.is_some() && report.packet().is_none(),
        ..Style::default()
    };
    let line = dress::iso(NOW, 0, Some(0), &kernel::message(&report, style));
    report.stamp = Stamp::Wall(NOW);
    report.feed = Feed::File;
    report.trusted = false;
    assert_eq!(lines.read(line.as_bytes()), Ok(report), "{line}");
}
