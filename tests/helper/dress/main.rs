//! What stands around a packet's text, when it says that was, and who may have written it: `tests/data/dress/*.tsv` holds what
//! is read of each dress.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod objects;

use std::fmt::Write as _;

use proptest::prelude::*;
use wallwatch_helper::{
    decode::{Lines, Stamp, Zone, dress::Reference},
    event::Timestamp,
};

/// 2026-11-22 12:00 UTC.
const NOW: i64 = 1_795_348_800;
/// A day.
const DAY: i64 = 86_400;
/// What the kernel writes of a packet.
const PACKET: &str = "DROP IN=eth0 OUT= MAC=02:fc:00:00:00:01:00:1b:21:aa:bb:cc:08:00 SRC=203.0.113.9 DST=192.0.2.2 LEN=60 TOS=0x00 \
                      PREC=0x00 TTL=52 ID=4321 DF PROTO=TCP SPT=40000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 ";
/// What ulogd writes of it.
const EMULATED: &str = "IN=eth0 OUT= MAC=02:fc:00:00:00:01:00:1b:21:aa:bb:cc:08:00 SRC=203.0.113.9 DST=192.0.2.2 LEN=60 TOS=00 PREC=0x00 \
                        TTL=52 ID=4321 DF PROTO=TCP SPT=40000 DPT=22 SEQ=195881 ACK=0 WINDOW=64240 SYN URGP=0 MARK=0x0 ";

/// A reader at noon of 22 November 2026 by the clocks of a place.
fn lines(zone: Zone) -> Lines {
    Lines::new(Reference {
        now: Timestamp(NOW * Timestamp::SECOND),
        zone,
    })
}

/// What a line's dress tells, in one line.
fn dress(lines: &mut Lines, line: &str) -> String {
    let report = match lines.read(line.as_bytes()) {
        Ok(report) => report,
        Err(error) => return format!("refused: {error}"),
    };
    let trusted = if report.trusted {
        "trusted"
    } else {
        "untrusted"
    };
    format!(
        "{} {} {trusted} {:?}",
        stamp(report.stamp),
        report.feed,
        report.prefix.as_str()
    )
}

fn stamp(stamp: Stamp) -> String {
    let parts = |micros: i64| {
        format!(
            "{}.{:06}",
            micros.div_euclid(Timestamp::SECOND),
            micros.rem_euclid(Timestamp::SECOND)
        )
    };
    match stamp {
        Stamp::Wall(time) => format!("wall {}", parts(time.0)),
        Stamp::Boot(micros) => format!("boot {}", parts(micros)),
        Stamp::None => "no stamp".to_owned(),
    }
}

/// Holds what is read of each dress of a table (reading, what stands before the text) against its reading; all that differ are
/// shown.
fn check(text: &str, table: &str) {
    let mut wrong = String::new();
    for row in table.lines() {
        let (expected, around) = row.split_once('\t').unwrap();
        let read = dress(&mut lines(Zone::default()), &format!("{around}{text}"));
        if read != expected {
            writeln!(wrong, "{read}\t{around}").unwrap();
        }
    }
    assert!(
        !table.is_empty() && wrong.is_empty(),
        "read otherwise:\n{wrong}"
    );
}

#[test]
fn every_dress_of_syslog_is_read() {
    check(PACKET, include_str!("../../data/dress/syslog.tsv"));
}

#[test]
fn every_dress_of_journalctl_and_dmesg_is_read() {
    check(PACKET, include_str!("../../data/dress/tools.tsv"));
}

#[test]
fn a_line_that_another_wrote_is_refused_whatever_it_quotes() {
    check(PACKET, include_str!("../../data/dress/foreign.tsv"));
}

#[test]
fn a_second_header_inside_is_never_part_of_the_prefix() {
    check(PACKET, include_str!("../../data/dress/merged.tsv"));
}

#[test]
fn ulogd_writes_no_tag_and_a_program_is_never_taken_for_its_prefix() {
    check(EMULATED, include_str!("../../data/dress/emulated.tsv"));
}

/// Clocks that are an hour ahead of UTC, and two from 29 March to 25 October 2026, 01:00 UTC.
fn berlin() -> Zone {
    Zone::changing(3600, vec![(1_774_746_000, 7200), (1_792_890_000, 3600)])
}

