//! What is no IP packet, or not told as one: ARP, martians and other frames.

use super::{Explanation, Noise, fields::mac_text};
use crate::decode::{Arp, Mac, Martian};

/// An ARP message (RFC 826; the questions of RFC 5227).
pub(super) fn arp(arp: &Arp) -> Explanation {
    let reason = match (arp.operation, arp.sender, arp.target) {
        (1, Some((_, sender)), Some((_, target))) if sender.is_unspecified() => format!(
            "A device asks whether {target} is free before it takes that address (ARP). Every device does so when it comes."
        ),
        (1, Some((_, sender)), Some((_, target))) if sender == target => {
            format!("{sender} tells this network that it is there (ARP).")
        }
        (1, Some((_, sender)), Some((_, target))) => format!(
            "{sender} asks this network who has the address {target} (ARP), the first step of every conversation."
        ),
        (2, Some((mac, sender)), _) => {
            format!(
                "{} says that it has the address {sender} (ARP).",
                mac_text(mac)
            )
        }
        _ => "Devices of this network tell each other their addresses (ARP).".to_owned(),
    };
    Explanation::fine(Noise::Arp, reason)
}

/// What the kernel calls a martian (net/ipv4/route.c).
pub(super) fn martian(martian: &Martian, interface: &str) -> Explanation {
    let Martian { src, dst, source } = martian;
    let way = if interface.is_empty() {
        String::new()
    } else {
        format!(" by {interface}")
    };
    let reason = if *source {
        format!(
            "A packet for {dst} claims to be from {src}, which cannot come in{way}: the sender is forged or a network is set up \
             wrongly. The kernel threw it away."
        )
    } else {
        format!(
            "{src} sent a packet to {dst}, which cannot be reached{way}: probably a network is set up wrongly. The kernel threw it \
             away."
        )
    };
    Explanation::void(Noise::Martian, reason)
}

/// A frame that is neither IP nor ARP, by its type (IANA "IEEE 802 Numbers").
pub(super) fn frame(mac: Option<Mac>) -> Explanation {
    let what = match mac.map(|mac| mac.ethertype) {
        // As wake-on-LAN tools write it (ether-wake(8)).
        Some(0x0842) => "a call that wakes up a sleeping computer (Wake-on-LAN)".to_owned(),
        Some(0x8100 | 0x88a8) => "a frame of a virtual network (VLAN)".to_owned(),
        Some(0x8863 | 0x8864) => "a frame of a dial-in connection (PPPoE)".to_owned(),
        Some(0x888e) => "a log-in to the network (802.1X)".to_owned(),
        Some(0x88cc) => "a device, mostly a switch, that tells its name (LLDP)".to_owned(),
        Some(0x88e1 | 0x8912) => "devices that speak over the power line (HomePlug)".to_owned(),
        Some(ethertype) => format!("a frame of the type 0x{ethertype:04x}"),
        None => "a frame of an unknown type".to_owned(),
    };
    Explanation::fine(
        Noise::Frame,
        format!("This is {what}. It is neither IP nor ARP, so it is for no port of this computer."),
    )
}
