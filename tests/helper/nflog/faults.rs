//! What others do to the own table and to our sockets while we listen: flush, delete, reload, rename, break.

use std::{fs, time::Duration};

use wallwatch_test_support::{
    Firewall, Helper, NetNs, Process, Program, SystemBus, TempDir, TestNet,
    netns::{VICTIM_IF, attacker_v4},
    process::now,
    require_root, wait_until,
};

use crate::reader::Reader;

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);
/// So long a plain table that was taken out may be away.
const AWAY: Duration = Duration::from_secs(1);
/// Without a packet the table and the socket are looked at once a minute.
const SELDOM: Duration = Duration::from_secs(75);

fn has_table(ns: &NetNs) -> bool {
    ns.tables()
        .iter()
        .any(|table| table == "table inet wallwatch")
}

/// A scan of 600 ports in two seconds, which goes on.
fn scan(net: &TestNet) -> Process {
    let words = ["-sS", "-p", "1000-1599", "--max-rate", "300"];
    net.nmap(attacker_v4(1).into()).args(words).start()
}

#[test]
fn no_packet_is_lost_when_the_firewall_is_flushed_in_the_middle_of_a_scan() {
    require_root!();
    let net = TestNet::new(Firewall::DropInput);
    let reader = Reader::start(&net.victim);
    let mut scan = scan(&net);
    reader.wait_for(100, |_| true);
    net.victim.shell("nft flush ruleset");
    assert!(scan.wait(LIMIT).is_some_and(|status| status.success()));
    let told = reader.wait_for(600, |_| true);
    assert_eq!(told.len(), 600, "each packet is told once");
    let dropped = told.iter().filter(|told| told.verdict == "dropped").count();
    let passed = told.iter().filter(|told| told.verdict == "passed").count();
    assert!(
        dropped >= 100 && passed >= 100,
        "{dropped} dropped, {passed} passed"
    );
    assert_eq!(dropped + passed, 600);
}

#[test]
fn a_plain_table_that_is_taken_out_is_put_in_again_within_a_second() {
    require_root!();
    let (net, dir) = (TestNet::new(Firewall::None), TempDir::new());
    let reader = Reader::start_with_old_nft(&net.victim, &dir);
    let ruleset = net.victim.ruleset();
    assert!(ruleset.contains("table inet wallwatch") && !ruleset.contains("flags owner"));
    let reloads = || {
        let log = reader.log();
        let said = log
            .lines()
            .filter(|line| line.starts_with("wallwatch-helper: "));
        said.filter(|line| line.contains("The firewall was reloaded"))
            .count()
    };
    // What others do to their own tables is no news.
    net.victim.shell("nft add table inet users_own; nft add chain inet users_own c; nft delete table inet users_own");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(reloads(), 0);
    for (n, how) in [
        "flush ruleset",
        "delete table inet wallwatch",
        "flush table inet wallwatch",
    ]
    .into_iter()
    .enumerate()
    {
        let handle = || net.victim.shell("nft -a list table inet wallwatch || true");
        let rules = || handle().matches("log prefix").count();
        let (whole, before) = (rules(), handle());
        let begin = now();
        net.victim.shell(&format!("nft {how}"));
        // It may be there again already, with other handles.
        assert_ne!(handle(), before, "{how} takes rules out");
        wait_until(&format!("it is put in again after {how}"), AWAY, || {
            rules() == whole
        });
        println!("{how}: away for {:?} at most", begin.elapsed());
        wait_until("it is said once", LIMIT, || reloads() == n + 1);
        let source = attacker_v4(u8::try_from(n).expect("three") + 2);
        net.nmap(source.into())
            .args(["-sS", "-p", "20000-20009"])
            .succeed();
        assert_eq!(reader.wait_for(10, |told| told.src == source).len(), 10);
        let log = reader.log();
        let state = log.lines().rev().find(|line| line.starts_with("health "));
        assert!(
            state.is_some_and(|state| state.contains("state=working")),
            "{state:?}"
        );
    }
    assert_eq!(reloads(), 3);
}

#[test]
fn an_interface_that_is_renamed_is_told_by_its_new_name() {
    require_root!();
    let net = TestNet::new(Firewall::DropInput);
    let reader = Reader::start(&net.victim);
    let probe = |n: u8| {
        net.nmap(attacker_v4(n).into())
            .args(["-sS", "-p", "20000-20003"])
            .succeed();
        let told = reader.wait_for(4, |told| told.src == attacker_v4(n));
        told.into_iter()
            .map(|told| told.interface)
            .collect::<Vec<_>>()
    };
    assert_eq!(probe(1), [VICTIM_IF; 4]);
    net.victim.shell(&format!(
        "ip link set {VICTIM_IF} down; ip link set {VICTIM_IF} name other0; ip link set other0 up"
    ));
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(probe(2), ["other0"; 4]);
}

/// The number of the descriptor by which the process listens to this NFLOG group.
fn descriptor(pid: u32, group: u16) -> u32 {
    let read =
        |path: &str| fs::read_to_string(format!("/proc/{pid}/{path}")).expect("the helper runs");
    // "group portid ...", then "sk protocol portid ... inode": net/netfilter/nfnetlink_log.c and net/netlink/af_netlink.c.
    let column = |text: &str, wanted: &[(usize, &str)], column: usize| -> String {
        let words = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut found =
            words.filter(|words| wanted.iter().all(|(at, word)| words.get(*at) == Some(word)));
        found.next().expect("the group has a listener")[column].to_owned()
    };
    let port = column(
        &read("net/netfilter/nfnetlink_log"),
        &[(0, &group.to_string())],
        1,
    );
    let inode = column(&read("net/netlink"), &[(1, "12"), (2, &port)], 9);
    let open = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the helper runs")
        .flatten();
    let mut found = open.filter(|entry| {
        fs::read_link(entry.path())
            .is_ok_and(|link| link.to_string_lossy() == format!("socket:[{inode}]"))
    });
    let name = found.next().expect("the socket is open").file_name();
    name.to_string_lossy()
        .parse()
        .expect("descriptors are numbers")
}

#[test]
fn a_socket_that_is_closed_under_the_helper_is_noticed_and_opened_again() {
    require_root!();
    let (bus, net) = (SystemBus::start(), TestNet::new(Firewall::DropInput));
    let mut helper = Helper::start(&bus, &net.victim);
    let source = || {
        let mut sources = bus.status().sources.into_iter();
        sources
            .find(|source| source.name == "nflog")
            .expect("it is always listed")
    };
    wait_until("capture works", LIMIT, || source().state == "working");
    let pid = helper.process().pid();
    // Its number is given to another file at once, as it would be sooner or later.
    let close = format!("call (int)dup2(0, {})", descriptor(pid, 5370));
    let gdb =
        Program::new("gdb").args(["--batch", "--nx", "-ex", &close, "--pid", &pid.to_string()]);
    gdb.succeed();
    wait_until("it is noticed", SELDOM, || source().state == "failed");
    assert!(
        source().reason.contains("netfilter socket failed"),
        "{:?}",
        source()
    );
    wait_until("it is opened again", LIMIT, || source().state == "working");
    assert!(has_table(&net.victim));
    net.nmap(attacker_v4(1).into())
        .args(["-sS", "-p", "100-110"])
        .succeed();
    wait_until("the scan is told", LIMIT, || !bus.alerts().is_empty());
    assert_eq!(bus.alerts()[0].verdict, "dropped");
    let said = helper
        .process()
        .log()
        .matches("netfilter socket failed")
        .count();
    assert_eq!(said, 1, "{}", helper.process().log());
}
