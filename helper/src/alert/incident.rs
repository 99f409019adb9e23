//! One incident: the packets of one origin and family from the first alarm to silence.

use std::net::IpAddr;

use arrayvec::ArrayVec;
use wallwatch_dbus::{Alert, Family, Kind, MAX_EVIDENCE, MAX_LISTED_SOURCES, Severity, Verdict};

use super::{
    ports::PortSet,
    reason::{Grounds, reason},
    senders::Senders,
};
use crate::{
    detect::{
        Config, Decoy, Fact, Fates, Flood, Gathering, Nature, Origin, Probe, Sighting, Tally, Tool,
        Trace, Track, Trying, tally,
    },
    event::{Feed, Interface, Timestamp},
    exposure::Exposure,
    packet::Protocol,
};

/// At most so many of our addresses are listed.
const MAX_LISTED_TARGETS: usize = 32;
/// At most so many attacked ports that something listens on are named.
const MAX_EXPOSED: usize = 64;
/// A kind beside the main one is named from so many ordinary probes on.
const SECOND_KIND_WEIGHT: f32 = 3.0;
/// So many opened ports are kept.
const MAX_ENTERED: usize = 8;
/// A scan of fewer ports may be the part of one in a crowd.
const SMALL_SCAN: u32 = 15;
/// From so many of our addresses on, one port is a sweep of hosts.
const SWEEP_TARGETS: usize = 3;
/// From so many addresses of one /64 on, the source changes its address on purpose.
const ROTATING_SOURCES: usize = 3;
/// From so many packets out of one service's port on, the port was chosen to slip through a firewall.
const SOURCE_PORT_PACKETS: u64 = 5;
/// From so many packets on a flood is one, and not a burst that looks like its beginning.
const FLOOD_PACKETS: u64 = 100;
/// An incident is over after so long a silence at least: 15 minutes.
const MIN_HOLD: i64 = 15 * 60 * Timestamp::SECOND;
/// And after so many times the mean gap between its packets,
const HOLD_GAPS: i64 = 6;
/// but at most after 24 hours.
pub(super) const MAX_HOLD: i64 = 24 * 3600 * Timestamp::SECOND;

/// How an incident came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It was raised for the first time, which is worth a popup.
    First,
    /// It was over and began again.
    Again,
    /// Somebody asked for it.
    Test,
}

/// What is known of an incident.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    pub(super) id: u64,
    pub(super) family: Family,
    pub(super) severity: Severity,
    pub(super) stage: Stage,
    pub(super) closed: bool,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    raised_at: Timestamp,
    /// Since when it is open without a break, and how many packets came before.
    open_since: Timestamp,
    packets_before: u64,
    sources: Vec<IpAddr>,
    targets: Vec<IpAddr>,
    /// Source and destination of the latest packet, which stand in both lists where there was room.
    latest: Option<(IpAddr, IpAddr)>,
    ports: PortSet,
    protocols: ArrayVec<Protocol, 2>,
    /// What was asked for where there are no ports: protocols, ICMP types.
    asked: PortSet,
    interface: Interface,
    fates: Fates,
    packets: u64,
    packets_to_alert: u64,
    tool: Option<Tool>,
    tally: Tally,
    /// The kind of the alarm, where nothing but late answers came.
    alarm: Kind,
    traits: ArrayVec<&'static str, 8>,
    /// The one source port of all packets, and how many there were.
    sport: Option<u16>,
    sport_packets: u64,
    feed: Feed,
    trusted: bool,
    /// The first packets.
    facts: Vec<Fact>,
    /// Counts the sources, where they are too many to be listed.
    senders: Option<Senders>,
    /// What the attacker opened that every rule let in: protocol, address and port of the first few.
    entered: ArrayVec<(Protocol, IpAddr, u16), MAX_ENTERED>,
    /// How bad it is by what was asked for alone.
    by_breadth: Severity,
    /// Is it one level worse, for where it comes from?
    pub(super) lifted: bool,
}

impl Incident {
    /// An incident whose alarm this event gave; the track tells what came before.
    pub(super) fn new(
        id: u64,
        trace: &Trace,
        probe: &Probe,
        sighting: &Sighting<'_>,
        config: &Config,
    ) -> Self {
        let mut incident = Self::empty(id, probe.kind, trace);
        if let Some(track) = sighting.track {
            incident.take_track(track);
        }
        incident.bear("slow", sighting.slow);
        let (packets, fates) = (incident.packets, incident.fates);
        let tally = incident.tally.clone();
        incident.add(trace, probe, config);
        // The track had counted this packet already.
        if sighting.track.is_some() {
            (incident.packets, incident.fates, incident.tally) = (packets, fates, tally);
        }
        incident.packets_to_alert = incident.packets;
        incident.rise(config);
        incident
    }

