//! Each kind of firewall, each ruling and each kind of probe: what is told is what the rule did that the packet met.
//!
//! A cell of the matrix has ports of its own and a rule of its own with a counter, which tells the truth.

use std::fmt::Write as _;

use wallwatch_test_support::{
    Firewall, TestNet,
    netns::{VICTIM_V4, VICTIM_V6, attacker_v4, attacker_v6},
    require_root,
};

use crate::reader::{Reader, Told};

/// So many ports has a cell; a packet goes to each.
const PORTS: u16 = 4;
/// The "container" that ports are handed on to.
const CONTAINER: [&str; 2] = ["172.18.0.2", "fd18::2"];

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ruling {
    Drop,
    Reject,
    Accept,
    DnatAccepted,
    DnatBlocked,
}

impl Ruling {
    const ALL: [Self; 5] = [
        Self::Drop,
        Self::Reject,
        Self::Accept,
        Self::DnatAccepted,
        Self::DnatBlocked,
    ];

    const fn is_dnat(self) -> bool {
        matches!(self, Self::DnatAccepted | Self::DnatBlocked)
    }

    /// What the rule says, for nft(8); the last word for iptables(8) is the same in capitals.
    const fn word(self) -> &'static str {
        match self {
            Self::Drop | Self::DnatBlocked => "drop",
            Self::Reject => "reject",
            Self::Accept | Self::DnatAccepted => "accept",
        }
    }

    const fn verdict(self) -> &'static str {
        match self {
            Self::Drop | Self::DnatBlocked | Self::Reject => "dropped",
            Self::Accept | Self::DnatAccepted => "passed",
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    Syn,
    Udp,
    Xmas,
    Ack,
}

impl Probe {
    const ALL: [Self; 4] = [Self::Syn, Self::Udp, Self::Xmas, Self::Ack];

    const fn protocol(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            _ => "tcp",
        }
    }

    /// The flags, bit for bit as in the 14th byte of a TCP header.
    const fn flags(self) -> u8 {
        match self {
            Self::Syn => 0x02,
            Self::Udp => 0,
            Self::Xmas => 0x29,
            Self::Ack => 0x10,
        }
    }

    /// The option of nmap(1) that sends it.
    const fn scan(self) -> &'static str {
        match self {
            Self::Syn => "-sS",
            Self::Udp => "-sU",
            Self::Xmas => "-sX",
            Self::Ack => "-sA",
        }
    }
}

/// One cell for both families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    ruling: Ruling,
    probe: Probe,
}

impl Cell {
    fn all() -> impl Iterator<Item = Self> {
        let of = |ruling| Probe::ALL.map(|probe| Self { ruling, probe });
        Ruling::ALL.into_iter().flat_map(of)
    }

    fn first_port(self) -> u16 {
        let place = Self::all().position(|cell| cell == self);
        20000 + 10 * u16::try_from(place.expect("all cells are listed")).expect("there are twenty")
    }

    /// The ports with this sign between the first and the last.
    fn ports(self, sign: char) -> String {
        let first = self.first_port();
        format!("{first}{sign}{}", first + PORTS - 1)
    }

    fn name(self) -> String {
        format!("{:?} {:?}", self.ruling, self.probe)
    }

    /// Cells that no packet can reach, and why: what conntrack calls INVALID has no connection that NAT could rewrite, so it goes
    /// to the machine itself. A XMAS segment is (`tcp_error` in `net/netfilter/nf_conntrack_proto_tcp.c`). An ACK out of nowhere is
    /// not: conntrack takes it for the middle of a connection (`net.netfilter.nf_conntrack_tcp_loose`).
    fn is_unreachable(self) -> bool {
        self.ruling.is_dnat() && self.probe == Probe::Xmas
    }

    fn is_of(self, told: &Told) -> bool {
        told.protocol == self.probe.protocol()
            && told.flags == self.probe.flags()
            && (self.first_port()..self.first_port() + PORTS).contains(&told.dport)
    }
}

/// Whose rules they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wall {
    Nft,
    IptablesNft,
    IptablesLegacy,
}

impl Wall {
    /// Puts a rule for each cell into the victim's firewall.
    fn raise(self, net: &TestNet) {
        match self {
            Self::Nft => {
                net.victim.shell(&format!("nft -f - <<'END'\n{}END", nft()));
            }
            Self::IptablesNft => iptables(net, "nft"),
            Self::IptablesLegacy => iptables(net, "legacy"),
        }
    }

    /// Every rule with its counter.
    fn rules(self, net: &TestNet, family: usize) -> String {
        let six = ["", "6"][family];
        match self {
            Self::Nft => net.victim.shell("nft list table inet users_own"),
            Self::IptablesNft => net.victim.shell(&format!("ip{six}tables-nft-save -c")),
            Self::IptablesLegacy => net.victim.shell(&format!("ip{six}tables-legacy-save -c")),
        }
    }
}

