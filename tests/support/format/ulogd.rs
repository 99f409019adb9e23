//! What ulogd writes of a packet: lines in the kernel's manner (LOGEMU, `util/printpkt.c`) and JSON objects
//! (`output/ulogd_output_JSON.c`), as ulogd 2.0.8 was seen to write them. Both tell less than a report can hold.

use std::fmt::{Display, Write as _};

use wallwatch_helper::{
    decode::{Body, Mac, Report, Stamp},
    event::{Feed, Interface, Timestamp},
    packet::{Fragment, Icmp, IcmpDetail, IpOptions, Packet, Protocol, Tcp, TcpFlags, Transport},
};

/// One of ulogd's two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Lines in the kernel's manner.
    Emulated,
    /// One object a line.
    Json,
}

/// As much of a report as ulogd tells.
#[must_use]
pub fn told(report: &Report, output: Output, time: Timestamp) -> Report {
    let json = output == Output::Json;
    let packet = report.packet().expect("ulogd is shown packets");
    Report {
        stamp: Stamp::Wall(time),
        feed: Feed::Ulogd,
        trusted: json,
        physical_input: Interface::new(),
        physical_output: Interface::new(),
        // ulogd does not tell an unmarked packet from one whose mark is 0.
        mark: Some(report.mark.unwrap_or_default()),
        body: Body::Packet(told_of(packet, output)),
        ..report.clone()
    }
}

fn told_of(packet: &Packet, output: Output) -> Packet {
    let v6 = packet.src.is_ipv6();
    let json = output == Output::Json;
    let transport = match &packet.transport {
        Transport::Tcp(tcp) => Transport::Tcp(Tcp {
            seq: Some(tcp.seq.unwrap_or_default()),
            ack: Some(tcp.ack.unwrap_or_default()),
            flags: if json { tcp.flags } else { tcp.flags.control() },
            options: None,
            ..tcp.clone()
        }),
        Transport::Udp(_) if packet.protocol == Protocol::UDPLITE => Transport::Other,
        Transport::Icmp(icmp) => Transport::Icmp(told_of_icmp(icmp, v6, output)),
        other => other.clone(),
    };
    // LOGEMU writes no protocol of IPv6 that it does not look into.
    let unnamed = v6 && !json && name(packet.protocol, true).is_none();
    let fragment = packet.fragment.map(|fragment| Fragment {
        more: if v6 {
            fragment.offset == 0
        } else {
            fragment.more
        },
        ..fragment
    });
    Packet {
        protocol: if unnamed {
            Protocol(59)
        } else {
            packet.protocol
        },
        fragment,
        has_options: if v6 {
            fragment.is_some()
        } else {
            json && packet.has_options
        },
        ip_options: IpOptions::new(),
        transport,
        ..packet.clone()
    }
}

fn told_of_icmp(icmp: &Icmp, v6: bool, output: Output) -> Icmp {
    let json = output == Output::Json;
    // ulogd's LOGEMU decides by the code where it means the type.
    let has_id = json || v6 || matches!(icmp.code, 0 | 8);
    Icmp {
        id: icmp.id.filter(|_| has_id),
        seq: icmp.seq.filter(|_| has_id),
        detail: icmp.detail.filter(|detail| match detail {
            IcmpDetail::Mtu(_) => json && !v6,
            IcmpDetail::Gateway(_) => !json && icmp.code == 5,
            IcmpDetail::Pointer(_) => !json && !v6 && icmp.code == 12,
            IcmpDetail::Lifetime(_) => false,
        }),
        quoted: None,
        ..icmp.clone()
    }
}

/// The protocols that LOGEMU writes by name.
fn name(protocol: Protocol, v6: bool) -> Option<&'static str> {
    Some(match (protocol, v6) {
        (Protocol::TCP, _) => "TCP",
        (Protocol::UDP, _) => "UDP",
        (Protocol::SCTP, _) => "SCTP",
        (Protocol::ESP, _) => "ESP",
        (Protocol::AH, _) => "AH",
        (Protocol::ICMP, false) => "ICMP",
        (Protocol::ICMPV6, true) => "ICMPv6",
        _ => return None,
    })
}