    fn empty(id: u64, kind: Kind, trace: &Trace) -> Self {
        Self {
            id,
            family: kind.family(),
            severity: Severity::Low,
            stage: Stage::First,
            closed: false,
            first_seen: trace.time,
            last_seen: trace.time,
            raised_at: trace.time,
            open_since: trace.time,
            packets_before: 0,
            sources: Vec::new(),
            targets: Vec::new(),
            latest: None,
            ports: PortSet::default(),
            protocols: ArrayVec::new(),
            asked: PortSet::default(),
            interface: trace.interface,
            fates: Fates::default(),
            packets: 0,
            packets_to_alert: 0,
            tool: None,
            tally: Tally::new(),
            alarm: kind,
            traits: ArrayVec::new(),
            sport: trace.sport,
            sport_packets: 0,
            feed: trace.feed,
            trusted: true,
            senders: is_of_many(kind).then(Senders::new),
            facts: Vec::new(),
            entered: ArrayVec::new(),
            by_breadth: Severity::Low,
            lifted: false,
        }
    }

    /// An incident that began before the packet that it is raised for, which is the last of so many.
    fn since(id: u64, trace: &Trace, probe: &Probe, since: Timestamp, packets: u64) -> Self {
        Self {
            first_seen: since,
            open_since: since,
            packets: packets.saturating_sub(1),
            ..Self::empty(id, probe.kind, trace)
        }
    }

    /// An incident of a flood that this packet belongs to.
    pub(super) fn of_flood(
        id: u64,
        trace: &Trace,
        probe: &Probe,
        flood: &Flood,
        config: &Config,
    ) -> Self {
        let mut incident = Self::since(id, trace, probe, flood.since, flood.packets);
        if flood.many {
            incident.senders = Some(Senders::new());
        }
        incident.bear("spoofable", flood.many || probe.kind != Kind::SynFlood);
        incident.begin(trace, probe, config);
        incident
    }

    /// An incident of one who opened a port too often.
    pub(super) fn of_tries(
        id: u64,
        trace: &Trace,
        probe: &Probe,
        trying: &Trying,
        config: &Config,
    ) -> Self {
        let mut incident = Self::since(id, trace, probe, trying.since, u64::from(trying.tries));
        incident.bear("slow", trying.slow);
        incident.begin(trace, probe, config);
        incident
    }

    /// An incident of a crowd, whose latest probe is this.
    pub(super) fn of_crowd(
        id: u64,
        trace: &Trace,
        probe: &Probe,
        crowd: &Gathering,
        config: &Config,
    ) -> Self {
        let mut incident = Self::since(id, trace, probe, crowd.since, crowd.packets);
        incident.take_crowd(crowd);
        incident.begin(trace, probe, config);
        incident
    }

    /// One who was told as an attacker of his own turns out to be of a crowd, which sent so many probes besides.
    pub(super) fn join(
        &mut self,
        trace: &Trace,
        probe: &Probe,
        crowd: &Gathering,
        besides: usize,
        config: &Config,
    ) {
        self.alarm = probe.kind;
        self.tally.clear();
        self.packets += u64::try_from(besides).unwrap_or(0).saturating_sub(1);
        self.take_crowd(crowd);
        self.add(trace, probe, config);
    }

    fn take_crowd(&mut self, crowd: &Gathering) {
        let mut senders = Senders::new();
        for src in &crowd.sources {
            senders.note(*src);
            remember(&mut self.sources, *src, MAX_LISTED_SOURCES);
        }
        self.senders = Some(senders);
        for port in &crowd.ports {
            self.ports.insert(*port);
        }
    }

    /// Is it a scan by one of whom not much is known?
    pub(super) fn is_small(&self) -> bool {
        self.is_scan() && self.severity <= Severity::Low && self.ports.len() < SMALL_SCAN
    }

    /// Takes in the packet that it was raised for.
    fn begin(&mut self, trace: &Trace, probe: &Probe, config: &Config) {
        self.add(trace, probe, config);
        self.count_to_alert();
    }

