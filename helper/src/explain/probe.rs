//! Probes: what the packet does, why nobody honest does that, and what became of it.

use std::net::{IpAddr, Ipv4Addr};

use wallwatch_dbus::{Kind, Verdict};

use super::{Case, Class, Explanation, Outlook, flag_names, services};
use crate::{
    detect::{Nature, Probe, is_neighbour_port},
    packet::{Packet, Protocol, TcpFlags, Transport},
};

/// Services that answer more than they are asked, which floods are made with (US-CERT alert TA14-017A).
const AMPLIFIERS: [u16; 13] = [
    17, 19, 53, 69, 111, 123, 137, 161, 389, 1900, 3702, 5353, 11211,
];

/// Explains a probe.
pub(super) fn explain(case: &Case<'_>, probe: &Probe) -> Explanation {
    case.say(Class::Probe(probe.kind), Outlook::Probe, || {
        sentences(case, probe)
    })
}

/// What it does, what makes an alert of it, and what became of it.
fn sentences(case: &Case<'_>, probe: &Probe) -> String {
    let mut reason = match probe.kind {
        Kind::Bogon | Kind::Land => forged(case, probe.kind),
        _ => format!("{} {}", case.packet.src, deed(case, probe)),
    };
    if let Some(tool) = probe.tool.filter(|_| probe.kind != Kind::OsFingerprint) {
        reason = format!("{reason} It bears the traits of {tool}.");
    }
    if is_neighbourly(case, probe) {
        reason += " Computers of one network ask each other for that, so from a neighbour it counts for less.";
    }
    reason += threshold(case, probe);
    reason
        + match case.verdict {
            Verdict::Dropped => " Your firewall stopped it.",
            Verdict::Passed => " Your firewall let it pass.",
            Verdict::Mixed | Verdict::Unknown => " What became of it, the line does not tell.",
        }
}

/// What makes an alert of it: detection counts what is different from the origin's other probes.
fn threshold(case: &Case<'_>, probe: &Probe) -> &'static str {
    let has_port = case.packet.dport().is_some();
    match (probe.nature, probe.kind) {
        (_, Kind::Bogon | Kind::Land) => " One such packet is no alert; three different ones are.",
        // What the firewall let pass weighs less, so that three are not enough.
        (Nature::Impossible, _) if case.verdict == Verdict::Passed => {
            " One such packet is no alert; many different ones are."
        }
        (Nature::Impossible, _) if has_port => {
            " One such packet is no alert; three to different ports or computers are."
        }
        (Nature::Impossible, _) => " One such packet is no alert; three different ones are.",
        (_, Kind::PingSweep) => {
            " One is no alert; different ones, or pings of several computers, are."
        }
        (_, Kind::IpProtocolScan) => {
            " One is no alert; tries of several protocols, or of several computers, are."
        }
        _ if has_port => {
            " One is no alert; tries of several ports, or of one port at several computers, are."
        }
        _ => " One is no alert; several different ones are.",
    }
}

/// Does detection let it weigh less because neighbours ask such?
fn is_neighbourly(case: &Case<'_>, probe: &Probe) -> bool {
    probe.nature == Nature::Plain
        && probe.tool.is_none()
        && case.neighbourhood.is_near(case.packet.src)
        && case.packet.dport().is_some_and(is_neighbour_port)
}

/// What the sender did, with the full stop.
fn deed(case: &Case<'_>, probe: &Probe) -> String {
    let packet = case.packet;
    let port = packet.dport().map_or_else(
        || case.target(),
        |port| services::port(packet.protocol, port),
    );
    match probe.kind {
        Kind::TcpSynScan => {
            format!("knocks at {port}, with a packet as bare as port scanners send it (SYN).")
        }
        Kind::TcpConnectScan => format!(
            "asks to open a connection to {port}, with a packet as every computer sends it (SYN): an ordinary visit to a service, or a step of a scan."
        ),
        Kind::TcpFinScan => format!(
            "sent a TCP segment with the flag FIN alone to {port}. No honest program does that: it is the FIN scan of a port scanner."
        ),
        Kind::TcpNullScan => format!(
            "sent a TCP segment without any flag to {port}. No honest program does that: it is the NULL scan of a port scanner."
        ),
        Kind::TcpXmasScan => format!(
            "sent a TCP segment with the flags FIN, PSH and URG to {port}. No honest program does that: it is the XMAS scan of a port \
             scanner."
        ),
        Kind::TcpMaimonScan => format!(
            "ends a connection to {port} (flags ACK and FIN): the late end of a visit to a service here, or, where there was none, the \
             Maimon scan of a port scanner."
        ),
        Kind::TcpAckScan => format!(
            "goes on with a connection to {port} (flag ACK), which this computer's own connections do not start from. Where there was \
             none, a port scanner finds out so what the firewall lets through."
        ),
        Kind::TcpBadFlags => bad_flags(case, probe, &port),
        Kind::UdpScan => datagram(case, &port),
        Kind::SctpScan => {
            format!("sent a packet of SCTP to {port}, a protocol that hardly any desktop speaks.")
        }
        Kind::IpProtocolScan => protocol(case),
        Kind::PingSweep => ping(case),
        Kind::OsFingerprint => format!(
            "sent one of the odd packets to {port} by which nmap tells operating systems apart. No honest program sends such."
        ),
        Kind::Smurf => "asks everybody on this network to answer at once (smurf), in a name that is probably forged.".to_owned(),
        Kind::Worm => format!("knocks at {port} as a worm does that looks for its next victim."),
        Kind::RogueDhcp => "gives out addresses on this network (DHCP), and is not who did so before.".to_owned(),
        Kind::RogueRa => "says that it is an IPv6 router of this network, and is not who did so before.".to_owned(),
        kind => format!("sent {} of an attack ({kind}).", case.what()),
    }
}

/// A packet that tells no more than its protocol.
fn protocol(case: &Case<'_>) -> String {
    let (what, target) = (case.what(), case.target());
    let scanners = "port scanners find out so which protocols a computer speaks";
    match (case.packet.protocol, case.packet.src) {
        (Protocol::TCP | Protocol::UDP | Protocol::UDPLITE, _) => format!(
            "sent {what} to {target} that ends before its ports, or whose ports the line does not tell."
        ),
        (Protocol::ICMP, IpAddr::V4(_)) | (Protocol::ICMPV6, IpAddr::V6(_)) => format!(
            "sent {what} to {target} that ends before its type, or whose type the line does not tell."
        ),
        // IP in IP, IPv6 in IP, GRE, ESP, AH, L2TP (IANA "Assigned Internet Protocol Numbers").
        (Protocol(4 | 41 | 47 | 50 | 51 | 115), _) => format!(
            "sent {what} to {target}. Tunnels and private networks (VPN) consist of such, and {scanners}."
        ),
        _ => format!("sent {what} to {target}, which hardly any desktop speaks; {scanners}."),
    }
}

/// A packet whose sender nobody can be; who sent it is not told by it.
fn forged(case: &Case<'_>, kind: Kind) -> String {
    let Packet { src, dst, .. } = case.packet;
    let what = case.what();
    if kind == Kind::Land {
        return format!(
            "Somebody sent {what} to {dst} that claims to be from {dst} itself (LAND), once a way to make computers hang. The sender is \
             forged: who it is, the packet does not tell."
        );
    }
    format!(
        "Somebody sent {what} to {dst} that claims to be from {src}, {}. The sender is forged: who it is, the packet does not tell.",
        impossible(*src)
    )
}

/// Why nobody sends from this address (RFC 1122 section 3.2.1.3, RFC 1112 section 4, RFC 4291 section 2.7).
fn impossible(src: IpAddr) -> &'static str {
    match src {
        _ if src.is_loopback() => {
            "an address by which a computer talks to itself and which never comes in by a network"
        }
        _ if src.is_multicast() => "the address of a group, which never sends",
        IpAddr::V4(Ipv4Addr::BROADCAST) => "the address of everybody, from which nobody sends",
        IpAddr::V4(v4) if v4.octets()[0] == 0 => {
            "an address of the block 0.0.0.0/8, which no computer has"
        }
        IpAddr::V4(v4) if v4.octets()[0] >= 240 => {
            "an address of the block 240.0.0.0/4, which nobody was given"
        }
        _ => "an address that no computer has",
    }
}

