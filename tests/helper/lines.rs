//! Lines of log files, each with what is read of it: `tests/data/lines/*.tsv` holds name, line and reading.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;

use wallwatch_helper::{
    decode::{
        Arp, Body, Error, Lines, Mac, Report, Stamp, dress::Reference, emulated_line, log_line,
    },
    event::{Feed, Timestamp},
    packet::{Icmp, IcmpDetail, Packet, Quoted, TcpFlags, Transport},
};

/// 2026-11-22 12:00 UTC.
const NOW: Timestamp = Timestamp(1_795_348_800_000_000);

/// What is read of a line in whatever dress.
fn whole(line: &[u8]) -> Result<Report, Error> {
    let reference = Reference {
        now: NOW,
        ..Reference::default()
    };
    Lines::new(reference).read(line)
}

/// What was read, in one line.
fn reading(read: &Result<Report, Error>) -> String {
    match read {
        Ok(report) => told(report),
        Err(error) => format!("refused: {error}"),
    }
}

/// What a report tells, in one line.
fn told(report: &Report) -> String {
    let mut text = match report.stamp {
        Stamp::Wall(time) => format!("wall {} ", time.0),
        Stamp::Boot(micros) => format!("boot {micros} "),
        Stamp::None => String::new(),
    };
    let mut add = |part: String| text.push_str(&part);
    if report.feed != Feed::File {
        add(format!("{} ", report.feed));
    }
    if report.trusted {
        add("trusted ".to_owned());
    }
    add(match (report.outbound, report.output.is_empty()) {
        (true, _) => format!("out {:?}", report.output.as_str()),
        (false, true) => format!("in {:?}", report.input.as_str()),
        (false, false) => format!("in {:?} to {:?}", &report.input, &report.output),
    });
    if !report.physical_input.is_empty() || !report.physical_output.is_empty() {
        let (from, to) = (&report.physical_input, &report.physical_output);
        add(format!(" port {from:?}>{to:?}"));
    }
    if let Some(mac) = report.mac {
        add(frame(mac));
    }
    if report.group {
        add(" group".to_owned());
    }
    add(format!(" {:?} {}", report.prefix, report.verdict()));
    if let Some((user, group)) = report.owner {
        add(format!(" uid {user} gid {group}"));
    }
    if let Some(mark) = report.mark {
        add(format!(" mark {mark:#x}"));
    }
    add(match &report.body {
        Body::Packet(packet) => summary(packet),
        Body::Arp(arp) => arp_summary(arp),
        Body::Martian(martian) => {
            let what = if martian.source {
                "source"
            } else {
                "destination"
            };
            format!(" martian {what} {}>{}", martian.src, martian.dst)
        }
        Body::Frame => " frame".to_owned(),
    });
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn frame(mac: Mac) -> String {
    format!(" {}>{} {:04x}", hex(&mac.src), hex(&mac.dst), mac.ethertype)
}

fn arp_summary(arp: &Arp) -> String {
    let mut text = format!(" arp {}", arp.operation);
    for (mac, address) in [arp.sender, arp.target].into_iter().flatten() {
        write!(text, " {} {address}", hex(&mac)).unwrap();
    }
    text
}

/// What is read of a packet.
fn summary(packet: &Packet) -> String {
    let mut text = format!(
        " {} {}>{} len {} ttl {} tos {:#x}",
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
        let more = if fragment.more { "+" } else { "" };
        add(format!(" frag {}{more}", fragment.offset));
    }
    if packet.has_options {
        add(" options".to_owned());
    }
    if !packet.ip_options.is_empty() {
        add(format!(" {}", hex(&packet.ip_options)));
    }
    add(match &packet.transport {
        Transport::Tcp(tcp) => {
            let sequence = tcp.seq.zip(tcp.ack);
            let sequence =
                sequence.map_or_else(String::new, |(seq, ack)| format!(" seq {seq} ack {ack}"));
            let options = tcp.options.as_ref();
            let options = options.map_or_else(String::new, |bytes| format!(" {}", hex(bytes)));
            let flags = flags(tcp.flags);
            format!(
                " {}>{} {flags} window {} urgp {}{sequence}{options}",
                tcp.sport, tcp.dport, tcp.window, tcp.urgp
            )
        }
        Transport::Udp(udp) => format!(" {}>{} len {}", udp.sport, udp.dport, udp.len.unwrap()),
        Transport::Icmp(icmp) => icmp_summary(icmp),
        Transport::Ports { sport, dport } => format!(" {sport}>{dport}"),
        Transport::Ipsec { spi } => format!(" spi {spi:#x}"),
        Transport::Other => " -".to_owned(),
    });
    text
}

fn flags(flags: TcpFlags) -> String {
    let set = TcpFlags::NAMES
        .iter()
        .filter(|(flag, _)| flags.contains(*flag));
    format!(
        "[{}]",
        set.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
    )
}

fn icmp_summary(icmp: &Icmp) -> String {
    let mut text = format!(" type {} code {}", icmp.kind, icmp.code);
    if let Some((id, seq)) = icmp.id.zip(icmp.seq) {
        write!(text, " id {id} seq {seq}").unwrap();
    }
    match icmp.detail {
        Some(IcmpDetail::Mtu(mtu)) => write!(text, " mtu {mtu}").unwrap(),
        Some(IcmpDetail::Gateway(gateway)) => write!(text, " gateway {gateway}").unwrap(),
        Some(IcmpDetail::Pointer(pointer)) => write!(text, " pointer {pointer}").unwrap(),
        Some(IcmpDetail::Lifetime(seconds)) => write!(text, " lifetime {seconds}").unwrap(),
        None => {}
    }
    if let Some(quoted) = &icmp.quoted {
        text += &quoted_summary(quoted);
    }
    text
}

fn quoted_summary(quoted: &Quoted) -> String {
    let mut text = format!(
        " quotes {} {}>{} len {} ttl {}",
        quoted.protocol, quoted.src, quoted.dst, quoted.len, quoted.ttl
    );
    if let Some((sport, dport)) = quoted.sport.zip(quoted.dport) {
        write!(text, " {sport}>{dport}").unwrap();
    }
    if let Some(set) = quoted.flags {
        write!(text, " {}", flags(set)).unwrap();
    }
    if let Some((kind, code)) = quoted.icmp {
        write!(text, " type {kind} code {code}").unwrap();
    }
    text
}

/// A row of a table.
struct Row<'a> {
    name: &'a str,
    line: &'a [u8],
    reading: &'a str,
}

