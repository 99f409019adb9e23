//! Flows that this machine began or accepted, as far back as a table of fixed size reaches: what may still come of them is no
//! probe.
//!
//! A flow speaks only for packets of its own two addresses and two ports, and a host that was contacted only for what looks
//! like an answer from the very port that was contacted. So nobody hides a scan by being asked once, or by connecting once.

use std::net::IpAddr;

use super::{Direction, Flow, Stage, TcpState, Tuple};
use crate::{
    detect::{Sets, address_halves, folded},
    event::Timestamp,
    neighbourhood::Neighbourhood,
    packet::{Packet, Protocol, TcpFlags, Transport},
};

/// Sets of eight of flows that this machine began, of those that it accepted, and of ports that it contacted: 4,096 places
/// of about 30 bytes each, made when touched. What others begin has a table of its own, so that their floods push out
/// nothing of ours.
const SETS: usize = 512;
/// So long after the end of a flow its packets may still come, in microseconds: a peer that was not told of it asks after two
/// hours whether we are there, and nine times more within eleven minutes (tcp(7), `tcp_keepalive_time`, `_probes`, `_intvl`).
pub const LATE: i64 = (7200 + 9 * 75 + 60) * Timestamp::SECOND;
/// So long after a contact the port that was contacted may answer otherwise than the flow says, in microseconds: ten minutes.
pub const CONTACT: i64 = 600 * Timestamp::SECOND;

/// What a packet has to do with flows that are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It belongs to a flow that this machine began.
    Ours {
        /// How long ago it ended, in microseconds; `None` where it has not.
        ended: Option<i64>,
    },
    /// It belongs to a connection that this machine accepted.
    Accepted {
        /// As above.
        ended: Option<i64>,
    },
    /// It comes from a port that this machine contacted lately, to where an answer would go.
    Contacted {
        /// How long ago, in microseconds.
        since: i64,
    },
}

/// What is remembered of a flow.
#[derive(Debug, Clone, Copy)]
struct Memory {
    began: Timestamp,
    ended: Option<Timestamp>,
}

impl Memory {
    /// What is over goes first, then what is oldest.
    fn worth(&self) -> (bool, Timestamp) {
        (self.ended.is_none(), self.ended.unwrap_or(self.began))
    }

    /// How long ago it ended, in microseconds; `None` where it has not.
    fn ended_before(&self, now: Timestamp) -> Option<i64> {
        self.ended.map(|ended| now.since(ended).max(0))
    }

    /// May packets of it still come?
    fn speaks(&self, now: Timestamp) -> bool {
        self.ended_before(now).is_none_or(|ago| ago <= LATE)
    }
}

/// When a port was contacted last, and from which of ours.
#[derive(Debug, Clone, Copy)]
struct Contact {
    last: Timestamp,
    from: u16,
}

/// The flows of this machine.
#[derive(Debug)]
pub struct FlowRing {
    /// Makes places in the tables unforeseeable.
    seed: u64,
    /// Has it ever been told of a flow?
    told: bool,
    ours: Sets<Memory>,
    accepted: Sets<Memory>,
    contacts: Sets<Contact>,
}

