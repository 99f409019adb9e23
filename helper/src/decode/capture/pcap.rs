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
/// Length of the file's header and of each frame's, in bytes.
const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 16;
/// The part of the header's last number that is the link type; the rest tells of check sums (libpcap, `LT_LINKTYPE`).
const LINK_TYPE: u32 = 0x03ff_ffff;

/// What the file's header tells.
#[derive(Debug)]
pub(super) struct Pcap {
    order: Order,
    /// So many parts of a second make a microsecond.
    parts: u32,
    link: Link,
}

impl Pcap {
    /// The order and the parts of a microsecond, where these bytes begin a file of this format.
    pub(super) fn begins(head: &[u8]) -> Option<(Order, u32)> {
        [Order::Little, Order::Big]
            .into_iter()
            .find_map(|order| match order.u32_at(head, 0)? {
                MICROSECONDS => Some((order, 1)),
                NANOSECONDS => Some((order, 1000)),
                _ => None,
            })
    }

    /// Reads the file's header: magic, version, two numbers that nobody uses, the snap length, the link type.
    pub(super) fn open<R: Read>(input: &mut Input<R>) -> Result<Self, CaptureError> {
        let cut = CaptureError::Truncated { frames: 0 };
        let header = input.take(FILE_HEADER)?.ok_or(cut)?;
        let (order, parts) = Self::begins(header).ok_or(CaptureError::Format)?;
        let number = |at| order.u16_at(header, at).unwrap_or_default();
        let version = (number(4), number(6));
        if version != (2, 4) {
            return Err(CaptureError::Version(version.0, version.1));
        }
        let link = order.u32_at(header, 20).unwrap_or_default() & LINK_TYPE;
        let link = Link::of(link).ok_or(CaptureError::Link(link))?;
        Ok(Self { order, parts, link })
    }

    /// The next frame: seconds, parts of a second, captured length, original length, and its bytes.
    pub(super) fn next<'a, R: Read>(
        &self,
        input: &'a mut Input<R>,
        frames: u64,
    ) -> Result<Option<Frame<'a>>, CaptureError> {
        let cut = || CaptureError::Truncated { frames };
        let header = input.peek(FRAME_HEADER)?;
        if header.is_empty() {
            return Ok(None);
        }
        let number = |at| self.order.u32_at(header, at).ok_or_else(cut);
        let (seconds, parts, len) = (number(0)?, number(4)?, number(8)?);
        number(12)?;
        let captured = usize::try_from(len).unwrap_or(usize::MAX);
        if captured > MAX_FRAME {
            return Err(CaptureError::Long { len, frames });
        }
        let bytes = input.take(FRAME_HEADER.saturating_add(captured))?;
        let bytes = bytes.and_then(|all| all.get(FRAME_HEADER..));
        let micros = i64::from(parts.checked_div(self.parts).unwrap_or_default());
        let time = Timestamp(i64::from(seconds).saturating_mul(Timestamp::SECOND)).plus(micros);
        Ok(Some(Frame {
            bytes: bytes.ok_or_else(cut)?,
            stamp: Stamp::Wall(time),
            link: self.link,
            order: self.order,
            way: Way::Unknown,
            interface: Interface::new_const(),
            number: 0,
        }))
    }
}
