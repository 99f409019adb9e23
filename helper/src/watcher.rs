//! The whole way from an event to alerts, as one value without clock or sources.

use std::net::{IpAddr, Ipv4Addr};

use wallwatch_dbus::{Family, Kind, Verdict};

use crate::{
    alert::{Change, Incidents},
    detect::{
        self, Class, Crowd, Crowds, Fact, Flood, Floods, Intrusion, Lan, Nature, Opening, Probe,
        Sampling, Scan, Sighting, Tool, Trace, Tries, classify, classify_flow,
    },
    event::{Event, Feed, Interface, Prefix, Timestamp},
    explain::{self, Ledger, Noise},
    exposure::Exposure,
    flow::{Flow, FlowRing, Stage},
    neighbourhood::Neighbourhood,
    packet::{IpOptions, Packet, Protocol, Tcp, TcpFlags, Transport},
    rules::Rules,
};

/// The families of those who look for something.
const SCANS: [Family; 6] = [
    Family::TcpProbe,
    Family::TcpStealth,
    Family::Udp,
    Family::Sctp,
    Family::IpProtocol,
    Family::Icmp,
];

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

    /// The same with what the administrator trusts and mutes.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
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
        let judged = classify(event, &self.neighbourhood, &self.flows);
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

    /// Does a rule trust this, which would belong to an attack of such a kind if it were not harmless? Then it is counted.
    #[inline]
    fn trusts(&mut self, trace: &Trace, kind: Option<Kind>) -> bool {
        let Some(rule) = self.rules.trusting(trace, kind) else {
            return false;
        };
        let seen = (trace.time, trace.src, trace.feed);
        self.noise
            .count(Noise::Trusted, seen, || explain::trusted(trace, rule));
        true
    }

    /// What was harmless so far, by its classes.
    #[must_use]
    pub const fn noise(&self) -> &Ledger {
        &self.noise
    }

    /// Takes the popup from changes of incidents that a rule mutes. To be called before anybody is told of them.
    pub fn mute(&self, changes: &mut [Change]) {
        for change in changes {
            let (Change::Raised(alert) | Change::Updated(alert) | Change::Closed(alert)) = change;
            alert.popup &= !self.rules.mutes(alert);
        }
    }

    /// Puts right what was told of this packet, which is what the event says now.
    pub fn put_right(&mut self, event: &Event, told: Verdict) {
        let Class::Probe(probe) = classify(event, &self.neighbourhood, &self.flows) else {
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
mod tests {
    use wallwatch_dbus::Alert;

    use super::*;
    use crate::{
        alert::{MAX_OPEN, MAX_TESTS, UPDATE_INTERVAL},
        exposure::Listener,
        flow::{Ends, TcpState, Tuple},
    };

    const START: Timestamp = Timestamp(1_800_000_000_000_000);
    const MINUTE: i64 = 60 * Timestamp::SECOND;
    const HOUR: i64 = 60 * MINUTE;

    /// A watcher with what it told.
    struct Scene {
        watcher: Watcher,
        changes: Vec<Change>,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                watcher: Watcher::new(detect::Config::default(), Neighbourhood::default(), 100),
                changes: Vec::new(),
            }
        }

        /// A SYN of nmap's to a port.
        fn syn(&mut self, time: Timestamp, src: &str, dport: u16) -> Vec<Change> {
            self.tcp(time, src, dport, TcpFlags::SYN)
        }

        fn tcp(&mut self, time: Timestamp, src: &str, dport: u16, flags: TcpFlags) -> Vec<Change> {
            let mut event = test_event(time);
            event.verdict = Verdict::Dropped;
            event.packet.src = src.parse().unwrap();
            event.packet.df = false;
            event.packet.len = if event.packet.src.is_ipv4() { 44 } else { 64 };
            if let Transport::Tcp(tcp) = &mut event.packet.transport {
                (tcp.dport, tcp.flags, tcp.window) = (dport, flags, 1024);
            }
            self.watcher.observe(&event, &mut self.changes);
            self.told()
        }

        fn tick(&mut self, now: Timestamp) -> Vec<Change> {
            self.watcher.tick(now, &mut self.changes);
            self.told()
        }

        fn told(&mut self) -> Vec<Change> {
            std::mem::take(&mut self.changes)
        }

        /// Raises an incident by probes of three ports.
        fn raise(&mut self, time: Timestamp, src: &str) -> Alert {
            let told: Vec<Change> = (1..=3)
                .flat_map(|dport| self.syn(time, src, dport))
                .collect();
            let [Change::Raised(alert)] = told.as_slice() else {
                panic!("{told:?}")
            };
            alert.clone()
        }
    }

    /// A connection from `src` that every rule let pass.
    fn accepted(time: Timestamp, src: &str, dport: u16) -> Flow {
        let ends = |sport, dport| Ends::Ports { sport, dport };
        let original = Tuple {
            src: src.parse().unwrap(),
            dst: "198.51.100.1".parse().unwrap(),
            protocol: Protocol::TCP,
            ends: ends(40000, dport),
        };
        Flow {
            time,
            stage: Stage::Began,
            id: Some(1),
            original,
            reply: Tuple {
                src: original.dst,
                dst: original.src,
                protocol: Protocol::TCP,
                ends: ends(dport, 40000),
            },
            answered: false,
            assured: false,
            tcp: Some(TcpState::SYN_SENT),
            mark: 0,
            began: None,
            sent: None,
            received: None,
        }
    }

    #[test]
    fn a_scan_of_ports_that_every_rule_lets_pass_is_found_by_its_flows() {
        let mut scene = Scene::new();
        scene.watcher.set_neighbourhood(Neighbourhood {
            addresses: vec!["198.51.100.1".parse().unwrap()],
            ..Neighbourhood::default()
        });
        let mut raised = Vec::new();
        for dport in 1..=12 {
            let flow = accepted(START, "203.0.113.9", dport);
            assert!(scene.watcher.observe_flow(&flow, &mut scene.changes));
            scene.watcher.remember_flow(&flow);
            raised.extend(scene.told());
        }
        let [Change::Raised(alert)] = raised.as_slice() else {
            panic!("{raised:?}")
        };
        assert_eq!(
            (alert.kind.as_str(), alert.feed.as_str(), alert.trusted),
            ("tcp-connect-scan", "conntrack", true)
        );
        assert_eq!(
            (alert.verdict.as_str(), alert.ports.as_str(), alert.packets),
            ("passed", "1-12", 12)
        );
        assert_eq!(alert.tags, ["accepted"]);
        assert_eq!(alert.targets, ["198.51.100.1"]);
    }

    /// The event of a line.
    fn line(time: Timestamp, rest: &str) -> Event {
        let line = format!("X IN=eth0 OUT= MAC= {rest}");
        let read = crate::decode::log_line(line.as_bytes()).unwrap();
        Event {
            verdict: Verdict::Dropped,
            ..read.into_event(time).unwrap()
        }
    }

    #[test]
    fn a_flood_of_router_advertisements_is_one_incident() {
        let mut scene = Scene::new();
        let mut raised = Vec::new();
        for n in 0..2000 {
            let event = line(
                START.plus(n * 1000),
                &format!(
                    "SRC=fe80::{n:x} DST=ff02::1 LEN=56 TC=0 HOPLIMIT=255 FLOWLBL=0 PROTO=ICMPv6 TYPE=134 CODE=0 "
                ),
            );
            scene.watcher.observe(&event, &mut scene.changes);
            let told = scene.told().into_iter();
            raised.extend(told.filter(|change| matches!(change, Change::Raised(_))));
        }
        let [Change::Raised(alert)] = raised.as_slice() else {
            panic!("{raised:?}")
        };
        assert_eq!(
            (alert.kind.as_str(), alert.severity, alert.packets_to_alert),
            ("rogue-ra", 3, 1)
        );
        assert_eq!(alert.tags, ["on-link"]);
        let told = scene.tick(START.plus(HOUR));
        let Some(Change::Closed(alert)) = told.last() else {
            panic!("{told:?}")
        };
        assert_eq!(alert.packets, 1999);
        assert!(
            (1700..2300).contains(&alert.source_count),
            "{}",
            alert.source_count
        );
    }

    #[test]
    fn a_scan_in_pieces_is_one_incident_whatever_its_flags_show_later() {
        for flags in ["SYN ", "FIN ", ""] {
            // The own table tells of pieces at once and of packets a moment later; lines tell of both in turn.
            for burst in [1, 4] {
                let mut scene = Scene::new();
                let mut told = Vec::new();
                for first in (0..8).step_by(burst) {
                    let each = first..first + burst;
                    let pieces = each
                        .clone()
                        .map(|n| format!("{n} MF PROTO=TCP INCOMPLETE [8 bytes] "));
                    let whole = each.map(|n| {
                        format!(
                            "{n} PROTO=TCP SPT=40000 DPT={} WINDOW=1024 RES=0x00 {flags}URGP=0 ",
                            20 + n
                        )
                    });
                    for rest in pieces.chain(whole) {
                        let event = line(
                            START,
                            &format!(
                                "SRC=203.0.113.9 DST=198.51.100.1 LEN=28 TOS=0x00 PREC=0x00 TTL=50 ID={rest}"
                            ),
                        );
                        scene.watcher.observe(&event, &mut scene.changes);
                        told.extend(scene.told());
                    }
                }
                told.extend(scene.tick(START.plus(HOUR)));
                let raised = told
                    .iter()
                    .filter(|change| matches!(change, Change::Raised(_)));
                assert_eq!(raised.count(), 1, "{flags} {burst}: {told:#?}");
                let alert = told.last().unwrap().alert();
                let kind = match flags {
                    "SYN " => "tcp-syn-scan",
                    "FIN " => "tcp-fin-scan",
                    _ => "tcp-null-scan",
                };
                assert_eq!(alert.kind, kind);
                assert!(alert.tags.iter().any(|tag| tag == "fragmented"));
                assert!(alert.port_count >= 5, "{alert:?}");
            }
        }
    }

    #[test]
    fn an_incident_keeps_its_first_packets_and_a_reason() {
        let mut scene = Scene::new();
        let first = scene.raise(START, "203.0.113.9");
        assert_eq!(
            first.reason,
            "Only 3 ports were tried. The firewall dropped all packets."
        );
        assert!(
            first.evidence.is_empty(),
            "it is told where one is asked for"
        );
        assert_eq!(scene.watcher.evidence(first.id).len(), 3);
        assert_eq!(scene.watcher.evidence(first.id + 1), []);
        for dport in 4..=40 {
            let time = START.plus(i64::from(dport));
            scene.syn(time, "203.0.113.9", dport);
        }
        let told = scene.tick(START.plus(HOUR));
        let alert = told.last().unwrap().alert();
        assert_eq!(
            alert.reason,
            "40 ports were tried. The firewall dropped all packets."
        );
        let lines: Vec<String> = scene
            .watcher
            .evidence(alert.id)
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected: Vec<String> = (1..=8)
            .map(|dport| {
                format!(
                    "SRC=203.0.113.9 DST=198.51.100.1 LEN=44 TTL=64 PROTO=TCP SPT=40000 DPT={dport} SYN"
                )
            })
            .collect();
        assert_eq!(lines, expected, "also of one that is closed");
    }

    #[test]
    fn what_listens_is_a_part_of_the_reason() {
        let mut scene = Scene::new();
        let ssh = Listener {
            protocol: Protocol::TCP,
            port: 2,
            address: "0.0.0.0".parse().unwrap(),
            v6_only: false,
            interface: Interface::new(),
            uid: 0,
            owner: "ssh.service".to_owned(),
        };
        let mut changes: Vec<Change> = (1..=3)
            .flat_map(|dport| scene.syn(START, "203.0.113.9", dport))
            .collect();
        scene
            .watcher
            .set_exposure(Exposure::new(vec![ssh], Vec::new()), &mut changes);
        let [Change::Raised(alert)] = changes.as_slice() else {
            panic!("{changes:?}")
        };
        assert_eq!(
            alert.reason,
            "Only 3 ports were tried. Here ssh.service listens on port 2, which was tried, and the firewall dropped all packets."
        );
    }

    #[test]
    fn many_senders_that_nobody_can_be_are_one_incident() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for n in 0..40 {
            let event = line(
                START.plus(n),
                &format!(
                    "SRC=240.1.2.{n} DST=198.51.100.1 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID={n} PROTO=TCP SPT=1132 DPT=445 WINDOW=512 \
                     RES=0x00 SYN URGP=0 "
                ),
            );
            scene.watcher.observe(&event, &mut scene.changes);
            told.extend(scene.told());
        }
        let [Change::Raised(alert)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!((alert.kind.as_str(), alert.packets_to_alert), ("bogon", 3));
        assert_eq!(alert.tags, ["spoofable"]);
        assert_eq!(alert.sources, ["240.1.2.0", "240.1.2.1", "240.1.2.2"]);
    }

    #[test]
    fn one_who_uses_what_is_open_is_no_attacker() {
        let mut scene = Scene::new();
        scene.watcher.set_neighbourhood(Neighbourhood {
            addresses: vec!["198.51.100.1".parse().unwrap()],
            ..Neighbourhood::default()
        });
        for n in 0..1000 {
            for dport in [22, 80, 443] {
                let flow = accepted(START.plus(n), "203.0.113.9", dport);
                scene.watcher.observe_flow(&flow, &mut scene.changes);
            }
        }
        assert_eq!(scene.told(), []);
    }

    #[test]
    fn late_packets_of_flows_of_ours_are_no_attack_and_are_one_where_nobody_told_of_the_flows() {
        let late = |scene: &mut Scene| {
            let told: Vec<_> = (0..40)
                .flat_map(|n| {
                    let mut event = test_event(START);
                    event.packet.src = "203.0.113.9".parse().unwrap();
                    if let Transport::Tcp(tcp) = &mut event.packet.transport {
                        (tcp.sport, tcp.dport) = (40000, 1000 + n);
                        tcp.flags = TcpFlags::ACK.with(TcpFlags::FIN);
                    }
                    scene.watcher.observe(&event, &mut scene.changes);
                    scene.told()
                })
                .collect();
            told.len()
        };
        let mut blind = Scene::new();
        assert_eq!(late(&mut blind), 1);
        let mut scene = Scene::new();
        scene.watcher.set_neighbourhood(Neighbourhood {
            addresses: vec!["198.51.100.1".parse().unwrap()],
            ..Neighbourhood::default()
        });
        for n in 0..40 {
            let mut flow = accepted(START, "203.0.113.9", 1000 + n);
            std::mem::swap(&mut flow.original, &mut flow.reply);
            scene.watcher.remember_flow(&flow);
            flow.stage = Stage::Ended;
            scene.watcher.remember_flow(&flow);
        }
        assert_eq!(late(&mut scene), 0);
    }

    #[test]
    fn a_packet_that_passed_after_all_puts_the_verdict_right_before_and_behind_the_alarm() {
        let mut scene = Scene::new();
        let late = |scene: &mut Scene, dport: u16| {
            let mut event = test_event(START);
            (event.packet.df, event.packet.len) = (false, 44);
            event.packet.src = "203.0.113.9".parse().unwrap();
            if let Transport::Tcp(tcp) = &mut event.packet.transport {
                (tcp.dport, tcp.window) = (dport, 1024);
            }
            event.verdict = Verdict::Passed;
            scene.watcher.put_right(&event, Verdict::Dropped);
        };
        scene.syn(START, "203.0.113.9", 1);
        late(&mut scene, 1);
        let told = [2, 3]
            .map(|dport| scene.syn(START, "203.0.113.9", dport))
            .concat();
        let [Change::Raised(alert)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!((alert.verdict.as_str(), alert.packets), ("mixed", 3));
        late(&mut scene, 2);
        late(&mut scene, 3);
        let told = scene.tick(START.plus(UPDATE_INTERVAL));
        let [Change::Updated(alert)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!((alert.verdict.as_str(), alert.packets), ("passed", 3));
        let evidence = scene.watcher.evidence(alert.id);
        let became: Vec<String> = evidence.iter().map(|fact| fact.told().verdict).collect();
        assert_eq!(became, ["passed"; 3]);
        assert!(alert.tags.iter().any(|tag| tag == "accepted"));
    }

    #[test]
    fn an_incident_is_raised_once_with_all_that_led_to_it() {
        let mut scene = Scene::new();
        let alert = scene.raise(START, "203.0.113.9");
        assert_eq!((alert.id, alert.seq), (100, 100));
        assert_eq!(
            (alert.kind.as_str(), alert.severity, alert.popup),
            ("tcp-syn-scan", 2, true)
        );
        assert_eq!((alert.ports.as_str(), alert.port_count), ("1-3", 3));
        assert_eq!((alert.packets, alert.packets_to_alert), (3, 3));
        assert_eq!(alert.sources, ["203.0.113.9"]);
        assert_eq!(alert.targets, ["198.51.100.1"]);
        assert_eq!(
            (alert.verdict.as_str(), alert.tool.as_str()),
            ("dropped", "nmap")
        );
        assert_eq!(
            (scene.watcher.open_incidents(), scene.watcher.last_seq()),
            (1, 100)
        );
    }

    #[test]
    fn updates_are_told_twice_a_second_at_most_and_none_is_lost() {
        let mut scene = Scene::new();
        scene.raise(START, "203.0.113.9");
        for dport in 4..=20 {
            assert_eq!(
                scene.syn(START.plus(i64::from(dport) * 1000), "203.0.113.9", dport),
                []
            );
        }
        let due = scene.watcher.next_deadline().unwrap();
        assert_eq!(due, START.plus(UPDATE_INTERVAL));
        assert_eq!(scene.tick(due.plus(-1)), []);
        let told = scene.tick(due);
        let [Change::Updated(alert)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!((alert.id, alert.seq), (100, 101));
        assert_eq!(
            (alert.ports.as_str(), alert.packets, alert.packets_to_alert),
            ("1-20", 20, 3)
        );
        assert_eq!(alert.severity, 3, "15 ports are a medium scan");
        assert_eq!(scene.tick(due.plus(MINUTE)), []);
    }

    #[test]
    fn severity_rises_with_the_ports() {
        let mut scene = Scene::new();
        scene.raise(START, "203.0.113.9");
        let told: Vec<Change> = (4..=250)
            .flat_map(|dport| {
                scene.syn(
                    START.plus(i64::from(dport) * Timestamp::SECOND),
                    "203.0.113.9",
                    dport,
                )
            })
            .collect();
        let mut severities: Vec<u8> = told.iter().map(|change| change.alert().severity).collect();
        assert!(severities.is_sorted());
        severities.dedup();
        assert_eq!(severities, [2, 3, 4]);
    }

    #[test]
    fn silence_closes_an_incident_and_then_nothing_waits() {
        let mut scene = Scene::new();
        scene.raise(START, "203.0.113.9");
        let due = scene.watcher.next_deadline().unwrap();
        assert_eq!(due, START.plus(15 * MINUTE));
        let told = scene.tick(due);
        let [Change::Closed(alert)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert!(alert.closed);
        assert_eq!(
            (
                scene.watcher.open_incidents(),
                scene.watcher.next_deadline()
            ),
            (0, None)
        );
    }

    #[test]
    fn a_slow_scan_stays_open_for_six_of_its_gaps() {
        let mut scene = Scene::new();
        let gap = 10 * MINUTE;
        let times = (0..6).map(|n| START.plus(n * gap));
        let told: Vec<Change> = (1..)
            .zip(times)
            .flat_map(|(dport, time)| scene.syn(time, "203.0.113.9", dport))
            .collect();
        assert!(told[0].alert().tags.contains(&"slow".to_owned()));
        assert!(
            !told
                .iter()
                .any(|change| matches!(change, Change::Closed(_)))
        );
        let early = scene.watcher.next_deadline().unwrap();
        assert_eq!(scene.tick(early), []);
        assert_eq!(
            scene.watcher.next_deadline(),
            Some(START.plus(5 * gap + 6 * gap))
        );
    }

    #[test]
    fn what_begins_again_within_a_day_is_the_same_without_a_popup() {
        let mut scene = Scene::new();
        let first = scene.raise(START, "203.0.113.9");
        scene.tick(START.plus(HOUR));
        let told: Vec<Change> = (1..=3)
            .flat_map(|dport| scene.syn(START.plus(20 * HOUR), "203.0.113.9", dport))
            .collect();
        let [Change::Updated(again)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(again.id, first.id);
        assert!(!again.popup && !again.closed);
        scene.tick(START.plus(21 * HOUR));
        assert_ne!(
            scene.raise(START.plus(50 * HOUR), "203.0.113.9").id,
            first.id
        );
    }

    #[test]
    fn changes_are_numbered_without_gaps() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for n in 0..2000_u16 {
            let src = format!("203.0.113.{}", n % 5);
            told.extend(scene.syn(START.plus(i64::from(n) * 100_000), &src, n));
        }
        told.extend(scene.tick(START.plus(HOUR)));
        let seqs: Vec<u64> = told.iter().map(|change| change.alert().seq).collect();
        assert!(seqs.iter().copied().eq(100..=scene.watcher.last_seq()));
    }

    #[test]
    fn two_kinds_of_one_family_are_both_named() {
        let mut scene = Scene::new();
        for dport in 1..=20 {
            scene.tcp(START, "203.0.113.9", dport, TcpFlags::FIN);
        }
        for dport in 1..=10 {
            scene.tcp(START, "203.0.113.9", dport, TcpFlags(0));
        }
        let told = scene.tick(START.plus(MINUTE));
        let alert = told[0].alert();
        assert_eq!(alert.kind, "tcp-fin-scan");
        assert!(
            alert.tags.contains(&"tcp-null-scan".to_owned()),
            "{:?}",
            alert.tags
        );
    }

    #[test]
    fn one_port_of_three_of_our_addresses_is_a_sweep() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for host in 1..=4 {
            let mut event = test_event(START);
            event.packet.src = "203.0.113.9".parse().unwrap();
            event.packet.dst = IpAddr::V4(Ipv4Addr::new(198, 51, 100, host));
            scene.watcher.observe(&event, &mut told);
        }
        assert_eq!(told[0].alert().kind, "host-sweep");
    }

    #[test]
    fn the_addresses_of_one_ipv6_host_are_one_source() {
        let mut scene = Scene::new();
        let told: Vec<Change> = (1..=8)
            .flat_map(|n| {
                scene.syn(
                    START.plus(i64::from(n) * Timestamp::SECOND),
                    &format!("2001:db8::{n}"),
                    n,
                )
            })
            .collect();
        assert_eq!(scene.watcher.open_incidents(), 1);
        let alert = told.last().unwrap().alert();
        assert!(
            alert.source_count >= 5 && alert.tags.contains(&"rotating-source".to_owned()),
            "{alert:?}"
        );
    }

    #[test]
    fn a_clock_that_goes_back_raises_nothing_and_stops_nothing() {
        let mut scene = Scene::new();
        assert_eq!(scene.syn(START, "203.0.113.9", 1), []);
        assert_eq!(scene.syn(START.plus(-HOUR), "203.0.113.9", 1), []);
        let raised: Vec<Change> = (2..=3)
            .flat_map(|dport| scene.syn(START.plus(-HOUR), "203.0.113.9", dport))
            .collect();
        assert_eq!(raised.len(), 1);
        let told = scene.syn(START.plus(-2 * HOUR), "203.0.113.9", 4);
        assert!(matches!(told.as_slice(), [Change::Updated(_)]));
        for time in [Timestamp(i64::MIN), Timestamp(i64::MAX), Timestamp(0)] {
            scene.syn(time, "203.0.113.9", 5);
            scene.tick(time);
        }
    }

    #[test]
    fn an_alert_names_what_listens_on_the_attacked_ports() {
        let listener = |protocol, port, owner: &str| Listener {
            protocol,
            port,
            address: Ipv4Addr::UNSPECIFIED.into(),
            v6_only: false,
            interface: Interface::new(),
            uid: 0,
            owner: owner.to_owned(),
        };
        let exposure = Exposure::new(
            vec![
                listener(Protocol::TCP, 2, "two.service"),
                listener(Protocol::UDP, 3, "three.service"),
                listener(Protocol::TCP, 5, ""),
            ],
            Vec::new(),
        );
        let mut scene = Scene::new();
        let mut told: Vec<Change> = (1..=3)
            .flat_map(|dport| scene.syn(START, "203.0.113.9", dport))
            .collect();
        assert_eq!(told[0].alert().exposed, []);
        scene.watcher.set_exposure(exposure, &mut told);
        let two = (2, "tcp".to_owned(), "two.service".to_owned());
        assert_eq!(told[0].alert().exposed, std::slice::from_ref(&two));
        scene.syn(START, "203.0.113.9", 5);
        let told = scene.tick(START.plus(MINUTE));
        let five = (5, "tcp".to_owned(), String::new());
        assert_eq!(told[0].alert().exposed, [two, five]);
    }

    #[test]
    fn open_incidents_are_bounded() {
        let mut scene = Scene::new();
        let mut closed = 0;
        for n in 0..2000_u32 {
            let src = Ipv4Addr::from_bits(0xcb00_0000 + n).to_string();
            for dport in 1..=3 {
                let told = scene.syn(START.plus(i64::from(n) * 3_100_000), &src, dport);
                closed += told
                    .iter()
                    .filter(|change| matches!(change, Change::Closed(_)))
                    .count();
            }
        }
        assert_eq!(
            (scene.watcher.open_incidents(), closed),
            (MAX_OPEN, 2000 - MAX_OPEN)
        );
    }

    #[test]
    fn a_patient_scanner_is_found_inside_a_flood_of_single_packets() {
        let mut scene = Scene::new();
        let mut raised = Vec::new();
        for second in 0..120_u32 {
            let now = START.plus(i64::from(second) * Timestamp::SECOND);
            for n in 0..50 {
                scene.syn(
                    now,
                    &Ipv4Addr::from_bits(0x0b00_0000 + second * 7919 + n * 104_729).to_string(),
                    80,
                );
            }
            if second.is_multiple_of(15) {
                raised.extend(scene.syn(now, "203.0.113.9", u16::try_from(second).unwrap()));
            }
        }
        assert!(
            raised
                .iter()
                .any(|change| change.alert().sources == ["203.0.113.9"]),
            "{raised:?}"
        );
    }

    #[test]
    fn each_test_alert_is_an_incident_of_its_own() {
        let mut scene = Scene::new();
        let first = scene.watcher.test_alert(START, &mut scene.changes);
        let second = scene.watcher.test_alert(START, &mut scene.changes);
        assert_ne!(first, second);
        let told = scene.told();
        assert!(
            told.iter()
                .all(|change| matches!(change, Change::Raised(alert) if alert.test && alert.popup))
        );
        assert_eq!(scene.tick(START.plus(HOUR)).len(), 2);
        assert_eq!(scene.watcher.next_deadline(), None);
    }

    #[test]
    fn those_who_ask_for_tests_push_no_real_incident_out() {
        let mut scene = Scene::new();
        let mut raised = Vec::new();
        for port in 1..=5 {
            raised.extend(scene.syn(START, "203.0.113.9", port));
        }
        assert!(matches!(raised[0], Change::Raised(_)), "{raised:?}");
        let asked = (0..MAX_OPEN * 2).map(|_| scene.watcher.test_alert(START, &mut scene.changes));
        assert_eq!(asked.flatten().count(), MAX_TESTS);
        let told = scene.told();
        assert!(
            told.iter().all(|change| change.alert().test),
            "the scan is open as before: {told:?}"
        );
        assert!(scene.tick(START.plus(HOUR)).len() > MAX_TESTS);
        let again = scene
            .watcher
            .test_alert(START.plus(HOUR), &mut scene.changes);
        assert!(again.is_some(), "those that are over make room");
    }

    #[test]
    fn decoys_that_come_late_join_the_incident_that_was_raised_before() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for (host, dport) in [
            (1, 110),
            (1, 80),
            (2, 110),
            (1, 25),
            (2, 80),
            (2, 25),
            (2, 21),
        ] {
            told.extend(scene.syn(START, &format!("203.0.113.{host}"), dport));
        }
        told.extend(scene.tick(START.plus(MINUTE)));
        assert_eq!(told.len(), 2, "{told:?}");
        let alert = told[1].alert();
        assert_eq!((alert.source_count, alert.packets), (2, 7));
        assert_eq!(alert.tags, ["decoy"]);
    }

    #[test]
    fn a_scanner_among_decoys_is_one_incident_that_accuses_nobody() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for dport in [110, 25, 23, 21, 80] {
            for host in 1..=6 {
                told.extend(scene.syn(START, &format!("203.0.113.{host}"), dport));
            }
        }
        told.extend(scene.tick(START.plus(MINUTE)));
        let raised: Vec<_> = told
            .iter()
            .filter(|change| matches!(change, Change::Raised(_)))
            .collect();
        assert_eq!(raised.len(), 1, "{told:?}");
        let alert = told.last().unwrap().alert();
        assert_eq!((alert.source_count, alert.packets), (6, 30));
        assert_eq!(alert.tags, ["decoy"]);
    }

    /// Rules as they stand in the configuration.
    fn rules(text: &str) -> Rules {
        #[derive(serde::Deserialize)]
        struct File {
            rule: Rules,
        }
        toml::from_str::<File>(text).unwrap().rule
    }

    #[test]
    fn who_is_trusted_is_not_weighed_and_is_counted() {
        let mut scene = Scene::new();
        let trust =
            "[[rule]]\ntype = \"trust\"\nsource = \"203.0.113.0/28\"\ncomment = \"my scanner\"\n";
        scene.watcher = scene.watcher.with_rules(rules(trust));
        for dport in 1..=500 {
            let time = START.plus(i64::from(dport));
            assert_eq!(scene.syn(time, "203.0.113.9", dport), []);
        }
        let noise: Vec<_> = scene.watcher.noise().entries().collect();
        let [trusted] = noise.as_slice() else {
            panic!("{noise:?}")
        };
        assert_eq!((trusted.noise, trusted.packets), (Noise::Trusted, 500));
        assert_eq!(
            trusted.example.reason,
            "203.0.113.9 asks for port 1, which a rule of the configuration trusts (\"my scanner\"): it is not weighed."
        );
        scene.raise(START, "203.0.113.17");
    }

    #[test]
    fn who_is_trusted_floods_nobody() {
        let flood = |rule: &str| {
            let mut scene = Scene::new();
            scene.watcher = scene.watcher.with_rules(rules(rule));
            (0..4000_i64)
                .flat_map(|n| scene.syn(START.plus(n * 500), "203.0.113.9", 80))
                .count()
        };
        assert_ne!(flood("[[rule]]\ntype = \"trust\"\nport = 81\n"), 0);
        assert_eq!(flood("[[rule]]\ntype = \"trust\"\nport = 80\n"), 0);
    }

    #[test]
    fn a_muted_incident_is_told_without_a_popup() {
        let mute = "[[rule]]\ntype = \"mute\"\nsource = \"203.0.113.9\"\n";
        for (src, popup) in [("203.0.113.9", false), ("203.0.113.10", true)] {
            let mut scene = Scene::new();
            scene.watcher = scene.watcher.with_rules(rules(mute));
            let mut changes = [Change::Raised(scene.raise(START, src))];
            scene.watcher.mute(&mut changes);
            assert_eq!(changes[0].alert().popup, popup, "{src}");
        }
    }

    #[test]
    fn noise_is_counted_by_class_and_raises_nothing() {
        let mut scene = Scene::new();
        let resolver = "198.51.100.53";
        scene.watcher.set_neighbourhood(Neighbourhood {
            resolvers: vec![resolver.parse().unwrap()],
            ..Neighbourhood::default()
        });
        let udp = |sport, dport| {
            Transport::Udp(crate::packet::Udp {
                sport,
                dport,
                len: None,
            })
        };
        let mut told = Vec::new();
        for n in 0..500_u16 {
            let mut event = test_event(START.plus(i64::from(n) * 100_000));
            event.packet.src = resolver.parse().unwrap();
            event.packet.protocol = Protocol::UDP;
            event.packet.transport = udp(53, 40000 + n);
            assert!(!scene.watcher.observe(&event, &mut scene.changes));
            if n % 5 == 0 {
                event.packet.src = "192.0.2.77".parse().unwrap();
                (event.packet.dst, event.group) = ("224.0.0.251".parse().unwrap(), true);
                event.packet.transport = udp(5353, 5353);
                assert!(!scene.watcher.observe(&event, &mut scene.changes));
            }
            told.extend(scene.told());
        }
        assert_eq!(told, []);
        let noise: Vec<_> = scene
            .watcher
            .noise()
            .entries()
            .map(|entry| (entry.noise, entry.packets, entry.example.feed))
            .collect();
        let expected = [
            (Noise::Mdns, 100, Feed::Test),
            (Noise::LateDns, 500, Feed::Test),
        ];
        assert_eq!(noise, expected);
        let dns = scene.watcher.noise().entries().last().unwrap();
        let reason = &dns.example.reason;
        assert!(reason.contains("late answer of a name server"), "{reason}");
        // The very same address is an attacker where it scans.
        let alert = scene.raise(START.plus(MINUTE), resolver);
        assert_eq!(alert.ports, "1-3");
    }

    /// The alerts in their latest state, by number.
    fn latest(told: &[Change]) -> Vec<Alert> {
        let mut latest = std::collections::BTreeMap::new();
        for change in told {
            latest.insert(change.alert().id, change.alert().clone());
        }
        latest.into_values().collect()
    }

    #[test]
    fn senders_who_share_out_the_ports_are_one_distributed_scan() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for round in 0..4_u16 {
            for host in 1..=20_u16 {
                let at = START.plus(i64::from(round * 20 + host) * Timestamp::SECOND);
                let src = format!("203.0.113.{host}");
                told.extend(scene.syn(at, &src, 100 + round * 20 + host));
            }
        }
        told.extend(scene.tick(START.plus(5 * MINUTE)));
        let alerts = latest(&told);
        let [alert] = alerts.as_slice() else {
            panic!("{alerts:?}")
        };
        assert_eq!(
            (alert.kind.as_str(), alert.severity, alert.source_count),
            ("distributed-scan", 3, 20)
        );
        assert_eq!((alert.packets, alert.port_count), (80, 80));
    }

    #[test]
    fn who_was_told_as_an_attacker_of_his_own_is_of_the_crowd_in_the_end() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for host in 1..=10_u16 {
            for n in 0..3 {
                let at = START.plus(i64::from(host * 4 + n) * Timestamp::SECOND);
                let src = format!("203.0.113.{host}");
                told.extend(scene.syn(at, &src, host * 10 + n));
            }
        }
        told.extend(scene.tick(START.plus(5 * MINUTE)));
        let open: Vec<Alert> = latest(&told)
            .into_iter()
            .filter(|alert| !alert.closed)
            .collect();
        let [alert] = open.as_slice() else {
            panic!("{open:?}")
        };
        assert_eq!(
            (alert.kind.as_str(), alert.source_count, alert.packets),
            ("distributed-scan", 10, 30)
        );
        let raised = told
            .iter()
            .filter(|change| matches!(change, Change::Raised(_)))
            .count();
        assert!(raised < 8, "{told:?}");
    }

    #[test]
    fn a_flood_from_everywhere_is_one_incident_and_a_patient_scanner_is_found_inside() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for n in 0..120_000_u32 {
            let now = START.plus(i64::from(n) * 1000);
            let src = Ipv4Addr::from_bits(0x0b00_0000 + n.wrapping_mul(0x9e37_79b1) % 0x0100_0000);
            told.extend(scene.syn(now, &src.to_string(), 80));
            if n.is_multiple_of(15_000) {
                let dport = 1000 + u16::try_from(n / 15_000).unwrap();
                told.extend(scene.syn(now, "203.0.113.9", dport));
            }
        }
        let alerts = latest(&told);
        let [flood, scan] = alerts.as_slice() else {
            panic!("{alerts:?}")
        };
        assert_eq!((flood.kind.as_str(), flood.severity), ("syn-flood", 4));
        assert!(flood.source_count > 50_000, "{}", flood.source_count);
        assert!(flood.tags.contains(&"spoofable".to_owned()));
        assert_eq!(scan.sources, ["203.0.113.9"]);
        assert!(scan.packets_to_alert <= 5);
    }

    #[test]
    fn tries_at_a_log_in_are_told_and_those_of_a_program_now_and_then_are_not() {
        let log_in = |scene: &mut Scene, time: Timestamp, sport: u16| {
            let mut event = test_event(time);
            event.verdict = Verdict::Passed;
            event.packet.src = "203.0.113.9".parse().unwrap();
            if let Transport::Tcp(tcp) = &mut event.packet.transport {
                tcp.sport = sport;
            }
            scene.watcher.observe(&event, &mut scene.changes);
            scene.told()
        };
        let mut scene = Scene::new();
        let told: Vec<Change> = (0..40)
            .flat_map(|n| {
                let at = START.plus(i64::from(n) * Timestamp::SECOND);
                log_in(&mut scene, at, 40_000 + n)
            })
            .collect();
        let [alert] = latest(&told).try_into().unwrap();
        assert_eq!(
            (alert.kind.as_str(), alert.severity, alert.ports.as_str()),
            ("brute-force", 3, "22")
        );
        assert!(alert.packets_to_alert <= 9, "{}", alert.packets_to_alert);
        let mut scene = Scene::new();
        let told: Vec<Change> = (0..18)
            .flat_map(|n| {
                let at = START.plus(i64::from(n) * 20 * MINUTE);
                log_in(&mut scene, at, 40_000 + n)
            })
            .collect();
        assert_eq!(told, []);
        let again: Vec<Change> = (0..500)
            .flat_map(|_| log_in(&mut scene, START.plus(HOUR), 40_000))
            .collect();
        assert_eq!(again, [], "one opening, sent again and again");
    }

    #[test]
    fn a_connection_that_is_let_in_from_one_who_scans_is_the_worst() {
        let mut scene = Scene::new();
        scene.raise(START, "203.0.113.9");
        let mut event = test_event(START.plus(Timestamp::SECOND));
        event.verdict = Verdict::Passed;
        event.packet.src = "203.0.113.9".parse().unwrap();
        scene.watcher.observe(&event, &mut scene.changes);
        let told = scene.told();
        let [Change::Updated(alert)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(alert.severity, 5);
        assert!(alert.tags.contains(&"connected".to_owned()));
    }
}
