//! The same thing told by several: it is taken once.
//!
//! A thing is known by a hash. It is taken as often as the one who tells it most often tells it: told twice by one it is two things,
//! told once by each of two it is one. What is remembered is bounded, and things so far apart that the first is forgotten are taken
//! each.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
};

use crate::{
    event::Event,
    packet::{Packet, Transport},
};

/// How a thing is known: nobody who writes things can choose it.
#[derive(Debug, Clone, Default)]
pub struct Hasher(RandomState);

impl Hasher {
    /// The hash of a thing.
    pub fn of(&self, thing: impl Hash) -> u64 {
        self.0.hash_one(thing)
    }
}

/// What was told last, by how often who told it.
#[derive(Debug)]
pub struct Twins {
    hasher: Hasher,
    /// So many hashes are remembered at least, and at most twice as many.
    remembered: usize,
    young: HashMap<u64, u32>,
    old: HashMap<u64, u32>,
}

impl Twins {
    /// Remembers at least so many hashes, half of which are of things, the other half of who told them.
    #[must_use]
    pub fn new(remembered: usize) -> Self {
        Self {
            hasher: Hasher::default(),
            remembered,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// What things are known by.
    #[must_use]
    pub const fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Was this thing, told by `teller`, taken already from another?
    pub fn is_known(&mut self, thing: u64, teller: usize) -> bool {
        let own = self.hasher.of((thing, teller));
        let told = self.slot(own);
        *told += 1;
        let told = *told;
        let taken = self.slot(thing);
        let is_known = told <= *taken;
        if !is_known {
            *taken = told;
        }
        is_known
    }

    /// How often; 0 where nobody remembers.
    fn slot(&mut self, key: u64) -> &mut u32 {
        if self.young.len() >= self.remembered {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &self.old;
        self.young
            .entry(key)
            .or_insert_with(|| old.get(&key).copied().unwrap_or(0))
    }
}

/// What every source tells of a packet in the same way. The sequence number is not among it: a LOG line has it only where its
/// rule asks for it.
#[must_use]
pub fn identity(event: &Event) -> impl Hash + use<> {
    let Packet {
        src,
        dst,
        protocol,
        len,
        ip_id,
        ..
    } = event.packet;
    let detail = match &event.packet.transport {
        Transport::Tcp(tcp) => (tcp.sport, tcp.dport, u16::from(tcp.flags.0)),
        Transport::Icmp(icmp) => (
            u16::from_be_bytes([icmp.kind, icmp.code]),
            icmp.id.unwrap_or(0),
            icmp.seq.unwrap_or(0),
        ),
        _ => (
            event.packet.sport().unwrap_or(0),
            event.packet.dport().unwrap_or(0),
            0,
        ),
    };
    (src, dst, protocol, len, ip_id, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMEMBERED: usize = 1 << 10;

    #[test]
    fn a_thing_is_taken_as_often_as_one_tells_it() {
        let mut twins = Twins::new(REMEMBERED);
        let known: Vec<bool> = [0, 0, 1, 1, 1, 0, 2]
            .map(|teller| twins.is_known(7, teller))
            .into();
        assert_eq!(known, [false, false, true, true, false, true, true]);
        assert!(!twins.is_known(8, 1), "another thing");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_reaches_far_enough() {
        let mut twins = Twins::new(REMEMBERED);
        for thing in 0..100_000_u64 {
            assert!(!twins.is_known(thing, 0));
            assert!(twins.young.len() <= REMEMBERED && twins.old.len() <= REMEMBERED);
        }
        let recent = 100_000 - REMEMBERED as u64 / 2;
        assert!((recent..100_000).all(|thing| twins.is_known(thing, 1)));
    }
}
