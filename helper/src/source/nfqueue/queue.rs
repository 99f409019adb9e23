//! A queue of the kernel's that is ours: to be had, to be answered, to be given back. Watchdog and reader hold the same one.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use super::wire;
use crate::{
    decode::nfqueue::{Message, Messages},
    sys::{batch::Batch, netlink_plain::PlainNetlink},
};

/// So many bytes of a packet are copied: IPv6, its usual extension headers and TCP with all options.
const COPY_BYTES: u32 = 128;
/// About so many packets can wait: so many messages fit into the socket's buffer.
pub(super) const MOST_WAITING: u32 = 8192;
/// What a message costs in the socket's buffer, in bytes, by the kernel's own counting (832 on Linux 6.18, by `/proc/net/netlink`).
const MESSAGE_COST: u32 = 832;
/// A message has at most so many bytes: the copy, and a few attributes.
pub(super) const MESSAGE: usize = 1024;
/// The queue's own limit is higher than it can be reached. What is over it passes without a number; but what does not fit into the
/// socket passes with one, so that it is counted.
const LENGTH: u32 = 8 * MOST_WAITING;
/// The number of the only request that is answered.
const BIND_REQUEST: u32 = 1;
/// From the number of a packet that was read, no packet that waits is as far away.
const FAR: u32 = 1 << 30;

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    socket: PlainNetlink,
    number: u16,
}

impl Queue {
    /// Becomes the listener of the queue. What came before the kernel said yes goes to `first`, and has been let pass.
    pub(super) fn bind(number: u16, mut first: impl FnMut(&Batch)) -> io::Result<Self> {
        let socket = PlainNetlink::netfilter()?;
        let bytes = libc::c_int::try_from(MOST_WAITING * MESSAGE_COST).unwrap_or(libc::c_int::MAX);
        socket.set_receive_buffer(bytes)?;
        socket.send(&wire::bind(number, BIND_REQUEST, COPY_BYTES, LENGTH))?;
        let queue = Self { socket, number };
        // The kernel has answered when the request was sent; the first packets may stand before the answer or behind it.
        let mut batch = batch();
        let mut answer = None;
        while answer.is_none() {
            if !queue.socket.receive(&mut batch)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let mut last = None;
            for message in batch.iter().flat_map(|(_, bytes)| Messages(bytes)) {
                match message {
                    Message::Packet(packet) => last = Some(packet.id),
                    Message::Answer { sequence, errno } if sequence == BIND_REQUEST => {
                        answer = Some(errno);
                    }
                    Message::Answer { .. } => {}
                }
            }
            if let Some(last) = last {
                queue.accept(last)?;
                first(&batch);
            }
        }
        match answer {
            Some(0) | None => Ok(queue),
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Reads what there is, without waiting; tells whether there was something.
    pub(super) fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        self.socket.receive(batch)
    }

    /// Lets the packet with this number pass, and all before it.
    pub(super) fn accept(&self, id: u32) -> io::Result<()> {
        self.socket.send(&wire::accept(self.number, id))
    }

    /// Lets all pass that waits, whether it was read or not. `near` is the number of a packet that was read, or 0 where none was.
    pub(super) fn accept_all(&self, near: u32) -> io::Result<()> {
        self.accept(near.wrapping_add(FAR))
    }

    /// Gives the queue back, without that a packet is lost: from now on none is taken in, and those within pass.
    pub(super) fn leave(&self, near: u32) -> io::Result<()> {
        self.socket.send(&wire::set_length(self.number, 0))?;
        self.accept_all(near)?;
        self.socket.send(&wire::unbind(self.number))
    }
}

/// Room for what is read at once.
pub(super) fn batch() -> Batch {
    Batch::new(MESSAGE)
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
