//! The names of well-known ports (IANA "Service Name and Transport Protocol Port Number Registry"; where a program took a
//! port that IANA gave nobody, its name).

use std::borrow::Cow;

use crate::packet::Protocol;

/// Which protocols a port's name counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Tcp,
    Udp,
    Both,
}

/// Ports with what stands there, in words of the field.
const SERVICES: [(u16, On, &str); 76] = [
    (7, On::Both, "echo"),
    (9, On::Both, "discard"),
    (19, On::Both, "chargen"),
    (20, On::Tcp, "FTP data"),
    (21, On::Tcp, "FTP"),
    (22, On::Tcp, "SSH"),
    (23, On::Tcp, "Telnet"),
    (25, On::Tcp, "SMTP"),
    (53, On::Both, "DNS"),
    (67, On::Udp, "DHCP server"),
    (68, On::Udp, "DHCP client"),
    (69, On::Udp, "TFTP"),
    (79, On::Tcp, "Finger"),
    (80, On::Tcp, "HTTP"),
    (88, On::Both, "Kerberos"),
    (110, On::Tcp, "POP3"),
    (111, On::Both, "portmapper"),
    (113, On::Tcp, "ident"),
    (119, On::Tcp, "NNTP"),
    (123, On::Udp, "NTP"),
    (135, On::Tcp, "Windows RPC"),
    (137, On::Udp, "NetBIOS names"),
    (138, On::Udp, "NetBIOS datagrams"),
    (139, On::Tcp, "NetBIOS sessions"),
    (143, On::Tcp, "IMAP"),
    (161, On::Udp, "SNMP"),
    (162, On::Udp, "SNMP traps"),
    (179, On::Tcp, "BGP"),
    (389, On::Both, "LDAP"),
    (443, On::Tcp, "HTTPS"),
    (443, On::Udp, "QUIC"),
    (445, On::Tcp, "SMB"),
    (465, On::Tcp, "SMTP over TLS"),
    (500, On::Udp, "IKE"),
    (514, On::Udp, "syslog"),
    (515, On::Tcp, "LPD"),
    (546, On::Udp, "DHCPv6 client"),
    (547, On::Udp, "DHCPv6 server"),
    (548, On::Tcp, "AFP"),
    (554, On::Tcp, "RTSP"),
    (587, On::Tcp, "mail submission"),
    (631, On::Both, "IPP, printing"),
    (636, On::Tcp, "LDAP over TLS"),
    (853, On::Both, "DNS over TLS"),
    (873, On::Tcp, "rsync"),
    (993, On::Tcp, "IMAP over TLS"),
    (995, On::Tcp, "POP3 over TLS"),
    (1080, On::Tcp, "SOCKS"),
    (1194, On::Udp, "OpenVPN"),
    (1433, On::Tcp, "Microsoft SQL Server"),
    (1521, On::Tcp, "Oracle"),
    (1701, On::Udp, "L2TP"),
    (1723, On::Tcp, "PPTP"),
    (1883, On::Tcp, "MQTT"),
    (1900, On::Udp, "SSDP"),
    (2049, On::Both, "NFS"),
    (2323, On::Tcp, "Telnet, other port"),
    (2375, On::Tcp, "Docker"),
    (3128, On::Tcp, "web proxy"),
    (3306, On::Tcp, "MySQL"),
    (3389, On::Both, "RDP"),
    (3478, On::Both, "STUN"),
    (3702, On::Udp, "WS-Discovery"),
    (4500, On::Udp, "IPsec through NAT"),
    (5060, On::Both, "SIP"),
    (5353, On::Udp, "mDNS"),
    (5355, On::Udp, "LLMNR"),
    (5432, On::Tcp, "PostgreSQL"),
    (5900, On::Tcp, "VNC"),
    (6379, On::Tcp, "Redis"),
    (8080, On::Tcp, "web, other port"),
    (9100, On::Tcp, "printer"),
    (9200, On::Tcp, "Elasticsearch"),
    (11211, On::Both, "memcached"),
    (27017, On::Tcp, "MongoDB"),
    (51820, On::Udp, "WireGuard"),
];

