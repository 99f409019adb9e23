//! Byways through the netfilter that the matrix of verdicts does not go: other hooks and priorities, no connection tracking,
//! other protocols, other addresses.

use wallwatch_test_support::{
    Firewall, TestNet,
    netns::{ATTACKER_IF, VICTIM_IF, VICTIM_V4, VICTIM_V6, attacker_v4},
    require_root,
};

use crate::{
    reader::{Reader, Told},
    verdicts::count,
};

/// What was told of the ports from `first` on.
fn of_ports(told: &[Told], first: u16) -> Vec<&str> {
    let these = told
        .iter()
        .filter(|told| (first..first + 4).contains(&told.dport));
    these.map(|told| told.verdict.as_str()).collect()
}

#[test]
fn a_filter_of_any_hook_and_priority_is_seen_and_what_is_not_tracked_too() {
    require_root!();
    let net = TestNet::new(Firewall::None);
    let reader = Reader::start(&net.victim);
    net.victim.shell(
        "nft -f - <<'END'
        table inet users_own {
            chain raw { type filter hook prerouting priority raw; tcp dport 20000-20013 notrack; }
            chain mangle { type filter hook prerouting priority mangle; tcp dport 20020-20023 counter drop comment \"20020\"; }
            chain nat { type nat hook prerouting priority dstnat; tcp dport 20030-20033 counter redirect to :9 comment \"20030\"; }
            chain input {
                type filter hook input priority filter
                tcp dport 20000-20003 ct state untracked counter drop comment \"20000\"
                tcp dport 20010-20013 ct state untracked counter accept comment \"20010\"
                tcp dport 20040-20043 counter reject with tcp reset comment \"20040\"
            }
            chain very_late { type filter hook input priority 100000; tcp dport 20050-20053 counter drop comment \"20050\"; }
        }
END",
    );
    let cells = [
        (20000, "dropped"),
        (20010, "passed"),
        (20020, "dropped"),
        (20030, "passed"),
        (20040, "dropped"),
        (20050, "dropped"),
    ];
    let ports = cells
        .map(|(first, _)| format!("{first}-{}", first + 3))
        .join(",");
    net.nmap(attacker_v4(1).into())
        .args(["-sS", "-p", &ports])
        .succeed();
    let told = reader.wait_for(24, |_| true);
    let rules = net.victim.shell("nft list table inet users_own");
    for (first, truth) in cells {
        assert_eq!(
            count(&rules, &first.to_string()),
            4,
            "each packet met the rule of {first}"
        );
        assert_eq!(of_ports(&told, first), [truth; 4], "{first}");
    }
}

#[test]
fn where_conntrack_takes_no_connection_by_its_middle_an_ack_is_not_handed_on() {
    require_root!();
    let net = TestNet::new(Firewall::None);
    let reader = Reader::start(&net.victim);
    net.victim.shell(
        "sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
        nft -f - <<'END'
        table inet users_own {
            chain nat { type nat hook prerouting priority dstnat; tcp dport 20000-20003 counter redirect to :9 comment \"nat\"; }
            chain input { type filter hook input priority filter; tcp dport 20000-20003 counter drop comment \"local\"; }
        }
END",
    );
    net.nmap(attacker_v4(1).into())
        .args(["-sA", "-p", "20000-20003"])
        .succeed();
    let told = reader.wait_for(4, |_| true);
    let rules = net.victim.shell("nft list table inet users_own");
    assert_eq!((count(&rules, "nat"), count(&rules, "local")), (0, 4));
    assert_eq!(of_ports(&told, 20000), ["dropped"; 4]);
}

#[test]
fn pings_errors_sctp_and_link_local_addresses_have_a_verdict_too() {
    require_root!();
    let net = TestNet::new(Firewall::None);
    let reader = Reader::start(&net.victim);
    net.victim.shell(
        "nft -f - <<'END'
        table inet users_own {
            chain input {
                type filter hook input priority filter
                ip saddr 10.99.1.2 counter drop comment \"dropped\"
                ip6 saddr fe80::/10 tcp dport 20000-20003 counter drop comment \"link-local\"
            }
        }
END",
    );
    // A ping, an error that answers nothing that was sent, and a segment of SCTP: once dropped, once let pass.
    for (n, truth) in [(1, "passed"), (2, "dropped")] {
        let source = attacker_v4(n).to_string();
        let hping = |words: &str| {
            let words = format!("hping3 -q -c 1 -a {source} {words} {VICTIM_V4}");
            let output = net.attacker.run(words.split(' '));
            assert!(
                output.text().contains("1 packets transmitted"),
                "{}",
                output.text()
            );
        };
        hping("--icmp");
        hping("--icmp --icmptype 3 --icmpcode 1");
        net.nmap(attacker_v4(n).into())
            .args(["-sY", "-p", "20000"])
            .succeed();
        let told = reader.wait_for(3, |told| told.src == attacker_v4(n));
        let verdicts: Vec<_> = told
            .iter()
            .map(|told| (told.protocol.as_str(), told.verdict.as_str()))
            .collect();
        assert_eq!(
            verdicts,
            [("icmp", truth), ("icmp", truth), ("sctp", truth)]
        );
    }
    let rules = net.victim.shell("nft list table inet users_own");
    assert_eq!(count(&rules, "dropped"), 3);

    // What every router of a network answers to, one of those that this machine is now (RFC 4291 section 2.6.1).
    let router = "fd99::";
    net.victim.shell(&format!(
        "sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.{VICTIM_IF}.forwarding=1"
    ));
    net.attacker.shell(&format!(
        "mac=$(ip -6 neigh show {VICTIM_V6} | sed 's/.*lladdr //; s/ .*//')
        ip neigh replace {router} lladdr $mac dev {ATTACKER_IF} nud permanent"
    ));
    // By the kernel's own connections: nmap's raw probes would first ask for the neighbour, and an anycast address may wait up to
    // a second before it answers (RFC 4861 section 7.2.7).
    let scan = format!(
        "nmap -6 -n -Pn -sT --max-retries 0 --max-rtt-timeout 300ms -p 20000-20003 {router}"
    );
    assert!(net.attacker.run(scan.split(' ')).ok());
    let told = reader.wait_for(4, |told| told.dst.to_string() == router);
    assert_eq!(of_ports(&told, 20000), ["passed"; 4]);

    let link_local = net
        .victim
        .shell(&format!("ip -6 -o addr show dev {VICTIM_IF} scope link"));
    let address = link_local
        .split_whitespace()
        .nth(3)
        .and_then(|word| word.split('/').next());
    let address = address.expect("an interface that is up has a link-local address");
    let scan =
        format!("nmap -6 -n -Pn -sS --max-retries 0 -e {ATTACKER_IF} -p 20000-20013 {address}");
    assert!(net.attacker.run(scan.split(' ')).ok());
    let told = reader.wait_for(14, |told| told.dst.to_string() == address);
    assert_eq!(of_ports(&told, 20000), ["dropped"; 4]);
    assert_eq!(of_ports(&told, 20010), ["passed"; 4]);
    let rules = net.victim.shell("nft list table inet users_own");
    assert_eq!(count(&rules, "link-local"), 4);
}
