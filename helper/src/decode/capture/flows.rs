//! What this machine sent, so that answers are known as answers.
//!
//! A probe that is refused makes no flow: a TCP reset is not remembered. So what a scanner sends stays what came unasked.

use std::{
    hash::{DefaultHasher, Hash, Hasher as _},
    net::{IpAddr, Ipv6Addr},
};

use crate::{
    decode::Report,
    packet::{Icmp, Packet, Protocol, Quoted, TcpFlags, Transport},
};

/// So many flows are remembered, 40 bytes each.
const FLOWS: usize = 16 * 1024;
/// So many of them share a place; the one that was used longest ago gives way.
const WAYS: usize = 4;
/// Where nothing was remembered.
const EMPTY: Flow = Flow {
    local: 0,
    remote: 0,
    local_port: 0,
    remote_port: 0,
    protocol: 0,
    kind: Kind::None,
};

/// What a flow stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// Nothing.
    None,
    /// Packets between two ports, or of one echo.
    Ports,
    /// A question to a group, which anybody may answer.
    Asked,
    /// Fragments of one packet; the ports are the two halves of its identification.
    Fragments,
}

/// A conversation as this machine sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    local: u128,
    remote: u128,
    local_port: u16,
    remote_port: u16,
    protocol: u8,
    kind: Kind,
}

impl Flow {
    pub(super) fn between(protocol: Protocol, local: (IpAddr, u16), remote: (IpAddr, u16)) -> Self {
        Self {
            local: bits(local.0),
            remote: bits(remote.0),
            local_port: local.1,
            remote_port: remote.1,
            protocol: protocol.0,
            kind: Kind::Ports,
        }
    }

    fn asked(protocol: Protocol, port: u16) -> Self {
        Self {
            local_port: port,
            protocol: protocol.0,
            kind: Kind::Asked,
            ..EMPTY
        }
    }

    /// The fragments of a packet that comes in.
    fn fragments(packet: &Packet) -> Option<Self> {
        packet.fragment?;
        let [high, low] = [packet.ip_id? >> 16, packet.ip_id? & 0xffff];
        let half = |half| u16::try_from(half).unwrap_or_default();
        let flow = Self::between(
            packet.protocol,
            (packet.dst, half(high)),
            (packet.src, half(low)),
        );
        Some(Self {
            kind: Kind::Fragments,
            ..flow
        })
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}

/// The flows of this machine that were used last.
#[derive(Debug, Default)]
pub(super) struct Flows {
    /// Empty until there is one.
    table: Vec<[Flow; WAYS]>,
}

impl Flows {
    /// Takes in a packet that this machine sent.
    pub(super) fn sent(&mut self, report: &Report) {
        let Some(packet) = report.packet() else {
            return;
        };
        let (src, dst, protocol) = (packet.src, packet.dst, packet.protocol);
        match &packet.transport {
            Transport::Tcp(tcp) if tcp.flags.contains(TcpFlags::RST) => {}
            Transport::Icmp(icmp) => {
                if let Some((_, id)) = echo(protocol, icmp).filter(|(asks, _)| *asks) {
                    self.remember(Flow::between(protocol, (src, id), (dst, 0)));
                    // An error that quotes it does not tell the identifier.
                    self.remember(Flow::between(protocol, (src, 0), (dst, 0)));
                }
            }
            // The ports are not known.
            Transport::Other if packet.fragment.is_some() || has_ports(protocol) => {}
            _ => {
                let [sport, dport] = ports(packet);
                if report.group && protocol == Protocol::UDP {
                    self.remember(Flow::asked(protocol, sport));
                }
                self.remember(Flow::between(protocol, (src, sport), (dst, dport)));
            }
        }
    }

    /// Is this packet that came in an answer?
    pub(super) fn is_answer(&mut self, report: &Report) -> bool {
        let Some(packet) = report.packet() else {
            return false;
        };
        if packet.fragment.is_some_and(|fragment| fragment.offset > 0) {
            return Flow::fragments(packet).is_some_and(|flow| self.knows(flow));
        }
        let answer = self.answers(packet);
        if answer && let Some(fragments) = Flow::fragments(packet) {
            self.remember(fragments);
        }
        answer
    }

    fn answers(&self, packet: &Packet) -> bool {
        if self.table.is_empty() {
            return false;
        }
        let (src, dst, protocol) = (packet.src, packet.dst, packet.protocol);
        let [sport, dport] = ports(packet);
        let reverse = Flow::between(protocol, (dst, dport), (src, sport));
        match &packet.transport {
            // Nobody answers by opening; but over the loopback this machine meets itself.
            Transport::Tcp(tcp) if opens(tcp.flags) => src == dst && self.knows_sent(packet),
            Transport::Icmp(icmp) => match (&icmp.quoted, echo(protocol, icmp)) {
                (Some(quoted), _) => self.knows_quoted(quoted),
                (None, Some((false, id))) => {
                    self.knows(Flow::between(protocol, (dst, id), (src, 0)))
                }
                _ => false,
            },
            Transport::Udp(udp) => {
                self.knows(reverse) || self.knows(Flow::asked(protocol, udp.dport))
            }
            Transport::Other if has_ports(protocol) => false,
            _ => self.knows(reverse),
        }
    }

