//! Floods: more packets of one stream than anything honest sends.
//!
//! Each stream has a leaky bucket (ITU-T I.371, the virtual scheduling form): a packet adds its share, time takes it away. Where
//! it runs over, the latest packets tell whether they go to few ports or come from many senders; a scan does neither. While a
//! flood lasts, what belongs to it takes no place in the tables of single senders, so that it cannot push a patient scanner out.

use std::net::IpAddr;

use wallwatch_dbus::{Kind, Verdict};

use super::{
    class::{Class, Harmless, Nature},
    origin::{address_halves, folded},
    trace::Trace,
    udp,
};
use crate::{
    event::Timestamp,
    packet::{Packet, Protocol, TcpFlags, Transport},
};

/// So many of a stream's latest packets are looked at.
const LATEST: usize = 64;
/// To so few ports goes a flood of one sender.
const FEW_PORTS: usize = 4;
/// From so many senders among the latest comes a flood to any port.
const MANY_SOURCES: usize = 16;
/// So many senders among the latest are nearly all of them: nobody sends twice.
const ALL_SOURCES: usize = 48;
/// While a bucket runs over, its latest packets are looked at after so many more; after twice as many each time that they are no
/// flood,
const LOOK: u64 = 16;
/// and after so many where they are one, or were none again and again: then all of the latest are others.
const LOOK_AGAIN: u64 = 64;

/// 2^32 over the golden ratio (Knuth): its products have no visible order.
const SCATTER: u32 = 2_654_435_761;

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Stream {
    /// Openings of TCP connections.
    Syn,
    /// UDP that nobody asked for.
    Udp,
    /// Pings and other queries.
    Icmp,
    /// Answers of services that amplify, ends and refusals of connections, ICMP answers and errors.
    Answer,
    /// What looks like the packets of a conversation.
    Stray,
    /// UDP for everybody on the network.
    Group,
    /// What keeps the network running.
    Upkeep,
    /// All of the above but strays, and every other protocol.
    All,
}

impl Stream {
    const COUNT: usize = 8;

    /// How fast the bucket empties and how much it holds.
    const fn limit(self) -> Limit {
        match self {
            Self::Syn | Self::Udp | Self::Icmp | Self::Answer | Self::All => Limit::of(50, 200),
            Self::Group | Self::Upkeep => Limit::of(200, 800),
            Self::Stray => Limit::of(500, 2000),
        }
    }

    /// The stream that a packet of this class is in; `None` where it is in none.
    fn of(packet: &Packet, class: &Class) -> Option<Self> {
        let nature = match class {
            Class::Harmless(harmless) => {
                return match harmless {
                    Harmless::Group if packet.protocol == Protocol::UDP => Some(Self::Group),
                    Harmless::Upkeep if is_router(packet) => None,
                    Harmless::Upkeep => Some(Self::Upkeep),
                    Harmless::Answer | Harmless::Error => Some(Self::Answer),
                    Harmless::Own | Harmless::Group | Harmless::Flow | Harmless::Fragment => None,
                };
            }
            Class::Probe(probe) => probe.nature,
        };
        match &packet.transport {
            Transport::Tcp(tcp) if tcp.flags.control() == TcpFlags::SYN => {
                Some(if nature == Nature::ReplyLike {
                    Self::Stray
                } else {
                    Self::Syn
                })
            }
            // Data of a connection comes as fast as the line allows.
            Transport::Tcp(_) if nature != Nature::Impossible => None,
            Transport::Tcp(_) => Some(Self::Syn),
            Transport::Udp(header) if udp::is_amplifier(header.sport) => Some(Self::Answer),
            Transport::Udp(_) if nature == Nature::ReplyLike => Some(Self::Stray),
            Transport::Udp(_) => Some(Self::Udp),
            Transport::Icmp(_) => Some(Self::Icmp),
            Transport::Ports { .. } | Transport::Ipsec { .. } | Transport::Other => Some(Self::All),
        }
    }
}

/// What a bucket can do, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Limit {
    /// In which one packet leaves it.
    share: i64,
    /// In which a full one empties.
    full: i64,
}

impl Limit {
    /// By so many packets a second it empties, and so many run it over.
    const fn of(a_second: i64, packets: i64) -> Self {
        let share = Timestamp::SECOND / a_second;
        let full = share * packets;
        Self { share, full }
    }
}

/// A router advertisement, which has a detector of its own.
fn is_router(packet: &Packet) -> bool {
    matches!(&packet.transport, Transport::Icmp(icmp) if packet.protocol == Protocol::ICMPV6 && icmp.kind == 134)
}

/// What is kept of one of the latest packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    /// Stands for the sender.
    src: u32,
    sport: u16,
    dport: u16,
    protocol: u8,
}

