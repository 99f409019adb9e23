//! Random packets, written as lines and as bytes by the tests' own hand, are read as the very same packets.
#![expect(
    clippy::format_push_string,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking, and what it stands on need not be fast"
)]

use proptest::{prelude::*, test_runner::Config};
use wallwatch_helper::{
    decode::{self, Lines, Report, Stamp, Zone, dress::Reference},
    event::{Feed, Prefix, Timestamp},
};

use format::{
    dress, kernel,
    ulogd::{self, Output},
};

#[path = "../support/format/mod.rs"]
pub mod format;
#[path = "../support/random.rs"]
pub mod random;

/// 2026-11-22 12:00 UTC.
const NOW: Timestamp = Timestamp(1_795_348_800_000_000);
/// Microseconds of a day.
const DAY: i64 = 86_400 * Timestamp::SECOND;

fn style() -> impl Strategy<Value = kernel::Style> {
    (any::<[bool; 3]>(), 0..16_u8, 0..0x10_0000_u32).prop_map(
        |([mac_decode, ip_options, tight_prefix], reserved, flow_label)| kernel::Style {
            mac_decode,
            ip_options,
            tight_prefix,
            reserved: reserved << 2,
            flow_label,
        },
    )
}

/// Reads a line where the clocks are `ahead` seconds ahead of UTC.
fn read(ahead: i32, line: &str) -> Result<Report, decode::Error> {
    let reference = Reference {
        now: NOW,
        zone: Zone::fixed(ahead),
    };
    Lines::new(reference).read(line.as_bytes())
}

fn at(report: &Report, stamp: Stamp) -> Report {
    Report {
        stamp,
        ..report.clone()
    }
}

fn cases(cases: u32) -> Config {
    Config {
        cases,
        // Nothing is written beside the tests; a broken case is printed.
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(cases(4096))]

    #[test]
    fn a_packet_on_a_line_is_the_packet_that_came(report in random::report(), style in style()) {
        let line = kernel::message(&report, style);
        prop_assert_eq!(decode::log_line(line.as_bytes()), Ok(report), "{}", line);
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn in_every_dress_a_line_tells_the_same_packet_and_its_time(
        report in random::report(),
        style in style(),
        age in 0..300 * DAY,
        boot in 0..1_000_000 * Timestamp::SECOND,
        quarters in -48..=56_i32,
    ) {
        let time = NOW.plus(-age);
        let second = Timestamp(time.0 - time.0 % Timestamp::SECOND);
        let (zone, ahead) = (quarters * 900, i64::from(quarters) * 900);
        let message = kernel::message(&report, style);
        for (line, stamp) in [
            (dress::bsd(time, ahead, Some(boot), &message), Stamp::Wall(second)),
            (dress::iso(time, ahead, Some(boot), &message), Stamp::Wall(time)),
            (dress::iso(time, ahead, None, &message), Stamp::Wall(time)),
            (dress::bsd(time, ahead, None, &message), Stamp::Wall(second)),
            (dress::dmesg(boot, &message), Stamp::Boot(boot)),
            (dress::ctime(time, ahead, &message), Stamp::Wall(second)),
        ] {
            prop_assert_eq!(read(zone, &line), Ok(at(&report, stamp)), "{}", line);
        }
        for (line, stamp, feed) in [
            (dress::journal(time, boot, &message), Stamp::Wall(time), Feed::Journal),
            (dress::kmsg(boot, &message), Stamp::Boot(boot), Feed::Kmsg),
        ] {
            let expected = Report { feed, trusted: true, ..at(&report, stamp) };
            prop_assert_eq!(read(zone, &line), Ok(expected), "{}", line);
        }
    }
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn what_ulogd_writes_tells_as_much_as_ulogd_knows(
        report in random::report(),
        age in 0..300 * DAY,
        quarters in -48..=56_i32,
    ) {
        // A colon could end a program's name, and a line that a program may have written is refused.
        let report = Report {
            prefix: Prefix::from(&report.prefix.replace(':', ".")).expect("no longer than before"),
            ..report
        };
        let time = NOW.plus(-age);
        let second = Timestamp(time.0 - time.0 % Timestamp::SECOND);
        let line = dress::emulated(time, i64::from(quarters) * 900, &ulogd::emulated(&report));
        let expected = ulogd::told(&report, Output::Emulated, second);
        prop_assert_eq!(read(quarters * 900, &line), Ok(expected), "{}", line);

        let line = ulogd::json(&report, time);
        let expected = ulogd::told(&report, Output::Json, time);
        prop_assert_eq!(read(quarters * 900, &line), Ok(expected), "{}", line);
    }
}

/// A report without what a line tells before its packet.
fn packet_of(report: &Report) -> Report {
    Report {
        stamp: Stamp::None,
        prefix: Prefix::new(),
        ..report.clone()
    }
}

/// Two texts that ran into one another: the second behind a part of the first, at every place, with and without the rest of it.
fn merged(first: &str, second: &str) -> Vec<String> {
    (0..=first.len())
        .filter_map(|at| first.split_at_checked(at))
        .flat_map(|(head, tail)| [format!("{head}{second}"), format!("{head}{second}{tail}")])
        .collect()
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn two_lines_in_one_are_never_a_packet_made_of_both(
        reports in [random::report(), random::report()],
        style in style(),
        boot in 0..1_000_000 * Timestamp::SECOND,
    ) {
        let bare = reports.each_ref().map(|report| kernel::message(report, style));
        let bsd = bare.each_ref().map(|text| dress::bsd(NOW, 0, Some(boot), text));
        let iso = bare.each_ref().map(|text| dress::iso(NOW, 0, None, text));
        let dmesg = bare.each_ref().map(|text| dress::dmesg(boot, text));
        let packets = reports.each_ref().map(packet_of);
        for [first, second] in [bare, bsd, iso, dmesg] {
            for line in merged(&first, &second) {
                if let Ok(report) = read(0, &line) {
                    prop_assert!(packets.contains(&packet_of(&report)), "{}\n{:?}", line, report);
                }
            }
        }
    }
}