/// Ports that programs shout to everybody from, and what they shout for.
const SHOUTERS: [(u16, &str); 37] = [
    (7, "a sleeping computer to wake up (Wake-on-LAN)"),
    (9, "a sleeping computer to wake up (Wake-on-LAN)"),
    (69, "a server to start from (TFTP)"),
    (161, "printers and other devices (SNMP)"),
    (427, "services (SLP)"),
    (631, "printers (CUPS)"),
    (1716, "phones and computers with KDE Connect"),
    (1719, "telephone systems (H.323)"),
    (1982, "Yeelight lamps"),
    (3289, "Epson printers and scanners"),
    (3483, "music players (Squeezebox)"),
    (4445, "Minecraft games"),
    (5350, "a way through the router (NAT-PMP, PCP)"),
    (5678, "MikroTik routers"),
    (5683, "small devices (CoAP)"),
    (6666, "Tuya smart home devices"),
    (6667, "Tuya smart home devices"),
    (6771, "BitTorrent clients"),
    (7359, "Jellyfin and Emby servers"),
    (8610, "Canon printers"),
    (8612, "Canon printers and scanners"),
    (9956, "devices with AllJoyn"),
    (9999, "TP-Link smart home devices"),
    (10001, "Ubiquiti devices"),
    (15600, "Samsung televisions"),
    (17500, "computers with Dropbox"),
    (20002, "TP-Link smart home devices"),
    (21027, "computers with Syncthing"),
    (27036, "computers with Steam"),
    (32410, "Plex media servers"),
    (32412, "Plex media servers"),
    (32413, "Plex media servers"),
    (32414, "Plex media servers"),
    (38899, "WiZ lamps"),
    (47808, "building controls (BACnet)"),
    (56700, "LIFX lamps"),
    (57621, "devices with Spotify"),
];

/// The name of a port, where it is a well-known one.
pub(super) fn name(protocol: Protocol, port: u16) -> Option<&'static str> {
    let wanted = match protocol {
        Protocol::TCP => On::Tcp,
        // It has the ports of UDP (RFC 3828 section 3).
        Protocol::UDP | Protocol::UDPLITE => On::Udp,
        _ => return None,
    };
    SERVICES
        .iter()
        .find(|(known, on, _)| *known == port && (*on == wanted || *on == On::Both))
        .map(|(_, _, name)| *name)
}

/// A port for people: "port 22 (SSH)".
pub(super) fn port(protocol: Protocol, port: u16) -> Cow<'static, str> {
    Cow::Owned(match name(protocol, port) {
        Some(name) => format!("port {port} ({name})"),
        None => format!("port {port}"),
    })
}

/// What somebody looks for who shouts to this port.
pub(super) fn shouted_for(port: u16) -> Option<&'static str> {
    SHOUTERS
        .iter()
        .find(|(known, _)| *known == port)
        .map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_the_name_of_its_protocol() {
        assert_eq!(port(Protocol::TCP, 22), "port 22 (SSH)");
        assert_eq!(port(Protocol::TCP, 443), "port 443 (HTTPS)");
        assert_eq!(port(Protocol::UDP, 443), "port 443 (QUIC)");
        assert_eq!(port(Protocol::UDP, 22), "port 22");
        assert_eq!(port(Protocol::UDPLITE, 161), "port 161 (SNMP)");
        assert_eq!(port(Protocol::SCTP, 443), "port 443");
    }

    #[test]
    fn the_tables_are_in_order_and_name_nothing_twice() {
        assert!(
            SERVICES
                .windows(2)
                .all(|pair| (pair[0].0, pair[0].1 as u8) < (pair[1].0, pair[1].1 as u8))
        );
        assert!(SHOUTERS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
