//! The words of the contract: kinds, families, severities and verdicts.

use std::fmt;

/// A word that the contract does not know; a newer helper may have sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord(pub String);

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown word '{}'", self.0.escape_default())
    }
}

impl std::error::Error for UnknownWord {}

/// Declares an enum whose variants are words on the wire: `ALL`, `as_str`, and back by `FromStr`.
#[macro_export]
macro_rules! words {
    ($(#[$outer:meta])* pub enum $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word as it stands on the bus and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { f.pad(self.as_str()) }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownWord;
            fn from_str(word: &str) -> Result<Self, $crate::UnknownWord> {
                match word { $($word => Ok(Self::$variant),)+ other => Err($crate::UnknownWord(other.to_owned())) }
            }
        }
    };
}

words! {
    /// What an incident is.
    pub enum Kind {
        /// Half-open SYN probes of many ports (nmap -sS, masscan, zmap).
        TcpSynScan = "tcp-syn-scan",
        /// Full connections tried on many ports (nmap -sT).
        TcpConnectScan = "tcp-connect-scan",
        /// FIN alone (nmap -sF).
        TcpFinScan = "tcp-fin-scan",
        /// No flag at all (nmap -sN).
        TcpNullScan = "tcp-null-scan",
        /// FIN, PSH and URG (nmap -sX).
        TcpXmasScan = "tcp-xmas-scan",
        /// FIN and ACK (nmap -sM).
        TcpMaimonScan = "tcp-maimon-scan",
        /// ACK alone (nmap -sA, -sW).
        TcpAckScan = "tcp-ack-scan",
        /// Flags that no sane stack sends together, as SYN and FIN.
        TcpBadFlags = "tcp-bad-flags",
        /// UDP probes of many ports (nmap -sU).
        UdpScan = "udp-scan",
        /// SCTP probes (nmap -sY, -sZ).
        SctpScan = "sctp-scan",
        /// Many IP protocols tried (nmap -sO).
        IpProtocolScan = "ip-protocol-scan",
        /// Pings of several addresses or of several types.
        PingSweep = "ping-sweep",
        /// One port tried on several of our addresses.
        HostSweep = "host-sweep",
        /// Many sources that share the ports of one scan.
        DistributedScan = "distributed-scan",
        /// Probes that tell operating systems apart (nmap -O).
        OsFingerprint = "os-fingerprint",
        /// Many log-in tries on one service.
        BruteForce = "brute-force",
        /// The header traits of a known worm, as Mirai's.
        Worm = "worm",
        /// Too many SYNs to a few ports.
        SynFlood = "syn-flood",
        /// Too many UDP datagrams.
        UdpFlood = "udp-flood",
        /// Too many ICMP messages.
        IcmpFlood = "icmp-flood",
        /// Too many answers that nobody asked for.
        ReplyFlood = "reply-flood",
        /// Source and destination are the same.
        Land = "land",
        /// Echo requests to a broadcast address.
        Smurf = "smurf",
        /// A source address that cannot exist.
        Bogon = "bogon",
        /// A second DHCP server on the LAN.
        RogueDhcp = "rogue-dhcp",
        /// A second IPv6 router on the LAN.
        RogueRa = "rogue-ra",
        /// A packet that matches a known signature.
        Signature = "signature",
        /// Made by `SendTestAlert`.
        Test = "test",
    }
}

words! {
    /// Kinds that one incident holds together: an incident is (source, family).
    pub enum Family {
        /// SYN and connect probes.
        TcpProbe = "tcp-probe",
        /// TCP probes that no handshake begins with.
        TcpStealth = "tcp-stealth",
        /// UDP.
        Udp = "udp",
        /// SCTP.
        Sctp = "sctp",
        /// Other IP protocols.
        IpProtocol = "ip-protocol",
        /// ICMP and ICMPv6.
        Icmp = "icmp",
        /// Floods of any protocol.
        Flood = "flood",
        /// Log-in tries.
        BruteForce = "brute-force",
        /// Signatures.
        Signature = "signature",
        /// Attacks on the LAN's own services.
        Lan = "lan",
        /// Everything else, test alerts among them.
        Other = "other",
    }
}