    fn knows_sent(&self, packet: &Packet) -> bool {
        let [sport, dport] = ports(packet);
        let (local, remote) = ((packet.src, sport), (packet.dst, dport));
        self.knows(Flow::between(packet.protocol, local, remote))
    }

    /// Did this machine send what an ICMP error quotes?
    fn knows_quoted(&self, quoted: &Quoted) -> bool {
        let [sport, dport] = match quoted.sport.zip(quoted.dport) {
            Some((sport, dport)) => [sport, dport],
            None if has_ports(quoted.protocol) => return false,
            None => [0, 0],
        };
        let (local, remote) = ((quoted.src, sport), (quoted.dst, dport));
        self.knows(Flow::between(quoted.protocol, local, remote))
    }

    fn knows(&self, flow: Flow) -> bool {
        self.table
            .get(self.place(&flow))
            .is_some_and(|ways| ways.contains(&flow))
    }

    /// Puts a flow first in its place.
    fn remember(&mut self, flow: Flow) {
        if self.table.is_empty() {
            self.table = vec![[EMPTY; WAYS]; FLOWS / WAYS];
        }
        let place = self.place(&flow);
        if let Some(ways) = self.table.get_mut(place) {
            let known = ways.iter().position(|known| *known == flow);
            let last = known.unwrap_or(WAYS - 1);
            if let Some(younger) = ways.get_mut(..=last) {
                younger.rotate_right(1);
            }
            ways[0] = flow;
        }
    }

    fn place(&self, flow: &Flow) -> usize {
        let mut hasher = DefaultHasher::new();
        flow.hash(&mut hasher);
        let hash = usize::try_from(hasher.finish() >> 32).unwrap_or_default();
        hash.checked_rem(self.table.len()).unwrap_or_default()
    }
}

/// Source and destination port, 0 where there are none.
pub(super) fn ports(packet: &Packet) -> [u16; 2] {
    [packet.sport(), packet.dport()].map(Option::unwrap_or_default)
}

/// Does a header of this protocol begin with ports?
const fn has_ports(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::TCP | Protocol::UDP | Protocol::UDPLITE | Protocol::SCTP
    )
}

/// Does it ask for a connection?
pub(super) const fn opens(flags: TcpFlags) -> bool {
    flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK)
}

