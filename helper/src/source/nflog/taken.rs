//! Who may have taken an NFLOG group or an NFQUEUE queue.
//!
//! The kernel's own lists of them and their listeners are for root alone, and the helper is not root. The list of all netlink sockets is
//! for everybody: it tells who listens to the netfilter at all, though not to which.

use std::{collections::BTreeSet, fs};

/// `NETLINK_NETFILTER` (`linux/netlink.h`), as the list of sockets has it.
const NETFILTER: &str = "12";
/// At most so many processes are named.
const MOST_NAMED: usize = 3;

/// The kernel's list of NFLOG groups.
pub(super) const GROUPS: &str = "/proc/self/net/netfilter/nfnetlink_log";
/// The kernel's list of queues.
pub(in crate::source) const QUEUES: &str = "/proc/self/net/netfilter/nfnetlink_queue";

/// A phrase that names whoever listens to this number of a list: exactly where that can be seen, else whoever it can be.
pub(in crate::source) fn suspects(list: &str, number: u16) -> String {
    let list = fs::read_to_string(list).unwrap_or_default();
    if let Some(port) = listener(&list, number) {
        return named(port).unwrap_or_else(|| format!("the netlink port {port}"));
    }
    let own = std::process::id();
    let sockets = fs::read_to_string("/proc/self/net/netlink").unwrap_or_default();
    let ports: BTreeSet<u32> = ports(&sockets).filter(|port| *port != own).collect();
    let mut names: Vec<_> = ports.into_iter().filter_map(named).collect();
    names.truncate(MOST_NAMED);
    match names.as_slice() {
        [] => "another program".to_owned(),
        [one] => one.clone(),
        several => format!("another program, maybe {}", several.join(" or ")),
    }
}

/// The process whose number the port id is: so it is for the first socket of each.
fn named(port: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{port}/comm")).ok()?;
    Some(format!("process {port} ({})", name.trim().escape_debug()))
}

/// The port id behind the number on its line (`seq_show` in `net/netfilter/nfnetlink_log.c` and `nfnetlink_queue.c`).
fn listener(text: &str, number: u16) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()?.parse() == Ok(number)).then(|| words.next()?.parse().ok())?
    })
}

/// The port ids of the sockets of the netfilter (`netlink_native_seq_show` in `net/netlink/af_netlink.c`).
fn ports(text: &str) -> impl Iterator<Item = u32> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        (words.next()? == NETFILTER).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listener_of_a_group_is_read() {
        let text =
            "    5  65000     0 2 65535     10  1\n 5370   4711     0 2   128      1  1\nrubbish\n";
        assert_eq!(listener(text, 5370), Some(4711));
        assert_eq!(listener(text, 5), Some(65000));
        assert_eq!(listener(text, 4711), None);
    }

    #[test]
    fn only_sockets_of_the_netfilter_are_suspected() {
        let text = "sk               Eth Pid        Groups   Rmem\n\
                    000000005ebbf2a1 0   77         00000000 0\n\
                    000000006513ca28 12  4711       00000000 0\n\
                    000000006513ca29 12\n";
        assert_eq!(ports(text).collect::<Vec<_>>(), [4711]);
    }

    #[test]
    fn a_process_is_named() {
        let own = std::process::id();
        assert!(named(own).unwrap().starts_with(&format!("process {own} (")));
        assert_eq!(named(u32::MAX), None);
    }
}
