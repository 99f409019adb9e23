//! What one packet is for, judged by itself.

use wallwatch_dbus::{Kind, Verdict};

use super::{container, fingerprint, forged, icmp, tcp, tool, tool::Tool, udp};
use crate::{
    event::{Event, Extra},
    flow::{FlowRing, Relation},
    neighbourhood::Neighbourhood,
    packet::{Fragment, Packet, Protocol, TcpFlags, Transport},
};

/// What looks like the late end of something of ours weighs so little.
pub(super) const REPLY: f32 = 0.02;
/// The trait of a known tool makes a probe so much heavier.
const TOOL_FACTOR: f32 = 1.4;
/// What the firewall let pass weighs less: most of it was meant to come.
const PASSED_FACTOR: f32 = 0.3;
/// A neighbour's probe of a port that neighbours ask for by themselves weighs less.
const NEIGHBOUR_FACTOR: f32 = 0.35;
/// A piece that cuts the TCP header.
const PIECE: f32 = 1.7;
/// The least that a piece holds, in bytes, behind which the next one begins (RFC 791 section 3.2).
const FIRST_PIECE: u16 = 8;
/// What a container of this machine asks for weighs so little: forty different ports within two minutes are an attack.
const CONTAINED: f32 = 0.12;
/// Why a packet is nothing to fear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Harmless {
    /// It is our own, or has the unspecified address that hosts without one send from.
    Own,
    /// It was sent to everybody: discovery on the network.
    Group,
    /// It reports that something of ours failed.
    Error,
    /// It keeps the network running: neighbour discovery, group membership, addresses.
    Upkeep,
    /// It ends or answers something.
    Answer,
    /// It belongs to a flow that this machine began or accepted.
    Flow,
    /// It is a later fragment, of which the first was looked at.
    Fragment,
}

/// How far a probe speaks for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nature {
    /// It asks for something, as an honest packet might.
    Plain,
    /// No honest program sends such a packet.
    Impossible,
    /// It goes from a well-known port to the same one, as between time servers: an answer to the first address, a sweep to many.
    Mutual,
    /// It looks like a late answer; only very many are an attack.
    ReplyLike,
}

/// A packet that may belong to an attack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe {
    /// The attack it would belong to.
    pub kind: Kind,
    /// How much it weighs; an ordinary probe is 1.
    pub weight: f32,
    /// How far it speaks for itself.
    pub nature: Nature,
    /// The tool whose traits it bears.
    pub tool: Option<Tool>,
    /// What makes it different from the origin's other probes besides its destination: port, ICMP type, or protocol.
    pub unit: u32,
}

impl Probe {
    pub(super) const fn new(kind: Kind, weight: f32, nature: Nature) -> Self {
        Self {
            kind,
            weight,
            nature,
            tool: None,
            unit: 0,
        }
    }
}

/// What one packet is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Class {
    /// Nothing to fear.
    Harmless(Harmless),
    /// Perhaps a piece of an attack.
    Probe(Probe),
}

impl Class {
    /// The attack that it would belong to; `None` of what is harmless.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Harmless(_) => None,
            Self::Probe(probe) => Some(probe.kind),
        }
    }

    /// The piece of an attack that it may be.
    #[must_use]
    pub const fn probe(&self) -> Option<&Probe> {
        match self {
            Self::Harmless(_) => None,
            Self::Probe(probe) => Some(probe),
        }
    }

    /// Is it harmless, or does it look as if, so that only very many are an attack?
    #[must_use]
    pub const fn is_noise(&self) -> bool {
        match self {
            Self::Harmless(_) => true,
            Self::Probe(probe) => matches!(probe.nature, Nature::ReplyLike | Nature::Mutual),
        }
    }
}

