//! Packets and reports that could be, made up at random: what a LOG rule can tell, or what stands on a wire.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::format::bytes;
use proptest::{
    collection::vec,
    option,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    sample::select,
};
use wallwatch_helper::{
    decode::{Body, Mac, Report},
    event::{Feed, Interface, Prefix},
    packet::{
        Fragment, Icmp, IcmpDetail, IpOptions, Packet, Protocol, Quoted, Tcp, TcpFlags, TcpOptions,
        Transport, Udp,
    },
};

/// Where a packet is told of: a source tells what it can, and all of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// On a line of the kernel's log.
    Line,
    /// By its bytes.
    Bytes,
}

/// A report of a packet, as a line of the kernel's log could tell it.
pub fn report() -> impl Strategy<Value = Report> {
    let names = (
        interface(),
        option::of(interface()),
        option::of(interface()),
        option::of(interface()),
    );
    let socket = (option::of(any::<(u32, u32)>()), option::of(1..=u32::MAX));
    (
        prefix(),
        names,
        option::of(mac()),
        socket,
        packet(Told::Line),
    )
        .prop_map(|(prefix, names, mac, (owner, mark), packet)| {
            let (input, output, physical_input, physical_output) = names;
            let input = if output.is_some() && owner.is_some() {
                Interface::new()
            } else {
                input
            };
            let output = output.unwrap_or_default();
            let mac = mac.filter(|_| !input.is_empty());
            let ended = ends_early(&packet);
            Report {
                prefix,
                group: packet.is_to_group() || mac.is_some_and(|mac| mac.dst[0] & 1 == 1),
                outbound: input.is_empty() && !output.is_empty(),
                input,
                output,
                physical_input: physical_input.unwrap_or_default(),
                physical_output: physical_output.unwrap_or_default(),
                mac,
                owner: owner.filter(|_| !ended),
                mark: mark.filter(|_| !ended),
                ..Report::bare(Feed::File, Body::Packet(packet))
            }
        })
}

/// Does the kernel's line end with this packet's header, before user and mark?
fn ends_early(packet: &Packet) -> bool {
    let cut = [Protocol::TCP, Protocol::UDP, Protocol::UDPLITE].contains(&packet.protocol)
        && packet.transport == Transport::Other;
    cut || packet.src.is_ipv6() && [Protocol::ESP, Protocol::AH].contains(&packet.protocol)
}

/// A rule's prefix without blanks at its ends; some look like the fields behind it.
fn prefix() -> impl Strategy<Value = Prefix> {
    let plain = "[ -~]{0,127}".prop_filter("it could be the head of another line", |text| {
        ![" OUT=", " kernel", "] "]
            .iter()
            .any(|part| text.contains(part))
    });
    let odd = select(vec![
        "",
        "[UFW BLOCK]",
        "DROP:",
        "FIREWALL_IN=",
        "IN=eth0 OUT",
        "SRC=1.2.3.4",
        "Gerät [äöü]",
        "x=IN=IN=",
    ]);
    prop_oneof![plain, odd.prop_map(str::to_owned)]
        .prop_map(|text| Prefix::from(text.trim_ascii()).expect("at most 127 bytes"))
}

fn interface() -> impl Strategy<Value = Interface> {
    "[a-z][a-z0-9.@_-]{0,14}".prop_map(|name| Interface::from(&name).expect("at most 15 bytes"))
}

fn mac() -> impl Strategy<Value = Mac> {
    any::<([u8; 6], [u8; 6], u16)>().prop_map(|(src, dst, ethertype)| Mac {
        src,
        dst,
        ethertype,
    })
}

/// A packet of either family, no shorter than its headers.
pub fn packet(told: Told) -> impl Strategy<Value = Packet> {
    prop_oneof![ipv4(told), ipv6(told)].prop_map(move |packet| {
        let least = match told {
            Told::Bytes => u32::try_from(bytes::ip(&packet).len()).expect("a packet is short"),
            Told::Line => 0,
        };
        Packet {
            len: packet.len.max(least),
            ..packet
        }
    })
}

/// A report of a packet with all that an Ethernet frame or a record of the packet log can tell.
pub fn record() -> impl Strategy<Value = Report> {
    (report(), packet(Told::Bytes), mac()).prop_map(|(report, packet, mac)| {
        let ethertype = if packet.src.is_ipv6() { 0x86dd } else { 0x0800 };
        let mac = Mac { ethertype, ..mac };
        Report {
            feed: Feed::Pcap,
            trusted: true,
            group: packet.is_to_group() || mac.dst[0] & 1 == 1,
            mac: Some(mac),
            input: Interface::new(),
            output: Interface::new(),
            physical_input: Interface::new(),
            physical_output: Interface::new(),
            body: Body::Packet(packet),
            ..report
        }
    })
}

fn fragment() -> impl Strategy<Value = Option<Fragment>> {
    let fragment = (0..=0x1fff_u16, any::<bool>()).prop_map(|(units, more)| Fragment {
        offset: units * 8,
        more,
    });
    prop_oneof![
        6 => Just(None),
        1 => Just(Some(Fragment { offset: 0, more: true })),
        1 => fragment.prop_map(|fragment| {
            Some(fragment).filter(|fragment| fragment.more || fragment.offset != 0)
        }),
    ]
}

