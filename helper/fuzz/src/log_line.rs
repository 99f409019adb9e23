//! Text as lines of a log.

use wallwatch_helper::{
    decode::{self, Body, Lines, Report, Stamp, Zone, dress::Reference},
    event::{Feed, Timestamp},
    packet::{Protocol, Transport},
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
/// What was read of a line is written as a record of the kernel's log, and then reads the same.
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
                sound(read);
            }
            (Err(reason), Err(other)) => {
                assert!(!reason.to_string().is_empty() && !other.to_string().is_empty());
                // What live sources know to be the kernel's or ulogd's, they read without a dress.
                let bare = [decode::log_line(line), decode::emulated_line(line)];
                bare.into_iter().flatten().for_each(sound);
            }
            // A date that never was on a clock of the other place.
            (Ok(read), Err(_)) | (Err(_), Ok(read)) => sound(read),
        }
    }
}

/// What was read holds together, and it is read again from what is written of it.
fn sound(report: Report) {
    sound::report(&report);
    check_again(report);
}

/// Writes a report as a record of the kernel's log and reads that.
fn check_again(mut report: Report) {
    if has_no_line(&report) {
        return;
    }
    let style = Style {
        mac_decode: report.mac.is_some() && report.packet().is_none(),
        ..Style::default()
    };
    let line = dress::kmsg(0, &kernel::message(&report, style));
    report.stamp = Stamp::Boot(0);
    report.feed = Feed::Kmsg;
    report.trusted = true;
    let again = Lines::new(Reference::default()).read(line.as_bytes());
    assert_eq!(again, Ok(report), "{line}");
}

/// Does it tell what the kernel never tells, as ulogd does: a header's ports without all of the header, or SCTP's; IPv4
/// options of unknown bytes, or the last bit of the type of service; an IPv6 fragment whose number is missing; ICMP in the
/// other family, and ESP or AH in IPv6 behind `PROTO=`?
fn has_no_line(report: &Report) -> bool {
    let Some(packet) = report.packet() else {
        // Of a bridge's frame ulogd may tell no more than that it was, also where the kernel tells what it holds.
        let told = [0x0800, 0x0806, 0x86dd];
        return report.body == Body::Frame
            && report.mac.is_none_or(|mac| told.contains(&mac.ethertype));
    };
    let untold = match &packet.transport {
        Transport::Ports { .. } => true,
        Transport::Udp(udp) => udp.len.is_none(),
        Transport::Tcp(tcp) => tcp.seq.is_some() != tcp.ack.is_some(),
        // ulogd reads them in the family that they are not of, too.
        Transport::Icmp(_) => packet.src.is_ipv6() != (packet.protocol == Protocol::ICMPV6),
        Transport::Ipsec { .. } => packet.src.is_ipv6() && !packet.has_options,
        Transport::Other => false,
    };
    let untold_header = if packet.src.is_ipv6() {
        packet.fragment.is_some() != packet.ip_id.is_some()
    } else {
        // The kernel leaves out the last bit of the type of service, ulogd writes it.
        packet.ip_id.is_none()
            || packet.tos & 1 != 0
            || packet.has_options && packet.ip_options.is_empty()
    };
    untold || untold_header
}
