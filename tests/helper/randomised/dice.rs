//! Chance that can be had again: the same seed throws the same.

use std::ops::{Range, RangeInclusive};

/// A row of random numbers (splitmix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Those of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of the range.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        low + self.any() % (high - low + 1)
    }

    /// The same of sixteen bits.
    pub fn short(&mut self, range: RangeInclusive<u16>) -> u16 {
        let (low, high) = range.into_inner();
        u16::try_from(self.within(low.into()..=high.into())).expect("it is in the range")
    }

    /// The same of eight bits.
    pub fn byte(&mut self, range: RangeInclusive<u8>) -> u8 {
        let (low, high) = range.into_inner();
        u8::try_from(self.within(low.into()..=high.into())).expect("it is in the range")
    }

    /// Any 32 bits.
    pub fn word(&mut self) -> u32 {
        u32::try_from(self.any() >> 32).expect("half of the bits")
    }

    /// A number of things.
    pub fn count(&mut self, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.within(range)).expect("a small number")
    }

    /// Microseconds between two numbers of seconds.
    pub fn gap(&mut self, seconds: Range<f64>) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "a random time within days, to the microsecond"
        )]
        let micros = |share: u64| {
            let length = seconds.end - seconds.start;
            ((seconds.start + length * (share as f64) / 1e6) * 1e6) as i64
        };
        micros(self.within(0..=999_999))
    }

    /// Is it so, in one of so many cases?
    pub fn one_in(&mut self, cases: u64) -> bool {
        self.any().is_multiple_of(cases)
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let last = of.len() as u64 - 1;
        of[self.count(0..=last)]
    }

    /// Puts them into any order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.count(0..=last as u64);
            list.swap(last, other);
        }
    }
}