impl FlowRing {
    /// A ring that knows of no flow; the seed is a number that no stranger knows.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            told: false,
            ours: Sets::new(SETS),
            accepted: Sets::new(SETS),
            contacts: Sets::new(SETS),
        }
    }

    /// For where nobody tells of flows.
    #[must_use]
    pub fn none() -> Self {
        Self {
            seed: 0,
            told: false,
            ours: Sets::new(1),
            accepted: Sets::new(1),
            contacts: Sets::new(1),
        }
    }

    /// Takes in what is told of a flow, whose direction is this.
    pub fn take(&mut self, flow: &Flow, direction: Direction) {
        self.told = true;
        match direction {
            Direction::Outbound => self.take_ours(flow),
            Direction::Inbound => self.take_accepted(flow),
            Direction::Local | Direction::Foreign => {}
        }
    }

    /// A flow that this machine began; what comes of it are the answers.
    fn take_ours(&mut self, flow: &Flow) {
        let (Some(sport), Some(dport)) = (flow.reply.sport(), flow.reply.dport()) else {
            return;
        };
        let tag = self.tag(&Ends::of(&flow.reply, sport, dport));
        note(&mut self.ours, tag, flow);
        let contact = Contact {
            last: flow.time,
            from: dport,
        };
        let tag = self.contact_tag(flow.reply.protocol, flow.reply.src, sport);
        match self.contacts.get(tag) {
            Some(known) => *known = contact,
            None => {
                self.contacts.insert(tag, contact, |contact| contact.last);
            }
        }
    }

    /// A connection that somebody else began with a SYN, as opposed to the lone ACK of a scan.
    fn take_accepted(&mut self, flow: &Flow) {
        let (Some(sport), Some(dport), Protocol::TCP) = (
            flow.original.sport(),
            flow.original.dport(),
            flow.original.protocol,
        ) else {
            return;
        };
        let tag = self.tag(&Ends::of(&flow.original, sport, dport));
        let opened = match flow.stage {
            Stage::Began => flow.tcp == Some(TcpState::SYN_SENT),
            Stage::Standing => flow.assured,
            Stage::Ended => false,
        };
        if opened || self.accepted.get(tag).is_some() {
            note(&mut self.accepted, tag, flow);
        }
    }

    /// What a packet that came in has to do with a flow, if it can be a part of one and not its beginning.
    #[inline]
    #[must_use]
    pub fn relation(
        &self,
        packet: &Packet,
        now: Timestamp,
        neighbourhood: &Neighbourhood,
    ) -> Option<Relation> {
        // A SYN, which floods and scans consist of, belongs to nothing.
        let opens = matches!(&packet.transport, Transport::Tcp(tcp) if tcp.flags == TcpFlags::SYN);
        if !self.told || opens {
            return None;
        }
        self.relation_of_rest(packet, now, neighbourhood)
    }

    /// The same, where it is worth a look.
    fn relation_of_rest(
        &self,
        packet: &Packet,
        now: Timestamp,
        neighbourhood: &Neighbourhood,
    ) -> Option<Relation> {
        let role = match &packet.transport {
            Transport::Tcp(tcp) => role(tcp.flags)?,
            Transport::Udp(_) | Transport::Ports { .. } => Role::Any,
            Transport::Icmp(_) | Transport::Ipsec { .. } | Transport::Other => return None,
        };
        let ends = Ends {
            src: packet.src,
            dst: packet.dst,
            protocol: packet.protocol,
            sport: packet.sport()?,
            dport: packet.dport()?,
        };
        self.find(&ends, role, now, neighbourhood)
    }

    /// What a flow that somebody else began has to do with one that is remembered: its first packet may be a late one of that.
    #[must_use]
    pub fn relation_of_flow(&self, flow: &Flow, neighbourhood: &Neighbourhood) -> Option<Relation> {
        let role = match flow.tcp {
            Some(TcpState::SYN_SENT) => return None,
            Some(_) => Role::Within,
            None => Role::Any,
        };
        let (sport, dport) = (flow.original.sport()?, flow.original.dport()?);
        let ends = Ends::of(&flow.original, sport, dport);
        self.find(&ends, role, flow.time, neighbourhood)
    }

    fn find(
        &self,
        ends: &Ends,
        role: Role,
        now: Timestamp,
        neighbourhood: &Neighbourhood,
    ) -> Option<Relation> {
        if !self.told {
            return None;
        }
        let tag = self.tag(ends);
        let known = |table: &Sets<Memory>| {
            let flow = table.find(tag).filter(|flow| flow.speaks(now))?;
            Some(*flow)
        };
        if let Some(flow) = known(&self.ours) {
            let ended = flow.ended_before(now);
            return Some(Relation::Ours { ended });
        }
        if role == Role::Within
            && let Some(flow) = known(&self.accepted)
        {
            let ended = flow.ended_before(now);
            return Some(Relation::Accepted { ended });
        }
        let tag = self.contact_tag(ends.protocol, ends.src, ends.sport);
        let contact = self.contacts.find(tag)?;
        let since = now.since(contact.last).max(0);
        let to_client = ends.dport == contact.from || neighbourhood.ephemeral.contains(&ends.dport);
        (since <= CONTACT && to_client).then_some(Relation::Contacted { since })
    }

    fn tag(&self, ends: &Ends) -> u64 {
        let Ends {
            src,
            dst,
            protocol,
            sport,
            dport,
        } = *ends;
        let ports = u64::from(sport) << 16 | u64::from(dport);
        let source = self.address_tag(src);
        let (high, low) = address_halves(dst);
        folded(
            folded(source ^ high, low),
            ports | u64::from(protocol.0) << 32,
        )
    }

    fn contact_tag(&self, protocol: Protocol, host: IpAddr, port: u16) -> u64 {
        let port = u64::from(port) | u64::from(protocol.0) << 32;
        folded(self.address_tag(host), port)
    }

    fn address_tag(&self, address: IpAddr) -> u64 {
        let (high, low) = address_halves(address);
        folded(high ^ self.seed, low)
    }
}

