//! A look at the interfaces, addresses, default routes and neighbours of this machine.

use std::{io, net::IpAddr};

use super::ask::Asker;
use crate::{
    decode::{
        attributes::Envelope,
        route::{self, Address, Hop, Link, Neighbour, kind},
    },
    event::Interface,
    neighbourhood::{Gateway, Network},
    sys::netlink::Family,
};

/// A machine with more addresses than this is not told of the rest.
const MOST_ADDRESSES: usize = 4096;
/// Nor is one with more default routes.
const MOST_GATEWAYS: usize = 64;
/// `AF_UNSPEC`, `AF_INET` and `AF_INET6`.
const BOTH: u8 = 0;
const FAMILIES: [u8; 2] = [2, 10];

/// What one look shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct View {
    /// The interfaces.
    pub(super) links: Vec<Link>,
    /// Our own addresses, sorted.
    pub(super) addresses: Vec<IpAddr>,
    /// The networks behind the interfaces.
    pub(super) networks: Vec<Network>,
    /// The routers of the default routes.
    pub(super) gateways: Vec<Gateway>,
}

impl View {
    /// Looks. Needs no right.
    pub(super) fn take() -> io::Result<Self> {
        let mut asker = Asker::new(Family::Route)?;
        let links = asker.list(kind::NEW_LINK + 2, &link_request(), |entry| {
            of(entry, kind::NEW_LINK, route::link)
        })?;
        let addresses = asker.list(
            kind::NEW_ADDRESS + 2,
            &[BOTH, 0, 0, 0, 0, 0, 0, 0],
            |entry| of(entry, kind::NEW_ADDRESS, route::address),
        )?;
        let mut hops = Vec::new();
        for family in FAMILIES {
            let mut header = [0; 12];
            header[0] = family;
            let read = |entry: &Envelope<'_>| {
                of(entry, kind::NEW_ROUTE, |body| Some(route::hops(body)))
                    .filter(|hops| !hops.is_empty())
            };
            // A kernel without IPv6 answers for IPv4 alone.
            let found = asker.list(kind::NEW_ROUTE + 2, &header, read);
            hops.extend(found.unwrap_or_default().into_iter().flatten());
        }
        let gateways: Vec<IpAddr> = hops.iter().filter_map(|hop| hop.gateway).collect();
        let neighbours = if gateways.is_empty() {
            Vec::new()
        } else {
            asker
                .list(kind::NEW_NEIGHBOUR + 2, &[BOTH; 12], |entry| {
                    of(entry, kind::NEW_NEIGHBOUR, route::neighbour)
                        .filter(|neighbour| gateways.contains(&neighbour.address))
                })
                .unwrap_or_default()
        };
        Ok(Self::of(links, &addresses, &hops, &neighbours))
    }

    /// Puts together what the kernel listed.
    fn of(links: Vec<Link>, addresses: &[Address], hops: &[Hop], neighbours: &[Neighbour]) -> Self {
        let name = |index| -> Interface {
            let link = links.iter().find(|link: &&Link| link.index == index);
            link.map(|link| link.name).unwrap_or_default()
        };
        let bounded = || addresses.iter().take(MOST_ADDRESSES);
        let mut own: Vec<IpAddr> = bounded().map(|address| address.own).collect();
        own.sort_unstable();
        own.dedup();
        let networks = bounded()
            .filter(|address| !address.own.is_loopback())
            .map(|address| Network {
                address: address.network,
                prefix_len: address.prefix_len,
                interface: name(address.index),
            });
        let networks = networks.collect();
        let mut gateways: Vec<Gateway> = Vec::new();
        for hop in hops {
            let Some(address) = hop.gateway else { continue };
            let neighbour = neighbours
                .iter()
                .find(|known| (known.index, known.address) == (hop.index, address));
            let gateway = Gateway {
                address,
                interface: name(hop.index),
                mac: neighbour.map(|known| known.mac),
            };
            if gateways.len() < MOST_GATEWAYS && !gateways.contains(&gateway) {
                gateways.push(gateway);
            }
        }
        Self {
            links,
            addresses: own,
            networks,
            gateways,
        }
    }

    /// Could this message change what a look shows? Most that the kernel tells of interfaces and routes cannot.
    pub(super) fn is_stirred_by(&self, message: &Envelope<'_>) -> bool {
        match message.kind {
            kind::NEW_LINK => {
                route::link(message.body).is_none_or(|link| !self.links.contains(&link))
            }
            kind::DEL_LINK | kind::NEW_ADDRESS | kind::DEL_ADDRESS => true,
            kind::NEW_ROUTE | kind::DEL_ROUTE => route::is_default_route(message.body),
            _ => false,
        }
    }
}

