//! The probes by which nmap tells operating systems apart (nmap osscan2.cc and its book, chapter 8).

use wallwatch_dbus::Kind;

use super::{
    class::{Nature, Probe},
    tool::Tool,
};
use crate::packet::{Packet, Tcp, Transport};

/// Each is like no packet of an honest program.
const WEIGHT: f32 = 2.0;
/// The time stamp option of each TCP probe: all ones, echoing zero.
const TIMESTAMP: [u8; 10] = [8, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// The UDP probe: 300 letters C under this identification.
const UDP_ID: u32 = 0x1042;
const UDP_LEN: u32 = 328;
/// ICMP echo request.
const ECHO: u8 = 8;
/// The code of the first echo request, where all others have 0.
const ECHO_CODE: u8 = 9;

/// The probe, where the packet is one.
pub(super) fn judge(packet: &Packet) -> Option<Probe> {
    let unit = match &packet.transport {
        Transport::Tcp(tcp) if has_timestamp(tcp) => tcp.dport.into(),
        Transport::Udp(udp) if packet.ip_id == Some(UDP_ID) && packet.len == UDP_LEN => {
            udp.dport.into()
        }
        Transport::Icmp(icmp)
            if icmp.kind == ECHO && icmp.code == ECHO_CODE && packet.src.is_ipv4() =>
        {
            ECHO.into()
        }
        _ => return None,
    };
    let probe = Probe::new(Kind::OsFingerprint, WEIGHT, Nature::Impossible);
    Some(Probe {
        unit,
        tool: Some(Tool::Nmap),
        ..probe
    })
}

fn has_timestamp(tcp: &Tcp) -> bool {
    tcp.options.as_ref().is_some_and(|options| {
        options
            .windows(TIMESTAMP.len())
            .any(|window| window == TIMESTAMP)
    })
}
