//! From events to attacks: what kind of packet it is, how much it weighs, and when the sum is an attack.
//!
//! [`classify`] looks at one event and says what it is for: nothing to fear ([`Harmless`]), or a [`Probe`] of a kind and a
//! weight, where the traits of known tools ([`Tool`]) add and signs of an answer take away; [`classify_flow`] does so for a
//! flow of which no packet was told. [`Scan`] takes the [`Trace`] of either, keeps decaying scores for each [`Origin`] and
//! family, in tables of fixed size, and gives a [`Sighting`] that says whether the sum is an attack. [`Lan`] knows which routers
//! and servers the network has, and tells of those that came to it.

mod class;
mod config;
mod container;
mod crowd;
mod fact;
mod fates;
mod fingerprint;
mod flood;
mod flow;
mod forged;
mod icmp;
mod lan;
mod origin;
mod sampling;
mod scan;
mod sets;
mod tcp;
mod tool;
mod trace;
mod track;
mod tries;
mod udp;
mod unexcused;

pub(crate) use class::is_neighbour_port;
pub use class::{Class, Harmless, Nature, Probe, classify};
pub use config::{
    Config, DEFAULT_FAST_HALF_LIFE, DEFAULT_HIGH_PORTS, DEFAULT_MEDIUM_PORTS,
    DEFAULT_SLOW_HALF_LIFE, DEFAULT_THRESHOLD,
};
pub(crate) use container::is_container_bridge;
pub(crate) use crowd::MAX_DECOYS;
pub use crowd::{Crowd, Crowds, Decoy, Gathering};
pub use fact::Fact;
pub(crate) use fact::FactEnds;
pub use fates::Fates;
pub use flood::{Flood, Floods};
pub use flow::classify_flow;
pub use lan::{Intrusion, Lan};
pub use origin::Origin;
pub(crate) use origin::{address_halves, folded};
pub use sampling::Sampling;
pub use scan::{Scan, Sighting};
pub(crate) use sets::Sets;
pub use tool::Tool;
pub use trace::{Opening, Trace};
pub(crate) use track::tally;
pub use track::{MAX_FIRST_PORTS, Tally, Track};
pub(crate) use tries::is_log_in;
pub use tries::{Tries, Trying};
pub(crate) use udp::is_peer_port;
pub use unexcused::unexcused;

use wallwatch_dbus::Family;

/// The families of those who look for something.
pub const SCANS: [Family; 6] = [
    Family::TcpProbe,
    Family::TcpStealth,
    Family::Udp,
    Family::Sctp,
    Family::IpProtocol,
    Family::Icmp,
];
