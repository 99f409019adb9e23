//! The named counters of the own table, asked of the kernel by netlink: they tell what the limits left out, and whether the
//! table is there at all.

use std::io;

use crate::{
    decode::nftables::{Replies, Reply},
    sys::netlink::Netlink,
};

/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ` (`linux/netfilter/nf_tables.h`).
const GET_OBJECTS: u16 = 0x0a13;
/// `NLM_F_REQUEST | NLM_F_DUMP` (linux/netlink.h).
const LIST: u16 = 0x301;
/// `NFPROTO_INET` (linux/netfilter.h).
const INET: u8 = 1;
/// `NFTA_OBJ_TABLE` and `NFTA_OBJ_TYPE`.
const TABLE: u16 = 1;
const TYPE: u16 = 3;
/// `NFT_OBJECT_COUNTER`.
const COUNTER: u32 = 1;
/// The name of the table, ended as C does.
const NAME: &[u8] = b"wallwatch\0";
/// Fifteen counters take a kibibyte and a half; the kernel sends no more at once than there is room for.
const BUFFER: usize = 16 * 1024;
/// So often is a listing begun again that somebody's change of the tables interrupted.
const TRIES: usize = 5;

/// What the counters say. Each only grows, as long as the table is the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Packets of which there is no record, because a limit left it out.
    pub(super) only_counted: u64,
    /// Records that the kernel has written.
    pub(super) logged: u64,
}

impl Counters {
    /// Reads them; `None` where the table is not there.
    pub(super) fn read() -> io::Result<Option<Self>> {
        for _ in 0..TRIES {
            // A socket of its own each time: of a listing that was given up nothing may be left.
            let socket = Netlink::netfilter()?;
            socket.send(&request())?;
            match listing(&socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Takes in one counter by its name.
    fn take(&mut self, name: &[u8], packets: u64) {
        match name {
            b"seen" | b"advert" | b"dhcp" | b"smurf" | b"fragment" => {
                self.logged = self.logged.wrapping_add(packets);
            }
            b"source_over" | b"all_over" | b"advert_over" | b"dhcp_over" | b"smurf_over"
            | b"fragment_over" => {
                self.logged = self.logged.wrapping_sub(packets);
                self.only_counted = self.only_counted.wrapping_add(packets);
            }
            // A second record of a packet that has a first one, or word that second records are left out.
            b"passed" | b"unsure" => self.logged = self.logged.wrapping_add(packets),
            b"passed_over" | b"unsure_over" => self.logged = self.logged.wrapping_sub(packets),
            _ => {}
        }
    }
}

/// The request for all counters of the table.
fn request() -> Vec<u8> {
    let mut message = Vec::with_capacity(64);
    message.extend(0_u32.to_ne_bytes()); // the length, set below
    message.extend(GET_OBJECTS.to_ne_bytes());
    message.extend(LIST.to_ne_bytes());
    message.extend([0; 8]); // sequence and port id, which nobody asks for
    message.extend([INET, 0, 0, 0]);
    for (kind, value) in [(TABLE, NAME), (TYPE, &COUNTER.to_be_bytes())] {
        let len = u16::try_from(value.len() + 4).expect("attributes of a request have a few bytes");
        message.extend(len.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    }
    let len = u32::try_from(message.len()).expect("a request has less than a hundred bytes");
    message[..4].copy_from_slice(&len.to_ne_bytes());
    message
}

/// Reads the answer, which the kernel has at hand: nothing is waited for.
fn listing(socket: &Netlink) -> io::Result<Option<Counters>> {
    let (mut counters, mut found) = (Counters::default(), false);
    let mut buffer = vec![0; BUFFER];
    loop {
        let datagram = socket.try_receive(&mut buffer)?;
        for reply in Replies(&buffer[..datagram.len]) {
            match reply {
                Reply::Counter { name, packets } => {
                    found = true;
                    counters.take(name, packets);
                }
                Reply::Interrupted => return Err(io::ErrorKind::Interrupted.into()),
                Reply::Failed(libc::ENOENT) => return Ok(None),
                Reply::Failed(errno) => return Err(io::Error::from_raw_os_error(errno)),
                Reply::Done => return Ok(found.then_some(counters)),
            }
        }
    }
}