/// The rows of a table; its lines need not be UTF-8.
fn rows(table: &[u8]) -> impl Iterator<Item = Row<'_>> {
    let table = table.strip_suffix(b"\n").unwrap();
    table.split(|byte| *byte == b'\n').map(|row| {
        let columns: Vec<&[u8]> = row.split(|byte| *byte == b'\t').collect();
        let [name, line, reading] = columns[..] else {
            panic!("not three columns: {}", row.escape_ascii())
        };
        Row {
            name: std::str::from_utf8(name).unwrap(),
            line,
            reading: std::str::from_utf8(reading).unwrap(),
        }
    })
}

/// Holds each line of a table against its reading; all that differ are shown.
fn check(table: &[u8], read: impl Fn(&[u8]) -> Result<Report, Error>) {
    let mut wrong = String::new();
    for row in rows(table) {
        let read = reading(&read(row.line));
        if read != row.reading {
            let Row { name, line, .. } = row;
            writeln!(wrong, "{name}\t{}\t{read}", line.escape_ascii()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "read otherwise:\n{wrong}");
}

const SHAPES: &[u8] = include_bytes!("../data/lines/shapes.tsv");
const KERNEL: &[u8] = include_bytes!("../data/lines/kernel.tsv");
const EMULATED: &[u8] = include_bytes!("../data/lines/emulated.tsv");

#[test]
fn each_shape_of_the_kernels_lines_is_read_as_written_down() {
    check(SHAPES, whole);
}

#[test]
fn lines_that_trip_other_readers_are_read_as_written_down() {
    check(include_bytes!("../data/lines/tricky.tsv"), whole);
}

#[test]
fn ordinary_packets_of_a_network_are_read_as_written_down() {
    check(include_bytes!("../data/lines/ordinary.tsv"), whole);
}

#[test]
fn what_a_kernel_wrote_of_made_up_packets_is_read_as_written_down() {
    check(KERNEL, log_line);
}

#[test]
fn what_ulogd_wrote_of_made_up_packets_is_read_as_written_down() {
    check(EMULATED, emulated_line);
}

#[test]
fn what_the_kernel_did_not_write_is_refused() {
    check(include_bytes!("../data/lines/refused.tsv"), whole);
    let refusals = rows(include_bytes!("../data/lines/refused.tsv"));
    assert!(
        refusals
            .into_iter()
            .all(|row| row.reading.starts_with("refused: "))
    );
}

#[test]
fn a_prefix_that_is_not_utf8_keeps_its_letters() {
    let text = |prefix: &[u8]| {
        [
            prefix,
            b"IN= OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=20 TOS=0x00 PREC=0x00 TTL=1 ID=1 PROTO=2 ",
        ]
        .concat()
    };
    let prefix = |bytes: &[u8]| log_line(&text(bytes)).map(|report| report.prefix.to_string());
    assert_eq!(
        prefix(b"DR\xffOP \xe4 "),
        Ok("DR\u{fffd}OP \u{fffd}".to_owned())
    );
    assert_eq!(prefix(&[b'p'; 127]), Ok("p".repeat(127)));
    assert_eq!(prefix(&[0xff; 127]), Ok("\u{fffd}".repeat(42)));
    assert_eq!(prefix(&[b'p'; 128]), Err(Error::LongPrefix));
}

/// A line of each shape: the kernel's text, without a dress.
fn shapes() -> Vec<Vec<u8>> {
    let bare = rows(SHAPES).chain(rows(KERNEL)).map(|row| {
        let text = row.line;
        let stamp = text.windows(2).position(|found| found == b"] ");
        let dressed = text.starts_with(b"Nov 22") && stamp.is_some_and(|at| at < 48);
        text[stamp.filter(|_| dressed).map_or(0, |at| at + 2)..].to_vec()
    });
    let mut shapes: Vec<Vec<u8>> = bare.filter(|text| log_line(text).is_ok()).collect();
    // Those that are alike but for their numbers break in the same way.
    let shape = |text: &Vec<u8>| -> Vec<u8> {
        text.iter()
            .copied()
            .filter(|byte| !byte.is_ascii_hexdigit())
            .collect()
    };
    shapes.sort_by_key(shape);
    shapes.dedup_by_key(|text| shape(text));
    shapes
}

#[test]
fn two_merged_lines_never_yield_a_packet_made_of_both() {
    let shapes = shapes();
    let mut merged = 0_usize;
    // Each shape is cut everywhere before some others; over all of them every other comes behind.
    for (number, first) in shapes.iter().enumerate() {
        let read_first = log_line(first).unwrap();
        for second in shapes.iter().cycle().skip(number * 7).take(6) {
            let read_second = log_line(second).unwrap();
            for cut in 0..=first.len() {
                let line = [&first[..cut], second].concat();
                match log_line(&line) {
                    Err(error) => merged += usize::from(error == Error::Merged),
                    // A cut prefix before a whole line cannot be told from a longer prefix.
                    Ok(read) => {
                        let with_prefix = |whole: &Report| Report {
                            prefix: read.prefix,
                            ..whole.clone()
                        };
                        let of_one = [&read_first, &read_second]
                            .into_iter()
                            .any(|whole| read == with_prefix(whole));
                        assert!(of_one, "{}", line.escape_ascii());
                    }
                }
            }
        }
    }
    assert!(
        shapes.len() > 100 && merged > 50_000,
        "{} {merged}",
        shapes.len()
    );
}

#[test]
fn two_merged_lines_in_their_dress_are_refused_or_the_second() {
    let dress = b"Nov 22 01:10:00 host kernel: [  123.456789] ";
    let shapes = shapes();
    for (number, first) in shapes.iter().enumerate() {
        let first = [dress, first.as_slice()].concat();
        let second = &shapes[(number * 31 + 5) % shapes.len()];
        let read_second = log_line(second).unwrap();
        for dress in [dress.as_slice(), b"[  123.456790] "] {
            for cut in 1..=first.len() {
                let line = [&first[..cut], dress, second].concat();
                if let Ok(read) = whole(&line) {
                    let stamp = read.stamp;
                    let second = Report {
                        stamp,
                        ..read_second.clone()
                    };
                    assert_eq!(read, second, "{}", line.escape_ascii());
                }
            }
        }
    }
}

#[test]
fn a_line_that_is_damaged_anywhere_harms_nobody() {
    let mut read = 0_usize;
    for row in rows(SHAPES) {
        for at in 0..=row.line.len() {
            let (head, tail) = row.line.split_at(at);
            let rest = tail.get(1..).unwrap_or_default();
            for damaged in [
                head.to_vec(),
                [head, rest].concat(),
                [head, b"\xff", rest].concat(),
                [head, b" ", rest].concat(),
                [head, b"9", tail].concat(),
                [head, b"[", tail].concat(),
            ] {
                read += usize::from(whole(&damaged).is_ok());
                read += usize::from(emulated_line(&damaged).is_ok());
            }
        }
    }
    assert!(read > 0, "a damaged prefix is still a prefix");
}
