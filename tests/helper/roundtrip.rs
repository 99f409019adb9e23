//! Random packets, written as lines and as bytes by the tests' own hand, are read as the very same packets.
#![expect(
    clippy::format_push_string,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking, and what it stands on need not be fast"
)]

use proptest::{collection::vec, prelude::*, test_runner::Config};
use wallwatch_helper::{
    decode::{
        self, Capture, Lines, Report, Stamp, Zone,
        dress::Reference,
        link::{self, Link},
        nflog::{Message, Messages},
        order::Order,
    },
    event::{Feed, Interface, Prefix, Timestamp},
    packet::{Packet, Transport},
};

use format::{
    bytes, dress, frames, kernel,
    ulogd::{self, Output},
};
use random::Told;

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

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a part of a short length is one"
)]
fn place_in(len: usize, place: f64) -> usize {
    (len as f64 * place) as usize
}

/// Is everything that the first packet tells also told by the second?
fn tells_no_more(less: &Packet, packet: &Packet) -> bool {
    fn within<T: PartialEq + Copy>(less: Option<T>, all: Option<T>) -> bool {
        less.is_none() || less == all
    }
    let header = |packet: &Packet| (packet.src, packet.dst, packet.len, packet.ttl, packet.tos);
    let quoted = |packet: &Packet| match &packet.transport {
        Transport::Icmp(icmp) => icmp.quoted.map(|inner| (inner.src, inner.dst, inner.len)),
        _ => None,
    };
    let flags = |packet: &Packet| packet.tcp().map(|tcp| tcp.flags);
    header(less) == header(packet)
        && within(less.sport(), packet.sport())
        && within(less.dport(), packet.dport())
        && within(less.fragment, packet.fragment)
        && within(flags(less), flags(packet))
        && within(quoted(less), quoted(packet))
        && (less.ip_options.is_empty() || less.ip_options == packet.ip_options)
}

proptest! {
    #![proptest_config(cases(4096))]

    #[test]
    fn a_packet_on_a_line_is_the_packet_that_came(report in random::report(), style in style()) {
        let line = kernel::message(&report, style);
        prop_assert_eq!(decode::log_line(line.as_bytes()), Ok(report), "{}", line);
    }

    #[test]
    fn a_packet_of_bytes_is_the_packet_that_came(packet in random::packet(Told::Bytes)) {
        prop_assert_eq!(decode::ip_packet(&bytes::ip(&packet)), Ok(packet));
    }

    #[test]
    fn a_packet_that_is_cut_tells_less_and_nothing_else(
        packet in random::packet(Told::Bytes),
        place in 0.0..1.0_f64,
    ) {
        let bytes = bytes::ip(&packet);
        let (head, _) = bytes.split_at(place_in(bytes.len(), place));
        match decode::ip_packet(head) {
            Ok(less) => prop_assert!(tells_no_more(&less, &packet), "{:?}\n{:?}", less, packet),
            Err(reason) => prop_assert_eq!(reason, decode::Error::Short),
        }
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

/// Does this link's frame tell the same packet, and which way it went?
fn link_tells(link: u32, frame: &[u8], packet: &Packet, outbound: bool) -> bool {
    let link = Link::of(link).expect("a link that is read");
    let report = link::frame(link, frame, Order::Little).expect("a whole frame");
    report.packet() == Some(packet) && report.outbound == outbound
}

/// What a capture file tells, without what is concluded from other frames.
fn captured(file: &[u8]) -> Vec<Result<Report, decode::Error>> {
    let mut capture = Capture::new(file).expect("a capture file");
    let mut frames = Vec::new();
    while let Some(frame) = capture.next().expect("a whole file") {
        frames.push(frame.map(|report| Report {
            input: Interface::new(),
            output: Interface::new(),
            outbound: false,
            answer: false,
            ..report
        }));
    }
    frames
}

fn order() -> impl Strategy<Value = Order> {
    any::<bool>().prop_map(|big| if big { Order::Big } else { Order::Little })
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn every_link_carries_the_packet_that_came(
        record in random::record(),
        tag: Option<u16>,
        sent: bool,
    ) {
        let packet = record.packet().expect("a packet");
        let mac = record.mac.expect("an address");
        // PACKET_HOST and PACKET_OUTGOING of linux/if_packet.h
        let kind = if sent { 4 } else { 0 };
        let ip = bytes::ip(packet);
        prop_assert!(link_tells(1, &frames::ethernet(packet, mac, tag), packet, false));
        prop_assert!(link_tells(113, &frames::cooked(packet, kind), packet, sent));
        prop_assert!(link_tells(276, &frames::cooked_v2(packet, kind), packet, sent));
        prop_assert!(link_tells(101, &ip, packet, false));
        prop_assert!(link_tells(0, &[&[2, 0, 0, 0][..], &ip].concat(), packet, false));
    }

    #[test]
    fn a_record_of_the_packet_log_tells_all_that_the_kernel_knew(
        record in random::record(),
        order in order(),
    ) {
        let message = frames::nflog(&record, order);
        let link = Link::of(239).expect("NFLOG");
        prop_assert_eq!(&link::frame(link, &message, order), &Ok(record.clone()));
        let datagram = frames::netlink(&[frames::nflog(&record, Order::NATIVE)]);
        let messages: Vec<Message<'_>> = Messages(&datagram).collect();
        let [Message::Record(read)] = &messages[..] else {
            panic!("{messages:?}")
        };
        let to_group = record.mac.is_some_and(|mac| mac.dst[0] & 1 == 1);
        let packet = decode::ip_packet(read.payload()).ok();
        prop_assert_eq!(packet.as_ref(), record.packet());
        prop_assert_eq!(read.prefix(), record.prefix.as_bytes());
        prop_assert_eq!((read.mark(), read.uid().zip(read.gid())), (record.mark, record.owner));
        prop_assert_eq!((read.is_outbound(), read.is_to_group()), (record.outbound, to_group));
    }

    #[test]
    fn capture_files_hold_every_frame_with_its_time(
        records in vec((random::record(), 0..4_000_000_000 * Timestamp::SECOND), 0..5),
        order in order(),
    ) {
        let mut ethernet = Vec::new();
        let mut nflog = Vec::new();
        let mut told = [Vec::new(), Vec::new()];
        for (record, time) in &records {
            let time = Timestamp(*time);
            let record = at(record, Stamp::Wall(time));
            let packet = record.packet().expect("a packet");
            let mac = record.mac.expect("an address");
            ethernet.push((time, frames::ethernet(packet, mac, None)));
            nflog.push((time, frames::nflog(&record, order)));
            let known = Report { outbound: false, ..record };
            // A frame tells nothing of a rule that logged it.
            let frame = Report { prefix: Prefix::new(), owner: None, mark: None, ..known.clone() };
            told[0].push(Ok(frame));
            told[1].push(Ok(known));
        }
        for (link, frames, told) in [(1, ethernet, &told[0]), (239, nflog, &told[1])] {
            prop_assert_eq!(&captured(&frames::pcap(link, order, &frames)), told);
            prop_assert_eq!(&captured(&frames::pcapng(link, order, "eth0", &frames)), told);
        }
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
