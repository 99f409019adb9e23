//! Frames as a link carries them: the header around the packet, and what stands behind it.

use super::{
    Arp, Body, Error, Mac, Report, attributes::NFGENMSG, ip_packet, log_line::text, nflog::Record,
    order::Order,
};
use crate::event::Feed;

/// `EtherType`s (IEEE 802 numbers): IPv4, ARP, IPv6.
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
/// Tags of virtual networks: IEEE 802.1Q, 802.1ad, and what was used before it.
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// A packet of a session of PPP over Ethernet (RFC 2516), and the protocols within (PPP numbers of RFC 1332 and RFC 5072).
const PPPOE: u16 = 0x8864;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
/// Version 1, type 1, code 0: a packet of the session itself (RFC 2516, section 4).
const PPPOE_SESSION: u16 = 0x1100;
/// Length of its header with the protocol that follows it, in bytes.
const PPPOE_HEADER: usize = 8;
/// At most so many tags are followed; the standards know two.
const MAX_TAGS: usize = 4;
/// Length of a tag with the type that follows it, in bytes.
const TAG: usize = 4;
/// `PACKET_BROADCAST`, `PACKET_MULTICAST` and `PACKET_OUTGOING` (`linux/if_packet.h`).
const BROADCAST: u16 = 1;
const MULTICAST: u16 = 2;
const OUTGOING: u16 = 4;
/// `AF_INET`, and `AF_INET6` of Linux, of NetBSD and OpenBSD, of FreeBSD and of macOS.
const INET_FAMILIES: [u32; 5] = [2, 10, 24, 28, 30];
/// `NFPROTO_ARP` (`linux/netfilter.h`).
const NFPROTO_ARP: u8 = 3;

/// What a link puts around packets, by its `LINKTYPE_` number (<https://www.tcpdump.org/linktypes.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Ethernet.
    Ethernet,
    /// What Linux makes of any interface's frames.
    Cooked,
    /// The same with the interface's number.
    CookedV2,
    /// The packet begins at once.
    Raw,
    /// Four bytes tell the address family.
    Loopback,
    /// Records of the kernel's `nfnetlink_log`.
    Nflog,
}

impl Link {
    /// What is read, in words, with the numbers.
    pub const READ: &str = "Ethernet (1), Linux cooked (113, 276), raw IP (12, 14, 101, 228, 229), loopback (0, 108) and NFLOG (239)";

    /// The link of this number, where it is one that is read.
    #[must_use]
    pub const fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Ethernet,
            113 => Self::Cooked,
            276 => Self::CookedV2,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            0 | 108 => Self::Loopback,
            239 => Self::Nflog,
            _ => return None,
        })
    }

    /// Does a frame itself tell whether this machine sent it?
    #[must_use]
    pub const fn tells_direction(self) -> bool {
        matches!(self, Self::Cooked | Self::CookedV2 | Self::Nflog)
    }
}

/// Reads a frame. The order is that of the machine that captured it: what is in the network's order does not ask for it.
pub fn frame(link: Link, bytes: &[u8], order: Order) -> Result<Report, Error> {
    match link {
        Link::Ethernet => ethernet(bytes),
        Link::Cooked => cooked(bytes),
        Link::CookedV2 => cooked_v2(bytes),
        Link::Raw => Ok(report(Body::Packet(ip_packet(bytes)?))),
        Link::Loopback => loopback(bytes),
        Link::Nflog => nflog(bytes, order),
    }
}

/// An Ethernet frame (IEEE 802.3), with or without tags.
fn ethernet(bytes: &[u8]) -> Result<Report, Error> {
    let (header, ethertype) = ethernet_header(bytes).ok_or(Error::ShortFrame)?;
    let (ethertype, payload) = untagged(ethertype, bytes.get(14..).unwrap_or_default())?;
    let mut report = report(network(ethertype, payload)?);
    report.group |= is_group(header.dst);
    report.mac = Some(Mac {
        ethertype,
        ..header
    });
    Ok(report)
}

fn ethernet_header(bytes: &[u8]) -> Option<(Mac, u16)> {
    let ethertype = Order::Big.u16_at(bytes, 12)?;
    let mac = Mac {
        dst: *bytes.first_chunk()?,
        src: *bytes.get(6..)?.first_chunk()?,
        ethertype,
    };
    Some((mac, ethertype))
}

