//! Attacks on the network that this machine stands in: routers and DHCP servers beside its own, and pings to everybody.
//!
//! [`Lan`] learns, for each interface, which routers advertise themselves and which servers give out addresses. The first of
//! each is taken for the network's own, and so is the router that this machine has a route by already; whoever comes later
//! is told of. Another network, known by its gateway's link-layer address or by its prefixes, is learnt anew.

use std::net::{IpAddr, Ipv4Addr};

use arrayvec::ArrayVec;
use wallwatch_dbus::Kind;

use super::{
    Fates, Track,
    class::{Nature, Probe},
};
use crate::{
    event::{Event, Interface, Timestamp},
    neighbourhood::{Neighbourhood, Network},
    packet::{IcmpDetail, Packet, Protocol, Transport},
};

/// Interfaces that are kept apart; one more takes the place of the one that was heard least lately.
const MAX_PLACES: usize = 16;
/// Routers, or servers, of one network; a network of more is none that this machine can judge.
const MAX_KNOWN: usize = 8;
/// So much is kept to know a network again.
const MAX_SIGNS: usize = 8;
/// What no honest program of this network sends: one is told at once.
const WEIGHT: f32 = 4.0;
/// Router advertisement (RFC 4861 section 4.2).
const ADVERTISEMENT: u8 = 134;
/// The hop limit of neighbour discovery: what a router has passed on has less, and hosts ignore it (RFC 4861 section 6.1.2).
const ON_LINK: u8 = 255;
/// Where a network is new, all of its routers answer the first question: within half a second (`MAX_RA_DELAY_TIME`, RFC 4861
/// section 10), and the question is asked again when it got lost.
const ALL_ANSWERED: i64 = Timestamp::SECOND;
/// Routers of one network advertise at most every three seconds to everybody (`MIN_DELAY_BETWEEN_RAS`, RFC 4861 section 10), and
/// besides answer this machine alone. So many in so long a time no few routers send.
const FLOOD: u32 = 30;
const FLOOD_TIME: i64 = 10 * Timestamp::SECOND;
/// DHCP and DHCPv6: the ports of server and client (RFC 2131 section 4.1, RFC 9915 section 7.2).
const DHCP: (u16, u16) = (67, 68);
const DHCPV6: (u16, u16) = (547, 546);
/// Who looks for neighbours pings everybody once, or as often as ping does by default elsewhere: four times. So many, in so long
/// a time, in one sender's name make the network shout at that sender.
const SMURFS: u32 = 5;
const SMURF_TIME: i64 = 10 * Timestamp::SECOND;
/// And so many whoever they name.
const ALL_SMURFS: u32 = 20;
/// Senders of pings to everybody that are counted at a time.
const MAX_PINGERS: usize = 8;

/// What is known of the networks that this machine stands in.
#[derive(Debug, Default)]
pub struct Lan {
    places: Vec<Place>,
    pingers: ArrayVec<(IpAddr, Burst), MAX_PINGERS>,
    all_pings: Burst,
}

/// A packet of an attack on the network.
#[derive(Debug)]
pub struct Intrusion {
    /// The packet, as a probe.
    pub probe: Probe,
    /// What came before it and is told with it.
    pub before: Option<Track>,
}

impl Intrusion {
    const fn new(kind: Kind, nature: Nature) -> Self {
        Self {
            probe: Probe::new(kind, WEIGHT, nature),
            before: None,
        }
    }
}

impl Lan {
    /// Takes over what is known of this machine: what its routers are, and whether it stands in another network than before.
    pub fn set_neighbourhood(&mut self, neighbourhood: &Neighbourhood) {
        for place in &mut self.places {
            place.look_around(neighbourhood);
        }
        for gateway in &neighbourhood.gateways {
            self.place(gateway.interface, neighbourhood);
        }
    }

    /// Looks at one event; `None` where it is no attack on the network.
    #[inline]
    pub fn observe(&mut self, event: &Event, neighbourhood: &Neighbourhood) -> Option<Intrusion> {
        // What comes in floods and scans is none of these, and goes by without a call.
        if matches!(event.packet.transport, Transport::Tcp(_)) {
            return None;
        }
        self.observe_rest(event, neighbourhood)
    }