    /// Those who send the same probes: one of them scans, and nobody knows who.
    pub(super) fn take_decoys(&mut self, decoys: &[Decoy]) {
        for decoy in decoys {
            remember(&mut self.sources, decoy.src, MAX_LISTED_SOURCES);
            self.packets += decoy.packets;
        }
        self.bear("decoy", !decoys.is_empty());
    }

    /// It is raised with the packets that are known by now.
    pub(super) const fn count_to_alert(&mut self) {
        self.packets_to_alert = self.packets;
    }

    /// The attacker opened a port, and every rule let him in.
    pub(super) fn enter(&mut self, trace: &Trace) {
        if let Some(port) = trace.dport {
            let entered = (trace.protocol, trace.dst, port);
            if !self.entered.is_full() && !self.entered.contains(&entered) {
                self.entered.push(entered);
            }
        }
    }

    /// Did he get a connection: does something listen there, as far as that is known?
    fn is_connected(&self, exposure: &Exposure) -> bool {
        self.entered.iter().any(|(protocol, dst, port)| {
            !exposure.is_known()
                || exposure
                    .listener(*protocol, *dst, *port, &self.interface)
                    .is_some()
        })
    }

    /// May its sources have done what its kind needs a look at each port for?
    pub(super) fn is_scan(&self) -> bool {
        !matches!(
            self.family,
            Family::Flood | Family::BruteForce | Family::Lan | Family::Other
        )
    }

    /// The incident that a test alert shows: three ports, probed from an address that documentation is written with.
    pub(super) fn test(id: u64, trace: &Trace) -> Self {
        let mut incident = Self::empty(id, Kind::Test, trace);
        incident.stage = Stage::Test;
        incident.packets = 1;
        incident.packets_to_alert = 1;
        incident.sources.push(trace.src);
        incident.targets.push(trace.dst);
        incident.protocols.push(trace.protocol);
        trace.dport.map(|port| incident.ports.insert(port));
        incident.fates = Fates::of(trace.verdict);
        tally(&mut incident.tally, Kind::Test, 1.0);
        incident
    }

    fn take_track(&mut self, track: &Track) {
        self.first_seen = track.first;
        self.open_since = track.first;
        self.packets = track.packets;
        self.fates = track.fates;
        self.trusted = track.trusted;
        self.tally.clone_from(&track.tally);
        for port in &track.ports {
            self.ports.insert(*port);
        }
        self.targets.extend(&track.targets);
        self.facts.extend(&track.facts);
        self.bear("fragmented", track.facts.iter().any(|fact| fact.fragmented));
        // The packets of a group are of many.
        if let Some(senders) = &mut self.senders {
            for fact in &track.facts {
                remember(&mut self.sources, fact.src, MAX_LISTED_SOURCES);
                senders.note(fact.src);
            }
        }
    }

    /// Opens it once more.
    pub(super) fn begin_again(&mut self, now: Timestamp) {
        self.stage = Stage::Again;
        self.closed = false;
        self.open_since = now;
        self.packets_before = self.packets;
    }

    /// Takes one more packet in.
    pub(super) fn add(&mut self, trace: &Trace, probe: &Probe, config: &Config) {
        self.packets += 1;
        self.last_seen = self.last_seen.max(trace.time);
        self.first_seen = self.first_seen.min(trace.time);
        let ends = Some((trace.src, trace.dst));
        let are_new = self.latest != ends;
        if are_new {
            remember(&mut self.sources, trace.src, MAX_LISTED_SOURCES);
            if let Some(senders) = &mut self.senders {
                senders.note(trace.src);
            }
        }
        // A late answer of somebody who also attacks is counted, but tells nothing of the attack.
        if probe.nature == Nature::ReplyLike && !self.tally.is_empty() {
            return;
        }
        if self.facts.len() < MAX_EVIDENCE {
            self.keep(Fact::of(trace));
        }
        if are_new {
            remember(&mut self.targets, trace.dst, MAX_LISTED_TARGETS);
            self.latest = ends;
        }
        if let Some(port) = trace.dport {
            self.ports.insert(port);
        } else {
            self.asked
                .insert(u16::try_from(probe.unit & 0xffff).unwrap_or(0));
        }
        if !self.protocols.is_full() && !self.protocols.contains(&trace.protocol) {
            self.protocols.push(trace.protocol);
        }
        // What became of a piece nobody tells; of the whole packet it is told.
        if !(trace.fragmented && trace.verdict == Verdict::Unknown) {
            self.fates = self.fates.and(Fates::of(trace.verdict));
        }
        self.trusted &= trace.trusted;
        self.tool = self.tool.or(probe.tool);
        self.bear("accepted", trace.verdict == Verdict::Passed);
        self.bear("fragmented", trace.fragmented);
        self.bear("sampled", trace.sampled);
        self.bear("on-link", trace.on_link && self.is_scan());
        if matches!(probe.kind, Kind::RogueRa | Kind::RogueDhcp) {
            let forged = probe.nature == Nature::Impossible;
            self.bear("on-link", !forged);
            self.bear("forged", forged);
        } else {
            let is_nobody = matches!(probe.kind, Kind::Smurf | Kind::Bogon | Kind::Land);
            // Whoever needs no handshake can write what he likes as his address.
            let needs_none = matches!(
                self.family,
                Family::Udp | Family::Icmp | Family::Sctp | Family::IpProtocol
            );
            self.bear("spoofable", is_nobody || needs_none);
        }
        if probe.nature != Nature::ReplyLike {
            tally(&mut self.tally, probe.kind, probe.weight);
        }
        if self.sport == trace.sport {
            self.sport_packets += 1;
        } else {
            self.sport = None;
        }
        self.rise(config);
    }

