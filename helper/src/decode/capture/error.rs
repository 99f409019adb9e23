//! Why a capture file cannot be read, or not further.

use std::io;

use super::{super::link::Link, MAX_FRAME};

/// Why a capture file cannot be read, or not further. What was read before holds.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file could not be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is no capture file.
    #[error("no capture file: it begins like neither pcap nor pcapng")]
    Format,
    /// A version of the format that nobody knows.
    #[error("a capture of version {0}.{1}; pcap 2.4 and pcapng 1 are read")]
    Version(u16, u16),
    /// A link type that is not read.
    #[error("frames of link type {0} are not read, only those of {read}", read = Link::READ)]
    Link(u32),
    /// The file ends within a frame or a block.
    #[error("the capture ends inside a frame; {frames} were read before")]
    Truncated {
        /// Frames that were read before.
        frames: u64,
    },
    /// A frame that is larger than any link's.
    #[error(
        "a frame of {len} bytes where at most {MAX_FRAME} are possible; {frames} were read before"
    )]
    Long {
        /// The length that it claims, in bytes.
        len: u32,
        /// Frames that were read before.
        frames: u64,
    },
    /// The file contradicts itself.
    #[error("the capture is damaged ({what}); frames read before: {frames}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
        /// Frames that were read before.
        frames: u64,
    },
}
