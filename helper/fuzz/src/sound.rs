//! What holds for every report and packet, however it was read.

use wallwatch_helper::{
    decode::{Body, Report},
    event::{Feed, Timestamp},
    explain::explain,
    neighbourhood::Neighbourhood,
    packet::{Icmp, IcmpDetail, Packet, Protocol, Quoted, Transport},
};

/// What a report says of itself agrees, and it can be told in words.
pub fn report(report: &Report) {
    let trimmed = report.prefix.as_bytes().trim_ascii();
    assert_eq!(report.prefix.as_bytes(), trimmed, "{report:?}");
    if report.trusted {
        let guarded = !matches!(report.feed, Feed::File | Feed::Test);
        assert!(guarded, "anybody can write a log file: {report:?}");
    }
    if report.outbound {
        assert!(report.input.is_empty(), "{report:?}");
    }
    if report.mac.is_some_and(|mac| mac.dst[0] & 1 == 1) {
        assert!(report.group, "{report:?}");
    }
    match &report.body {
        Body::Packet(told) => {
            packet(told);
            assert!(report.group || !told.is_to_group(), "{report:?}");
        }
        Body::Martian(told) => {
            assert_eq!(told.src.is_ipv4(), told.dst.is_ipv4(), "{report:?}");
        }
        Body::Arp(_) | Body::Frame => {}
    }
    let explanation = explain(report, &Neighbourhood::default());
    assert!(!explanation.reason.is_empty(), "{report:?}");
    let is_event = report.clone().into_event(Timestamp(0)).is_some();
    assert!(!is_event || report.packet().is_some() && !report.outbound);
}

/// What a packet's headers say agrees.
pub fn packet(packet: &Packet) {
    let v6 = packet.src.is_ipv6();
    assert_eq!(v6, packet.dst.is_ipv6(), "{packet:?}");
    if v6 {
        assert!(packet.ip_options.is_empty() && !packet.df, "{packet:?}");
    }
    assert!(packet.ip_options.is_empty() || packet.has_options);
    if let Some(fragment) = packet.fragment {
        assert!(fragment.offset.is_multiple_of(8), "{packet:?}");
        if fragment.offset != 0 {
            assert_eq!(packet.transport, Transport::Other, "{packet:?}");
        }
    }
    match &packet.transport {
        Transport::Tcp(_) => assert_eq!(packet.protocol, Protocol::TCP),
        Transport::Udp(_) => {
            assert!([Protocol::UDP, Protocol::UDPLITE].contains(&packet.protocol));
        }
        Transport::Icmp(told) => {
            assert!([Protocol::ICMP, Protocol::ICMPV6].contains(&packet.protocol));
            icmp(told, packet.protocol == Protocol::ICMPV6);
        }
        Transport::Ports { .. } => assert_eq!(packet.protocol, Protocol::SCTP),
        Transport::Ipsec { .. } => {
            assert!([Protocol::ESP, Protocol::AH].contains(&packet.protocol));
        }
        Transport::Other => {}
    }
    assert_eq!(packet.sport().is_some(), packet.dport().is_some());
}

fn icmp(told: &Icmp, v6: bool) {
    match told.detail {
        Some(IcmpDetail::Gateway(_)) => assert!(!v6, "{told:?}"),
        Some(IcmpDetail::Pointer(at)) => assert!(v6 || at <= 0xff, "{told:?}"),
        Some(IcmpDetail::Mtu(mtu)) => assert!(v6 || mtu <= 0xffff, "{told:?}"),
        Some(IcmpDetail::Lifetime(_)) => assert!(v6, "{told:?}"),
        None => {}
    }
    if let Some(inner) = &told.quoted {
        quoted(inner);
    }
}

fn quoted(inner: &Quoted) {
    assert_eq!(inner.src.is_ipv6(), inner.dst.is_ipv6(), "{inner:?}");
    assert_eq!(inner.sport.is_some(), inner.dport.is_some(), "{inner:?}");
    assert!(inner.flags.is_none() || inner.protocol == Protocol::TCP);
    assert!(
        inner.icmp.is_none() || [Protocol::ICMP, Protocol::ICMPV6].contains(&inner.protocol),
        "{inner:?}"
    );
}
