//! What each fuzz target does with its input: it reads it, and whatever was read must hold together.
//!
//! The fuzzers call these functions with what they make up, `tests/helper/seeds.rs` with the committed inputs. What does not
//! hold is a panic.

pub mod config;
pub mod conntrack_message;
pub mod ip_packet;
pub mod log_line;
pub mod nflog_message;
pub mod nfqueue_message;
pub mod pcap;
pub mod sound;

#[path = "../../../tests/support/format/mod.rs"]
pub mod format;

/// What is done with an input.
pub type Check = fn(&[u8]);

/// Each target by its name, which is also the folder of its inputs.
pub const TARGETS: [(&str, Check); 7] = [
    ("log_line", log_line::check),
    ("ip_packet", ip_packet::check),
    ("nflog_message", nflog_message::check),
    ("nfqueue_message", nfqueue_message::check),
    ("conntrack_message", conntrack_message::check),
    ("pcap", pcap::check),
    ("config", config::check),
];
