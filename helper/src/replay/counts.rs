//! What became of what was read, counted.

use std::collections::BTreeMap;

use crate::{
    decode::{self, Stamp},
    event::Timestamp,
    packet::{Packet, Protocol, Transport},
};

/// What a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Lines of text.
    Line,
    /// Frames of a capture.
    Frame,
}

/// How many there were, and which could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub total: u64,
    /// Those that are no firewall events, by the reason.
    pub refused: BTreeMap<decode::Error, u64>,
    /// Those of the others that tell no time.
    pub timeless: u64,
    /// Those that count from the start of a machine.
    pub from_boot: u64,
}

impl Tally {
    /// Those that are no firewall events.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// What became of what was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines of text.
    pub lines: Tally,
    /// Frames of captures.
    pub frames: Tally,
    /// Packets that came in.
    pub events: u64,
    /// Those of them that are nothing to fear, each by itself.
    pub harmless: u64,
    /// Packets that this machine sent: no attack is made of them.
    pub outbound: u64,
    /// Packets that came in because this machine asked for them: nor of these.
    pub answers: u64,
    /// What is no IP packet, or a packet of which only the addresses are told: no attack is made of it.
    pub others: u64,
    /// Packets of TCP that were not recorded up to their flags: whether they belong to an attack is not known.
    pub flagless: u64,
    /// The first and the last time that a packet that came in told.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The latest time that was reckoned from the start of the machine.
    pub latest_from_boot: Option<Timestamp>,
}

impl Counts {
    /// Those of a unit.
    pub(super) const fn tally(&mut self, unit: Unit) -> &mut Tally {
        match unit {
            Unit::Line => &mut self.lines,
            Unit::Frame => &mut self.frames,
        }
    }

    /// Notes how the time of something is known.
    pub(super) fn stamp(&mut self, unit: Unit, stamp: Stamp, time: Timestamp) {
        match stamp {
            Stamp::Wall(_) => {}
            Stamp::Boot(_) => {
                self.tally(unit).from_boot += 1;
                self.latest_from_boot = self.latest_from_boot.max(Some(time));
            }
            Stamp::None => self.tally(unit).timeless += 1,
        }
    }

    /// Notes an event, with its time where it told one.
    pub(super) fn event(&mut self, told: Option<Timestamp>, harmless: bool) {
        self.events += 1;
        self.harmless += u64::from(harmless);
        if let Some(time) = told {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((first.min(time), last.max(time)));
        }
    }
}

/// Does it hold a header of TCP, by its length, which was not recorded to its end? A header takes 20 bytes (RFC 9293 section
/// 3.1), behind 20 of IPv4 (RFC 791) or 40 of IPv6 (RFC 8200).
pub(super) fn is_flagless(packet: &Packet) -> bool {
    let least = if packet.src.is_ipv4() { 40 } else { 60 };
    packet.protocol == Protocol::TCP
        && packet.fragment.is_none()
        && packet.len >= least
        && packet.transport == Transport::Other
}