impl Seen {
    fn of(trace: &Trace, seed: u64) -> Self {
        let src = match trace.src {
            IpAddr::V4(src) => src.to_bits(),
            IpAddr::V6(_) => {
                let (high, low) = address_halves(trace.src);
                #[expect(clippy::cast_possible_truncation, reason = "a mark is short")]
                {
                    folded(high ^ seed, low) as u32
                }
            }
        };
        Self {
            src,
            sport: trace.sport.unwrap_or(0),
            dport: trace.dport.unwrap_or(0),
            protocol: trace.protocol.0,
        }
    }
}

/// One stream's bucket and its latest packets.
#[derive(Debug)]
struct Meter {
    /// When the bucket will be empty.
    empty_at: i64,
    last: i64,
    /// When it began to fill, and how many packets came since.
    began: i64,
    packets: u64,
    latest: [Seen; LATEST],
    active: Option<Shape>,
    /// After so many packets the latest are looked at, next time.
    look: u64,
}

/// How a flood looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    kind: Kind,
    /// The ports that it is for; none where they are many.
    ports: [Option<u16>; FEW_PORTS],
    /// Does it come from many senders?
    many: bool,
    /// Does hardly anybody send twice?
    all: bool,
}

impl Shape {
    /// Is a packet like this a part of it?
    fn holds(&self, seen: &Seen, latest: &[Seen; LATEST]) -> bool {
        let port = self.ports[0].is_none() || self.ports.contains(&Some(seen.dport));
        port && (self.many || latest.iter().any(|other| other.src == seen.src))
    }
}

impl Meter {
    const fn new(now: i64) -> Self {
        Self {
            empty_at: now,
            last: now,
            began: now,
            packets: 0,
            latest: [Seen {
                src: 0,
                sport: 0,
                dport: 0,
                protocol: 0,
            }; LATEST],
            active: None,
            look: LOOK,
        }
    }

    /// Takes one more packet in; tells how deep the bucket is then, in microseconds of emptying.
    #[inline]
    fn fill(&mut self, now: i64, limit: Limit) -> i64 {
        let Limit { share, full } = limit;
        if now < self.last {
            // The clock went back, and the bucket with it.
            let back = self.last.saturating_sub(now);
            self.empty_at = self.empty_at.saturating_sub(back);
            self.began = self.began.saturating_sub(back);
        }
        self.last = now;
        if self.empty_at <= now {
            (self.empty_at, self.began, self.packets) = (now, now, 0);
            (self.active, self.look) = (None, LOOK);
        }
        self.packets += 1;
        // No deeper than thrice the bound, so that a flood is over soon after its last packet.
        self.empty_at = (self.empty_at.saturating_add(share)).min(now.saturating_add(3 * full));
        let depth = self.empty_at.saturating_sub(now);
        if depth < full / 4 {
            (self.active, self.look) = (None, LOOK);
        }
        depth
    }

    /// The flood that such a packet belongs to.
    #[inline]
    fn flood(&self, seen: &Seen) -> Option<Flood> {
        let shape = self.active?;
        shape.holds(seen, &self.latest).then(|| Flood {
            kind: shape.kind,
            since: Timestamp(self.began),
            packets: self.packets,
            many: shape.many,
            few_ports: shape.ports[0].is_some(),
        })
    }

    #[inline]
    fn note(&mut self, seen: Seen) {
        let at = usize::try_from(self.packets).unwrap_or(0) % LATEST;
        self.latest[at] = seen;
    }

    /// Looks at the latest packets: are they a flood, and of what shape?
    fn judge(&self, stream: Stream, verdict: Verdict) -> Option<Shape> {
        let count = distinct(self.latest.iter().map(|seen| seen.src));
        let starts = || {
            let starts = self.latest.iter();
            distinct(starts.map(|seen| seen.src.rotate_left(16) ^ u32::from(seen.sport)))
        };
        let ports = few(self.latest.iter().map(|seen| seen.dport));
        let many = count >= MANY_SOURCES;
        let is_flood = match stream {
            Stream::Syn => many || ports.is_some(),
            // One sender's conversation with one port is none, where it may have passed.
            Stream::Udp => {
                many || (ports.is_some()
                    && (verdict == Verdict::Dropped || starts() >= MANY_SOURCES))
            }
            Stream::Icmp | Stream::Group | Stream::Upkeep => true,
            Stream::Answer => many,
            Stream::Stray => count >= ALL_SOURCES || (count == 1 && verdict == Verdict::Dropped),
            Stream::All => count >= ALL_SOURCES,
        };
        is_flood.then(|| Shape {
            kind: self.kind(stream),
            ports: ports.unwrap_or_default(),
            many,
            all: count >= ALL_SOURCES,
        })
    }

