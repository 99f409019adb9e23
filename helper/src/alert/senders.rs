//! About how many senders there were, where they are too many to be listed.
//!
//! `HyperLogLog` (Flajolet, Fusy, Gandouet, Meunier 2007) with 256 registers of a byte: 6.5 % off as a rule, whatever their number.

use std::net::IpAddr;

use crate::detect::{address_halves, folded};

/// Registers: eight bits of a hash choose one.
const REGISTERS: usize = 256;

/// Counts senders in 256 bytes.
#[derive(Debug, Clone)]
pub(super) struct Senders(Box<[u8; REGISTERS]>);

impl Senders {
    /// None so far.
    pub(super) fn new() -> Self {
        Self(Box::new([0; REGISTERS]))
    }

    /// Notes one more, or one that was noted before.
    pub(super) fn note(&mut self, address: IpAddr) {
        let (high, low) = address_halves(address);
        let hash = folded(folded(high, low), 0x5e4d);
        let register = usize::from(hash.to_le_bytes()[0]);
        let rank = (hash >> 8).leading_zeros().saturating_sub(8) + 1;
        let rank = u8::try_from(rank).unwrap_or(u8::MAX);
        let known = &mut self.0[register];
        *known = (*known).max(rank);
    }

    /// How many there were, about.
    pub(super) fn count(&self) -> u64 {
        let registers = 256.0_f64;
        let (mut sum, mut empty) = (0.0, 0_u32);
        for rank in self.0.iter() {
            sum += libm::exp2(-f64::from(*rank));
            empty += u32::from(*rank == 0);
        }
        // The constant for 256 registers, and linear counting where many are empty still.
        let raw = 0.7183 * registers * registers / sum;
        let estimate = if raw <= 2.5 * registers && empty > 0 {
            registers * libm::log(registers / f64::from(empty))
        } else {
            raw
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number of at most 2^56"
        )]
        {
            libm::round(estimate) as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn senders_are_counted_to_a_tenth_or_two_and_each_once() {
        for number in [1_u32, 20, 300, 5_000, 200_000] {
            let mut senders = Senders::new();
            for round in 0..2 {
                for n in 0..number {
                    let address = Ipv4Addr::from_bits(0x0b00_0000 + n * 7919);
                    senders.note(address.into());
                }
                let count = senders.count();
                let off = count.abs_diff(u64::from(number));
                assert!(
                    off * 5 <= u64::from(number),
                    "{count} for {number}, round {round}"
                );
            }
        }
    }
}
