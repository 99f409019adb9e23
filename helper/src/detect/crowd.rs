//! Crowds: many senders whose probes together make what none of them does alone.
//!
//! Three shapes are known. Decoys: several addresses send the very same probes at the same moment, of whom one is the scanner
//! (nmap -D). A rotating source: the networks of one IPv6 site take turns. And a distributed scan: many senders share the ports.
//! Nobody in particular is accused in any of them.

use std::net::IpAddr;

use arrayvec::ArrayVec;

use super::{
    class::{Nature, Probe},
    origin::{Origin, address_halves, folded},
    trace::{Opening, Trace},
    udp,
};
use crate::{event::Timestamp, packet::Protocol};

/// So many of the latest probes of senders who are no attackers yet are kept: 512 of about 56 bytes.
const LATEST: usize = 512;
/// Decoys' probes are sent within microseconds; so far apart they may be told where clocks tick in seconds.
const DECOY_WITHIN: i64 = 3 * Timestamp::SECOND;
/// So many probes of a scanner must have twins.
const DECOY_PROBES: usize = 2;
/// At most so many decoys are listed; nmap takes 128 at most (`MAX_DECOYS`, nmap.h).
pub(crate) const MAX_DECOYS: usize = 31;
/// What makes a distributed scan.
struct Share {
    /// Within so many microseconds
    span: i64,
    /// so many ports
    ports: usize,
    /// by so many senders,
    senders: usize,
    /// with at least so many probes by ten of them.
    of_ten: usize,
}

/// What knocks by itself at an address of the Internet, some times a minute and each but once, does none of this: very many ports at once,
/// or more than one probe of each.
const SHARES: [Share; 2] = [
    Share {
        span: 120 * Timestamp::SECOND,
        ports: 24,
        senders: 8,
        of_ten: 10,
    },
    Share {
        span: 600 * Timestamp::SECOND,
        ports: 24,
        senders: 8,
        of_ten: 25,
    },
];
/// It is looked for at every fourth probe.
const LOOK: u64 = 4;
/// A site of IPv6 has 48 bits (RFC 6177); from so many of its networks,
const ROTATING_NETWORKS: usize = 4;
/// so many ports were asked for by one who changes between them.
const ROTATING_PORTS: usize = 6;
/// See [`ROTATING_NETWORKS`].
const ROTATING_WITHIN: i64 = 600 * Timestamp::SECOND;

/// So many other senders at once are a crowd.
const CROWDED: usize = 12;

/// One probe of somebody who is no attacker yet.
#[derive(Debug, Clone, Copy)]
struct Seen {
    time: Timestamp,
    src: IpAddr,
    /// Stands for the sender.
    tag: u64,
    /// Stands for what was asked for: address, protocol, port.
    target: u32,
    sport: u16,
    dport: u16,
    /// Does it ask for a service, as opposed to what may be a late piece of a conversation?
    asks: bool,
}

/// What a crowd does.
#[derive(Debug, Clone, PartialEq)]
pub enum Crowd {
    /// These share a scan.
    Distributed(Gathering),
    /// These networks of one site take turns; the number is the site's, for tables.
    Rotating(u64, Gathering),
}

/// What is remembered of a crowd's probes.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathering {
    /// When the first was sent.
    pub since: Timestamp,
    /// How many there were.
    pub packets: u64,
    /// Who sent them, each once.
    pub sources: Vec<IpAddr>,
    /// The ports that they were for, each once.
    pub ports: Vec<u16>,
    /// The number of each probe's sender ([`super::Scan::tag`]).
    pub tags: Vec<u64>,
}

impl Gathering {
    fn of<'seen, T: Iterator<Item = &'seen Seen>>(probes: T) -> Self {
        let mut gathering = Self {
            since: Timestamp(i64::MAX),
            packets: 0,
            sources: Vec::new(),
            ports: Vec::new(),
            tags: Vec::new(),
        };
        for seen in probes {
            gathering.since = gathering.since.min(seen.time);
            gathering.packets += 1;
            gathering.sources.push(seen.src);
            gathering.ports.push(seen.dport);
            gathering.tags.push(seen.tag);
        }
        gathering.sources.sort_unstable();
        gathering.sources.dedup();
        gathering.ports.sort_unstable();
        gathering.ports.dedup();
        gathering
    }
}

/// Somebody who sent the same probes at the same time as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoy {
    /// The number by which the sender's probes are found ([`super::Scan::tag`]).
    pub tag: u64,
    /// The address.
    pub src: IpAddr,
    /// So many probes of the sender's are known.
    pub packets: u64,
}

/// The latest probes.
#[derive(Debug)]
pub struct Crowds {
    seed: u64,
    /// Made when the first one comes.
    latest: Vec<Seen>,
    count: u64,
}

