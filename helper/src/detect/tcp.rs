//! What a TCP segment is for, by its flags and ports.

use wallwatch_dbus::Kind;

use super::{
    class::{Harmless, Nature, Probe, REPLY},
    fingerprint,
    trace::Opening,
    udp::is_peer_port,
};
use crate::{
    neighbourhood::Neighbourhood,
    packet::{Packet, Tcp, TcpFlags},
};

/// A segment that no honest stack sends.
const IMPOSSIBLE: f32 = 1.7;
/// The port that active FTP connects back from (RFC 959 section 3.2).
const FTP_DATA: u16 = 20;
/// Below this port stand services; nmap and other scanners send from above it.
const FIRST_CLIENT_PORT: u16 = 32768;

const FIN: u8 = TcpFlags::FIN.0;
const SYN: u8 = TcpFlags::SYN.0;
const RST: u8 = TcpFlags::RST.0;
const PSH: u8 = TcpFlags::PSH.0;
const ACK: u8 = TcpFlags::ACK.0;
const URG: u8 = TcpFlags::URG.0;

/// Says what the segment is for.
#[expect(
    clippy::inline_always,
    reason = "each packet of a scan comes here, by one way"
)]
#[inline(always)]
pub(super) fn judge(
    packet: &Packet,
    tcp: &Tcp,
    neighbourhood: &Neighbourhood,
) -> Result<Probe, Harmless> {
    let from_service = tcp.sport < FIRST_CLIENT_PORT;
    let to_client = neighbourhood.ephemeral.contains(&tcp.dport);
    let (kind, weight, nature) = match tcp.flags.control().0 {
        SYN => opening(packet, tcp, neighbourhood),
        0 if tcp.flags.0 == 0 => (Kind::TcpNullScan, IMPOSSIBLE, Nature::Impossible),
        FIN => (Kind::TcpFinScan, IMPOSSIBLE, Nature::Impossible),
        flags if flags == FIN | PSH | URG => (Kind::TcpXmasScan, IMPOSSIBLE, Nature::Impossible),
        // The answer to a connection that we seem to have asked for: mostly backscatter of somebody else's flood.
        flags if flags == SYN | ACK && (from_service || to_client) => {
            return Err(Harmless::Answer);
        }
        flags if flags == SYN | ACK => (Kind::TcpBadFlags, 1.0, Nature::Plain),
        RST if from_service || to_client => return Err(Harmless::Answer),
        flags if flags == RST | ACK && (from_service || to_client) => return Err(Harmless::Answer),
        // The client of a service of ours hangs up; to many ports it is a scan.
        flags if flags & !(RST | ACK) == 0 && flags & RST != 0 => {
            (Kind::TcpBadFlags, 0.5, Nature::Plain)
        }
        // Whatever else opens or aborts cannot end, push or be urgent, and without ACK nothing goes on.
        flags if flags & (SYN | RST) != 0 || flags & ACK == 0 => {
            (Kind::TcpBadFlags, IMPOSSIBLE, Nature::Impossible)
        }
        flags => within_connection(flags, from_service, to_client),
    };
    Ok(Probe {
        unit: tcp.dport.into(),
        ..Probe::new(kind, weight, nature)
    })
}

/// A SYN alone: nmap's and masscan's own, or a stack's.
fn opening(packet: &Packet, tcp: &Tcp, neighbourhood: &Neighbourhood) -> (Kind, f32, Nature) {
    if is_ftp_data(tcp.sport, tcp.dport) || is_of_a_stack(packet, tcp) {
        of_stack(tcp.sport, tcp.dport, neighbourhood.is_near(packet.src))
    } else {
        (Kind::TcpSynScan, 1.0, Nature::Plain)
    }
}

/// Does the packet of this header open a connection, and did a stack make it?
#[inline]
pub(super) fn opening_of(packet: &Packet, tcp: &Tcp) -> Opening {
    if tcp.flags.control() != TcpFlags::SYN {
        Opening::None
    } else if is_of_a_stack(packet, tcp) && fingerprint::judge(packet).is_none() {
        Opening::Stack
    } else {
        Opening::Raw
    }
}

/// Active FTP: the server that we asked connects to the port that we named.
const fn is_ftp_data(sport: u16, dport: u16) -> bool {
    sport == FTP_DATA && dport >= 1024
}

/// The opening of a connection that an operating system's own stack made, as far as is known.
pub(super) const fn of_stack(sport: u16, dport: u16, near: bool) -> (Kind, f32, Nature) {
    if is_ftp_data(sport, dport) {
        (Kind::TcpConnectScan, 0.05, Nature::ReplyLike)
    } else if is_peer_port(dport) && sport >= 1024 && !near {
        (Kind::TcpConnectScan, 0.12, Nature::ReplyLike)
    } else {
        (Kind::TcpConnectScan, 1.0, Nature::Plain)
    }
}

/// Does the SYN look like that of an operating system's own stack? Each of today offers at least window scaling and
/// selective acknowledgments, so 12 bytes of options; raw-socket scanners send a maximum segment size or nothing.
fn is_of_a_stack(packet: &Packet, tcp: &Tcp) -> bool {
    const TCP_HEADER: u32 = 20;
    const STACK_OPTIONS: u32 = 12;
    let ip_header = if packet.src.is_ipv4() { 20 } else { 40 };
    let room = packet.len.saturating_sub(ip_header + TCP_HEADER);
    let options = tcp
        .options
        .as_ref()
        .map_or(room, |options| u32::try_from(options.len()).unwrap_or(room));
    // Below 1500 no stack opens its window; nmap's probes for operating systems have many options and such a window.
    options >= STACK_OPTIONS && tcp.window >= 1500
}

/// ACK without SYN and RST: what a connection consists of, unless it goes where none can be.
fn within_connection(flags: u8, from_service: bool, to_client: bool) -> (Kind, f32, Nature) {
    let kind = match flags & !PSH {
        ACK => Kind::TcpAckScan,
        flags if flags == FIN | ACK => Kind::TcpMaimonScan,
        _ => Kind::TcpBadFlags,
    };
    if to_client && (from_service || flags & PSH != 0) {
        (kind, REPLY, Nature::ReplyLike)
    } else if flags & PSH != 0 {
        // Data for a service of ours, of a connection that was forgotten.
        (kind, 0.5, Nature::Plain)
    } else if kind == Kind::TcpMaimonScan {
        (kind, 1.2, Nature::Plain)
    } else {
        (kind, 1.0, Nature::Plain)
    }
}