/// Whole words, as header options come.
fn words(range: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<[u8; 4]>(), range).prop_map(|words| words.concat())
}

fn ipv4(told: Told) -> impl Strategy<Value = Packet> {
    let header = (
        any::<(Ipv4Addr, Ipv4Addr)>(),
        20..=0xffff_u32,
        any::<u8>(),
        any::<u8>(),
        any::<u16>(),
        any::<bool>(),
    );
    let options = prop_oneof![3 => Just(Vec::new()), 1 => words(1..=10)];
    (header, fragment(), options, transport(told, false)).prop_map(
        move |(header, fragment, options, (protocol, transport))| {
            let ((src, dst), len, ttl, tos, id, df) = header;
            Packet {
                src: src.into(),
                dst: dst.into(),
                protocol,
                len,
                ttl,
                // The kernel's line leaves out the lowest bit.
                tos: if told == Told::Line { tos & 0xfe } else { tos },
                ip_id: Some(id.into()),
                df,
                fragment,
                has_options: !options.is_empty(),
                ip_options: IpOptions::try_from(&options[..]).expect("at most ten words"),
                transport: unless_later(fragment, transport),
            }
        },
    )
}

fn ipv6(told: Told) -> impl Strategy<Value = Packet> {
    let header = (
        any::<(Ipv6Addr, Ipv6Addr)>(),
        40..=40 + 0xffff_u32,
        any::<u8>(),
        any::<u8>(),
        any::<u32>(),
        any::<bool>(),
    );
    (header, fragment(), transport(told, true)).prop_map(
        move |(header, fragment, (protocol, transport))| {
            let ((src, dst), len, ttl, tos, id, options) = header;
            let ipsec = [Protocol::ESP, Protocol::AH].contains(&protocol);
            Packet {
                src: src.into(),
                dst: dst.into(),
                protocol,
                len,
                ttl,
                tos,
                ip_id: fragment.map(|_| id),
                df: false,
                fragment,
                has_options: options || fragment.is_some() || (ipsec && told == Told::Line),
                ip_options: IpOptions::new(),
                transport: unless_later(fragment, transport),
            }
        },
    )
}

/// A later fragment has no header behind the IP header.
fn unless_later(fragment: Option<Fragment>, transport: Transport) -> Transport {
    match fragment {
        Some(Fragment { offset: 1.., .. }) => Transport::Other,
        _ => transport,
    }
}

fn transport(told: Told, v6: bool) -> BoxedStrategy<(Protocol, Transport)> {
    let icmp_protocol = if v6 { Protocol::ICMPV6 } else { Protocol::ICMP };
    let icmp = if v6 {
        icmpv6(told).boxed()
    } else {
        icmp(told).boxed()
    };
    // To IPv6 AH is an extension header like others.
    let ipsec_protocols = if v6 {
        vec![Protocol::ESP]
    } else {
        vec![Protocol::ESP, Protocol::AH]
    };
    let ipsec = (select(ipsec_protocols), any::<u32>())
        .prop_map(|(protocol, spi)| (protocol, Transport::Ipsec { spi }));
    let udp = any::<(u16, u16, u16)>().prop_map(|(sport, dport, len)| {
        Transport::Udp(Udp {
            sport,
            dport,
            len: Some(len),
        })
    });
    let ports = any::<(u16, u16)>().prop_map(move |(sport, dport)| match told {
        Told::Bytes => Transport::Ports { sport, dport },
        // The kernel does not look into SCTP.
        Told::Line => Transport::Other,
    });
    let cut = select(vec![
        Protocol::TCP,
        Protocol::UDP,
        Protocol::UDPLITE,
        icmp_protocol,
        Protocol::ESP,
    ]);
    prop_oneof![
        4 => tcp(told).prop_map(|tcp| (Protocol::TCP, Transport::Tcp(tcp))),
        2 => (select(vec![Protocol::UDP, Protocol::UDPLITE]), udp),
        3 => icmp.prop_map(move |icmp| (icmp_protocol, Transport::Icmp(icmp))),
        1 => ipsec,
        1 => ports.prop_map(|ports| (Protocol::SCTP, ports)),
        1 => cut.prop_map(|protocol| (protocol, Transport::Other)),
        1 => unnamed().prop_map(|protocol| (protocol, Transport::Other)),
    ]
    .boxed()
}

/// A protocol that nobody looks into: none of the named ones, and no extension header of IPv6 (RFC 8200 section 4).
fn unnamed() -> impl Strategy<Value = Protocol> {
    any::<u8>()
        .prop_filter("it has a header that is read", |number| {
            ![0, 1, 6, 17, 43, 44, 50, 51, 58, 60, 132, 135, 136, 139, 140].contains(number)
        })
        .prop_map(Protocol)
}