impl Crowds {
    /// None so far; the seed is a number that no stranger knows.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            latest: Vec::new(),
            count: 0,
        }
    }

    /// Takes in a probe for something that its sender has not asked for before; tells what crowd it completes.
    pub fn observe(&mut self, tag: u64, told: &Trace, probe: &Probe) -> Option<Crowd> {
        let dport = told.dport.unwrap_or(0);
        let (high, low) = address_halves(told.dst);
        let what =
            u64::from(told.dport.map_or(probe.unit, u32::from)) | u64::from(told.protocol.0) << 32;
        #[expect(clippy::cast_possible_truncation, reason = "a mark is short")]
        let target = folded(folded(high, low), what) as u32;
        let seen = Seen {
            time: told.time,
            src: told.src,
            tag,
            target,
            sport: told.sport.unwrap_or(0),
            dport,
            asks: asks(told, probe),
        };
        let at = usize::try_from(self.count).unwrap_or(0) % LATEST;
        self.count += 1;
        if self.latest.len() < LATEST {
            self.latest.push(seen);
        } else {
            self.latest[at] = seen;
        }
        self.rotating(&seen).or_else(|| {
            self.count
                .is_multiple_of(LOOK)
                .then(|| self.distributed(told.time))?
        })
    }

    /// Do many others send at the same moment as this sender?
    #[must_use]
    pub fn is_crowded(&self, tag: u64, now: Timestamp) -> bool {
        let mut others: ArrayVec<u64, CROWDED> = ArrayVec::new();
        for seen in self.within(now, DECOY_WITHIN) {
            if seen.tag != tag && !others.is_full() && !others.contains(&seen.tag) {
                others.push(seen.tag);
            }
        }
        others.is_full()
    }

    /// The probes of the last so many microseconds.
    fn within(&self, now: Timestamp, span: i64) -> impl Iterator<Item = &Seen> {
        self.latest
            .iter()
            .filter(move |seen| (0..=span).contains(&now.since(seen.time)))
    }

    fn distributed(&self, now: Timestamp) -> Option<Crowd> {
        let found = SHARES.iter().find(|share| self.is_shared(share, now))?;
        let asking = self.within(now, found.span).filter(|seen| seen.asks);
        Some(Crowd::Distributed(Gathering::of(asking)))
    }

    fn is_shared(&self, share: &Share, now: Timestamp) -> bool {
        let mut ports: ArrayVec<u16, LATEST> = ArrayVec::new();
        let mut tags: ArrayVec<u64, LATEST> = ArrayVec::new();
        for seen in self.within(now, share.span).filter(|seen| seen.asks) {
            ports.push(seen.dport);
            tags.push(seen.tag);
        }
        let probes = ports.len();
        if probes < share.ports {
            return false;
        }
        ports.sort_unstable();
        tags.sort_unstable();
        let (ports, senders) = (different(&ports), different(&tags));
        ports >= share.ports && senders >= share.senders && probes * 10 >= senders * share.of_ten
    }

    fn rotating(&self, seen: &Seen) -> Option<Crowd> {
        let site = site(seen.src)?;
        let same = || {
            self.within(seen.time, ROTATING_WITHIN)
                .filter(|other| self::site(other.src) == Some(site))
        };
        if same().count() < ROTATING_PORTS {
            return None;
        }
        let gathering = Gathering::of(same());
        let mut networks: Vec<Origin> = gathering
            .sources
            .iter()
            .map(|src| Origin::of(*src))
            .collect();
        networks.dedup();
        let is_one = networks.len() >= ROTATING_NETWORKS && gathering.ports.len() >= ROTATING_PORTS;
        is_one.then(|| Crowd::Rotating(self.site_tag(site), gathering))
    }

    /// The number of the site that an IPv6 address belongs to, for tables; `None` of others.
    #[must_use]
    pub fn rotating_tag(&self, src: IpAddr) -> Option<u64> {
        site(src).map(|site| self.site_tag(site))
    }

    fn site_tag(&self, site: u64) -> u64 {
        folded(folded(self.seed, site), 48).max(1)
    }

    /// Those who sent the same probes as the sender of this one, at the same time; none where too few did.
    #[must_use]
    pub fn decoys(&self, tag: u64, now: Timestamp) -> ArrayVec<Decoy, MAX_DECOYS> {
        let mut decoys: ArrayVec<Decoy, MAX_DECOYS> = ArrayVec::new();
        let mut twinned = 0;
        for own in self
            .within(now, DECOY_WITHIN)
            .filter(|seen| seen.tag == tag)
        {
            let twins = self.within(now, DECOY_WITHIN).filter(|seen| {
                seen.tag != tag && seen.target == own.target && seen.sport == own.sport
            });
            let mut any = false;
            for twin in twins {
                any = true;
                if let Some(decoy) = decoys.iter_mut().find(|decoy| decoy.tag == twin.tag) {
                    decoy.packets += 1;
                } else if !decoys.is_full() {
                    decoys.push(Decoy {
                        tag: twin.tag,
                        src: twin.src,
                        packets: 1,
                    });
                }
            }
            twinned += usize::from(any);
        }
        if twinned < DECOY_PROBES {
            decoys.clear();
        }
        decoys
    }
}

/// Does a probe ask for a service? What opens a connection does, and what no conversation holds; and UDP that cannot be an answer.
fn asks(told: &Trace, probe: &Probe) -> bool {
    match told.protocol {
        _ if told.dport.is_none() => false,
        Protocol::TCP => told.opening != Opening::None || probe.nature == Nature::Impossible,
        Protocol::UDP => !told.sport.is_some_and(udp::is_amplifier),
        _ => true,
    }
}

/// How many of these differ, which are in order.
fn different<T: PartialEq>(sorted: &[T]) -> usize {
    let steps = sorted.windows(2).filter(|pair| pair[0] != pair[1]).count();
    steps + usize::from(!sorted.is_empty())
}

/// The first 48 bits of a global IPv6 address.
fn site(address: IpAddr) -> Option<u64> {
    match address {
        IpAddr::V6(v6) if !v6.is_unicast_link_local() => u64::try_from(v6.to_bits() >> 80).ok(),
        _ => None,
    }
}
