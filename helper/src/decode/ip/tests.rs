//! What is read of IP packets, and of those that are cut, damaged or meant to mislead.
#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the bytes are the test's own"
)]

use super::*;

/// A SYN from 192.0.2.7:40000 to 198.51.100.1:22 with the option MSS 1460.
const SYN: [u8; 44] = [
    0x45, 0x10, 0, 44, 0x12, 0x34, 0x40, 0, 57, 6, 0, 0, 192, 0, 2, 7, 198, 51, 100,
    1, // IPv4
    0x9c, 0x40, 0, 22, 0, 0, 0, 1, 0, 0, 0, 2, 0x60, 0x02, 4, 0, 0, 0, 0, 3, 2, 4, 5,
    0xb4, // TCP
];

/// An IPv6 header for a payload that begins with the header `next`.
fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![
        0x6a,
        0xb0,
        0,
        0,
        0,
        u8::try_from(payload.len()).unwrap(),
        next,
        64,
    ];
    bytes.extend("2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
    bytes.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
    bytes.extend(payload);
    bytes
}

#[test]
fn a_syn_is_read_to_its_last_option() {
    let packet = ip_packet(&SYN).unwrap();
    assert_eq!(packet.src.to_string(), "192.0.2.7");
    assert_eq!(packet.dst.to_string(), "198.51.100.1");
    assert_eq!(
        (packet.len, packet.ttl, packet.tos, packet.ip_id),
        (44, 57, 0x10, Some(0x1234))
    );
    assert!(packet.df && packet.fragment.is_none() && !packet.has_options);
    let tcp = packet.tcp().unwrap();
    assert_eq!(
        (tcp.sport, tcp.dport, tcp.window, tcp.urgp),
        (40000, 22, 1024, 3)
    );
    assert_eq!(
        (tcp.seq, tcp.ack, tcp.flags),
        (Some(1), Some(2), TcpFlags::SYN)
    );
    assert_eq!(tcp.options.as_deref(), Some(&[2, 4, 5, 0xb4][..]));
}

#[test]
fn a_packet_cut_anywhere_tells_what_is_there() {
    for end in 0..=SYN.len() {
        let read = ip_packet(&SYN[..end]);
        match end {
            0..20 => assert_eq!(read, Err(Error::Short), "{end}"),
            20..40 => assert_eq!(read.unwrap().transport, Transport::Other, "{end}"),
            40..44 => assert_eq!(read.unwrap().tcp().unwrap().options, None, "{end}"),
            _ => assert!(read.unwrap().tcp().unwrap().options.is_some(), "{end}"),
        }
    }
}

#[test]
fn ip_options_stand_before_the_ports() {
    let mut bytes = SYN.to_vec();
    bytes[0] = 0x46;
    bytes[3] = 48;
    bytes.splice(20..20, [0x94, 4, 0, 0]);
    let packet = ip_packet(&bytes).unwrap();
    assert!(packet.has_options);
    assert_eq!(packet.dport(), Some(22));
}

#[test]
fn impossible_headers_are_refused() {
    assert_eq!(ip_packet(&[]), Err(Error::Short));
    assert_eq!(ip_packet(&[0x55; 60]), Err(Error::NotIp));
    let mut short_header = SYN;
    short_header[0] = 0x44;
    assert_eq!(ip_packet(&short_header), Err(Error::NotIp));
}

#[test]
fn only_the_first_fragment_has_ports() {
    for (word, ports, fragment) in [
        (
            0x2000_u16,
            Some(22),
            Some(Fragment {
                offset: 0,
                more: true,
            }),
        ),
        (
            0x2002,
            None,
            Some(Fragment {
                offset: 16,
                more: true,
            }),
        ),
        (
            0x1fff,
            None,
            Some(Fragment {
                offset: 65528,
                more: false,
            }),
        ),
        (0x4000, Some(22), None),
    ] {
        let mut bytes = SYN;
        bytes[6..8].copy_from_slice(&word.to_be_bytes());
        let packet = ip_packet(&bytes).unwrap();
        assert_eq!(
            (packet.dport(), packet.fragment),
            (ports, fragment),
            "{word:#x}"
        );
    }
}