    fn observe_rest(&mut self, event: &Event, neighbourhood: &Neighbourhood) -> Option<Intrusion> {
        let packet = &event.packet;
        match &packet.transport {
            Transport::Icmp(icmp)
                if packet.protocol == Protocol::ICMPV6 && icmp.kind == ADVERTISEMENT =>
            {
                let farewell = icmp.detail == Some(IcmpDetail::Lifetime(0));
                self.advertisement(event, farewell, neighbourhood)
            }
            Transport::Icmp(icmp) if is_echo(packet.protocol, icmp.kind) => {
                self.echo(event, neighbourhood)
            }
            Transport::Udp(udp)
                if (udp.sport, udp.dport) == DHCP || (udp.sport, udp.dport) == DHCPV6 =>
            {
                self.dhcp(event, neighbourhood)
            }
            _ => None,
        }
    }

    /// A router says that it is one.
    fn advertisement(
        &mut self,
        event: &Event,
        farewell: bool,
        neighbourhood: &Neighbourhood,
    ) -> Option<Intrusion> {
        let packet = &event.packet;
        if neighbourhood.is_own(packet.src) {
            return None;
        }
        let is_local = matches!(packet.src, IpAddr::V6(src) if src.is_unicast_link_local());
        if packet.ttl != ON_LINK || !is_local {
            return Some(Intrusion::new(Kind::RogueRa, Nature::Impossible));
        }
        let place = self.place(event.interface, neighbourhood);
        let flood = place.adverts.count(event.time, FLOOD_TIME) > FLOOD;
        // One that is nobody's way to anywhere may tell of prefixes all the same, as gateways of home automation do (RFC 4191).
        let known = place.routers.take(packet.src, event.time) || farewell;
        if known && !flood {
            return None;
        }
        if !known && place.is_router_expected(event.time) {
            place.routers.learn(packet.src, event.time);
            return None;
        }
        Some(Intrusion::new(Kind::RogueRa, Nature::Plain))
    }

    /// A server gives out an address, or a relay does for it.
    fn dhcp(&mut self, event: &Event, neighbourhood: &Neighbourhood) -> Option<Intrusion> {
        let packet = &event.packet;
        let src = packet.src;
        // What comes from far is the answer of a server behind a relay, which was asked by itself for more time (RFC 2131 section
        // 4.3.2): nobody far away hears who asks for an address.
        let is_far = !event.group && !packet.is_to_group() && !is_beside(packet, neighbourhood);
        if src.is_unspecified() || neighbourhood.is_own(src) || is_far {
            return None;
        }
        let place = self.place(event.interface, neighbourhood);
        if place.servers.take(src, event.time) {
            return None;
        }
        let is_trusted = place.trusted.contains(&src);
        let family = |known: &IpAddr| known.is_ipv4() == src.is_ipv4();
        let is_first = !place.servers.iter().any(|known| family(&known));
        if is_first || is_trusted {
            if is_trusted {
                // Of two the one that this machine knew before is its network's; the order in which they were heard tells nothing.
                let trusted = std::mem::take(&mut place.trusted);
                place
                    .servers
                    .forget(|known| family(known) && !trusted.contains(known));
                place.trusted = trusted;
            }
            place.servers.learn(src, event.time);
            return None;
        }
        Some(Intrusion::new(Kind::RogueDhcp, Nature::Plain))
    }

