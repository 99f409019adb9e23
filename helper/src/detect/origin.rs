//! Whom the packets of one attacker are counted for.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use wallwatch_dbus::{Family, Kind};

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

    /// The number of what is nobody's in particular, as a flood from everywhere: one for each kind. Never 0.
    pub(super) fn shared_tag(kind: Kind, seed: u64) -> u64 {
        folded(folded(seed, u64::MAX), kind as u64).max(1)
    }

    /// A number for tables, which nobody can foresee without the seed. Never 0.
    #[inline]
    pub(super) fn tag(self, family: Family, seed: u64) -> u64 {
        let (high, low) = address_halves(self.0);
        folded(folded(high ^ seed, low), family as u64).max(1)
    }
}

/// An address, or `2001:db8::/64`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(v6) if !v6.is_unicast_link_local() => write!(f, "{v6}/64"),
            other => other.fmt(f),
        }
    }
}

/// Odd numbers without pattern, so that no factor is 0 where an address has zeros: the fractions of the golden ratio and of
/// the square root of 2, in 64 bits.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const ROOT: u64 = 0x6a09_e667_f3bc_c909;

/// An address as two numbers.
#[inline]
pub(crate) fn address_halves(address: IpAddr) -> (u64, u64) {
    match address {
        IpAddr::V4(v4) => (4, u64::from(v4.to_bits())),
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
            ((bits >> 64) as u64, bits as u64)
        }
    }
}

/// Both halves of the product, one over the other: every bit of either factor reaches every bit of the result.
#[inline]
pub(crate) fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ GOLDEN) * u128::from(b ^ ROOT);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    {
        (product >> 64) as u64 ^ product as u64
    }
}

/// A short mark of what a probe was for, to tell it from the origin's others.
pub(super) fn unit_mark(dst: IpAddr, protocol: u8, unit: u32) -> u32 {
    let (high, low) = address_halves(dst);
    let mark = folded(
        folded(high, low),
        u64::from(unit) | (u64::from(protocol) << 32),
    );
    #[expect(clippy::cast_possible_truncation, reason = "a mark is short")]
    {
        mark as u32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_unit_and_every_origin_has_its_own_number() {
        let dst = IpAddr::from([10, 66, 0, 1]);
        let marks: HashSet<u32> = (0..10_000).map(|port| unit_mark(dst, 6, port)).collect();
        assert!(marks.len() > 9_990, "{}", marks.len());
        let tag = |host: u32| Origin::of(IpAddr::from(host.to_be_bytes())).tag(Family::Udp, 1);
        let tags: HashSet<u64> = (0..10_000).map(tag).collect();
        assert_eq!(tags.len(), 10_000);
    }

    #[test]
    fn the_seed_moves_every_origin() {
        let origin = Origin::of(IpAddr::from([192, 0, 2, 7]));
        assert_ne!(origin.tag(Family::Udp, 1), origin.tag(Family::Udp, 2));
        assert_ne!(origin.tag(Family::Udp, 1), origin.tag(Family::Icmp, 1));
    }

    #[test]
    fn one_prefix_is_one_origin_but_each_neighbour_is_its_own() {
        let of = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3:4:5"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("fe80::1"), of("fe80::2"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
