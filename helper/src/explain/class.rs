//! The one word for what a line tells of: a kind of attack, or a class of noise.

use std::{fmt, str::FromStr};

use wallwatch_dbus::{Kind, UnknownWord, words};

words! {
    /// What a packet is that nobody has to fear, or that is no IP packet at all.
    pub enum Noise {
        /// Multicast DNS: names and services of this network (RFC 6762).
        Mdns = "mdns",
        /// A search for media players, or the announcement of one (`UPnP` Device Architecture).
        Ssdp = "ssdp",
        /// The answer to such a search, which no firewall can tell from a question.
        SsdpAnswer = "ssdp-answer",
        /// Names of this network, as Windows asks for them (RFC 4795).
        Llmnr = "llmnr",
        /// Printers and cameras (OASIS WS-Discovery 1.1).
        WsDiscovery = "ws-discovery",
        /// Names and services of older Windows networks (RFC 1002).
        Netbios = "netbios",
        /// The giving out of addresses (RFC 2131, RFC 9915).
        Dhcp = "dhcp",
        /// Whatever else is sent to everybody on a network.
        Discovery = "discovery",
        /// Routers and time servers among themselves.
        Routing = "routing",
        /// A packet for one computer in a frame for everybody.
        BroadcastFrame = "broadcast-frame",
        /// Membership in multicast groups (RFC 3376).
        Igmp = "igmp",
        /// Who is where on an IPv6 network; router advertisements are a part of it (RFC 4861).
        NeighbourDiscovery = "neighbour-discovery",
        /// Membership in multicast groups of IPv6 (RFC 3810).
        Mld = "mld",
        /// The end, or a straggler, of a TCP connection.
        LateTcp = "late-tcp",
        /// A late answer of a name server.
        LateDns = "late-dns",
        /// A late answer of a time server.
        LateNtp = "late-ntp",
        /// The tail of a connection to a web site over UDP (RFC 9000).
        LateQuic = "late-quic",
        /// A late answer of a server for calls (RFC 8489).
        LateStun = "late-stun",
        /// A late answer of another service.
        LateAnswer = "late-answer",
        /// Something of ours did not arrive.
        IcmpError = "icmp-error",
        /// The answer to a ping or its like.
        IcmpAnswer = "icmp-answer",
        /// A router that names a better one (RFC 792).
        IcmpRedirect = "icmp-redirect",
        /// An answer to what somebody else sent in our name.
        Backscatter = "backscatter",
        /// A partner of a file exchange, a game or a call.
        PeerToPeer = "peer-to-peer",
        /// Somebody follows the way of packets to here.
        Traceroute = "traceroute",
        /// A later piece of a packet.
        Fragment = "fragment",
        /// Sent by this computer, or known as the answer to that.
        Own = "own",
        /// Between this computer and its containers and virtual machines.
        Container = "container",
        /// Who has which address (RFC 826).
        Arp = "arp",
        /// An address that cannot be where it was seen.
        Martian = "martian",
        /// Against its protocol's rules, so that nobody will take it.
        Malformed = "malformed",
        /// A frame that is neither IP nor ARP.
        Frame = "frame",
        /// Of somebody, or by a way, that a rule trusts.
        Trusted = "trusted",
    }
}

impl Noise {
    /// What packets of this class are and why nobody has to fear them, as the end of a line.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Mdns => "devices of this network ask for names and services (mDNS)",
            Self::Ssdp => "devices of this network look for media players (SSDP)",
            Self::SsdpAnswer => "media players and the like answer a search (SSDP)",
            Self::Llmnr => "Windows computers ask for names (LLMNR)",
            Self::WsDiscovery => "printers and cameras are looked for, or answer (WS-Discovery)",
            Self::Netbios => "Windows computers speak of their names (NetBIOS)",
            Self::Dhcp => "addresses are asked for and given out (DHCP)",
            Self::Discovery => "programs and devices call everybody on this network",
            Self::Routing => "routers and clocks speak among themselves",
            Self::BroadcastFrame => "sent to one computer in a frame for everybody",
            Self::Igmp => "who listens to group messages (IGMP)",
            Self::NeighbourDiscovery => "who is where on an IPv6 network, and its routers",
            Self::Mld => "who listens to group messages of IPv6 (MLD)",
            Self::LateTcp => "late ends and stragglers of connections",
            Self::LateDns => "late answers of name servers",
            Self::LateNtp => "late answers of time servers",
            Self::LateQuic => "tails of connections to web sites (QUIC)",
            Self::LateStun => "late answers of servers for calls (STUN)",
            Self::LateAnswer => "late answers of other services",
            Self::IcmpError => "reports that something did not arrive",
            Self::IcmpAnswer => "answers to pings",
            Self::IcmpRedirect => "routers name a better router",
            Self::Backscatter => "answers to what somebody sent in this computer's name",
            Self::PeerToPeer => "partners of file exchanges, games and calls",
            Self::Traceroute => "somebody follows the way to here",
            Self::Fragment => "later pieces of packets, judged by the first one",
            Self::Own => "sent by this computer itself",
            Self::Container => "containers and virtual machines of this computer",
            Self::Arp => "who has which address (ARP)",
            Self::Martian => "addresses that cannot be where they were seen",
            Self::Malformed => "against the rules, so that nobody takes it",
            Self::Frame => "neither IP nor ARP",
            Self::Trusted => "trusted by a rule",
        }
    }
}

/// What a line tells of, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A probe, and the attack it would belong to.
    Probe(Kind),
    /// Nothing to fear.
    Noise(Noise),
}

impl Class {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe(kind) => kind.as_str(),
            Self::Noise(noise) => noise.as_str(),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Class {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        word.parse()
            .map(Self::Noise)
            .or_else(|_| word.parse().map(Self::Probe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_and_none_has_two_meanings() {
        for noise in Noise::ALL {
            assert_eq!(noise.as_str().parse(), Ok(Class::Noise(*noise)));
            assert!(noise.as_str().parse::<Kind>().is_err(), "{noise}");
        }
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(Class::Probe(*kind)));
        }
        assert!("mdnss".parse::<Class>().is_err());
    }

    #[test]
    fn every_class_of_noise_has_a_line_that_shows_it() {
        let table = include_str!("../../../tests/data/lines/explained.tsv");
        let shown: Vec<&str> = table
            .lines()
            .filter_map(|row| row.split('\t').nth(1))
            .collect();
        // What a rule trusts, no line shows.
        for noise in Noise::ALL.iter().filter(|noise| **noise != Noise::Trusted) {
            assert!(shown.contains(&noise.as_str()), "{noise}");
        }
    }
}
