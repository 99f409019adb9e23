//! The addresses of this machine.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ptr,
};

/// A machine with more addresses than this is not told of the rest.
const MOST: usize = 1024;

/// Every address of every interface, in the network namespace of this process.
pub fn own() -> io::Result<Vec<IpAddr>> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: getifaddrs(3) writes one pointer, for which there is room.
    if unsafe { libc::getifaddrs(&raw mut first) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next = first;
    // SAFETY: getifaddrs(3) succeeded, so each pointer of its list is null or points to an entry that lives until freeifaddrs(3).
    while let Some(entry) = unsafe { next.as_ref() } {
        addresses.extend(address(entry.ifa_addr));
        next = if addresses.len() < MOST {
            entry.ifa_next
        } else {
            ptr::null_mut()
        };
    }
    // SAFETY: the list came from getifaddrs(3), is freed once, and nothing of it is used afterwards.
    unsafe { libc::freeifaddrs(first) };
    Ok(addresses)
}

/// The address that an entry of the list points to; it is null, or a socket address whose family tells its true size.
fn address(pointer: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: the pointer is null or points to a sockaddr of the list, which lives while the list does.
    let family = i32::from(unsafe { pointer.as_ref() }?.sa_family);
    match family {
        libc::AF_INET => {
            // SAFETY: of this family it is a sockaddr_in; `read_unaligned` asks nothing of its place.
            let v4 = unsafe { pointer.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: of this family it is a sockaddr_in6; `read_unaligned` asks nothing of its place.
            let v6 = unsafe { pointer.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_among_our_addresses() {
        let addresses = own().unwrap();
        assert!(
            addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)),
            "{addresses:?}"
        );
    }
}
