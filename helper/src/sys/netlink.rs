//! A netlink socket to a part of the kernel (netlink(7)), without a meaning for what it carries.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    io, mem,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    sync::Arc,
};

use tokio::io::{Interest, unix::AsyncFd};

use super::batch::Batch;

/// The size of a `sockaddr_nl` as the system calls want it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the structure has 12 bytes (linux/netlink.h)"
)]
pub(super) const ADDRESS_LEN: libc::socklen_t = size_of::<libc::sockaddr_nl>() as libc::socklen_t;

/// `SK_MEMINFO_VARS` and `SK_MEMINFO_DROPS` (`linux/sock_diag.h`): how many numbers tell of a socket's memory, and which of
/// them is the count of what did not fit.
const MEMORY_NUMBERS: usize = 9;
const DROPS: usize = 8;

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// How many bytes of the buffer are filled.
    pub len: usize,
    /// Was the datagram larger than the buffer? Then its end is gone.
    pub truncated: bool,
    /// Did the kernel send it, and not another process?
    pub from_kernel: bool,
}

/// Which part of the kernel a socket speaks with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The firewall.
    Netfilter,
    /// Interfaces, addresses and routes (rtnetlink(7)).
    Route,
    /// The sockets of all programs (`sock_diag(7)`).
    SockDiag,
}

impl Family {
    const fn number(self) -> libc::c_int {
        match self {
            Self::Netfilter => libc::NETLINK_NETFILTER,
            Self::Route => libc::NETLINK_ROUTE,
            Self::SockDiag => libc::NETLINK_SOCK_DIAG,
        }
    }
}

/// A socket to a part of the kernel, in the network namespace of this process.
#[derive(Debug)]
pub struct Netlink {
    // Before the descriptor, so that it is taken down first.
    watch: Option<AsyncFd<Arc<OwnedFd>>>,
    fd: Arc<OwnedFd>,
}

impl Netlink {
    /// Opens a socket to the firewall.
    pub fn netfilter() -> io::Result<Self> {
        Self::open(Family::Netfilter)
    }

    /// Opens the socket. Needs no right; what is then asked of the kernel may.
    pub fn open(family: Family) -> io::Result<Self> {
        let fd = Arc::new(bound(family)?);
        let watch = Some(watch(&fd)?);
        Ok(Self { watch, fd })
    }

    /// Has tokio not wake for what comes, until [`Self::wake`]: whoever looks again after a pause anyway is spared one wake-up a
    /// datagram.
    pub fn rest(&mut self) {
        self.watch = None;
    }

    /// Has tokio wake for what comes, and for what has come meanwhile.
    pub fn wake(&mut self) -> io::Result<()> {
        if self.watch.is_none() {
            self.watch = Some(watch(&self.fd)?);
        }
        Ok(())
    }

    /// Has the kernel tell this socket what it tells to a group, by the group's number (`NETLINK_ADD_MEMBERSHIP`, netlink(7)).
    pub fn join(&self, group: libc::c_int) -> io::Result<()> {
        set_option(
            &self.fd,
            libc::SOL_NETLINK,
            libc::NETLINK_ADD_MEMBERSHIP,
            group,
        )
    }

    /// Lets the kernel queue up to `bytes` for us: beyond the system's limit where `CAP_NET_ADMIN` allows it, else up to it.
    pub fn set_receive_buffer(&self, bytes: libc::c_int) -> io::Result<()> {
        set_receive_buffer(&self.fd, bytes)
    }

