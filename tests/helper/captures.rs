//! Capture files that tcpdump and dumpcap wrote, each with what is read of it: `tests/data/captures`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

use wallwatch_helper::{
    decode::{Body, Capture, CaptureError, Error, Report, Stamp},
    detect,
    event::{Feed, Timestamp},
    neighbourhood::Neighbourhood,
    packet::{Icmp, Packet, TcpFlags, Transport},
    replay::Replay,
};

/// The files, as `tests/data/captures/README.md` tells.
const FILES: [&str; 8] = [
    "both_ways.pcap",
    "cooked1.pcap",
    "cooked2.pcap",
    "ethernet.pcap",
    "interfaces.pcapng",
    "nanoseconds.pcap",
    "nflog.pcap",
    "raw.pcap",
];
/// Two of them as a machine of the other byte order would have written them.
const SWAPPED: [(&str, &str); 2] = [
    ("ethernet.pcap", "swapped.pcap"),
    ("nflog.pcap", "swapped_nflog.pcap"),
];

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/data/captures"
    ))
    .join(name)
}

fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

/// What is read of a file: its frames, and why there are no more.
fn read(bytes: &[u8]) -> (Vec<Result<Report, Error>>, Option<CaptureError>) {
    let mut frames = Vec::new();
    let mut capture = match Capture::new(bytes) {
        Ok(capture) => capture,
        Err(error) => return (frames, Some(error)),
    };
    loop {
        match capture.next() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => {
                assert!(matches!(capture.next(), Ok(None)), "an error is told once");
                return (frames, Some(error));
            }
        }
    }
}

/// What is read of a file, a line for each frame.
fn readings(bytes: &[u8]) -> String {
    let (frames, error) = read(bytes);
    let mut text = String::new();
    for frame in frames {
        match frame {
            Ok(report) => writeln!(text, "{}", reading(&report)).unwrap(),
            Err(error) => writeln!(text, "refused: {error}").unwrap(),
        }
    }
    if let Some(error) = error {
        writeln!(text, "{error}").unwrap();
    }
    text
}

fn reading(report: &Report) -> String {
    assert!(report.trusted && report.feed == Feed::Pcap);
    let mut text = match report.stamp {
        Stamp::Wall(time) => format!("{} ", time.0),
        _ => String::new(),
    };
    text += match (report.outbound, report.answer) {
        (true, _) => "out",
        (false, true) => "answer",
        (false, false) => "in",
    };
    for (name, interface) in [("in", report.input), ("out", report.output)] {
        if !interface.is_empty() {
            write!(text, " {name}={interface}").unwrap();
        }
    }
    if let Some(mac) = report.mac {
        let [src, dst] = [mac.src, mac.dst].map(|bytes| bytes.map(|byte| format!("{byte:02x}")));
        let (src, dst) = (src.join(":"), dst.join(":"));
        write!(text, " {src}>{dst} {:#06x}", mac.ethertype).unwrap();
    }
    if report.group {
        text += " group";
    }
    if !report.prefix.is_empty() {
        write!(text, " {:?} {}", report.prefix.as_str(), report.verdict()).unwrap();
    }
    if let Some((uid, gid)) = report.owner {
        write!(text, " uid {uid} gid {gid}").unwrap();
    }
    if let Some(mark) = report.mark {
        write!(text, " mark {mark:#x}").unwrap();
    }
    match &report.body {
        Body::Packet(packet) => text + " " + &packet_text(packet),
        body => format!("{text} {body:?}"),
    }
}

fn packet_text(packet: &Packet) -> String {
    let mut text = format!(
        "{} {}>{} len {} ttl {} tos {:#x}",
        packet.protocol, packet.src, packet.dst, packet.len, packet.ttl, packet.tos
    );
    if let Some(id) = packet.ip_id {
        write!(text, " id {id}").unwrap();
    }
    if packet.df {
        text += " df";
    }
    if let Some(fragment) = packet.fragment {
        let more = if fragment.more { "+" } else { "" };
        write!(text, " frag {}{more}", fragment.offset).unwrap();
    }
    if packet.has_options {
        write!(text, " options {:02x?}", packet.ip_options.as_slice()).unwrap();
    }
    match &packet.transport {
        Transport::Tcp(tcp) => write!(
            text,
            " {}>{} [{}] window {} seq {} ack {} {:02x?}",
            tcp.sport,
            tcp.dport,
            flags_text(tcp.flags),
            tcp.window,
            tcp.seq.unwrap(),
            tcp.ack.unwrap(),
            tcp.options.as_deref()
        ),
        Transport::Udp(udp) => write!(text, " {}>{} {:?}", udp.sport, udp.dport, udp.len),
        Transport::Icmp(icmp) => write!(text, " {}", icmp_text(icmp)),
        other => write!(text, " {other:?}"),
    }
    .unwrap();
    text
}