/// Does it ask, and with which identifier? ICMP's echo, timestamp and address mask (RFC 792, RFC 950), ICMPv6's echo.
const fn echo(protocol: Protocol, icmp: &Icmp) -> Option<(bool, u16)> {
    let asks = match (protocol, icmp.kind) {
        (Protocol::ICMP, 8 | 13 | 17) | (Protocol::ICMPV6, 128) => true,
        (Protocol::ICMP, 0 | 14 | 18) | (Protocol::ICMPV6, 129) => false,
        _ => return None,
    };
    match icmp.id {
        Some(id) => Some((asks, id)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::Body,
        event::Feed,
        packet::{Fragment, IpOptions, Tcp, Udp},
    };

    const OWN: &str = "192.0.2.1";
    const OTHER: &str = "198.51.100.7";

    fn report(src: &str, dst: &str, protocol: Protocol, transport: Transport) -> Report {
        let packet = Packet {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            protocol,
            len: 60,
            ttl: 64,
            tos: 0,
            ip_id: Some(7),
            df: false,
            fragment: None,
            has_options: false,
            ip_options: IpOptions::new(),
            transport,
        };
        let group = packet.is_to_group();
        Report {
            group,
            ..Report::bare(Feed::Pcap, Body::Packet(packet))
        }
    }

    fn tcp(src: (&str, u16), dst: (&str, u16), flags: u8) -> Report {
        let tcp = Tcp {
            sport: src.1,
            dport: dst.1,
            seq: None,
            ack: None,
            flags: TcpFlags(flags),
            window: 0,
            urgp: 0,
            options: None,
        };
        report(src.0, dst.0, Protocol::TCP, Transport::Tcp(tcp))
    }

    fn udp(src: (&str, u16), dst: (&str, u16)) -> Report {
        let (sport, dport) = (src.1, dst.1);
        let udp = Udp {
            sport,
            dport,
            len: None,
        };
        report(src.0, dst.0, Protocol::UDP, Transport::Udp(udp))
    }

    fn icmp(src: &str, dst: &str, kind: u8, id: Option<u16>, quoted: Option<Quoted>) -> Report {
        let icmp = Icmp {
            kind,
            code: 0,
            id,
            seq: id,
            detail: None,
            quoted,
        };
        report(src, dst, Protocol::ICMP, Transport::Icmp(icmp))
    }

    fn quote(protocol: Protocol, dst: &str, ports: Option<(u16, u16)>) -> Quoted {
        Quoted {
            src: OWN.parse().unwrap(),
            dst: dst.parse().unwrap(),
            protocol,
            len: 60,
            ttl: 1,
            sport: ports.map(|ports| ports.0),
            dport: ports.map(|ports| ports.1),
            flags: None,
            icmp: None,
        }
    }

    #[test]
    fn a_connection_is_known_by_what_this_machine_sends_but_for_resets() {
        const SYN: u8 = 2;
        const SYN_ACK: u8 = 0x12;
        const RST_ACK: u8 = 0x14;
        const ACK: u8 = 0x10;
        let (own, other) = ((OWN, 40000), (OTHER, 443));
        for (sent, came, expected) in [
            (SYN, SYN_ACK, true),
            (SYN, RST_ACK, true),
            (ACK, ACK, true),
            (SYN_ACK, ACK, true),
            (SYN_ACK, SYN, false),
            (RST_ACK, ACK, false),
            (RST_ACK, SYN, false),
        ] {
            let mut flows = Flows::default();
            flows.sent(&tcp(own, other, sent));
            let answer = flows.is_answer(&tcp(other, own, came));
            assert_eq!(answer, expected, "{sent:#x} then {came:#x}");
            assert!(!flows.is_answer(&tcp((OTHER, 444), own, came)));
            assert!(!flows.is_answer(&tcp(other, (OWN, 22), came)));
        }
    }

    #[test]
    fn a_question_to_a_group_may_be_answered_by_anybody() {
        let mut flows = Flows::default();
        flows.sent(&udp((OWN, 50000), ("239.255.255.250", 1900)));
        assert!(flows.is_answer(&udp((OTHER, 1900), (OWN, 50000))));
        assert!(flows.is_answer(&udp((OTHER, 49152), (OWN, 50000))));
        assert!(!flows.is_answer(&udp((OTHER, 1900), (OWN, 50001))));
    }

    #[test]
    fn an_error_answers_what_it_quotes() {
        let mut flows = Flows::default();
        flows.sent(&udp((OWN, 50000), (OTHER, 53)));
        flows.sent(&icmp(OWN, OTHER, 8, Some(9), None));
        let router = "203.0.113.1";
        for (quoted, expected) in [
            (Some(quote(Protocol::UDP, OTHER, Some((50000, 53)))), true),
            (Some(quote(Protocol::UDP, OTHER, Some((50000, 54)))), false),
            (Some(quote(Protocol::UDP, OTHER, None)), false),
            (Some(quote(Protocol::ICMP, OTHER, None)), true),
            (Some(quote(Protocol::ICMP, router, None)), false),
            (None, false),
        ] {
            let error = icmp(router, OWN, 11, None, quoted);
            assert_eq!(flows.is_answer(&error), expected, "{quoted:?}");
        }
        assert!(flows.is_answer(&icmp(OTHER, OWN, 0, Some(9), None)));
        assert!(!flows.is_answer(&icmp(OTHER, OWN, 0, Some(8), None)));
        assert!(!flows.is_answer(&icmp(OTHER, OWN, 8, Some(9), None)));
    }

    #[test]
    fn the_fragments_of_an_answer_belong_to_it() {
        let mut flows = Flows::default();
        flows.sent(&udp((OWN, 50000), (OTHER, 53)));
        let fragment = |mut report: Report, offset| {
            if let Body::Packet(packet) = &mut report.body {
                packet.fragment = Some(Fragment { offset, more: true });
                if offset > 0 {
                    packet.transport = Transport::Other;
                }
            }
            report
        };
        let answer = |offset| fragment(udp((OTHER, 53), (OWN, 50000)), offset);
        assert!(!flows.is_answer(&answer(1480)), "before the first");
        assert!(flows.is_answer(&answer(0)));
        assert!(flows.is_answer(&answer(1480)));
        let stranger = fragment(udp(("203.0.113.9", 53), (OWN, 50000)), 1480);
        assert!(!flows.is_answer(&stranger));
    }

    #[test]
    fn this_machine_over_its_loopback_is_no_stranger() {
        let mut flows = Flows::default();
        let knock = tcp((OWN, 40000), (OWN, 22), 2);
        assert!(!flows.is_answer(&knock), "a forged source");
        flows.sent(&knock);
        assert!(flows.is_answer(&knock));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_latest_stays() {
        let mut flows = Flows::default();
        for port in 0..=u16::MAX {
            flows.sent(&udp((OWN, port), (OTHER, 53)));
            flows.sent(&udp((OWN, 50000), (OTHER, 123)));
        }
        let held = flows.table.iter().flatten();
        let held = held.filter(|flow| flow.kind != Kind::None).count();
        assert!(held <= FLOWS && held > FLOWS / 2, "{held}");
        assert!(flows.is_answer(&udp((OTHER, 123), (OWN, 50000))));
        assert!(flows.is_answer(&udp((OTHER, 53), (OWN, u16::MAX))));
        assert!(!flows.is_answer(&udp((OTHER, 53), (OWN, 0))));
    }
}
