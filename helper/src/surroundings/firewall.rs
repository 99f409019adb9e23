//! A look at the user's firewall, again whenever its rules change; and who is told what follows from it.

use std::{
    future::pending,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    ask::Asker,
    texts::{text, text_up_to},
    until,
};
use crate::{
    board::Board,
    clock,
    decode::{
        attributes::{Envelope, Envelopes},
        ruleset::{self, NEW_CHAIN, NEW_RULE},
    },
    journal,
    source::{
        Trouble,
        advice::{self, Advice, Firewall, Hearing, Rules, firewalld, ufw, ulog},
        health::Health,
    },
    sys::netlink::{Family, Netlink},
};

/// `NFNLGRP_NFTABLES` (`linux/netfilter/nfnetlink.h`): the kernel tells of every change of nftables.
const GROUP: libc::c_int = 7;
/// The last kind of message that tells of a table, a chain or a rule: `NFT_MSG_DELRULE`. Those behind it tell of sets and counters.
const LAST_OF_RULES: u16 = (10 << 8) | 8;
/// The first: `NFT_MSG_NEWTABLE`.
const FIRST_OF_RULES: u16 = 10 << 8;
/// One message of the kernel's has at most so many bytes.
const BUFFER: usize = 32 * 1024;
/// So many messages are read before others have their turn.
const MESSAGES_A_TURN: usize = 256;
/// Changes of a firewall come in crowds: so long is waited for the rest.
const SETTLE: Duration = Duration::from_millis(300);
/// A look is at least so many times its own length apart from the next one, however often rules change.
const REST: u32 = 20;
/// At most so much is read of what a kernel was built with, in bytes; Debian's has 270 KB.
const MOST_SETTINGS: u64 = 2 * 1024 * 1024;
/// The own table, which does not count.
const OWN_TABLE: &[u8] = b"wallwatch";

/// Where ufw is switched on and off.
const UFW: &str = "/etc/ufw/ufw.conf";
/// firewalld's settings; on most systems root's alone.
const FIREWALLD: &str = "/etc/firewalld/firewalld.conf";
/// ulogd's.
const ULOGD: &str = "/etc/ulogd.conf";
/// Where rules of iptables are kept over a restart: Debian's, Red Hat's, Arch's, and what tutorials name.
const SAVED_RULES: [&str; 6] = [
    "/etc/iptables/rules.v4",
    "/etc/sysconfig/iptables",
    "/etc/iptables/iptables.rules",
    "/etc/iptables.rules",
    "/etc/iptables.up.rules",
    "/etc/network/iptables.rules",
];
/// Does connection tracking log what it finds invalid? A protocol's number, 255 for all, 0 for none.
const LOGS_INVALID: &str = "/proc/sys/net/netfilter/nf_conntrack_log_invalid";

/// The user's firewall, followed.
#[derive(Debug)]
pub struct FirewallWatch {
    told: watch::Sender<Advice>,
    /// Was a prefix of ufw's heard?
    ufw_heard: watch::Receiver<bool>,
    /// What the kernel tells; `None` where it tells us nothing.
    changes: Option<Netlink>,
}

impl FirewallWatch {
    /// Looks for the first time.
    #[must_use]
    pub fn open(ufw_heard: watch::Receiver<bool>) -> Self {
        // Where that is not allowed the sources say so; here it only means that nothing is known.
        let changes = Netlink::netfilter()
            .and_then(|socket| socket.join(GROUP).map(|()| socket))
            .ok();
        let watch = Self {
            told: watch::Sender::new(Advice::default()),
            ufw_heard,
            changes,
        };
        watch.look();
        watch
    }

