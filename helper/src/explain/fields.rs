//! A report as it stands in JSON: the keys of the log line in lower case, each only where it was told.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use serde::Serialize;

use crate::{
    decode::{Arp, Body, Mac, Report, Stamp},
    event::Event,
    packet::{Icmp, IcmpDetail, Packet, Protocol, Quoted, TcpFlags, Transport},
};

/// The fields of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fields<'a> {
    /// The interface it came in by; empty where there is none.
    #[serde(rename = "in")]
    pub input: &'a str,
    /// The interface it leaves by; empty where there is none.
    #[serde(rename = "out")]
    pub output: &'a str,
    /// The bridge's port it came in by.
    #[serde(rename = "physin", skip_serializing_if = "Option::is_none")]
    pub physical_input: Option<&'a str>,
    /// The bridge's port it leaves by.
    #[serde(rename = "physout", skip_serializing_if = "Option::is_none")]
    pub physical_output: Option<&'a str>,
    /// Link-layer source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_src: Option<String>,
    /// Link-layer destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_dst: Option<String>,
    /// Source address; empty where there is none.
    pub src: String,
    /// Destination address; empty where there is none.
    pub dst: String,
    /// Length of the IP packet in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<u32>,
    /// Type of service, or traffic class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos: Option<u8>,
    /// Time to live, or hop limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
    /// Identification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// "Don't fragment"; of IPv4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub df: Option<bool>,
    /// Are more fragments to come? Of IPv4 always, of IPv6 on fragments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mf: Option<bool>,
    /// The fragment's offset as on the line: IPv4 in units of 8 bytes, IPv6 in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frag: Option<u16>,
    /// The protocol's name in lower case, or its number; empty where the line does not tell it.
    pub proto: String,
    /// Source port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    /// Destination port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    /// Length of the UDP datagram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_len: Option<u16>,
    /// Sequence number of TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u32>,
    /// Acknowledgment field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<u32>,
    /// Window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u16>,
    /// Flags in the order of the line; empty where a TCP header has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<&'static str>>,
    /// Urgent pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgp: Option<u16>,
    /// ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// Identifier of an echo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_id: Option<u16>,
    /// Sequence number of an echo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_seq: Option<u16>,
    /// The next hop's largest packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// The better router of a redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    /// Where the quoted packet is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<u32>,
    /// The packet that an ICMP error quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner: Option<Inner>,
    /// The security parameters index of ESP and AH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spi: Option<u32>,
    /// The TCP options as hexadecimal digits, or those of IP where there are none of TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<String>,
    /// The IP options as hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_options: Option<String>,
    /// 1 asks, 2 answers; of ARP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<u16>,
    /// The user whose socket sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The group whose socket sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// The packet's mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<u32>,
    /// The prefix of the rule that logged it.
    pub prefix: &'a str,
    /// Microseconds since 1970; `None` where no clock's time was told.
    pub time: Option<i64>,
}

/// The fields of a packet within an ICMP error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inner {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Length of the IP packet in bytes.
    pub len: u32,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// The protocol's name in lower case, or its number.
    pub proto: String,
    /// Source port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    /// Destination port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    /// TCP flags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<&'static str>>,
    /// ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
}

impl<'a> Fields<'a> {
    /// The fields of a report.
    #[must_use]
    pub fn of(report: &'a Report) -> Self {
        let told = |name: &'a str| (!name.is_empty()).then_some(name);
        let mut fields = Self {
            input: &report.input,
            output: &report.output,
            physical_input: told(&report.physical_input),
            physical_output: told(&report.physical_output),
            mac_src: report.mac.map(|mac| mac_text(mac.src)),
            mac_dst: report.mac.map(|mac| mac_text(mac.dst)),
            uid: report.owner.map(|(uid, _)| uid),
            gid: report.owner.map(|(_, gid)| gid),
            mark: report.mark,
            prefix: &report.prefix,
            time: match report.stamp {
                Stamp::Wall(time) => Some(time.0),
                Stamp::Boot(_) | Stamp::None => None,
            },
            ..Self::default()
        };
        match &report.body {
            Body::Packet(packet) => fields.packet(packet),
            Body::Arp(arp) => fields.arp(arp),
            Body::Martian(martian) => {
                fields.src = martian.src.to_string();
                fields.dst = martian.dst.to_string();
                fields.proto = frame_type(report.mac);
            }
            Body::Frame => fields.proto = frame_type(report.mac),
        }
        fields
    }

    /// The fields of an event, which tells less than a report.
    #[must_use]
    pub fn of_event(event: &'a Event) -> Self {
        let mut fields = Self {
            input: &event.interface,
            prefix: &event.prefix,
            time: Some(event.time.0),
            ..Self::default()
        };
        fields.packet(&event.packet);
        fields
    }