fn tcp(told: Told) -> impl Strategy<Value = Tcp> {
    let numbers = any::<(u16, u16, u32, u32, u8, u16, u16)>();
    (numbers, any::<bool>(), words(0..=10)).prop_map(
        move |((sport, dport, seq, ack, flags, window, urgp), with_sequence, options)| {
            let with_sequence = with_sequence || told == Told::Bytes;
            let options = TcpOptions::try_from(&options[..]).expect("at most ten words");
            Tcp {
                sport,
                dport,
                seq: with_sequence.then_some(seq),
                ack: with_sequence.then_some(ack),
                flags: TcpFlags(flags),
                window,
                urgp,
                options: Some(options).filter(|list| told == Told::Bytes || !list.is_empty()),
            }
        },
    )
}

fn bare_icmp(kind: u8, code: u8) -> Icmp {
    Icmp {
        kind,
        code,
        id: None,
        seq: None,
        detail: None,
        quoted: None,
    }
}

/// ICMP (RFC 792): echoes, errors with what they quote, and others.
fn icmp(told: Told) -> impl Strategy<Value = Icmp> {
    let error = (
        select(vec![3_u8, 4, 5, 11]),
        0..6_u8,
        any::<[u8; 4]>(),
        quoted(told, false),
    )
        .prop_map(|(kind, code, [a, b, c, d], inner)| Icmp {
            detail: match (kind, code) {
                (3, 4) => Some(IcmpDetail::Mtu(u16::from_be_bytes([c, d]).into())),
                (5, _) => Some(IcmpDetail::Gateway(Ipv4Addr::new(a, b, c, d))),
                _ => None,
            },
            quoted: Some(inner),
            ..bare_icmp(kind, code)
        });
    // The kernel does not show what a parameter problem quotes.
    let pointer =
        (any::<(u8, u8)>(), quoted(told, false)).prop_map(move |((code, at), inner)| Icmp {
            detail: Some(IcmpDetail::Pointer(at.into())),
            quoted: Some(inner).filter(|_| told == Told::Bytes),
            ..bare_icmp(12, code)
        });
    let other = (select(vec![9_u8, 10, 40, 42]), any::<u8>())
        .prop_map(|(kind, code)| bare_icmp(kind, code));
    // The kernel tells the identifiers of echoes alone (timestamps are 13 and 14).
    let timestamp = echo(13, 14).prop_map(move |icmp| match told {
        Told::Bytes => icmp,
        Told::Line => bare_icmp(icmp.kind, icmp.code),
    });
    prop_oneof![3 => echo(0, 8), 4 => error, 1 => pointer, 1 => timestamp, 1 => other]
}

/// ICMPv6 (RFC 4443).
fn icmpv6(told: Told) -> impl Strategy<Value = Icmp> {
    let error = (1..=4_u8, any::<u8>(), any::<u32>(), quoted(told, true)).prop_map(
        |(kind, code, number, inner)| Icmp {
            detail: match kind {
                2 => Some(IcmpDetail::Mtu(number)),
                4 => Some(IcmpDetail::Pointer(number)),
                _ => None,
            },
            quoted: Some(inner),
            ..bare_icmp(kind, code)
        },
    );
    let other = (130..=255_u8, any::<u8>()).prop_map(|(kind, code)| bare_icmp(kind, code));
    prop_oneof![3 => echo(128, 129), 4 => error, 1 => other]
}

fn echo(request: u8, reply: u8) -> impl Strategy<Value = Icmp> {
    (select(vec![request, reply]), any::<(u8, u16, u16)>()).prop_map(|(kind, (code, id, seq))| {
        Icmp {
            id: Some(id),
            seq: Some(seq),
            ..bare_icmp(kind, code)
        }
    })
}

/// A packet within an error.
fn quoted(told: Told, v6: bool) -> impl Strategy<Value = Quoted> {
    let addresses = any::<[u128; 2]>().prop_map(move |both| {
        both.map(|bits| {
            if v6 {
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            } else {
                let [.., a, b, c, d] = bits.to_be_bytes();
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
        })
    });
    let numbers = any::<(u16, u8, u16, u16, u8, bool)>();
    let protocols = select(vec![
        Protocol::TCP,
        Protocol::UDP,
        if v6 { Protocol::ICMPV6 } else { Protocol::ICMP },
        Protocol::IGMP,
    ]);
    (addresses, numbers, protocols).prop_map(
        move |([src, dst], (len, ttl, sport, dport, flags, cut), protocol)| {
            // Eight bytes behind the header are the least that is quoted (RFC 792): TCP's ports, and not its flags. The
            // kernel then writes neither.
            let tcp = protocol == Protocol::TCP;
            let has_ports = [Protocol::TCP, Protocol::UDP].contains(&protocol)
                && !(tcp && cut && told == Told::Line);
            let [kind, code] = sport.to_be_bytes();
            Quoted {
                src,
                dst,
                protocol,
                // No shorter than the headers, of 20 bytes at most behind those of IP.
                len: u32::from(len.max(40)) + if v6 { 40 } else { 0 },
                ttl,
                sport: has_ports.then_some(sport),
                dport: has_ports.then_some(dport),
                flags: (tcp && !cut).then_some(TcpFlags(flags)),
                icmp: [Protocol::ICMP, Protocol::ICMPV6]
                    .contains(&protocol)
                    .then_some((kind, code)),
            }
        },
    )
}
