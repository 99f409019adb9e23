//! What detection must know of this machine: a pure value that sources fill and tests write down.

use std::{net::IpAddr, ops::RangeInclusive};

use crate::packet::Packet;

/// The default of `net.ipv4.ip_local_port_range` (Documentation/networking/ip-sysctl.rst).
pub const DEFAULT_EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// This machine as its network sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbourhood {
    /// The ports that our own connections start from; packets to them are often late answers.
    pub ephemeral: RangeInclusive<u16>,
    /// Our own addresses; empty where nobody told.
    pub addresses: Vec<IpAddr>,
}

impl Default for Neighbourhood {
    fn default() -> Self {
        Self {
            ephemeral: DEFAULT_EPHEMERAL,
            addresses: Vec::new(),
        }
    }
}

impl Neighbourhood {
    /// Is this one of our own addresses?
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.addresses.contains(&address)
    }

    /// Could this host stand on our own network? Private, link-local and unique local addresses count
    /// (RFC 1918, RFC 3927, RFC 4193).
    #[must_use]
    pub fn is_near(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        }
    }

    /// Did this packet probably start on our own network? So did what comes from such an address, what no router has passed on
    /// (RFC 5082: 255 is the largest time to live), and what comes from an address beside the one that it is for.
    #[must_use]
    pub fn is_on_link(&self, packet: &Packet) -> bool {
        packet.ttl == u8::MAX || self.is_close(packet.src, packet.dst)
    }

    /// The same by the addresses alone.
    #[must_use]
    pub fn is_close(&self, src: IpAddr, dst: IpAddr) -> bool {
        let beside = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => (src.to_bits() ^ dst.to_bits()) >> 8 == 0,
            (IpAddr::V6(src), IpAddr::V6(dst)) => (src.to_bits() ^ dst.to_bits()) >> 64 == 0,
            _ => false,
        };
        beside || self.is_near(src)
    }
}