/// What a flow's packets have in common, seen from those that come in.
#[derive(Debug, Clone, Copy)]
struct Ends {
    src: IpAddr,
    dst: IpAddr,
    protocol: Protocol,
    sport: u16,
    dport: u16,
}

impl Ends {
    const fn of(tuple: &Tuple, sport: u16, dport: u16) -> Self {
        Self {
            src: tuple.src,
            dst: tuple.dst,
            protocol: tuple.protocol,
            sport,
            dport,
        }
    }
}

/// What a packet may be of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The protocol does not tell: it may be the first as well.
    Any,
    /// It accepts what the other end has asked for.
    Accepts,
    /// Neither the first packet nor the second.
    Within,
}

/// What a segment may be of a connection; `None` of one that opens, or that no honest stack sends.
const fn role(flags: TcpFlags) -> Option<Role> {
    const FIN: u8 = TcpFlags::FIN.0;
    const SYN: u8 = TcpFlags::SYN.0;
    const RST: u8 = TcpFlags::RST.0;
    const ACK: u8 = TcpFlags::ACK.0;
    const PSH_URG: u8 = TcpFlags::PSH.0 | TcpFlags::URG.0;
    let flags = flags.control().0;
    if flags == SYN | ACK {
        return Some(Role::Accepts);
    }
    let rest = flags & !PSH_URG;
    let is_within = rest == ACK || rest == FIN | ACK || rest == RST | ACK || flags == RST;
    if is_within { Some(Role::Within) } else { None }
}

