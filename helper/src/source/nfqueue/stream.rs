//! The packets that the reader hands on, from a pipe's bytes to events.
//!
//! Pure but for the names of interfaces, which the kernel is asked for.

use std::time::Instant;

use crate::{
    decode::{
        self,
        nflog::Hook,
        nfqueue::{Message, Messages, Queued},
        order::Order,
    },
    event::{Event, Feed, Interface, Prefix, Timestamp, Verdict},
    source::{Sink, nflog::names::Names},
};

/// What is read at once, in bytes.
const BUFFER: usize = 64 * 1024;
/// The length of a netlink header (`linux/netlink.h`).
const HEADER: usize = 16;

/// The time of day, and a moment to measure from.
pub(super) type Now = (Timestamp, Instant);

/// The packets as they come.
#[derive(Debug)]
pub(super) struct Stream {
    buffer: Box<[u8]>,
    /// So many bytes of the buffer are no whole message yet.
    filled: usize,
    /// The number of the packet that comes next, where none is missing. The kernel begins with 1.
    next: u32,
    names: Names,
}

impl Stream {
    /// Nothing has come yet.
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER].into(),
            filled: 0,
            next: 1,
            names: Names::default(),
        }
    }

    /// Where the next bytes go.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    /// Works on so many bytes more; tells how many packets are missing before them.
    pub(super) fn take<S: Sink>(&mut self, len: usize, now: Now, sink: &mut S) -> u64 {
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = &buffer[..self.filled + len];
        let mut lost = 0;
        while let Some((message, behind)) = first(rest) {
            rest = behind;
            for message in Messages(message) {
                if let Message::Packet(queued) = message {
                    lost += self.reach(queued.id);
                    self.next = queued.id.wrapping_add(1);
                    if let Some(event) = self.event(&queued, now) {
                        sink.packet(&event);
                    }
                }
            }
        }
        let (start, left) = (self.filled + len - rest.len(), rest.len());
        self.buffer = buffer;
        self.buffer.copy_within(start..start + left, 0);
        // What fills the buffer and is no message will never be one.
        self.filled = if left < BUFFER { left } else { 0 };
        lost
    }

    /// All up to the packet with this number was read, and what was not handed on of it never will be; tells how many packets that is.
    pub(super) fn catch_up(&mut self, read: u32) -> u64 {
        if read == 0 {
            return 0; // nothing was read
        }
        self.reach(read.wrapping_add(1))
    }

    /// The packet with this number comes next; tells how many are missing before it.
    fn reach(&mut self, id: u32) -> u64 {
        let missing = id.wrapping_sub(self.next);
        if missing > u32::MAX / 2 {
            return 0; // known already
        }
        self.next = id;
        u64::from(missing)
    }

    /// What a packet is for detection; `None` where it cannot be read, and where this machine sent it.
    fn event(&mut self, queued: &Queued<'_>, now: Now) -> Option<Event> {
        if queued.is_outbound() || queued.hook == Some(Hook::POSTROUTING) {
            return None;
        }
        let packet = decode::ip_packet(queued.payload).ok()?;
        let group = queued.is_to_group() || packet.is_to_group();
        Some(Event {
            time: queued.time.unwrap_or(now.0),
            packet,
            // The rules behind the queue decide.
            verdict: Verdict::Unknown,
            feed: Feed::Nfqueue,
            trusted: true,
            interface: queued
                .input
                .map_or_else(Interface::new, |index| self.names.of(index, now.1)),
            prefix: Prefix::default(),
            group,
        })
    }
}