/// The rules for nft(8). A rule is found by its comment.
fn nft() -> String {
    let (mut nat, mut input, mut forward) = (String::new(), String::new(), String::new());
    for (family, container) in CONTAINER.iter().enumerate() {
        let (nfproto, ip) = [("ipv4", "ip"), ("ipv6", "ip6")][family];
        for cell in Cell::all() {
            let (name, word) = (format!("v{family} {}", cell.name()), cell.ruling.word());
            let these = format!(
                "meta nfproto {nfproto} {} dport {} counter",
                cell.probe.protocol(),
                cell.ports('-')
            );
            let chain = if cell.ruling.is_dnat() {
                writeln!(
                    nat,
                    "{these} dnat {ip} to {container} comment \"nat {name}\""
                )
                .expect("a String takes every text");
                writeln!(input, "{these} accept comment \"local {name}\"")
                    .expect("a String takes every text");
                &mut forward
            } else {
                &mut input
            };
            writeln!(chain, "{these} {word} comment \"{name}\"")
                .expect("a String takes every text");
        }
    }
    format!(
        "table inet users_own {{
            chain nat {{ type nat hook prerouting priority dstnat;\n{nat} }}
            chain input {{ type filter hook input priority filter;\n{input} }}
            chain forward {{ type filter hook forward priority filter;\n{forward} }}
        }}\n"
    )
}

/// The same for iptables(8) of this kind.
fn iptables(net: &TestNet, kind: &str) {
    for (family, container) in CONTAINER.iter().enumerate() {
        let (mut nat, mut filter) = (String::new(), String::new());
        for cell in Cell::all() {
            let name = format!("v{family} {}", cell.name());
            let word = cell.ruling.word().to_uppercase();
            let these = format!(
                "-p {} --dport {} -m comment --comment",
                cell.probe.protocol(),
                cell.ports(':')
            );
            let chain = if cell.ruling.is_dnat() {
                writeln!(
                    nat,
                    "-A PREROUTING {these} \"nat {name}\" -j DNAT --to-destination {container}"
                )
                .expect("a String takes every text");
                writeln!(filter, "-A INPUT {these} \"local {name}\" -j ACCEPT")
                    .expect("a String takes every text");
                "FORWARD"
            } else {
                "INPUT"
            };
            writeln!(filter, "-A {chain} {these} \"{name}\" -j {word}")
                .expect("a String takes every text");
        }
        let six = ["", "6"][family];
        net.victim.shell(&format!(
            "ip{six}tables-{kind}-restore <<'END'\n*nat\n{nat}COMMIT\n*filter\n{filter}COMMIT\nEND"
        ));
    }
}

/// How many packets the rule with this comment has met, by the listing of either program.
pub(crate) fn count(rules: &str, comment: &str) -> u64 {
    let quoted = format!("\"{comment}\"");
    let line = rules.lines().find(|line| line.contains(&quoted));
    let line = line.unwrap_or_else(|| panic!("no rule {quoted} in {rules}"));
    let number = line.split_once("packets ").or_else(|| line.split_once('['));
    let digits = number.expect("a counter stands on the line").1;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().expect("a counter is a number")
}

/// Sends a packet to each port of each cell and holds what is told against the counters.
fn matrix(wall: Wall) {
    require_root!();
    let net = TestNet::new(Firewall::None);
    // Neither container is there: its frames go nowhere.
    net.victim.shell(
        "ip link add ctr0 type veth peer name ctr1 && ip link set ctr0 up && ip link set ctr1 up
        ip addr add 172.18.0.1/24 dev ctr0; ip addr add fd18::1/64 dev ctr0 nodad
        for a in 172.18.0.2 fd18::2; do ip neigh add $a lladdr 02:00:00:00:00:99 dev ctr0; done
        sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
    );
    wall.raise(&net);
    let reader = Reader::start(&net.victim);
    let targets = [attacker_v4(1).into(), attacker_v6(1).into()];
    for source in targets {
        for probe in Probe::ALL {
            let cells = Cell::all().filter(|cell| cell.probe == probe);
            let ports: Vec<String> = cells.map(|cell| cell.ports('-')).collect();
            net.nmap(source)
                .args([probe.scan(), "-p", &ports.join(",")])
                .succeed();
        }
    }
    let all = 2 * Cell::all().count() * usize::from(PORTS);
    let told = reader.wait_for(all, |_| true);
    assert_eq!(told.len(), all, "each packet is told once");

    let mut wrong = String::new();
    for (family, source) in targets.into_iter().enumerate() {
        let rules = wall.rules(&net, family);
        for cell in Cell::all() {
            let name = format!("v{family} {}", cell.name());
            let met = count(&rules, &name);
            let truth = if cell.is_unreachable() {
                assert_eq!(
                    met + count(&rules, &format!("nat {name}")),
                    0,
                    "{name} is unreachable"
                );
                assert_eq!(
                    count(&rules, &format!("local {name}")),
                    u64::from(PORTS),
                    "{name}"
                );
                "passed"
            } else {
                assert_eq!(met, u64::from(PORTS), "every packet met the rule of {name}");
                cell.ruling.verdict()
            };
            let of_cell = told
                .iter()
                .filter(|told| cell.is_of(told) && told.src == source);
            let verdicts: Vec<&str> = of_cell.map(|told| told.verdict.as_str()).collect();
            let right = verdicts == [truth; PORTS as usize];
            println!("{wall:?} {name}: {met} met the rule, {truth}; told {verdicts:?}");
            if !right {
                writeln!(wrong, "{wall:?} {name}: {truth}, but told {verdicts:?}")
                    .expect("a String takes every text");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let victims = told
        .iter()
        .all(|told| told.dst == VICTIM_V4 || told.dst == VICTIM_V6);
    assert!(
        victims,
        "a packet is told with the address that it was sent to"
    );
}

#[test]
fn what_rules_of_nft_decide_is_what_is_told() {
    matrix(Wall::Nft);
}

#[test]
fn what_rules_of_iptables_over_nft_decide_is_what_is_told() {
    matrix(Wall::IptablesNft);
}

#[test]
fn what_rules_of_legacy_iptables_decide_is_what_is_told() {
    matrix(Wall::IptablesLegacy);
}
