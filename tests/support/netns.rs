//! An attacker and a victim: two network namespaces on a cable of their own, with nothing else in reach.
//!
//! The namespaces have no name: they exist as long as a process inside does, so a killed test leaves none. Neighbours
//! are permanent, so that no ARP and no neighbour discovery disturbs what a test counts.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    time::Duration,
};

use crate::{
    helper,
    process::{Output, Process, Program, wait_until},
};

/// The interface of the attacker.
pub const ATTACKER_IF: &str = "attack0";
/// The interface of the victim.
pub const VICTIM_IF: &str = "victim0";
/// The victim's IPv4 address.
pub const VICTIM_V4: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
/// The victim's IPv6 address.
pub const VICTIM_V6: Ipv6Addr = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 2);
/// How many addresses of each kind the attacker has.
pub const ATTACKERS: u8 = 20;
/// How long the kernel may need to raise the cable.
const LINK_LIMIT: Duration = Duration::from_secs(5);

/// The attacker's `n`-th IPv4 address, from 1 to [`ATTACKERS`]; on the victim's own network.
#[must_use]
pub const fn attacker_v4(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 1, n)
}

/// The attacker's `n`-th IPv6 address, from 1 to [`ATTACKERS`].
#[must_use]
pub const fn attacker_v6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 1, n as u16)
}

/// The `n`-th address that floods come from; on the victim's own network, and of no interface.
#[must_use]
pub const fn flooder_v4(n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(10, 99, 16 + high % 224, low)
}

/// What the victim's own firewall does with what comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firewall {
    /// Everything is dropped but answers, neighbour discovery and TCP ports 22 and 80.
    DropInput,
    /// As [`Self::DropInput`], and each dropped packet is logged to the kernel's log with the prefix `TEST-DROP `.
    DropAndLog,
    /// There is none, as on a fresh desktop.
    None,
}

impl Firewall {
    /// The ruleset for nft(8).
    fn ruleset(self) -> Option<String> {
        let log = match self {
            Self::None => return None,
            Self::DropInput => "",
            Self::DropAndLog => "log prefix \"TEST-DROP \" flags all",
        };
        Some(format!(
            "table inet users_own {{
                chain input {{
                    type filter hook input priority filter; policy drop;
                    iif lo accept
                    ct state established,related accept
                    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} accept
                    tcp dport {{ 22, 80 }} accept
                    {log}
                    counter drop
                }}
            }}"
        ))
    }
}

/// A network namespace.
#[derive(Debug)]
pub struct NetNs {
    holder: Process,
}

impl NetNs {
    /// An empty namespace with its loopback up, IPv6 that asks for no router and no duplicate, and no forwarding.
    fn new() -> Self {
        let script = "ip link set lo up
            sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 \
                net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
                net.ipv6.conf.default.router_solicitations=0 net.ipv4.icmp_ratelimit=0
            echo ready
            exec sleep infinity";
        let mut holder = Program::shell(script).wrapped(["unshare", "--net"]).start();
        holder.wait_for("ready", LINK_LIMIT);
        Self { holder }
    }