#[test]
fn stamps_without_a_zone_are_of_the_local_clock() {
    let at = |seconds: i64| format!("wall {seconds}.000000 file untrusted \"DROP\"");
    for (line, seconds) in [
        ("Nov 22 01:10:00 host kernel: ", NOW - 39_000 - 3600),
        ("Jul  1 12:00:00 host kernel: ", 1_782_900_000),
        ("2026-07-01T12:00:00 host kernel: ", 1_782_900_000),
        ("[Wed Jul  1 12:00:00 2026] ", 1_782_900_000),
        ("Wed 2026-07-01 12:00:00 CEST host kernel: ", 1_782_900_000),
        // UTC is UTC everywhere.
        ("Wed 2026-07-01 12:00:00 UTC host kernel: ", 1_782_907_200),
        // The last second of winter, a second that was skipped, and the first second of summer.
        ("Mar 29 01:59:59 host kernel: ", 1_774_745_999),
        ("Mar 29 02:30:00 host kernel: ", 1_774_747_800),
        ("Mar 29 03:00:00 host kernel: ", 1_774_746_000),
        // The hour from two to three came twice: the first is meant.
        ("Oct 25 02:00:00 host kernel: ", 1_792_886_400),
        ("Oct 25 02:59:59 host kernel: ", 1_792_889_999),
        ("Oct 25 03:00:00 host kernel: ", 1_792_893_600),
    ] {
        let read = dress(&mut lines(berlin()), &format!("{line}{PACKET}"));
        assert_eq!(read, at(seconds), "{line}");
    }
    // One reader of all of them remembers no wrong offset.
    let mut lines = lines(berlin());
    for (clock, seconds) in [
        ("Oct 25 01:59:59", 1_792_886_399),
        ("Oct 25 02:59:59", 1_792_889_999),
        ("Oct 25 03:00:00", 1_792_893_600),
        ("Oct 25 02:30:00", 1_792_888_200),
        ("Mar 29 01:59:59", 1_774_745_999),
        ("Mar 29 03:00:00", 1_774_746_000),
    ] {
        let read = dress(&mut lines, &format!("{clock} host kernel: {PACKET}"));
        assert_eq!(read, at(seconds), "{clock}");
    }
}

#[test]
fn a_stamp_without_a_year_is_of_the_last_year_in_which_it_is_not_later_than_tomorrow() {
    /// Of 1 January 2027, 2028, 2025 and 2101, 00:00 UTC.
    const NEW_YEARS: [i64; 4] = [1_798_761_600, 1_830_297_600, 1_735_689_600, 4_133_980_800];
    let [y2027, y2028, y2025, y2101] = NEW_YEARS;
    for (now, stamps) in [
        // Just after New Year, a file that goes over it.
        (
            y2027 + 3600,
            vec![
                ("Dec 30 00:00:00", y2027 - 2 * DAY),
                ("Dec 31 23:59:59", y2027 - 1),
                ("Jan  1 00:00:00", y2027),
                ("Jan  2 00:59:59", y2027 + DAY + 3599),
                // More than a day ahead: last year's.
                ("Jan  2 01:00:01", y2027 - 364 * DAY + 3601),
                ("Jan  2 00:59:59", y2027 + DAY + 3599),
                ("Dec 31 23:59:59", y2027 - 1),
            ],
        ),
        // Just before it: a clock a little ahead is in the next year.
        (
            y2027 - 3600,
            vec![
                ("Jan  1 00:00:10", y2027 + 10),
                ("Jan  1 23:30:00", y2027 - 365 * DAY + DAY - 1800),
                ("Dec 31 22:00:00", y2027 - 7200),
                ("Jan  1 00:00:10", y2027 + 10),
            ],
        ),
        // 29 February of this year, tomorrow, and before it of four years ago.
        (
            y2028 + 59 * DAY,
            vec![("Feb 29 12:00:00", y2028 + 59 * DAY + DAY / 2)],
        ),
        (
            y2028 + 58 * DAY,
            vec![("Feb 29 00:00:00", y2028 + 59 * DAY)],
        ),
        (y2028 + 57 * DAY, vec![("Feb 29 00:00:01", 1_709_164_801)]),
        (y2025, vec![("Feb 29 00:00:00", 1_709_164_800)]),
        // 2100 has none: 2096 has.
        (y2101, vec![("Feb 29 00:00:00", 3_981_312_000)]),
    ] {
        let mut lines = Lines::new(Reference {
            now: Timestamp(now * Timestamp::SECOND),
            zone: Zone::default(),
        });
        for (clock, seconds) in stamps {
            let read = dress(&mut lines, &format!("{clock} host kernel: {PACKET}"));
            assert_eq!(
                read,
                format!("wall {seconds}.000000 file untrusted \"DROP\""),
                "{clock} at {now}"
            );
        }
    }
}

#[test]
fn what_was_read_before_changes_nothing() {
    let tables = [
        include_str!("../../data/dress/syslog.tsv"),
        include_str!("../../data/dress/foreign.tsv"),
        include_str!("../../data/dress/tools.tsv"),
    ];
    let rows = || tables.iter().flat_map(|table| table.lines());
    let mut lines = lines(Zone::default());
    // Each line behind each other one.
    for first in rows() {
        for second in rows() {
            for row in [first, second] {
                let (expected, around) = row.split_once('\t').unwrap();
                let read = dress(&mut lines, &format!("{around}{PACKET}"));
                assert_eq!(read, expected, "{first:?}, then {second:?}");
            }
        }
    }
}

#[test]
fn the_end_of_a_line_is_no_part_of_it() {
    for end in ["", "\n", "\r\n"] {
        let line = format!("Nov 22 01:10:00 host kernel: {PACKET}{end}");
        assert!(dress(&mut lines(Zone::default()), &line).contains("file untrusted"));
        let record = format!("4,1234,123456789,-;{PACKET}{end}");
        assert!(dress(&mut lines(Zone::default()), &record).contains("kmsg trusted"));
    }
}