/// Says what an event's packet is for, where these flows are known.
#[must_use]
pub fn classify(event: &Event, neighbourhood: &Neighbourhood, flows: &FlowRing) -> Class {
    let packet = &event.packet;
    let extra = event.extra();
    if let Some(harmless) = extra.and_then(beside) {
        return Class::Harmless(harmless);
    }
    if !forged::is_somebody(packet.src, packet.dst) {
        if let Some(probe) = forged::judge(event) {
            return Class::Probe(probe);
        }
        // What has its receiver's address, and was not forged, never left this machine.
        if packet.src.is_unspecified() || packet.src == packet.dst {
            return Class::Harmless(Harmless::Own);
        }
    }
    if neighbourhood.is_own(packet.src) {
        return Class::Harmless(Harmless::Own);
    }
    // TCP is never sent to a group, whatever the frame's address says.
    let to_group = packet.is_to_group() || (event.group && packet.protocol != Protocol::TCP);
    if to_group && !is_call_from_afar(packet, neighbourhood) {
        return Class::Harmless(Harmless::Group);
    }
    let is =
        |what: fn(&Packet, Fragment) -> bool| packet.fragment.is_some_and(|at| what(packet, at));
    if is(cuts_header) {
        return Class::Probe(weighed(piece(packet), None, false, event.verdict));
    }
    // Of the pieces of a packet the first tells what it is for; once they are together, the packet itself does.
    if extra.is_some() || is(|_, at| at.offset != 0) {
        return Class::Harmless(Harmless::Fragment);
    }
    if let Some(probe) = fingerprint::judge(packet) {
        return Class::Probe(probe);
    }
    let relation = flows.relation(packet, event.time, neighbourhood);
    if relation.is_some_and(is_of_flow) {
        return Class::Harmless(Harmless::Flow);
    }
    let judged = match &packet.transport {
        Transport::Tcp(header) => tcp::judge(packet, header, neighbourhood),
        Transport::Udp(header) => udp::judge(packet, header, neighbourhood),
        Transport::Icmp(header) => icmp::judge(packet.protocol, header),
        Transport::Ports { dport, .. } => Ok(Probe {
            unit: (*dport).into(),
            ..Probe::new(Kind::SctpScan, 1.0, Nature::Plain)
        }),
        Transport::Ipsec { .. } | Transport::Other => bare_protocol(packet),
    };
    match judged {
        Ok(probe) => {
            let tool = tool::tool_of(packet);
            // What a tool sends is no answer, whoever was asked before.
            let probe = match relation {
                Some(relation) if tool.is_none() => likened(probe, relation),
                _ => Probe { tool, ..probe },
            };
            if is_awaited(event, &probe, neighbourhood) {
                return Class::Harmless(Harmless::Answer);
            }
            let near = neighbourhood.is_near(packet.src);
            let probe = if near && container::is_container_bridge(&event.interface) {
                contained(probe)
            } else {
                probe
            };
            let probe = if tool == Some(Tool::Mirai) {
                worm(probe, packet)
            } else {
                probe
            };
            Class::Probe(weighed(probe, packet.dport(), near, event.verdict))
        }
        Err(harmless) => Class::Harmless(harmless),
    }
}

/// A call to everybody on a network by somebody who is not on it: who sends such looks for services to make floods with. Where
/// nobody told of our networks, whoever calls is taken to be on one.
fn is_call_from_afar(packet: &Packet, neighbourhood: &Neighbourhood) -> bool {
    let Transport::Udp(udp) = &packet.transport else {
        return false;
    };
    udp::is_of_one_network(udp.dport)
        && !neighbourhood.networks.is_empty()
        && !neighbourhood.is_on_link(packet)
}

/// Is it an answer that comes from where this machine asks all the time, its name servers and routers, or comes just behind its
/// sleep? However many there are, they are late. What asks for something is never such a one, whoever sends it.
fn is_awaited(event: &Event, probe: &Probe, neighbourhood: &Neighbourhood) -> bool {
    if probe.nature != Nature::ReplyLike || probe.tool.is_some() {
        return false;
    }
    let packet = &event.packet;
    let answers = match &packet.transport {
        Transport::Tcp(tcp) => tcp.flags.control() != TcpFlags::SYN,
        Transport::Udp(udp) => udp::is_service(udp.sport),
        _ => false,
    };
    answers
        && (neighbourhood.is_resolver(packet.src)
            || neighbourhood.is_gateway(packet.src)
            || neighbourhood.has_just_woken(event.time))
}

/// The probe of one of this machine's own containers or virtual machines, which asks for what it was set up to: only very many are
/// an attack.
fn contained(probe: Probe) -> Probe {
    if probe.nature == Nature::Plain && probe.tool.is_none() {
        Probe {
            weight: probe.weight.min(CONTAINED),
            nature: Nature::ReplyLike,
            ..probe
        }
    } else {
        probe
    }
}

