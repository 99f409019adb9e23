//! The whole way from an event to alerts, as one value without clock or sources.

mod ruled;

use std::net::{IpAddr, Ipv4Addr};

use wallwatch_dbus::{Family, Kind, Verdict};

use crate::{
    alert::{Change, Incidents},
    detect::{
        self, Class, Crowd, Crowds, Fact, Flood, Floods, Intrusion, Lan, Nature, Opening, Probe,
        SCANS, Sampling, Scan, Sighting, Tool, Trace, Tries, classify_flow,
    },
    event::{Event, Feed, Interface, Prefix, Timestamp},
    explain::{self, Entry, Ledger, Noise},
    exposure::Exposure,
    flow::{Direction, Flow, FlowRing, Stage},
    neighbourhood::Neighbourhood,
    packet::{IpOptions, Packet, Protocol, Tcp, TcpFlags, Transport},
    rules::Rules,
};

/// Did a source ask for no other ports than those by which nmap finds hosts: HTTPS by a SYN, HTTP by an ACK (nmap.h,
/// `DEFAULT_TCP_PROBE_PORT_SPEC` and -sn in nmap(1))?
fn is_discovery(sighting: &Sighting<'_>) -> bool {
    sighting
        .track
        .is_some_and(|track| track.ports.iter().all(|port| matches!(port, 80 | 443)))
}

/// Takes events and times, gives changes of incidents.
#[derive(Debug)]
pub struct Watcher {
    neighbourhood: Neighbourhood,
    flows: FlowRing,
    config: detect::Config,
    lan: Lan,
    scan: Scan,
    floods: Floods,
    tries: Tries,
    sampling: Sampling,
    crowds: Crowds,
    /// The number of the one incident that distributed scans are.
    distributed: u64,
    incidents: Incidents,
    rules: Rules,
    noise: Ledger,
}

impl Watcher {
    /// A watcher that has seen nothing. The first change is numbered `next_seq`.
    #[must_use]
    pub fn new(config: detect::Config, neighbourhood: Neighbourhood, next_seq: u64) -> Self {
        // The number of the first change is the time of the start to the microsecond, which no stranger knows.
        let scan = Scan::new(config, next_seq);
        let mut lan = Lan::default();
        lan.set_neighbourhood(&neighbourhood);
        Self {
            neighbourhood,
            lan,
            flows: FlowRing::new(next_seq),
            config,
            distributed: scan.group_tag(Kind::DistributedScan),
            scan,
            floods: Floods::new(next_seq),
            tries: Tries::new(next_seq),
            sampling: Sampling::default(),
            crowds: Crowds::new(next_seq),
            incidents: Incidents::new(config, next_seq),
            rules: Rules::default(),
            noise: Ledger::default(),
        }
    }

    /// Takes over what is newly known of this machine.
    pub fn set_neighbourhood(&mut self, neighbourhood: Neighbourhood) {
        self.lan.set_neighbourhood(&neighbourhood);
        self.neighbourhood = neighbourhood;
    }

    /// Takes over what listens on this machine now, also into `changes` that nobody was told of yet.
    pub fn set_exposure(&mut self, exposure: Exposure, changes: &mut [Change]) {
        self.incidents.set_exposure(exposure, changes);
    }

    /// Looks at one event of a packet that came to this machine; what this machine sends is no event. Says whether the packet
    /// may belong to an attack; else it is counted as noise. What looks like a late answer is noise too, unless there is very much
    /// of it.
    pub fn observe(&mut self, event: &Event, changes: &mut Vec<Change>) -> bool {
        self.tick_before(event.time, changes);
        let trace = Trace {
            sampled: self.sampling.observe(event),
            on_link: self.neighbourhood.is_on_link(&event.packet),
            ..Trace::from(event)
        };
        if let Some(intrusion) = self.lan.observe(event, &self.neighbourhood) {
            if self.trusts(&trace, Some(intrusion.probe.kind)) {
                return false;
            }
            self.weigh_intrusion(&trace, &intrusion, changes);
            return true;
        }
        let judged = self.judge(event);
        if self.trusts(&trace, judged.kind()) {
            return false;
        }
        if let Some(flood) = self.floods.observe(&event.packet, &trace, &judged) {
            let tool = judged.probe().and_then(|probe| probe.tool);
            self.flood(&trace, &flood, tool, changes);
            return true;
        }
        let is_noise = judged.is_noise();
        if is_noise {
            self.count(event, &judged);
        }
        if let Class::Probe(probe) = &judged {
            self.weigh(&trace, probe, changes);
        }
        !is_noise
    }

