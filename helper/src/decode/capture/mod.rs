//! Frames of capture files, one after the other: pcap and pcapng, of a machine that was watched from inside.
//!
//! [`Capture`] tells each frame as a [`Report`]. A capture of an ordinary machine holds both directions, so the first frames
//! are looked at ahead to learn which address is the machine's own; what it sent and what answers it is marked so. Where that
//! cannot be learned, what is answered in the frames that follow is marked as a conversation. What is held is bounded, however
//! long the file is.

mod error;
mod flows;
mod input;
mod own;
mod pcap;
mod pcapng;
mod talks;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, io::Read};

use super::{Error, Report, Stamp, link, link::Link, order::Order};
use crate::event::Interface;
pub use error::CaptureError;
use flows::Flows;
use input::Input;
use own::{Own, Witness};
use pcap::Pcap;
use pcapng::Pcapng;
use talks::Talks;

/// The longest frame in bytes (libpcap, `MAXIMUM_SNAPLEN`: 262,144).
pub const MAX_FRAME: usize = 256 * 1024;
/// So many frames are looked at ahead, the first of them to learn which address is this machine's own.
const LOOK_AHEAD: usize = 512;
/// The own addresses of at most so many interfaces are learned.
const MAX_INTERFACES: usize = 16;

/// Which way a frame went, where the file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
    Unknown,
}

/// A frame as it stands in the file.
#[derive(Debug)]
struct Frame<'a> {
    bytes: &'a [u8],
    stamp: Stamp,
    /// The error of one whose link cannot be read, among others.
    link: Result<Link, Error>,
    order: Order,
    way: Way,
    interface: Interface,
    /// The interface's number in its section.
    number: usize,
}

/// A frame that was read, and what is not yet known of it.
#[derive(Debug)]
struct Pending {
    read: Result<Report, Error>,
    /// The interface whose own addresses must tell the direction; `None` where it is known.
    ask: Option<usize>,
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// The frames of a capture file.
#[derive(Debug)]
pub struct Capture<R> {
    input: Input<R>,
    format: Format,
    /// Frames that were read.
    frames: u64,
    ahead: VecDeque<Pending>,
    /// The own addresses by interface; `None` until the first frames were looked at.
    own: Option<Vec<Own>>,
    flows: Flows,
    talks: Talks,
    /// Packets of which nobody knows whether this machine sent them.
    undirected: u64,
    /// Why there is no more, to be told when all that was read before has been given.
    end: Option<CaptureError>,
    ended: bool,
}

impl<R: Read> Capture<R> {
    /// Reads the file's header.
    pub fn new(reader: R) -> Result<Self, CaptureError> {
        let mut input = Input::new(reader);
        let head = input.peek(4)?;
        let format = if Pcap::begins(head).is_some() {
            Format::Pcap(Pcap::open(&mut input)?)
        } else if head == pcapng::SECTION {
            Format::Pcapng(Pcapng::open(&mut input)?)
        } else {
            return Err(CaptureError::Format);
        };
        Ok(Self {
            input,
            format,
            frames: 0,
            ahead: VecDeque::new(),
            own: None,
            flows: Flows::default(),
            talks: Talks::default(),
            undirected: 0,
            end: None,
            ended: false,
        })
    }

    /// The next frame; `None` at the end. After an error there is nothing more.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would not end at an error"
    )]
    pub fn next(&mut self) -> Result<Option<Result<Report, Error>>, CaptureError> {
        if self.own.is_none() {
            self.look_ahead();
        }
        if let Some(pending) = self.read() {
            self.ahead.push_back(pending);
        }
        match (self.ahead.pop_front(), self.end.take()) {
            (Some(pending), end) => {
                self.end = end;
                Ok(Some(self.finish(pending)))
            }
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }

    /// Packets so far of which nobody knows whether this machine sent them.
    #[must_use]
    pub const fn undirected(&self) -> u64 {
        self.undirected
    }

    /// Reads the first frames, and learns from them which addresses are this machine's own.
    fn look_ahead(&mut self) {
        let mut witnesses: Vec<Witness> = Vec::new();
        while self.ahead.len() < LOOK_AHEAD
            && let Some(pending) = self.read()
        {
            if let (Ok(report), Some(interface)) = (&pending.read, pending.ask)
                && interface < MAX_INTERFACES
            {
                let known = witnesses.len().max(interface.saturating_add(1));
                witnesses.resize_with(known, Witness::default);
                if let Some(witness) = witnesses.get_mut(interface) {
                    witness.observe(report);
                }
            }
            self.ahead.push_back(pending);
        }
        self.own = Some(witnesses.iter().map(Witness::own).collect());
    }

    /// Reads a frame from the file; an error is kept until its turn comes.
    fn read(&mut self) -> Option<Pending> {
        if self.ended {
            return None;
        }
        let frame = match &mut self.format {
            Format::Pcap(file) => file.next(&mut self.input, self.frames),
            Format::Pcapng(file) => file.next(&mut self.input, self.frames),
        };
        match frame {
            Ok(Some(frame)) => {
                self.frames = self.frames.saturating_add(1);
                let pending = Pending::of(&frame);
                if let Ok(report) = &pending.read {
                    self.talks.hold(report, report.outbound);
                }
                Some(pending)
            }
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                (self.ended, self.end) = (true, Some(error));
                None
            }
        }
    }

    /// Tells direction and answers.
    fn finish(&mut self, pending: Pending) -> Result<Report, Error> {
        let mut report = pending.read?;
        let own = self.own.as_deref().unwrap_or_default();
        let sent = match pending.ask {
            Some(interface) => own.get(interface).and_then(|own| own.sent(&report)),
            None => Some(report.outbound),
        };
        // Of what is known to have come in for this machine each packet counts, whatever answered it.
        let strange = sent.is_none() || self.talks.is_forwarded(&report);
        let conversation = strange && self.talks.is_conversation(&report);
        self.talks.let_go(&report, report.outbound);
        report.outbound = sent == Some(true);
        let is_undirected = sent.is_none() && report.packet().is_some();
        self.undirected = self.undirected.saturating_add(u64::from(is_undirected));
        // Where nobody knows which address is the own one, each is looked at as if it were.
        if sent != Some(true) {
            report.answer = self.flows.is_answer(&report) || conversation;
        }
        if sent != Some(false) {
            self.flows.sent(&report);
        }
        if report.outbound {
            report.output = std::mem::take(&mut report.input);
        }
        Ok(report)
    }
}

impl Pending {
    fn of(frame: &Frame<'_>) -> Self {
        let link = frame.link;
        let mut read = link.and_then(|link| link::frame(link, frame.bytes, frame.order));
        if let Ok(report) = &mut read {
            report.stamp = frame.stamp;
            report.input = frame.interface;
            report.outbound |= frame.way == Way::Out;
        }
        let told = frame.way != Way::Unknown || link.is_ok_and(Link::tells_direction);
        let ask = (!told).then_some(frame.number);
        Self { read, ask }
    }
}

/// Do these first bytes begin a capture file? Four are enough.
#[must_use]
pub fn is_capture(head: &[u8]) -> bool {
    Pcap::begins(head).is_some() || head.starts_with(&pcapng::SECTION)
}
