//! From bytes and lines to packets: everything here was written by strangers.
//!
//! [`ip_packet`] reads the bytes of an IP packet, [`log_line()`] the text of the kernel's LOG target, [`emulated_line`] what
//! ulogd writes in its manner, and [`Lines`] takes off what syslog or dmesg put around that text. [`Capture`] reads the
//! frames of a capture file. Each tells what it read as a [`Report`]. [`verdict_of`] says what a rule's prefix tells of the
//! packet's fate. Nothing here panics, allocates or guesses: what cannot be read is refused with an [`Error`].
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod address;
mod arp;
pub mod attributes;
mod calendar;
pub mod capture;
pub mod conntrack;
mod dates;
pub mod diag;
pub mod dress;
mod emulated;
mod error;
mod fields;
mod headers;
mod ip;
mod journal;
mod json;
pub mod kmsg;
mod lines;
pub mod link;
mod log_line;
mod martian;
pub mod nflog;
pub mod nfqueue;
pub mod nftables;
pub mod order;
mod report;
pub mod route;
pub mod ruleset;
mod transports;
mod ulogd_json;
mod verdict;
mod zone;

pub use capture::{Capture, CaptureError};
pub use emulated::emulated_line;
pub use error::Error;
pub use ip::{ip_packet, ip_packet_into};
pub use lines::Lines;
pub use log_line::log_line;
pub use report::{Arp, Body, Mac, Martian, Report, Stamp};
pub use verdict::verdict_of;
pub use zone::Zone;