/// A worm's probe: it asks for the same two ports again and again, so each is one of its own.
fn worm(probe: Probe, packet: &Packet) -> Probe {
    Probe {
        kind: Kind::Worm,
        nature: Nature::Impossible,
        unit: packet.sport().map_or(probe.unit, u32::from),
        ..probe
    }
}

/// Does what has this relation belong to a flow, and not merely look as if?
pub(super) const fn is_of_flow(relation: Relation) -> bool {
    match relation {
        Relation::Ours { .. } | Relation::Accepted { .. } => true,
        Relation::Contacted { .. } => false,
    }
}

/// The probe of somebody who may well answer: it is taken for an answer, and only very many are an attack.
pub(super) fn likened(probe: Probe, relation: Relation) -> Probe {
    match relation {
        Relation::Contacted { .. } if probe.nature != Nature::Impossible => Probe {
            weight: probe.weight.min(REPLY),
            nature: Nature::ReplyLike,
            ..probe
        },
        _ => probe,
    }
}

/// What the own table logs besides: by itself each keeps a network running. A fragment is to be looked at.
const fn beside(extra: Extra) -> Option<Harmless> {
    match extra {
        Extra::RouterAdvertisement | Extra::DhcpReply => Some(Harmless::Upkeep),
        Extra::BroadcastEcho => Some(Harmless::Group),
        Extra::Fragment => None,
    }
}

/// Does a piece cut the TCP header, so that no filter sees what it asks for: a first one without the whole header, or one that
/// begins within it (RFC 1858 sections 3 and 4, RFC 3128)?
fn cuts_header(packet: &Packet, fragment: Fragment) -> bool {
    let is_cut = matches!(packet.transport, Transport::Other);
    packet.protocol == Protocol::TCP
        && (fragment.offset == FIRST_PIECE || (fragment.offset == 0 && is_cut))
}

/// The probe that such a piece is, as heavy as a packet with flags that cannot be. Each packet is another one, all of its pieces
/// are one.
fn piece(packet: &Packet) -> Probe {
    Probe {
        unit: packet.ip_id.unwrap_or(0),
        ..Probe::new(Kind::TcpBadFlags, PIECE, Nature::Impossible)
    }
}

/// A packet of which no more than the protocol is known.
fn bare_protocol(packet: &Packet) -> Result<Probe, Harmless> {
    // Each packet is a unit of its own, where the ports that would tell are missing.
    let id = packet.ip_id.unwrap_or(0);
    match packet.protocol {
        Protocol::IGMP => Err(Harmless::Upkeep),
        // The kernel's LOG target writes no ports of SCTP.
        Protocol::SCTP => Ok(Probe {
            unit: id,
            ..Probe::new(Kind::SctpScan, 1.0, Nature::Plain)
        }),
        Protocol(number) => Ok(Probe {
            unit: number.into(),
            ..Probe::new(Kind::IpProtocolScan, 1.0, Nature::Plain)
        }),
    }
}

/// Do devices of one network ask each other for this port: web, `NetBIOS`, SMB, IPP, KDE Connect, SSDP, mDNS, WSD, `AirPlay`, Cast,
/// printers, Syncthing?
pub(crate) const fn is_neighbour_port(port: u16) -> bool {
    matches!(
        port,
        80 | 137..=139
            | 445
            | 631
            | 1716
            | 1900
            | 3702
            | 5353
            | 5357
            | 7000
            | 8008..=8009
            | 9100
            | 22000
    )
}