    /// Has the kernel keep from us what this program of the packet filter refuses (`SO_ATTACH_FILTER`, socket(7)).
    pub fn set_filter(&self, program: &[libc::sock_filter]) -> io::Result<()> {
        let program = libc::sock_fprog {
            len: u16::try_from(program.len())
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
            filter: program.as_ptr().cast_mut(),
        };
        #[expect(clippy::cast_possible_truncation, reason = "a sock_fprog has 16 bytes")]
        let len = size_of::<libc::sock_fprog>() as libc::socklen_t;
        // SAFETY: `program` is a whole sock_fprog whose true size is given, and the instructions that it points to are as many
        // as it says; all of them live over the call, which only reads them.
        let set = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                len,
            )
        };
        if set < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// How many datagrams the kernel could not queue for us since the socket was opened, as far as 32 bits count
    /// (`SO_MEMINFO`, Linux 4.12).
    pub fn dropped(&self) -> io::Result<u32> {
        let mut numbers = [0_u32; MEMORY_NUMBERS];
        #[expect(
            clippy::cast_possible_truncation,
            reason = "nine numbers have 36 bytes"
        )]
        let mut len = size_of_val(&numbers) as libc::socklen_t;
        // SAFETY: `numbers` has the size that is given, may hold any bytes, and lives over the call, as `len` does.
        let got = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                numbers.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        if got < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(numbers[DROPS])
        }
    }

    /// Sends one message to the kernel, which has worked on it when this returns.
    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        let address = kernel_address();
        // SAFETY: the pointer and length are those of one slice, the address is a whole sockaddr_nl with its true size, and
        // both live over the call.
        let sent = unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                message.as_ptr().cast(),
                message.len(),
                0,
                (&raw const address).cast(),
                ADDRESS_LEN,
            )
        };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Reads one datagram without waiting; `WouldBlock` when there is none.
    pub fn try_receive(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        match (receive(&self.fd, buffer), &self.watch) {
            // Asked once more by way of tokio, which then knows that there is nothing, and waits.
            (Err(error), Some(watch)) if error.kind() == io::ErrorKind::WouldBlock => {
                watch.try_io(Interest::READABLE, |fd| receive(fd, buffer))
            }
            (other, _) => other,
        }
    }

    /// Reads what there is, as much as a batch holds, without waiting; `WouldBlock` when there is nothing.
    pub fn try_receive_many(&self, batch: &mut Batch) -> io::Result<()> {
        let Some(watch) = &self.watch else {
            return batch.receive(&self.fd);
        };
        let mut read = false;
        let received = watch.try_io(Interest::READABLE, |fd| {
            batch.receive(fd)?;
            read = true;
            // Where there is no more, tokio takes this word for it and need not see a call fail.
            if batch.is_full() {
                Ok(())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        });
        if read { Ok(()) } else { received }
    }

    /// Waits until there is something to read; not at all while the socket rests.
    pub async fn readable(&self) -> io::Result<()> {
        if let Some(watch) = &self.watch {
            watch.readable().await?.retain_ready();
        }
        Ok(())
    }
}

/// Has tokio wake for what this socket receives.
fn watch(fd: &Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: an OwnedFd gives the same number for ever, and its Arc keeps it open as long as it is registered.
    let watch = unsafe { AsyncFd::register_with_interest(Arc::clone(fd), Interest::READABLE) }?;
    Ok(watch)
}

/// A socket of this family, bound to a port id of the kernel's choice.
pub(super) fn bound(family: Family) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket(2) takes three numbers and touches no memory of ours.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, family.number()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the number was returned by socket(2) just now and is owned by nobody else.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let address = kernel_address();
    // SAFETY: `address` is a whole sockaddr_nl that lives over the call, and its true size is given.
    let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), ADDRESS_LEN) };
    if bound < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(fd)
}

/// Lets the kernel queue up to `bytes`: beyond the system's limit where `CAP_NET_ADMIN` allows it, else up to it.
pub(super) fn set_receive_buffer(fd: &OwnedFd, bytes: libc::c_int) -> io::Result<()> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)
        .or_else(|_| set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes))
}

/// Sets an option of a socket whose value is a number.
pub(super) fn set_option(
    fd: &OwnedFd,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "an int has 4 bytes")]
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` is an int that lives over the call, and its true size is given.
    let set = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            len,
        )
    };
    if set < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Reads one datagram of this socket.
fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> io::Result<Datagram> {
    let mut address = kernel_address();
    let mut address_len = ADDRESS_LEN;
    // SAFETY: the buffer's pointer and length are those of one slice that we hold alone; the address is a whole
    // sockaddr_nl whose true size is given; all of them live over the call. MSG_TRUNC only makes the true length known.
    let len = unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            libc::MSG_TRUNC,
            (&raw mut address).cast(),
            &raw mut address_len,
        )
    };
    let Ok(len) = usize::try_from(len) else {
        return Err(io::Error::last_os_error());
    };
    Ok(Datagram {
        len: len.min(buffer.len()),
        truncated: len > buffer.len(),
        from_kernel: address_len == ADDRESS_LEN && address.nl_pid == 0,
    })
}

/// The address of the kernel; bound to, it asks for a port id of the kernel's choice.
pub(super) fn kernel_address() -> libc::sockaddr_nl {
    // SAFETY: sockaddr_nl is made of integers alone, for which zero is a value.
    let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
    #[expect(clippy::cast_possible_truncation, reason = "AF_NETLINK is 16")]
    {
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_larger_than_the_buffer_is_known_to_be_cut() {
        // A message without a type, to which the kernel answers in any case because of NLM_F_REQUEST | NLM_F_ACK.
        let request = [
            &16_u32.to_ne_bytes()[..],
            &0xffff_u16.to_ne_bytes(),
            &5_u16.to_ne_bytes(),
            &[0; 8],
        ]
        .concat();
        let socket = Netlink::netfilter().unwrap();
        let mut buffer = [0; 64];
        for (room, truncated) in [(64, false), (20, true)] {
            socket.send(&request).unwrap();
            let datagram = socket.try_receive(&mut buffer[..room]).unwrap();
            assert_eq!(
                (datagram.truncated, datagram.from_kernel),
                (truncated, true)
            );
            assert!(datagram.len <= room);
        }
        let nothing = socket.try_receive(&mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }
}
