//! What the kernel's rtnetlink tells of links, addresses, routes and neighbours (`linux/rtnetlink.h`, rtnetlink(7)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{attributes::Attributes, order::Order};
use crate::event::{Interface, bounded};

/// Types of messages: `RTM_*`. Those that end a thing are one higher, those that ask for it two.
pub mod kind {
    /// `RTM_NEWLINK`.
    pub const NEW_LINK: u16 = 16;
    /// `RTM_DELLINK`.
    pub const DEL_LINK: u16 = 17;
    /// `RTM_NEWADDR`.
    pub const NEW_ADDRESS: u16 = 20;
    /// `RTM_DELADDR`.
    pub const DEL_ADDRESS: u16 = 21;
    /// `RTM_NEWROUTE`.
    pub const NEW_ROUTE: u16 = 24;
    /// `RTM_DELROUTE`.
    pub const DEL_ROUTE: u16 = 25;
    /// `RTM_NEWNEIGH`.
    pub const NEW_NEIGHBOUR: u16 = 28;
}

/// `AF_INET` and `AF_INET6`, the same on every Linux.
const V4: u8 = 2;
const V6: u8 = 10;
/// `RTN_UNICAST`: a route to somewhere, and not to this machine or to nowhere.
const UNICAST: u8 = 1;
const NATIVE: Order = Order::NATIVE;

/// An interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: Interface,
}

/// An address of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The number of its interface.
    pub index: u32,
    /// The address.
    pub own: IpAddr,
    /// An address of the network behind the interface: the other end's where there is one, else our own.
    pub network: IpAddr,
    /// How many leading bits all addresses of that network share.
    pub prefix_len: u8,
}

/// One way out of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// The router; `None` where the interface leads there by itself, as a tunnel does.
    pub gateway: Option<IpAddr>,
    /// The number of the interface.
    pub index: u32,
}

/// A neighbour whose link-layer address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The number of the interface that it is reached by.
    pub index: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its link-layer address.
    pub mac: [u8; 6],
}

/// Reads the body of a message about a link.
#[must_use]
pub fn link(body: &[u8]) -> Option<Link> {
    /// Length of an `ifinfomsg`: family, pad, type, index, flags, change.
    const HEADER: usize = 16;
    /// `IFLA_IFNAME`.
    const NAME: u16 = 3;
    let index = NATIVE.u32_at(body, 4)?;
    let mut attributes = Attributes::new(body.get(HEADER..)?, NATIVE);
    let (_, name) = attributes.find(|(kind, _)| *kind == NAME)?;
    let name = name.split(|byte| *byte == 0).next()?;
    let name = bounded(std::str::from_utf8(name).ok()?);
    Some(Link { index, name })
}

/// Reads the body of a message about an address.
#[must_use]
pub fn address(body: &[u8]) -> Option<Address> {
    /// Length of an `ifaddrmsg`: family, prefixlen, flags, scope, index.
    const HEADER: usize = 8;
    /// `IFA_ADDRESS`: where there is another end, its address.
    const ADDRESS: u16 = 1;
    /// `IFA_LOCAL`: our own, where the other one is not.
    const LOCAL: u16 = 2;
    let (family, prefix_len) = (*body.first()?, *body.get(1)?);
    let index = NATIVE.u32_at(body, 4)?;
    let (mut local, mut network) = (None, None);
    for (kind, value) in Attributes::new(body.get(HEADER..)?, NATIVE) {
        match kind {
            ADDRESS => network = ip(family, value),
            LOCAL => local = ip(family, value),
            _ => {}
        }
    }
    let own = local.or(network)?;
    let network = network.unwrap_or(own);
    let bits = if own.is_ipv4() { 32 } else { 128 };
    (prefix_len <= bits).then_some(Address {
        index,
        own,
        network,
        prefix_len,
    })
}

/// Does this message speak of a route that everything takes for which there is no better one? `0.0.0.0/1` and its like count,
/// which private networks put over the true one.
#[must_use]
pub fn is_default_route(body: &[u8]) -> bool {
    // rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
    matches!(body, [V4 | V6, 0 | 1, _, _, _, _, _, UNICAST, ..])
}