/// The probe weighed once more by who sent it and what became of it.
#[expect(
    clippy::inline_always,
    reason = "each packet of a scan comes here, by one way"
)]
#[inline(always)]
pub(super) fn weighed(mut probe: Probe, dport: Option<u16>, near: bool, verdict: Verdict) -> Probe {
    if probe.nature == Nature::ReplyLike {
        return Probe {
            tool: None,
            ..probe
        };
    }
    if probe.tool.is_some() {
        probe.weight *= TOOL_FACTOR;
    } else if near && dport.is_some_and(is_neighbour_port) {
        probe.weight *= NEIGHBOUR_FACTOR;
    }
    if verdict == Verdict::Passed {
        probe.weight *= PASSED_FACTOR;
    }
    probe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode,
        event::{Feed, Timestamp, bounded},
        neighbourhood::{Gateway, Network},
    };

    /// The event of a line that goes on behind the addresses.
    fn event(src: &str, rest: &str) -> Event {
        let line = format!(
            "X IN=eth0 OUT= MAC= SRC={src} DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 {rest}"
        );
        let read =
            decode::log_line(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let event = read.into_event(Timestamp(0)).unwrap();
        Event {
            verdict: Verdict::Dropped,
            trusted: true,
            ..event
        }
    }

    /// What a stranger's TCP segment is for.
    fn tcp(sport: u16, dport: u16, flags: &str) -> Class {
        let rest = format!("PROTO=TCP SPT={sport} DPT={dport} WINDOW=4000 RES=0x00 {flags}URGP=0 ");
        classify(
            &event("203.0.113.9", &rest),
            &Neighbourhood::default(),
            &FlowRing::none(),
        )
    }

    fn udp(src: &str, sport: u16, dport: u16) -> Class {
        classify(
            &event(src, &format!("PROTO=UDP SPT={sport} DPT={dport} LEN=20 ")),
            &Neighbourhood::default(),
            &FlowRing::none(),
        )
    }

    fn kind_and_nature(class: Class) -> Result<(Kind, Nature), Harmless> {
        match class {
            Class::Probe(probe) => Ok((probe.kind, probe.nature)),
            Class::Harmless(harmless) => Err(harmless),
        }
    }

    fn weight(class: Class) -> f32 {
        match class {
            Class::Probe(probe) => probe.weight,
            Class::Harmless(_) => 0.0,
        }
    }

    #[test]
    fn each_set_of_flags_has_its_kind() {
        use Kind::{
            TcpAckScan, TcpBadFlags, TcpFinScan, TcpMaimonScan, TcpNullScan, TcpSynScan,
            TcpXmasScan,
        };
        use Nature::{Impossible, Plain};
        for (flags, kind, nature) in [
            ("SYN ", TcpSynScan, Plain),
            ("CWR ECE SYN ", TcpSynScan, Plain),
            ("", TcpNullScan, Impossible),
            ("FIN ", TcpFinScan, Impossible),
            ("URG PSH FIN ", TcpXmasScan, Impossible),
            ("ACK FIN ", TcpMaimonScan, Plain),
            ("ACK ", TcpAckScan, Plain),
            ("ACK PSH ", TcpAckScan, Plain),
            ("SYN FIN ", TcpBadFlags, Impossible),
            ("RST SYN ", TcpBadFlags, Impossible),
            ("PSH ", TcpBadFlags, Impossible),
            ("URG ", TcpBadFlags, Impossible),
            ("ECE ", TcpBadFlags, Impossible),
            ("RST FIN ", TcpBadFlags, Impossible),
            ("ACK SYN ", TcpBadFlags, Plain),
            ("RST ", TcpBadFlags, Plain),
            ("URG ACK PSH RST SYN FIN ", TcpBadFlags, Impossible),
        ] {
            assert_eq!(
                kind_and_nature(tcp(50000, 22, flags)),
                Ok((kind, nature)),
                "{flags}"
            );
        }
    }

    #[test]
    fn the_late_end_of_our_own_connection_weighs_next_to_nothing() {
        for flags in ["ACK ", "ACK FIN ", "ACK PSH ", "ACK PSH FIN "] {
            assert!(weight(tcp(443, 45000, flags)) < 0.05, "{flags}");
        }
        for flags in ["RST ", "ACK RST ", "ACK SYN "] {
            assert_eq!(
                tcp(443, 45000, flags),
                Class::Harmless(Harmless::Answer),
                "{flags}"
            );
        }
        assert!(
            weight(tcp(443, 45000, "SYN ")) >= 1.0,
            "an opening is no answer"
        );
        assert!(
            weight(tcp(443, 22, "ACK ")) >= 1.0,
            "nobody answers a port that we do not ask from"
        );
    }

    #[test]
    fn late_answers_over_udp_weigh_next_to_nothing() {
        let stranger = "203.0.113.9";
        for (sport, dport) in [
            (53, 45000),
            (443, 45000),
            (123, 40000),
            (3478, 45012),
            (1900, 50000),
            (51413, 51413),
        ] {
            assert!(weight(udp(stranger, sport, dport)) < 0.2, "{sport}>{dport}");
        }
        assert!(weight(udp(stranger, 53, 161)) >= 1.0);
        assert!(weight(udp(stranger, 40000, 161)) >= 1.0);
        assert_eq!(
            udp("192.168.1.1", 67, 68),
            Class::Harmless(Harmless::Upkeep)
        );
    }

    #[test]
    fn a_neighbour_may_ask_for_what_neighbours_share() {
        assert!(weight(udp("192.168.1.20", 50007, 137)) < 0.5);
        assert!(weight(udp("203.0.113.9", 50007, 137)) >= 1.0);
        assert!(weight(udp("192.168.1.20", 50007, 161)) >= 1.0);
    }

    #[test]
    fn what_everybody_is_sent_is_harmless() {
        let mut to_group = event("192.168.1.20", "PROTO=UDP SPT=5353 DPT=5353 LEN=20 ");
        to_group.group = true;
        assert_eq!(
            classify(&to_group, &Neighbourhood::default(), &FlowRing::none()),
            Class::Harmless(Harmless::Group)
        );
        let mut syn = event(
            "192.168.1.20",
            "PROTO=TCP SPT=50000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ",
        );
        syn.group = true;
        assert!(matches!(
            classify(&syn, &Neighbourhood::default(), &FlowRing::none()),
            Class::Probe(_)
        ));
    }

    #[test]
    fn our_own_and_the_unspecified_address_are_harmless() {
        let own = Neighbourhood {
            addresses: vec!["192.0.2.3".parse().unwrap()],
            ..Neighbourhood::default()
        };
        let rest = "PROTO=UDP SPT=40000 DPT=161 LEN=20 ";
        for (src, interface) in [
            ("192.0.2.3", "eth0"),
            ("0.0.0.0", "eth0"),
            ("127.0.0.1", "lo"),
            ("127.0.0.1", ""),
            ("192.0.2.2", "lo"),
        ] {
            let mut event = event(src, rest);
            event.interface = bounded(interface);
            assert_eq!(
                classify(&event, &own, &FlowRing::none()),
                Class::Harmless(Harmless::Own),
                "{src} by {interface:?}"
            );
        }
    }

    #[test]
    fn an_impossible_sender_is_named_for_what_it_is() {
        let udp = "PROTO=UDP SPT=40000 DPT=161 LEN=20 ";
        let syn = "PROTO=TCP SPT=139 DPT=139 WINDOW=1024 RES=0x00 SYN URGP=0 ";
        for (src, rest, interface, kind) in [
            ("127.0.0.1", udp, "eth0", Kind::Bogon),
            ("224.0.0.5", udp, "eth0", Kind::Bogon),
            ("255.255.255.255", udp, "eth0", Kind::Bogon),
            ("240.0.0.1", udp, "", Kind::Bogon),
            ("0.1.2.3", udp, "eth0", Kind::Bogon),
            ("192.0.2.2", udp, "eth0", Kind::Land),
            ("192.0.2.2", syn, "", Kind::Land),
        ] {
            let mut event = event(src, rest);
            event.interface = bounded(interface);
            assert_eq!(
                kind_and_nature(classify(
                    &event,
                    &Neighbourhood::default(),
                    &FlowRing::none()
                )),
                Ok((kind, Nature::Impossible)),
                "{src} by {interface:?}"
            );
        }
    }

    #[test]
    fn a_further_record_of_the_own_table_raises_no_alarm() {
        let mut event = event(
            "203.0.113.9",
            "PROTO=TCP SPT=50000 DPT=22 WINDOW=1024 RES=0x00 URGP=0 ",
        );
        for (extra, prefix) in Extra::PREFIXES {
            event.prefix = bounded(prefix);
            event.feed = Feed::Nflog;
            assert_eq!(event.extra(), Some(extra));
            assert!(matches!(
                classify(&event, &Neighbourhood::default(), &FlowRing::none()),
                Class::Harmless(_)
            ));
            // A rule of the user's that logs a line may have any prefix.
            event.feed = Feed::Kmsg;
            assert_eq!(event.extra(), None);
        }
    }

    #[test]
    fn pieces_that_cut_the_header_are_told_and_others_are_not() {
        let piece = |proto: &str, flags: &str, behind: &str, extra: bool| {
            let line = format!(
                "X IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN=28 TOS=0x00 PREC=0x00 TTL=50 ID=7 {flags}PROTO={proto} {behind}"
            );
            let read =
                decode::log_line(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
            let mut event = read.into_event(Timestamp(0)).unwrap();
            if extra {
                (event.feed, event.prefix) = (Feed::Nflog, bounded("ww:frag"));
            }
            kind_and_nature(classify(
                &event,
                &Neighbourhood::default(),
                &FlowRing::none(),
            ))
        };
        let told = Ok((Kind::TcpBadFlags, Nature::Impossible));
        let fine = Err(Harmless::Fragment);
        let whole = "SPT=50000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ";
        for extra in [false, true] {
            assert_eq!(piece("TCP", "MF ", "INCOMPLETE [8 bytes] ", extra), told);
            assert_eq!(piece("TCP", "MF FRAG:1 ", "", extra), told);
            assert_eq!(piece("TCP", "FRAG:2 ", "", extra), fine);
            assert_eq!(piece("UDP", "MF FRAG:1 ", "", extra), fine);
        }
        // A first piece with its header is judged once the packet is whole, where somebody puts it together.
        assert_eq!(piece("TCP", "MF ", whole, true), fine);
        assert_eq!(
            piece("TCP", "MF ", whole, false),
            Ok((Kind::TcpSynScan, Nature::Plain))
        );
    }

    #[test]
    fn errors_and_answers_over_icmp_are_harmless() {
        let icmp = |kind: u8| {
            // As the kernel writes each type (net/netfilter/nf_log_syslog.c).
            let fields = match kind {
                0 | 8 => "ID=1 SEQ=1 ",
                5 => "GATEWAY=192.0.2.1 ",
                _ => "",
            };
            let rest = format!("PROTO=ICMP TYPE={kind} CODE=0 {fields}");
            kind_and_nature(classify(
                &event("203.0.113.9", &rest),
                &Neighbourhood::default(),
                &FlowRing::none(),
            ))
        };
        for (kind, reading) in [
            (8, Ok((Kind::PingSweep, Nature::Plain))),
            (13, Ok((Kind::PingSweep, Nature::Plain))),
            (0, Err(Harmless::Answer)),
            (3, Err(Harmless::Error)),
            (11, Err(Harmless::Error)),
            (5, Err(Harmless::Upkeep)),
        ] {
            assert_eq!(icmp(kind), reading, "{kind}");
        }
    }

    #[test]
    fn what_the_firewall_let_pass_weighs_less() {
        let mut passed = event(
            "203.0.113.9",
            "PROTO=TCP SPT=50000 DPT=22 WINDOW=4000 RES=0x00 SYN URGP=0 ",
        );
        let dropped = weight(classify(
            &passed,
            &Neighbourhood::default(),
            &FlowRing::none(),
        ));
        passed.verdict = Verdict::Passed;
        assert!(
            weight(classify(
                &passed,
                &Neighbourhood::default(),
                &FlowRing::none()
            )) < dropped / 2.0
        );
    }

    /// How a datagram or segment of this address is judged by this machine, at a second.
    fn judged(home: &Neighbourhood, src: &str, rest: &str, second: i64) -> Class {
        let mut event = event(src, rest);
        event.time = Timestamp(second * Timestamp::SECOND);
        classify(&event, home, &FlowRing::none())
    }

    #[test]
    fn late_answers_of_name_servers_and_routers_are_awaited_and_their_scans_are_not() {
        const RESOLVER: &str = "198.51.100.53";
        const ROUTER: &str = "192.168.7.1";
        const STRANGER: &str = "203.0.113.9";
        let home = Neighbourhood {
            gateways: vec![Gateway {
                address: ROUTER.parse().unwrap(),
                interface: bounded("eth0"),
                mac: None,
            }],
            resolvers: vec![RESOLVER.parse().unwrap()],
            ..Neighbourhood::default()
        };
        let tcp = |sport: u16, dport: u16, flags: &str| {
            format!("PROTO=TCP SPT={sport} DPT={dport} WINDOW=4000 RES=0x00 {flags}URGP=0 ")
        };
        let udp = |sport: u16, dport: u16| format!("PROTO=UDP SPT={sport} DPT={dport} LEN=20 ");
        let awaited = Class::Harmless(Harmless::Answer);
        for rest in [
            udp(53, 45000),
            udp(853, 45001),
            udp(1900, 45002),
            tcp(53, 45000, "ACK FIN "),
            tcp(853, 45000, "ACK PSH "),
        ] {
            assert_eq!(judged(&home, RESOLVER, &rest, 0), awaited, "{rest}");
            assert_eq!(judged(&home, ROUTER, &rest, 0), awaited, "{rest}");
            assert!(
                matches!(judged(&home, STRANGER, &rest, 0), Class::Probe(_)),
                "{rest}"
            );
        }
        for rest in [
            tcp(53, 22, "SYN "),
            tcp(20, 45000, "SYN "),
            tcp(53, 22, "ACK "),
            tcp(53, 22, ""),
            tcp(40000, 6881, "SYN "),
            udp(53, 161),
            udp(40000, 161),
            udp(40000, 45000),
            "PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=1 ".to_owned(),
        ] {
            for src in [RESOLVER, ROUTER] {
                assert!(
                    matches!(judged(&home, src, &rest, 0), Class::Probe(_)),
                    "{src}: {rest}"
                );
            }
        }
    }

    #[test]
    fn what_is_late_just_behind_a_sleep_is_awaited() {
        let home = Neighbourhood {
            resumed_at: Some(Timestamp(1000 * Timestamp::SECOND)),
            ..Neighbourhood::default()
        };
        let late = "PROTO=TCP SPT=443 DPT=45000 WINDOW=501 RES=0x00 ACK FIN URGP=0 ";
        for (second, awaited) in [
            (900, false),
            (995, true),
            (1000, true),
            (1119, true),
            (1121, false),
        ] {
            let class = judged(&home, "203.0.113.9", late, second);
            assert_eq!(
                class == Class::Harmless(Harmless::Answer),
                awaited,
                "{second}: {class:?}"
            );
        }
        let syn = "PROTO=TCP SPT=443 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ";
        assert!(weight(judged(&home, "203.0.113.9", syn, 1000)) >= 1.0);
    }

    #[test]
    fn a_container_of_ours_asks_for_what_it_was_set_up_to() {
        let syn =
            |window| format!("PROTO=TCP SPT=50000 DPT=5432 WINDOW={window} RES=0x00 SYN URGP=0 ");
        let nature = |interface: &str, src: &str, rest: &str| {
            let mut event = event(src, rest);
            event.interface = bounded(interface);
            match classify(&event, &Neighbourhood::default(), &FlowRing::none()) {
                Class::Probe(probe) => probe.nature,
                Class::Harmless(harmless) => panic!("{interface} {src}: {harmless:?}"),
            }
        };
        for (interface, src, window, expected) in [
            ("docker0", "172.17.0.2", 4000, Nature::ReplyLike),
            ("br-0a1b2c", "172.18.0.2", 4000, Nature::ReplyLike),
            ("virbr0", "192.168.122.7", 4000, Nature::ReplyLike),
            // A tool is a tool wherever it runs, and a stranger is none of ours.
            ("docker0", "172.17.0.2", 1024, Nature::Plain),
            ("docker0", "203.0.113.9", 4000, Nature::Plain),
            ("eth0", "172.17.0.2", 4000, Nature::Plain),
            ("veth0", "172.17.0.2", 4000, Nature::Plain),
            ("br0", "172.17.0.2", 4000, Nature::Plain),
        ] {
            assert_eq!(
                nature(interface, src, &syn(window)),
                expected,
                "{interface} {src} {window}"
            );
        }
    }

    #[test]
    fn a_call_to_everybody_from_afar_is_a_probe_where_our_networks_are_known() {
        let class = |home: &Neighbourhood, src: &str, dport: u16| {
            let mut event = event(src, &format!("PROTO=UDP SPT=40000 DPT={dport} LEN=20 "));
            event.packet.dst = "239.255.255.250".parse().unwrap();
            event.group = true;
            kind_and_nature(classify(&event, home, &FlowRing::none()))
        };
        let home = Neighbourhood {
            networks: vec![Network {
                address: "198.51.100.7".parse().unwrap(),
                prefix_len: 24,
                interface: bounded("eth0"),
            }],
            ..Neighbourhood::default()
        };
        let probe = Ok((Kind::UdpScan, Nature::Plain));
        let harmless = Err(Harmless::Group);
        assert_eq!(class(&home, "203.0.113.9", 1900), probe);
        assert_eq!(class(&home, "198.51.100.9", 1900), harmless);
        assert_eq!(class(&home, "192.168.7.9", 1900), harmless);
        // A stream of television is for a group too.
        assert_eq!(class(&home, "203.0.113.9", 5004), harmless);
        let unknown = Neighbourhood::default();
        assert_eq!(class(&unknown, "203.0.113.9", 1900), harmless);
    }
}
