//! Beside the firewalls that distributions ship, ufw and firewalld, with the rules that they make themselves.

use std::{fmt::Write as _, net::IpAddr};

use wallwatch_test_support::{
    Firewall, Firewalld, Program, TempDir, TestNet,
    netns::{attacker_v4, attacker_v6},
    require_root,
};

use crate::{
    reader::{Reader, Told},
    verdicts::count,
};

/// The ports that each rule is for, by its first; the last is three more.
const RULES: [(u16, &str); 4] = [
    (20000, "passed"),
    (20020, "dropped"),
    (20030, "dropped"),
    // No rule names these: what the firewall does with everything else.
    (20040, "dropped"),
];

/// The ports of a rule, with this sign between the first and the last.
fn ports(first: u16, sign: char) -> String {
    format!("{first}{sign}{}", first + 3)
}

/// Sends SYN segments and datagrams to all ports and returns what was told of them.
fn probe(net: &TestNet, reader: &Reader, source: IpAddr) -> Vec<Told> {
    let all = RULES.map(|(first, _)| ports(first, '-')).join(",");
    for scan in ["-sS", "-sU"] {
        net.nmap(source).args([scan, "-p", &all]).succeed();
    }
    reader.wait_for(32, |told| told.src == source)
}

/// Holds what was told of each rule against what it did.
fn compare(told: &[Told], protocol: &str, truth: impl Fn(u16) -> &'static str) {
    let mut wrong = String::new();
    for (first, meant) in RULES {
        let of_rule = told
            .iter()
            .filter(|told| told.protocol == protocol && (first..first + 4).contains(&told.dport));
        let verdicts: Vec<&str> = of_rule.map(|told| told.verdict.as_str()).collect();
        assert_eq!(truth(first), meant, "the firewall does as it was told");
        if verdicts != [meant; 4] {
            writeln!(wrong, "{protocol} {first}: {meant}, but told {verdicts:?}")
                .expect("a String takes every text");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_ufw_decides_is_what_is_told() {
    require_root!();
    let net = TestNet::new(Firewall::None);
    let dir = TempDir::new();
    // ufw writes its rules to files that are fixed: it sees copies of them, in a mount namespace of its own.
    let script = "cp -a /etc/ufw \"$1/etc\"; cp -a /lib/ufw \"$1/lib\"; cp -a /etc/default/ufw \"$1/default\"
        mount --bind \"$1/etc\" /etc/ufw; mount --bind \"$1/lib\" /lib/ufw; mount --bind \"$1/default\" /etc/default/ufw
        ufw --force reset; ufw logging off; ufw --force enable
        for p in tcp udp; do ufw allow 20000:20003/$p; ufw reject 20020:20023/$p; ufw deny 20030:20033/$p; done";
    let ufw = Program::shell(script).arg("sh").arg(dir.path());
    net.victim
        .inside(ufw.wrapped(["unshare", "--mount"]))
        .succeed();
    let reader = Reader::start(&net.victim);
    let families = [
        (attacker_v4(1).into(), "iptables-save -c"),
        (attacker_v6(1).into(), "ip6tables-save -c"),
    ];
    for (source, listing) in families {
        let told = probe(&net, &reader, source);
        let rules = net.victim.shell(listing);
        for protocol in ["tcp", "udp"] {
            compare(&told, protocol, |first| {
                if first == 20040 {
                    return "dropped";
                }
                let rule = format!(
                    "-p {protocol} -m multiport --dports {} -j ",
                    ports(first, ':')
                );
                let line = rules.lines().find(|line| line.contains(&rule));
                let line = line.unwrap_or_else(|| panic!("no rule '{rule}' in {rules}"));
                assert!(line.starts_with("[4:"), "each packet met the rule: {line}");
                if line.ends_with("ACCEPT") {
                    "passed"
                } else {
                    "dropped"
                }
            });
        }
    }
}

/// Counts what reaches firewalld's input chain (its priority is 10) and what comes out behind it, by protocol and port.
fn counters() -> String {
    let chain = |name: &str, priority: u8| {
        let mut rules = String::new();
        for (family, protocol, first) in cells() {
            writeln!(
                rules,
                "meta nfproto {family} {protocol} dport {} counter comment \"{name} {family} {protocol} {first}\"",
                ports(first, '-')
            )
            .expect("a String takes every text");
        }
        format!("chain {name} {{ type filter hook input priority {priority};\n{rules} }}\n")
    };
    format!(
        "table inet truth {{\n{}{}}}\n",
        chain("before", 5),
        chain("behind", 15)
    )
}

fn cells() -> impl Iterator<Item = (&'static str, &'static str, u16)> {
    ["ipv4", "ipv6"].into_iter().flat_map(|family| {
        let of = move |protocol| RULES.map(|(first, _)| (family, protocol, first));
        ["tcp", "udp"].into_iter().flat_map(of)
    })
}

#[test]
fn what_firewalld_decides_is_what_is_told() {
    require_root!();
    let net = TestNet::new(Firewall::None);
    let firewalld = Firewalld::start(&net.victim);
    for protocol in ["tcp", "udp"] {
        let rule = |first, ruling| {
            format!(
                "--add-rich-rule=rule port port={} protocol={protocol} {ruling}",
                ports(first, '-')
            )
        };
        let port = format!("--add-port={}/{protocol}", ports(20000, '-'));
        let rules = [port, rule(20020, "reject"), rule(20030, "drop")];
        for rule in rules {
            firewalld.client(&[&rule]).succeed();
        }
    }
    net.victim
        .shell(&format!("nft -f - <<'END'\n{}END", counters()));
    let reader = Reader::start(&net.victim);
    let families = [
        ("ipv4", attacker_v4(1).into()),
        ("ipv6", attacker_v6(1).into()),
    ];
    for (family, source) in families {
        let told = probe(&net, &reader, source);
        let rules = net.victim.shell("nft list table inet truth");
        for protocol in ["tcp", "udp"] {
            compare(&told, protocol, |first| {
                let met = |chain| count(&rules, &format!("{chain} {family} {protocol} {first}"));
                assert_eq!(met("before"), 4, "each packet came to firewalld");
                if met("behind") == 4 {
                    "passed"
                } else {
                    "dropped"
                }
            });
        }
    }
}