/// Reads the ways out of the body of a message about a route; none where it is no default route.
#[must_use]
pub fn hops(body: &[u8]) -> Vec<Hop> {
    /// Length of an `rtmsg`.
    const HEADER: usize = 12;
    /// `RTA_OIF`.
    const OIF: u16 = 4;
    /// `RTA_MULTIPATH`: several ways, each with a weight.
    const MULTIPATH: u16 = 9;
    let mut hops = Vec::new();
    let Some(attributes) = body.get(HEADER..).filter(|_| is_default_route(body)) else {
        return hops;
    };
    let family = body.first().copied().unwrap_or_default();
    let mut index = None;
    for (kind, value) in Attributes::new(attributes, NATIVE) {
        match kind {
            OIF => index = NATIVE.u32_at(value, 0),
            MULTIPATH => hops.extend(NextHops(value).map(|(index, attributes)| Hop {
                gateway: gateway(family, attributes),
                index,
            })),
            _ => {}
        }
    }
    if let Some(index) = index {
        hops.push(Hop {
            gateway: gateway(family, attributes),
            index,
        });
    }
    hops
}

/// The router that these attributes of a route name.
fn gateway(family: u8, attributes: &[u8]) -> Option<IpAddr> {
    /// `RTA_GATEWAY`.
    const GATEWAY: u16 = 5;
    /// `RTA_VIA`: a router of another family, as IPv6 for IPv4 (RFC 8950): its family in two bytes, then its address.
    const VIA: u16 = 18;
    Attributes::new(attributes, NATIVE).find_map(|(kind, value)| match kind {
        GATEWAY => ip(family, value),
        VIA => {
            let family = u8::try_from(NATIVE.u16_at(value, 0)?).ok()?;
            ip(family, value.get(2..)?)
        }
        _ => None,
    })
}

/// The `rtnexthop`s of `RTA_MULTIPATH`: the number of the interface and the attributes of each.
struct NextHops<'a>(&'a [u8]);

impl<'a> Iterator for NextHops<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        /// Length of an `rtnexthop`: len, flags, hops, index.
        const HEADER: usize = 8;
        let len = usize::from(NATIVE.u16_at(self.0, 0)?);
        let index = NATIVE.u32_at(self.0, 4)?;
        let attributes = self.0.get(HEADER..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((index, attributes))
    }
}

/// Reads the body of a message about a neighbour; `None` where its link-layer address is not known or none of Ethernet's.
#[must_use]
pub fn neighbour(body: &[u8]) -> Option<Neighbour> {
    /// Length of an `ndmsg`: family, pads, ifindex, state, flags, type.
    const HEADER: usize = 12;
    /// `NDA_DST`.
    const DST: u16 = 1;
    /// `NDA_LLADDR`.
    const LLADDR: u16 = 2;
    let family = *body.first()?;
    let index = NATIVE.u32_at(body, 4)?;
    let (mut address, mut mac) = (None, None);
    for (kind, value) in Attributes::new(body.get(HEADER..)?, NATIVE) {
        match kind {
            DST => address = ip(family, value),
            LLADDR => mac = <[u8; 6]>::try_from(value).ok(),
            _ => {}
        }
    }
    Some(Neighbour {
        index,
        address: address?,
        mac: mac?,
    })
}

