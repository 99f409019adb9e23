//! Lines of log files, each with what is read of it: `tests/data/lines/*.tsv` holds name, reading and line.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;

use wallwatch_helper::{
    decode::{Lines, Stamp, dress::Reference},
    event::Timestamp,
    packet::{Packet, TcpFlags, Transport},
};

/// 2026-11-22 12:00 UTC.
const NOW: Timestamp = Timestamp(1_795_348_800_000_000);

/// What is read of a line, in one line.
fn reading(line: &str) -> String {
    let reference = Reference {
        now: NOW,
        ..Reference::default()
    };
    let read = match Lines::new(reference).read(line.as_bytes()) {
        Ok(read) => read,
        Err(error) => return format!("refused: {error}"),
    };
    let mut text = match read.stamp {
        Stamp::Wall(time) => format!("wall {} ", time.0),
        Stamp::Boot(micros) => format!("boot {micros} "),
        Stamp::None => String::new(),
    };
    let (way, interface) = if read.outbound {
        ("out", &read.output)
    } else {
        ("in", &read.input)
    };
    let group = if read.group { " group" } else { "" };
    write!(
        text,
        "{way} {:?}{group} {:?} {} ",
        interface.as_str(),
        read.prefix.as_str(),
        read.verdict()
    )
    .unwrap();
    text + &summary(read.packet().unwrap())
}

/// What is read of a packet.
fn summary(packet: &Packet) -> String {
    let mut text = format!(
        "{} {}>{} len {} ttl {} tos {:#x}",
        packet.protocol, packet.src, packet.dst, packet.len, packet.ttl, packet.tos
    );
    let mut add = |part: String| text.push_str(&part);
    if let Some(id) = packet.ip_id {
        add(format!(" id {id}"));
    }
    if packet.df {
        add(" df".to_owned());
    }
    if let Some(fragment) = packet.fragment {
        add(format!(
            " frag {}{}",
            fragment.offset,
            if fragment.more { "+" } else { "" }
        ));
    }
    if packet.has_options {
        add(" options".to_owned());
    }
    add(match &packet.transport {
        Transport::Tcp(tcp) => {
            let set = TcpFlags::NAMES
                .iter()
                .filter(|(flag, _)| tcp.flags.contains(*flag));
            let flags = set.map(|(_, name)| *name).collect::<Vec<_>>().join(" ");
            let sequence = tcp
                .seq
                .zip(tcp.ack)
                .map_or_else(String::new, |(seq, ack)| format!(" seq {seq} ack {ack}"));
            let options = tcp.options.as_ref().map_or_else(String::new, |options| {
                format!(" {:02x?}", options.as_slice())
            });
            format!(
                " {}>{} [{flags}] window {}{sequence}{options}",
                tcp.sport, tcp.dport, tcp.window
            )
        }
        Transport::Udp(udp) => format!(" {}>{} {:?}", udp.sport, udp.dport, udp.len),
        Transport::Icmp(icmp) => format!(
            " type {} code {} id {:?} seq {:?}",
            icmp.kind, icmp.code, icmp.id, icmp.seq
        ),
        Transport::Ports { sport, dport } => format!(" {sport}>{dport}"),
        Transport::Ipsec { spi } => format!(" spi {spi:#x}"),
        Transport::Other => " -".to_owned(),
    });
    text
}

/// Holds each line of a table against its reading; all that differ are shown.
fn check(table: &str) {
    let mut wrong = String::new();
    for row in table.lines() {
        let columns: Vec<&str> = row.splitn(3, '\t').collect();
        let [name, expected, line] = columns[..] else {
            panic!("not three columns: {row}")
        };
        let read = reading(line);
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
fn each_shape_of_the_kernels_lines_is_read_as_written_down() {
    check(include_str!("../data/lines/shapes.tsv"));
}

#[test]
fn ordinary_packets_of_a_network_are_read_as_written_down() {
    check(include_str!("../data/lines/ordinary.tsv"));
}

#[test]
fn what_the_kernel_did_not_write_is_refused() {
    check(include_str!("../data/lines/refused.tsv"));
}

#[test]
fn a_line_that_is_damaged_anywhere_harms_nobody() {
    let mut read = 0_usize;
    for row in include_str!("../data/lines/shapes.tsv").lines() {
        let line = row.splitn(3, '\t').nth(2).unwrap();
        let places = (0..=line.len()).filter(|at| line.is_char_boundary(*at));
        for at in places {
            let (head, tail) = line.split_at(at);
            let rest = tail
                .chars()
                .next()
                .map_or("", |first| &tail[first.len_utf8()..]);
            for damaged in [
                head.to_owned(),
                format!("{head}{rest}"),
                format!("{head}\u{fffd}{rest}"),
                format!("{head} {rest}"),
                format!("{head}9{tail}"),
                format!("{head}[{tail}"),
            ] {
                read += usize::from(!reading(&damaged).starts_with("refused"));
            }
        }
    }
    assert!(read > 0, "a damaged prefix is still a prefix");
}