    /// A ping; to everybody it makes the network answer whom it names (CERT CA-1998-01).
    fn echo(&mut self, event: &Event, neighbourhood: &Neighbourhood) -> Option<Intrusion> {
        let packet = &event.packet;
        if !is_to_everybody(event, neighbourhood)
            || packet.src.is_unspecified()
            || neighbourhood.is_own(packet.src)
        {
            return None;
        }
        let all = self.all_pings.take(event);
        let known = self.pingers.iter().position(|(src, _)| *src == packet.src);
        let at = known.unwrap_or_else(|| {
            if self.pingers.is_full() {
                let last = |(_, burst): &(IpAddr, Burst)| burst.last;
                let oldest = (0..MAX_PINGERS).min_by_key(|at| last(&self.pingers[*at]));
                self.pingers.remove(oldest.unwrap_or(0));
            }
            self.pingers.push((packet.src, Burst::default()));
            self.pingers.len() - 1
        });
        let burst = &mut self.pingers[at].1;
        let burst = if burst.take(event) >= SMURFS {
            burst
        } else if all >= ALL_SMURFS {
            &self.all_pings
        } else {
            return None;
        };
        let mut found = Intrusion::new(Kind::Smurf, Nature::Plain);
        let mut track = Track::new(burst.first);
        (track.packets, track.fates, track.trusted) =
            (burst.packets.into(), burst.fates, burst.trusted);
        track.tally.push((Kind::Smurf, WEIGHT));
        found.before = Some(track);
        Some(found)
    }

    /// What is known of the network behind an interface, from now on if not before.
    fn place(&mut self, interface: Interface, neighbourhood: &Neighbourhood) -> &mut Place {
        let known = self
            .places
            .iter()
            .position(|place| place.interface == interface);
        let at = known.unwrap_or_else(|| {
            if self.places.len() >= MAX_PLACES {
                let heard = |at: &usize| self.places[*at].heard();
                let quietest = (0..self.places.len()).min_by_key(heard).unwrap_or(0);
                self.places.swap_remove(quietest);
            }
            let mut place = Place::new(interface);
            place.look_around(neighbourhood);
            // An interface without an address, where others have one, was set up just now.
            place.is_new = !interface.is_empty()
                && !neighbourhood.addresses.is_empty()
                && place.networks.is_empty();
            self.places.push(place);
            self.places.len() - 1
        });
        &mut self.places[at]
    }
}

/// An echo request (RFC 792, RFC 4443).
fn is_echo(protocol: Protocol, kind: u8) -> bool {
    matches!(
        (protocol, kind),
        (Protocol::ICMP, 8) | (Protocol::ICMPV6, 128)
    )
}

/// Was this sent to everybody: by the frame, by the address itself, or by the last address of a network of ours? Where neither
/// frames nor networks are told, 255 beside the sender's own network is taken for its last address.
fn is_to_everybody(event: &Event, neighbourhood: &Neighbourhood) -> bool {
    let packet = &event.packet;
    if event.group || packet.is_to_group() {
        return true;
    }
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (packet.src, packet.dst) else {
        return false;
    };
    let networks = &neighbourhood.networks;
    networks.iter().any(|network| last_of(network) == Some(dst))
        || (networks.is_empty()
            && neighbourhood.addresses.is_empty()
            && dst.octets()[3] == u8::MAX
            && src.octets()[..3] == dst.octets()[..3])
}

/// The broadcast address of a network (RFC 919); one of two addresses or one has none (RFC 3021).
fn last_of(network: &Network) -> Option<Ipv4Addr> {
    let IpAddr::V4(address) = network.address else {
        return None;
    };
    let host = u32::MAX
        .checked_shr(network.prefix_len.into())
        .filter(|host| *host > 1)?;
    Some(Ipv4Addr::from_bits(address.to_bits() | host))
}

/// Did this come from the network itself?
fn is_beside(packet: &Packet, neighbourhood: &Neighbourhood) -> bool {
    let networks = &neighbourhood.networks;
    if networks.is_empty() {
        return match (packet.src, packet.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => src.octets()[..3] == dst.octets()[..3],
            (IpAddr::V6(src), _) => src.is_unicast_link_local(),
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        };
    }
    networks.iter().any(|network| network.contains(packet.src))
}

/// Packets in a short time.
#[derive(Debug, Clone, Copy, Default)]
struct Burst {
    first: Timestamp,
    last: Timestamp,
    packets: u32,
    fates: Fates,
    trusted: bool,
}

