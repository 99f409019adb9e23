//! What was harmless, counted by its class, with the latest example of each in words.
//!
//! A [`Ledger`] holds one [`Entry`] a class at most, so no stranger can make it grow. A packet costs it a count; the sentence of an
//! example is made at the first packet of a class and then once in [`EXAMPLE_INTERVAL`], however many come.

use std::net::IpAddr;

use super::Noise;
use crate::event::{Feed, Timestamp};

/// From one example of a class to the next at least, in microseconds: a second.
pub const EXAMPLE_INTERVAL: i64 = Timestamp::SECOND;
/// A new example is made all the same after so many packets, since the clock may have been set back.
const PACKETS_AN_EXAMPLE: u64 = 4096;
/// How many classes there are.
const CLASSES: usize = Noise::ALL.len();

/// A packet that stands for others of its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// When it came.
    pub time: Timestamp,
    /// Source address.
    pub src: IpAddr,
    /// Which source of events told.
    pub feed: Feed,
    /// What it is and why it is harmless, in a sentence or two.
    pub reason: String,
}

/// What came of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The class.
    pub noise: Noise,
    /// How many packets.
    pub packets: u64,
    /// When the first one came.
    pub first_seen: Timestamp,
    /// When the latest one came.
    pub last_seen: Timestamp,
    /// A late one, not always the latest.
    pub example: Example,
}

impl Entry {
    /// Takes in what came of the same class besides.
    pub fn absorb(&mut self, other: Self) {
        self.packets += other.packets;
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        if other.example.time >= self.example.time {
            self.example = other.example;
        }
    }
}

/// The harmless packets by their classes.
#[derive(Debug)]
pub struct Ledger {
    /// By the number of the class; made when touched.
    entries: [Option<Box<Entry>>; CLASSES],
}

impl Default for Ledger {
    /// Nothing came so far.
    fn default() -> Self {
        Self {
            entries: [const { None }; CLASSES],
        }
    }
}

impl Ledger {
    /// Counts a packet of a class. The sentence is asked for now and then alone.
    pub fn count(
        &mut self,
        noise: Noise,
        (time, src, feed): (Timestamp, IpAddr, Feed),
        reason: impl FnOnce() -> String,
    ) {
        let example = || Example {
            time,
            src,
            feed,
            reason: reason(),
        };
        let Some(place) = self.entries.get_mut(noise as usize) else {
            return;
        };
        let Some(entry) = place else {
            *place = Some(Box::new(Entry {
                noise,
                packets: 1,
                first_seen: time,
                last_seen: time,
                example: example(),
            }));
            return;
        };
        entry.packets += 1;
        entry.first_seen = entry.first_seen.min(time);
        entry.last_seen = entry.last_seen.max(time);
        if time.since(entry.example.time) >= EXAMPLE_INTERVAL
            || entry.packets.is_multiple_of(PACKETS_AN_EXAMPLE)
        {
            entry.example = example();
        }
    }

    /// What came of each class, in the order of the classes; a class of which nothing came is left out.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten().map(|entry| &**entry)
    }

    /// Is nothing counted?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(Option::is_none)
    }

    /// Takes out what came of each class, so that it is counted anew.
    pub fn take(&mut self) -> Vec<Entry> {
        let entries = self.entries.iter_mut();
        entries
            .filter_map(|entry| entry.take().map(|entry| *entry))
            .collect()
    }

    /// How many packets in all.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.entries().map(|entry| entry.packets).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000_000);

    /// Counts a packet and says whether its sentence was asked for.
    fn count(ledger: &mut Ledger, noise: Noise, time: Timestamp) -> bool {
        let mut asked = false;
        let seen = (time, "192.0.2.9".parse().unwrap(), Feed::Nflog);
        ledger.count(noise, seen, || {
            asked = true;
            format!("at {}", time.0)
        });
        asked
    }

    #[test]
    fn packets_are_counted_by_class_with_a_late_example() {
        let mut ledger = Ledger::default();
        assert_eq!((ledger.packets(), ledger.entries().count()), (0, 0));
        let asked: Vec<bool> = (0..25)
            .map(|n| {
                let time = START.plus(n * Timestamp::SECOND / 10);
                count(&mut ledger, Noise::Mdns, time)
            })
            .collect();
        assert_eq!(
            asked.iter().filter(|asked| **asked).count(),
            3,
            "the first, and one a second: {asked:?}"
        );
        count(&mut ledger, Noise::LateTcp, START);
        let entries: Vec<_> = ledger
            .entries()
            .map(|entry| (entry.noise, entry.packets))
            .collect();
        assert_eq!(entries, [(Noise::Mdns, 25), (Noise::LateTcp, 1)]);
        let mdns = ledger.entries().next().unwrap();
        assert_eq!(
            (mdns.first_seen, mdns.last_seen),
            (START, START.plus(24 * Timestamp::SECOND / 10))
        );
        let example = START.plus(2 * Timestamp::SECOND);
        assert_eq!(mdns.example.time, example);
        assert_eq!(mdns.example.reason, format!("at {}", example.0));
        assert_eq!(ledger.packets(), 26);
    }

    #[test]
    fn sentences_are_rare_whatever_the_times_are() {
        let mut ledger = Ledger::default();
        // Two sources by turns, one of them an hour behind; and a clock that was set back.
        let sentences = (0..10_000_i64)
            .filter(|n| {
                let behind = 3600 * Timestamp::SECOND * (n % 2);
                count(&mut ledger, Noise::Igmp, START.plus(*n - behind))
            })
            .count();
        assert!((1..=6).contains(&sentences), "{sentences}");
        let entry = ledger.entries().next().unwrap();
        assert_eq!(entry.packets, 10_000);
        assert!(entry.first_seen < START);
    }

    #[test]
    fn every_class_has_its_place_and_its_words() {
        let mut ledger = Ledger::default();
        for noise in Noise::ALL {
            count(&mut ledger, *noise, START);
            let what = noise.what();
            assert!(!what.ends_with('.') && what.len() < 70, "{noise}: {what}");
        }
        assert!(
            ledger
                .entries()
                .map(|entry| entry.noise)
                .eq(Noise::ALL.iter().copied())
        );
    }
}
