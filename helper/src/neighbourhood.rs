//! What detection must know of this machine: a pure value that sources fill and tests write down.

use std::{net::IpAddr, ops::RangeInclusive};

use crate::{
    event::{Interface, Timestamp},
    packet::Packet,
};

/// The default of `net.ipv4.ip_local_port_range` (Documentation/networking/ip-sysctl.rst).
pub const DEFAULT_EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// So long after waking from sleep late packets come, in microseconds: who waited for us sends again after two minutes at the latest
/// (`TCP_RTO_MAX`, include/net/tcp.h).
const AFTER_WAKING: i64 = 120 * Timestamp::SECOND;
/// And so long before it is known that we woke.
const BEFORE_WAKING: i64 = 10 * Timestamp::SECOND;

/// This machine as its network sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbourhood {
    /// The ports that our own connections start from; packets to them are often late answers.
    pub ephemeral: RangeInclusive<u16>,
    /// Our own addresses; empty where nobody told.
    pub addresses: Vec<IpAddr>,
    /// The networks behind our interfaces, without those of the loopback; empty where nobody told.
    pub networks: Vec<Network>,
    /// The routers that everything takes for which there is no better way.
    pub gateways: Vec<Gateway>,
    /// The name servers that this machine asks, without those on itself.
    pub resolvers: Vec<IpAddr>,
    /// When this machine last woke from sleep. Around that moment packets are late that it had asked for before; its firewall has
    /// often forgotten the connections that they belong to.
    pub resumed_at: Option<Timestamp>,
}

/// The network behind an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// One of its addresses.
    pub address: IpAddr,
    /// How many leading bits all of them share.
    pub prefix_len: u8,
    /// The interface.
    pub interface: Interface,
}

impl Network {
    /// Is this one of its addresses?
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        shares_prefix(self.address, address, self.prefix_len)
    }
}

/// Do so many leading bits of two addresses agree?
#[must_use]
pub fn shares_prefix(one: IpAddr, other: IpAddr, prefix_len: u8) -> bool {
    // Shifted by all of its bits nothing of a number is left, which `checked_shr` calls an overflow.
    let beyond = |bits: u32| bits.saturating_sub(u32::from(prefix_len));
    match (one, other) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits())
            .checked_shr(beyond(u32::BITS))
            .is_none_or(|differs| differs == 0),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits())
            .checked_shr(beyond(u128::BITS))
            .is_none_or(|differs| differs == 0),
        _ => false,
    }
}

/// A router that leads to the rest of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// Its address.
    pub address: IpAddr,
    /// The interface that it is reached by.
    pub interface: Interface,
    /// Its link-layer address, where this machine has spoken with it.
    pub mac: Option<[u8; 6]>,
}

impl Default for Neighbourhood {
    fn default() -> Self {
        Self {
            ephemeral: DEFAULT_EPHEMERAL,
            addresses: Vec::new(),
            networks: Vec::new(),
            gateways: Vec::new(),
            resolvers: Vec::new(),
            resumed_at: None,
        }
    }
}

