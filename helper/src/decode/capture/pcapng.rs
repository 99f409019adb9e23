//! The newer format of capture files: blocks, in sections of their own byte order, of several interfaces
//! (draft-ietf-opsawg-pcapng).

use std::io::Read;

use super::{CaptureError, Frame, MAX_FRAME, Way, input::Input};
use crate::{
    decode::{Error, Stamp, link::Link, order::Order},
    event::{Interface, Timestamp, bounded},
};

/// Types of blocks. That of a section's header reads alike in both orders.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// What a section's header holds to tell its order.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Type and length before each block and the length behind it, in bytes.
const BLOCK_HEAD: usize = 8;
const BLOCK_TAIL: usize = 4;
/// The shortest block.
const BLOCK: usize = 12;
/// Where the options of an interface and the bytes of a frame begin in their blocks.
const INTERFACE_OPTIONS: usize = 16;
const ENHANCED_FRAME: usize = 28;
const SIMPLE_FRAME: usize = 12;
/// At most so many bytes of options are read in one block.
const MAX_OPTIONS: usize = 64 * 1024;
/// At most so many interfaces are described in one section.
const MAX_INTERFACES: usize = 1024;
/// The last day of the year 9999 in microseconds: four digits of a year are all that RFC 3339 knows.
const END_OF_TIME: i64 = 253_402_214_400_000_000;
/// Options: an interface's name, its units and offset of time; a frame's flags.
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const FRAME_FLAGS: u16 = 2;

/// An interface of a section.
#[derive(Debug)]
struct Description {
    link: u16,
    /// So many bytes of a frame are captured at most; 0 is without bound.
    snap: usize,
    name: Interface,
    /// Units of time in a second; `None` where they are finer than anything that fits a stamp.
    units: Option<u128>,
    /// Seconds that each stamp lacks.
    offset: i64,
}

/// Where a file is in its sections.
#[derive(Debug)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Description>,
}

/// What stands before a frame in its block.
struct Head {
    interface: usize,
    stamp: Option<u64>,
    captured: u32,
    /// Where the frame begins.
    begin: usize,
}

impl Pcapng {
    /// Reads the header of the first section.
    pub(super) fn open<R: Read>(input: &mut Input<R>) -> Result<Self, CaptureError> {
        let mut file = Self {
            order: Order::NATIVE,
            interfaces: Vec::new(),
        };
        let len = file.block(input, 0)?.map(|(_, len)| len);
        file.section(input, len.unwrap_or_default(), 0)?;
        Ok(file)
    }