    /// Keeps a packet as evidence, unless the track had kept it already.
    #[cold]
    fn keep(&mut self, fact: Fact) {
        if self.facts.last() != Some(&fact) {
            self.facts.push(fact);
        }
    }

    /// The first packets, as far as they are kept.
    pub(super) fn evidence(&self) -> &[Fact] {
        &self.facts
    }

    /// Takes back what was told of this probe, of which the trace tells what became of it; says whether that changes anything.
    pub(super) fn put_right(&mut self, trace: &Trace, probe: &Probe, told: Verdict) -> bool {
        let is = trace.verdict;
        Fact::put_right(&mut self.facts, trace);
        // As in `add`: such a packet told nothing.
        if probe.nature == Nature::ReplyLike && !self.tally.is_empty() {
            return false;
        }
        let put_right = self.fates.put_right(told, is);
        self.bear("accepted", put_right && is == Verdict::Passed);
        put_right
    }

    /// Notes a trait.
    fn bear(&mut self, name: &'static str, holds: bool) {
        if holds && !self.traits.is_full() && !self.traits.contains(&name) {
            self.traits.push(name);
        }
    }

    /// Severity by what the machine offers, where that is known: worse where something listens on an attacked port and the firewall let
    /// the attack pass, and less where a scan of very many ports met nothing at all.
    pub(super) fn assess(&mut self, exposure: &Exposure) {
        if self.stage == Stage::Test || !exposure.is_known() {
            self.severity = self.severity.max(self.by_breadth);
            return;
        }
        // There is nothing worse.
        if self.is_connected(exposure) {
            self.severity = Severity::Critical;
            return;
        }
        let passed = matches!(self.fates.verdict(), Verdict::Passed | Verdict::Mixed);
        let exposed = passed && !self.exposed(exposure).is_empty();
        let severity = match self.by_breadth {
            Severity::Low if exposed => Severity::Medium,
            Severity::Medium if exposed => Severity::High,
            Severity::High if self.is_scan() && self.fates.verdict() == Verdict::Dropped => {
                Severity::Medium
            }
            as_it_is => as_it_is,
        };
        self.severity = self.severity.max(severity);
    }

    /// The severity to be told: one level worse where it was lifted. Where nobody has told what listens, whoever was let in is taken
    /// for connected; but that is not kept, as it may turn out otherwise.
    pub(super) fn severity_beside(&self, exposure: &Exposure) -> Severity {
        match self.severity_by_itself(exposure) {
            Severity::Info if self.lifted => Severity::Low,
            Severity::Low if self.lifted => Severity::Medium,
            // The worst is kept for those who got in.
            Severity::Medium if self.lifted => Severity::High,
            as_it_is => as_it_is,
        }
    }

    /// The same, wherever it comes from.
    fn severity_by_itself(&self, exposure: &Exposure) -> Severity {
        if self.is_connected(exposure) {
            Severity::Critical
        } else {
            self.severity
        }
    }

    /// How bad it is by how much was asked for; that never falls.
    fn rise(&mut self, config: &Config) {
        if self.by_breadth >= Severity::High {
            return;
        }
        let breadth = self.ports.len().max(self.asked.len());
        let is_flood = self.kinds().0.family() == Family::Flood;
        let severity = if is_flood || self.alarm == Kind::Land {
            if self.packets >= FLOOD_PACKETS {
                Severity::High
            } else {
                Severity::Medium
            }
        } else if matches!(
            self.alarm,
            Kind::BruteForce | Kind::Worm | Kind::DistributedScan
        ) {
            Severity::Medium
        } else if breadth >= config.high_ports {
            Severity::High
        } else if breadth >= config.medium_ports || self.is_fingerprinted() || self.is_of_network()
        {
            Severity::Medium
        } else {
            Severity::Low
        };
        self.by_breadth = self.by_breadth.max(severity);
    }

