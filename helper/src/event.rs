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