fn bad_flags(case: &Case<'_>, probe: &Probe, port: &str) -> String {
    let Transport::Tcp(tcp) = &case.packet.transport else {
        return "sent a piece of a TCP segment that is cut within its header. Nobody cuts so small but to slip past a firewall."
            .to_owned();
    };
    if probe.nature == Nature::Impossible {
        return format!(
            "sent a TCP segment to {port} with flags that no honest program sets so: {}.",
            flag_names(tcp.flags).join(", ")
        );
    }
    let does = if tcp.flags.contains(TcpFlags::SYN) {
        "accepts a connection"
    } else if tcp.flags.contains(TcpFlags::RST) {
        "breaks off a connection"
    } else {
        "goes on with a connection"
    };
    format!("{does} at {port} here that is not known: a probe of a port scanner, or a straggler.")
}

fn datagram(case: &Case<'_>, port: &str) -> String {
    let wanted = match case.packet.dport() {
        Some(dport)
            if AMPLIFIERS.contains(&dport) && !case.neighbourhood.is_on_link(case.packet) =>
        {
            ", a service that floods are made with where it is open to everybody. Who looks for such sends this"
        }
        _ => {
            ". Whoever looks for open ports sends such, and nothing here seems to have asked for it"
        }
    };
    format!("sent {} to {port}{wanted}.", case.packet_name())
}

fn ping(case: &Case<'_>) -> String {
    let Transport::Icmp(icmp) = &case.packet.transport else {
        return format!("asks whether {} is there.", case.target());
    };
    match (case.packet.protocol, icmp.kind, icmp.code) {
        (Protocol::ICMP, 8, 1..) => format!(
            "asks whether {} is there (ping), with a code that no honest ping has.",
            case.target()
        ),
        (Protocol::ICMP, 13, _) => format!(
            "asks {} for its time (ICMP timestamp), as hardly anybody but scanners does.",
            case.target()
        ),
        (Protocol::ICMP, 15, _) => format!(
            "asks {} for its network (ICMP information request), as hardly anybody but scanners does.",
            case.target()
        ),
        (Protocol::ICMP, 17, _) => {
            format!(
                "asks {} for the mask of its network (ICMP), as hardly anybody but scanners does.",
                case.target()
            )
        }
        _ => format!(
            "asks whether {} is there (ping). So does everybody who looks for a fault, and everybody who looks for targets.",
            case.target()
        ),
    }
}