    /// Has the origin probed for the operating system? Who does chooses an attack.
    pub(super) fn is_fingerprinted(&self) -> bool {
        self.tally
            .iter()
            .any(|(kind, weight)| *kind == Kind::OsFingerprint && *weight >= SECOND_KIND_WEIGHT)
    }

    /// Did any of its packets come in pieces?
    pub(super) fn is_fragmented(&self) -> bool {
        self.traits.contains(&"fragmented")
    }

    /// Is it an attack on the network, in which this machine takes part? Advertisements that hosts ignore are none.
    fn is_of_network(&self) -> bool {
        matches!(self.alarm, Kind::RogueRa | Kind::RogueDhcp) && self.traits.contains(&"on-link")
    }

    /// When silence has closed it.
    pub(super) fn closes_at(&self) -> Timestamp {
        let packets = self.packets.saturating_sub(self.packets_before);
        let gaps = i64::try_from(packets.saturating_sub(1))
            .unwrap_or(i64::MAX)
            .max(1);
        let mean_gap = self.last_seen.since(self.open_since) / gaps;
        self.last_seen
            .plus(mean_gap.saturating_mul(HOLD_GAPS).clamp(MIN_HOLD, MAX_HOLD))
    }

    /// The kind that weighs most, then the others that weigh enough to be named.
    fn kinds(&self) -> (Kind, impl Iterator<Item = Kind>) {
        // The first of equals: what came first names the incident. Pieces tell nothing of what they ask for, if anything does.
        let mut main = (self.alarm, f32::MIN);
        for (kind, weight) in &self.tally {
            let of_pieces = *kind == Kind::TcpBadFlags && self.is_fragmented();
            let weight = if of_pieces { 0.0 } else { *weight };
            if weight > main.1 {
                main = (*kind, weight);
            }
        }
        let others = self
            .tally
            .iter()
            .filter(move |(kind, weight)| *kind != main.0 && *weight >= SECOND_KIND_WEIGHT);
        let sweep = matches!(
            main.0,
            Kind::TcpSynScan | Kind::TcpConnectScan | Kind::UdpScan
        ) && self.ports.len() == 1
            && self.targets.len() >= SWEEP_TARGETS;
        (
            if sweep { Kind::HostSweep } else { main.0 },
            others.map(|(kind, _)| *kind),
        )
    }