/// Notes in a table that a flow began or ended.
fn note(table: &mut Sets<Memory>, tag: u64, flow: &Flow) {
    let memory = Memory {
        began: flow.began.unwrap_or(flow.time),
        ended: (flow.stage == Stage::Ended).then_some(flow.time),
    };
    match table.get(tag) {
        Some(known) if flow.stage == Stage::Ended => known.ended = memory.ended,
        Some(known) => *known = memory,
        None => {
            table.insert(tag, memory, Memory::worth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode,
        flow::{Ends as FlowEnds, Flow},
    };

    const START: Timestamp = Timestamp(1_800_000_000_000_000);
    const MINUTE: i64 = 60 * Timestamp::SECOND;
    const US: &str = "192.0.2.2";
    const SERVER: &str = "203.0.113.9";

    fn tuple(protocol: Protocol, src: &str, sport: u16, dst: &str, dport: u16) -> Tuple {
        Tuple {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            protocol,
            ends: FlowEnds::Ports { sport, dport },
        }
    }

    /// A flow without translation.
    fn flow(stage: Stage, time: Timestamp, original: Tuple) -> Flow {
        let reply = Tuple {
            src: original.dst,
            dst: original.src,
            ends: FlowEnds::Ports {
                sport: original.dport().unwrap(),
                dport: original.sport().unwrap(),
            },
            ..original
        };
        let tcp = (original.protocol == Protocol::TCP).then_some(TcpState::SYN_SENT);
        Flow {
            time,
            stage,
            id: Some(1),
            original,
            reply,
            answered: false,
            assured: false,
            tcp,
            mark: 0,
            began: None,
            sent: None,
            received: None,
        }
    }

    fn home() -> Neighbourhood {
        Neighbourhood {
            addresses: vec![US.parse().unwrap()],
            ..Neighbourhood::default()
        }
    }

    /// A ring that was told of these.
    fn ring(flows: &[Flow]) -> FlowRing {
        let mut ring = FlowRing::new(7);
        for flow in flows {
            ring.take(flow, flow.direction(&home()));
        }
        ring
    }

    /// A packet of the server's, or of whom `src` names.
    fn packet(src: &str, rest: &str) -> Packet {
        let line = format!(
            "X IN=eth0 OUT= MAC= SRC={src} DST={US} LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 {rest}"
        );
        let read = decode::log_line(line.as_bytes()).unwrap();
        read.packet().unwrap().clone()
    }

    fn tcp(src: &str, sport: u16, dport: u16, flags: &str) -> Packet {
        packet(
            src,
            &format!(
                "PROTO=TCP SPT={sport} DPT={dport} WINDOW=4000 RES=0x00 {flags}{}URGP=0 ",
                if flags.is_empty() { "" } else { " " }
            ),
        )
    }

    fn udp(src: &str, sport: u16, dport: u16) -> Packet {
        packet(src, &format!("PROTO=UDP SPT={sport} DPT={dport} LEN=20 "))
    }

    fn relation(ring: &FlowRing, packet: &Packet, time: Timestamp) -> Option<Relation> {
        ring.relation(packet, time, &home())
    }

    #[test]
    fn what_comes_of_a_flow_of_ours_is_known_until_long_after_its_end() {
        let asked = tuple(Protocol::TCP, US, 45000, SERVER, 443);
        let mut ring = ring(&[flow(Stage::Began, START, asked)]);
        let late = tcp(SERVER, 443, 45000, "ACK FIN");
        let ours = |ended| Some(Relation::Ours { ended });
        let day = START.plus(24 * 60 * MINUTE);
        assert_eq!(
            relation(&ring, &late, day),
            ours(None),
            "it lives for days where it is silent"
        );
        ring.take(&flow(Stage::Ended, day, asked), Direction::Outbound);
        let after = |micros| relation(&ring, &late, day.plus(micros));
        assert_eq!(after(3 * MINUTE), ours(Some(3 * MINUTE)));
        assert_eq!(after(LATE), ours(Some(LATE)));
        assert_eq!(after(LATE + 1), None);
        assert_eq!(after(-MINUTE), ours(Some(0)), "the clock went back");
    }

    #[test]
    fn only_what_can_be_a_part_of_a_flow_belongs_to_it() {
        let ring = ring(&[
            flow(
                Stage::Began,
                START,
                tuple(Protocol::TCP, US, 45000, SERVER, 443),
            ),
            flow(
                Stage::Began,
                START,
                tuple(Protocol::TCP, "198.51.100.7", 51000, US, 22),
            ),
        ]);
        let ours = Some(Relation::Ours { ended: None });
        let accepted = Some(Relation::Accepted { ended: None });
        for (flags, of_ours, of_theirs) in [
            ("ACK", ours, accepted),
            ("ACK PSH FIN", ours, accepted),
            ("RST", ours, accepted),
            ("ACK RST", ours, accepted),
            ("ACK SYN", ours, None),
            ("SYN", None, None),
            ("", None, None),
            ("FIN", None, None),
            ("URG PSH FIN", None, None),
            ("RST FIN", None, None),
        ] {
            assert_eq!(
                relation(&ring, &tcp(SERVER, 443, 45000, flags), START),
                of_ours,
                "{flags}"
            );
            assert_eq!(
                relation(&ring, &tcp("198.51.100.7", 51000, 22, flags), START),
                of_theirs,
                "{flags}"
            );
        }
    }

    #[test]
    fn nobody_hides_a_scan_by_being_contacted_once() {
        let ring = ring(&[
            flow(
                Stage::Began,
                START,
                tuple(Protocol::UDP, US, 45000, SERVER, 53),
            ),
            flow(
                Stage::Began,
                START,
                tuple(Protocol::UDP, US, 123, SERVER, 123),
            ),
        ]);
        let from = |src, sport, dport| relation(&ring, &udp(src, sport, dport), START.plus(MINUTE));
        let contacted = Some(Relation::Contacted { since: MINUTE });
        assert_eq!(from(SERVER, 53, 45001), contacted);
        assert_eq!(from(SERVER, 123, 45000), contacted);
        for (src, sport, dport) in [
            (SERVER, 53, 161),
            (SERVER, 53, 123),
            (SERVER, 40000, 45000),
            ("203.0.113.10", 53, 45001),
        ] {
            assert_eq!(from(src, sport, dport), None, "{src} {sport}>{dport}");
        }
        let later = START.plus(CONTACT + 1);
        assert_eq!(relation(&ring, &udp(SERVER, 53, 45001), later), None);
        let other = tcp(SERVER, 53, 45000, "ACK");
        assert_eq!(
            relation(&ring, &other, START),
            None,
            "another protocol, another port"
        );
    }

    #[test]
    fn nobody_hides_a_scan_by_the_flows_that_it_makes() {
        const SCANNER: &str = "198.51.100.66";
        let mut lone_ack = flow(
            Stage::Began,
            START,
            tuple(Protocol::TCP, SCANNER, 40000, US, 80),
        );
        lone_ack.tcp = Some(TcpState::ESTABLISHED);
        let mut picked_up = flow(
            Stage::Standing,
            START,
            tuple(Protocol::TCP, SCANNER, 40000, US, 81),
        );
        picked_up.tcp = Some(TcpState::ESTABLISHED);
        let datagram = flow(
            Stage::Began,
            START,
            tuple(Protocol::UDP, SCANNER, 40000, US, 161),
        );
        let end = flow(
            Stage::Ended,
            START,
            tuple(Protocol::TCP, SCANNER, 40000, US, 82),
        );
        let ring = ring(&[lone_ack, picked_up, datagram, end]);
        for port in [80, 81, 82] {
            let ack = tcp(SCANNER, 40000, port, "ACK");
            assert_eq!(relation(&ring, &ack, START), None, "port {port}");
        }
        assert_eq!(relation(&ring, &udp(SCANNER, 40000, 161), START), None);
    }

    #[test]
    fn the_answers_to_a_container_come_to_our_own_address() {
        let mut asked = flow(
            Stage::Began,
            START,
            tuple(Protocol::TCP, "172.17.0.2", 50000, SERVER, 443),
        );
        asked.reply = tuple(Protocol::TCP, SERVER, 443, US, 61234);
        assert_eq!(asked.direction(&home()), Direction::Outbound);
        let ring = ring(&[asked]);
        let late = tcp(SERVER, 443, 61234, "RST");
        assert_eq!(
            relation(&ring, &late, START),
            Some(Relation::Ours { ended: None })
        );
    }

    #[test]
    fn a_late_packet_that_conntrack_takes_for_a_new_flow_is_known() {
        let asked = tuple(Protocol::TCP, US, 45000, SERVER, 443);
        let mut ring = ring(&[flow(Stage::Began, START, asked)]);
        ring.take(&flow(Stage::Ended, START, asked), Direction::Outbound);
        let mut again = flow(
            Stage::Began,
            START.plus(MINUTE),
            tuple(Protocol::TCP, SERVER, 443, US, 45000),
        );
        assert_eq!(ring.relation_of_flow(&again, &home()), None, "a SYN");
        again.tcp = Some(TcpState::ESTABLISHED);
        let ended = Some(MINUTE);
        assert_eq!(
            ring.relation_of_flow(&again, &home()),
            Some(Relation::Ours { ended })
        );
    }

    #[test]
    fn a_flood_of_what_others_begin_pushes_out_nothing_of_ours() {
        let mut ring = ring(&[flow(
            Stage::Began,
            START,
            tuple(Protocol::TCP, US, 45000, SERVER, 443),
        )]);
        for n in 0..100_000_u32 {
            let src = IpAddr::from(n.to_be_bytes()).to_string();
            let flow = flow(
                Stage::Began,
                START,
                tuple(Protocol::TCP, &src, 40000, US, 80),
            );
            ring.take(&flow, Direction::Inbound);
        }
        let late = tcp(SERVER, 443, 45000, "ACK");
        assert!(relation(&ring, &late, START).is_some());
        assert!(ring.accepted.len() <= SETS * 8);
        assert!(ring.accepted.len() > SETS * 4, "it remembers much");
    }

    #[test]
    fn what_is_over_gives_way_to_what_lasts() {
        let lasting = tuple(Protocol::TCP, US, 45000, SERVER, 22);
        let mut ring = ring(&[flow(Stage::Began, START, lasting)]);
        for n in 0..20_000_u32 {
            let time = START.plus(i64::from(n) * 1000);
            let host = IpAddr::from((0x0a00_0000 + n).to_be_bytes()).to_string();
            let asked = tuple(Protocol::UDP, US, 40000, &host, 53);
            ring.take(&flow(Stage::Began, time, asked), Direction::Outbound);
            ring.take(&flow(Stage::Ended, time, asked), Direction::Outbound);
        }
        let late = tcp(SERVER, 22, 45000, "ACK");
        assert!(relation(&ring, &late, START.plus(MINUTE)).is_some());
    }

    #[test]
    fn none_knows_of_nothing() {
        let ring = FlowRing::none();
        assert_eq!(relation(&ring, &udp(SERVER, 53, 45000), START), None);
    }
}
