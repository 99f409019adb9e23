//! Which address in a capture is this machine's own, by what a few frames show.
//!
//! A capture of one machine's link holds its own address in every frame that is for one receiver alone. Where all goes over
//! one gateway that is true of the gateway too; then [`Census::own_of_two`] weighs what each of the two sends. Where that
//! leaves a doubt nothing is claimed: an attack that is taken for this machine's own doing would be overlooked.

use std::net::IpAddr;

use arrayvec::ArrayVec;

use crate::{
    decode::{Body, Mac, Report},
    packet::Packet,
};

/// At most so many addresses are told apart; what comes behind is counted among all frames alone.
const MAX_PARTIES: usize = 64;
/// At most so many networks behind an address are told apart.
const MAX_NETWORKS: usize = 16;
/// Where strangers' frames are in the capture as well, so many of a hundred frames have the own address.
const NEARLY_ALL: usize = 95;
/// An address with so many public networks more behind it than the other has is the gateway.
const GATEWAY_NETWORKS: usize = 3;
/// What systems set as time to live (Linux and macOS 64, Windows 128, routers 255): a packet with another was forwarded.
const INITIAL_TTL: [u8; 3] = [64, 128, 255];

/// This machine's addresses on one interface, as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Own {
    mac: Option<[u8; 6]>,
    v4: Option<IpAddr>,
    v6: Option<IpAddr>,
}

impl Own {
    /// Did this machine send it? `None` where that cannot be told.
    pub(super) fn sent(&self, report: &Report) -> Option<bool> {
        if let Some(mac) = report.mac {
            return self.mac.map(|own| mac.src == own);
        }
        let src = report.packet()?.src;
        let own = if src.is_ipv4() { self.v4 } else { self.v6 };
        own.map(|own| src == own)
    }
}

/// The first frames of an interface.
#[derive(Debug, Default)]
pub(super) struct Witness {
    macs: Census<[u8; 6]>,
    v4: Census<IpAddr>,
    v6: Census<IpAddr>,
}

impl Witness {
    /// Takes one more frame into account.
    pub(super) fn observe(&mut self, report: &Report) {
        if report.group {
            return;
        }
        let packet = report.packet();
        match (report.mac, packet) {
            // Of what tells no addresses at all, as on the loopback, nothing is concluded.
            (Some(Mac { src, dst, .. }), _) if src == dst => {}
            (Some(mac), _) if !matches!(report.body, Body::Arp(_)) => {
                self.macs.observe(mac.src, mac.dst, packet);
            }
            (None, Some(packet)) if packet.src.is_ipv4() => {
                self.v4.observe(packet.src, packet.dst, Some(packet));
            }
            (None, Some(packet)) => self.v6.observe(packet.src, packet.dst, Some(packet)),
            _ => {}
        }
    }

    /// What they show.
    pub(super) fn own(&self) -> Own {
        Own {
            mac: self.macs.own(),
            v4: self.v4.own(),
            v6: self.v6.own(),
        }
    }
}

/// Who sends to whom, for one kind of address.
#[derive(Debug)]
struct Census<A> {
    frames: usize,
    parties: Vec<Party<A>>,
}

/// What one address does.
#[derive(Debug)]
struct Party<A> {
    address: A,
    sent: usize,
    received: usize,
    /// The networks that it sends packets of.
    networks: ArrayVec<Network, MAX_NETWORKS>,
    /// The networks that it receives packets for.
    reached: ArrayVec<Network, MAX_NETWORKS>,
}

/// A network that an address sends packets of, or receives them for.
#[derive(Debug)]
struct Network {
    /// 24 bits of an IPv4 address, 64 of IPv6.
    number: u64,
    /// Does it stand in no house's own range?
    public: bool,
    /// Was one of its packets not forwarded?
    first_hand: bool,
}

impl<A> Default for Census<A> {
    fn default() -> Self {
        Self {
            frames: 0,
            parties: Vec::new(),
        }
    }
}

impl<A: Copy + PartialEq> Census<A> {
    fn observe(&mut self, src: A, dst: A, packet: Option<&Packet>) {
        self.frames = self.frames.saturating_add(1);
        if let Some(party) = self.party(dst) {
            party.received = party.received.saturating_add(1);
            if let Some(packet) = packet {
                note(&mut party.reached, packet.dst, true);
            }
        }
        if let Some(party) = self.party(src) {
            party.sent = party.sent.saturating_add(1);
            if let Some(packet) = packet {
                let first_hand = INITIAL_TTL.contains(&packet.ttl);
                note(&mut party.networks, packet.src, first_hand);
            }
        }
    }

