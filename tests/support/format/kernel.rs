//! A report as the text of the kernel's LOG target, field by field as `net/netfilter/nf_log_syslog.c` orders them.

use std::{fmt::Write as _, net::IpAddr};

use wallwatch_helper::{
    decode::{Arp, Body, Mac, Report},
    packet::{Icmp, IcmpDetail, Packet, Protocol, Quoted, Tcp, TcpFlags, Transport},
};

/// What a rule tells besides, or writes otherwise, without any trace of it in a report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// `--log-macdecode`: the Ethernet header with names.
    pub mac_decode: bool,
    /// `--log-ip-options`: fragment headers of IPv6 stand in brackets.
    pub ip_options: bool,
    /// No blank between prefix and `IN=`.
    pub tight_prefix: bool,
    /// TCP's reserved bits as `RES=` shows them, 0x3c at most; since 6.15 the lowest is written as `AE` (RFC 9768).
    pub reserved: u8,
    /// IPv6's flow label.
    pub flow_label: u32,
}

/// The message, without any dress.
#[must_use]
pub fn message(report: &Report, style: Style) -> String {
    let mut text = report.prefix.to_string();
    if !text.is_empty() && !style.tight_prefix {
        text.push(' ');
    }
    put(&mut text, "IN=", report.input.as_str());
    put(&mut text, "OUT=", report.output.as_str());
    if !report.physical_input.is_empty() {
        put(&mut text, "PHYSIN=", report.physical_input.as_str());
    }
    if !report.physical_output.is_empty() {
        put(&mut text, "PHYSOUT=", report.physical_output.as_str());
    }
    match &report.body {
        Body::Packet(packet) => {
            if !report.input.is_empty() || report.mac.is_some() {
                link_layer(&mut text, report.mac, style);
            }
            write_packet(&mut text, packet, style);
        }
        Body::Arp(told) => arp(&mut text, told, report.mac.filter(|_| style.mac_decode)),
        Body::Frame => link_layer(&mut text, report.mac, style),
        Body::Martian(martian) => {
            let (which, on) = if martian.source {
                ("source", "on dev")
            } else {
                ("destination", "dev")
            };
            return format!(
                "IPv4: martian {which} {} from {}, {on} {}",
                martian.dst, martian.src, report.input
            );
        }
    }
    if let Some((user, group)) = report.owner {
        put(&mut text, "UID=", user);
        put(&mut text, "GID=", group);
    }
    if let Some(mark) = report.mark {
        put(&mut text, "MARK=", format_args!("{mark:#x}"));
    }
    text
}

/// One field and the blank behind it.
fn put(text: &mut String, key: &str, value: impl std::fmt::Display) {
    write!(text, "{key}{value} ").expect("a string takes everything");
}

