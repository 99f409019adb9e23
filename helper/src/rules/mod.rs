//! What the people of this machine trust, mute, do not hold for harmless, and know of their networks.
//!
//! A [`Rule`] that *trusts* keeps packets from being weighed at all; one that *mutes* lets incidents into the history, but takes
//! their popup. One of *noise* says whether a class of packets is held for harmless, and one of a *network* whether the network
//! behind a gateway is home or public. [`Rules`] are all of them as detection asks for them: a pure value. They come from
//! the configuration, and from [`Book`], which holds those that were added over the bus; [`Keeper`] keeps the book in a file.

mod account;
mod block;
mod book;
mod keeper;
mod place;
mod rule;
mod set;
mod written;

pub use block::Block;
pub use book::{AddError, Book, Entry, RemoveError};
pub use keeper::{Error, FILE, Keeper};
pub use place::{Mac, Place};
pub use rule::{Rule, Scope, What, is_switchable};
pub use set::Rules;
pub use written::few;

pub(crate) use rule::is_of_one_packet;

/// So many rules there may be, those of the configuration and those that were added over the bus together.
pub const MOST_RULES: usize = 64;
