//! The older format of capture files (pcap-savefile(5)).

use std::io::Read;

use super::{CaptureError, Frame, MAX_FRAME, Way, input::Input};
use crate::{
    decode::{Stamp, link::Link, order::Order},
    event::{Interface, Timestamp},
};

/// The first four bytes, as the writer's machine has a number: with microseconds, with nanoseconds.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// With microseconds and longer headers before the frames, as Alexey Kuznetzov's libpcap wrote it for old Linux systems.
const MODIFIED: u32 = 0xa1b2_cd34;
/// Length of the file's header and of each frame's, in bytes.
const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 16;
/// The same of the modified format, which tells interface, protocol and kind of packet as well.
const MODIFIED_HEADER: usize = 24;
/// The part of the header's last number that is the link type; the rest tells of check sums (libpcap, `LT_LINKTYPE`).
const LINK_TYPE: u32 = 0x03ff_ffff;

/// What the file's header tells.
#[derive(Debug)]
pub(super) struct Pcap {
    order: Order,
    /// So many parts of a second make a microsecond.
    parts: u32,
    /// Length of the header before each frame, in bytes.
    header: usize,
    link: Link,
}

impl Pcap {
    /// The order, the parts of a microsecond and the length of a frame's header, where these bytes begin a file of this format.
    pub(super) fn begins(head: &[u8]) -> Option<(Order, u32, usize)> {
        [Order::Little, Order::Big]
            .into_iter()
            .find_map(|order| match order.u32_at(head, 0)? {
                MICROSECONDS => Some((order, 1, FRAME_HEADER)),
                NANOSECONDS => Some((order, 1000, FRAME_HEADER)),
                MODIFIED => Some((order, 1, MODIFIED_HEADER)),
                _ => None,
            })
    }

    /// Reads the file's header: magic, version, two numbers that nobody uses, the snap length, the link type.
    pub(super) fn open<R: Read>(input: &mut Input<R>) -> Result<Self, CaptureError> {
        let cut = CaptureError::Truncated { frames: 0 };
        let header = input.take(FILE_HEADER)?.ok_or(cut)?;
        let (order, parts, frame_header) = Self::begins(header).ok_or(CaptureError::Format)?;
        let number = |at| order.u16_at(header, at).unwrap_or_default();
        let version = (number(4), number(6));
        if version != (2, 4) {
            return Err(CaptureError::Version(version.0, version.1));
        }
        let link = order.u32_at(header, 20).unwrap_or_default() & LINK_TYPE;
        let link = Link::of(link).ok_or(CaptureError::Link(link))?;
        Ok(Self {
            order,
            parts,
            header: frame_header,
            link,
        })
    }

    /// The next frame: seconds, parts of a second, captured length, original length, and its bytes.
    pub(super) fn next<'a, R: Read>(
        &self,
        input: &'a mut Input<R>,
        frames: u64,
    ) -> Result<Option<Frame<'a>>, CaptureError> {
        let cut = || CaptureError::Truncated { frames };
        let header = input.peek(self.header)?;
        if header.is_empty() {
            return Ok(None);
        }
        let number = |at| self.order.u32_at(header, at).ok_or_else(cut);
        let (seconds, parts, len) = (number(0)?, number(4)?, number(8)?);
        if header.len() < self.header {
            return Err(cut());
        }
        let captured = usize::try_from(len).unwrap_or(usize::MAX);
        if captured > MAX_FRAME {
            return Err(CaptureError::Long { len, frames });
        }
        let bytes = input.take(self.header.saturating_add(captured))?;
        let bytes = bytes.and_then(|all| all.get(self.header..));
        let micros = i64::from(parts.checked_div(self.parts).unwrap_or_default());
        let time = Timestamp(i64::from(seconds).saturating_mul(Timestamp::SECOND)).plus(micros);
        Ok(Some(Frame {
            bytes: bytes.ok_or_else(cut)?,
            stamp: Stamp::Wall(time),
            link: Ok(self.link),
            order: self.order,
            way: Way::Unknown,
            interface: Interface::new_const(),
            number: 0,
        }))
    }
}
