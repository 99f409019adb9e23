//! What files tell of this machine: the name servers that it asks, and the ports that its connections start from.

use std::{fs, io::Read as _, net::IpAddr, ops::RangeInclusive, path::Path};

/// Where the name servers stand: what programs ask (resolv.conf(5)), and where that is a program on this machine, what
/// systemd-resolved and `NetworkManager` ask in its place.
const RESOLVERS: [&str; 3] = [
    "/etc/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
];
/// Where the kernel shows from which ports connections start.
const PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// At most so much of a file is read, in bytes.
const MOST_BYTES: u64 = 64 * 1024;
/// At most so many name servers are told of; the C library asks three.
const MOST_RESOLVERS: usize = 32;

/// What the files tell now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    /// The name servers, without those on this machine.
    pub(super) resolvers: Vec<IpAddr>,
    /// The ports that connections start from, where the kernel tells.
    pub(super) ephemeral: Option<RangeInclusive<u16>>,
}

impl Texts {
    /// Reads them.
    pub(super) fn read() -> Self {
        let mut resolvers = Vec::new();
        for path in RESOLVERS {
            name_servers(&text(Path::new(path)), &mut resolvers);
        }
        Self {
            resolvers,
            ephemeral: port_range(&text(Path::new(PORTS))),
        }
    }
}

/// The beginning of a text file; empty where it cannot be read.
pub(super) fn text(path: &Path) -> String {
    text_up_to(path, MOST_BYTES)
}

/// So many bytes of a text file at most; empty where it cannot be read.
pub(super) fn text_up_to(path: &Path, most: u64) -> String {
    let mut bytes = Vec::new();
    let file = fs::File::open(path);
    match file.and_then(|file| file.take(most).read_to_end(&mut bytes)) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

/// Adds the name servers of a resolv.conf(5) that are not known yet and not on this machine.
fn name_servers(text: &str, known: &mut Vec<IpAddr>) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        // A link-local address names its interface behind a per cent sign.
        let word = words.next().unwrap_or_default().split('%').next();
        let Some(Ok(address)) = word.map(str::parse::<IpAddr>) else {
            continue;
        };
        let here = address.is_loopback() || address.is_unspecified();
        if !here && known.len() < MOST_RESOLVERS && !known.contains(&address) {
            known.push(address);
        }
    }
}

/// Reads the two numbers of `ip_local_port_range`.
fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ports = text.split_ascii_whitespace().map(str::parse);
    match (ports.next(), ports.next()) {
        (Some(Ok(first)), Some(Ok(last))) if first <= last => Some(first..=last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_the_c_library_reads_them() {
        let text = "# nameserver 192.0.2.9\n; nameserver 192.0.2.9\nsearch example.org\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n\
                    nameserver\t2001:db8::1 # the second\n nameserver fe80::1%wlan0\nnameserver 192.0.2.1\nnameserver\nnameserver no\nnameservers 192.0.2.8\n";
        let mut found = Vec::new();
        name_servers(text, &mut found);
        let expected =
            ["192.0.2.1", "2001:db8::1", "fe80::1"].map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(found, expected);
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            name_servers(&text[..end], &mut Vec::new());
        }
        let many: Vec<String> = (0..200)
            .map(|n| format!("nameserver 192.0.2.{n}"))
            .collect();
        let many = many.join("\n");
        name_servers(&many, &mut found);
        assert_eq!(found.len(), MOST_RESOLVERS);
    }

    #[test]
    fn a_range_of_ports_is_two_numbers() {
        assert_eq!(port_range("32768\t60999\n"), Some(32768..=60999));
        for text in ["", "32768", "9 1", "a b", "1 65536", "-1 5"] {
            assert_eq!(port_range(text), None, "{text}");
        }
        assert!(port_range(&text(Path::new(PORTS))).is_some());
    }

    #[test]
    fn a_file_that_is_not_there_is_empty() {
        assert_eq!(text(Path::new("/nonexistent")), "");
        assert_eq!(text(Path::new("/")), "");
    }
}
