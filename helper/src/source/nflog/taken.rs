//! Which NFLOG groups are taken, and by whom.

use std::{collections::BTreeMap, fmt, fs};

use super::DEFAULT_GROUP;

/// Who listens to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// The port id of the netlink socket; the first socket of a process has the process id.
    port: u32,
    /// The name of the process with this number, where there is one to be seen.
    process: Option<String>,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some(name) => write!(f, "process {} ({name})", self.port),
            None => write!(f, "the netlink port {}", self.port),
        }
    }
}

/// The groups that are listened to in this network namespace.
pub(super) fn groups() -> BTreeMap<u16, Owner> {
    let text = fs::read_to_string("/proc/self/net/netfilter/nfnetlink_log").unwrap_or_default();
    parse(&text)
        .map(|(group, port)| {
            let name = fs::read_to_string(format!("/proc/{port}/comm")).ok();
            let process = name.map(|name| name.trim().escape_debug().to_string());
            (group, Owner { port, process })
        })
        .collect()
}

/// The first group from the default on that is neither taken nor the one that was wanted.
pub(super) fn free_group(taken: &BTreeMap<u16, Owner>, wanted: u16) -> u16 {
    (DEFAULT_GROUP..u16::MAX)
        .find(|group| *group != wanted && !taken.contains_key(group))
        .unwrap_or(DEFAULT_GROUP)
}

/// Group and port id of each line (`seq_show` in `net/netfilter/nfnetlink_log.c`).
fn parse(text: &str) -> impl Iterator<Item = (u16, u32)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read_and_a_free_group_found() {
        let text =
            "    5  65000     0 2 65535     10  1\n 5370   4711     0 2   128      1  1\nrubbish\n";
        let read: Vec<_> = parse(text).collect();
        assert_eq!(read, [(5, 65000), (5370, 4711)]);
        let taken: BTreeMap<_, _> = read
            .into_iter()
            .map(|(group, port)| {
                (
                    group,
                    Owner {
                        port,
                        process: None,
                    },
                )
            })
            .collect();
        assert_eq!(free_group(&taken, 5370), 5371);
        assert_eq!(free_group(&taken, 9), 5371);
        assert_eq!(taken[&5370].to_string(), "the netlink port 4711");
    }
}