    /// What follows from what is seen, now and whenever that changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Advice> {
        self.told.subscribe()
    }

    /// Follows all changes until nobody watches any more.
    pub async fn follow(mut self) {
        let mut buffer = vec![0; BUFFER];
        let mut due = None;
        let mut rested = clock::moment();
        let told = self.told.clone();
        loop {
            tokio::select! {
                () = told.closed() => return,
                stirred = stirred(self.changes.as_ref(), &mut buffer) => match stirred {
                    Ok(true) => due = due.or(Some((clock::moment() + SETTLE).max(rested))),
                    Ok(false) => {}
                    Err(error) => {
                        journal::say(&format_args!("the kernel tells no more of changes of the firewall: {error}"));
                        self.changes = None;
                    }
                },
                () = until(due) => {
                    due = None;
                    rested = self.look_and_rest();
                }
                () = heard(&mut self.ufw_heard) => rested = self.look_and_rest(),
            }
        }
    }

    /// Looks, and says until when that is enough.
    fn look_and_rest(&self) -> Instant {
        let start = clock::moment();
        self.look();
        let end = clock::moment();
        end + end.saturating_duration_since(start) * REST
    }

    /// Looks at everything and tells what is new in what follows.
    fn look(&self) {
        let firewall = Firewall {
            rules: rules().ok(),
            legacy: legacy(),
            logs_invalid: !matches!(text(Path::new(LOGS_INVALID)).trim(), "" | "0"),
            ufw: ufw::read(&text(Path::new(UFW))),
            ufw_heard: *self.ufw_heard.borrow(),
            firewalld: Some(text(Path::new(FIREWALLD)))
                .filter(|conf| !conf.is_empty())
                .map(|conf| firewalld::logs_denied(&conf)),
            old_ulog: old_ulog(),
        };
        let advice = firewall.advice();
        self.told.send_if_modified(|told| {
            let differs = *told != advice;
            *told = advice;
            differs
        });
    }
}

/// The rules of nftables. Needs `CAP_NET_ADMIN`.
fn rules() -> io::Result<Rules> {
    // An nfgenmsg of any family.
    const ALL: [u8; 4] = [0; 4];
    let mut asker = Asker::new(Family::Netfilter)?;
    let chains = asker.list(NEW_CHAIN + 1, &ALL, |entry| {
        ruleset::chain_drops(of(entry, NEW_CHAIN)?, OWN_TABLE)
    })?;
    let rules = asker.list(NEW_RULE + 1, &ALL, |entry| {
        ruleset::rule(of(entry, NEW_RULE)?, OWN_TABLE)
    })?;
    Ok(Rules::of(chains.contains(&true), &rules))
}

/// The body of an entry of this type.
fn of<'a>(entry: &Envelope<'a>, kind: u16) -> Option<&'a [u8]> {
    (entry.kind == kind).then_some(entry.body)
}

/// Can there be rules of iptables-legacy?
fn legacy() -> bool {
    let release = text(Path::new("/proc/sys/kernel/osrelease"));
    let settings = format!("/boot/config-{}", release.trim());
    let read = |path: &str| text_up_to(Path::new(path), MOST_SETTINGS);
    may_have_legacy(&read("/proc/modules"), &read(&settings))
}

/// Whether the kernel holds tables of iptables-legacy, by its modules and by what it was built with (empty where that is not
/// known). Each table is a module of its own, and loaded with the first rule.
fn may_have_legacy(modules: &str, settings: &str) -> bool {
    const MODULES: [&str; 3] = ["iptable_", "ip6table_", "ebtable_"];
    const TABLES: [&str; 3] = ["CONFIG_IP_NF_", "CONFIG_IP6_NF_", "CONFIG_BRIDGE_EBT_"];
    const NAMES: [&str; 7] = [
        "FILTER", "MANGLE", "RAW", "NAT", "SECURITY", "BROUTE", "T_FILTER",
    ];
    let loaded = |line: &str| MODULES.iter().any(|start| line.starts_with(start));
    let built_in = |line: &str| {
        let name = line.strip_suffix("=y").unwrap_or_default();
        let mut rest = TABLES.iter().filter_map(|start| name.strip_prefix(start));
        rest.any(|rest| NAMES.contains(&rest))
    };
    settings.is_empty() || modules.lines().any(loaded) || settings.lines().any(built_in)
}

/// What is told of rules that log by ULOG.
fn old_ulog() -> Option<Trouble> {
    let in_rules = SAVED_RULES.iter().find_map(|path| {
        let (line, rule) = ulog::first_in(&text(Path::new(path)))?;
        Some(advice::old_rule(path, line, &rule))
    });
    let in_ulogd = || {
        let reads = ulog::is_read_by_ulogd(&text(Path::new(ULOGD)));
        reads.then(|| advice::old_ulogd(ULOGD))
    };
    in_rules.or_else(in_ulogd)
}

