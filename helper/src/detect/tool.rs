//! The handwriting of well-known scanners.

use std::{fmt, net::IpAddr};

use crate::packet::{Packet, Tcp, TcpFlags};

/// A program whose packets are known by their headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// nmap's raw TCP probes.
    Nmap,
    /// masscan.
    Masscan,
    /// zmap before version 4.1.
    Zmap,
    /// hping2 and hping3.
    Hping,
    /// The worm Mirai and its kin.
    Mirai,
}

impl Tool {
    /// The word on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nmap => "nmap",
            Self::Masscan => "masscan",
            Self::Zmap => "zmap",
            Self::Hping => "hping",
            Self::Mirai => "mirai",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The tool whose traits a packet bears.
pub(super) fn tool_of(packet: &Packet) -> Option<Tool> {
    let tcp = packet.tcp()?;
    match tcp.window {
        1024 if is_masscan(packet, tcp) => Some(Tool::Masscan),
        1024 if is_nmap(packet, tcp) => Some(Tool::Nmap),
        // zmap 2.1 src/probe_modules/packet.c: identification 54321, window 65535.
        65535 if packet.ip_id == Some(54321) && packet.len == 40 => Some(Tool::Zmap),
        // hping3 fills the acknowledgment field also where no ACK flag is set; its window is 512.
        512 if packet.len == 40
            && tcp
                .ack
                .is_none_or(|ack| ack != 0 || tcp.flags.contains(TcpFlags::ACK)) =>
        {
            Some(Tool::Hping)
        }
        _ if is_mirai(packet, tcp) => Some(Tool::Mirai),
        _ => None,
    }
}

/// nmap: window 1024 (tcpip.cc), a SYN with the option 020405B4 alone (nmap.h), anything else without options, no DF.
fn is_nmap(packet: &Packet, tcp: &Tcp) -> bool {
    const MSS_1460: [u8; 4] = [2, 4, 5, 0xb4];
    let headers = if packet.src.is_ipv4() { 40 } else { 60 };
    let room = packet.len.saturating_sub(headers);
    let options_fit = match (&tcp.options, tcp.flags.control()) {
        (Some(options), TcpFlags::SYN) => options.as_slice() == MSS_1460,
        (Some(options), _) => options.is_empty() || options.as_slice() == MSS_1460,
        (None, _) => room == 0 || room == 4,
    };
    options_fit && !packet.df
}

/// masscan: the identification is made of destination, port and sequence number (masscan src/templ-pkt.c).
fn is_masscan(packet: &Packet, tcp: &Tcp) -> bool {
    let (IpAddr::V4(dst), Some(seq), Some(id)) = (packet.dst, tcp.seq, packet.ip_id) else {
        return false;
    };
    (dst.to_bits() ^ u32::from(tcp.dport) ^ seq) & 0xffff == id
}

/// Mirai: the sequence number is the destination address (mirai/bot/scanner.c), the port telnet's.
fn is_mirai(packet: &Packet, tcp: &Tcp) -> bool {
    let IpAddr::V4(dst) = packet.dst else {
        return false;
    };
    tcp.flags.control() == TcpFlags::SYN
        && tcp.seq == Some(dst.to_bits())
        && matches!(tcp.dport, 23 | 2323)
}
