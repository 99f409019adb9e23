//! Incidents as a machine on the internet gathers them, made up without chance: each number is always the same one.

use wallwatch_dbus::Alert;
use wallwatch_helper::{
    alert::Change,
    decode,
    detect::{Fact, Trace},
    event::Timestamp,
};

/// 2026-11-22 12:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_795_348_800_000_000);
/// Kind, protocol, ports, tool and severity.
const KINDS: [(&str, &str, &str, &str, u8); 8] = [
    (
        "tcp-syn-scan",
        "tcp",
        "21-23,25,53,80,110,143,443,993",
        "nmap",
        3,
    ),
    ("brute-force", "tcp", "22", "", 4),
    ("udp-scan", "udp", "53,123,161,1900,5353", "", 2),
    ("tcp-syn-scan", "tcp", "3389,5900,8080", "masscan", 2),
    ("ping-sweep", "icmp", "", "", 2),
    ("worm", "tcp", "445", "", 3),
    ("host-sweep", "tcp", "23,2323", "mirai", 2),
    ("tcp-connect-scan", "tcp", "1-1024", "", 4),
];

/// The `n`-th incident; its number and that of its change are both `n`.
#[must_use]
pub(crate) fn alert(n: u32) -> Alert {
    let (kind, protocol, ports, tool, severity) = KINDS[n as usize % KINDS.len()];
    let address = |n: u32| {
        let [first, second, third, fourth] = n.wrapping_mul(2_654_435_761).to_be_bytes();
        format!("{}.{second}.{third}.{fourth}", first % 200 + 11)
    };
    let sources = if n.is_multiple_of(50) {
        (0..20).map(|more| address(n + more)).collect()
    } else {
        // Some come again and again.
        vec![address(n % 40_000)]
    };
    let time = NOW.0 + i64::from(n) * 20 * Timestamp::SECOND;
    Alert {
        id: n.into(),
        seq: n.into(),
        kind: kind.to_owned(),
        severity,
        source_count: sources.len() as u64,
        sources,
        targets: vec!["192.0.2.2".to_owned()],
        ports: ports.to_owned(),
        port_count: 3,
        protocol: protocol.to_owned(),
        interface: "enp3s0".to_owned(),
        verdict: "dropped".to_owned(),
        packets: u64::from(n % 977),
        packets_to_alert: 4,
        first_seen: time,
        last_seen: time + 90 * Timestamp::SECOND,
        raised_at: time + Timestamp::SECOND,
        tool: tool.to_owned(),
        tags: vec!["slow".to_owned()],
        feed: "nflog".to_owned(),
        trusted: true,
        reason: "It asked for ten ports, which is more than anybody does by mistake. The firewall stopped all of it, and nothing on \
                 this computer listens on any of them."
            .to_owned(),
        popup: severity >= 2,
        closed: true,
        ..Alert::default()
    }
}

/// The same as a change.
#[must_use]
pub(crate) fn change(n: u32) -> Change {
    Change::Closed(alert(n))
}

/// So many first packets of an incident.
#[must_use]
pub(crate) fn facts(count: usize) -> Vec<Fact> {
    (0..count)
        .map(|port| {
            let line = format!(
                "IN=enp3s0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN=44 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=TCP SPT=40000 DPT={port} \
                 WINDOW=1024 RES=0x00 SYN URGP=0 "
            );
            let read = decode::log_line(line.as_bytes()).expect("a line as the kernel writes it");
            let event = read.into_event(NOW).expect("a packet for this machine");
            Fact::of(&Trace::from(&event))
        })
        .collect()
}