impl Burst {
    /// Counts one more; how many there are since the first that is not longer ago than this, in microseconds.
    fn count(&mut self, now: Timestamp, within: i64) -> u32 {
        if self.packets == 0 || !(0..within).contains(&now.since(self.first)) {
            *self = Self {
                first: now,
                trusted: true,
                ..Self::default()
            };
        }
        self.last = now;
        self.packets = self.packets.saturating_add(1);
        self.packets
    }

    /// Counts a ping.
    fn take(&mut self, event: &Event) -> u32 {
        let packets = self.count(event.time, SMURF_TIME);
        self.fates = self.fates.and(Fates::of(event.verdict));
        self.trusted &= event.trusted;
        packets
    }
}

/// What is known of the network behind one interface.
#[derive(Debug)]
struct Place {
    interface: Interface,
    routers: Known,
    servers: Known,
    /// Addresses that this machine used as router or as name server when it came to this network.
    trusted: ArrayVec<IpAddr, MAX_KNOWN>,
    /// Link-layer addresses of its IPv4 gateways.
    macs: ArrayVec<[u8; 6], MAX_SIGNS>,
    /// The networks that this machine has an address of.
    networks: ArrayVec<(IpAddr, u8), MAX_SIGNS>,
    /// Did this machine come here a moment ago, from elsewhere?
    is_new: bool,
    adverts: Burst,
}

impl Place {
    fn new(interface: Interface) -> Self {
        Self {
            interface,
            routers: Known::default(),
            servers: Known::default(),
            trusted: ArrayVec::new(),
            macs: ArrayVec::new(),
            networks: ArrayVec::new(),
            is_new: false,
            adverts: Burst::default(),
        }
    }

    /// Takes over what this machine knows of this network.
    fn look_around(&mut self, neighbourhood: &Neighbourhood) {
        let own = self.interface;
        let here = |interface: &Interface| *interface == own;
        let gateways = neighbourhood
            .gateways
            .iter()
            .filter(|gateway| here(&gateway.interface));
        let networks = neighbourhood
            .networks
            .iter()
            .filter(|network| here(&network.interface) && !is_everywhere(network.address));
        let macs: ArrayVec<[u8; 6], MAX_SIGNS> = gateways
            .clone()
            .filter(|gateway| gateway.address.is_ipv4())
            .filter_map(|gateway| gateway.mac)
            .take(MAX_SIGNS)
            .collect();
        let prefixes: ArrayVec<(IpAddr, u8), MAX_SIGNS> = networks
            .clone()
            .map(|network| (network.address, network.prefix_len))
            .take(MAX_SIGNS)
            .collect();
        let differs = if self.macs.is_empty() || macs.is_empty() {
            !self.networks.is_empty()
                && !prefixes.is_empty()
                && !prefixes.iter().any(|one| self.networks.contains(one))
        } else {
            !macs.iter().any(|mac| self.macs.contains(mac))
        };
        if differs {
            *self = Self {
                is_new: true,
                ..Self::new(own)
            };
        }
        // What is gone for a moment, as while a cable is out, is still what the network is known by.
        if !macs.is_empty() {
            self.macs = macs;
        }
        if !prefixes.is_empty() {
            self.networks = prefixes;
        }
        // What becomes a gateway later may have become one by the very advertisement that is to be told of.
        if self.trusted.is_empty() {
            let resolvers = neighbourhood.resolvers.iter().copied();
            let resolvers = resolvers
                .filter(|resolver| networks.clone().any(|network| network.contains(*resolver)));
            self.trusted = gateways
                .map(|gateway| gateway.address)
                .chain(resolvers)
                .take(MAX_KNOWN)
                .collect();
            for address in self.trusted.iter().filter(|address| address.is_ipv6()) {
                self.routers.learn(*address, Timestamp::default());
            }
        }
    }

    /// May a router that was not heard before be one of the network's own: the first, or while all of them answer?
    fn is_router_expected(&mut self, now: Timestamp) -> bool {
        let Some(first) = self.routers.first_heard() else {
            return self.routers.is_empty();
        };
        self.is_new &= (0..ALL_ANSWERED).contains(&now.since(first));
        self.is_new && !self.routers.is_full()
    }