fn flags_text(flags: TcpFlags) -> String {
    let set = TcpFlags::NAMES
        .iter()
        .filter(|(flag, _)| flags.contains(*flag));
    set.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

fn icmp_text(icmp: &Icmp) -> String {
    let mut text = format!("type {} code {}", icmp.kind, icmp.code);
    if let (Some(id), Some(seq)) = (icmp.id, icmp.seq) {
        write!(text, " id {id} seq {seq}").unwrap();
    }
    if let Some(detail) = icmp.detail {
        write!(text, " {detail:?}").unwrap();
    }
    if let Some(quoted) = icmp.quoted {
        let port = |port: Option<u16>| port.map_or(String::new(), |port| format!(":{port}"));
        write!(
            text,
            " quotes {} {}{}>{}{} len {} ttl {} {:?}",
            quoted.protocol,
            quoted.src,
            port(quoted.sport),
            quoted.dst,
            port(quoted.dport),
            quoted.len,
            quoted.ttl,
            quoted.icmp
        )
        .unwrap();
    }
    text
}

/// The kinds and sources of the alerts that frames raise.
fn alerts(bytes: &[u8]) -> Vec<(String, Vec<String>)> {
    let start = Timestamp(0);
    let config = detect::Config::default();
    let mut replay = Replay::new(config, Neighbourhood::default(), start, start);
    let (frames, error) = read(bytes);
    assert!(error.is_none(), "{error:?}");
    for frame in frames {
        replay.feed(frame);
    }
    replay
        .finish()
        .map(|alert| (alert.kind, alert.sources))
        .collect()
}

/// The frames of a pcap of this machine's order: where each begins, and the bytes behind its header.
fn frames_of(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut frames = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let len = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        let end = at + 16 + usize::try_from(len).unwrap();
        frames.push((at, &bytes[at + 16..end]));
        at = end;
    }
    frames
}

#[test]
fn each_file_is_read_as_written_down() {
    let mut wrong = String::new();
    for file in FILES {
        let read = readings(&bytes_of(file));
        let written = fs::read_to_string(path(file).with_extension("txt")).unwrap_or_default();
        if read != written {
            writeln!(wrong, "{file}\n{read}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "read otherwise:\n{wrong}");
}

#[test]
fn the_byte_order_of_the_writer_makes_no_difference() {
    for (file, swapped) in SWAPPED {
        assert_eq!(readings(&bytes_of(file)), readings(&bytes_of(swapped)));
    }
}

#[test]
fn of_an_ordinary_machine_under_a_scan_only_the_scanner_is_named() {
    let scan = [("tcp-syn-scan".to_owned(), vec!["192.0.2.66".to_owned()])];
    let bytes = bytes_of("both_ways.pcap");
    assert_eq!(alerts(&bytes), scan);

    // The same machine with nobody scanning it.
    let without = |unwanted: &dyn Fn(&[u8]) -> bool| -> Vec<u8> {
        let mut kept = bytes[..24].to_vec();
        for (at, frame) in frames_of(&bytes) {
            if !unwanted(frame) {
                kept.extend(&bytes[at..at + 16 + frame.len()]);
            }
        }
        kept
    };
    let scanner = [192, 0, 2, 66];
    let is_scan = |frame: &[u8]| frame[26..30] == scanner || frame[30..34] == scanner;
    assert_eq!(alerts(&without(&is_scan)), []);

    // The same capture of what came in alone.
    let own = &frames_of(&bytes)[0].1[6..12];
    let is_own = |frame: &[u8]| &frame[6..12] == own;
    let inbound = without(&is_own);
    assert!(inbound.len() < bytes.len());
    assert_eq!(alerts(&inbound), scan);
}

#[test]
fn a_file_cut_anywhere_tells_how_much_was_read() {
    for file in FILES.iter().filter(|file| **file != "both_ways.pcap") {
        let bytes = bytes_of(file);
        let (whole, error) = read(&bytes);
        assert!(error.is_none(), "{file}: {error:?}");
        let mut counts = BTreeSet::new();
        for end in 0..bytes.len() {
            let (frames, error) = read(&bytes[..end]);
            match error {
                None => {}
                Some(CaptureError::Truncated { frames: told }) => {
                    assert_eq!(told, frames.len() as u64, "{file} cut at {end}");
                }
                Some(CaptureError::Format) => assert!(end < 4, "{file} cut at {end}"),
                Some(error) => panic!("{file} cut at {end}: {error}"),
            }
            counts.insert(frames.len());
        }
        assert!(
            (0..whole.len()).all(|count| counts.contains(&count)),
            "{file}"
        );
    }
}

#[test]
fn a_file_damaged_anywhere_harms_nobody() {
    // xorshift32 (Marsaglia 2003): the same damage each time.
    let mut state = 0x2545_f491_u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        usize::try_from(state).unwrap()
    };
    let mut outcomes = BTreeSet::new();
    for file in FILES {
        let bytes = bytes_of(file);
        for _ in 0..400 {
            let mut damaged = bytes.clone();
            for _ in 0..=random() % 4 {
                let at = random() % damaged.len();
                damaged[at] ^= 1 << (random() % 8);
            }
            let (frames, error) = read(&damaged);
            assert!(frames.len() <= bytes.len() / 16);
            outcomes.insert(error.as_ref().map_or("whole", kind));
        }
    }
    let expected = [
        "damaged",
        "format",
        "link",
        "long",
        "truncated",
        "version",
        "whole",
    ];
    assert_eq!(outcomes, BTreeSet::from(expected));
}

const fn kind(error: &CaptureError) -> &'static str {
    match error {
        CaptureError::Read(_) => "unreadable",
        CaptureError::Format => "format",
        CaptureError::Version(..) => "version",
        CaptureError::Link(_) => "link",
        CaptureError::Truncated { .. } => "truncated",
        CaptureError::Long { .. } => "long",
        CaptureError::Damaged { .. } => "damaged",
    }
}
