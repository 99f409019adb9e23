//! Lines that stand in several files: rsyslog writes those of the kernel into two.
//!
//! A line is known by a hash of its bytes and its time. It is taken as often as it stands in the one file where it stands most
//! often: twice in a file is two packets, once in each of two files is one. What is remembered is bounded, and lines so far apart
//! that it is forgotten are taken each.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use wallwatch_helper::event::Timestamp;

/// So many hashes are remembered at least, and at most twice as many: as many as a table of 2^16 places holds, which takes about a
/// megabyte.
const REMEMBERED: usize = 7 << 13;

/// How a line is known: whoever writes lines cannot choose it.
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher(RandomState);

impl Hasher {
    /// The hash of a line and its time.
    pub(super) fn of(&self, line: &[u8], time: Timestamp) -> u64 {
        self.0.hash_one((line, time.0))
    }
}

/// The lines that were read last, by how often they stood where.
#[derive(Debug, Default)]
pub(super) struct Twins {
    hasher: Hasher,
    young: HashMap<u64, u32>,
    old: HashMap<u64, u32>,
}

impl Twins {
    /// What lines are known by.
    pub(super) const fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Was this line of this file taken already, from another?
    pub(super) fn is_known(&mut self, line: u64, file: usize) -> bool {
        let own = self.hasher.0.hash_one((line, file));
        let stood = self.slot(own);
        *stood += 1;
        let stood = *stood;
        let taken = self.slot(line);
        let is_known = stood <= *taken;
        if !is_known {
            *taken = stood;
        }
        is_known
    }

    /// How often; 0 where nobody remembers.
    fn slot(&mut self, key: u64) -> &mut u32 {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &self.old;
        self.young
            .entry(key)
            .or_insert_with(|| old.get(&key).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_as_often_as_it_stands_in_one_file() {
        let mut twins = Twins::default();
        let known: Vec<bool> = [0, 0, 1, 1, 1, 0, 2]
            .map(|file| twins.is_known(7, file))
            .into();
        assert_eq!(known, [false, false, true, true, false, true, true]);
        assert!(!twins.is_known(8, 1), "another line");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_reaches_far_enough() {
        let mut twins = Twins::default();
        for line in 0..1_000_000_u64 {
            assert!(!twins.is_known(line, 0));
            assert!(twins.young.len() <= REMEMBERED && twins.old.len() <= REMEMBERED);
        }
        let recent = 1_000_000 - REMEMBERED as u64 / 2;
        assert!((recent..1_000_000).all(|line| twins.is_known(line, 1)));
    }
}