    fn party(&mut self, address: A) -> Option<&mut Party<A>> {
        let known = self
            .parties
            .iter()
            .position(|party| party.address == address);
        if known.is_none() && self.parties.len() < MAX_PARTIES {
            self.parties.push(Party {
                address,
                sent: 0,
                received: 0,
                networks: ArrayVec::new(),
                reached: ArrayVec::new(),
            });
            return self.parties.last_mut();
        }
        self.parties.get_mut(known?)
    }

    fn own(&self) -> Option<A> {
        let in_all = |least: usize| -> ArrayVec<&Party<A>, 2> {
            let of = |party: &&Party<A>| party.sent.saturating_add(party.received) >= least;
            self.parties.iter().filter(of).take(2).collect()
        };
        let mut candidates = in_all(self.frames.max(1));
        if candidates.is_empty() {
            let nearly_all = self.frames.saturating_mul(NEARLY_ALL).div_ceil(100);
            candidates = in_all(nearly_all.max(1));
        }
        let own = match candidates.as_slice() {
            [one] if !one.is_gateway() => Some(*one),
            [one, other] => Self::own_of_two(one, other),
            _ => None,
        };
        own.map(|party| party.address)
    }

    /// Which of two that are in all frames is this machine.
    fn own_of_two<'a>(one: &'a Party<A>, other: &'a Party<A>) -> Option<&'a Party<A>> {
        // Where one only receives, the capture holds what came in, or else what went out by a gateway.
        match (one.sent, other.sent) {
            (0, _) => return Some(if one.takes_out(other) { other } else { one }),
            (_, 0) => return Some(if other.takes_out(one) { one } else { other }),
            _ => {}
        }
        // What comes over a gateway has been forwarded.
        match (one.forwards(), other.forwards()) {
            (false, true) => return Some(one),
            (true, false) => return Some(other),
            _ => {}
        }
        let [networks, others] = [one, other].map(Party::public_networks);
        // Of two neighbours none is chosen: a scan of the other must not be overlooked.
        (networks.abs_diff(others) >= GATEWAY_NETWORKS).then_some(if networks < others {
            one
        } else {
            other
        })
    }
}

impl<A> Party<A> {
    /// Does it send mostly what others sent?
    fn forwards(&self) -> bool {
        let forwarded = self.forwarded();
        forwarded > 0 && forwarded.saturating_mul(2) >= self.networks.len()
    }

    /// Does it look like a gateway, even where no other is in all frames?
    fn is_gateway(&self) -> bool {
        self.forwarded() >= GATEWAY_NETWORKS
    }

    /// Does it, which sends nothing, take what this one host sends out into the world?
    fn takes_out(&self, host: &Self) -> bool {
        let public = |network: &&Network| network.public;
        let reached = self.reached.iter().filter(public).count();
        host.networks.len() == 1 && !host.forwards() && reached >= GATEWAY_NETWORKS
    }

    fn forwarded(&self) -> usize {
        let forwarded = |network: &&Network| !network.first_hand;
        self.networks.iter().filter(forwarded).count()
    }

    fn public_networks(&self) -> usize {
        let public = |network: &&Network| network.public;
        self.networks.iter().filter(public).count()
    }
}

/// Notes the network of an address among those that are told apart.
fn note(networks: &mut ArrayVec<Network, MAX_NETWORKS>, address: IpAddr, first_hand: bool) {
    let number = network_of(address);
    let known = networks.iter_mut().find(|network| network.number == number);
    if let Some(network) = known {
        network.first_hand |= first_hand;
    } else if !networks.is_full() {
        networks.push(Network {
            number,
            public: is_public(address),
            first_hand,
        });
    }
}

/// RFC 1918, RFC 3927, RFC 4193 and RFC 4291 set apart what is not.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_private() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_unique_local() && !v6.is_unicast_link_local(),
    }
}