    /// Takes in a packet of a flood: whoever sent it takes no place of those who are watched.
    fn flood(
        &mut self,
        trace: &Trace,
        flood: &Flood,
        tool: Option<Tool>,
        changes: &mut Vec<Change>,
    ) {
        let probe = Probe {
            kind: flood.kind,
            weight: 1.0,
            nature: Nature::Plain,
            tool,
            unit: trace.dport.map_or(0, u32::from),
        };
        // What began as a scan by many, and was too much for one: it is the same attack.
        if flood.many && self.incidents.is_lively(self.distributed, trace.time) {
            self.incidents
                .grow(self.distributed, trace, &probe, changes);
            return;
        }
        let tag = self.scan.group_tag(flood.kind);
        self.incidents
            .observe_flood(tag, trace, &probe, flood, changes);
    }

    /// Counts a packet that is harmless, or looks as if.
    fn count(&mut self, event: &Event, judged: &Class) {
        let Self {
            neighbourhood,
            flows,
            noise,
            ..
        } = self;
        let class = explain::class_of(event, judged, neighbourhood, flows);
        if let explain::Class::Noise(class) = class {
            let seen = (event.time, event.packet.src, event.feed);
            noise.count(class, seen, || {
                explain::explain_event(event, judged, neighbourhood, flows).reason
            });
        }
    }

    /// What was harmless so far, by its classes.
    #[must_use]
    pub const fn noise(&self) -> &Ledger {
        &self.noise
    }

    /// Takes out what was harmless so far, so that it is counted anew.
    pub fn take_noise(&mut self) -> Vec<Entry> {
        self.noise.take()
    }

    /// What a packet is, in one word, for whoever asks besides detection; nothing is counted.
    #[must_use]
    pub fn class_of(&self, event: &Event) -> explain::Class {
        let judged = self.judge(event);
        let trace = Trace::from(event);
        if self.rules.trusting(&trace, judged.kind()).is_some() {
            return explain::Class::Noise(Noise::Trusted);
        }
        explain::class_of(event, &judged, &self.neighbourhood, &self.flows)
    }

    /// Who began a flow, and what it is in one word, where there is a word for it.
    #[must_use]
    pub fn class_of_flow(&self, flow: &Flow) -> (Direction, Option<explain::Class>) {
        let direction = flow.direction(&self.neighbourhood);
        let judged = classify_flow(flow, &self.neighbourhood, &self.flows);
        let trusting = self.rules.trusting(&Trace::from(flow), judged.kind());
        let class = match (judged, direction) {
            _ if trusting.is_some() => Some(explain::Class::Noise(Noise::Trusted)),
            (Class::Probe(probe), _) => Some(explain::Class::Probe(probe.kind)),
            (Class::Harmless(_), Direction::Local | Direction::Outbound) => {
                Some(explain::Class::Noise(Noise::Own))
            }
            (Class::Harmless(_), Direction::Inbound | Direction::Foreign) => None,
        };
        (direction, class)
    }

    /// Puts right what was told of this packet, which is what the event says now.
    pub fn put_right(&mut self, event: &Event, told: Verdict) {
        let Class::Probe(probe) = self.judge(event) else {
            return;
        };
        let trace = Trace::from(event);
        if self.rules.trusting(&trace, Some(probe.kind)).is_some() {
            return;
        }
        let tag = self.tag(&trace, &probe);
        if !self.incidents.put_right(tag, &trace, &probe, told) {
            self.scan.put_right(tag, &trace, told);
        }
    }

    /// Looks at a flow that began, of whose first packet nobody else has told: who begins many with different ports of this
    /// machine attacks, though every rule let him pass. Says whether the flow may belong to an attack.
    pub fn observe_flow(&mut self, flow: &Flow, changes: &mut Vec<Change>) -> bool {
        self.tick_before(flow.time, changes);
        if flow.stage != Stage::Began {
            return false;
        }
        let Class::Probe(probe) = classify_flow(flow, &self.neighbourhood, &self.flows) else {
            return false;
        };
        let trace = Trace::from(flow);
        if self.trusts(&trace, Some(probe.kind)) {
            return false;
        }
        self.weigh(&trace, &probe, changes);
        true
    }

