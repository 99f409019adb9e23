//! Conversations among the frames that are held: who opens one and is answered has not knocked at a closed door.
//!
//! Where nobody knows which address is this machine's own, each client that browses would look like a scanner. What tells them
//! apart is what comes back: a scanner meets mostly refusals and silence. One that meets answers and breaks each off before it
//! took it up is a scanner as well, and who opens many connections to one port is left to the detectors.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, net::IpAddr};

use super::flows::{Flow, opens, ports};
use crate::{
    decode::Report,
    packet::{Packet, Protocol, TcpFlags, Transport},
};

/// So many of a hundred openings of a source are answered where it holds conversations; a scan of a host of which half the
/// ports are open meets fewer.
const MOSTLY: u32 = 75;
/// So many openings at once to one port are no longer an ordinary client's.
const CROWD: u32 = 32;
/// The counts of so many sources are kept beyond those whose frames are held.
const MAX_SOURCES: usize = 2048;
/// Counts are halved here, so that what a source does now weighs more than what it did long ago.
const MANY: u32 = 256;

/// What the frames that are held tell of conversations.
#[derive(Debug, Default)]
pub(super) struct Talks {
    openings: HashMap<Flow, Opening>,
    sources: HashMap<(Protocol, IpAddr), Source>,
    /// Openings to each port.
    doors: HashMap<Door, u32>,
    /// Packets that this machine sent on or began, as the file itself tells.
    onward: HashMap<(Door, Option<u32>), u32>,
}

/// A port of a host.
type Door = (Protocol, IpAddr, u16);

/// The first packet of a conversation, which may have been sent again.
#[derive(Debug, Default)]
struct Opening {
    frames: u32,
    answered: bool,
    taken_up: bool,
    broken_off: bool,
}

/// How it goes for a source.
#[derive(Debug, Default)]
struct Source {
    opened: u32,
    answered: u32,
    /// Openings whose frames are held.
    held: u32,
}

impl Talks {
    /// Takes in a frame that is held from now on. `sent`: the file tells that this machine sent it.
    pub(super) fn hold(&mut self, report: &Report, sent: bool) {
        let Some(packet) = speaks(report) else {
            return;
        };
        if sent && begins(packet) {
            let times = self.onward.entry(onward(packet)).or_default();
            *times = times.saturating_add(1);
        }
        match &packet.transport {
            Transport::Tcp(tcp) if opens(tcp.flags) => self.open(packet),
            Transport::Tcp(tcp) if tcp.flags.contains(TcpFlags::RST) => self.break_off(packet),
            Transport::Tcp(tcp) if tcp.flags.contains(TcpFlags::SYN) => self.answer(packet),
            Transport::Tcp(_) => {
                if let Some(opening) = self.openings.get_mut(&forth(packet)) {
                    opening.taken_up = true;
                }
            }
            _ if self.openings.contains_key(&back(packet)) => self.answer(packet),
            _ => self.open(packet),
        }
    }

    /// Lets go of the frame that was held longest.
    pub(super) fn let_go(&mut self, report: &Report, sent: bool) {
        let Some(packet) = speaks(report).filter(|packet| begins(packet)) else {
            return;
        };
        if sent {
            less(&mut self.onward, &onward(packet));
        }
        let flow = forth(packet);
        let Some(opening) = self.openings.get_mut(&flow) else {
            return;
        };
        opening.frames = opening.frames.saturating_sub(1);
        if opening.frames == 0 {
            self.openings.remove(&flow);
            less(&mut self.doors, &door(packet));
            if let Some(source) = self.sources.get_mut(&(packet.protocol, packet.src)) {
                source.held = source.held.saturating_sub(1);
            }
        }
    }

    /// Does this packet, which is held, open a conversation of a source that mostly holds conversations?
    pub(super) fn is_conversation(&self, report: &Report) -> bool {
        let Some(packet) = speaks(report).filter(|packet| begins(packet)) else {
            return false;
        };
        let opening = self.openings.get(&forth(packet));
        let source = self.sources.get(&(packet.protocol, packet.src));
        let to_it = self.doors.get(&door(packet)).copied();
        opening.is_some_and(Opening::is_conversation)
            && source.is_some_and(Source::is_client)
            && to_it.is_some_and(|openings| openings < CROWD)
    }

    /// Did this machine send on this packet, which is held and came in?
    pub(super) fn is_forwarded(&self, report: &Report) -> bool {
        let packet = speaks(report);
        packet.is_some_and(|packet| self.onward.contains_key(&onward(packet)))
    }

    fn open(&mut self, packet: &Packet) {
        if self.sources.len() >= MAX_SOURCES {
            self.sources.retain(|_, source| source.held > 0);
        }
        let opening = self.openings.entry(forth(packet)).or_default();
        opening.frames = opening.frames.saturating_add(1);
        if opening.frames == 1 {
            let openings = self.doors.entry(door(packet)).or_default();
            *openings = openings.saturating_add(1);
            let source = self.sources.entry((packet.protocol, packet.src));
            source.or_default().opens();
        }
    }

    fn answer(&mut self, packet: &Packet) {
        if let Some(opening) = self.openings.get_mut(&back(packet))
            && !std::mem::replace(&mut opening.answered, true)
            && let Some(source) = self.sources.get_mut(&(packet.protocol, packet.dst))
        {
            source.answered = source.answered.saturating_add(1);
        }
    }

    fn break_off(&mut self, packet: &Packet) {
        if let Some(opening) = self.openings.get_mut(&forth(packet)) {
            opening.broken_off |= !opening.taken_up;
        }
    }
}

impl Opening {
    const fn is_conversation(&self) -> bool {
        self.answered && !self.broken_off
    }
}

impl Source {
    const fn opens(&mut self) {
        if self.opened >= MANY {
            (self.opened, self.answered) = (self.opened / 2, self.answered / 2);
        }
        self.opened = self.opened.saturating_add(1);
        self.held = self.held.saturating_add(1);
    }

    const fn is_client(&self) -> bool {
        self.answered.saturating_mul(100) >= self.opened.saturating_mul(MOSTLY)
    }
}

/// The packet, where it can belong to a conversation of two.
fn speaks(report: &Report) -> Option<&Packet> {
    let packet = report.packet().filter(|_| !report.group)?;
    matches!(packet.transport, Transport::Tcp(_) | Transport::Udp(_)).then_some(packet)
}

/// Can it be the first of a conversation?
const fn begins(packet: &Packet) -> bool {
    match &packet.transport {
        Transport::Tcp(tcp) => opens(tcp.flags),
        _ => true,
    }
}

fn forth(packet: &Packet) -> Flow {
    let [sport, dport] = ports(packet);
    Flow::between(packet.protocol, (packet.src, sport), (packet.dst, dport))
}

fn back(packet: &Packet) -> Flow {
    let [sport, dport] = ports(packet);
    Flow::between(packet.protocol, (packet.dst, dport), (packet.src, sport))
}

fn door(packet: &Packet) -> Door {
    (packet.protocol, packet.dst, ports(packet)[1])
}

/// What a router leaves as it is, also where it puts its own address in place of the source's.
fn onward(packet: &Packet) -> (Door, Option<u32>) {
    (door(packet), packet.ip_id)
}

/// Counts one less; what is not there any more is forgotten.
fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