    /// When anything was heard here last.
    fn heard(&self) -> Timestamp {
        let latest = |known: &Known| known.0.iter().map(|one| one.last).max();
        latest(&self.routers)
            .max(latest(&self.servers))
            .unwrap_or_default()
    }
}

/// An address that every network has.
const fn is_everywhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// One that belongs to the network.
#[derive(Debug, Clone, Copy)]
struct Member {
    address: IpAddr,
    /// When it was heard first; 0 where it never was.
    first: Timestamp,
    /// And last.
    last: Timestamp,
}

/// Those that belong to the network; the one that was heard least lately gives way.
#[derive(Debug, Default)]
struct Known(ArrayVec<Member, MAX_KNOWN>);

impl Known {
    /// Hears of this one; says whether it is known.
    fn take(&mut self, address: IpAddr, now: Timestamp) -> bool {
        let known = self.0.iter_mut().find(|one| one.address == address);
        if let Some(one) = known {
            if one.first == Timestamp::default() {
                one.first = now;
            }
            one.last = one.last.max(now);
            return true;
        }
        false
    }

    /// From now on this one is known.
    fn learn(&mut self, address: IpAddr, now: Timestamp) {
        if self.0.is_full() {
            let oldest = (0..MAX_KNOWN).min_by_key(|at| self.0[*at].last);
            self.0.remove(oldest.unwrap_or(0));
        }
        self.0.push(Member {
            address,
            first: now,
            last: now,
        });
    }

    fn forget(&mut self, which: impl Fn(&IpAddr) -> bool) {
        self.0.retain(|one| !which(&one.address));
    }

    fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.0.iter().map(|one| one.address)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// When the first of them was heard.
    fn first_heard(&self) -> Option<Timestamp> {
        let heard = self.0.iter().map(|one| one.first);
        heard.filter(|first| *first != Timestamp::default()).min()
    }
}

#[cfg(test)]
mod tests {
    use wallwatch_dbus::Verdict;

    use super::*;
    use crate::{decode, event::bounded, neighbourhood::Gateway};

