//! What the kernel's `sock_diag` tells of a socket (`linux/inet_diag.h`, `sock_diag(7)`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{attributes::Attributes, order::Order};

/// `SOCK_DIAG_BY_FAMILY` (`linux/sock_diag.h`): the type of the request and of each answer.
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Length of an `inet_diag_msg` in bytes.
const MESSAGE: usize = 72;
/// `INET_DIAG_SKV6ONLY`.
const V6_ONLY: u16 = 12;
/// `INET_DIAG_CGROUP_ID`.
const CGROUP_ID: u16 = 21;
/// `AF_INET` and `AF_INET6`, the same on every Linux.
const FAMILIES: [u8; 2] = [2, 10];

/// One socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// The address that it is bound to; unspecified where it takes what comes to any.
    pub address: IpAddr,
    /// The port that it is bound to.
    pub port: u16,
    /// The number of the interface that it is bound to; 0 where it takes what comes by any.
    pub interface: u32,
    /// The user whose it is.
    pub uid: u32,
    /// Does it leave IPv4 to others?
    pub v6_only: bool,
    /// The cgroup (of version 2) that made it, by its number.
    pub cgroup: Option<u64>,
}

/// Reads the body of an answer; `None` where it is cut short or of another family.
#[must_use]
pub fn socket(body: &[u8]) -> Option<Socket> {
    const NATIVE: Order = Order::NATIVE;
    let [v4, v6] = FAMILIES;
    let family = *body.first()?;
    // inet_diag_msg: family, state, timer, retrans; inet_diag_sockid: sport, dport (the network's order), src, dst, if, cookie;
    // expires, rqueue, wqueue, uid, inode
    let address = match family {
        family if family == v4 => IpAddr::V4(Ipv4Addr::from(*body.get(8..)?.first_chunk::<4>()?)),
        // An IPv6 socket that is bound to an IPv4 address takes IPv4 alone.
        family if family == v6 => {
            IpAddr::V6(Ipv6Addr::from(*body.get(8..)?.first_chunk::<16>()?)).to_canonical()
        }
        _ => return None,
    };
    let mut socket = Socket {
        address,
        port: Order::Big.u16_at(body, 4)?,
        interface: NATIVE.u32_at(body, 40)?,
        uid: NATIVE.u32_at(body, 64)?,
        v6_only: false,
        cgroup: None,
    };
    for (kind, value) in Attributes::new(body.get(MESSAGE..)?, NATIVE) {
        match kind {
            V6_ONLY => socket.v6_only = value.first().is_some_and(|byte| *byte != 0),
            CGROUP_ID => socket.cgroup = NATIVE.u64_at(value, 0),
            _ => {}
        }
    }
    Some(socket)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{super::attributes::made::push, *};

    /// The body of an answer about a socket of this address.
    fn body(address: IpAddr, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let [v4, v6] = FAMILIES;
        let (family, mut octets) = match address {
            IpAddr::V4(address) => (v4, address.octets().to_vec()),
            IpAddr::V6(address) => (v6, address.octets().to_vec()),
        };
        octets.resize(32, 0); // src and dst
        let mut body = [&[family, 10, 0, 0, 0, 22, 0, 0][..], &octets].concat();
        for number in [7_u32, 1, 2, 0, 0, 5, 7801, 4242] {
            body.extend(number.to_ne_bytes()); // if, cookie, expires, rqueue, wqueue, uid, inode
        }
        for (kind, value) in attributes {
            push(&mut body, *kind, value);
        }
        body
    }

    #[test]
    fn a_listener_is_read_with_its_owner() {
        let cgroup = 0x1_0000_2342_u64.to_ne_bytes();
        let read = socket(&body(
            "192.0.2.2".parse().unwrap(),
            &[(8, &[0]), (CGROUP_ID, &cgroup)],
        ));
        let expected = Socket {
            address: "192.0.2.2".parse().unwrap(),
            port: 22,
            interface: 7,
            uid: 7801,
            v6_only: false,
            cgroup: Some(0x1_0000_2342),
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn an_ipv6_socket_says_whether_it_leaves_ipv4_to_others() {
        for (value, v6_only) in [(0, false), (1, true)] {
            let read = socket(&body("::".parse().unwrap(), &[(V6_ONLY, &[value])])).unwrap();
            assert_eq!(
                (read.address, read.v6_only),
                ("::".parse().unwrap(), v6_only)
            );
        }
        let mapped = socket(&body("::ffff:192.0.2.2".parse().unwrap(), &[])).unwrap();
        assert_eq!(mapped.address, "192.0.2.2".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn what_is_cut_or_foreign_is_no_socket() {
        let whole = body("2001:db8::1".parse().unwrap(), &[(CGROUP_ID, &[1; 8])]);
        for end in 0..whole.len() {
            let read = socket(&whole[..end]);
            assert_eq!(read.is_some(), end >= MESSAGE, "{end}");
            assert!(read.is_none_or(|socket| socket.cgroup.is_none()), "{end}");
        }
        let mut other = whole;
        other[0] = 1; // AF_UNIX
        assert_eq!(socket(&other), None);
    }
}
