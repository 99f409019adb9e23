//! What a flow that somebody began with this machine is for: the accepted ports of a scan, where nobody tells of packets.
//!
//! Of a flow are known its addresses, ports and protocol, and of TCP whether it began with a SYN. Everything else that
//! [`super::classify`] goes by, from flags to options, is not told, so tools and impossible packets are never seen here.

use wallwatch_dbus::{Kind, Verdict};

use super::{
    class::{Class, Harmless, Nature, Probe, is_of_flow, likened, weighed},
    icmp, tcp, udp,
};
use crate::{
    flow::{Direction, Ends, Flow, FlowRing, TcpState},
    neighbourhood::Neighbourhood,
    packet::{Icmp, Protocol},
};

/// Says what a flow that has begun is for.
#[must_use]
pub fn classify_flow(flow: &Flow, neighbourhood: &Neighbourhood, flows: &FlowRing) -> Class {
    match flow.direction(neighbourhood) {
        Direction::Inbound => {}
        Direction::Local | Direction::Outbound => return Class::Harmless(Harmless::Own),
        Direction::Foreign => return Class::Harmless(Harmless::Group),
    }
    let relation = flows.relation_of_flow(flow, neighbourhood);
    if relation.is_some_and(is_of_flow) {
        return Class::Harmless(Harmless::Flow);
    }
    match judge(flow, neighbourhood) {
        Ok(probe) => {
            let probe = relation.map_or(probe, |relation| likened(probe, relation));
            let near = neighbourhood.is_near(flow.original.src);
            let dport = flow.original.dport();
            Class::Probe(weighed(probe, dport, near, Verdict::Passed))
        }
        Err(harmless) => Class::Harmless(harmless),
    }
}

