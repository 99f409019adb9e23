//! Something made up for a hook to be tried with: an alert, or a packet.

use wallwatch_dbus::{Alert, Kind, Verdict};
use wallwatch_helper::{
    clock,
    event::{Event, Feed, Interface, Prefix},
    explain::Class,
    hook::{Hook, Wants, line::What},
    packet::{Packet, Protocol, Transport, Udp},
};

/// An address of a network that is nobody's (RFC 5737).
const SOURCE: &str = "192.0.2.1";
/// And this computer's, in that.
const TARGET: &str = "192.0.2.2";

/// What a hook could run for. It is marked as a test, and need not be what the hook's filters let through.
pub(super) fn what(hook: &Hook) -> What {
    match &hook.wants {
        Wants::Alert(_, filter) => What::Alert(Box::new(alert(filter.min_severity.max(3)))),
        Wants::Event(_) => What::Packet(Box::new(packet()), Class::Probe(Kind::UdpScan)),
    }
}

fn alert(severity: u8) -> Alert {
    let now = clock::now().0;
    Alert {
        kind: Kind::TcpSynScan.to_string(),
        severity,
        sources: vec![SOURCE.to_owned()],
        source_count: 1,
        targets: vec![TARGET.to_owned()],
        ports: "22,80,443".to_owned(),
        port_count: 3,
        protocol: "tcp".to_owned(),
        interface: "eth0".to_owned(),
        verdict: Verdict::Dropped.to_string(),
        packets: 3,
        packets_to_alert: 3,
        first_seen: now,
        last_seen: now,
        raised_at: now,
        feed: Feed::Test.as_str().to_owned(),
        trusted: true,
        test: true,
        ..Alert::default()
    }
}

fn packet() -> Event {
    let address = |text: &str| text.parse().unwrap_or(std::net::IpAddr::V4([0; 4].into()));
    Event {
        time: clock::now(),
        packet: Packet {
            src: address(SOURCE),
            dst: address(TARGET),
            ttl: 64,
            transport: Transport::Udp(Udp {
                sport: 40_000,
                dport: 161,
                len: Some(48),
            }),
            ..Packet::blank(Protocol::UDP)
        },
        verdict: Verdict::Dropped,
        feed: Feed::Test,
        trusted: true,
        interface: Interface::from("eth0").unwrap_or_default(),
        prefix: Prefix::from("TEST ").unwrap_or_default(),
        group: false,
    }
}
