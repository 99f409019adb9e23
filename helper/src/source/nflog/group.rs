//! One NFLOG group: its socket, the numbers of its records, and the pace at which the kernel delivers them.

use std::{io, sync::Arc, time::Instant};

use super::{DEFAULT_GROUP, pace::Pace, taken, wire};
use crate::{
    clock,
    decode::nflog::{Message, Messages, Record},
    event::Timestamp,
    journal,
    source::{Trouble, health::Health, start_command},
    sys::{
        capability::{Capability, Effective},
        netlink::{Datagram, Netlink},
    },
};

/// So many bytes of a packet are copied: IPv6, its usual extension headers and TCP with all options.
const COPY_BYTES: u32 = 128;
/// What the kernel collects for one datagram at most, in bytes; its upper limit is 128 KiB.
const KERNEL_BUFFER: u32 = 128 * 1024;
/// A datagram is larger than what the kernel collects (180,244 bytes were measured for 128 KiB), so the buffer is twice that.
const BUFFER: usize = 256 * 1024;
/// What may wait in the socket, in bytes: a second of the own table's limit of 20,000 records.
const SOCKET_BUFFER: libc::c_int = 16 * 1024 * 1024;
/// The number of the only request that is answered.
const BIND_REQUEST: u32 = 1;
/// So many other groups are tried when the wanted one is refused.
const MOST_TRIED: u16 = 64;

/// The only listener of a group.
#[derive(Debug)]
pub(super) struct Group {
    socket: Netlink,
    number: u16,
    buffer: Vec<u8>,
    pub(super) pace: Pace,
    /// The number of the next record.
    expected: u32,
    /// Was it said that a datagram was too large?
    said: bool,
    health: Arc<Health>,
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// A datagram.
    Records {
        /// Is its end gone? The records that stood there show as a gap in the numbers.
        cut: bool,
    },
    /// The socket ran full: records are missing behind all that it still holds.
    Overrun,
    /// There is nothing to read.
    Nothing,
}

impl Group {
    /// Becomes the group's listener.
    pub(super) fn listen(number: u16, health: Arc<Health>) -> io::Result<Self> {
        let pace = Pace::new(clock::moment());
        let (socket, expected) = bind(number, &pace)?;
        Ok(Self {
            socket,
            number,
            buffer: vec![0; BUFFER],
            pace,
            expected,
            said: false,
            health,
        })
    }

    /// Waits until there is something to read.
    pub(super) async fn readable(&self) -> Result<(), Trouble> {
        self.socket.readable().await.map_err(|error| failed(&error))
    }

    /// Reads one datagram without waiting, and hands on its records, each with the number of those that are missing before it and
    /// the time it came. Where the kernel noted no time, that of reading stands for it.
    pub(super) fn read(
        &mut self,
        now: Instant,
        mut take: impl FnMut(u32, Timestamp, &Record<'_>),
    ) -> Result<Read, Trouble> {
        let datagram = match self.socket.try_receive(&mut self.buffer) {
            Ok(datagram) => datagram,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Read::Nothing),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(Read::Overrun),
            Err(error) => return Err(failed(&error)),
        };
        if !datagram.from_kernel {
            return Ok(Read::Records { cut: false });
        }
        let mut records = 0;
        let read_at = clock::now();
        for message in Messages(&self.buffer[..datagram.len]) {
            let Message::Record(record) = &message else {
                continue;
            };
            records += 1;
            let mut missing = 0;
            if let Some(number) = record.sequence() {
                missing = number.wrapping_sub(self.expected);
                self.expected = number.wrapping_add(1);
            }
            take(missing, record.time().unwrap_or(read_at), record);
        }
        self.settle_pace(records, now)?;
        Ok(Read::Records {
            cut: self.is_cut(datagram),
        })
    }

    /// Has the kernel deliver as fits the pace, after so many records more.
    pub(super) fn settle_pace(&mut self, records: u32, now: Instant) -> Result<(), Trouble> {
        let Some(delivery) = self.pace.observe(records, now) else {
            return Ok(());
        };
        self.socket
            .send(&wire::deliver(self.number, delivery))
            .map_err(|error| failed(&error))
    }

    /// Says once where a datagram was larger than the buffer.
    fn is_cut(&mut self, datagram: Datagram) -> bool {
        if datagram.truncated && !std::mem::replace(&mut self.said, true) {
            journal::say(&format_args!(
                "{}: the kernel sent more records at once than {BUFFER} bytes hold; those beyond are counted as lost",
                self.health.name()
            ));
        }
        datagram.truncated
    }
}

/// Opens the socket and becomes the group's listener; returns the number of the record that comes next.
fn bind(number: u16, pace: &Pace) -> io::Result<(Netlink, u32)> {
    let socket = Netlink::netfilter()?;
    socket.set_receive_buffer(SOCKET_BUFFER)?;
    socket.send(&wire::bind(
        number,
        BIND_REQUEST,
        COPY_BYTES,
        KERNEL_BUFFER,
        pace.delivery(),
    ))?;
    // The kernel has answered when the request was sent. What rules logged before it answered was before we listened; it numbers
    // from 0 on for each listener.
    let mut buffer = vec![0; 8192];
    let mut expected = 0_u32;
    loop {
        let datagram = socket.try_receive(&mut buffer)?;
        for message in Messages(&buffer[..datagram.len]) {
            match message {
                Message::Answer {
                    sequence: BIND_REQUEST,
                    errno: 0,
                } => return Ok((socket, expected)),
                Message::Answer {
                    sequence: BIND_REQUEST,
                    errno,
                } => return Err(io::Error::from_raw_os_error(errno)),
                Message::Record(record) => {
                    expected = record.sequence().map_or(expected, |it| it.wrapping_add(1));
                }
                Message::Answer { .. } => {}
            }
        }
    }
}

/// The socket does not work any more.
fn failed(error: &io::Error) -> Trouble {
    Trouble::new(
        format!("The kernel's netfilter socket failed: {error}."),
        "",
    )
}

/// Why a group was refused: the kernel says EPERM for several reasons. `another` gives the advice for another group that is free.
pub(super) fn refusal(
    number: u16,
    error: &io::Error,
    another: impl FnOnce(u16) -> (&'static str, String),
) -> Trouble {
    if error.raw_os_error() != Some(libc::EPERM) {
        let sentence =
            format!("The kernel offers no NFLOG ({error}): its module nfnetlink_log is missing.");
        return Trouble::new(sentence, "sudo modprobe nfnetlink_log");
    }
    let may = Effective::of_this_process().is_ok_and(|caps| caps.has(Capability::NetAdmin));
    if !may {
        return Trouble::new(
            "The helper may not listen to the firewall: it was started without the capability CAP_NET_ADMIN.",
            start_command(),
        );
    }
    // Where another group is to be had, it is not the right that is missing.
    let mut others =
        (DEFAULT_GROUP..DEFAULT_GROUP.saturating_add(MOST_TRIED)).filter(|other| *other != number);
    let free = others.find(|other| bind(*other, &Pace::new(clock::moment())).is_ok());
    let Some(free) = free else {
        return Trouble::new(
            "The kernel lets nobody in this container listen to the firewall: its network belongs to another user namespace.",
            "",
        );
    };
    let (advice, mend) = another(free);
    Trouble::new(
        format!(
            "NFLOG group {number} is taken by {}; one program alone can listen to a group. {advice}",
            taken::suspects(taken::GROUPS, number)
        ),
        mend,
    )
}