    /// The file by which nsenter(1) finds it.
    #[must_use]
    pub fn file(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.pid())
    }

    /// A program that shall run inside.
    #[must_use]
    pub fn inside(&self, program: Program) -> Program {
        program.wrapped(["nsenter".to_owned(), format!("--net={}", self.file())])
    }

    /// Runs a program inside to its end.
    #[must_use]
    pub fn run<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(&self, words: I) -> Output {
        let mut words = words.into_iter();
        let name = words.next().expect("a program's name");
        self.inside(Program::new(name).args(words)).output()
    }

    /// Runs a shell script inside that must succeed; returns what it printed.
    #[track_caller]
    pub fn shell(&self, script: &str) -> String {
        self.inside(Program::shell(script)).succeed()
    }

    /// The whole ruleset of nftables inside, without counters' values and handles.
    #[must_use]
    pub fn ruleset(&self) -> String {
        self.inside(Program::new("nft").args(["--stateless", "list", "ruleset"]))
            .succeed()
    }

    /// The tables of nftables inside, one a line, as `table inet wallwatch`.
    #[must_use]
    pub fn tables(&self) -> Vec<String> {
        self.inside(Program::new("nft").args(["list", "tables"]))
            .succeed()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// How many packets a named counter of the table `inet TABLE` has counted.
    #[must_use]
    #[track_caller]
    pub fn counter(&self, table: &str, name: &str) -> u64 {
        let words = ["nft", "list", "counter", "inet", table, name];
        let listed = self.run(words).stdout;
        let number = listed
            .split("packets ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("table {table} has no counter {name}"))
    }

    /// The link-layer address of an interface inside.
    #[must_use]
    pub fn mac(&self, interface: &str) -> String {
        let line = self.shell(&format!("ip -br link show {interface}"));
        line.split_whitespace()
            .nth(2)
            .expect("an interface has an address")
            .to_owned()
    }
}

/// Attacker and victim.
#[derive(Debug)]
pub struct TestNet {
    /// Where nmap runs.
    pub attacker: NetNs,
    /// Where the helper runs.
    pub victim: NetNs,
}

impl TestNet {
    /// Both namespaces, the cable, all addresses and the victim's firewall. Takes about 0.3 s.
    #[must_use]
    pub fn new(firewall: Firewall) -> Self {
        let net = Self {
            attacker: NetNs::new(),
            victim: NetNs::new(),
        };
        net.lay_cable();
        net.give_addresses();
        net.wait_for_link();
        net.make_neighbours();
        if let Some(ruleset) = firewall.ruleset() {
            net.victim
                .shell(&format!("nft -f - <<'END'\n{ruleset}\nEND"));
        }
        net
    }

    /// Gives the attacker addresses beside [`attacker_v4`] and [`attacker_v6`] that the victim reaches by this cable.
    pub fn add_attackers(&self, addresses: impl IntoIterator<Item = Ipv4Addr>) {
        let batch = addresses
            .into_iter()
            .fold(String::new(), |mut batch, address| {
                writeln!(batch, "addr add {address}/16 dev {ATTACKER_IF}")
                    .expect("a String takes every text");
                batch
            });
        self.attacker
            .shell(&format!("ip -batch - <<'END'\n{batch}END"));
    }

    /// An nmap(1) from `source` against the victim; the caller adds the kind of scan and the ports.
    ///
    /// It asks no name server and does not ping first.
    #[must_use]
    pub fn nmap(&self, source: IpAddr) -> Program {
        let source_word = source.to_string();
        let program = Program::new("nmap").args([
            "-n",
            "-Pn",
            "-T4",
            "--max-retries",
            "0",
            "--min-rate",
            "300",
        ]);
        let program = program.args(["-e", ATTACKER_IF, "-S", &source_word]);
        let program = match source {
            IpAddr::V4(_) => program.arg(VICTIM_V4.to_string()),
            IpAddr::V6(_) => program.arg("-6").arg(VICTIM_V6.to_string()),
        };
        self.attacker.inside(program)
    }

    /// One more host at the attacker's end of the cable, with a link-layer address of its own; its interface is [`ATTACKER_IF`] too.
    #[must_use]
    pub fn another_host(&self, address: Ipv4Addr) -> NetNs {
        let host = NetNs::new();
        let holder = host.holder.pid();
        self.attacker.shell(&format!(
            "ip link add another0 link {ATTACKER_IF} netns {holder} type macvlan mode bridge"
        ));
        host.shell(&format!(
            "ip link set another0 name {ATTACKER_IF} up; ip addr add {address}/16 dev {ATTACKER_IF}"
        ));
        host
    }

    /// A flood from the attacker to the victim, with these options of pktsend's (tests/support/bin/pktsend.rs).
    #[must_use]
    pub fn flood(&self, options: &[&str]) -> Program {
        let program =
            helper::built("pktsend").expect("pktsend is built: cargo build --bin pktsend");
        let program = Program::new(program).arg(ATTACKER_IF);
        self.attacker
            .inside(program.arg(self.victim.mac(VICTIM_IF)).args(options))
    }

    /// Makes the kernel itself use `source` towards the victim: nmap's connect scan goes by the kernel's choice.
    pub fn prefer_source(&self, source: Ipv4Addr) {
        self.attacker.shell(&format!(
            "ip route replace {VICTIM_V4} dev {ATTACKER_IF} src {source}"
        ));
    }

    /// A pair of interfaces, one end in each namespace.
    fn lay_cable(&self) {
        let victim = self.victim.holder.pid();
        self.attacker.shell(&format!(
            "ip link add {ATTACKER_IF} type veth peer name {VICTIM_IF} netns {victim}"
        ));
    }

    /// Every address, and the cable's two ends up.
    fn give_addresses(&self) {
        let mut batch = format!(
            "addr add 10.99.0.1/16 dev {ATTACKER_IF}\naddr add fd99::1/64 dev {ATTACKER_IF} nodad\n"
        );
        for n in 1..=ATTACKERS {
            let (v4, v6) = (attacker_v4(n), attacker_v6(n));
            writeln!(batch, "addr add {v4}/16 dev {ATTACKER_IF}\naddr add {v6}/64 dev {ATTACKER_IF} nodad preferred_lft 0")
                .expect("a String takes every text");
        }
        writeln!(batch, "link set {ATTACKER_IF} up").expect("a String takes every text");
        self.attacker
            .shell(&format!("ip -batch - <<'END'\n{batch}END"));
        self.victim.shell(&format!(
            "ip addr add {VICTIM_V4}/16 dev {VICTIM_IF}; ip addr add {VICTIM_V6}/64 dev {VICTIM_IF} nodad; ip link set {VICTIM_IF} up"
        ));
    }

    /// Until both ends have a carrier.
    fn wait_for_link(&self) {
        let up = |ns: &NetNs, name: &str| {
            ns.shell(&format!("ip -o link show {name}"))
                .contains("LOWER_UP")
        };
        wait_until("the cable is up", LINK_LIMIT, || {
            up(&self.attacker, ATTACKER_IF) && up(&self.victim, VICTIM_IF)
        });
    }

    /// Permanent neighbours on both sides.
    fn make_neighbours(&self) {
        let (attacker, victim) = (self.attacker.mac(ATTACKER_IF), self.victim.mac(VICTIM_IF));
        self.attacker.shell(&format!(
            "for a in {VICTIM_V4} {VICTIM_V6}; do ip neigh replace $a lladdr {victim} dev {ATTACKER_IF} nud permanent; done"
        ));
        let own = [
            IpAddr::from([10, 99, 0, 1]),
            IpAddr::V6(Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1)),
        ];
        let all = own
            .into_iter()
            .chain((1..=ATTACKERS).flat_map(|n| [attacker_v4(n).into(), attacker_v6(n).into()]));
        let batch = all.fold(String::new(), |mut batch, address: IpAddr| {
            writeln!(
                batch,
                "neigh replace {address} lladdr {attacker} dev {VICTIM_IF} nud permanent"
            )
            .expect("a String takes every text");
            batch
        });
        self.victim
            .shell(&format!("ip -batch - <<'END'\n{batch}END"));
    }
}

