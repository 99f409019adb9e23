//! Whom the packets of one attacker are counted for.

use std::net::{IpAddr, Ipv6Addr};

use wallwatch_dbus::Family;

/// An attacker as far as an address tells: an IPv4 address, the /64 of an IPv6 address (within which one host changes its
/// address as it likes), or a whole link-local address, as all neighbours share that prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(IpAddr);

impl Origin {
    /// The origin that an address belongs to.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V6(v6) if !v6.is_unicast_link_local() => Self(IpAddr::V6(Ipv6Addr::from_bits(
                v6.to_bits() & !(u64::MAX as u128),
            ))),
            other => Self(other),
        }
    }

    /// A number for tables, which nobody can foresee without the seed. Never 0.
    pub(super) fn tag(self, family: Family, seed: u64) -> u64 {
        let (high, low) = match self.0 {
            IpAddr::V4(v4) => (4, u64::from(v4.to_bits())),
            IpAddr::V6(v6) => {
                let segments = v6.to_bits();
                #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
                ((segments >> 64) as u64, segments as u64)
            }
        };
        folded(folded(high ^ seed, low ^ SPREAD) ^ (family as u64), SPREAD).max(1)
    }
}

/// An odd number without pattern: the golden ratio in 64 bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Both halves of the product, one over the other: every bit of either factor reaches every bit of the result.
pub(super) fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b ^ SPREAD);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    {
        (product >> 64) as u64 ^ product as u64
    }
}

/// A short mark of what a probe was for, to tell it from the origin's others.
pub(super) fn unit_mark(dst: IpAddr, protocol: u8, unit: u32) -> u32 {
    let (high, low) = match dst {
        IpAddr::V4(v4) => (0, u64::from(v4.to_bits())),
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
            ((bits >> 64) as u64, bits as u64)
        }
    };
    let mark = folded(
        folded(high, low) ^ u64::from(unit) ^ (u64::from(protocol) << 32),
        SPREAD,
    );
    #[expect(clippy::cast_possible_truncation, reason = "a mark is short")]
    {
        mark as u32
    }
}
