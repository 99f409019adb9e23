//! Packets that the own nftables table logs, by a netlink socket of our own.

mod pace;
mod taken;
pub mod wire;

use std::{io, sync::Arc};

use tokio::time::Instant as Deadline;

use super::{Sink, Source, Trouble, health::Health, pairing::Pairing, start_command, table::Table};
use crate::{
    clock,
    config::Config,
    decode::{
        self,
        nflog::{Message, Messages, Record},
    },
    event::{Event, Feed, Interface, Prefix, Verdict},
    sys::{
        capability::{Capability, Effective},
        interface,
        netlink::{Datagram, Netlink},
    },
};
use pace::Pace;

/// The group where none is configured: far from those that ulogd and others take.
pub const DEFAULT_GROUP: u16 = 5370;

/// So many bytes of a packet are copied: IPv6, its usual extension headers and TCP with all options.
const COPY_BYTES: u32 = 128;
/// What the kernel collects for one datagram at most, in bytes; its upper limit is 128 KiB.
const KERNEL_BUFFER: u32 = 128 * 1024;
/// A datagram is larger than what the kernel collects (180,244 bytes were measured for 128 KiB), so the buffer is twice that.
const BUFFER: usize = 256 * 1024;
/// What may wait in the socket, in bytes: a second of the table's limit of 20,000 records.
const SOCKET_BUFFER: libc::c_int = 16 * 1024 * 1024;
/// The number of the only request that is answered.
const BIND_REQUEST: u32 = 1;
/// So many other groups are tried when the wanted one is refused.
const MOST_TRIED: u16 = 64;
/// So many datagrams are read before others have their turn; in a flood each holds some fifty records.
const DATAGRAMS_A_TURN: usize = 32;
/// So many names of interfaces are remembered.
const MOST_NAMES: usize = 64;

/// The records of one group.
#[derive(Debug)]
pub struct Nflog {
    socket: Netlink,
    table: Table,
    group: u16,
    buffer: Vec<u8>,
    pairing: Pairing,
    pace: Pace,
    /// Everything that came before this moment has been read.
    caught_up: std::time::Instant,
    /// Was reading given up before all was read?
    unread: bool,
    expected: Option<u32>,
    names: Vec<(u32, Interface)>,
    health: Arc<Health>,
}

impl Nflog {
    /// Becomes the group's listener, then puts the table in that feeds it.
    pub async fn open(config: Config, health: Arc<Health>) -> Result<Self, Trouble> {
        let group = config.group;
        let pace = Pace::new(clock::moment());
        let socket = listen(group, &pace).map_err(|error| refusal(&error, &config))?;
        let table = Table::install(group).await?;
        Ok(Self {
            socket,
            table,
            group,
            buffer: vec![0; BUFFER],
            pairing: Pairing::new(),
            pace,
            caught_up: clock::moment(),
            unread: false,
            expected: None,
            names: Vec::new(),
            health,
        })
    }

    /// Takes in what one read brought.
    fn take(&mut self, datagram: Datagram) -> Result<(), Trouble> {
        if !datagram.from_kernel {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        let now = clock::moment();
        let mut records = 0;
        for message in Messages(&buffer[..datagram.len]) {
            if let Message::Record(record) = message {
                records += 1;
                self.record(&record, now);
            }
        }
        self.buffer = buffer;
        if datagram.truncated {
            self.pairing.gap();
        }
        if let Some(delivery) = self.pace.observe(records, now) {
            self.socket
                .send(&wire::deliver(self.group, 0, delivery))
                .map_err(|error| lost(&error))?;
        }
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>, now: std::time::Instant) {
        if let Some(sequence) = record.sequence {
            let missing = self
                .expected
                .map_or(0, |expected| sequence.wrapping_sub(expected));
            if missing > 0 {
                self.health.lost(u64::from(missing));
                self.pairing.gap();
            }
            self.expected = Some(sequence.wrapping_add(1));
        }
        match record.prefix {
            b"ww:over" => self.pairing.over(now),
            b"ww:pass" | b"ww:nat" => {
                if let Ok(packet) = decode::ip_packet(record.payload) {
                    self.pairing.pass(&packet, record.prefix == b"ww:nat");
                }
            }
            b"ww:seen" => {
                if let Ok(packet) = decode::ip_packet(record.payload) {
                    let group = record.is_to_group() || packet.dst.is_multicast();
                    let event = Event {
                        time: record.time.unwrap_or_else(clock::now),
                        packet,
                        verdict: Verdict::Unknown,
                        feed: Feed::Nflog,
                        trusted: true,
                        interface: record
                            .input
                            .map(|index| self.name(index))
                            .unwrap_or_default(),
                        prefix: Prefix::default(),
                        group,
                    };
                    self.pairing.seen(event, now);
                }
            }
            _ => {}
        }
    }

    fn name(&mut self, index: u32) -> Interface {
        if let Some((_, name)) = self.names.iter().find(|(known, _)| *known == index) {
            return *name;
        }
        let name = interface::name_of(index).unwrap_or_default();
        if self.names.len() >= MOST_NAMES {
            self.names.clear();
        }
        self.names.push((index, name));
        name
    }

    /// Works on what a read said; tells whether there may be more to read.
    fn received(&mut self, read: io::Result<Datagram>) -> Result<bool, Trouble> {
        match read {
            Ok(datagram) => self.take(datagram).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.pairing.caught_up();
                Ok(false)
            }
            // Records were lost because the socket was full; the gap in their numbers will tell how many, but stands behind all
            // that the socket still holds.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                self.pairing.overrun();
                Ok(true)
            }
            Err(error) => Err(lost(&error)),
        }
    }

    /// Hands on those whose fate is known.
    fn hand_on<S: Sink>(&mut self, sink: &mut S) {
        let patience = self.pace.patience();
        while let Some(event) = self.pairing.next(self.caught_up, patience) {
            sink.packet(&event);
        }
    }
}