/// Is the test run by root, and may root make namespaces here?
#[must_use]
pub fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("/proc is there"))
        == 0
        && Path::new("/proc/self/ns/net").exists()
        && Program::new("unshare")
            .args(["--net", "--mount", "true"])
            .output()
            .ok()
}

/// Ends the test where it cannot be run: without root's rights it says so and passes, but where `CI` is `true` it fails, so that
/// no continuous integration is green without having tested.
#[macro_export]
macro_rules! require_root {
    () => {
        if !$crate::netns::is_root() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "this test needs root (it makes network and mount namespaces)");
            eprintln!("skipped: this test needs root (it makes network and mount namespaces); `make test` runs it");
            return;
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nmap_reaches_an_open_port_and_not_a_closed_one() {
        crate::require_root!();
        let net = TestNet::new(Firewall::DropInput);
        let scan = net
            .nmap(attacker_v4(3).into())
            .args(["-sS", "-p", "22,23"])
            .succeed();
        assert!(scan.contains("23/tcp filtered"), "{scan}");
        assert!(!scan.contains("22/tcp filtered"), "{scan}");
        let six = net
            .nmap(attacker_v6(3).into())
            .args(["-sS", "-p", "22,23"])
            .succeed();
        assert!(
            six.contains("23/tcp filtered") && !six.contains("22/tcp filtered"),
            "{six}"
        );
    }

    #[test]
    fn nothing_is_left_when_the_net_is_dropped() {
        crate::require_root!();
        let net = TestNet::new(Firewall::None);
        let holder = net.victim.holder.pid();
        let daemon = net.victim.inside(Program::new("sleep").arg("600")).start();
        let daemon_pid = daemon.pid();
        drop((daemon, net));
        assert!(!Path::new(&format!("/proc/{holder}")).exists());
        assert!(!Path::new(&format!("/proc/{daemon_pid}")).exists());
    }
}
