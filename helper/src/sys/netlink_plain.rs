//! A netlink socket to the kernel's netfilter that needs no runtime, and that several processes may hold.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
};

use super::{
    batch::Batch,
    netlink::{ADDRESS_LEN, Family, bound, kernel_address, set_option, set_receive_buffer},
};

/// The socket. The kernel alone can send to it, because it is connected to the kernel.
#[derive(Debug)]
pub struct PlainNetlink {
    fd: OwnedFd,
}

impl PlainNetlink {
    /// Opens the socket. Needs no right; what is then asked of the kernel does.
    pub fn netfilter() -> io::Result<Self> {
        let fd = bound(Family::Netfilter)?;
        let address = kernel_address();
        // SAFETY: `address` is a whole sockaddr_nl that lives over the call, and its true size is given.
        let connected =
            unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), ADDRESS_LEN) };
        if connected < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { fd })
    }

    /// Lets the kernel queue up to `bytes` for us, by its own way of counting, and says nothing when they are full
    /// (`NETLINK_NO_ENOBUFS`, netlink(7)): whoever reads numbered messages sees what is missing.
    pub fn set_receive_buffer(&self, bytes: libc::c_int) -> io::Result<()> {
        // The kernel doubles the number (socket(7)).
        set_receive_buffer(&self.fd, bytes / 2)?;
        set_option(&self.fd, libc::SOL_NETLINK, libc::NETLINK_NO_ENOBUFS, 1)
    }

    /// Sends one message to the kernel, which has worked on it when this returns.
    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        // SAFETY: the pointer and length are those of one slice that lives over the call.
        let sent = unsafe {
            libc::send(
                self.fd.as_raw_fd(),
                message.as_ptr().cast(),
                message.len(),
                0,
            )
        };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Reads what there is, as much as a batch holds, without waiting; tells whether there was something.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        match batch.receive(&self.fd) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for PlainNetlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::attributes::Envelopes;

    /// A request that no subsystem of netfilter's knows; the kernel answers it with an error.
    fn nonsense(sequence: u32) -> Vec<u8> {
        let mut message = 20_u32.to_ne_bytes().to_vec();
        message.extend(0x7f00_u16.to_ne_bytes());
        message.extend(5_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_ACK
        message.extend(sequence.to_ne_bytes());
        message.extend([0; 8]);
        message
    }

    #[test]
    fn answers_are_read_together_and_in_order() {
        let socket = PlainNetlink::netfilter().unwrap();
        socket.set_receive_buffer(1024 * 1024).unwrap();
        let mut batch = Batch::new(256);
        assert!(!socket.receive(&mut batch).unwrap());
        for sequence in 0..100 {
            socket.send(&nonsense(sequence)).unwrap();
        }
        let mut answered = Vec::new();
        while socket.receive(&mut batch).unwrap() {
            answered.extend(batch.iter().map(|(datagram, bytes)| {
                let answer = Envelopes(bytes).next().unwrap().answer().unwrap();
                assert!(!datagram.truncated && datagram.from_kernel && answer.1 > 0);
                answer.0
            }));
        }
        assert_eq!(answered, (0..100).collect::<Vec<_>>());
    }
}