    fn tags(&self, kinds: impl Iterator<Item = Kind>, connected: bool) -> Vec<String> {
        // Only a port that services answer from can fool a firewall without memory.
        let source_port =
            self.sport.is_some_and(|port| port < 1024) && self.sport_packets >= SOURCE_PORT_PACKETS;
        let computed = [
            (source_port && self.ports.len() > 2, "source-port"),
            (self.is_rotating(), "rotating-source"),
            (connected, "connected"),
        ];
        let computed = computed
            .iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, tag)| *tag);
        let traits = self.traits.iter().copied().chain(computed);
        traits
            .chain(kinds.map(Kind::as_str))
            .map(str::to_owned)
            .collect()
    }

    /// The attacked ports that something listens on, each with its protocol and its owner.
    pub(super) fn exposed(&self, exposure: &Exposure) -> Vec<(u16, String, String)> {
        let mut exposed: Vec<(u16, String, String)> = Vec::new();
        // A test alert is about a packet that nobody sent.
        let protocols = self.protocols.iter().filter(|_| self.stage != Stage::Test);
        for (protocol, listener) in protocols.flat_map(|protocol| {
            exposure
                .of(*protocol)
                .map(move |listener| (protocol, listener))
        }) {
            let is_attacked = self.ports.contains(listener.port)
                && self.targets.iter().any(|target| {
                    exposure.reaches(*target) && listener.takes(*target, &self.interface)
                });
            if !is_attacked {
                continue;
            }
            let protocol = protocol.to_string();
            // One program often has one socket for each family.
            let known = exposed
                .iter()
                .position(|(port, named, _)| *port == listener.port && *named == protocol);
            if let Some(place) = known {
                if exposed[place].2.is_empty() {
                    exposed[place].2.clone_from(&listener.owner);
                }
            } else if exposed.len() < MAX_EXPOSED {
                exposed.push((listener.port, protocol, listener.owner.clone()));
            }
        }
        exposed
    }

    /// Does one who scans change his address within what belongs to him?
    fn is_rotating(&self) -> bool {
        self.is_scan()
            && self.alarm != Kind::DistributedScan
            && self.sources.len() >= ROTATING_SOURCES
            && self.sources.iter().all(IpAddr::is_ipv6)
            && !self.traits.contains(&"decoy")
    }

    /// Who is named: the addresses, or the networks of one who changes his.
    fn named_sources(&self) -> Vec<String> {
        if !self.is_rotating() {
            return self.sources.iter().map(IpAddr::to_string).collect();
        }
        let mut named: Vec<String> = Vec::new();
        for source in &self.sources {
            let text = Origin::of(*source).to_string();
            if !named.contains(&text) {
                named.push(text);
            }
        }
        named
    }

    /// How many sources there are; about, where not all of them are listed.
    fn source_count(&self) -> u64 {
        let listed = u64::try_from(self.sources.len()).unwrap_or(u64::MAX);
        match &self.senders {
            Some(senders) if self.sources.len() >= MAX_LISTED_SOURCES => {
                senders.count().max(listed)
            }
            _ => listed,
        }
    }

    /// Why it is as severe as it is, where these of the attacked ports are listened on.
    pub(super) fn reason(&self, exposure: &Exposure, exposed: &[(u16, String, String)]) -> String {
        reason(&Grounds {
            kind: if self.stage == Stage::Test {
                Kind::Test
            } else {
                self.kinds().0
            },
            severity: self.severity_by_itself(exposure),
            ports: self.ports.len(),
            others: self.asked.len(),
            verdict: self.fates.verdict(),
            exposed: exposure.is_known().then_some(exposed),
            connected: self.is_connected(exposure),
            fingerprinted: self.is_fingerprinted(),
            lifted: self.lifted,
            ignored: self.traits.contains(&"forged") && !self.traits.contains(&"on-link"),
        })
    }

    /// Puts into an alert that nobody was told of yet what follows from what listens.
    pub(super) fn put_beside(&self, exposure: &Exposure, alert: &mut Alert) {
        alert.severity = self.severity_beside(exposure).level();
        alert.tags = self.tags(self.kinds().1, self.is_connected(exposure));
        alert.exposed = self.exposed(exposure);
        alert.reason = self.reason(exposure, &alert.exposed);
    }

    /// The incident in its present state, on a machine where this listens.
    pub(super) fn alert(&self, seq: u64, exposure: &Exposure) -> Alert {
        let (kind, others) = self.kinds();
        let exposed = self.exposed(exposure);
        let protocol = match self.protocols.as_slice() {
            [protocol] => protocol.to_string(),
            _ => String::new(),
        };
        Alert {
            id: self.id,
            seq,
            kind: kind.to_string(),
            severity: self.severity_beside(exposure).level(),
            sources: self.named_sources(),
            source_count: self.source_count(),
            targets: self.targets.iter().map(IpAddr::to_string).collect(),
            ports: self.ports.text(),
            port_count: self.ports.len().into(),
            protocol,
            interface: self.interface.to_string(),
            verdict: self.fates.verdict().to_string(),
            packets: self.packets,
            packets_to_alert: self.packets_to_alert,
            first_seen: self.first_seen.0,
            last_seen: self.last_seen.0,
            raised_at: self.raised_at.0,
            tool: self.tool.map_or_else(String::new, |tool| tool.to_string()),
            tags: self.tags(others, self.is_connected(exposure)),
            signatures: Vec::new(),
            feed: self.feed.to_string(),
            trusted: self.trusted,
            reason: self.reason(exposure, &exposed),
            evidence: Vec::new(),
            exposed,
            popup: self.stage != Stage::Again && self.severity >= Severity::Low,
            closed: self.closed,
            test: self.stage == Stage::Test,
        }
    }
}

/// Is an attack of this kind one incident, whoever its packets name as their senders?
const fn is_of_many(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RogueRa | Kind::RogueDhcp | Kind::Smurf | Kind::Bogon | Kind::Land
    )
}

/// Adds an address to a list that is bounded.
fn remember(list: &mut Vec<IpAddr>, address: IpAddr, limit: usize) {
    if list.len() < limit && !list.contains(&address) {
        list.push(address);
    }
}