impl Source for Nflog {
    async fn ready(&mut self) -> Result<(), Trouble> {
        if self.unread {
            return Ok(());
        }
        let deadline = self.pairing.deadline(self.pace.patience());
        tokio::select! {
            readable = self.socket.readable() => readable.map_err(|error| lost(&error)),
            () = until(deadline.map(Deadline::from_std)) => Ok(()),
            trouble = self.table.lost() => Err(trouble),
        }
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        self.unread = true;
        for _ in 0..DATAGRAMS_A_TURN {
            // Patience only counts once all that came in the meantime has been read.
            let before = clock::moment();
            let read = self.socket.try_receive(&mut self.buffer);
            if !self.received(read)? {
                self.caught_up = before;
                self.unread = false;
                break;
            }
            self.hand_on(sink);
        }
        self.hand_on(sink);
        Ok(())
    }

    async fn close(self) {
        self.table.remove().await;
    }
}

/// Waits for the deadline, or for ever where there is none.
async fn until(deadline: Option<Deadline>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Opens the socket and becomes the group's listener.
fn listen(group: u16, pace: &Pace) -> io::Result<Netlink> {
    let socket = Netlink::netfilter()?;
    socket.set_receive_buffer(SOCKET_BUFFER)?;
    socket.send(&wire::bind(
        group,
        BIND_REQUEST,
        COPY_BYTES,
        KERNEL_BUFFER,
        pace.delivery(),
    ))?;
    // The kernel has answered when the request was sent; the first records may stand before or behind the answer.
    let mut buffer = vec![0; 8192];
    loop {
        let datagram = socket.try_receive(&mut buffer)?;
        for message in Messages(&buffer[..datagram.len]) {
            match message {
                Message::Answer {
                    sequence: BIND_REQUEST,
                    errno: 0,
                } => return Ok(socket),
                Message::Answer {
                    sequence: BIND_REQUEST,
                    errno,
                } => return Err(io::Error::from_raw_os_error(errno)),
                _ => {}
            }
        }
    }
}

fn lost(error: &io::Error) -> Trouble {
    Trouble::new(
        format!("The kernel's netfilter socket failed: {error}."),
        "",
    )
}

/// Why the group was refused: the kernel says EPERM for several reasons.
fn refusal(error: &io::Error, config: &Config) -> Trouble {
    let group = config.group;
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
        (DEFAULT_GROUP..DEFAULT_GROUP.saturating_add(MOST_TRIED)).filter(|other| *other != group);
    let free = others.find(|other| listen(*other, &Pace::new(clock::moment())).is_ok());
    match free {
        Some(free) => Trouble::new(
            format!(
                "NFLOG group {group} is taken by {}; one program alone can listen to a group. Choose another one and start the helper anew.",
                taken::suspects(group)
            ),
            config.set_group_command(free),
        ),
        None => Trouble::new(
            "The kernel lets nobody in this container listen to the firewall: its network belongs to another user namespace.",
            "",
        ),
    }
}