    fn packet(&mut self, packet: &Packet) {
        let v4 = packet.src.is_ipv4();
        self.src = packet.src.to_string();
        self.dst = packet.dst.to_string();
        self.len = Some(packet.len);
        self.tos = Some(packet.tos);
        self.ttl = Some(packet.ttl);
        self.id = packet.ip_id;
        self.df = v4.then_some(packet.df);
        self.mf = if v4 {
            Some(packet.fragment.is_some_and(|fragment| fragment.more))
        } else {
            packet.fragment.map(|fragment| fragment.more)
        };
        self.frag = packet.fragment.and_then(|fragment| {
            if v4 {
                // The kernel writes the offset of later fragments alone.
                (fragment.offset != 0).then_some(fragment.offset / 8)
            } else {
                Some(fragment.offset)
            }
        });
        if !is_untold(packet) {
            self.proto = packet.protocol.to_string();
        }
        self.sport = packet.sport();
        self.dport = packet.dport();
        self.ip_options = hex(&packet.ip_options);
        match &packet.transport {
            Transport::Tcp(tcp) => {
                self.seq = tcp.seq;
                self.ack = tcp.ack;
                self.window = Some(tcp.window);
                self.flags = Some(flag_names(tcp.flags));
                self.urgp = Some(tcp.urgp);
                self.options = tcp.options.as_ref().and_then(|options| hex(options));
            }
            Transport::Udp(udp) => self.udp_len = udp.len,
            Transport::Icmp(icmp) => self.icmp(icmp),
            Transport::Ipsec { spi } => self.spi = Some(*spi),
            Transport::Ports { .. } | Transport::Other => {}
        }
        if self.options.is_none() {
            self.options.clone_from(&self.ip_options);
        }
    }

    fn icmp(&mut self, icmp: &Icmp) {
        self.icmp_type = Some(icmp.kind);
        self.icmp_code = Some(icmp.code);
        self.icmp_id = icmp.id;
        self.icmp_seq = icmp.seq;
        match icmp.detail {
            Some(IcmpDetail::Mtu(mtu)) => self.mtu = Some(mtu),
            Some(IcmpDetail::Gateway(gateway)) => self.gateway = Some(gateway),
            Some(IcmpDetail::Pointer(pointer)) => self.pointer = Some(pointer),
            Some(IcmpDetail::Lifetime(_)) | None => {}
        }
        self.inner = icmp.quoted.as_ref().map(Inner::of);
    }

    fn arp(&mut self, arp: &Arp) {
        "arp".clone_into(&mut self.proto);
        self.operation = Some(arp.operation);
        if let Some((mac, address)) = arp.sender {
            self.src = address.to_string();
            self.mac_src.get_or_insert_with(|| mac_text(mac));
        }
        if let Some((mac, address)) = arp.target {
            self.dst = address.to_string();
            self.mac_dst.get_or_insert_with(|| mac_text(mac));
        }
    }
}

impl Inner {
    fn of(quoted: &Quoted) -> Self {
        Self {
            src: quoted.src,
            dst: quoted.dst,
            len: quoted.len,
            ttl: quoted.ttl,
            proto: quoted.protocol.to_string(),
            sport: quoted.sport,
            dport: quoted.dport,
            flags: quoted
                .flags
                .filter(|_| quoted.protocol == Protocol::TCP)
                .map(flag_names),
            icmp_type: quoted.icmp.map(|(kind, _)| kind),
            icmp_code: quoted.icmp.map(|(_, code)| code),
        }
    }
}

/// Is the protocol not known? Of a later fragment the kernel does not always tell it, and "no next header" stands for it (RFC
/// 8200 section 4.7), which no fragment holds.
pub(super) fn is_untold(packet: &Packet) -> bool {
    let later = packet.fragment.is_some_and(|fragment| fragment.offset != 0);
    later && packet.protocol == Protocol(59)
}

/// The names of the flags that are set, in the order of the line.
#[must_use]
pub fn flag_names(flags: TcpFlags) -> Vec<&'static str> {
    TcpFlags::NAMES
        .iter()
        .filter(|(flag, _)| flags.contains(*flag))
        .map(|(_, name)| *name)
        .collect()
}

/// What a frame holds by its `EtherType`, as far as that is all that is known.
fn frame_type(mac: Option<Mac>) -> String {
    match mac.map(|mac| mac.ethertype) {
        Some(0x0800) => "ipv4".to_owned(),
        Some(0x86dd) => "ipv6".to_owned(),
        Some(ethertype) => format!("0x{ethertype:04x}"),
        None => String::new(),
    }
}

/// `02:fc:00:00:00:01`.
pub(super) fn mac_text(mac: [u8; 6]) -> String {
    let bytes: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

/// The bytes as upper-case digits, where there are any.
fn hex(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| {
        bytes
            .iter()
            .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
                // Writing to a String cannot fail.
                _ = write!(text, "{byte:02X}");
                text
            })
    })
}