fn mac_text(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

fn link_layer(text: &mut String, mac: Option<Mac>, style: Style) {
    match mac {
        Some(mac) if style.mac_decode => decoded_mac(text, mac),
        Some(mac) => {
            let header = [&mac.dst[..], &mac.src, &mac.ethertype.to_be_bytes()].concat();
            put(text, "MAC=", mac_text(&header));
        }
        None => put(text, "MAC=", ""),
    }
}

fn decoded_mac(text: &mut String, mac: Mac) {
    put(text, "MACSRC=", mac_text(&mac.src));
    put(text, "MACDST=", mac_text(&mac.dst));
    put(text, "MACPROTO=", format_args!("{:04x}", mac.ethertype));
}

fn arp(text: &mut String, told: &Arp, mac: Option<Mac>) {
    if let Some(mac) = mac {
        decoded_mac(text, mac);
    }
    // Another hardware than Ethernet has no addresses that the kernel would write; 6 is IEEE 802.
    let hardware = if told.sender.is_some() { 1 } else { 6 };
    write!(
        text,
        "ARP HTYPE={hardware} PTYPE=0x0800 OPCODE={}",
        told.operation
    )
    .expect("a string takes everything");
    if let Some(((sender, src), (target, dst))) = told.sender.zip(told.target) {
        write!(
            text,
            " MACSRC={} IPSRC={src} MACDST={} IPDST={dst}",
            mac_text(&sender),
            mac_text(&target)
        )
        .expect("a string takes everything");
    }
}

fn write_packet(text: &mut String, packet: &Packet, style: Style) {
    addresses(text, packet.src, packet.dst);
    match packet.src {
        IpAddr::V4(_) => ipv4(text, packet),
        IpAddr::V6(_) => ipv6(text, packet, style),
    }
    let later = packet.fragment.is_some_and(|fragment| fragment.offset != 0);
    transport(text, packet, later, style);
}

/// `SRC=` and `DST=`; the kernel's `%pI6` shortens nothing.
fn addresses(text: &mut String, src: IpAddr, dst: IpAddr) {
    for (key, address) in [("SRC=", src), ("DST=", dst)] {
        match address {
            IpAddr::V4(address) => put(text, key, address),
            IpAddr::V6(address) => {
                let groups: Vec<String> = address
                    .segments()
                    .iter()
                    .map(|group| format!("{group:04x}"))
                    .collect();
                put(text, key, groups.join(":"));
            }
        }
    }
}

fn ipv4(text: &mut String, packet: &Packet) {
    put(text, "LEN=", packet.len);
    // The kernel masks the lowest bit away (IPTOS_TOS_MASK); a report that has it was not the kernel's.
    put(text, "TOS=", format_args!("0x{:02X}", packet.tos & 0x1f));
    put(text, "PREC=", format_args!("0x{:02X}", packet.tos & 0xe0));
    put(text, "TTL=", packet.ttl);
    put(text, "ID=", packet.ip_id.unwrap_or_default());
    if packet.df {
        put(text, "DF", "");
    }
    if let Some(fragment) = packet.fragment {
        if fragment.more {
            put(text, "MF", "");
        }
        if fragment.offset != 0 {
            put(text, "FRAG:", fragment.offset / 8);
        }
    }
    if packet.has_options {
        hex_dump(text, &packet.ip_options);
    }
}

fn ipv6(text: &mut String, packet: &Packet, style: Style) {
    put(text, "LEN=", packet.len);
    put(text, "TC=", packet.tos);
    put(text, "HOPLIMIT=", packet.ttl);
    put(text, "FLOWLBL=", style.flow_label);
    if let Some(fragment) = packet.fragment {
        if style.ip_options {
            put(text, "OPT (", "");
        }
        put(text, "FRAG:", fragment.offset);
        if fragment.more {
            put(text, "INCOMPLETE", "");
        }
        let id = packet.ip_id.unwrap_or_default();
        put(text, "ID:", format_args!("{id:08x}"));
        if style.ip_options {
            put(text, ")", "");
        }
    } else if packet.has_options {
        put(text, "OPT ( )", "");
    }
}

/// `OPT (020405B4) `.
fn hex_dump(text: &mut String, bytes: &[u8]) {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    put(text, "OPT (", format_args!("{})", digits.concat()));
}

fn transport(text: &mut String, packet: &Packet, later: bool, style: Style) {
    let v6 = packet.src.is_ipv6();
    if v6 && packet.has_options && [Protocol::ESP, Protocol::AH].contains(&packet.protocol) {
        return ipsec_extension(text, packet, later);
    }
    let name = named(packet.protocol, v6);
    match name {
        // Of a later fragment of AH the kernel does not say what it is.
        Some("AH") if later => {}
        Some(name) => put(text, "PROTO=", name),
        None => put(text, "PROTO=", packet.protocol.0),
    }
    match &packet.transport {
        Transport::Tcp(told) => tcp(text, told, style),
        Transport::Udp(told) => {
            put(text, "SPT=", told.sport);
            put(text, "DPT=", told.dport);
            put(text, "LEN=", told.len.unwrap_or_default());
        }
        Transport::Icmp(told) => icmp(text, told, v6),
        Transport::Ipsec { spi } => put(text, "SPI=", format_args!("{spi:#x}")),
        Transport::Other if name.is_some() && !later => incomplete(text),
        Transport::Ports { .. } | Transport::Other => {}
    }
}

/// To the kernel ESP and AH are extension headers of IPv6, and a line ends at one that it cannot look behind.
fn ipsec_extension(text: &mut String, packet: &Packet, later: bool) {
    let name = if packet.protocol == Protocol::ESP {
        "ESP"
    } else {
        "AH"
    };
    put(text, "OPT ( ", name);
    match packet.transport {
        Transport::Ipsec { spi } => put(text, "SPI=", format_args!("{spi:#x}")),
        _ if later => {}
        _ => incomplete(text),
    }
    put(text, ")", "");
}

/// The protocols that the kernel writes by name; it looks into no other.
fn named(protocol: Protocol, v6: bool) -> Option<&'static str> {
    Some(match (protocol, v6) {
        (Protocol::TCP, _) => "TCP",
        (Protocol::UDP, _) => "UDP",
        (Protocol::UDPLITE, _) => "UDPLITE",
        (Protocol::ICMP, false) => "ICMP",
        (Protocol::ICMPV6, true) => "ICMPv6",
        (Protocol::AH, false) => "AH",
        (Protocol::ESP, false) => "ESP",
        _ => return None,
    })
}

/// A header that the packet ends within.
fn incomplete(text: &mut String) {
    put(text, "INCOMPLETE [3 bytes]", "");
}

