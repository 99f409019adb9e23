//! What listens on this machine: a pure value that a look at the kernel fills and tests write down.

use std::net::IpAddr;

use crate::{event::Interface, packet::Protocol};

/// A machine where more sockets listen is not told of the rest.
pub const MOST_LISTENERS: usize = 8192;

/// A socket that takes what comes from anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its protocol: TCP, UDP, UDP-Lite or SCTP.
    pub protocol: Protocol,
    /// Its port.
    pub port: u16,
    /// The address that it is bound to; unspecified where it takes what comes to any.
    pub address: IpAddr,
    /// Does it, bound to no IPv6 address, leave IPv4 to others?
    pub v6_only: bool,
    /// The interface that it is bound to; empty where it takes what comes by any.
    pub interface: Interface,
    /// The user whose it is.
    pub uid: u32,
    /// The systemd unit whose it is; empty where unknown.
    pub owner: String,
}

impl Listener {
    /// Does it take what comes to this address by this interface? An empty one is not known, and may be any.
    #[must_use]
    pub fn takes(&self, dst: IpAddr, interface: &str) -> bool {
        let by = self.interface.is_empty() || interface.is_empty() || self.interface == *interface;
        let any = match (self.address, dst) {
            (IpAddr::V6(_), IpAddr::V4(_)) => self.address.is_unspecified() && !self.v6_only,
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                self.address.is_unspecified()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        };
        by && (any || self.address == dst)
    }
}

/// Everything that listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exposure {
    /// By protocol and port.
    listeners: Vec<Listener>,
    /// Our own addresses; empty where nobody told.
    own: Vec<IpAddr>,
}

impl Exposure {
    /// These listeners on a machine that has these addresses; where none are given, any address may be its own.
    #[must_use]
    pub fn new(mut listeners: Vec<Listener>, own: Vec<IpAddr>) -> Self {
        listeners.truncate(MOST_LISTENERS);
        listeners.sort_by_key(|listener| (listener.protocol, listener.port));
        Self { listeners, own }
    }

    /// Was anything told of this machine?
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !(self.listeners.is_empty() && self.own.is_empty())
    }

    /// What takes packets of this protocol to this address and port, where they come by this interface (empty: not known).
    /// Who is bound to the very address goes before who takes all.
    #[must_use]
    pub fn listener(
        &self,
        protocol: Protocol,
        dst: IpAddr,
        port: u16,
        interface: &str,
    ) -> Option<&Listener> {
        if !self.reaches(dst) {
            return None;
        }
        let from = |port| {
            self.listeners
                .partition_point(|listener| (listener.protocol, listener.port) < (protocol, port))
        };
        let mut found = None;
        for listener in self.listeners.iter().skip(from(port)) {
            if (listener.protocol, listener.port) != (protocol, port) {
                break;
            }
            if listener.takes(dst, interface) {
                if !listener.address.is_unspecified() {
                    return Some(listener);
                }
                found = found.or(Some(listener));
            }
        }
        found
    }

    /// Everything that listens by this protocol, the lowest port first.
    pub fn of(&self, protocol: Protocol) -> impl Iterator<Item = &Listener> {
        let first = self
            .listeners
            .partition_point(|listener| listener.protocol < protocol);
        let rest = self.listeners.iter().skip(first);
        rest.take_while(move |listener| listener.protocol == protocol)
    }

    /// Can what is sent to this address reach a socket of this machine? What is only passed on to others cannot.
    #[must_use]
    pub fn reaches(&self, dst: IpAddr) -> bool {
        let to_all = match dst {
            IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast(),
            IpAddr::V6(v6) => v6.is_multicast(),
        };
        self.own.is_empty() || to_all || dst.is_loopback() || self.own.contains(&dst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn listener(address: &str, port: u16, owner: &str) -> Listener {
        Listener {
            protocol: Protocol::TCP,
            port,
            address: ip(address),
            v6_only: false,
            interface: Interface::new(),
            uid: 0,
            owner: owner.to_owned(),
        }
    }

    fn owner<'a>(exposure: &'a Exposure, dst: &str, port: u16) -> Option<&'a str> {
        let found = exposure.listener(Protocol::TCP, ip(dst), port, "eth0");
        found.map(|listener| listener.owner.as_str())
    }

    #[test]
    fn a_listener_takes_its_own_port_and_address() {
        let exposure = Exposure::new(
            vec![
                listener("192.0.2.2", 80, "one"),
                listener("0.0.0.0", 22, "all"),
            ],
            vec![ip("192.0.2.2"), ip("192.0.2.3")],
        );
        assert_eq!(owner(&exposure, "192.0.2.2", 80), Some("one"));
        assert_eq!(owner(&exposure, "192.0.2.3", 80), None);
        assert_eq!(owner(&exposure, "192.0.2.3", 22), Some("all"));
        assert_eq!(owner(&exposure, "192.0.2.3", 23), None);
        let udp = exposure.listener(Protocol::UDP, ip("192.0.2.2"), 80, "");
        assert_eq!(udp, None);
    }

    #[test]
    fn an_ipv6_listener_takes_ipv4_unless_it_says_no() {
        let both = listener("::", 22, "both");
        let alone = Listener {
            v6_only: true,
            ..listener("::", 80, "alone")
        };
        let exposure = Exposure::new(vec![both, alone], Vec::new());
        assert_eq!(owner(&exposure, "192.0.2.2", 22), Some("both"));
        assert_eq!(owner(&exposure, "2001:db8::2", 22), Some("both"));
        assert_eq!(owner(&exposure, "192.0.2.2", 80), None);
        assert_eq!(owner(&exposure, "2001:db8::2", 80), Some("alone"));
        let v4 = Exposure::new(vec![listener("0.0.0.0", 22, "v4")], Vec::new());
        assert_eq!(owner(&v4, "2001:db8::2", 22), None);
    }

    #[test]
    fn who_is_bound_to_the_address_goes_before_who_takes_all() {
        let all = listener("0.0.0.0", 53, "all");
        let one = listener("192.0.2.2", 53, "one");
        for order in [[all.clone(), one.clone()], [one, all]] {
            let exposure = Exposure::new(order.to_vec(), Vec::new());
            assert_eq!(owner(&exposure, "192.0.2.2", 53), Some("one"));
            assert_eq!(owner(&exposure, "192.0.2.9", 53), Some("all"));
        }
    }

    #[test]
    fn a_listener_on_another_interface_is_not_reached() {
        let inside = Listener {
            interface: "virbr0".try_into().unwrap(),
            ..listener("0.0.0.0", 53, "inside")
        };
        let exposure = Exposure::new(vec![inside], Vec::new());
        assert_eq!(owner(&exposure, "192.0.2.2", 53), None);
        let unknown = exposure.listener(Protocol::TCP, ip("192.0.2.2"), 53, "");
        assert!(unknown.is_some(), "nobody knows by which interface it came");
    }

    #[test]
    fn what_is_passed_on_to_others_reaches_no_socket_here() {
        let exposure = Exposure::new(
            vec![listener("0.0.0.0", 22, "all")],
            vec![ip("192.0.2.2"), ip("2001:db8::2")],
        );
        assert_eq!(owner(&exposure, "192.0.2.77", 22), None);
        assert_eq!(owner(&exposure, "255.255.255.255", 22), Some("all"));
        assert_eq!(owner(&exposure, "224.0.0.251", 22), Some("all"));
    }
}