impl Neighbourhood {
    /// Is this one of our own addresses?
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.addresses.contains(&address)
    }

    /// Is this the address of a router that we send to?
    #[must_use]
    pub fn is_gateway(&self, address: IpAddr) -> bool {
        self.gateways
            .iter()
            .any(|gateway| gateway.address == address)
    }

    /// Is this the address of a name server that we ask?
    #[must_use]
    pub fn is_resolver(&self, address: IpAddr) -> bool {
        self.resolvers.contains(&address)
    }

    /// Is this a moment around which this machine woke from sleep?
    #[must_use]
    pub fn has_just_woken(&self, now: Timestamp) -> bool {
        self.resumed_at
            .is_some_and(|resumed| (-BEFORE_WAKING..=AFTER_WAKING).contains(&now.since(resumed)))
    }

    /// Could this host stand on our own network? So do the addresses of the networks behind our interfaces, and besides private,
    /// link-local and unique local ones (RFC 1918, RFC 3927, RFC 4193), which may lie one router further.
    #[must_use]
    pub fn is_near(&self, address: IpAddr) -> bool {
        let private = match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        };
        private || self.is_beside(address)
    }

    /// Does this address belong to a network behind one of our interfaces?
    fn is_beside(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }

    /// Did this packet probably start on our own network? So did what comes from such an address, and what no router has passed
    /// on (RFC 5082: 255 is the largest time to live). Where our networks are not known, so did what comes from an address
    /// beside the one that it is for.
    #[must_use]
    pub fn is_on_link(&self, packet: &Packet) -> bool {
        packet.ttl == u8::MAX || self.is_close(packet.src, packet.dst)
    }

    /// The same by the addresses alone.
    #[must_use]
    pub fn is_close(&self, src: IpAddr, dst: IpAddr) -> bool {
        let beside = || match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => (src.to_bits() ^ dst.to_bits()) >> 8 == 0,
            (IpAddr::V6(src), IpAddr::V6(dst)) => (src.to_bits() ^ dst.to_bits()) >> 64 == 0,
            _ => false,
        };
        self.is_near(src) || (self.networks.is_empty() && beside())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn network(address: &str, prefix_len: u8) -> Network {
        Network {
            address: ip(address),
            prefix_len,
            interface: Interface::new(),
        }
    }

    #[test]
    fn a_network_ends_where_its_prefix_says() {
        let cases = [
            ("203.0.113.130", 25, "203.0.113.255", true),
            ("203.0.113.130", 25, "203.0.113.127", false),
            ("203.0.113.1", 32, "203.0.113.1", true),
            ("203.0.113.1", 32, "203.0.113.2", false),
            ("203.0.113.1", 0, "8.8.8.8", true),
            ("2001:db8::1", 64, "2001:db8::ffff:1", true),
            ("2001:db8::1", 64, "2001:db8:0:1::1", false),
            ("2001:db8::1", 128, "2001:db8::2", false),
            ("2001:db8::1", 0, "2a00::1", true),
            ("::", 0, "192.0.2.1", false),
        ];
        for (address, prefix_len, other, expected) in cases {
            let inside = network(address, prefix_len).contains(ip(other));
            assert_eq!(inside, expected, "{other} in {address}/{prefix_len}");
        }
    }

    #[test]
    fn true_networks_go_before_the_guess_by_neighbouring_addresses() {
        let line = |src: &str| {
            let line = format!(
                "IN=eth0 OUT= MAC= SRC={src} DST=203.0.113.130 LEN=44 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=TCP SPT=50000 DPT=22 \
                 WINDOW=1024 RES=0x00 SYN URGP=0 "
            );
            let report = decode::log_line(line.as_bytes()).unwrap();
            report.packet().unwrap().clone()
        };
        let guess = Neighbourhood::default();
        assert!(guess.is_on_link(&line("203.0.113.5")));
        assert!(!guess.is_on_link(&line("203.0.112.5")));
        let known = |prefix_len| Neighbourhood {
            networks: vec![network("203.0.113.130", prefix_len)],
            ..Neighbourhood::default()
        };
        assert!(!known(25).is_on_link(&line("203.0.113.5")));
        assert!(known(23).is_on_link(&line("203.0.112.5")));
        assert!(
            known(23).is_near(ip("203.0.112.5")),
            "public addresses of our network are near too"
        );
        assert!(known(23).is_near(ip("10.1.2.3")));
        assert!(!known(23).is_near(ip("203.0.114.5")));
    }

    #[test]
    fn gateways_and_resolvers_are_known_by_their_addresses() {
        let neighbourhood = Neighbourhood {
            gateways: vec![Gateway {
                address: ip("192.0.2.1"),
                interface: Interface::new(),
                mac: None,
            }],
            resolvers: vec![ip("192.0.2.53")],
            ..Neighbourhood::default()
        };
        assert!(neighbourhood.is_gateway(ip("192.0.2.1")));
        assert!(!neighbourhood.is_gateway(ip("192.0.2.53")));
        assert!(neighbourhood.is_resolver(ip("192.0.2.53")));
        assert!(!neighbourhood.is_resolver(ip("192.0.2.1")));
    }
}