fn judge(flow: &Flow, neighbourhood: &Neighbourhood) -> Result<Probe, Harmless> {
    let original = &flow.original;
    let near = neighbourhood.is_near(original.src);
    match original.ends {
        Ends::Ports { sport, dport } => {
            let (kind, weight, nature) = match original.protocol {
                Protocol::TCP if flow.tcp == Some(TcpState::SYN_SENT) => {
                    tcp::of_stack(sport, dport, near)
                }
                // It begins in its middle: an ACK that belongs to nothing.
                Protocol::TCP => (Kind::TcpAckScan, 1.0, Nature::Plain),
                Protocol::UDP | Protocol::UDPLITE => {
                    let on_link = neighbourhood.is_close(original.src, original.dst);
                    let (weight, nature) =
                        udp::judge_ports(original.src, (sport, dport), on_link, neighbourhood)?;
                    (Kind::UdpScan, weight, nature)
                }
                _ => (Kind::SctpScan, 1.0, Nature::Plain),
            };
            Ok(Probe {
                unit: dport.into(),
                ..Probe::new(kind, weight, nature)
            })
        }
        Ends::Icmp { id, kind, code } => icmp::judge(
            original.protocol,
            &Icmp {
                kind,
                code,
                id: Some(id),
                seq: None,
                detail: None,
                quoted: None,
            },
        ),
        Ends::None if original.protocol == Protocol::IGMP => Err(Harmless::Upkeep),
        Ends::None => Ok(Probe {
            unit: original.protocol.0.into(),
            ..Probe::new(Kind::IpProtocolScan, 1.0, Nature::Plain)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Timestamp,
        flow::{Stage, Tuple},
    };

    const US: &str = "192.0.2.2";

    fn home() -> Neighbourhood {
        Neighbourhood {
            addresses: vec![US.parse().unwrap()],
            ..Neighbourhood::default()
        }
    }

    fn flow(src: &str, dst: &str, protocol: Protocol, ends: Ends, tcp: Option<TcpState>) -> Flow {
        let original = Tuple {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            protocol,
            ends,
        };
        Flow {
            time: Timestamp(0),
            stage: Stage::Began,
            id: None,
            original,
            reply: Tuple {
                src: original.dst,
                dst: original.src,
                ..original
            },
            answered: false,
            assured: false,
            tcp,
            mark: 0,
            began: None,
            sent: None,
            received: None,
        }
    }

    /// Kind, nature and hundredths of weight of what a stranger begins with us.
    fn judged(
        protocol: Protocol,
        ends: Ends,
        tcp: Option<TcpState>,
    ) -> Result<(Kind, Nature, u32), Harmless> {
        let flow = flow("203.0.113.9", US, protocol, ends, tcp);
        match classify_flow(&flow, &home(), &FlowRing::none()) {
            Class::Probe(probe) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a weight is small and not negative"
                )]
                let hundredths = (probe.weight * 100.0).round() as u32;
                Ok((probe.kind, probe.nature, hundredths))
            }
            Class::Harmless(harmless) => Err(harmless),
        }
    }

    #[test]
    fn each_protocol_has_its_kind_and_what_passed_weighs_little() {
        use Nature::{Plain, ReplyLike};
        let ports = |sport, dport| Ends::Ports { sport, dport };
        let icmp = |kind, code| Ends::Icmp { id: 1, kind, code };
        let (syn, ack) = (Some(TcpState::SYN_SENT), Some(TcpState::ESTABLISHED));
        for (protocol, ends, tcp, expected) in [
            (
                Protocol::TCP,
                ports(50000, 22),
                syn,
                Ok((Kind::TcpConnectScan, Plain, 30)),
            ),
            (
                Protocol::TCP,
                ports(50000, 22),
                ack,
                Ok((Kind::TcpAckScan, Plain, 30)),
            ),
            (
                Protocol::TCP,
                ports(50000, 6881),
                syn,
                Ok((Kind::TcpConnectScan, ReplyLike, 12)),
            ),
            (
                Protocol::UDP,
                ports(50000, 161),
                None,
                Ok((Kind::UdpScan, Plain, 30)),
            ),
            (
                Protocol::UDP,
                ports(53, 45000),
                None,
                Ok((Kind::UdpScan, ReplyLike, 2)),
            ),
            (Protocol::UDP, ports(67, 68), None, Err(Harmless::Upkeep)),
            (
                Protocol::SCTP,
                ports(50000, 36412),
                None,
                Ok((Kind::SctpScan, Plain, 30)),
            ),
            (
                Protocol(47),
                Ends::None,
                None,
                Ok((Kind::IpProtocolScan, Plain, 30)),
            ),
            (Protocol::IGMP, Ends::None, None, Err(Harmless::Upkeep)),
            (Protocol::ICMPV6, icmp(129, 0), None, Err(Harmless::Answer)),
        ] {
            assert_eq!(judged(protocol, ends, tcp), expected, "{protocol} {ends:?}");
        }
        let ping = judged(Protocol::ICMP, icmp(8, 0), None).map(|(kind, nature, _)| (kind, nature));
        assert_eq!(ping, Ok((Kind::PingSweep, Plain)));
    }

    #[test]
    fn only_what_others_begin_with_us_can_be_an_attack() {
        let class = |src, dst| {
            let ends = Ends::Ports {
                sport: 50000,
                dport: 22,
            };
            let flow = flow(src, dst, Protocol::TCP, ends, Some(TcpState::SYN_SENT));
            classify_flow(&flow, &home(), &FlowRing::none())
        };
        for (src, dst, harmless) in [
            (US, "203.0.113.9", Harmless::Own),
            (US, US, Harmless::Own),
            ("127.0.0.1", "127.0.0.1", Harmless::Own),
            ("203.0.113.9", "224.0.0.251", Harmless::Group),
            ("203.0.113.9", "192.0.2.77", Harmless::Group),
        ] {
            assert_eq!(class(src, dst), Class::Harmless(harmless), "{src} > {dst}");
        }
        assert!(matches!(class("203.0.113.9", US), Class::Probe(_)));
    }
}