/// Reads an entry where it is of this type.
fn of<T>(entry: &Envelope<'_>, kind: u16, read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    (entry.kind == kind).then(|| read(entry.body)).flatten()
}

/// An `ifinfomsg` of any interface, and `IFLA_EXT_MASK` with `RTEXT_FILTER_SKIP_STATS`: no counters.
fn link_request() -> [u8; 24] {
    const EXT_MASK: u16 = 29;
    const SKIP_STATS: u32 = 8;
    let mut request = [0; 24];
    request[16..18].copy_from_slice(&8_u16.to_ne_bytes());
    request[18..20].copy_from_slice(&EXT_MASK.to_ne_bytes());
    request[20..24].copy_from_slice(&SKIP_STATS.to_ne_bytes());
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::bounded;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn the_loopback_is_an_own_address_and_no_network() {
        let view = View::take().unwrap();
        assert!(view.addresses.contains(&ip("127.0.0.1")), "{view:?}");
        let loopback = |network: &Network| network.contains(ip("127.0.0.1"));
        assert!(!view.networks.iter().any(loopback), "{view:?}");
    }

    #[test]
    fn lists_are_put_together_by_the_numbers_of_interfaces() {
        let link = |index, name| Link {
            index,
            name: bounded(name),
        };
        let address = |index, own, network, prefix_len| Address {
            index,
            own: ip(own),
            network: ip(network),
            prefix_len,
        };
        let view = View::of(
            vec![link(1, "lo"), link(2, "eth0"), link(9, "tun0")],
            &[
                address(1, "127.0.0.1", "127.0.0.1", 8),
                address(2, "192.0.2.7", "192.0.2.7", 24),
                address(9, "10.8.0.6", "10.8.0.5", 32),
            ],
            &[
                Hop {
                    gateway: Some(ip("192.0.2.1")),
                    index: 2,
                },
                Hop {
                    gateway: None,
                    index: 9,
                },
                Hop {
                    gateway: Some(ip("192.0.2.2")),
                    index: 2,
                },
            ],
            // The same address may stand behind two interfaces.
            &[
                Neighbour {
                    index: 9,
                    address: ip("192.0.2.1"),
                    mac: [9; 6],
                },
                Neighbour {
                    index: 2,
                    address: ip("192.0.2.1"),
                    mac: [2; 6],
                },
            ],
        );
        assert_eq!(
            view.addresses,
            [ip("10.8.0.6"), ip("127.0.0.1"), ip("192.0.2.7")]
        );
        let networks: Vec<_> = view
            .networks
            .iter()
            .map(|network| {
                (
                    network.address,
                    network.prefix_len,
                    network.interface.as_str(),
                )
            })
            .collect();
        assert_eq!(
            networks,
            [(ip("192.0.2.7"), 24, "eth0"), (ip("10.8.0.5"), 32, "tun0")]
        );
        let gateways: Vec<_> = view
            .gateways
            .iter()
            .map(|gateway| (gateway.address, gateway.interface.as_str(), gateway.mac))
            .collect();
        assert_eq!(
            gateways,
            [
                (ip("192.0.2.1"), "eth0", Some([2; 6])),
                (ip("192.0.2.2"), "eth0", None)
            ]
        );
    }

    #[test]
    fn only_what_can_change_the_view_stirs_it() {
        let mut body = [&[0; 4][..], &2_u32.to_ne_bytes(), &[0; 8]].concat();
        body.extend(
            [
                &9_u16.to_ne_bytes()[..],
                &3_u16.to_ne_bytes(),
                b"eth0\0\0\0\0",
            ]
            .concat(),
        );
        let view = View {
            links: vec![Link {
                index: 2,
                name: bounded("eth0"),
            }],
            ..View::default()
        };
        let stirs = |kind, body: &[u8]| {
            view.is_stirred_by(&Envelope {
                kind,
                flags: 0,
                sequence: 0,
                body,
            })
        };
        assert!(!stirs(kind::NEW_LINK, &body), "it is known by this name");
        assert!(stirs(kind::DEL_LINK, &body));
        body[20] = b'w';
        assert!(stirs(kind::NEW_LINK, &body), "it has another name now");
        assert!(stirs(kind::NEW_ADDRESS, &[]));
        let route = |dst_len| [2, dst_len, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
        assert!(stirs(kind::DEL_ROUTE, &route(0)));
        assert!(!stirs(kind::NEW_ROUTE, &route(24)));
        assert!(!stirs(kind::NEW_NEIGHBOUR, &[]));
    }
}
