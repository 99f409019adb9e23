//! Packets as frames of a link, frames as capture files, and records as the kernel's packet log sends them.

use wallwatch_helper::{
    decode::{Mac, Report, order::Order},
    event::Timestamp,
    packet::Packet,
};

use super::bytes;

/// The `EtherType` of a packet (IEEE 802 numbers).
fn ethertype(packet: &Packet) -> u16 {
    if packet.src.is_ipv6() { 0x86dd } else { 0x0800 }
}

/// An Ethernet frame; `tag` is that of a virtual network (IEEE 802.1Q).
#[must_use]
pub fn ethernet(packet: &Packet, mac: Mac, tag: Option<u16>) -> Vec<u8> {
    let mut frame = [mac.dst, mac.src].concat();
    if let Some(tag) = tag {
        frame.extend([0x81, 0]);
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(ethertype(packet).to_be_bytes());
    frame.extend(bytes::ip(packet));
    frame
}

/// A "cooked" frame of Linux (`LINKTYPE_LINUX_SLL`); the kind is one of `linux/if_packet.h`.
#[must_use]
pub fn cooked(packet: &Packet, kind: u8) -> Vec<u8> {
    let mut frame = vec![0, kind, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    frame.extend(ethertype(packet).to_be_bytes());
    frame.extend(bytes::ip(packet));
    frame
}

/// The second version (`LINKTYPE_LINUX_SLL2`).
#[must_use]
pub fn cooked_v2(packet: &Packet, kind: u8) -> Vec<u8> {
    let mut frame = ethertype(packet).to_be_bytes().to_vec();
    frame.extend([0, 0, 0, 0, 0, 2, 0, 1, kind, 6, 2, 0, 0, 0, 0, 1, 0, 0]);
    frame.extend(bytes::ip(packet));
    frame
}

/// A number in the writer's order.
fn number(order: Order, value: u32) -> [u8; 4] {
    match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    }
}

fn short(order: Order, value: u16) -> [u8; 2] {
    match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a test's bytes are few")
}

/// What `nfnetlink_log` says of a packet (`linux/netfilter/nfnetlink_log.h`): family, version and group, then attributes,
/// whose heads are in the order of the machine and whose numbers are in that of the network.
#[must_use]
pub fn nflog(report: &Report, order: Order) -> Vec<u8> {
    let packet = report.packet().expect("the kernel logs packets");
    let mut message = vec![if packet.src.is_ipv6() { 10 } else { 2 }, 0, 0x14, 0xfa];
    let mut put = |kind: u16, value: &[u8]| {
        let len = u16::try_from(value.len() + 4).expect("an attribute has 16 bits of length");
        message.extend(short(order, len));
        message.extend(short(order, kind));
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    };
    // NF_INET_LOCAL_OUT and NF_INET_LOCAL_IN
    let hook = if report.outbound { 3 } else { 1 };
    let [high, low] = ethertype(packet).to_be_bytes();
    put(1, &[high, low, hook, 0]);
    if let Some(mark) = report.mark {
        put(2, &mark.to_be_bytes());
    }
    put(if report.outbound { 5 } else { 4 }, &7_u32.to_be_bytes());
    put(10, &[report.prefix.as_bytes(), b"\0"].concat());
    if let Some((user, group)) = report.owner {
        put(11, &user.to_be_bytes());
        put(14, &group.to_be_bytes());
    }
    if let Some(mac) = report.mac {
        let header = [&mac.dst[..], &mac.src, &mac.ethertype.to_be_bytes()].concat();
        put(15, &1_u16.to_be_bytes());
        put(17, &14_u16.to_be_bytes());
        put(16, &header);
    }
    put(9, &bytes::ip(packet));
    message
}

/// A netlink datagram with these messages (`linux/netlink.h`).
#[must_use]
pub fn netlink(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut datagram = Vec::new();
    for message in messages {
        datagram.extend(number(Order::NATIVE, length(message) + 16));
        // NFNL_SUBSYS_ULOG and NFULNL_MSG_PACKET; flags, number and port of nobody
        datagram.extend(short(Order::NATIVE, 0x0400));
        datagram.extend([0; 10]);
        datagram.extend(message);
        datagram.resize(datagram.len().next_multiple_of(4), 0);
    }
    datagram
}

/// A file of the older format (pcap-savefile(5)), with microseconds.
#[must_use]
pub fn pcap(link: u32, order: Order, frames: &[(Timestamp, Vec<u8>)]) -> Vec<u8> {
    let mut file = number(order, 0xa1b2_c3d4).to_vec();
    file.extend([short(order, 2), short(order, 4)].concat());
    for value in [0, 0, 262_144, link] {
        file.extend(number(order, value));
    }
    for (time, frame) in frames {
        let seconds = u32::try_from(time.0 / Timestamp::SECOND).expect("a time before 2106");
        let micros = u32::try_from(time.0 % Timestamp::SECOND).expect("less than a million");
        for value in [seconds, micros, length(frame), length(frame)] {
            file.extend(number(order, value));
        }
        file.extend(frame);
    }
    file
}

/// A file of the newer format (draft-ietf-opsawg-pcapng), of one interface with this name, with microseconds.
#[must_use]
pub fn pcapng(link: u32, order: Order, name: &str, frames: &[(Timestamp, Vec<u8>)]) -> Vec<u8> {
    let link = u16::try_from(link).expect("a link type of 16 bits");
    let mut section = number(order, 0x1a2b_3c4d).to_vec();
    section.extend([short(order, 1), short(order, 0)].concat());
    section.extend([0xff; 8]);
    let mut interface = [short(order, link), [0, 0]].concat();
    interface.extend(number(order, 0));
    let name_len = u16::try_from(name.len()).expect("a short name");
    interface.extend([short(order, 2), short(order, name_len)].concat());
    interface.extend(name.as_bytes());
    interface.resize(interface.len().next_multiple_of(4), 0);
    interface.extend([0; 4]);
    let mut file = [
        block(order, 0x0a0d_0d0a, section),
        block(order, 1, interface),
    ]
    .concat();
    for (time, frame) in frames {
        let micros = u64::try_from(time.0).expect("no time before 1970");
        let halves = [micros >> 32, micros & 0xffff_ffff];
        let mut packet = number(order, 0).to_vec();
        for half in halves {
            packet.extend(number(order, u32::try_from(half).expect("32 bits")));
        }
        packet.extend([number(order, length(frame)); 2].concat());
        packet.extend(frame);
        file.extend(block(order, 6, packet));
    }
    file
}

/// A block: type, length, content, and the length once more.
fn block(order: Order, kind: u32, mut content: Vec<u8>) -> Vec<u8> {
    content.resize(content.len().next_multiple_of(4), 0);
    let len = number(order, length(&content) + 12);
    [&number(order, kind)[..], &len, &content, &len].concat()
}
