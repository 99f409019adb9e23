//! A look at what listens on this machine, by the kernel's `sock_diag(7)`.

use std::{io, net::IpAddr, path::Path};

use super::{ask::Asker, units::Units};
use crate::{
    decode::diag::{self, SOCK_DIAG_BY_FAMILY, Socket},
    exposure::{Exposure, Listener, MOST_LISTENERS},
    packet::Protocol,
    sys::{interface, netlink::Family},
};

/// The state of a TCP or SCTP socket that listens, as a bit (`TCP_LISTEN` of `net/tcp_states.h`).
const LISTEN: u32 = 1 << 10;
/// The state of a UDP socket that is bound and not connected to one partner (`TCP_CLOSE`).
const UNCONNECTED: u32 = 1 << 7;
/// `AF_INET` and `AF_INET6`.
const FAMILIES: [u8; 2] = [2, 10];
/// What is asked for: the protocol, the state, and a file that is there where the kernel has the protocol. Asking for one that it
/// does not have makes it look for a module.
const KINDS: [(Protocol, u32, &str); 4] = [
    (Protocol::TCP, LISTEN, ""),
    (Protocol::UDP, UNCONNECTED, ""),
    (Protocol::UDPLITE, UNCONNECTED, "/proc/net/udplite"),
    (Protocol::SCTP, LISTEN, "/proc/net/sctp"),
];

/// Looks at listeners, and remembers their owners.
#[derive(Debug)]
pub struct Lookout {
    units: Units,
}

impl Default for Lookout {
    fn default() -> Self {
        Self::new()
    }
}

impl Lookout {
    /// One that has not looked yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            units: Units::new(),
        }
    }

    /// What listens now, on a machine with these addresses. Needs no right.
    pub fn look(&mut self, own: Vec<IpAddr>) -> io::Result<Exposure> {
        let sockets = sockets()?;
        self.units
            .learn(sockets.iter().filter_map(|(_, socket)| socket.cgroup));
        let listeners = sockets.into_iter().map(|(protocol, socket)| Listener {
            protocol,
            port: socket.port,
            address: socket.address,
            v6_only: socket.v6_only,
            interface: match socket.interface {
                0 => crate::event::Interface::new(),
                index => interface::name_of(index).unwrap_or_default(),
            },
            uid: socket.uid,
            owner: socket
                .cgroup
                .map(|cgroup| self.units.unit(cgroup).to_owned())
                .unwrap_or_default(),
        });
        Ok(Exposure::new(listeners.collect(), own))
    }
}

/// All sockets that take what comes from anywhere, but those that the loopback alone reaches.
fn sockets() -> io::Result<Vec<(Protocol, Socket)>> {
    let mut asker = Asker::new(Family::SockDiag)?;
    let mut found = Vec::new();
    for (protocol, states, file) in KINDS {
        if !file.is_empty() && !Path::new(file).exists() {
            continue;
        }
        for family in FAMILIES {
            let request = request(family, protocol, states);
            let listed = asker.list(SOCK_DIAG_BY_FAMILY, &request, |entry| {
                (entry.kind == SOCK_DIAG_BY_FAMILY)
                    .then(|| diag::socket(entry.body))
                    .flatten()
                    .filter(|socket| socket.port != 0 && !socket.address.is_loopback())
            });
            match listed {
                Ok(listed) => found.extend(listed.into_iter().map(|socket| (protocol, socket))),
                // A kernel without IPv6, or without the part that tells of this protocol.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                Err(error) => return Err(error),
            }
            if found.len() > MOST_LISTENERS {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// An `inet_diag_req_v2`: family, protocol, extensions, pad, states, and an `inet_diag_sockid` of no socket in particular.
fn request(family: u8, protocol: Protocol, states: u32) -> [u8; 56] {
    let mut request = [0; 56];
    request[0] = family;
    request[1] = protocol.0;
    request[4..8].copy_from_slice(&states.to_ne_bytes());
    request
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[tokio::test]
    async fn what_begins_to_listen_is_seen_at_the_next_look() {
        let mut lookout = Lookout::new();
        let own: IpAddr = "192.0.2.2".parse().unwrap();
        let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
        let udp = UdpSocket::bind("[::]:0").unwrap();
        let ports = [
            (Protocol::TCP, tcp.local_addr().unwrap().port()),
            (Protocol::UDP, udp.local_addr().unwrap().port()),
        ];
        let exposure = lookout.look(Vec::new()).unwrap();
        for (protocol, port) in ports {
            let found = exposure.listener(protocol, own, port, "").unwrap();
            assert_eq!((found.port, found.v6_only), (port, false));
        }
        drop((tcp, udp));
        let exposure = lookout.look(Vec::new()).unwrap();
        for (protocol, port) in ports {
            assert_eq!(exposure.listener(protocol, own, port, ""), None);
        }
    }

    #[tokio::test]
    async fn what_speaks_with_one_partner_or_listens_on_the_loopback_is_not_exposed() {
        let connected = UdpSocket::bind("0.0.0.0:0").unwrap();
        connected.connect("127.0.0.1:9").unwrap();
        let inside = TcpListener::bind("127.0.0.1:0").unwrap();
        let exposure = Lookout::new().look(Vec::new()).unwrap();
        for (protocol, port) in [
            (Protocol::UDP, connected.local_addr().unwrap().port()),
            (Protocol::TCP, inside.local_addr().unwrap().port()),
        ] {
            let found = exposure.listener(protocol, "192.0.2.2".parse().unwrap(), port, "");
            assert_eq!(found, None);
        }
    }
}
