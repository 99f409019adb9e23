//! Many datagrams of a netlink socket by one system call (recvmmsg(2)).
#![expect(unsafe_code, reason = "system calls")]

use std::{
    array, io, mem,
    os::fd::{AsRawFd as _, OwnedFd},
    ptr,
};

use super::netlink::{ADDRESS_LEN, Datagram, kernel_address};

/// So many datagrams are read at a time at most.
const MANY: usize = 64;

/// Datagrams that were read together; each has a place of the same size.
#[derive(Debug)]
pub struct Batch {
    bytes: Box<[u8]>,
    /// Bytes of a place.
    each: usize,
    datagrams: Vec<Datagram>,
}

impl Batch {
    /// An empty batch, for datagrams of at most so many bytes.
    #[must_use]
    pub fn new(each: usize) -> Self {
        let each = each.max(1);
        Self {
            bytes: vec![0; MANY * each].into(),
            each,
            datagrams: Vec::with_capacity(MANY),
        }
    }

    /// What the last read brought, each with its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (Datagram, &[u8])> {
        self.datagrams
            .iter()
            .zip(self.bytes.chunks_exact(self.each))
            .map(|(datagram, place)| (*datagram, place.get(..datagram.len).unwrap_or_default()))
    }

    /// Did the last read bring as many as have a place?
    pub(super) const fn is_full(&self) -> bool {
        self.datagrams.len() >= MANY
    }

    /// Reads as many datagrams of a netlink socket as there are and have a place, without waiting.
    pub(super) fn receive(&mut self, fd: &OwnedFd) -> io::Result<()> {
        self.datagrams.clear();
        let each = self.each;
        let mut addresses = [kernel_address(); MANY];
        let mut places = self.bytes.chunks_exact_mut(each);
        let mut vectors: [libc::iovec; MANY] = array::from_fn(|_| {
            // There are as many places as vectors; one without a place would take no byte.
            let place = places.next().unwrap_or_default();
            libc::iovec {
                iov_base: place.as_mut_ptr().cast(),
                iov_len: place.len(),
            }
        });
        let mut headers: [libc::mmsghdr; MANY] = array::from_fn(|at| {
            // SAFETY: mmsghdr is made of integers and pointers alone, for which zero is a value.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = (&raw mut addresses[at]).cast();
            header.msg_hdr.msg_namelen = ADDRESS_LEN;
            header.msg_hdr.msg_iov = &raw mut vectors[at];
            header.msg_hdr.msg_iovlen = 1;
            header
        });
        #[expect(clippy::cast_possible_truncation, reason = "MANY is small")]
        let count = MANY as libc::c_uint;
        // SAFETY: there are as many headers as is said; each points to an address and a vector of its own, the vector to a place
        // of the length that it tells, which we hold alone, and all of them live over the call. MSG_TRUNC only makes the true
        // length known; a null pointer asks for no time limit.
        let count = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                headers.as_mut_ptr(),
                count,
                libc::MSG_TRUNC | libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            return Err(io::Error::last_os_error());
        };
        let read = headers.iter().zip(&addresses).take(count);
        self.datagrams.extend(read.map(|(header, address)| {
            let len = usize::try_from(header.msg_len).unwrap_or(usize::MAX);
            Datagram {
                len: len.min(each),
                truncated: len > each,
                from_kernel: header.msg_hdr.msg_namelen == ADDRESS_LEN && address.nl_pid == 0,
            }
        }));
        Ok(())
    }
}