/// Any dress, with a hole for the clock's digits and the like to break.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let heads = proptest::sample::select(vec![
        "Nov 22 01:10:00 host kernel: [  123.456789] ",
        "Nov 22 01:10:00.123456 host ",
        "<4>1 2026-11-22T01:10:00.1Z host kernel - - [a b=\"c\"] ",
        "2026-11-22T01:10:00,123456+00:00 ",
        "1795309800.123456 host kernel: ",
        "Sun 2026-11-22 01:10:00 UTC host kernel: ",
        "[  123.456789 <    0.000012>][   T12] ",
        "[Sun Nov 22 01:10:00 2026] ",
        "kern  :warn  : [  +0.058015] ",
        "4,1234,5678,-,caller=T12;",
        "{\"MESSAGE\":\"",
        "{\"oob.prefix\":\"x\",\"src_ip\":\"192.0.2.1\",\"ip.ttl\":",
        "",
    ]);
    (
        heads,
        proptest::collection::vec(any::<u8>(), 0..40),
        any::<prop::sample::Index>(),
        any::<bool>(),
    )
        .prop_map(|(head, noise, at, with_packet)| {
            let mut line = head.as_bytes().to_vec();
            if with_packet {
                line.extend_from_slice(PACKET.as_bytes());
            }
            let at = at.index(line.len() + 1);
            let end = (at + noise.len() / 2).min(line.len());
            line.splice(at..end, noise);
            line
        })
}

proptest! {
    #[test]
    fn no_line_harms_anybody(line in any_line(), now in any::<i64>(), offset in -100_000_i32..100_000) {
        let zone = Zone::changing(offset, vec![(now, -offset), (now.saturating_add(1), offset)]);
        let mut lines = Lines::new(Reference { now: Timestamp(now), zone });
        for _ in 0..2 {
            if let Ok(report) = lines.read(&line) {
                let first = line.first().unwrap();
                prop_assert!(!report.trusted || *first == 0x7b || first.is_ascii_digit());
            }
        }
    }

    #[test]
    fn a_stamp_is_read_as_the_moment_that_was_written(
        times in proptest::collection::vec((NOW - 364 * DAY..NOW + DAY, 0_i64..1_000_000), 1..5),
        hours in -12_i64..15,
    ) {
        let zone = Zone::fixed(i32::try_from(hours * 3600).unwrap());
        let mut lines = lines(zone);
        for (seconds, micros) in times {
            let local = seconds + hours * 3600;
            let days = local.div_euclid(DAY);
            let (year, month, day) = civil(days);
            let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1];
            let (hour, minute, second) = (local.rem_euclid(DAY) / 3600, local.rem_euclid(3600) / 60, local.rem_euclid(60));
            let clock = format!("{hour:02}:{minute:02}:{second:02}");
            let sign = if hours < 0 { '-' } else { '+' };
            let ahead = hours.abs();
            for header in [
                format!("{name} {day:>2} {clock}.{micros:06} host kernel: "),
                format!("{year}-{month:02}-{day:02}T{clock}.{micros:06} host kernel: "),
                format!("{year}-{month:02}-{day:02}T{clock}.{micros:06}{sign}{ahead:02}:00 host kernel: "),
                format!("{year}-{month:02}-{day:02}T{clock},{micros:06}{sign}{ahead:02}00 "),
                format!("<4>1 {year}-{month:02}-{day:02}T{clock}.{micros:06}{sign}{ahead:02}:00 host kernel - - - "),
                format!("{seconds}.{micros:06} host kernel: "),
            ] {
                let read = lines.read(format!("{header}{PACKET}").as_bytes());
                let wanted = Stamp::Wall(Timestamp(seconds * Timestamp::SECOND + micros));
                prop_assert_eq!(read.map(|report| report.stamp), Ok(wanted), "{}", header);
            }
        }
    }

    #[test]
    fn a_stamp_since_the_start_is_read_as_it_was_written(seconds in 0_i64..1_000_000_000, micros in 0_i64..1_000_000) {
        for header in [
            format!("[{seconds:>5}.{micros:06}] "),
            format!("<4>[{seconds:>5}.{micros:06}][    C0] "),
            format!("4,1,{},-;", seconds * Timestamp::SECOND + micros),
        ] {
            let read = lines(Zone::default()).read(format!("{header}{PACKET}").as_bytes());
            let wanted = Stamp::Boot(seconds * Timestamp::SECOND + micros);
            prop_assert_eq!(read.map(|report| report.stamp), Ok(wanted), "{}", header);
        }
    }
}

/// Year, month and day of a day after 1970-01-01, counted one by one.
fn civil(mut days: i64) -> (i64, usize, i64) {
    let mut year = 1970;
    loop {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        for (month, len) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            if days < len {
                return (year, month, days + 1);
            }
            days -= len;
        }
        year += 1;
    }
}
