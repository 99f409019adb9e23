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
#[expect(
    clippy::inline_always,
    reason = "each packet of a scan comes here, by one way"
)]
#[inline(always)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    #[test]
    fn a_tools_handwriting_is_known() {
        let tool = |len: u32, rest: &str| {
            let line = format!(
                "X IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN={len} TOS=0x00 PREC=0x00 TTL=50 {rest}"
            );
            tool_of(decode::log_line(line.as_bytes()).unwrap().packet().unwrap())
        };
        let mss = "OPT (020405B4) ";
        // The identification is (192.0.2.2 ^ 80 ^ 305419896) & 0xffff.
        let masscan_id = (0xc000_0202_u32 ^ 0x50 ^ 0x1234_5678) & 0xffff;
        for (len, rest, expected) in [
            (44, format!("ID=1 PROTO=TCP SPT=50000 DPT=22 SEQ=9 ACK=0 WINDOW=1024 RES=0x00 SYN URGP=0 {mss}"), Some(Tool::Nmap)),
            (44, "ID=1 PROTO=TCP SPT=50000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ".to_owned(), Some(Tool::Nmap)),
            (40, "ID=1 PROTO=TCP SPT=50000 DPT=22 WINDOW=1024 RES=0x00 FIN URGP=0 ".to_owned(), Some(Tool::Nmap)),
            (60, "ID=1 DF PROTO=TCP SPT=50000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 ".to_owned(), None),
            (40, format!("ID={masscan_id} PROTO=TCP SPT=50000 DPT=80 SEQ=305419896 ACK=0 WINDOW=1024 RES=0x00 SYN URGP=0 "), Some(Tool::Masscan)),
            (40, "ID=54321 PROTO=TCP SPT=50000 DPT=80 WINDOW=65535 RES=0x00 SYN URGP=0 ".to_owned(), Some(Tool::Zmap)),
            (40, "ID=1 PROTO=TCP SPT=50000 DPT=80 SEQ=3 ACK=4 WINDOW=512 RES=0x00 SYN URGP=0 ".to_owned(), Some(Tool::Hping)),
            (40, "ID=1 PROTO=TCP SPT=50000 DPT=23 SEQ=3221225986 ACK=0 WINDOW=5000 RES=0x00 SYN URGP=0 ".to_owned(), Some(Tool::Mirai)),
        ] {
            assert_eq!(tool(len, &rest), expected, "{rest}");
        }
    }
}
