//! Flows that the kernel's connection tracking tells of, by a netlink socket of our own.
//!
//! A flow is told when its first packet has passed every rule, and when it is forgotten; those that stand already are asked for
//! once. So a dropped probe never comes up here, but whoever tries ports that are open does, and what this machine itself asked
//! for is known when a late answer comes. The kernel sends one datagram a flow; many are read at a time.

mod wire;

use std::{
    fs, io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{Sink, Source, Trouble, health::Health, start_command};
use crate::{
    clock,
    decode::conntrack::{Message, Messages},
    event::Timestamp,
    sys::{batch::Batch, netlink::Netlink},
};

/// What may wait in the socket, in bytes: the kernel takes twice as much, which is a second of 20,000 flows.
const SOCKET_BUFFER: libc::c_int = 16 * 1024 * 1024;
/// An event has about 200 bytes; labels, a security context and counters make it a few hundred more.
const EVENT: usize = 2048;
/// What the kernel puts in one datagram of an answer at most (`NLMSG_GOODSIZE` and `netlink_dump` in `net/netlink/af_netlink.c`).
const ANSWER: usize = 32 * 1024;
/// So many batches of events, or datagrams of the answer, are read before others have their turn.
const READS_A_TURN: usize = 16;
/// Where so many flows came within a spell, the next turn waits for a pause: what comes in the meantime is read by one system call,
/// and not by one each. The socket holds fifty times what comes in that time.
const MANY_FLOWS: usize = 8;
const SPELL: Duration = Duration::from_millis(10);
const PAUSE: Duration = Duration::from_millis(5);
/// The number of the only request.
const REQUEST: u32 = 1;
/// So long after a loss it is still said, in microseconds: ten minutes.
const LOSS_IS_SAID: i64 = 600 * Timestamp::SECOND;
/// Whether the kernel tells of flows at all (Documentation/networking/nf_conntrack-sysctl.rst).
const SWITCH: &str = "/proc/sys/net/netfilter/nf_conntrack_events";

/// The flows of this machine.
#[derive(Debug)]
pub struct Conntrack {
    socket: Netlink,
    batch: Batch,
    /// Where the flows that stand already are told, until all have been.
    standing: Option<Standing>,
    /// May the socket hold more than was read in the last turn?
    unread: bool,
    /// How many flows came since a moment that is a spell ago at most.
    flows: usize,
    since: Instant,
    /// How many events did not fit into the socket so far.
    dropped: u32,
    /// Has it overflowed, and was not read empty since? Then it takes nothing, and counts.
    overflowed: bool,
    /// When a loss was noticed last, as long as it is said.
    lost_at: Option<Timestamp>,
    /// Is it said that there is nothing to tell of?
    idle: bool,
    health: Arc<Health>,
}

impl Conntrack {
    /// Listens to flows that begin and end, and asks for those that stand.
    #[expect(clippy::unused_async, reason = "every source is opened alike")]
    pub async fn open(health: Arc<Health>) -> Result<Self, Trouble> {
        let (socket, standing) = listen().map_err(|error| refusal(&error))?;
        Ok(Self {
            dropped: socket.dropped().unwrap_or(0),
            socket,
            batch: Batch::new(EVENT),
            standing: Some(standing),
            unread: false,
            flows: 0,
            since: clock::moment(),
            overflowed: false,
            lost_at: None,
            idle: false,
            health,
        })
    }

    /// Hands on flows that stood before, until all have been told.
    fn read_standing<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        let Some(standing) = &mut self.standing else {
            return Ok(());
        };
        for _ in 0..READS_A_TURN {
            match standing.read(sink)? {
                Progress::Waits => break,
                Progress::More => {}
                Progress::Done => {
                    self.say_what_is_hidden();
                    self.standing = None;
                    self.unread = true;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Hands on flows that began or ended.
    fn read_events<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        self.unread = false;
        let now = clock::moment();
        if now.duration_since(self.since) > SPELL {
            (self.since, self.flows) = (now, 0);
        }
        for _ in 0..READS_A_TURN {
            match self.socket.try_receive_many(&mut self.batch) {
                Ok(()) => self.hand_on(sink),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.overflowed {
                        self.overflowed = false;
                        self.count_lost();
                    }
                    return Ok(());
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.overflowed = true;
                    self.count_lost();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(refusal(&error)),
            }
        }
        self.unread = true;
        Ok(())
    }

    fn hand_on<S: Sink>(&mut self, sink: &mut S) {
        let now = clock::now();
        let mut flows = 0;
        for (datagram, bytes) in self.batch.iter() {
            // Nothing but events comes here, and another process's are none.
            for message in Messages::new(bytes, now).take_while(|_| datagram.from_kernel) {
                if let Message::Flow(flow) = message {
                    flows += 1;
                    sink.flow(&flow);
                }
            }
        }
        self.flows += flows;
        if flows > 0 && self.idle {
            self.idle = false;
            self.health.sees_all();
        }
        if self
            .lost_at
            .is_some_and(|lost| !(0..LOSS_IS_SAID).contains(&now.since(lost)))
        {
            self.lost_at = None;
            self.health.sees_all();
        }
    }

    /// Counts what the socket could not take.
    fn count_lost(&mut self) {
        let dropped = self.socket.dropped().unwrap_or(self.dropped);
        let lost = dropped.wrapping_sub(self.dropped);
        self.dropped = dropped;
        if lost > 0 {
            self.health.lost(lost.into());
            self.lost_at = Some(clock::now());
            self.idle = false;
            self.health.note(&Trouble::new(
                "More flows began or ended at once than could be read. Those that were lost are counted; an attack among them may \
                 have been missed.",
                "",
            ));
        }
    }

    /// Says why nothing may come, though everything works.
    fn say_what_is_hidden(&mut self) {
        let any = self.standing.as_ref().is_some_and(|standing| standing.any);
        if fs::read_to_string(SWITCH).is_ok_and(|value| value.trim() == "0") {
            self.health.note(&Trouble::new(
                "The kernel tells of no flow that begins or ends: its events are switched off.",
                "sudo sysctl -w net.netfilter.nf_conntrack_events=1",
            ));
        } else if !any {
            self.idle = true;
            self.health.note(&Trouble::new(
                "The kernel follows no connection now. Unless a rule of the firewall asks for their state it never does, and then \
                 there is nothing to tell.",
                "wallwatchctl capture on",
            ));
        }
    }
}

impl Source for Conntrack {
    const PACKETS: bool = false;

    async fn ready(&mut self) -> Result<(), Trouble> {
        if self.unread {
            return Ok(());
        }
        if self.flows >= MANY_FLOWS {
            self.socket.rest();
            sleep(PAUSE).await;
            return Ok(());
        }
        self.socket.wake().map_err(|error| refusal(&error))?;
        let socket = self
            .standing
            .as_ref()
            .map_or(&self.socket, |standing| &standing.socket);
        socket.readable().await.map_err(|error| refusal(&error))
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        // Those that stand come first: one that ends meanwhile is then known to have ended.
        if self.standing.is_some() {
            self.read_standing(sink)
        } else {
            self.read_events(sink)
        }
    }

    async fn close(self) {}
}

/// The answer to the request for the flows that stand.
#[derive(Debug)]
struct Standing {
    socket: Netlink,
    buffer: Vec<u8>,
    /// Was there any flow?
    any: bool,
}

/// How far the answer is read.
enum Progress {
    /// The next part is not there yet.
    Waits,
    /// There may be more.
    More,
    /// That was all.
    Done,
}

impl Standing {
    /// Asks for the flows.
    fn ask() -> io::Result<Self> {
        let socket = Netlink::netfilter()?;
        socket.send(&wire::request(REQUEST))?;
        Ok(Self {
            socket,
            buffer: vec![0; ANSWER],
            any: false,
        })
    }

    /// Hands on what one datagram holds.
    fn read<S: Sink>(&mut self, sink: &mut S) -> Result<Progress, Trouble> {
        let datagram = match self.socket.try_receive(&mut self.buffer) {
            Ok(datagram) if datagram.from_kernel => datagram,
            Ok(_) => return Ok(Progress::More),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Waits),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Progress::More),
            Err(error) => return Err(refusal(&error)),
        };
        for message in Messages::new(&self.buffer[..datagram.len], clock::now()) {
            match message {
                Message::Flow(flow) => {
                    self.any = true;
                    sink.flow(&flow);
                }
                Message::Answer { errno, .. } if errno != 0 => {
                    return Err(refusal(&io::Error::from_raw_os_error(errno)));
                }
                Message::Done => return Ok(Progress::Done),
                Message::Changed | Message::Answer { .. } => {}
            }
        }
        Ok(Progress::More)
    }
}

/// Joins the groups, and then asks, so that no flow is missed between.
fn listen() -> io::Result<(Netlink, Standing)> {
    let socket = Netlink::netfilter()?;
    socket.set_receive_buffer(SOCKET_BUFFER)?;
    // Without the filter a few events more come, of which nothing comes.
    drop(socket.set_filter(&wire::no_loopback()));
    for group in wire::GROUPS {
        socket.join(group)?;
    }
    Ok((socket, Standing::ask()?))
}

/// Why the kernel refuses, in words.
fn refusal(error: &io::Error) -> Trouble {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => Trouble::new(
            "The helper may not listen to the kernel's connection tracking: it was started without the capability CAP_NET_ADMIN.",
            start_command(),
        ),
        // No such protocol, or nobody who answers its requests.
        Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EINVAL | libc::EOPNOTSUPP) => {
            Trouble::new(
                "The kernel's connection tracking cannot be asked: the module nf_conntrack_netlink is not loaded.",
                "sudo modprobe nf_conntrack_netlink",
            )
        }
        _ => Trouble::new(
            format!("The kernel's connection tracking cannot be listened to: {error}."),
            "",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do() {
        for (errno, reason, mend) in [
            (libc::EPERM, "CAP_NET_ADMIN", "net_admin"),
            (libc::EINVAL, "not loaded", "modprobe nf_conntrack_netlink"),
            (
                libc::EPROTONOSUPPORT,
                "not loaded",
                "modprobe nf_conntrack_netlink",
            ),
            (libc::ENOMEM, "cannot be listened to", ""),
        ] {
            let trouble = refusal(&io::Error::from_raw_os_error(errno));
            assert!(trouble.reason.contains(reason), "{trouble}");
            assert!(trouble.reason.ends_with('.'), "{trouble}");
            assert!(trouble.mend.contains(mend), "{trouble}");
        }
    }
}