/// An address of this family.
fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        V4 => Some(IpAddr::V4(Ipv4Addr::from(
            *value.first_chunk::<4>().filter(|_| value.len() == 4)?,
        ))),
        V6 => Some(IpAddr::V6(Ipv6Addr::from(
            *value.first_chunk::<16>().filter(|_| value.len() == 16)?,
        ))),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{super::attributes::made::push, *};

    /// A body: its header, then attributes.
    fn body(header: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = header.to_vec();
        for (kind, value) in attributes {
            push(&mut body, *kind, value);
        }
        body
    }

    fn with_index(before: &[u8], index: u32, after: &[u8]) -> Vec<u8> {
        [before, &index.to_ne_bytes(), after].concat()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_link_has_a_number_and_a_name() {
        let header = with_index(&[0; 4], 3, &[0; 8]);
        let whole = body(&header, &[(1, &[2; 6]), (3, b"wlan0\0")]);
        let expected = Link {
            index: 3,
            name: bounded("wlan0"),
        };
        assert_eq!(link(&whole), Some(expected));
        for end in 0..whole.len() {
            assert_eq!(link(&whole[..end]).is_some(), end >= 16 + 12 + 10, "{end}");
        }
    }

    #[test]
    fn an_address_comes_with_its_network() {
        let header = with_index(&[V4, 24, 0, 0], 2, &[]);
        let plain = body(&header, &[(1, &[192, 0, 2, 7]), (2, &[192, 0, 2, 7])]);
        let expected = Address {
            index: 2,
            own: ip("192.0.2.7"),
            network: ip("192.0.2.7"),
            prefix_len: 24,
        };
        assert_eq!(address(&plain), Some(expected));
        // ip address add 10.8.0.6 peer 10.8.0.5/32 dev tun0
        let tunnel = body(
            &with_index(&[V4, 32, 0, 0], 9, &[]),
            &[(1, &[10, 8, 0, 5]), (2, &[10, 8, 0, 6])],
        );
        let read = address(&tunnel).unwrap();
        assert_eq!((read.own, read.network), (ip("10.8.0.6"), ip("10.8.0.5")));
        // IPv6 tells IFA_ADDRESS alone.
        let v6 = body(&with_index(&[V6, 64, 0, 0], 2, &[]), &[(1, &[0xfd; 16])]);
        assert_eq!(address(&v6).unwrap().own, IpAddr::from([0xfd; 16]));
        for end in 0..v6.len() {
            assert_eq!(address(&v6[..end]), None, "{end}");
        }
        assert_eq!(
            address(&body(&with_index(&[V4, 33, 0, 0], 2, &[]), &[(1, &[1; 4])])),
            None
        );
    }

    #[test]
    fn a_default_route_leads_to_gateways() {
        let header = |dst_len, kind| [V4, dst_len, 0, 0, 254, 3, 0, kind, 0, 0, 0, 0];
        let index = |index: u32| index.to_ne_bytes();
        let single = body(&header(0, 1), &[(5, &[192, 0, 2, 1]), (4, &index(2))]);
        let hop = |gateway, index| Hop { gateway, index };
        assert_eq!(hops(&single), [hop(Some(ip("192.0.2.1")), 2)]);
        let tunnel = body(&header(1, 1), &[(4, &index(9))]);
        assert_eq!(hops(&tunnel), [hop(None, 9)]);
        let via = body(
            &header(0, 1),
            &[
                (18, &[&10_u16.to_ne_bytes()[..], &[0xfe; 16]].concat()),
                (4, &index(3)),
            ],
        );
        assert_eq!(hops(&via), [hop(Some(IpAddr::from([0xfe; 16])), 3)]);
        // Two ways, as `nexthop via 192.0.2.1 dev a nexthop dev b` makes them.
        let mut ways = Vec::new();
        for (number, attributes) in [(2, body(&[], &[(5, &[192, 0, 2, 1])])), (3, Vec::new())] {
            let len = u16::try_from(8 + attributes.len()).unwrap().to_ne_bytes();
            ways.extend([&len[..], &[0, 0], &index(number), &attributes].concat());
        }
        let both = body(&header(0, 1), &[(9, &ways)]);
        assert_eq!(hops(&both), [hop(Some(ip("192.0.2.1")), 2), hop(None, 3)]);
        for end in 0..both.len() {
            assert_eq!(hops(&both[..end]), [], "{end}");
        }
        for other in [header(24, 1), header(0, 2), header(0, 7)] {
            assert_eq!(hops(&body(&other, &[(4, &index(2))])), []);
        }
    }

    #[test]
    fn a_neighbour_without_a_known_address_is_none() {
        let header = with_index(&[V4, 0, 0, 0], 2, &[0; 4]);
        let known = body(&header, &[(1, &[192, 0, 2, 1]), (2, &[2, 0, 0, 0, 0, 9])]);
        let expected = Neighbour {
            index: 2,
            address: ip("192.0.2.1"),
            mac: [2, 0, 0, 0, 0, 9],
        };
        assert_eq!(neighbour(&known), Some(expected));
        assert_eq!(neighbour(&body(&header, &[(1, &[192, 0, 2, 1])])), None);
        for end in 0..known.len() - 2 {
            assert_eq!(neighbour(&known[..end]), None, "{end}");
        }
    }
}
