//! ICMP messages: errors with the packet that they quote, and answers.

use super::{Case, Explanation, Noise, services};
use crate::packet::{Icmp, Protocol, Quoted};

/// Explains an error.
pub(super) fn error(case: &Case<'_>, icmp: &Icmp) -> Explanation {
    let packet = case.packet;
    let src = packet.src;
    let what = reported(packet.protocol, icmp.kind, icmp.code);
    let Some(quoted) = &icmp.quoted else {
        return case.likely(
            Noise::IcmpError, || format!(
                "{src} reports that {what}. Which packet that was, the line does not tell; such reports are a part of every network."
            ));
    };
    let about = || about(quoted);
    if quoted.src != packet.dst {
        return case.likely(
            Noise::Backscatter, || format!(
                "{src} reports to {} that {what}, but quotes {} from {}, which is somebody else. Probably a sender was forged.",
                packet.dst,
                about(),
                quoted.src
            ));
    }
    let traceroute = is_time_exceeded(packet.protocol, icmp.kind) && quoted.ttl <= 1;
    let end = if traceroute && quoted.dst != src {
        "So answer routers on the way to what traceroute sends: probably it runs there."
    } else {
        "Probably this computer had sent that, and the report came after the firewall forgot it. Such reports are a part of every network."
    };
    case.likely(Noise::IcmpError, || {
        format!(
            "{src} reports that {what}: {} from {} itself. {end}",
            about(),
            case.target()
        )
    })
}

/// Explains what is neither error nor question.
pub(super) fn other(case: &Case<'_>, icmp: &Icmp) -> Explanation {
    let src = case.packet.src;
    let answers = match (case.packet.protocol, icmp.kind) {
        (Protocol::ICMP, 0) | (Protocol::ICMPV6, 129) => "a ping",
        (Protocol::ICMP, 14) => "a question for the time",
        (Protocol::ICMP, 16) => "a question for the network",
        (Protocol::ICMP, 18) => "a question for the network's mask",
        _ => {
            return case.void(
                Noise::Malformed, || format!(
                    "{src} sent an ICMP message of the type {}, which desktops have no use for. The kernel does nothing with it.",
                    icmp.kind
                ));
        }
    };
    case.likely(
        Noise::IcmpAnswer, || format!(
            "{src} answers {answers}. Probably {} asked; if not, somebody asked with its address as forged sender.",
            case.target()
        ))
}

const fn is_time_exceeded(protocol: Protocol, kind: u8) -> bool {
    matches!(
        (protocol, kind),
        (Protocol::ICMP, 11) | (Protocol::ICMPV6, 3)
    )
}

/// The packet that an error quotes: "a TCP segment to 198.51.100.7, port 443 (HTTPS),".
fn about(quoted: &Quoted) -> String {
    let Quoted { dst, protocol, .. } = quoted;
    let what = match *protocol {
        Protocol::TCP => "a TCP segment".to_owned(),
        Protocol::UDP => "a UDP datagram".to_owned(),
        Protocol::ICMP | Protocol::ICMPV6
            if matches!(quoted.icmp, Some((8, _))) || matches!(quoted.icmp, Some((128, _))) =>
        {
            "a ping".to_owned()
        }
        _ => format!("a packet ({protocol})"),
    };
    match quoted.dport {
        Some(port) => format!("{what} to {dst}, {},", services::port(*protocol, port)),
        None => format!("{what} to {dst}"),
    }
}

/// What an error reports (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3).
const fn reported(protocol: Protocol, kind: u8, code: u8) -> &'static str {
    match (protocol, kind, code) {
        (Protocol::ICMP, 3, 0 | 6 | 8 | 11) | (Protocol::ICMPV6, 1, 0) => {
            "there is no way to a network"
        }
        (Protocol::ICMP, 3, 1 | 7 | 12) | (Protocol::ICMPV6, 1, 3) => {
            "a computer cannot be reached"
        }
        (Protocol::ICMP, 3, 2) => "a computer does not speak a protocol",
        (Protocol::ICMP, 3, 3) | (Protocol::ICMPV6, 1, 4) => "nobody listens at a port",
        (Protocol::ICMP, 3, 4) | (Protocol::ICMPV6, 2, _) => {
            "a packet was too large for a part of the way"
        }
        (Protocol::ICMP, 3, 9 | 10 | 13) | (Protocol::ICMPV6, 1, 1 | 5 | 6) => {
            "a firewall did not let a packet through"
        }
        (Protocol::ICMP, 3, _) | (Protocol::ICMPV6, 1, _) => "something cannot be reached",
        (Protocol::ICMP, 4, _) => "packets come too fast",
        (Protocol::ICMP, 11, 0) | (Protocol::ICMPV6, 3, 0) => {
            "a packet passed more routers than it was allowed to"
        }
        (Protocol::ICMP, 11, _) | (Protocol::ICMPV6, 3, _) => {
            "pieces of a packet did not come in time"
        }
        _ => "something is wrong with a packet's header",
    }
}
