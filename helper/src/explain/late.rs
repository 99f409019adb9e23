//! What answers, late or out of order, to something that this computer or another one asked.

use super::{Case, Class, Explanation, Noise, services};
use crate::{
    detect,
    packet::{Protocol, Tcp, TcpFlags, Transport, Udp},
};

/// From here on stand the ports that clients take (Documentation/networking/ip-sysctl.rst, `ip_local_port_range`).
const FIRST_CLIENT_PORT: u16 = 32768;
/// The destination ports of traceroute (traceroute(8), option -p: 33434 and one more for each probe).
const TRACEROUTE: std::ops::RangeInclusive<u16> = 33434..=33534;

/// It goes so many routers far (traceroute(8), option -m), so none of its packets comes with more left to live.
const MAX_HOPS: u8 = 30;

/// Explains a packet that looks like an answer.
pub(super) fn answer(case: &Case<'_>) -> Explanation {
    match &case.packet.transport {
        Transport::Tcp(tcp) => segment(case, tcp),
        Transport::Udp(udp) => datagram(case, udp),
        _ => case.likely(Noise::LateAnswer, || {
            format!(
                "{} sent {} that is probably the answer to something.",
                case.packet.src,
                case.what()
            )
        }),
    }
}

/// Is the class no more than the best guess by ports that nobody gave a meaning, or of strangers alone?
pub(super) const fn is_a_guess(class: Class) -> bool {
    matches!(
        class,
        Class::Noise(
            Noise::LateAnswer | Noise::PeerToPeer | Noise::Traceroute | Noise::Backscatter
        )
    )
}

fn segment(case: &Case<'_>, tcp: &Tcp) -> Explanation {
    let src = case.packet.src;
    let from = || services::port(Protocol::TCP, tcp.sport);
    let (syn, fin, rst) = (
        tcp.flags.contains(TcpFlags::SYN),
        tcp.flags.contains(TcpFlags::FIN),
        tcp.flags.contains(TcpFlags::RST),
    );
    if tcp.flags.control() == TcpFlags::SYN {
        return if detect::is_peer_port(tcp.dport) {
            peers(case, tcp.sport, tcp.dport)
        } else {
            case.likely(
                Noise::LateAnswer, || format!(
                    "{src} opens a connection from {}: so does a file server that this computer probably asked for a file (active \
                     FTP). Scanners may use that port too; tries of very many ports are an alert.",
                    from()
                ))
        };
    }
    if !case.neighbourhood.ephemeral.contains(&tcp.dport) {
        let answers = if rst {
            "refuses or breaks off"
        } else {
            "accepts"
        };
        return case.likely(
            Noise::Backscatter, || format!(
                "{src} {answers} a connection to its {} that was asked for from port {} here, where {} asks from hardly ever. \
                 Probably somebody attacks {src} with forged senders, and this address was one of them.",
                from(),
                tcp.dport,
                case.target()
            ));
    }
    let does = if syn {
        "accepts a connection that this computer, or somebody in its name, probably asked for"
    } else if rst {
        "breaks off or refuses a connection that this computer probably had"
    } else if fin {
        "ends a connection that this computer probably had"
    } else {
        "sent a straggler of a connection that this computer probably had"
    };
    case.likely(
        Noise::LateTcp, || format!(
            "{src} {does} with its {}. The packet probably came after the firewall had forgotten the connection, as happens every day.",
            from()
        ))
}

/// A UDP datagram, by the port that it is from.
fn datagram(case: &Case<'_>, udp: &Udp) -> Explanation {
    let packet = case.packet;
    let local = case.neighbourhood.is_on_link(packet);
    if !local && matches!(udp.sport, 137 | 1900 | 3702 | 5353 | 5355) {
        return reflected(case, udp);
    }
    let Some((noise, what)) = answer_from(udp.sport) else {
        return unknown_service(case, udp, local);
    };
    case.likely(noise, || {
        format!(
            "{} sent {} from {}: probably {what}.",
            packet.src,
            case.packet_name(),
            services::port(Protocol::UDP, udp.sport)
        )
    })
}

/// What a datagram from a well-known port looks like.
pub(super) const fn answer_from(sport: u16) -> Option<(Noise, &'static str)> {
    Some(match sport {
        53 | 853 => (
            Noise::LateDns,
            "the late answer of a name server to a question of this computer",
        ),
        123 => (
            Noise::LateNtp,
            "the late answer of a time server to this computer's question for the time",
        ),
        443 => (
            Noise::LateQuic,
            "the tail of a connection that this computer had with a web site (QUIC)",
        ),
        500 | 4500 => (
            Noise::LateAnswer,
            "the late answer of a partner of a private network (IPsec)",
        ),
        3478 | 3479 | 5349 | 19302..=19309 => (
            Noise::LateStun,
            "the late answer of a server that calls and games ask for the way out (STUN)",
        ),
        1900 => (
            Noise::SsdpAnswer,
            "the answer of a TV, a router or the like to this computer's search for media players (SSDP), which firewalls cannot tell \
             from a question",
        ),
        5353 => (
            Noise::Mdns,
            "the answer of a device of this network to a question for a name or a service (mDNS)",
        ),
        3702 => (
            Noise::WsDiscovery,
            "the answer of a printer, a camera or the like to this computer's search for them (WS-Discovery)",
        ),
        5355 => (
            Noise::Llmnr,
            "the answer of a device of this network to a question for a name (LLMNR)",
        ),
        137 | 138 => (
            Noise::Netbios,
            "a Windows computer of this network that speaks of its name, or answers a question for it (NetBIOS)",
        ),
        _ => return None,
    })
}

/// An answer of a service that never leaves its own network, from far away.
fn reflected(case: &Case<'_>, udp: &Udp) -> Explanation {
    case.likely(
        Noise::Backscatter, || format!(
            "{} answers from {}, a service that no honest question reaches from outside its own network. Probably somebody asked it \
             with this computer's address as forged sender; very many such answers are a flood.",
            case.packet.src,
            services::port(Protocol::UDP, udp.sport)
        ))
}

/// A datagram between ports that no well-known service has.
fn unknown_service(case: &Case<'_>, udp: &Udp, local: bool) -> Explanation {
    let src = case.packet.src;
    let Udp { sport, dport, .. } = *udp;
    let like_peers = sport == dport || detect::is_peer_port(sport) || detect::is_peer_port(dport);
    if TRACEROUTE.contains(&dport) && case.packet.ttl <= MAX_HOPS && !like_peers {
        return case.likely(
            Noise::Traceroute, || format!(
                "{src} is probably looking which way packets take to {} (traceroute, port {dport}). That tells it no more than \
                 where this computer stands in the net.",
                case.target()
            ));
    }
    if sport >= 1024 && (like_peers || (!local && sport >= FIRST_CLIENT_PORT)) {
        return peers(case, sport, dport);
    }
    let who = if local {
        "a device of this network"
    } else {
        "a server"
    };
    case.likely(
        Noise::LateAnswer, || format!(
            "{src} sent {} from {} to port {dport}, one of those that this computer's own questions start from: probably the \
             late answer of {who}.",
            case.packet_name(),
            services::port(Protocol::UDP, sport)
        ))
}

/// Somebody who probably speaks with a program of many partners.
fn peers(case: &Case<'_>, sport: u16, dport: u16) -> Explanation {
    case.likely(
        Noise::PeerToPeer, || format!(
            "{} speaks from {} to port {dport}: probably a partner of a file exchange, a game or a call. Such partners go on for \
             hours after the program here has ended.",
            case.packet.src,
            services::port(Protocol::UDP, sport)
        ))
}