    /// The next frame; other blocks are taken in or left out.
    pub(super) fn next<'a, R: Read>(
        &mut self,
        input: &'a mut Input<R>,
        frames: u64,
    ) -> Result<Option<Frame<'a>>, CaptureError> {
        while let Some((kind, len)) = self.block(input, frames)? {
            match kind {
                SECTION_HEADER => self.section(input, len, frames)?,
                INTERFACE => self.interface(input, len, frames)?,
                ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                    return self.frame(input, kind, len, frames).map(Some);
                }
                _ => self.leave_out(input, len, frames)?,
            }
        }
        Ok(None)
    }

    /// Type and length of the next block; `None` at the end of the file.
    fn block<R: Read>(
        &mut self,
        input: &mut Input<R>,
        frames: u64,
    ) -> Result<Option<(u32, usize)>, CaptureError> {
        let head = input.peek(BLOCK)?;
        if head.is_empty() {
            return Ok(None);
        }
        let cut = || CaptureError::Truncated { frames };
        if head.starts_with(&SECTION) {
            let is = |order: Order| order.u32_at(head, BLOCK_HEAD) == Some(BYTE_ORDER);
            if head.len() < BLOCK {
                return Err(cut());
            }
            self.order = [Order::Little, Order::Big]
                .into_iter()
                .find(|order| is(*order))
                .ok_or_else(|| damaged("a section without a byte order", frames))?;
        }
        let kind = self.order.u32_at(head, 0).ok_or_else(cut)?;
        let len = self.order.u32_at(head, 4).ok_or_else(cut)?;
        let len = usize::try_from(len).unwrap_or_default();
        if len < BLOCK || len % 4 != 0 {
            return Err(damaged("a block of an impossible length", frames));
        }
        Ok(Some((kind, len)))
    }

    /// A section's header: order, version, length, options. The interfaces of the section before it are forgotten.
    fn section<R: Read>(
        &mut self,
        input: &mut Input<R>,
        len: usize,
        frames: u64,
    ) -> Result<(), CaptureError> {
        let head = input.peek(16)?;
        let number = |at| {
            let cut = CaptureError::Truncated { frames };
            self.order.u16_at(head, at).ok_or(cut)
        };
        let version = (number(12)?, number(14)?);
        if version.0 != 1 {
            return Err(CaptureError::Version(version.0, version.1));
        }
        self.interfaces.clear();
        self.leave_out(input, len, frames)
    }

    /// An interface: link type, two reserved bytes, snap length, options.
    fn interface<R: Read>(
        &mut self,
        input: &mut Input<R>,
        len: usize,
        frames: u64,
    ) -> Result<(), CaptureError> {
        let order = self.order;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(damaged("too many interfaces", frames));
        }
        if len > MAX_OPTIONS {
            return Err(damaged("an interface with endless options", frames));
        }
        let block = whole(input, order, len, frames)?;
        let short = || damaged("an interface cut short", frames);
        let mut description = Description {
            link: order.u16_at(block, BLOCK_HEAD).ok_or_else(short)?,
            snap: usize::try_from(order.u32_at(block, 12).ok_or_else(short)?).unwrap_or_default(),
            name: Interface::new_const(),
            units: Some(1_000_000),
            offset: 0,
        };
        for (code, value) in options(block.get(INTERFACE_OPTIONS..).unwrap_or_default(), order) {
            match code {
                IF_NAME => {
                    let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
                    description.name = bounded(&String::from_utf8_lossy(name));
                }
                IF_TSRESOL => {
                    description.units = value.first().and_then(|units| units_of(*units));
                }
                IF_TSOFFSET => {
                    let offset = order.u64_at(value, 0).unwrap_or_default();
                    description.offset = offset.cast_signed();
                }
                _ => {}
            }
        }
        self.interfaces.push(description);
        Ok(())
    }

    /// A frame in any of the three blocks that hold one.
    fn frame<'a, R: Read>(
        &self,
        input: &'a mut Input<R>,
        kind: u32,
        len: usize,
        frames: u64,
    ) -> Result<Frame<'a>, CaptureError> {
        let head = self
            .head(input.peek(ENHANCED_FRAME)?, kind, len)
            .ok_or(CaptureError::Truncated { frames })?;
        let captured = usize::try_from(head.captured).unwrap_or(usize::MAX);
        if captured > MAX_FRAME {
            let len = head.captured;
            return Err(CaptureError::Long { len, frames });
        }
        let end = head.begin.saturating_add(captured);
        let behind = end.next_multiple_of(4);
        let options_len = len
            .checked_sub(behind.saturating_add(BLOCK_TAIL))
            .ok_or_else(|| damaged("a frame longer than its block", frames))?;
        if options_len > MAX_OPTIONS {
            return Err(damaged("a frame with endless options", frames));
        }
        let interface = self.interfaces.get(head.interface);
        let link = self.link(interface, frames)?;
        let block = whole(input, self.order, len, frames)?;
        let way = if kind == SIMPLE_PACKET || options_len == 0 {
            Way::Unknown
        } else {
            way(block.get(behind..).unwrap_or_default(), self.order)
        };
        Ok(Frame {
            bytes: block.get(head.begin..end).unwrap_or_default(),
            stamp: interface
                .zip(head.stamp)
                .map_or(Stamp::None, |(interface, stamp)| interface.time(stamp)),
            link,
            order: self.order,
            way,
            interface: interface.map_or_else(Interface::new_const, |interface| interface.name),
            number: head.interface,
        })
    }

    /// How a frame of this interface is read. That it cannot be is an error of the frame alone, where another interface can.
    fn link(
        &self,
        interface: Option<&Description>,
        frames: u64,
    ) -> Result<Result<Link, Error>, CaptureError> {
        let number = interface.map(|interface| interface.link);
        let known = number.and_then(|number| Link::of(number.into()));
        let is_read = |other: &Description| Link::of(other.link.into()).is_some();
        match (known, number) {
            (Some(link), _) => Ok(Ok(link)),
            (None, Some(link)) if self.interfaces.iter().any(is_read) => {
                Ok(Err(Error::LinkType(link)))
            }
            (None, Some(link)) => Err(CaptureError::Link(link.into())),
            (None, None) if self.interfaces.iter().any(is_read) => Ok(Err(Error::UnknownInterface)),
            (None, None) => Err(damaged("a frame of an unknown interface", frames)),
        }
    }

    /// What stands before the frame: interface, two halves of a stamp, captured length; or the original length alone.
    fn head(&self, block: &[u8], kind: u32, len: usize) -> Option<Head> {
        let number = |at| self.order.u32_at(block, at);
        if kind == SIMPLE_PACKET {
            let snap = self.interfaces.first().map_or(0, |first| first.snap);
            let most = len.saturating_sub(SIMPLE_FRAME.saturating_add(BLOCK_TAIL));
            let most = if snap == 0 { most } else { most.min(snap) };
            return Some(Head {
                interface: 0,
                stamp: None,
                captured: number(8)?.min(u32::try_from(most).unwrap_or(u32::MAX)),
                begin: SIMPLE_FRAME,
            });
        }
        let interface = if kind == ENHANCED_PACKET {
            usize::try_from(number(8)?).ok()?
        } else {
            self.order.u16_at(block, 8)?.into()
        };
        Some(Head {
            interface,
            stamp: Some((u64::from(number(12)?) << 32) | u64::from(number(16)?)),
            captured: number(20)?,
            begin: ENHANCED_FRAME,
        })
    }

    fn leave_out<R: Read>(
        &self,
        input: &mut Input<R>,
        len: usize,
        frames: u64,
    ) -> Result<(), CaptureError> {
        let cut = || CaptureError::Truncated { frames };
        if !input.skip(len.saturating_sub(BLOCK_TAIL))? {
            return Err(cut());
        }
        let tail = input.take(BLOCK_TAIL)?.ok_or_else(cut)?;
        check_tail(tail, self.order, len, frames)
    }
}