impl Kind {
    /// What an incident is, in a few words for people: "Port scan (SYN)".
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::TcpSynScan => "Port scan (SYN)",
            Self::TcpConnectScan => "Port scan (connect)",
            Self::TcpFinScan => "Stealth scan (FIN)",
            Self::TcpNullScan => "Stealth scan (NULL)",
            Self::TcpXmasScan => "Stealth scan (XMAS)",
            Self::TcpMaimonScan => "Stealth scan (Maimon)",
            Self::TcpAckScan => "Firewall probe (ACK)",
            Self::TcpBadFlags => "Malformed TCP packets",
            Self::UdpScan => "UDP port scan",
            Self::SctpScan => "SCTP port scan",
            Self::IpProtocolScan => "IP protocol scan",
            Self::PingSweep => "Ping sweep",
            Self::HostSweep => "Host sweep",
            Self::DistributedScan => "Port scan from many sources",
            Self::OsFingerprint => "Operating system probe",
            Self::BruteForce => "Log-in attempts",
            Self::Worm => "Worm",
            Self::SynFlood => "SYN flood",
            Self::UdpFlood => "UDP flood",
            Self::IcmpFlood => "ICMP flood",
            Self::ReplyFlood => "Flood of answers",
            Self::Land => "LAND attack",
            Self::Smurf => "Smurf attack",
            Self::Bogon => "Impossible source address",
            Self::RogueDhcp => "Second DHCP server",
            Self::RogueRa => "Second IPv6 router",
            Self::Signature => "Known attack",
            Self::Test => "Test alert",
        }
    }

    /// The family whose incident an attack of this kind belongs to.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::TcpSynScan
            | Self::TcpConnectScan
            | Self::HostSweep
            | Self::DistributedScan
            | Self::Worm => Family::TcpProbe,
            Self::TcpFinScan
            | Self::TcpNullScan
            | Self::TcpXmasScan
            | Self::TcpMaimonScan
            | Self::TcpAckScan
            | Self::TcpBadFlags
            | Self::OsFingerprint => Family::TcpStealth,
            Self::UdpScan => Family::Udp,
            Self::SctpScan => Family::Sctp,
            Self::IpProtocolScan => Family::IpProtocol,
            Self::PingSweep => Family::Icmp,
            Self::SynFlood | Self::UdpFlood | Self::IcmpFlood | Self::ReplyFlood | Self::Smurf => {
                Family::Flood
            }
            Self::BruteForce => Family::BruteForce,
            Self::Signature => Family::Signature,
            Self::RogueDhcp | Self::RogueRa => Family::Lan,
            Self::Land | Self::Bogon | Self::Test => Family::Other,
        }
    }
}

words! {
    /// What became of the attack's packets.
    pub enum Verdict {
        /// The firewall stopped all of them.
        Dropped = "dropped",
        /// They reached this computer.
        Passed = "passed",
        /// Some were stopped, some were not.
        Mixed = "mixed",
        /// Nothing tells.
        Unknown = "unknown",
    }
}

impl Verdict {
    /// The verdict on two packets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Dropped, Self::Dropped) => Self::Dropped,
            (Self::Passed, Self::Passed) => Self::Passed,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::Mixed,
        }
    }
}

/// How much an incident matters: 1 info (history only), 2 low, 3 medium, 4 high, 5 critical. psad's danger levels map one to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// History only.
    Info = 1,
    /// A probe worth a popup.
    Low = 2,
    /// A scan of many ports.
    Medium = 3,
    /// A scan of very many ports, or a flood.
    High = 4,
    /// The attacker got somewhere.
    Critical = 5,
}

impl Severity {
    /// Every value, the least first.
    pub const ALL: &'static [Self] = &[
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The number on the bus.
    #[must_use]
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// The severity of a number on the bus; numbers out of range are taken as the nearest.
    #[must_use]
    pub const fn from_level(level: u8) -> Self {
        match level {
            0 | 1 => Self::Info,
            2 => Self::Low,
            3 => Self::Medium,
            4 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        for verdict in Verdict::ALL {
            assert_eq!(verdict.as_str().parse(), Ok(*verdict));
        }
        assert!("tcp-sin-scan".parse::<Kind>().is_err());
    }

    #[test]
    fn a_verdict_claims_only_what_all_packets_show() {
        assert_eq!(Verdict::Dropped.and(Verdict::Dropped), Verdict::Dropped);
        assert_eq!(Verdict::Dropped.and(Verdict::Passed), Verdict::Mixed);
        assert_eq!(Verdict::Mixed.and(Verdict::Dropped), Verdict::Mixed);
        assert_eq!(Verdict::Dropped.and(Verdict::Unknown), Verdict::Unknown);
    }
}
