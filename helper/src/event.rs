//! A packet together with what its source knows of it: when, where, by which feed, and what the firewall did.

use std::fmt;

use arrayvec::ArrayString;
pub use wallwatch_dbus::Verdict;

use crate::packet::Packet;

/// Microseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// One second.
    pub const SECOND: i64 = 1_000_000;

    /// Microseconds from `earlier` to here; negative where the clock went back.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time and so many microseconds.
    #[must_use]
    pub const fn plus(self, microseconds: i64) -> Self {
        Self(self.0.saturating_add(microseconds))
    }
}

/// The prefix of a log rule. nftables allows 127 bytes (`NF_LOG_PREFIXLEN`, `include/net/netfilter/nf_log.h`).
pub type Prefix = ArrayString<127>;

/// The name of an interface: at most 15 bytes (`IFNAMSIZ`, `include/uapi/linux/if.h`).
pub type Interface = ArrayString<15>;

/// As much of `text` as fits, cut at a character.
#[must_use]
pub fn bounded<const N: usize>(text: &str) -> ArrayString<N> {
    let mut end = text.len().min(N);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    ArrayString::from(&text[..end]).unwrap_or_default()
}

/// Which source of events told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// Packets of the own nftables table, or of an NFLOG group that the user's own rules log to.
    Nflog,
    /// Lines of the kernel's ring buffer.
    Kmsg,
    /// Lines of a log file.
    File,
    /// Records of the journal.
    Journal,
    /// What ulogd wrote.
    Ulogd,
    /// Flows that the kernel's connection tracking told of.
    Conntrack,
    /// Packets of a queue that the user's own rules fill.
    Nfqueue,
    /// A capture file.
    Pcap,
    /// Made by the helper itself.
    Test,
}

impl Feed {
    /// The word on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nflog => "nflog",
            Self::Kmsg => "kmsg",
            Self::File => "file",
            Self::Journal => "journal",
            Self::Ulogd => "ulogd",
            Self::Conntrack => "conntrack",
            Self::Nfqueue => "nfqueue",
            Self::Pcap => "pcap",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One packet as a source saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When the packet came.
    pub time: Timestamp,
    /// The packet.
    pub packet: Packet,
    /// What the firewall did with it.
    pub verdict: Verdict,
    /// Who told.
    pub feed: Feed,
    /// Could only the kernel have told this? False where a local user could have written the line.
    pub trusted: bool,
    /// The interface it came in by; empty where not told.
    pub interface: Interface,
    /// The prefix of the rule that logged it; empty where there was none.
    pub prefix: Prefix,
    /// Was the frame sent to a group (multicast or broadcast), by its link-layer address or its destination?
    pub group: bool,
}

/// What the own table logs besides the packets for this machine, told by the prefix of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extra {
    /// A router says that it is one (RFC 4861 section 4.2).
    RouterAdvertisement,
    /// A server gives out an address (RFC 2131, RFC 9915).
    DhcpReply,
    /// A ping to everybody, whose answers all go to the sender that it names (CERT CA-1998-01).
    BroadcastEcho,
    /// A piece of a packet. Once it is whole, the packet is an event of its own.
    Fragment,
}

impl Extra {
    /// Each with the prefix of the rule in the own table.
    pub const PREFIXES: [(Self, &'static str); 4] = [
        (Self::RouterAdvertisement, "ww:ra"),
        (Self::DhcpReply, "ww:dhcp"),
        (Self::BroadcastEcho, "ww:smurf"),
        (Self::Fragment, "ww:frag"),
    ];

    /// The prefix of the rule that logs these.
    #[must_use]
    pub fn of_prefix(prefix: &[u8]) -> Option<(Self, &'static str)> {
        let is_it = |(_, known): &&(Self, &str)| known.as_bytes() == prefix;
        Self::PREFIXES.iter().find(is_it).copied()
    }
}

impl Event {
    /// What of the own table's further records this is; `None` for a packet to be looked at like any other.
    #[inline]
    #[must_use]
    pub fn extra(&self) -> Option<Extra> {
        if self.feed != Feed::Nflog || self.prefix.is_empty() {
            return None;
        }
        Extra::of_prefix(self.prefix.as_bytes()).map(|(extra, _)| extra)
    }
}