    fn kind(&self, stream: Stream) -> Kind {
        match stream {
            Stream::Syn => Kind::SynFlood,
            Stream::Udp | Stream::Group => Kind::UdpFlood,
            Stream::Icmp | Stream::Upkeep => Kind::IcmpFlood,
            Stream::Answer => Kind::ReplyFlood,
            Stream::Stray => self.by_most(&[Protocol::TCP, Protocol::UDP]),
            Stream::All => self.by_most(&[Protocol::UDP, Protocol::TCP, Protocol::ICMP]),
        }
    }

    /// The kind by the protocol that most of the latest have.
    fn by_most(&self, protocols: &[Protocol]) -> Kind {
        let count = |protocol: &Protocol| {
            let same = |seen: &&Seen| seen.protocol == protocol.0;
            self.latest.iter().filter(same).count()
        };
        let mut most = protocols[0];
        for protocol in protocols {
            if count(protocol) > count(&most) {
                most = *protocol;
            }
        }
        match most {
            Protocol::TCP => Kind::SynFlood,
            Protocol::ICMP => Kind::IcmpFlood,
            _ => Kind::UdpFlood,
        }
    }
}

/// How many of them differ.
fn distinct(marks: impl Iterator<Item = u32>) -> usize {
    // One bit for each of 4,096 classes of marks: only of a class that has come before the marks are compared.
    let mut classes = [0_u64; 64];
    let mut known = [0_u32; LATEST];
    let mut count = 0;
    for mark in marks {
        let class = mark.wrapping_mul(SCATTER) >> 20;
        let bits = &mut classes[(class >> 6) as usize];
        let bit = 1 << (class & 63);
        if *bits & bit == 0 || !known[..count].contains(&mark) {
            *bits |= bit;
            known[count] = mark;
            count += 1;
        }
    }
    count
}

/// All of these ports, where they are few.
fn few(ports: impl Iterator<Item = u16>) -> Option<[Option<u16>; FEW_PORTS]> {
    let mut known = [None; FEW_PORTS];
    for port in ports {
        if !known.contains(&Some(port)) {
            *known.iter_mut().find(|place| place.is_none())? = Some(port);
        }
    }
    Some(known)
}

/// A flood that a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flood {
    /// Which.
    pub kind: Kind,
    /// When it began.
    pub since: Timestamp,
    /// How many packets of its stream came since.
    pub packets: u64,
    /// Does it come from many senders, who are hardly who they say they are?
    pub many: bool,
    /// Does it go to few ports?
    pub few_ports: bool,
}

/// All streams.
#[derive(Debug)]
pub struct Floods {
    seed: u64,
    /// Made when the first packet of a stream comes.
    meters: [Option<Box<Meter>>; Stream::COUNT],
}

impl Floods {
    /// No stream so far; the seed is a number that no stranger knows.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            meters: [const { None }; Stream::COUNT],
        }
    }

    /// Takes in one more packet of this class; tells the flood that it belongs to.
    pub fn observe(&mut self, packet: &Packet, trace: &Trace, class: &Class) -> Option<Flood> {
        let stream = Stream::of(packet, class)?;
        let seen = Seen::of(trace, self.seed);
        let (over, found) = self.take(stream, seen, trace);
        // What every stream for itself has too little of: one that has enough is looked at by itself.
        let counts = !over
            && !matches!(
                stream,
                Stream::Stray | Stream::All | Stream::Group | Stream::Upkeep
            );
        if !counts {
            return found;
        }
        let (_, all) = self.take(Stream::All, seen, trace);
        found.or(all)
    }

    /// Takes a packet into one stream; tells whether its bucket runs over, and the flood.
    #[inline]
    fn take(&mut self, stream: Stream, seen: Seen, trace: &Trace) -> (bool, Option<Flood>) {
        let now = trace.time.0;
        let meter = self.meters[stream as usize].get_or_insert_with(|| Box::new(Meter::new(now)));
        let limit = stream.limit();
        let depth = meter.fill(now, limit);
        // Where time has stood still all along, nobody knows how fast they came.
        let over = depth >= limit.full && now > meter.began;
        meter.note(seen);
        if over && meter.packets.is_multiple_of(meter.look) {
            // What passes was meant to come, for the most part; much more of it is needed, or senders without end.
            let is_enough = trace.verdict != Verdict::Passed || depth >= 2 * limit.full;
            let found = meter.judge(stream, trace.verdict);
            let found = found.filter(|shape| is_enough || shape.all);
            meter.active = found.or(meter.active);
            meter.look = match meter.active {
                Some(_) => LOOK_AGAIN,
                None => (2 * meter.look).min(LOOK_AGAIN),
            };
        }
        (over, meter.flood(&seen))
    }
}