fn mac_text(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

fn header(mac: Mac) -> String {
    mac_text(&[&mac.dst[..], &mac.src, &mac.ethertype.to_be_bytes()].concat())
}

/// A line of LOGEMU without its dress.
#[must_use]
pub fn emulated(report: &Report) -> String {
    let packet = report.packet().expect("ulogd is shown packets");
    let mut text = String::new();
    let mut put = |key: &str, value: &dyn Display| {
        write!(text, "{key}{value} ").expect("a string takes everything");
    };
    if !report.prefix.is_empty() {
        put("", &report.prefix);
    }
    put("IN=", &report.input);
    put("OUT=", &report.output);
    put("MAC=", &report.mac.map(header).unwrap_or_default());
    put("SRC=", &packet.src);
    put("DST=", &packet.dst);
    put("LEN=", &packet.len);
    if packet.src.is_ipv6() {
        put("TC=", &packet.tos);
        put("HOPLIMIT=", &packet.ttl);
        put("FLOWLBL=", &0);
        if let Some(fragment) = packet.fragment {
            put("FRAG: ", &fragment.offset);
            let id = packet.ip_id.unwrap_or_default();
            put("ID: ", &format_args!("{id:08x}"));
        }
    } else {
        put("TOS=", &format_args!("{:02X}", packet.tos & 0x1e));
        put("PREC=", &format_args!("0x{:02X}", packet.tos & 0xe0));
        put("TTL=", &packet.ttl);
        put("ID=", &packet.ip_id.unwrap_or_default());
        let more = packet.fragment.is_some_and(|fragment| fragment.more);
        let units = packet.fragment.map_or(0, |fragment| fragment.offset / 8);
        for (set, word) in [(packet.df, "DF"), (more, "MF")] {
            if set {
                put(word, &"");
            }
        }
        if units != 0 {
            put("FRAG:", &units);
        }
    }
    text += &emulated_transport(packet);
    if let Some((user, group)) = report.owner {
        write!(text, "UID={user} GID={group} ").expect("a string takes everything");
    }
    let mark = report.mark.unwrap_or_default();
    write!(text, "MARK={mark:#x} ").expect("a string takes everything");
    text
}

fn emulated_transport(packet: &Packet) -> String {
    let v6 = packet.src.is_ipv6();
    let Some(name) = name(packet.protocol, v6) else {
        return if v6 {
            String::new()
        } else {
            format!("PROTO={} ", packet.protocol.0)
        };
    };
    let behind = match &packet.transport {
        Transport::Tcp(tcp) => format!(
            "SPT={} DPT={} SEQ={} ACK={} WINDOW={} {}URGP={} ",
            tcp.sport,
            tcp.dport,
            tcp.seq.unwrap_or_default(),
            tcp.ack.unwrap_or_default(),
            tcp.window,
            flag_words(tcp.flags.control()),
            tcp.urgp
        ),
        Transport::Udp(udp) => format!(
            "SPT={} DPT={} LEN={} ",
            udp.sport,
            udp.dport,
            udp.len.unwrap_or_default()
        ),
        Transport::Ports { sport, dport } => format!("SPT={sport} DPT={dport} "),
        Transport::Ipsec { spi } => format!("SPI={spi:#x} "),
        Transport::Icmp(icmp) => emulated_icmp(icmp, v6),
        // No blank follows.
        Transport::Other => "INCOMPLETE".to_owned(),
    };
    format!("PROTO={name} {behind}")
}

fn flag_words(flags: TcpFlags) -> String {
    let mut words = String::new();
    for (flag, name) in TcpFlags::NAMES {
        if flags.contains(flag) {
            words.extend([name, " "]);
        }
    }
    words
}

fn emulated_icmp(icmp: &Icmp, v6: bool) -> String {
    let mut text = format!("TYPE={} CODE={} ", icmp.kind, icmp.code);
    let by = if v6 { icmp.kind } else { icmp.code };
    text += &match by {
        0 | 8 | 128 | 129 if v6 == (by >= 128) => format!(
            "ID={} SEQ={} ",
            icmp.id.unwrap_or_default(),
            icmp.seq.unwrap_or_default()
        ),
        12 if !v6 => format!("PARAMETER={} ", number(icmp.detail) & 0xff),
        5 if !v6 => format!(
            "GATEWAY={} ",
            std::net::Ipv4Addr::from_bits(number(icmp.detail))
        ),
        _ => String::new(),
    };
    text
}

/// What stands in the second word of an ICMP header.
fn number(detail: Option<IcmpDetail>) -> u32 {
    match detail {
        Some(IcmpDetail::Mtu(number) | IcmpDetail::Pointer(number)) => number,
        Some(IcmpDetail::Gateway(router)) => router.to_bits(),
        Some(IcmpDetail::Lifetime(seconds)) => seconds.into(),
        None => 0,
    }
}

/// An object of ulogd's JSON output.
#[must_use]
pub fn json(report: &Report, time: Timestamp) -> String {
    let packet = report.packet().expect("ulogd is shown packets");
    let v6 = packet.src.is_ipv6();
    let mut keys = Keys::default();
    keys.text("timestamp", "1999-12-31T23:59:59.000001");
    keys.text("dvc", "Netfilter");
    keys.number("raw.pktlen", packet.len);
    keys.text("oob.prefix", &format!("{} ", report.prefix));
    keys.number("oob.time.sec", time.0 / Timestamp::SECOND);
    keys.number("oob.time.usec", time.0 % Timestamp::SECOND);
    keys.number("oob.mark", report.mark.unwrap_or_default());
    keys.number("oob.family", if v6 { 10 } else { 2 });
    let of_family = if v6 { 0x86dd } else { 0x0800 };
    keys.number(
        "oob.protocol",
        report.mac.map_or(of_family, |mac| mac.ethertype),
    );
    if let Some((user, group)) = report.owner {
        keys.number("oob.uid", user);
        keys.number("oob.gid", group);
    }
    keys.header(packet);
    keys.transport(packet);
    keys.text("oob.in", &report.input);
    keys.text("oob.out", &report.output);
    keys.text("src_ip", &packet.src.to_string());
    keys.text("dest_ip", &packet.dst.to_string());
    if let Some(mac) = report.mac {
        keys.text("mac.saddr.str", &mac_text(&mac.src));
        keys.text("mac.daddr.str", &mac_text(&mac.dst));
        keys.text("mac.str", &header(mac));
    }
    format!("{{{}}}", keys.0.join(", "))
}

/// Keys with their values, in the order in which they were put.
#[derive(Debug, Default)]
struct Keys(Vec<String>);

impl Keys {
    fn number(&mut self, key: &str, value: impl Into<i64>) {
        self.0.push(format!("\"{key}\": {}", value.into()));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.0
            .push(format!("\"{key}\": {}", super::dress::json_string(value)));
    }

    fn header(&mut self, packet: &Packet) {
        self.number("ip.protocol", packet.protocol.0);
        if packet.src.is_ipv6() {
            self.number("ip6.payloadlen", packet.len - 40);
            self.number("ip6.priority", packet.tos);
            self.number("ip6.flowlabel", 0);
            self.number("ip6.hoplimit", packet.ttl);
            self.number("ip6.nexthdr", packet.protocol.0);
            if let Some(fragment) = packet.fragment {
                self.number("ip6.fragoff", fragment.offset);
                self.number("ip6.fragid", packet.ip_id.unwrap_or_default());
            }
            return;
        }
        let mut word = if packet.df { 0x4000 } else { 0 };
        if let Some(fragment) = packet.fragment {
            word |= (fragment.offset / 8) | if fragment.more { 0x2000 } else { 0 };
        }
        self.number("ip.tos", packet.tos);
        self.number("ip.ttl", packet.ttl);
        self.number("ip.totlen", packet.len);
        self.number("ip.ihl", if packet.has_options { 6 } else { 5 });
        self.number("ip.id", packet.ip_id.unwrap_or_default());
        self.number("ip.fragoff", word);
    }

    fn transport(&mut self, packet: &Packet) {
        match &packet.transport {
            Transport::Tcp(tcp) => {
                self.ports(tcp.sport, tcp.dport);
                self.number("tcp.seq", tcp.seq.unwrap_or_default());
                self.number("tcp.ackseq", tcp.ack.unwrap_or_default());
                self.number("tcp.window", tcp.window);
                for (bit, name) in ["fin", "syn", "rst", "psh", "ack", "urg"]
                    .iter()
                    .enumerate()
                {
                    self.number(&format!("tcp.{name}"), tcp.flags.0 >> bit & 1);
                }
                self.number("tcp.res2", tcp.flags.0 >> 6);
                self.number("tcp.urgp", tcp.urgp);
            }
            Transport::Udp(udp) if packet.protocol == Protocol::UDP => {
                self.ports(udp.sport, udp.dport);
                self.number("udp.len", udp.len.unwrap_or_default());
            }
            Transport::Ports { sport, dport } => self.ports(*sport, *dport),
            Transport::Ipsec { spi } => self.number("ahesp.spi", *spi),
            Transport::Icmp(icmp) => self.icmp(icmp, packet.src.is_ipv6()),
            Transport::Udp(_) | Transport::Other => {}
        }
    }

    fn ports(&mut self, sport: u16, dport: u16) {
        self.number("src_port", sport);
        self.number("dest_port", dport);
    }

    fn icmp(&mut self, icmp: &Icmp, v6: bool) {
        let family = if v6 { "icmpv6" } else { "icmp" };
        self.number(&format!("{family}.type"), icmp.kind);
        self.number(&format!("{family}.code"), icmp.code);
        if let Some((id, seq)) = icmp.id.zip(icmp.seq) {
            self.number(&format!("{family}.echoid"), id);
            self.number(&format!("{family}.echoseq"), seq);
        }
        match icmp.detail {
            Some(IcmpDetail::Mtu(mtu)) if !v6 => self.number("icmp.fragmtu", mtu),
            Some(detail) if !v6 => self.number("icmp.gateway", number(Some(detail))),
            _ => {}
        }
    }
}
