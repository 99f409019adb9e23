//! The JSON that journalctl and ulogd wrote of packets, and what a stranger may make of it.

use std::fmt::Write as _;

use wallwatch_helper::{
    decode::Report,
    packet::{Packet, TcpFlags, Transport},
};

use crate::{berlin, lines, stamp};

/// What is read of a packet, in one line.
fn reading(report: &Report) -> String {
    let packet = report.packet().unwrap();
    let mut text = format!(
        "{} {} {:?} in {:?} out {:?}",
        stamp(report.stamp),
        report.feed,
        report.prefix.as_str(),
        report.input.as_str(),
        report.output.as_str()
    );
    for (set, word) in [
        (report.trusted, " trusted"),
        (report.outbound, " outbound"),
        (report.group, " group"),
    ] {
        text.push_str(if set { word } else { "" });
    }
    if let Some(mac) = report.mac {
        write!(
            text,
            " {:02x?} {:02x?} {:04x}",
            mac.src, mac.dst, mac.ethertype
        )
        .unwrap();
    }
    if let Some(mark) = report.mark {
        write!(text, " mark {mark}").unwrap();
    }
    text + &summary(packet)
}

fn summary(packet: &Packet) -> String {
    let mut text = format!(
        " {} {}>{} len {} ttl {} tos {}",
        packet.protocol, packet.src, packet.dst, packet.len, packet.ttl, packet.tos
    );
    for (set, word) in [(packet.df, " df"), (packet.has_options, " options")] {
        text.push_str(if set { word } else { "" });
    }
    if let Some(id) = packet.ip_id {
        write!(text, " id {id}").unwrap();
    }
    if let Some(fragment) = packet.fragment {
        write!(text, " at {} more {}", fragment.offset, fragment.more).unwrap();
    }
    match &packet.transport {
        Transport::Tcp(tcp) => {
            let set = TcpFlags::NAMES
                .iter()
                .filter(|(flag, _)| tcp.flags.contains(*flag));
            let flags: Vec<&str> = set.map(|(_, name)| *name).collect();
            write!(
                text,
                " {}>{} seq {:?} ack {:?} window {} {}",
                tcp.sport,
                tcp.dport,
                tcp.seq,
                tcp.ack,
                tcp.window,
                flags.join(",")
            )
        }
        Transport::Udp(udp) => write!(text, " {}>{} {:?}", udp.sport, udp.dport, udp.len),
        Transport::Icmp(icmp) => write!(
            text,
            " type {} code {} {:?} {:?} {:?}",
            icmp.kind, icmp.code, icmp.id, icmp.seq, icmp.detail
        ),
        Transport::Ports { sport, dport } => write!(text, " {sport}>{dport}"),
        Transport::Ipsec { spi } => write!(text, " spi {spi:#x}"),
        Transport::Other => Ok(()),
    }
    .unwrap();
    text
}

/// Holds each object of a table (name, reading, line) against its reading; all that differ are shown.
fn check_objects(table: &str) {
    let mut wrong = String::new();
    let mut lines = lines(berlin());
    for row in table.lines() {
        let columns: Vec<&str> = row.splitn(3, '\t').collect();
        let [name, expected, line] = columns[..] else {
            panic!("not three columns: {row}")
        };
        let read = match lines.read(line.as_bytes()) {
            Ok(report) => reading(&report),
            Err(error) => format!("refused: {error}"),
        };
        if read != expected {
            writeln!(wrong, "{name}\t{read}\t{line}").unwrap();
        }
    }
    assert!(
        !table.is_empty() && wrong.is_empty(),
        "read otherwise:\n{wrong}"
    );
}

#[test]
fn what_journalctl_wrote_is_the_kernels_where_the_journal_says_so() {
    check_objects(include_str!("../../data/dress/journal.tsv"));
}

#[test]
fn what_ulogd_wrote_is_read_as_the_packets_that_were_sent() {
    check_objects(include_str!("../../data/dress/ulogd.tsv"));
}
