//! What comes to a machine, packet by packet.

use std::ops::Range;

use wallwatch_helper::{event::Timestamp, packet::Packet};

use crate::{
    dice::Dice,
    place::{Host, Place},
};

/// 2026-11-20 00:00 UTC.
const START: Timestamp = Timestamp(1_795_132_800_000_000);

/// A packet that came.
#[derive(Debug, Clone)]
pub struct Sent {
    /// When.
    pub time: Timestamp,
    /// The packet.
    pub packet: Packet,
    /// The link-layer address that it came from.
    pub from: [u8; 6],
    /// The one that it was for.
    pub to: [u8; 6],
    /// Did the firewall let it in?
    pub accepted: bool,
    /// Did it come in by a container's bridge?
    pub bridged: bool,
}

/// A machine, and what comes to it.
#[derive(Debug)]
pub struct Scene {
    /// Chance.
    pub dice: Dice,
    /// The machine.
    pub place: Place,
    /// What came so far.
    pub sent: Vec<Sent>,
    /// The present moment.
    pub now: Timestamp,
    /// Of so many classes of ports, only the ports of this one are attacked.
    pub lane: (u16, u16),
}

impl Scene {
    /// A scene that nothing came to.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let place = Place::any(&mut dice);
        let now = START.plus(dice.gap(0.0..86_400.0));
        Self {
            dice,
            place,
            sent: Vec::new(),
            now,
            lane: (0, 1),
        }
    }

    /// Time passes: so many seconds.
    pub fn wait(&mut self, seconds: Range<f64>) {
        self.now = self.now.plus(self.dice.gap(seconds));
    }

    /// A packet comes, and is dropped.
    pub fn comes(&mut self, host: &Host, packet: Packet) {
        self.put(host, packet, false, false);
    }

    /// A packet comes, and is let in.
    pub fn passes(&mut self, host: &Host, packet: Packet) {
        self.put(host, packet, true, false);
    }

    /// A packet comes from a container, and is dropped.
    pub fn bridged(&mut self, host: &Host, packet: Packet) {
        self.put(host, packet, false, true);
    }

    fn put(&mut self, host: &Host, packet: Packet, accepted: bool, bridged: bool) {
        let to = self.frame_for(&packet);
        self.sent.push(Sent {
            time: self.now,
            from: host.mac,
            to,
            packet,
            accepted,
            bridged,
        });
    }

    /// The link-layer address that a packet is sent to (RFC 1112 section 6.4, RFC 2464 section 7).
    fn frame_for(&self, packet: &Packet) -> [u8; 6] {
        match packet.dst {
            _ if packet.dst == self.place.broadcast() => [0xff; 6],
            std::net::IpAddr::V4(dst) if dst.is_broadcast() => [0xff; 6],
            std::net::IpAddr::V4(dst) if dst.is_multicast() => {
                let [_, a, b, c] = dst.octets();
                [1, 0, 0x5e, a & 0x7f, b, c]
            }
            std::net::IpAddr::V6(dst) if dst.is_multicast() => {
                let [.., a, b, c, d] = dst.octets();
                [0x33, 0x33, a, b, c, d]
            }
            _ => self.place.mac,
        }
    }

    /// So many different ports, those that people ask for first among them.
    pub fn ports(&mut self, count: usize) -> Vec<u16> {
        const ASKED_FOR: [u16; 24] = [
            21, 22, 23, 25, 53, 80, 110, 111, 135, 139, 143, 443, 445, 993, 995, 1433, 1723, 3306,
            3389, 5432, 5900, 6379, 8080, 8443,
        ];
        let (lane, lanes) = self.lane;
        let mut ports: Vec<u16> = ASKED_FOR
            .into_iter()
            .filter(|port| port % lanes == lane)
            .collect();
        self.dice.shuffle(&mut ports);
        ports.truncate(count);
        while ports.len() < count {
            let high = if self.dice.one_in(3) { 65_535 } else { 10_000 };
            let port = self.dice.short(1..=high);
            if port % lanes == lane && !ports.contains(&port) {
                ports.push(port);
            }
        }
        self.dice.shuffle(&mut ports);
        ports
    }

    /// A pause as between the probes of a scan that hurries or takes some time: at most half a second.
    pub fn pace(&mut self) -> Range<f64> {
        let most = self.dice.pick(&[0.001, 0.01, 0.1, 0.5]);
        most / 4.0..most
    }
}