fn flags(text: &mut String, flags: TcpFlags) {
    for (flag, name) in TcpFlags::NAMES {
        if flags.contains(flag) {
            put(text, name, "");
        }
    }
}

fn tcp(text: &mut String, told: &Tcp, style: Style) {
    put(text, "SPT=", told.sport);
    put(text, "DPT=", told.dport);
    if let Some((seq, ack)) = told.seq.zip(told.ack) {
        put(text, "SEQ=", seq);
        put(text, "ACK=", ack);
    }
    put(text, "WINDOW=", told.window);
    put(
        text,
        "RES=",
        format_args!("0x{:02x}", style.reserved & 0x38),
    );
    if style.reserved & 0x04 != 0 {
        put(text, "AE", "");
    }
    flags(text, told.flags);
    put(text, "URGP=", told.urgp);
    if let Some(options) = &told.options {
        hex_dump(text, options);
    }
}

fn icmp(text: &mut String, told: &Icmp, v6: bool) {
    put(text, "TYPE=", told.kind);
    put(text, "CODE=", told.code);
    // What the kernel wants to see more than the first eight bytes of (RFC 792).
    let is_long = !v6 && matches!(told.kind, 0 | 3..=5 | 8 | 11 | 12);
    let is_bare = told.id.is_none() && told.detail.is_none() && told.quoted.is_none();
    if is_long && is_bare {
        return incomplete(text);
    }
    if let Some(id) = told.id {
        put(text, "ID=", id);
    }
    if let Some(seq) = told.seq {
        put(text, "SEQ=", seq);
    }
    match told.detail {
        Some(IcmpDetail::Gateway(router)) => put(text, "GATEWAY=", router),
        Some(IcmpDetail::Pointer(at)) if v6 => put(text, "POINTER=", format_args!("{at:08x}")),
        Some(IcmpDetail::Pointer(at)) => put(text, "PARAMETER=", at),
        Some(IcmpDetail::Mtu(_) | IcmpDetail::Lifetime(_)) | None => {}
    }
    // The errors of RFC 4443.
    let quotes = v6 && matches!(told.kind, 1..=4);
    match &told.quoted {
        Some(inner) => quoted(text, inner),
        None if quotes => put(text, "[TRUNCATED]", ""),
        None => {}
    }
    if let Some(IcmpDetail::Mtu(mtu)) = told.detail {
        put(text, "MTU=", mtu);
    }
}

/// What the kernel writes of the second word of a quoted message's header, here always 0.
fn second_word(text: &mut String, v6: bool, kind: u8, code: u8) {
    match (v6, kind, code) {
        (false, 0 | 8, _) => {
            put(text, "ID=", 0);
            put(text, "SEQ=", 0);
        }
        (false, 5, _) => put(text, "GATEWAY=", "0.0.0.0"),
        (false, 12, _) => put(text, "PARAMETER=", 0),
        (false, 3, 4) | (true, 2, _) => put(text, "MTU=", 0),
        (true, 4, _) => put(text, "POINTER=", "00000000"),
        _ => {}
    }
}

/// The packet that an error quotes: the same writing once more, in brackets.
fn quoted(text: &mut String, inner: &Quoted) {
    text.push('[');
    addresses(text, inner.src, inner.dst);
    put(text, "LEN=", inner.len);
    let v6 = inner.src.is_ipv6();
    if v6 {
        put(text, "TC=", 0);
        put(text, "HOPLIMIT=", inner.ttl);
        put(text, "FLOWLBL=", 0);
    } else {
        put(text, "TOS=", "0x00 PREC=0x00");
        put(text, "TTL=", inner.ttl);
        put(text, "ID=", 0);
    }
    match named(inner.protocol, v6) {
        Some(name) => put(text, "PROTO=", name),
        None => put(text, "PROTO=", inner.protocol.0),
    }
    match (inner.sport.zip(inner.dport), inner.flags, inner.icmp) {
        (Some((sport, dport)), Some(told), _) => {
            put(text, "SPT=", sport);
            put(text, "DPT=", dport);
            put(text, "WINDOW=", "0 RES=0x00");
            flags(text, told);
            put(text, "URGP=", 0);
        }
        (Some((sport, dport)), None, _) => {
            put(text, "SPT=", sport);
            put(text, "DPT=", dport);
            put(text, "LEN=", 8);
        }
        (None, _, Some((kind, code))) => {
            put(text, "TYPE=", kind);
            put(text, "CODE=", code);
            second_word(text, v6, kind, code);
        }
        (None, _, None) if named(inner.protocol, v6).is_some() => incomplete(text),
        (None, _, None) => {}
    }
    put(text, "]", "");
}