/// The least bit of the first byte marks a group (IEEE 802).
const fn is_group(address: [u8; 6]) -> bool {
    address[0] & 1 == 1
}

/// What stands behind the tags, and behind the header of a dialled line.
fn untagged(mut ethertype: u16, mut payload: &[u8]) -> Result<(u16, &[u8]), Error> {
    for _ in 0..MAX_TAGS {
        if !TAGS.contains(&ethertype) {
            break;
        }
        ethertype = Order::Big.u16_at(payload, 2).ok_or(Error::ShortFrame)?;
        payload = payload.get(TAG..).unwrap_or_default();
    }
    Ok(dialled(ethertype, payload).unwrap_or((ethertype, payload)))
}

/// The IP packet of a session of PPP: version, type and code, session, length, protocol.
fn dialled(ethertype: u16, payload: &[u8]) -> Option<(u16, &[u8])> {
    if ethertype != PPPOE || Order::Big.u16_at(payload, 0)? != PPPOE_SESSION {
        return None;
    }
    let within = match Order::Big.u16_at(payload, 6)? {
        PPP_IPV4 => IPV4,
        PPP_IPV6 => IPV6,
        _ => return None,
    };
    Some((within, payload.get(PPPOE_HEADER..)?))
}

/// A "cooked" frame (`LINKTYPE_LINUX_SLL`): kind of packet, kind of link, the sender's address, type.
fn cooked(bytes: &[u8]) -> Result<Report, Error> {
    let kind = Order::Big.u16_at(bytes, 0).ok_or(Error::ShortFrame)?;
    let ethertype = Order::Big.u16_at(bytes, 14).ok_or(Error::ShortFrame)?;
    cooked_payload(kind, ethertype, bytes.get(16..).unwrap_or_default())
}

/// The second version (`LINKTYPE_LINUX_SLL2`): type, two reserved bytes, interface, kind of link, kind of packet, address.
fn cooked_v2(bytes: &[u8]) -> Result<Report, Error> {
    let ethertype = Order::Big.u16_at(bytes, 0).ok_or(Error::ShortFrame)?;
    let kind = *bytes.get(10).ok_or(Error::ShortFrame)?;
    let payload = bytes.get(20..).ok_or(Error::ShortFrame)?;
    cooked_payload(kind.into(), ethertype, payload)
}

fn cooked_payload(kind: u16, ethertype: u16, payload: &[u8]) -> Result<Report, Error> {
    let (ethertype, payload) = untagged(ethertype, payload)?;
    let mut report = report(network(ethertype, payload)?);
    report.outbound = kind == OUTGOING;
    report.group |= matches!(kind, BROADCAST | MULTICAST);
    Ok(report)
}

/// A frame of a BSD's loopback (`LINKTYPE_NULL`, `LINKTYPE_LOOP`): the address family in the order of whoever wrote it.
fn loopback(bytes: &[u8]) -> Result<Report, Error> {
    let family = bytes.first_chunk().ok_or(Error::ShortFrame)?;
    let payload = bytes.get(4..).unwrap_or_default();
    let is_inet = [u32::from_be_bytes(*family), u32::from_le_bytes(*family)]
        .iter()
        .any(|family| INET_FAMILIES.contains(family));
    if is_inet {
        Ok(report(Body::Packet(ip_packet(payload)?)))
    } else {
        Ok(report(Body::Frame))
    }
}

/// A record of `nfnetlink_log` (`LINKTYPE_NFLOG`): family, version 0, group, and the attributes of the netlink message.
fn nflog(bytes: &[u8], order: Order) -> Result<Report, Error> {
    let header: [u8; NFGENMSG] = *bytes.first_chunk().ok_or(Error::ShortFrame)?;
    let [family, version, ..] = header;
    if version != 0 {
        return Ok(report(Body::Frame));
    }
    let record = Record::read(bytes.get(NFGENMSG..).unwrap_or_default(), order);
    let body = match record.ethertype() {
        Some(ethertype) => network(ethertype, record.payload())?,
        None if family == NFPROTO_ARP => network(ARP, record.payload())?,
        None => Body::Packet(ip_packet(record.payload())?),
    };
    let mut report = report(body);
    report.prefix = text(record.prefix().trim_ascii());
    report.group |= record.is_to_group();
    report.mac = ethernet_header(record.ethernet()).map(|(mac, _)| mac);
    report.outbound = record.is_outbound();
    report.owner = record.uid().zip(record.gid());
    report.mark = record.mark();
    Ok(report)
}

