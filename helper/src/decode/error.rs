//! Why bytes or a line are no packet.

/// Why bytes or a line are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Error {
    /// Shorter than an IP header.
    #[error("shorter than an IP header")]
    Short,
    /// Shorter than the header of its link, or than an ARP message.
    #[error("shorter than its link-layer header")]
    ShortFrame,
    /// A frame of an interface whose link type is not read, in a capture that holds others as well.
    #[error("a frame of link type {0}, which is not read")]
    LinkType(u16),
    /// A frame of an interface that the capture does not describe.
    #[error("a frame of an interface that the capture does not describe")]
    UnknownInterface,
    /// The version is neither 4 nor 6, or the header claims an impossible length.
    #[error("no IPv4 or IPv6 header")]
    NotIp,
    /// No `IN=` with `OUT=` behind it.
    #[error("no IN= and OUT= of a firewall's log rule")]
    NotFirewall,
    /// The line was written by another program than the kernel.
    #[error("not written by the kernel")]
    NotKernel,
    /// A line that begins like a JSON object is none, or a longer one than anybody writes.
    #[error("no whole JSON object")]
    Json,
    /// A JSON object that neither the journal nor ulogd wrote.
    #[error("a JSON object neither of the journal nor of ulogd")]
    NotOurs,
    /// The prefix is longer than the kernel allows.
    #[error("more than 127 bytes of prefix")]
    LongPrefix,
    /// Two lines that ran into one another.
    #[error("two lines in one")]
    Merged,
    /// A field that the kernel always writes is missing.
    #[error("no {0} where the kernel writes it")]
    Missing(&'static str),
    /// A field's value is not what the kernel writes there.
    #[error("{0} has no possible value")]
    Value(&'static str),
    /// The dump of a martian packet's frame, which the kernel writes behind the line that tells of it.
    #[error("the frame of a martian packet, told on the line before")]
    MartianFrame,
    /// What rsyslog writes instead of a line that it had just written; what the packet was, that line tells.
    #[error("a line that came again, told before")]
    Repeated,
    /// Something stands behind the packet that the kernel does not write.
    #[error("text behind the packet")]
    Trailing,
}
