//! Text as a configuration.

use std::{net::Ipv4Addr, path::Path};

use wallwatch_helper::{
    config::Config,
    decode::{Body, Report, Stamp},
    event::{Feed, Timestamp},
    neighbourhood::Neighbourhood,
    packet::{IpOptions, Packet, Protocol, Tcp, TcpFlags, Transport},
    replay::Replay,
    rules::Rules,
};

/// The file that the text claims to be.
const PATH: &str = "/etc/wallwatch/config.toml";

/// Reads the input; a mistake is told with the file's name, and what is accepted can be worked with.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let config = match Config::parse(Path::new(PATH), text) {
        Ok(config) => config,
        Err(mistake) => {
            assert!(mistake.to_string().contains(PATH), "{mistake}");
            return;
        }
    };
    assert!(
        config.group > 0 && config.history.days > 0 && config.history.megabytes > 0,
        "{config:?}"
    );
    assert!(config.set_group_command(7).contains('7'));
    let start = Timestamp(0);
    let mut replay = Replay::new(config.detect, Neighbourhood::default(), start, start)
        .with_rules(Rules::of(&config.rules));
    for port in 1..=64 {
        replay.feed(Ok(probe(port)));
        assert!(replay.next_final().is_none_or(|alert| alert.severity > 0));
    }
    assert_eq!(replay.counts().events, 64);
    for alert in replay.finish() {
        assert!((1..=5).contains(&alert.severity), "{alert:?}");
    }
}

/// A scan's packet to this port, a quarter of an hour after the one before.
fn probe(port: u16) -> Report {
    let packet = Packet {
        src: Ipv4Addr::new(203, 0, 113, 9).into(),
        dst: Ipv4Addr::new(192, 0, 2, 2).into(),
        protocol: Protocol::TCP,
        len: 40,
        ttl: 52,
        tos: 0,
        ip_id: Some(1),
        df: false,
        fragment: None,
        has_options: false,
        ip_options: IpOptions::new(),
        transport: Transport::Tcp(Tcp {
            sport: 40_000,
            dport: port,
            seq: Some(1),
            ack: Some(0),
            flags: TcpFlags::SYN,
            window: 1024,
            urgp: 0,
            options: None,
        }),
    };
    Report {
        stamp: Stamp::Wall(Timestamp(i64::from(port) * 900 * Timestamp::SECOND)),
        ..Report::bare(Feed::File, Body::Packet(packet))
    }
}