/// The first message of these bytes, and what follows it; `None` where it is not there as a whole. Each begins at a multiple of four.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = usize::try_from(Order::NATIVE.u32_at(bytes, 0)?).ok()?;
    bytes.split_at_checked(len.max(HEADER).next_multiple_of(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, flow::Flow};

    /// Keeps what it is told.
    #[derive(Default)]
    struct Kept(Vec<Event>);

    impl Sink for Kept {
        fn packet(&mut self, event: &Event) {
            self.0.push(event.clone());
        }

        fn passed_after_all(&mut self, _: &Event) {}

        fn flow(&mut self, _: &Flow) {}
    }

    /// A UDP packet to this port of 192.0.2.2 as the kernel queues it, at this hook, with the filling that the reader gives it.
    fn message(id: u32, hook: u8, port: u16) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend([203, 0, 113, 9, 192, 0, 2, 2]);
        packet.extend(
            [
                &9_u16.to_be_bytes()[..],
                &port.to_be_bytes(),
                &[0, 9, 0, 0, b'x'],
            ]
            .concat(),
        );
        let mut header = id.to_be_bytes().to_vec();
        header.extend([8, 0, hook]);
        let mut body = vec![2, 0, 0, 5];
        for (kind, value) in [(1_u16, header), (5, vec![0, 0, 0, 1]), (10, packet)] {
            let len = u16::try_from(value.len() + 4).unwrap();
            body.resize(body.len().next_multiple_of(4), 0);
            body.extend([len.to_ne_bytes(), kind.to_ne_bytes()].concat());
            body.extend(value);
        }
        let len = u32::try_from(HEADER + body.len()).unwrap();
        let mut message = [&len.to_ne_bytes()[..], &0x0300_u16.to_ne_bytes(), &[0; 10]].concat();
        message.extend(body);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn give(stream: &mut Stream, bytes: &[u8], kept: &mut Kept) -> u64 {
        stream.room()[..bytes.len()].copy_from_slice(bytes);
        stream.take(bytes.len(), (Timestamp(7), clock::moment()), kept)
    }

    #[test]
    fn a_packet_becomes_an_event() {
        let (mut stream, mut kept) = (Stream::new(), Kept::default());
        assert_eq!(give(&mut stream, &message(1, 0, 53), &mut kept), 0);
        let [event] = &kept.0[..] else {
            panic!("{:?}", kept.0)
        };
        assert_eq!(
            (event.time, event.feed, event.verdict, &*event.interface),
            (Timestamp(7), Feed::Nfqueue, Verdict::Unknown, "lo")
        );
        assert_eq!(event.packet.dst.to_string(), "192.0.2.2");
    }

    #[test]
    fn messages_are_read_wherever_the_pipe_cuts_them() {
        let all: Vec<u8> = (1..=20).flat_map(|id| message(id, 0, 53)).collect();
        for piece in [1, 3, 17, 100, all.len()] {
            let (mut stream, mut kept) = (Stream::new(), Kept::default());
            let lost: u64 = all
                .chunks(piece)
                .map(|bytes| give(&mut stream, bytes, &mut kept))
                .sum();
            assert_eq!((kept.0.len(), lost, stream.filled), (20, 0, 0), "{piece}");
        }
    }

    #[test]
    fn the_gap_in_the_numbers_tells_what_passed_unseen() {
        let (mut stream, mut kept) = (Stream::new(), Kept::default());
        assert_eq!(give(&mut stream, &message(4, 0, 53), &mut kept), 3);
        assert_eq!(give(&mut stream, &message(5, 0, 53), &mut kept), 0);
        // A reader that read up to 9 ended, and another goes on.
        assert_eq!(stream.catch_up(9), 4);
        assert_eq!(stream.catch_up(9), 0);
        assert_eq!(give(&mut stream, &message(10, 0, 53), &mut kept), 0);
        // One that read nothing.
        assert_eq!(stream.catch_up(0), 0);
        // The numbers begin anew after the last one.
        stream.next = u32::MAX;
        assert_eq!(give(&mut stream, &message(1, 0, 53), &mut kept), 2);
    }

    #[test]
    fn what_leaves_this_machine_is_no_event() {
        let (mut stream, mut kept) = (Stream::new(), Kept::default());
        for (id, hook) in [(1, 3), (2, 4)] {
            give(&mut stream, &message(id, hook, 53), &mut kept);
        }
        assert!(kept.0.is_empty());
    }

    #[test]
    fn what_is_no_message_does_not_stop_it() {
        let (mut stream, mut kept) = (Stream::new(), Kept::default());
        let rubbish = vec![0xff; BUFFER];
        assert_eq!(give(&mut stream, &rubbish, &mut kept), 0);
        assert!(!stream.room().is_empty());
        let (mut stream, mut kept) = (Stream::new(), Kept::default());
        assert_eq!(give(&mut stream, &[0; 64], &mut kept), 0);
        assert_eq!((stream.filled, kept.0.len()), (0, 0));
    }
}