    /// Remembers what began, stands or ended, so that what comes of it late is known. To be called behind
    /// [`Self::observe_flow`].
    pub fn remember_flow(&mut self, flow: &Flow) {
        let direction = flow.direction(&self.neighbourhood);
        self.flows.take(flow, direction);
    }

    fn weigh(&mut self, trace: &Trace, probe: &Probe, changes: &mut Vec<Change>) {
        let tag = self.tag(trace, probe);
        if trace.opening != Opening::None && trace.verdict == Verdict::Passed {
            let families = SCANS
                .into_iter()
                .filter(|family| *family != probe.kind.family());
            let scan = &self.scan;
            self.incidents
                .connect(families.map(|family| scan.tag_of(trace.src, family)), trace);
        }
        // Who attacks already is detected: his packets belong to the incident.
        let is_known = self.incidents.grow(tag, trace, probe, changes);
        let is_new = !is_known && self.look(tag, trace, probe, changes);
        let may_be_try = trace.opening != Opening::None && probe.nature != Nature::ReplyLike;
        if may_be_try && (!is_known && !is_new || detect::is_log_in(trace)) {
            self.try_port(trace, probe, changes);
        }
    }

    /// Looks at a probe of somebody who is no attacker yet; tells whether he asked for this for the first time.
    fn look(&mut self, tag: u64, trace: &Trace, probe: &Probe, changes: &mut Vec<Change>) -> bool {
        let Self {
            neighbourhood,
            config,
            scan,
            crowds,
            distributed,
            incidents,
            ..
        } = self;
        let distributed = *distributed;
        let tag_of = scan.tags(trace.src);
        let sighting = scan.observe(tag, trace, probe, neighbourhood);
        let is_new = sighting.is_new;
        if !is_new || probe.nature == Nature::ReplyLike {
            incidents.observe(tag, trace, probe, &sighting, changes);
            return is_new;
        }
        let crowd = crowds.observe(tag, trace, probe);
        let of_crowd = Probe {
            kind: Kind::DistributedScan,
            ..*probe
        };
        match crowd {
            Some(Crowd::Distributed(gathering)) if !incidents.is_open(distributed) => {
                incidents.observe_crowd(distributed, trace, &of_crowd, &gathering, changes);
                return is_new;
            }
            Some(Crowd::Rotating(tag, gathering)) if !incidents.is_open(tag) => {
                incidents.observe_crowd(tag, trace, probe, &gathering, changes);
                return is_new;
            }
            _ => {}
        }
        // Whoever takes part in what a crowd does stays a part of it, until he does much more than his part.
        let part = sighting
            .track
            .is_none_or(|track| track.units < config.medium_ports);
        let site = crowds.rotating_tag(trace.src);
        if part && site.is_some_and(|site| incidents.grow(site, trace, probe, changes)) {
            return is_new;
        }
        if part && trace.dport.is_some() && incidents.grow(distributed, trace, &of_crowd, changes) {
            return is_new;
        }
        if sighting.alarm {
            let folded = match probe.kind.family() {
                // The looks at the ports of web servers by which nmap finds hosts, besides its pings.
                Family::TcpProbe | Family::TcpStealth if is_discovery(&sighting) => {
                    let pings = tag_of(Family::Icmp);
                    incidents.is_lively(pings, trace.time).then_some(pings)
                }
                Family::TcpProbe if part => {
                    let stealth = tag_of(Family::TcpStealth);
                    let is_it = incidents.is_fingerprinting(stealth, trace.time);
                    is_it.then_some(stealth)
                }
                Family::TcpStealth if probe.kind == Kind::OsFingerprint => {
                    let opening = tag_of(Family::TcpProbe);
                    incidents.is_lively(opening, trace.time).then_some(opening)
                }
                _ => None,
            };
            if let Some(other) = folded {
                incidents.grow(other, trace, probe, changes);
                return is_new;
            }
            // Of random senders some are impossible.
            if probe.kind == Kind::Bogon && crowds.is_crowded(tag, trace.time) {
                return is_new;
            }
        }
        if sighting.alarm {
            let decoys = crowds.decoys(tag, trace.time);
            if !decoys.is_empty() {
                incidents.observe_decoys(tag, trace, probe, &sighting, &decoys, changes);
                return is_new;
            }
        }
        incidents.observe(tag, trace, probe, &sighting, changes);
        is_new
    }