/// Waits for messages and says whether one of them tells of tables, chains or rules. Cancel safe.
async fn stirred(changes: Option<&Netlink>, buffer: &mut [u8]) -> io::Result<bool> {
    let Some(socket) = changes else {
        return pending().await;
    };
    socket.readable().await?;
    let mut stirs = false;
    for _ in 0..MESSAGES_A_TURN {
        match socket.try_receive(buffer) {
            Ok(datagram) => {
                let mut messages = Envelopes(&buffer[..datagram.len]);
                stirs |= datagram.from_kernel
                    && messages
                        .any(|message| (FIRST_OF_RULES..=LAST_OF_RULES).contains(&message.kind));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // More changed than could be told.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => stirs = true,
            Err(error) => return Err(error),
        }
    }
    Ok(stirs)
}

/// Waits until a prefix of ufw's was heard; it is only told once.
async fn heard(ufw: &mut watch::Receiver<bool>) {
    if ufw.changed().await.is_err() {
        pending::<()>().await;
    }
}

/// Tells a source that reads the kernel's log what is known of it, for as long as there is something to know.
pub async fn advise(mut advice: watch::Receiver<Advice>, health: Arc<Health>) {
    loop {
        let known = advice.borrow_and_update().clone();
        match (&known.kernel_log, &known.old_ulog) {
            (Hearing::Nothing(trouble), _) => health.advise(true, trouble),
            (Hearing::Part(trouble), _) | (Hearing::Unknown, Some(trouble)) => {
                health.advise(false, trouble);
            }
            (Hearing::Unknown, None) => health.advise(false, &Trouble::new("", "")),
        }
        if advice.changed().await.is_err() {
            return;
        }
    }
}

/// Tells the board whether there is a firewall at all.
pub async fn tell_board(mut advice: watch::Receiver<Advice>, board: Arc<Board>) {
    loop {
        board.no_firewall(advice.borrow_and_update().no_firewall);
        if advice.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_old_iptables_are_possible_unless_the_kernel_shows_none() {
        let modular = "CONFIG_IP_NF_IPTABLES=m\nCONFIG_IP_NF_FILTER=m\nCONFIG_IP6_NF_FILTER=m\nCONFIG_IP_NF_TARGET_REJECT=y\n";
        let nft = "nf_tables 376832 120 nft_ct, Live 0x0\nx_tables 65536 2 xt_LOG,ip_tables, Live 0x0\nip_tables 36864 0 - Live 0x0\n";
        assert!(!may_have_legacy(nft, modular));
        let loaded = format!("{nft}iptable_filter 12288 1 - Live 0x0\n");
        assert!(may_have_legacy(&loaded, modular));
        assert!(may_have_legacy("", "CONFIG_IP_NF_FILTER=y\n"));
        assert!(may_have_legacy("", "CONFIG_BRIDGE_EBT_T_FILTER=y\n"));
        assert!(may_have_legacy("", ""), "nobody knows what was built in");
        assert!(!may_have_legacy("", "# CONFIG_IP_NF_FILTER is not set\n"));
    }

    #[tokio::test]
    async fn a_source_is_told_anew_whenever_it_opens() {
        let (told, advice) = watch::channel(Advice::default());
        let health = Arc::new(Health::new("kmsg"));
        tokio::spawn(advise(advice, Arc::clone(&health)));
        let state = async || {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let record = health.record(clock::now());
            (record.state, record.reason)
        };
        let word = |state: &str, reason: &str| (state.to_owned(), reason.to_owned());
        let trouble = Trouble::new("No rule logs.", "");
        told.send_modify(|advice| advice.kernel_log = Hearing::Nothing(trouble));
        assert_eq!(state().await, word("off", ""));
        for wish in 1..3 {
            health.working(wish);
            assert_eq!(state().await, word("blind", "No rule logs."));
            health.off(wish);
            assert_eq!(state().await, word("off", ""));
        }
        health.working(3);
        told.send_modify(|advice| {
            advice.kernel_log = Hearing::Part(Trouble::new("A part.", ""));
        });
        assert_eq!(state().await, word("working", "A part."));
        told.send_modify(|advice| {
            advice.kernel_log = Hearing::Unknown;
            advice.old_ulog = Some(Trouble::new("An old rule.", ""));
        });
        assert_eq!(state().await, word("working", "An old rule."));
        told.send_modify(|advice| advice.old_ulog = None);
        assert_eq!(state().await, word("working", ""));
    }
}
