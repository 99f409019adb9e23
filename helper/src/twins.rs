//! The same thing told by several: it is taken once.
//!
//! A thing is known by a hash. It is taken as often as the one who tells it most often tells it: told twice by one it is two things,
//! told once by each of two it is one. What is remembered is bounded, and things so far apart that the first is forgotten are taken
//! each.

use std::hash::{BuildHasher as _, Hash, RandomState};

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

/// So many things with the same low bits of their hash are remembered: their marks fill one line of the processor's cache.
const WAYS: usize = 16;

/// Things that were told, the latest first.
#[derive(Debug, Clone, Copy)]
struct Set {
    /// The upper half of the hash of each; 0 is none.
    marks: [u32; WAYS],
    told: [Told; WAYS],
}

/// How often a thing was told by the one who told it most often. By nobody else it was told more often, so it was taken so often.
#[derive(Debug, Clone, Copy)]
struct Told {
    leader: u16,
    times: u16,
}

impl Set {
    const EMPTY: Self = Self {
        marks: [0; WAYS],
        told: [Told {
            leader: 0,
            times: 0,
        }; WAYS],
    };

    fn find(&mut self, mark: u32) -> Option<&mut Told> {
        let way = self.marks.iter().position(|known| *known == mark)?;
        self.told.get_mut(way)
    }

    /// Remembers what was not known, in place of the oldest.
    fn remember(&mut self, mark: u32, told: Told) {
        self.marks.copy_within(..WAYS - 1, 1);
        self.told.copy_within(..WAYS - 1, 1);
        (self.marks[0], self.told[0]) = (mark, told);
    }

    /// Notes how often `leader` told a thing, under a mark of both.
    fn note(&mut self, mark: u32, told: Told) {
        match self.find(mark) {
            Some(known) => *known = told,
            None => self.remember(mark, told),
        }
    }
}

/// What was told last, and how often by whom.
#[derive(Debug)]
pub struct Twins {
    hasher: Hasher,
    /// As many as a power of two, made when the first thing is told: where one alone tells there are no twins.
    sets: Vec<Set>,
    remembered: usize,
}

impl Twins {
    /// Remembers the latest things: so many as good as certainly, and mostly four times as many. It takes 64 bytes for each of
    /// the first number, or up to twice that.
    #[must_use]
    pub fn new(remembered: usize) -> Self {
        Self {
            hasher: Hasher::default(),
            sets: Vec::new(),
            remembered,
        }
    }

    /// What things are known by.
    #[must_use]
    pub const fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Was this thing, told by `teller`, taken already from another?
    pub fn is_known(&mut self, thing: u64, teller: usize) -> bool {
        let teller = u16::try_from(teller & 0xffff).unwrap_or_default();
        if self.sets.is_empty() {
            let sets = self.remembered.div_ceil(2).next_power_of_two();
            self.sets = vec![Set::EMPTY; sets];
        }
        let last = self.sets.len() - 1;
        let set = &mut self.sets[usize::try_from(thing & 0xffff_ffff).unwrap_or(0) & last];
        let mark = mark(thing);
        let Some(told) = set.find(mark) else {
            let leader = teller;
            set.remember(mark, Told { leader, times: 1 });
            return false;
        };
        if told.leader == teller {
            told.times = told.times.saturating_add(1);
            return false;
        }
        // Somebody else has told it as often, or more often: how often this one did is noted besides.
        let most = *told;
        let mark_of = |leader: u16| self::mark(folded(thing, leader.into()));
        let before = set.find(mark_of(teller)).map_or(0, |own| own.times);
        let own = Told {
            leader: teller,
            times: before.saturating_add(1),
        };
        if own.times <= most.times {
            set.note(mark_of(teller), own);
            return true;
        }
        set.note(mark_of(most.leader), most);
        set.note(mark, own);
        false
    }
}

/// The upper half of a hash, which is never 0.
fn mark(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(0).max(1)
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
    fn what_is_remembered_reaches_far_enough() {
        let mut twins = Twins::new(REMEMBERED);
        let things: Vec<u64> = (0..100_000_u64).map(|n| twins.hasher().of(n)).collect();
        assert!(things.iter().all(|thing| !twins.is_known(*thing, 0)));
        let (old, recent) = things.split_at(things.len() - REMEMBERED);
        assert!(recent.iter().all(|thing| twins.is_known(*thing, 1)));
        let known = old.iter().filter(|thing| twins.is_known(**thing, 1));
        assert!(known.count() < 16 * REMEMBERED, "it is bounded");
    }

    #[test]
    fn a_thing_that_is_told_without_end_is_new_each_time() {
        let mut twins = Twins::new(1);
        assert!((0..100_000).all(|_| !twins.is_known(7 << 32, 0)));
        assert!(twins.is_known(7 << 32, 1));
    }
}