    /// Takes in the opening of a port by somebody who may have opened it before.
    fn try_port(&mut self, trace: &Trace, probe: &Probe, changes: &mut Vec<Change>) {
        let near = self.neighbourhood.is_near(trace.src);
        let tag = self.scan.tag_of(trace.src, Family::BruteForce);
        let as_kind = |kind| Probe { kind, ..*probe };
        if detect::is_log_in(trace)
            && self
                .incidents
                .grow(tag, trace, &as_kind(Kind::BruteForce), changes)
        {
            return;
        }
        let Some(trying) = self.tries.observe(tag, trace, probe, near) else {
            return;
        };
        let tag = match trying.kind {
            Kind::BruteForce => tag,
            // Should it become a flood, it is the same attack.
            kind => self.scan.group_tag(kind),
        };
        let probe = as_kind(trying.kind);
        if !self.incidents.grow(tag, trace, &probe, changes) {
            self.incidents
                .observe_tries(tag, trace, &probe, &trying, changes);
        }
    }

    /// What the incident of this probe is found by. A scan in pieces is one attack, though the pieces tell nothing of the flags
    /// that they are put together to.
    fn tag(&self, trace: &Trace, probe: &Probe) -> u64 {
        let tag = self.scan.tag(trace, probe);
        if probe.kind.family() != Family::TcpStealth {
            return tag;
        }
        let other = if trace.fragmented {
            Family::TcpStealth
        } else {
            Family::TcpProbe
        };
        let other = self.scan.tag_of(trace.src, other);
        let is_one = if trace.fragmented {
            self.incidents.is_open(other)
        } else {
            self.incidents.is_in_pieces(other)
        };
        if is_one { other } else { tag }
    }

    /// An attack on the network is one incident, whoever its packets name as their senders.
    fn weigh_intrusion(&mut self, trace: &Trace, intrusion: &Intrusion, changes: &mut Vec<Change>) {
        let Intrusion { probe, before } = intrusion;
        let tag = self.scan.group_tag(probe.kind);
        if !self.incidents.grow(tag, trace, probe, changes) {
            let sighting = Sighting {
                alarm: true,
                track: before.as_ref(),
                ..Sighting::default()
            };
            self.incidents
                .observe(tag, trace, probe, &sighting, changes);
        }
    }

    fn tick_before(&mut self, time: Timestamp, changes: &mut Vec<Change>) {
        if self.incidents.due().is_some_and(|due| due <= time) {
            self.incidents.tick(time, changes);
        }
    }

    /// Does what time alone asks for: holds back no update longer than due, closes what is over.
    pub fn tick(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        self.incidents.tick(now, changes);
    }

    /// When [`Self::tick`] is due; `None` where nothing waits.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Timestamp> {
        self.incidents.due()
    }

    /// Raises a test alert and says which incident it is; `None` where too many are open.
    pub fn test_alert(&mut self, now: Timestamp, changes: &mut Vec<Change>) -> Option<u64> {
        self.incidents.test(&Trace::from(&test_event(now)), changes)
    }

    /// The first packets of an incident that is open, or may begin again.
    #[must_use]
    pub fn evidence(&self, id: u64) -> &[Fact] {
        self.incidents.evidence(id)
    }

    /// How many incidents are open.
    #[must_use]
    pub fn open_incidents(&self) -> usize {
        self.incidents.open()
    }

    /// The number of the latest change.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.incidents.last_seq()
    }
}

/// The packet that a test alert tells of: both addresses are kept for documentation (RFC 5737).
fn test_event(now: Timestamp) -> Event {
    let tcp = Tcp {
        sport: 40000,
        dport: 22,
        seq: None,
        ack: None,
        flags: TcpFlags::SYN,
        window: 64240,
        urgp: 0,
        options: None,
    };
    let packet = Packet {
        src: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        dst: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
        protocol: Protocol::TCP,
        len: 60,
        ttl: 64,
        tos: 0,
        ip_id: None,
        df: true,
        fragment: None,
        has_options: false,
        ip_options: IpOptions::new(),
        transport: Transport::Tcp(tcp),
    };
    Event {
        time: now,
        packet,
        verdict: Verdict::Unknown,
        feed: Feed::Test,
        trusted: true,
        interface: Interface::new(),
        prefix: Prefix::new(),
        group: false,
    }
}

#[cfg(test)]
mod tests;