impl Description {
    /// The time of a stamp; none where no clock shows it.
    fn time(&self, ticks: u64) -> Stamp {
        let offset = i128::from(self.offset).saturating_mul(1_000_000);
        let micros = self.units.map_or(Some(0), |units| {
            let parts = u128::from(ticks).checked_mul(1_000_000)?;
            i128::try_from(parts.checked_div(units)?).ok()
        });
        micros
            .map(|micros| micros.saturating_add(offset))
            .and_then(|micros| i64::try_from(micros).ok())
            .filter(|micros| (0..END_OF_TIME).contains(micros))
            .map_or(Stamp::None, |micros| Stamp::Wall(Timestamp(micros)))
    }
}

/// Units in a second: a power of ten, or of two where the highest bit is set.
fn units_of(resolution: u8) -> Option<u128> {
    let exponent = u32::from(resolution & 0x7f);
    if resolution & 0x80 == 0 {
        10_u128.checked_pow(exponent)
    } else {
        1_u128.checked_shl(exponent)
    }
}

/// The whole block, whose length must stand behind it again.
fn whole<R: Read>(
    input: &mut Input<R>,
    order: Order,
    len: usize,
    frames: u64,
) -> Result<&[u8], CaptureError> {
    let block = input.take(len)?;
    let block = block.ok_or(CaptureError::Truncated { frames })?;
    let (block, tail) = block
        .split_last_chunk::<BLOCK_TAIL>()
        .ok_or_else(|| damaged("a block of an impossible length", frames))?;
    check_tail(tail, order, len, frames)?;
    Ok(block)
}

fn check_tail(tail: &[u8], order: Order, len: usize, frames: u64) -> Result<(), CaptureError> {
    if order.u32_at(tail, 0).map(usize::try_from) == Some(Ok(len)) {
        Ok(())
    } else {
        Err(damaged("two lengths of one block", frames))
    }
}

/// Which way the frame went: the lowest two bits of its flags.
fn way(bytes: &[u8], order: Order) -> Way {
    let flags = options(bytes, order).find(|(code, _)| *code == FRAME_FLAGS);
    match flags.and_then(|(_, value)| order.u32_at(value, 0)) {
        Some(flags) if flags & 3 == 1 => Way::In,
        Some(flags) if flags & 3 == 2 => Way::Out,
        _ => Way::Unknown,
    }
}

/// Options: code, length, value, filled up to four bytes; code 0 ends them.
fn options(mut bytes: &[u8], order: Order) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let code = order.u16_at(bytes, 0).filter(|code| *code != 0)?;
        let len = usize::from(order.u16_at(bytes, 2)?);
        let value = bytes.get(4..)?.get(..len)?;
        let behind = len.next_multiple_of(4).saturating_add(4);
        bytes = bytes.get(behind..).unwrap_or_default();
        Some((code, value))
    })
}

const fn damaged(what: &'static str, frames: u64) -> CaptureError {
    CaptureError::Damaged { what, frames }
}
