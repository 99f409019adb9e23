//! The same thing told by several: it is taken once.
//!
//! A thing is known by a hash. It is taken as often as the one who tells it most often tells it: told twice by one it is two things,
//! told once by each of two it is one. What is remembered is bounded, and things so far apart that the first is forgotten are taken
//! each.

use std::{
    collections::HashMap,
    hash::{self, BuildHasher as _, BuildHasherDefault, Hash, RandomState},
    mem,
};

use crate::{
    detect::{address_halves, folded},
    event::Event,
    packet::Transport,
};

/// How a thing is known: nobody who writes things can choose it.
#[derive(Debug, Clone)]
pub struct Hasher {
    state: RandomState,
    /// For what there is so much of that a hash of all its bytes takes too long.
    seed: u64,
}

impl Default for Hasher {
    fn default() -> Self {
        let state = RandomState::new();
        let seed = state.hash_one(0);
        Self { state, seed }
    }
}

impl Hasher {
    /// The hash of a thing.
    pub fn of(&self, thing: impl Hash) -> u64 {
        self.state.hash_one(thing)
    }

    /// The hash of what every source tells of a packet in the same way. The sequence number is not among it: a LOG line has it
    /// only where its rule asks for it.
    #[must_use]
    pub fn of_packet(&self, event: &Event) -> u64 {
        let packet = &event.packet;
        let [a, b, c] = match &packet.transport {
            Transport::Tcp(tcp) => [tcp.sport, tcp.dport, tcp.flags.0.into()],
            Transport::Icmp(icmp) => [
                u16::from_be_bytes([icmp.kind, icmp.code]),
                icmp.id.unwrap_or(0),
                icmp.seq.unwrap_or(0),
            ],
            _ => [packet.sport().unwrap_or(0), packet.dport().unwrap_or(0), 0],
        }
        .map(u64::from);
        let detail = a << 48 | b << 32 | c << 16 | u64::from(packet.protocol.0);
        let whole = u64::from(packet.len) << 32 | u64::from(packet.ip_id.unwrap_or(0));
        let (src, dst) = (address_halves(packet.src), address_halves(packet.dst));
        let ends = folded(folded(src.0 ^ self.seed, src.1) ^ dst.0, dst.1);
        folded(ends ^ whole, detail)
    }
}

/// What was told, by a hash of it.
type Table = HashMap<u64, Told, BuildHasherDefault<Itself>>;

/// How often a thing was told.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// How often it was taken.
    taken: u32,
    /// Who told it first, and mostly is the only one,
    first: u32,
    /// and how often he did.
    by_first: u32,
}

impl Told {
    /// Somebody tells it for so many times now; says whether it was taken as often already, and takes it where not.
    const fn is_known(&mut self, times: u32) -> bool {
        let is_known = times <= self.taken;
        if !is_known {
            self.taken = times;
        }
        is_known
    }
}

/// The hash of a hash: itself.
#[derive(Debug, Default)]
struct Itself(u64);

impl hash::Hasher for Itself {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What was told last, by how often who told it.
#[derive(Debug)]
pub struct Twins {
    hasher: Hasher,
    /// So many things are remembered at least, and at most twice as many.
    remembered: usize,
    young: Table,
    old: Table,
}

impl Twins {
    /// Remembers at least so many things that one tells, and half as many that several do.
    #[must_use]
    pub fn new(remembered: usize) -> Self {
        Self {
            hasher: Hasher::default(),
            remembered,
            young: Table::default(),
            old: Table::default(),
        }
    }

    /// What things are known by.
    #[must_use]
    pub const fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Was this thing, told by `teller`, taken already from another?
    pub fn is_known(&mut self, thing: u64, teller: usize) -> bool {
        let number = u32::try_from(teller).unwrap_or(u32::MAX);
        let told = self.slot(thing, number);
        if told.first == number {
            told.by_first += 1;
            return told.is_known(told.by_first);
        }
        let by_another = self.slot(folded(thing, number.into()), number);
        by_another.taken += 1;
        let times = by_another.taken;
        self.slot(thing, number).is_known(times)
    }

    /// What is remembered of a thing; where nobody remembers, that nothing was told before `first` tells it.
    fn slot(&mut self, key: u64, first: u32) -> &mut Told {
        if self.young.len() >= self.remembered {
            mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
        }
        let old = &self.old;
        self.young.entry(key).or_insert_with(|| {
            old.get(&key).copied().unwrap_or(Told {
                taken: 0,
                first,
                by_first: 0,
            })
        })
    }
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
