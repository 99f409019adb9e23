//! What the kernel's connection tracking tells of a flow.

use std::net::IpAddr;

use crate::{event::Timestamp, packet::Protocol};

/// Where in its life a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its first packet was let through.
    Began,
    /// The kernel has forgotten it.
    Ended,
}

/// A flow as it was begun: the source is who sent the first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// When this was told.
    pub time: Timestamp,
    /// Which of its ends this is.
    pub stage: Stage,
    /// Who began it.
    pub src: IpAddr,
    /// With whom, before any rewriting of addresses.
    pub dst: IpAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// Source port, of protocols that have ports.
    pub sport: Option<u16>,
    /// Destination port, of protocols that have ports.
    pub dport: Option<u16>,
    /// Has an answer been seen?
    pub answered: bool,
}
