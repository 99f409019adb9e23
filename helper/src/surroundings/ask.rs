//! Questions to the kernel by netlink that it answers with a list (a dump, netlink(7)).

use std::io;

use crate::{
    decode::attributes::{Envelope, Envelopes},
    sys::netlink::{Family, Netlink},
};

/// `NLM_F_REQUEST`, and `NLM_F_DUMP`: everything there is.
const ASK: u16 = 1 | 0x300;
/// `NLM_F_DUMP_INTR`: the list changed while it was written.
const INTERRUPTED: u16 = 0x10;
/// `NLMSG_DONE`: the end of the list.
const DONE: u16 = 3;
/// The kernel writes lists in datagrams of at most 32 KiB.
const BUFFER: usize = 32 * 1024;
/// A list with more entries than this, as of the routes of a backbone router, is not read to its end: it would take a tenth of a
/// second, in which nothing else is done.
const MOST_ENTRIES: usize = 25_000;
/// A list that changes all the time is asked for so often.
const ATTEMPTS: usize = 3;

/// A socket to ask one part of the kernel.
#[derive(Debug)]
pub(super) struct Asker {
    socket: Netlink,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Asker {
    /// A socket that nothing was asked by.
    pub(super) fn new(family: Family) -> io::Result<Self> {
        Ok(Self {
            socket: Netlink::open(family)?,
            buffer: vec![0; BUFFER],
            sequence: 0,
        })
    }

    /// Asks for a list and makes a value of each entry that `read` makes one of. It is asked for once more where it changed
    /// meanwhile.
    pub(super) fn list<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        mut read: impl FnMut(&Envelope<'_>) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        for _ in 1..ATTEMPTS {
            if let (found, false) = self.attempt(kind, body, &mut read)? {
                return Ok(found);
            }
        }
        self.attempt(kind, body, &mut read).map(|(found, _)| found)
    }

    /// Asks once; says whether the list changed meanwhile.
    fn attempt<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        read: &mut impl FnMut(&Envelope<'_>) -> Option<T>,
    ) -> io::Result<(Vec<T>, bool)> {
        self.sequence += 1;
        self.socket.send(&request(kind, self.sequence, body))?;
        let (mut found, mut entries, mut interrupted) = (Vec::new(), 0, false);
        // The next part is written when one is read, so there is always one to read.
        loop {
            let datagram = self.socket.try_receive(&mut self.buffer)?;
            if !datagram.from_kernel {
                continue;
            }
            for envelope in Envelopes(&self.buffer[..datagram.len]) {
                if envelope.sequence != self.sequence {
                    continue;
                }
                if let Some((_, errno)) = envelope.answer() {
                    return Err(io::Error::from_raw_os_error(errno));
                }
                interrupted |= envelope.flags & INTERRUPTED != 0;
                if envelope.kind == DONE {
                    return Ok((found, interrupted));
                }
                entries += 1;
                if entries > MOST_ENTRIES {
                    return Err(io::Error::other("the kernel's list is too long"));
                }
                found.extend(read(&envelope));
            }
        }
    }
}

/// A request for a list.
fn request(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(16 + body.len()).expect("a request has less than a hundred bytes");
    let mut request = Vec::with_capacity(16 + body.len());
    request.extend(len.to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(ASK.to_ne_bytes());
    request.extend(sequence.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes()); // the port id, which the kernel knows
    request.extend(body);
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::route;

    #[test]
    fn a_request_is_a_header_and_a_body() {
        let bytes = request(18, 7, &[1, 2, 3, 4]);
        let [envelope] = Envelopes(&bytes).collect::<Vec<_>>()[..] else {
            panic!("{bytes:?}")
        };
        assert_eq!((envelope.kind, envelope.flags), (18, ASK));
        assert_eq!((envelope.sequence, envelope.body), (7, &[1, 2, 3, 4][..]));
    }

    #[tokio::test]
    async fn one_socket_asks_for_several_lists_and_is_told_what_is_refused() {
        let mut asker = Asker::new(Family::Route).unwrap();
        for _ in 0..2 {
            let links = asker
                .list(route::kind::NEW_LINK + 2, &[0; 16], |entry| {
                    route::link(entry.body)
                })
                .unwrap();
            assert!(
                links
                    .iter()
                    .any(|link| link.name == *"lo" && link.index == 1),
                "{links:?}"
            );
        }
        let refused = asker.list(u16::MAX, &[0; 16], |_| Some(())).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EOPNOTSUPP));
    }
}
