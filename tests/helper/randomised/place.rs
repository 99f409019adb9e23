//! Where the machine stands that is looked at: its addresses, its network, and who else there is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wallwatch_helper::{
    event::Interface,
    neighbourhood::{Gateway, Neighbourhood, Network},
};

use crate::dice::Dice;

/// First bytes of addresses that are given out and belong to nobody's private network (IANA "IPv4 Address Space Registry").
const PUBLIC: [u8; 24] = [
    5, 23, 31, 37, 46, 62, 77, 80, 85, 91, 94, 103, 109, 115, 134, 141, 151, 176, 185, 188, 194,
    200, 212, 217,
];

/// A machine that sends.
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// Its address.
    pub address: IpAddr,
    /// What is left of the time to live of its packets.
    pub ttl: u8,
    /// How many routers stand between.
    pub hops: u8,
    /// The link-layer address that its packets come from.
    pub mac: [u8; 6],
}

impl Host {
    /// The same machine by another address.
    pub const fn at(self, address: IpAddr) -> Self {
        Self { address, ..self }
    }
}

/// The machine and its network.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its addresses of IPv4, the first of them the one that most packets are for.
    pub own: Vec<IpAddr>,
    /// Its address of IPv6.
    pub own6: IpAddr,
    /// Its link-layer address.
    pub mac: [u8; 6],
    /// Its router.
    pub router: Host,
    /// Its name server.
    pub resolver: Host,
    /// The interface.
    pub interface: Interface,
    /// Does it know all this?
    pub is_known: bool,
    net: [u8; 3],
}

impl Place {
    /// Any.
    pub fn any(dice: &mut Dice) -> Self {
        let is_home = !dice.one_in(4);
        let net = match dice.within(0..=2) {
            _ if !is_home => [dice.pick(&PUBLIC), dice.byte(0..=255), dice.byte(0..=255)],
            0 => [10, dice.byte(0..=255), dice.byte(0..=255)],
            1 => [172, dice.byte(18..=31), dice.byte(0..=255)],
            _ => [192, 168, dice.byte(0..=255)],
        };
        let first = dice.byte(100..=200);
        let own = (0..8).map(|n| in_net(net, first + n)).collect();
        let net6 = [
            dice.short(0x2a00..=0x2a0f),
            dice.short(0..=0xffff),
            dice.short(0..=0xffff),
            dice.short(0..=0xffff),
        ];
        let router = Host {
            address: in_net(net, 1),
            ttl: 64,
            hops: 0,
            mac: mac(dice),
        };
        let mut place = Self {
            own,
            own6: in_net6(net6, dice.any() | 1),
            mac: mac(dice),
            router,
            resolver: router,
            interface: Interface::from(dice.pick(&["eth0", "enp3s0", "wlan0", "wlp2s0"]))
                .expect("a short name"),
            is_known: dice.one_in(2),
            net,
        };
        if dice.one_in(2) {
            place.resolver = place.stranger(dice);
        }
        place
    }

    /// What the helper knows of it.
    pub fn neighbourhood(&self) -> Neighbourhood {
        if !self.is_known {
            return Neighbourhood::default();
        }
        let network = |address, prefix_len| Network {
            address,
            prefix_len,
            interface: self.interface,
        };
        Neighbourhood {
            addresses: [&self.own[..], &[self.own6]].concat(),
            networks: vec![network(self.own[0], 24), network(self.own6, 64)],
            gateways: vec![Gateway {
                address: self.router.address,
                interface: self.interface,
                mac: Some(self.router.mac),
            }],
            resolvers: vec![self.resolver.address],
            ..Neighbourhood::default()
        }
    }

    /// Somebody far away.
    pub fn stranger(&self, dice: &mut Dice) -> Host {
        let address = [
            dice.pick(&PUBLIC),
            dice.byte(0..=255),
            dice.byte(0..=255),
            dice.byte(1..=254),
        ];
        if address[..3] == self.net {
            return self.stranger(dice);
        }
        self.far(IpAddr::from(address), dice)
    }

    /// The same by IPv6.
    pub fn stranger6(&self, dice: &mut Dice) -> Host {
        let net = [
            dice.short(0x2600..=0x2610),
            dice.short(0..=0xffff),
            dice.short(0..=0xffff),
            dice.short(0..=0xffff),
        ];
        self.far(in_net6(net, dice.any()), dice)
    }

    fn far(&self, address: IpAddr, dice: &mut Dice) -> Host {
        let hops = dice.byte(5..=22);
        Host {
            address,
            ttl: dice.pick(&[64, 64, 64, 128]) - hops,
            hops,
            mac: self.router.mac,
        }
    }

    /// Somebody on the same network.
    pub fn neighbour(&self, dice: &mut Dice) -> Host {
        near(in_net(self.net, dice.byte(2..=99)), dice)
    }

    /// The same by the addresses that need no router (RFC 4291 section 2.5.6).
    pub fn neighbour6(dice: &mut Dice) -> Host {
        near(in_net6([0xfe80, 0, 0, 0], dice.any()), dice)
    }

    /// Somebody near or far.
    pub fn somebody(&self, dice: &mut Dice) -> Host {
        if dice.one_in(4) {
            self.neighbour(dice)
        } else {
            self.stranger(dice)
        }
    }

    /// The address of everybody on the network.
    pub fn broadcast(&self) -> IpAddr {
        in_net(self.net, 255)
    }

    /// Another address of the same /64.
    pub fn beside6(address: IpAddr, dice: &mut Dice) -> IpAddr {
        let IpAddr::V6(address) = address else {
            panic!("an address of IPv6")
        };
        let [a, b, c, d, ..] = address.segments();
        in_net6([a, b, c, d], dice.any())
    }

    /// The address of its own on which somebody of this address asks it.
    pub fn asked_by(&self, host: &Host) -> IpAddr {
        if host.address.is_ipv6() {
            self.own6
        } else {
            self.own[0]
        }
    }
}

fn near(address: IpAddr, dice: &mut Dice) -> Host {
    Host {
        address,
        ttl: dice.pick(&[64, 64, 128]),
        hops: 0,
        mac: mac(dice),
    }
}

fn in_net(net: [u8; 3], host: u8) -> IpAddr {
    Ipv4Addr::new(net[0], net[1], net[2], host).into()
}

fn in_net6(net: [u16; 4], host: u64) -> IpAddr {
    let high = net
        .iter()
        .fold(0, |all, part| all << 16 | u128::from(*part));
    Ipv6Addr::from_bits(high << 64 | u128::from(host)).into()
}

/// Any link-layer address of one interface: neither a group's nor one that was made up (IEEE 802).
fn mac(dice: &mut Dice) -> [u8; 6] {
    let mut mac = [0x3c; 6];
    mac[1..].fill_with(|| dice.byte(0..=255));
    mac
}