/// What an `EtherType` announces.
fn network(ethertype: u16, bytes: &[u8]) -> Result<Body, Error> {
    match ethertype {
        IPV4 | IPV6 => ip_packet(bytes).map(Body::Packet),
        ARP => arp(bytes).map(Body::Arp).ok_or(Error::ShortFrame),
        _ => Ok(Body::Frame),
    }
}

/// An ARP message (RFC 826): kinds and lengths of both addresses, operation, sender, target.
fn arp(bytes: &[u8]) -> Option<Arp> {
    /// Ethernet, IPv4, six and four bytes.
    const ETHERNET_AND_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
    let known = bytes.first_chunk() == Some(&ETHERNET_AND_IPV4);
    let pair = |at: usize| -> Option<_> {
        let hardware: [u8; 6] = *bytes.get(at..)?.first_chunk()?;
        let address: [u8; 4] = *bytes.get(at.saturating_add(6)..)?.first_chunk()?;
        known.then(|| (hardware, address.into()))
    };
    Some(Arp {
        operation: Order::Big.u16_at(bytes, 6)?,
        sender: pair(8),
        target: pair(18),
    })
}

/// A report of a capture file, which only its owner can have written.
fn report(body: Body) -> Report {
    let group = match &body {
        Body::Packet(packet) => packet.is_to_group(),
        _ => false,
    };
    Report {
        trusted: true,
        group,
        ..Report::bare(Feed::Pcap, body)
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "the bytes are the test's own")]
mod tests {
    use super::*;

    const DST: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const SRC: [u8; 6] = [2, 0, 0, 0, 0, 2];
    /// A UDP packet from 192.0.2.7:53 to 198.51.100.1:5353.
    const UDP: [u8; 28] = [
        0x45, 0, 0, 28, 0, 1, 0, 0, 57, 17, 0, 0, 192, 0, 2, 7, 198, 51, 100, 1, 0, 53, 0x14, 0xe9,
        0, 8, 0, 0,
    ];

    /// The header of a session of PPP, without the protocol within.
    const PPP: [u8; 8] = [0x88, 0x64, 0x11, 0, 0, 9, 0, 30];

    fn read(link: u32, parts: &[&[u8]]) -> Result<Report, Error> {
        frame(Link::of(link).unwrap(), &parts.concat(), Order::Little)
    }

    fn is_udp(report: &Report) -> bool {
        report.packet().and_then(crate::packet::Packet::dport) == Some(5353)
    }

