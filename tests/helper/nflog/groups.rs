//! Groups that rules of the user log to, of each program that makes such rules.

use std::time::Duration;

use wallwatch_test_support::{
    Firewall, Helper, SystemBus, TempDir, TestNet, netns::attacker_v4, process::project,
    require_root, wait_until,
};

use crate::reader::{Reader, Told};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);

/// Rules that log to group 7: what is dropped, let in, neither, and sent.
const NFT: &str = "nft -f - <<'END'
    table inet users_own {
        chain input {
            type filter hook input priority filter
            tcp dport 20000-20003 log prefix \"[in BLOCK] \" group 7 drop
            tcp dport 20010-20013 log prefix \"in-accept\" group 7 snaplen 64 queue-threshold 20 accept
            tcp dport 20020-20023 log group 7
        }
        chain output { type filter hook output priority filter; log prefix \"out ACCEPT\" group 7; }
        chain postrouting { type filter hook postrouting priority filter; log prefix \"post DROP\" group 7; }
    }
END";

/// The same for iptables.
fn iptables(kind: &str) -> String {
    let rule = |rest: &str| format!("iptables-{kind} -w {rest}; ");
    [
        rule("-A INPUT -p tcp --dport 20000:20003 -j NFLOG --nflog-group 7 --nflog-prefix '[in BLOCK] '"),
        rule("-A INPUT -p tcp --dport 20000:20003 -j DROP"),
        rule("-A INPUT -p tcp --dport 20010:20013 -j NFLOG --nflog-group 7 --nflog-prefix in-accept --nflog-size 64 --nflog-threshold 20"),
        rule("-A INPUT -p tcp --dport 20020:20023 -j NFLOG --nflog-group 7"),
        rule("-A OUTPUT -j NFLOG --nflog-group 7 --nflog-prefix 'out ACCEPT'"),
        rule("-t mangle -A POSTROUTING -j NFLOG --nflog-group 7 --nflog-prefix 'post DROP'"),
    ]
    .concat()
}

fn heard(rules: &str) {
    require_root!();
    let net = TestNet::new(Firewall::None);
    net.victim.shell(rules);
    let reader = Reader::start_foreign(&net.victim, 7);
    net.nmap(attacker_v4(1).into())
        .args(["-sS", "-p", "20000-20003,20010-20013,20020-20023"])
        .succeed();
    let told = reader.wait_for(12, |_| true);
    let of = |first: u16| -> Vec<(&str, &str)> {
        let is_of = |told: &&Told| (first..first + 4).contains(&told.dport);
        told.iter()
            .filter(is_of)
            .map(|told| (told.prefix.as_str(), told.verdict.as_str()))
            .collect()
    };
    assert_eq!(of(20000), [("[in BLOCK]", "dropped"); 4]);
    assert_eq!(of(20010), [("in-accept", "passed"); 4]);
    assert_eq!(of(20020), [("", "unknown"); 4]);
    assert_eq!(
        told.len(),
        12,
        "what this machine sends is no event: {told:#?}"
    );
    assert!(
        told.iter()
            .all(|told| told.interface == "victim0" && told.flags == 2)
    );
    assert_eq!(reader.state().lost, 0);
}

#[test]
fn rules_of_nft_that_log_to_a_group_are_heard() {
    heard(NFT);
}

#[test]
fn rules_of_iptables_over_nft_that_log_to_a_group_are_heard() {
    heard(&iptables("nft"));
}

#[test]
fn rules_of_legacy_iptables_that_log_to_a_group_are_heard() {
    heard(&iptables("legacy"));
}

#[test]
fn the_examples_for_nft_and_iptables_do_as_they_say() {
    require_root!();
    let examples = project().join("assets/examples");
    let file = |name: &str| examples.join(name).display().to_string();
    for rules in [
        format!("nft -f {}", file("nflog.nft")),
        format!("iptables-nft-restore --noflush {}", file("nflog.iptables")),
        format!(
            "iptables-legacy-restore --noflush {}",
            file("nflog.iptables")
        ),
    ] {
        let net = TestNet::new(Firewall::None);
        net.victim.shell(&rules);
        let reader = Reader::start_foreign(&net.victim, 7);
        net.nmap(attacker_v4(1).into())
            .args(["-sS", "-p", "22,23"])
            .succeed();
        let told = reader.wait_for(2, |told| told.dport < 24);
        let mut told: Vec<_> = told
            .iter()
            .map(|told| (told.dport, told.verdict.as_str()))
            .collect();
        told.sort_unstable();
        assert_eq!(told, [(22, "passed"), (23, "dropped")], "{rules}");
    }
}

#[test]
fn a_helper_listens_to_the_groups_of_its_configuration_and_says_which_it_cannot_have() {
    require_root!();
    let (bus, net, dir) = (
        SystemBus::start(),
        TestNet::new(Firewall::None),
        TempDir::new(),
    );
    let taken = Reader::start_foreign(&net.victim, 9);
    net.victim.shell(NFT);
    let config = dir.write("config.toml", "nflog.groups = [7, 9, 5370]\n");
    let config = config.display().to_string();
    let _helper = Helper::start_with(
        &bus,
        &net.victim,
        &["--capture", "off", "--config", &config],
    );
    let source = |name: &str| {
        let mut sources = bus.status().sources.into_iter();
        sources
            .find(|source| source.name == name)
            .expect("each group is listed")
    };
    wait_until("the group is heard", LIMIT, || {
        source("nflog:7").state == "working"
    });
    wait_until("the others are refused", LIMIT, || {
        source("nflog:9").state == "failed" && source("nflog:5370").state == "failed"
    });
    assert!(
        source("nflog:9").reason.contains("is taken by"),
        "{:?}",
        source("nflog:9")
    );
    assert!(
        source("nflog:5370").reason.contains("the own table's"),
        "{:?}",
        source("nflog:5370")
    );
    net.nmap(attacker_v4(1).into())
        .args(["-sS", "-p", "20000-20003"])
        .succeed();
    wait_until("the scan is told", LIMIT, || !bus.alerts().is_empty());
    let alert = &bus.alerts()[0];
    assert_eq!(
        (alert.feed.as_str(), alert.verdict.as_str()),
        ("nflog", "dropped")
    );
    drop(taken);
}