    const START: Timestamp = Timestamp(1_800_000_000_000_000);
    const MINUTE: i64 = 60 * Timestamp::SECOND;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The event of a line about a packet that came in by eth0.
    fn event(time: Timestamp, ends: &str, rest: &str) -> Event {
        let line = format!("X IN=eth0 OUT= MAC= {ends} {rest}");
        let read =
            decode::log_line(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let event = read.into_event(time).unwrap();
        Event {
            verdict: Verdict::Dropped,
            trusted: true,
            ..event
        }
    }

    /// A router's advertisement.
    fn advert(time: Timestamp, src: &str, hops: u8) -> Event {
        event(
            time,
            &format!("SRC={src} DST=ff02::1 LEN=56 TC=0 HOPLIMIT={hops} FLOWLBL=0"),
            "PROTO=ICMPv6 TYPE=134 CODE=0 ",
        )
    }

    fn v4(time: Timestamp, src: &str, dst: &str, rest: &str) -> Event {
        let ends = format!("SRC={src} DST={dst} LEN=328 TOS=0x00 PREC=0x00 TTL=64 ID=7");
        event(time, &ends, rest)
    }

    fn dhcp(time: Timestamp, src: &str, dst: &str) -> Event {
        v4(time, src, dst, "PROTO=UDP SPT=67 DPT=68 LEN=308 ")
    }

    fn ping(time: Timestamp, src: &str, dst: &str) -> Event {
        v4(time, src, dst, "PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=1 ")
    }

    /// The network of this machine, whose router is 192.168.1.1 and `fe80::1`.
    fn home() -> Neighbourhood {
        network("192.168.1.0", "192.168.1.1", 1)
    }

    fn network(network: &str, router: &str, mac: u8) -> Neighbourhood {
        let interface = bounded("eth0");
        let gateway = |address: &str| Gateway {
            address: ip(address),
            interface,
            mac: Some([2, 0, 0, 0, 0, mac]),
        };
        Neighbourhood {
            addresses: vec![ip("192.168.1.7"), ip("fe80::7")],
            networks: vec![
                Network {
                    address: ip(network),
                    prefix_len: 24,
                    interface,
                },
                Network {
                    address: ip("fe80::"),
                    prefix_len: 64,
                    interface,
                },
            ],
            gateways: vec![gateway(router), gateway(&format!("fe80::{mac}"))],
            ..Neighbourhood::default()
        }
    }

    fn kind(found: Option<&Intrusion>) -> Option<(Kind, Nature)> {
        found.map(|found| (found.probe.kind, found.probe.nature))
    }

    /// What is found of these events, one after another.
    fn kinds(lan: &mut Lan, home: &Neighbourhood, events: &[Event]) -> Vec<Option<Kind>> {
        let look = |event| lan.observe(event, home).map(|found| found.probe.kind);
        events.iter().map(look).collect()
    }

    #[test]
    fn the_first_router_is_the_networks_own_and_another_is_told_of() {
        let (mut lan, nobody) = (Lan::default(), Neighbourhood::default());
        let ra = Some(Kind::RogueRa);
        let adverts = [
            (0, "fe80::1", None),
            (200, "fe80::1", None),
            (201, "fe80::bad", ra),
            (205, "fe80::bad", ra),
            (400, "fe80::1", None),
            (90_000, "fe80::1", None),
        ];
        for (second, src, expected) in adverts {
            let time = START.plus(second * Timestamp::SECOND);
            let found = lan.observe(&advert(time, src, 255), &nobody);
            assert_eq!(found.map(|found| found.probe.kind), expected, "{second}");
        }
    }

    #[test]
    fn the_router_that_this_machine_uses_is_known_before_it_is_heard() {
        let (mut lan, home) = (Lan::default(), home());
        lan.set_neighbourhood(&home);
        assert_eq!(
            kinds(
                &mut lan,
                &home,
                &[
                    advert(START, "fe80::bad", 255),
                    advert(START, "fe80::1", 255),
                    advert(START, "fe80::7", 255),
                ]
            ),
            [Some(Kind::RogueRa), None, None],
            "the last one is this machine itself"
        );
    }

    #[test]
    fn a_router_that_the_kernel_believed_at_once_is_told_of_all_the_same() {
        let (mut lan, mut home) = (Lan::default(), home());
        lan.set_neighbourhood(&home);
        home.gateways.push(Gateway {
            address: ip("fe80::bad"),
            interface: bounded("eth0"),
            mac: None,
        });
        lan.set_neighbourhood(&home);
        assert_eq!(
            kinds(&mut lan, &home, &[advert(START, "fe80::bad", 255)]),
            [Some(Kind::RogueRa)]
        );
    }

    #[test]
    fn another_network_is_learnt_anew_with_all_of_its_routers() {
        let (mut lan, home) = (Lan::default(), home());
        lan.set_neighbourhood(&home);
        let away = Neighbourhood {
            gateways: Vec::new(),
            ..network("10.20.30.0", "10.20.30.1", 9)
        };
        // Between two networks there is none.
        let between = Neighbourhood {
            networks: Vec::new(),
            ..away.clone()
        };
        let second = |tenths: i64| START.plus(tenths * Timestamp::SECOND / 10);
        lan.set_neighbourhood(&between);
        assert_eq!(
            kinds(&mut lan, &between, &[advert(second(0), "fe80::bad", 255)]),
            [Some(Kind::RogueRa)],
            "nothing says that this machine moved"
        );
        lan.set_neighbourhood(&away);
        let adverts = [
            advert(second(1), "fe80::9", 255),
            advert(second(4), "fe80::a", 255),
            advert(second(40), "fe80::bad", 255),
            advert(second(50), "fe80::a", 255),
        ];
        assert_eq!(
            kinds(&mut lan, &away, &adverts),
            [None, None, Some(Kind::RogueRa), None]
        );
    }

    #[test]
    fn the_same_prefix_behind_another_gateway_is_another_network() {
        let (mut lan, home) = (Lan::default(), home());
        lan.set_neighbourhood(&home);
        let friends = network("192.168.1.0", "192.168.1.1", 5);
        lan.set_neighbourhood(&friends);
        let adverts = [advert(START, "fe80::5", 255), advert(START, "fe80::1", 255)];
        let found = kinds(&mut lan, &friends, &adverts);
        // The old one within the time in which all routers of a new network answer; then no more.
        assert_eq!(found, [None, None]);
        let later = START.plus(MINUTE);
        let stranger = advert(later, "fe80::bad", 255);
        assert!(lan.observe(&stranger, &friends).is_some());
    }

    #[test]
    fn what_hosts_ignore_is_told_as_forged() {
        let (mut lan, home) = (Lan::default(), home());
        for (src, hops) in [("fe80::1", 64), ("2001:db8::1", 255), ("fe80::bad", 254)] {
            let found = lan.observe(&advert(START, src, hops), &home);
            assert_eq!(
                kind(found.as_ref()),
                Some((Kind::RogueRa, Nature::Impossible)),
                "{src} {hops}"
            );
        }
    }

    #[test]
    fn a_gateway_of_home_automation_is_no_second_router() {
        let (mut lan, home) = (Lan::default(), home());
        lan.set_neighbourhood(&home);
        let mut farewell = advert(START, "fe80::77", 255);
        let Transport::Icmp(icmp) = &mut farewell.packet.transport else {
            panic!("{farewell:?}")
        };
        icmp.detail = Some(IcmpDetail::Lifetime(0));
        assert_eq!(kinds(&mut lan, &home, &[farewell]), [None]);
        let router = advert(START, "fe80::77", 255);
        assert!(lan.observe(&router, &home).is_some());
    }

    #[test]
    fn very_many_advertisements_are_told_though_the_router_is_known() {
        let (mut lan, nobody) = (Lan::default(), Neighbourhood::default());
        let adverts = |gap: i64| -> Vec<Event> {
            let at = |n| advert(START.plus(n * gap), "fe80::1", 255);
            (0..40).map(at).collect()
        };
        let told = |found: Vec<Option<Kind>>| found.iter().flatten().count();
        assert_eq!(
            told(kinds(&mut lan, &nobody, &adverts(3 * Timestamp::SECOND))),
            0
        );
        let (mut lan, many) = (Lan::default(), adverts(Timestamp::SECOND / 100));
        assert_eq!(told(kinds(&mut lan, &nobody, &many)), 40 - 30);
    }

    #[test]
    fn a_second_dhcp_server_is_told_of() {
        const ALL: &str = "255.255.255.255";
        let (mut lan, nobody) = (Lan::default(), Neighbourhood::default());
        let replies = [
            dhcp(START, "192.168.1.1", ALL),
            dhcp(START, "192.168.1.1", "192.168.1.7"),
            dhcp(START, "192.168.1.66", ALL),
            dhcp(START, "192.168.1.66", "192.168.1.7"),
            dhcp(START, "0.0.0.0", ALL),
            // The answer of a server behind a relay, which was asked for more time.
            dhcp(START, "10.99.0.5", "192.168.1.7"),
        ];
        let rogue = Some(Kind::RogueDhcp);
        assert_eq!(
            kinds(&mut lan, &nobody, &replies),
            [None, None, rogue, rogue, None, None]
        );
    }

    #[test]
    fn a_server_beside_the_router_is_told_of_in_whatever_order_they_are_heard() {
        let rogue = Some(Kind::RogueDhcp);
        let (router, other) = ("192.168.1.1", "192.168.1.66");
        for (order, expected) in [
            ([router, other, router, other], [None, rogue, None, rogue]),
            ([other, router, other, router], [None, None, rogue, None]),
            ([other, other, other, other], [None; 4]),
        ] {
            let (mut lan, home) = (Lan::default(), home());
            lan.set_neighbourhood(&home);
            let replies = order.map(|src| dhcp(START, src, "255.255.255.255"));
            assert_eq!(kinds(&mut lan, &home, &replies), expected, "{order:?}");
        }
    }

    #[test]
    fn servers_of_both_families_stand_beside_each_other() {
        let (mut lan, nobody) = (Lan::default(), Neighbourhood::default());
        let v6 = |src: &str| {
            let ends = format!("SRC={src} DST=fe80::7 LEN=100 TC=0 HOPLIMIT=64 FLOWLBL=0");
            event(START, &ends, "PROTO=UDP SPT=547 DPT=546 LEN=60 ")
        };
        let replies = [
            dhcp(START, "192.168.1.1", "255.255.255.255"),
            v6("fe80::1"),
            v6("fe80::bad"),
        ];
        assert_eq!(
            kinds(&mut lan, &nobody, &replies),
            [None, None, Some(Kind::RogueDhcp)]
        );
    }

    #[test]
    fn one_ping_to_everybody_is_a_question_and_many_are_an_attack() {
        let (mut lan, home) = (Lan::default(), home());
        for n in 0..4 {
            let time = START.plus(n * Timestamp::SECOND);
            let look = ping(time, "192.168.1.20", "192.168.1.255");
            assert!(lan.observe(&look, &home).is_none(), "{n}");
        }
        // Of somebody else, and to this machine alone.
        let other = ping(START, "192.168.1.21", "255.255.255.255");
        assert!(lan.observe(&other, &home).is_none());
        let alone = ping(START, "192.168.1.20", "192.168.1.7");
        assert!(lan.observe(&alone, &home).is_none());
        let fifth = START.plus(4 * Timestamp::SECOND);
        let found = lan.observe(&ping(fifth, "192.168.1.20", "192.168.1.255"), &home);
        let found = found.expect("the fifth in ten seconds");
        assert_eq!(found.probe.kind, Kind::Smurf);
        let before = found.before.expect("four came before");
        assert_eq!((before.packets, before.first), (5, START));
        assert_eq!(before.fates.verdict(), Verdict::Dropped);
    }

    #[test]
    fn a_ping_a_minute_is_no_attack_and_many_names_are_one() {
        let (mut lan, home) = (Lan::default(), home());
        let slow = (0..50).map(|n| ping(START.plus(n * MINUTE), "192.168.1.20", "192.168.1.255"));
        let slow: Vec<Event> = slow.collect();
        assert!(kinds(&mut lan, &home, &slow).iter().all(Option::is_none));
        let later = START.plus(100 * MINUTE);
        let many = (0..25).map(|n| ping(later, &format!("203.0.113.{n}"), "192.168.1.255"));
        let many: Vec<Event> = many.collect();
        let found = kinds(&mut lan, &home, &many);
        assert_eq!(found.iter().flatten().count(), 25 - 19);
    }

    #[test]
    fn the_last_address_of_a_network_is_everybodys() {
        let network = |address: &str, prefix_len| {
            last_of(&Network {
                address: ip(address),
                prefix_len,
                interface: Interface::new(),
            })
        };
        let v4 = |text: &str| Some(text.parse().unwrap());
        assert_eq!(network("10.1.2.0", 23), v4("10.1.3.255"));
        assert_eq!(network("10.1.2.130", 25), v4("10.1.2.255"));
        assert_eq!(network("10.1.2.4", 30), v4("10.1.2.7"));
        assert_eq!(network("10.1.2.4", 31), None);
        assert_eq!(network("10.1.2.4", 32), None);
        assert_eq!(network("0.0.0.0", 0), v4("255.255.255.255"));
        assert_eq!(network("fe80::", 64), None);
    }

    #[test]
    fn whatever_strangers_send_what_is_known_of_them_is_bounded() {
        let (mut lan, nobody) = (Lan::default(), Neighbourhood::default());
        for n in 0..2000_u32 {
            let time = START.plus(i64::from(n) * MINUTE);
            let mut advert = advert(time, &format!("fe80::{n:x}"), 255);
            advert.interface = bounded(&format!("eth{}", n % 50));
            lan.observe(&advert, &nobody);
            let src = format!("10.0.{}.{}", n / 250, n % 250);
            lan.observe(&dhcp(time, &src, "255.255.255.255"), &nobody);
            lan.observe(&ping(time, &src, "255.255.255.255"), &nobody);
        }
        assert_eq!(lan.places.len(), MAX_PLACES);
        assert_eq!(lan.pingers.len(), MAX_PINGERS);
    }
}