#[test]
fn extension_headers_are_followed_to_the_ports() {
    let tcp = &SYN[20..];
    let hop_by_hop = [6_u8, 0, 5, 2, 0, 0, 1, 0];
    let first_fragment = [6_u8, 0, 0, 1, 0, 0, 0, 7];
    let later_fragment = [6_u8, 0, 0, 8, 0, 0, 0, 7];
    let authentication = [6_u8, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    for (next, header, ports, protocol) in [
        (0, &hop_by_hop[..], Some(22), 6),
        (44, &first_fragment, Some(22), 6),
        (44, &later_fragment, None, 6),
        (51, &authentication, Some(22), 6),
        (50, &hop_by_hop, None, 50), // the payload is encrypted
    ] {
        let packet = ip_packet(&v6(next, &[header, tcp].concat())).unwrap();
        assert_eq!(
            (packet.dport(), packet.protocol.0),
            (ports, protocol),
            "{next}"
        );
        assert_eq!(packet.has_options, next != 50);
    }
    let packet = ip_packet(&v6(6, tcp)).unwrap();
    assert_eq!((packet.len, packet.tos, packet.ttl), (40 + 24, 0xab, 64));
}

#[test]
fn an_endless_chain_of_extension_headers_ends() {
    let chain: Vec<u8> = [0_u8, 0, 0, 0, 0, 0, 0, 0].repeat(20);
    let packet = ip_packet(&v6(0, &chain)).unwrap();
    assert_eq!(packet.transport, Transport::Other);
}

#[test]
fn each_transport_tells_its_ports_or_type() {
    let payload = [0, 53, 0x14, 0xe9, 0, 12, 0, 0];
    let of = |protocol: u8| ip_packet(&v6(protocol, &payload)).unwrap().transport;
    let udp = Transport::Udp(Udp {
        sport: 53,
        dport: 5353,
        len: Some(12),
    });
    assert_eq!(of(17), udp);
    assert_eq!(of(136), udp);
    assert_eq!(
        of(132),
        Transport::Ports {
            sport: 53,
            dport: 5353
        }
    );
    assert_eq!(
        of(58),
        Transport::Icmp(Icmp {
            kind: 0,
            code: 53,
            id: None,
            seq: None,
            detail: None,
            quoted: None,
        })
    );
    assert_eq!(of(59), Transport::Other);
    let echo = ip_packet(&v6(58, &[128, 0, 0, 0, 0, 9, 0, 1]))
        .unwrap()
        .transport;
    assert_eq!(
        echo,
        Transport::Icmp(Icmp {
            kind: 128,
            code: 0,
            id: Some(9),
            seq: Some(1),
            detail: None,
            quoted: None,
        })
    );
}

/// An ICMP error of this type, code and second word that quotes `packet`, in IPv4 or in IPv6.
fn error(protocol: u8, kind: u8, code: u8, word: u32, packet: &[u8]) -> Vec<u8> {
    let message = [&[kind, code, 0, 0], &word.to_be_bytes()[..], packet].concat();
    if protocol == 58 {
        return v6(58, &message);
    }
    let mut bytes = SYN[..20].to_vec();
    let len = u16::try_from(20 + message.len()).unwrap();
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    bytes[9] = protocol;
    bytes.extend(message);
    bytes
}

fn icmp_of(bytes: &[u8]) -> Icmp {
    match ip_packet(bytes).unwrap().transport {
        Transport::Icmp(icmp) => icmp,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_tells_its_second_word() {
    for (protocol, kind, code, word, expected) in [
        (1, 3, 4, 1400, Some(IcmpDetail::Mtu(1400))),
        (1, 3, 3, 1400, None),
        (
            1,
            5,
            1,
            0xc000_0201,
            Some(IcmpDetail::Gateway(Ipv4Addr::new(192, 0, 2, 1))),
        ),
        (1, 12, 0, 0x1400_0000, Some(IcmpDetail::Pointer(20))),
        (1, 11, 0, 7, None),
        (58, 2, 0, 70_000, Some(IcmpDetail::Mtu(70_000))),
        (58, 4, 1, 40, Some(IcmpDetail::Pointer(40))),
        (58, 1, 4, 0, None),
    ] {
        let icmp = icmp_of(&error(protocol, kind, code, word, &SYN));
        assert_eq!(icmp.detail, expected, "{protocol} {kind} {code}");
        assert_eq!(icmp.quoted.unwrap().dport, Some(22));
        assert_eq!((icmp.id, icmp.seq), (None, None));
    }
    assert_eq!(icmp_of(&error(1, 8, 0, 7, &SYN)).quoted, None, "an echo");
    assert_eq!(icmp_of(&error(58, 137, 0, 0, &SYN)).quoted, None);
}

#[test]
fn a_router_tells_for_how_long_it_is_one() {
    let advert = icmp_of(&error(58, 134, 0, 0x4000_0708, &SYN));
    assert_eq!(advert.detail, Some(IcmpDetail::Lifetime(1800)));
    assert_eq!(advert.quoted, None);
}

#[test]
fn a_quoted_packet_is_kept_apart_as_far_as_it_goes() {
    let outer = ip_packet(&error(1, 3, 3, 0, &v6(6, &SYN[20..]))).unwrap();
    assert_eq!((outer.len, outer.dport()), (20 + 8 + 64, None));
    for end in 0..=SYN.len() {
        let quoted = icmp_of(&error(1, 3, 3, 0, &SYN[..end])).quoted;
        let Some(quoted) = quoted else {
            assert!(end < 20, "{end}");
            continue;
        };
        assert_eq!(quoted.src.to_string(), "192.0.2.7");
        assert_eq!((quoted.len, quoted.ttl), (44, 57));
        assert_eq!(quoted.sport, (end >= 24).then_some(40000), "{end}");
        assert_eq!(quoted.flags, (end >= 34).then_some(TcpFlags::SYN), "{end}");
    }
}

#[test]
fn an_error_within_an_error_is_not_opened() {
    let inner = error(1, 3, 3, 0, &SYN);
    let quoted = icmp_of(&error(1, 11, 0, 0, &inner)).quoted.unwrap();
    assert_eq!(quoted.icmp, Some((3, 3)));
    assert_eq!((quoted.sport, quoted.flags), (None, None));
    let fragment = {
        let mut bytes = SYN;
        bytes[7] = 2;
        icmp_of(&error(1, 11, 1, 0, &bytes)).quoted.unwrap()
    };
    assert_eq!(fragment.dport, None, "a later fragment has no ports");
}

#[test]
fn the_options_of_ipv4_are_kept() {
    let router_alert = [0x94, 4, 0, 0];
    let mut bytes = SYN.to_vec();
    bytes[0] = 0x46;
    bytes[3] = 48;
    bytes.splice(20..20, router_alert);
    let packet = ip_packet(&bytes).unwrap();
    assert_eq!(packet.ip_options.as_slice(), router_alert);
    let cut = ip_packet(&bytes[..22]).unwrap();
    assert!(cut.has_options && cut.ip_options.is_empty());
    assert_eq!(cut.transport, Transport::Other);
}

#[test]
fn ipsec_tells_its_index() {
    let of = |protocol: u8, payload: &[u8]| {
        let mut bytes = SYN[..20].to_vec();
        bytes[3] = u8::try_from(20 + payload.len()).unwrap();
        bytes[9] = protocol;
        bytes.extend(payload);
        ip_packet(&bytes).unwrap().transport
    };
    let spi = Transport::Ipsec { spi: 0x0102_0304 };
    assert_eq!(of(50, &[1, 2, 3, 4, 0, 0, 0, 1]), spi);
    assert_eq!(of(51, &[6, 4, 0, 0, 1, 2, 3, 4, 0, 0, 0, 1]), spi);
    assert_eq!(of(50, &[1, 2, 3]), Transport::Other);
    assert_eq!(ip_packet(&v6(50, &[1, 2, 3, 4])).unwrap().transport, spi);
}

#[test]
fn a_length_that_cannot_be_is_refused() {
    for len in [1_u8, 19] {
        let mut bytes = SYN;
        bytes[3] = len;
        assert_eq!(ip_packet(&bytes), Err(Error::NotIp), "{len}");
    }
    let mut options = SYN;
    options[0] = 0x4f;
    assert_eq!(ip_packet(&options), Err(Error::NotIp), "60 bytes of header");
}

#[test]
fn what_fills_a_frame_up_is_not_of_the_packet() {
    let mut bytes = SYN;
    bytes[3] = 28;
    let packet = ip_packet(&bytes).unwrap();
    assert_eq!((packet.len, packet.transport), (28, Transport::Other));
    let mut six = v6(17, &[0; 12]);
    six[5] = 4;
    assert_eq!(
        ip_packet(&six).unwrap().transport,
        Transport::Udp(Udp {
            sport: 0,
            dport: 0,
            len: None
        })
    );
}

#[test]
fn a_packet_over_64_kib_tells_no_length_in_the_usual_field() {
    let mut bytes = SYN;
    bytes[3] = 0;
    let packet = ip_packet(&bytes).unwrap();
    assert_eq!((packet.len, packet.dport()), (0, Some(22)));
    for (option, len) in [
        ([0xc2, 4, 0, 2, 0, 0], 40 + 0x0002_0000),
        ([0xc2, 4, 0, 0, 0, 9], 40), // less than the usual field holds
        ([1, 4, 0xc2, 4, 0, 1], 40), // filling, to its end
        ([0xc2, 3, 0, 2, 0, 0], 40),
    ] {
        let mut bytes = v6(0, &[&[6, 0][..], &option, &SYN[20..]].concat());
        bytes[4..6].fill(0);
        let packet = ip_packet(&bytes).unwrap();
        assert_eq!((packet.len, packet.dport()), (len, Some(22)), "{option:?}");
    }
}

#[test]
fn a_fragment_header_cut_short_tells_no_offset() {
    for end in 40..48 {
        let packet = ip_packet(&v6(44, &[6, 0, 0, 8, 0, 0, 0, 7])[..end]).unwrap();
        assert_eq!(packet.fragment.is_some(), end >= 44, "{end}");
        assert_eq!(packet.transport, Transport::Other);
    }
}