/// The network of an address as a number: 24 bits of IPv4, 64 of IPv6.
fn network_of(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => u64::from(v4.to_bits() >> 8),
        IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{
        event::Feed,
        packet::{IpOptions, Protocol, Tcp, TcpFlags, Transport},
    };

    const OWN: u8 = 1;
    const GATEWAY: u8 = 2;
    const SYN: TcpFlags = TcpFlags::SYN;
    const ANSWER: TcpFlags = TcpFlags(0x12);

    fn tcp(src: [u8; 4], dst: [u8; 4], dport: u16, ttl: u8, flags: TcpFlags) -> Packet {
        Packet {
            src: Ipv4Addr::from(src).into(),
            dst: Ipv4Addr::from(dst).into(),
            protocol: Protocol::TCP,
            len: 40,
            ttl,
            tos: 0,
            ip_id: None,
            df: false,
            fragment: None,
            has_options: false,
            ip_options: IpOptions::new(),
            transport: Transport::Tcp(Tcp {
                sport: 40000,
                dport,
                seq: None,
                ack: None,
                flags,
                window: 1024,
                urgp: 0,
                options: None,
            }),
        }
    }

    fn frame(src: u8, dst: u8, packet: Packet) -> Report {
        let mut report = Report::bare(Feed::Pcap, Body::Packet(packet));
        report.mac = Some(Mac {
            src: [2, 0, 0, 0, 0, src],
            dst: [2, 0, 0, 0, 0, dst],
            ethertype: 0x0800,
        });
        report
    }

    fn own(frames: &[Report]) -> Option<u8> {
        let mut witness = Witness::default();
        for frame in frames {
            witness.observe(frame);
        }
        witness.own().mac.map(|mac| mac[5])
    }

    #[test]
    fn what_only_receives_is_this_machine() {
        let probe = |port| frame(9, OWN, tcp([10, 0, 0, 9], [10, 0, 0, 1], port, 43, SYN));
        assert_eq!(own(&[probe(1)]), Some(OWN));
        assert_eq!(own(&[probe(1), probe(2), probe(3)]), Some(OWN));
        assert_eq!(own(&[]), None);
    }

    #[test]
    fn of_several_partners_the_one_in_every_frame_is_this_machine() {
        let packet = tcp([10, 0, 0, 9], [10, 0, 0, 1], 22, 64, SYN);
        let frames = [
            frame(OWN, 3, packet.clone()),
            frame(4, OWN, packet.clone()),
            frame(OWN, GATEWAY, packet.clone()),
        ];
        assert_eq!(own(&frames), Some(OWN));
        let strangers = [frame(3, 4, packet.clone()), frame(5, 6, packet)];
        assert_eq!(own(&strangers), None);
    }

    #[test]
    fn a_gateway_is_told_by_what_it_forwards() {
        let me = [10, 0, 0, 1];
        let mut frames = Vec::new();
        for server in 1..=2 {
            let server = [198, 51, 100, server];
            frames.push(frame(OWN, GATEWAY, tcp(me, server, 443, 64, SYN)));
            frames.push(frame(GATEWAY, OWN, tcp(server, me, 40000, 57, ANSWER)));
        }
        assert_eq!(own(&frames), Some(OWN));
    }

    #[test]
    fn a_gateway_that_hides_the_way_is_told_by_its_many_networks() {
        let me = [10, 0, 0, 1];
        let mut frames = Vec::new();
        for server in 1..=5 {
            let server = [198, 51, server, 1];
            frames.push(frame(OWN, GATEWAY, tcp(me, server, 443, 64, SYN)));
            frames.push(frame(GATEWAY, OWN, tcp(server, me, 40000, 64, ANSWER)));
        }
        assert_eq!(own(&frames), Some(OWN));
    }

    #[test]
    fn who_sends_to_many_networks_by_one_gateway_is_this_machine() {
        let out = |server: [u8; 4], ttl| {
            let packet = tcp([10, 0, 0, 1], server, 443, ttl, SYN);
            frame(OWN, GATEWAY, packet)
        };
        let to_three = |ttl| [1, 2, 3].map(|network| out([198, 51, network, 1], ttl));
        assert_eq!(own(&to_three(64)), Some(OWN));
        // What was forwarded came in by a gateway, however many addresses of this machine it is for.
        assert_eq!(own(&to_three(57)), Some(GATEWAY));
        let to_one = [1, 2, 3].map(|server| out([198, 51, 100, server], 64));
        assert_eq!(own(&to_one), Some(GATEWAY));
        let from_others = [1, 2, 3].map(|host| {
            let packet = tcp([192, 0, host, 1], [198, 51, host, 1], 443, 64, SYN);
            frame(OWN, GATEWAY, packet)
        });
        assert_eq!(own(&from_others), Some(GATEWAY));
    }

    #[test]
    fn of_two_neighbours_none_is_chosen() {
        let (one, other) = ([10, 0, 0, 1], [10, 0, 0, 9]);
        let mut frames = Vec::new();
        for port in 1..=5 {
            frames.push(frame(9, OWN, tcp(other, one, port, 64, SYN)));
            frames.push(frame(OWN, 9, tcp(one, other, 40000, 64, TcpFlags::RST)));
        }
        assert_eq!(own(&frames), None);
    }

    #[test]
    fn without_a_link_header_the_ip_address_counts() {
        let mut witness = Witness::default();
        let (me, one, other) = ([10, 0, 0, 1], [192, 0, 2, 1], [192, 0, 2, 2]);
        let raw = |packet| Report::bare(Feed::Pcap, Body::Packet(packet));
        let out = raw(tcp(me, one, 443, 64, SYN));
        let back = raw(tcp(other, me, 40000, 57, ANSWER));
        witness.observe(&out);
        witness.observe(&back);
        let own = witness.own();
        assert_eq!(own.sent(&out), Some(true));
        assert_eq!(own.sent(&back), Some(false));
        assert_eq!(Own::default().sent(&out), None);
    }
}