    #[test]
    fn each_link_has_its_own_header() {
        for (link, header) in [
            (1, [&DST[..], &SRC, &[8, 0]].concat()),
            (1, [&DST[..], &SRC, &[0x81, 0, 0, 7, 8, 0]].concat()),
            (
                1,
                [&DST[..], &SRC, &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0]].concat(),
            ),
            (1, [&DST[..], &SRC, &PPP, &[0, 0x21]].concat()),
            (
                1,
                [&DST[..], &SRC, &[0x81, 0, 0, 7], &PPP, &[0, 0x21]].concat(),
            ),
            (113, vec![0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, 8, 0]),
            (
                276,
                vec![8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0],
            ),
            (101, vec![]),
            (12, vec![]),
            (228, vec![]),
            (0, vec![2, 0, 0, 0]),
            (108, vec![0, 0, 0, 2]),
            (239, vec![2, 0, 0, 5, 32, 0, 9, 0]),
        ] {
            let report = read(link, &[&header, &UDP]).unwrap();
            assert!(is_udp(&report), "{link}: {report:?}");
            assert!(report.trusted && !report.outbound && !report.group);
            for end in 0..header.len() {
                let cut = frame(Link::of(link).unwrap(), &header[..end], Order::Little);
                assert!(
                    matches!(
                        cut,
                        Err(Error::ShortFrame | Error::Short)
                            | Ok(Report {
                                body: Body::Frame,
                                ..
                            })
                    ),
                    "{link} cut at {end}: {cut:?}"
                );
            }
        }
        assert_eq!(Link::of(127), None, "radiotap is not read");
    }

    #[test]
    fn an_ethernet_header_tells_addresses_and_groups() {
        let group = [1, 0, 0x5e, 0, 0, 1];
        let report = read(1, &[&group, &SRC, &[0x81, 0, 0, 7, 8, 0], &UDP]).unwrap();
        assert!(report.group);
        assert_eq!(
            report.mac,
            Some(Mac {
                src: SRC,
                dst: group,
                ethertype: IPV4
            })
        );
    }

    #[test]
    fn an_arp_message_is_no_packet() {
        let message = [
            0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1,
        ];
        let header = [&[0xff; 6][..], &SRC, &[8, 6]].concat();
        let expected = Arp {
            operation: 1,
            sender: Some((SRC, [192, 0, 2, 7].into())),
            target: Some(([0; 6], [192, 0, 2, 1].into())),
        };
        let report = read(1, &[&header, &message]).unwrap();
        assert_eq!(report.body, Body::Arp(expected));
        assert!(report.group);
        let cut = read(1, &[&header, &message[..20]]).unwrap();
        assert_eq!(
            cut.body,
            Body::Arp(Arp {
                target: None,
                ..expected
            })
        );
        assert_eq!(read(1, &[&header, &message[..7]]), Err(Error::ShortFrame));
    }

    #[test]
    fn other_frames_are_told_by_their_type() {
        let report = read(1, &[&DST, &SRC, &[0x88, 0xcc], &[2, 7]]).unwrap();
        assert_eq!(report.body, Body::Frame);
        assert_eq!(report.mac.unwrap().ethertype, 0x88cc);
        // Of a dialled line: its upkeep, and what ends it.
        for other in [[0x11, 0, 0xc0, 0x21], [0x11, 0xa7, 0, 0x21]] {
            let [version, code, high, low] = other;
            let header = [0x88, 0x64, version, code, 0, 9, 0, 30, high, low];
            let report = read(1, &[&DST, &SRC, &header, &UDP]).unwrap();
            let ethertype = report.mac.unwrap().ethertype;
            assert_eq!((report.body, ethertype), (Body::Frame, PPPOE));
        }
    }

    #[test]
    fn a_cooked_header_tells_what_this_machine_sent() {
        let header = |kind| [0, kind, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, 8, 0];
        for (kind, outbound, group) in [
            (0, false, false),
            (1, false, true),
            (2, false, true),
            (3, false, false),
            (4, true, false),
        ] {
            let report = read(113, &[&header(kind), &UDP]).unwrap();
            assert_eq!((report.outbound, report.group), (outbound, group), "{kind}");
        }
    }

    #[test]
    fn a_record_of_nflog_tells_prefix_owner_and_mark() {
        let attribute = |kind: u16, value: &[u8]| {
            let len = u16::try_from(value.len() + 4).unwrap();
            let mut bytes = [&len.to_be_bytes()[..], &kind.to_be_bytes(), value].concat();
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let header = [&DST[..], &SRC, &[8, 0]].concat();
        let bytes = [
            vec![2, 0, 0, 5],
            attribute(1, &[8, 0, 3, 0]),
            attribute(2, &[0, 0, 0, 9]),
            attribute(10, b" DROP: \0"),
            attribute(11, &[0, 0, 3, 0xe8]),
            attribute(14, &[0, 0, 0, 100]),
            attribute(15, &[0, 1]),
            attribute(16, &header),
            attribute(9, &UDP),
        ]
        .concat();
        let report = frame(Link::Nflog, &bytes, Order::Big).unwrap();
        assert!(is_udp(&report) && report.outbound);
        assert_eq!(report.prefix.as_str(), "DROP:");
        assert_eq!((report.owner, report.mark), (Some((1000, 100)), Some(9)));
        assert_eq!(report.mac.unwrap().src, SRC);
        let other_order = frame(Link::Nflog, &bytes, Order::Little);
        assert_eq!(other_order, Err(Error::Short));
    }
}
