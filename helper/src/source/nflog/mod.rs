//! Packets that rules log to an NFLOG group, by netlink sockets of our own.
//!
//! [`Nflog`] is the own table's group, where each packet has two records that make a verdict. [`Foreign`] is a group that the
//! user's own rules log to. Both listen by way of a `Group`.

mod counters;
mod foreign;
mod group;
pub(super) mod names;
mod own;
mod pace;
mod pulse;
pub(super) mod taken;
pub mod wire;

pub use foreign::Foreign;
pub use own::Nflog;

/// The group where none is configured: far from those that ulogd and others take.
pub const DEFAULT_GROUP: u16 = 5370;

/// So many datagrams are read before others have their turn; in a flood each holds some fifty records.
const DATAGRAMS_A_TURN: usize = 32;
