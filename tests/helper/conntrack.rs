//! The flows of the kernel's connection tracking: what they show of attacks, what they excuse, and that none is lost.

use std::{path::PathBuf, time::Duration};

use wallwatch_dbus::{Alert, SourceHealth};
use wallwatch_test_support::{
    Firewall, Helper, NetNs, Process, Program, SystemBus, TempDir, TestNet,
    helper::RIGHTS,
    netns::{VICTIM_V4, attacker_v4, attacker_v6},
    process::wait_until,
    require_root,
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a helper may need for a flood, on a machine that does other things too.
const FLOOD_LIMIT: Duration = Duration::from_secs(60);
/// How long is waited for what must not come.
const SILENCE: Duration = Duration::from_secs(2);
/// A port of the attacker's that no service has, so that nothing from there looks like an answer by itself.
const ASKED: u16 = 700;

/// Victim, attacker, and a helper that watches the victim.
struct Play {
    helper: Helper,
    net: TestNet,
    bus: SystemBus,
}

impl Play {
    /// A victim whose kernel follows connections, as it does with any firewall that lets answers in.
    fn net(firewall: Firewall) -> TestNet {
        let net = TestNet::new(firewall);
        net.victim.shell(
            "nft 'add table inet users_own; add chain inet users_own followed { type filter hook input priority 10; }
            add rule inet users_own followed ct state established counter'",
        );
        net
    }

    fn new(firewall: Firewall, capture: &str) -> Self {
        Self::on(Self::net(firewall), capture)
    }

    fn on(net: TestNet, capture: &str) -> Self {
        let bus = SystemBus::start();
        let helper = Helper::start_with(&bus, &net.victim, &["--capture", capture]);
        let play = Self { helper, net, bus };
        wait_until("flows are told", LIMIT, || play.health().state == "working");
        play
    }

    fn health(&self) -> SourceHealth {
        source(&self.bus, "conntrack")
    }

    /// Waits until so many events were told or counted as lost.
    #[track_caller]
    fn wait_for_events(&self, count: u64) -> SourceHealth {
        wait_until("all flows are told or lost", FLOOD_LIMIT, || {
            let health = self.health();
            health.events + health.lost >= count
        });
        self.health()
    }

    /// The alert about the attacker's `n`-th address, once there is one.
    fn alert_of(&self, source: &str) -> Alert {
        let find = || {
            let mut alerts = self.bus.alerts().into_iter();
            alerts.find(|alert| alert.sources.iter().any(|address| address == source))
        };
        wait_until("the attack is told", LIMIT, || find().is_some());
        // Updates are told twice a second at most.
        std::thread::sleep(Duration::from_secs(1));
        find().expect("an alert does not vanish")
    }

    /// Is there any alert about the attacker's `n`-th address?
    fn accuses(&self, n: u8) -> bool {
        let source = attacker_v4(n).to_string();
        let alerts = self.bus.alerts();
        alerts.iter().any(|alert| alert.sources.contains(&source))
    }

    /// So many datagrams of 28 bytes, each the first of a flow.
    fn flood(&self, count: u32, rate: u32) {
        let (count, rate) = (count.to_string(), rate.to_string());
        let options = [
            "--udp",
            "--distinct",
            &count,
            "--count",
            &count,
            "--rate",
            &rate,
            "--seconds",
            "20",
        ];
        self.net.flood(&options).succeed();
    }

    /// How many flows the kernel knows of in the victim's namespace.
    fn flows(&self) -> u64 {
        let count = self.net.victim.shell("conntrack -C");
        count.trim().parse().expect("a number")
    }
}

fn source(bus: &SystemBus, name: &str) -> SourceHealth {
    let found = bus
        .status()
        .sources
        .into_iter()
        .find(|source| source.name == name);
    found.expect("the source is always listed")
}

/// Forty packets from one address and port to forty ports of another, one after the other.
fn hping(ns: &NetNs, words: &str) {
    let output = ns.run(
        ["hping3", "-q", "-c", "40", "-i", "u2000"]
            .into_iter()
            .chain(words.split(' ')),
    );
    assert!(output.text().contains("40 packets"), "{}", output.text());
}

/// The victim asks the attacker's `n`-th address from forty ports, from `first` on, by packets of this kind.
fn ask(net: &TestNet, n: u8, kind: &str, first: u16) {
    hping(
        &net.victim,
        &format!("{kind} -s {first} -p {ASKED} {}", attacker_v4(n)),
    );
}

/// The attacker's `n`-th address sends packets of this kind to these forty ports, from the port that was asked.
fn answer(net: &TestNet, n: u8, kind: &str, first: u16) {
    hping(
        &net.attacker,
        &format!(
            "{kind} -s {ASKED} -k -p ++{first} -a {} {VICTIM_V4}",
            attacker_v4(n)
        ),
    );
}

/// `conntrack -E` beside the helper.
struct Rival {
    process: Process,
    file: PathBuf,
    _dir: TempDir,
}

impl Rival {
    fn start(ns: &NetNs) -> Self {
        let dir = TempDir::new();
        let file = dir.path().join("events");
        let script = "exec conntrack -E -e NEW,DESTROY >\"$0\"";
        let process = ns.inside(Program::shell(script).arg(&file)).start();
        wait_until("conntrack listens", LIMIT, || {
            let sockets = ns.run(["cat", "/proc/net/netlink"]).stdout;
            let own = process.pid().to_string();
            sockets.lines().any(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                words.get(1) == Some(&"12") && words.get(2) == Some(&own.as_str())
            })
        });
        Self {
            process,
            file,
            _dir: dir,
        }
    }

    /// What it printed until now, once it ended.
    fn end(mut self) -> String {
        self.process.stop();
        std::fs::read_to_string(&self.file).expect("it has written its file")
    }
}

#[test]
fn a_scan_of_accepted_ports_is_found_by_its_flows_alone() {
    require_root!();
    let play = Play::new(Firewall::None, "off");
    play.net.prefer_source(attacker_v4(1));
    play.net
        .nmap(attacker_v4(1).into())
        .args(["-sT", "-p", "100-140"])
        .succeed();
    let alert = play.alert_of(&attacker_v4(1).to_string());
    assert_eq!(
        (
            alert.feed.as_str(),
            alert.kind.as_str(),
            alert.verdict.as_str()
        ),
        ("conntrack", "tcp-connect-scan", "passed")
    );
    assert_eq!((alert.ports.as_str(), alert.packets), ("100-140", 41));
    assert!(alert.trusted && alert.popup, "{alert:?}");
    assert_eq!(alert.tags, ["accepted"]);

    for (n, kind, word) in [(2, "-sU", "udp-scan"), (3, "-sA", "tcp-ack-scan")] {
        play.net
            .nmap(attacker_v6(n).into())
            .args([kind, "-p", "100-140"])
            .succeed();
        let alert = play.alert_of(&attacker_v6(n).to_string());
        assert_eq!(
            (alert.feed.as_str(), alert.kind.as_str(), alert.port_count),
            ("conntrack", word, 41)
        );
    }
    assert_eq!(play.health().lost, 0);
}

#[test]
fn what_the_firewall_drops_makes_no_flow_and_no_alert_of_this_feed() {
    require_root!();
    let play = Play::new(Firewall::DropInput, "off");
    play.net
        .nmap(attacker_v4(1).into())
        .args(["-sS", "-p", "100-140"])
        .succeed();
    std::thread::sleep(SILENCE);
    assert_eq!(play.health().events, 0);
    // The kernel's log may tell of other namespaces.
    let told = play.bus.alerts();
    assert!(told.iter().all(|alert| alert.feed != "conntrack"));
}

#[test]
fn flows_are_no_second_event_where_packets_are_captured() {
    require_root!();
    let play = Play::new(Firewall::None, "on");
    wait_until("capture works", LIMIT, || {
        source(&play.bus, "nflog").state == "working"
    });
    play.net
        .nmap(attacker_v4(1).into())
        .args(["-sS", "-p", "100-140"])
        .succeed();
    let alert = play.alert_of(&attacker_v4(1).to_string());
    assert!(play.health().events >= 41);
    assert_eq!(
        (alert.feed.as_str(), alert.tool.as_str(), alert.packets),
        ("nflog", "nmap", 41)
    );
}

#[test]
fn late_answers_to_what_this_machine_asked_are_no_attack() {
    require_root!();
    let play = Play::new(Firewall::DropInput, "on");
    wait_until("capture works", LIMIT, || {
        source(&play.bus, "nflog").state == "working"
    });
    for (udp, tcp) in [("-2", 1000), ("-S", 2000)] {
        ask(&play.net, 1, udp, tcp);
    }
    play.wait_for_events(80);
    // The firewall forgets them all, so that what comes now is a stranger's.
    play.net.victim.shell("conntrack -F");
    play.wait_for_events(160);
    for (kind, first) in [("-2", 1000), ("-F -A", 2000)] {
        answer(&play.net, 1, kind, first);
        answer(&play.net, 2, kind, first);
    }
    play.alert_of(&attacker_v4(2).to_string());
    let alerts = play.bus.alerts();
    assert_eq!(
        alerts.len(),
        2,
        "both kinds of the one who was not asked: {alerts:?}"
    );
    assert!(!play.accuses(1), "{alerts:?}");
    let health = source(&play.bus, "nflog");
    assert!(health.events >= 160, "all of them were seen: {health:?}");
}

#[test]
fn what_this_machine_had_asked_before_the_helper_came_is_known() {
    require_root!();
    let net = Play::net(Firewall::DropInput);
    ask(&net, 1, "-2", 1000);
    let play = Play::on(net, "on");
    wait_until("capture works", LIMIT, || {
        source(&play.bus, "nflog").state == "working"
    });
    play.net.victim.shell("conntrack -F");
    for n in [1, 2] {
        answer(&play.net, n, "-2", 1000);
    }
    play.alert_of(&attacker_v4(2).to_string());
    assert!(!play.accuses(1), "{:?}", play.bus.alerts());
}

#[test]
fn one_who_was_asked_once_hides_no_scan() {
    require_root!();
    let play = Play::new(Firewall::DropInput, "on");
    wait_until("capture works", LIMIT, || {
        source(&play.bus, "nflog").state == "working"
    });
    ask(&play.net, 1, "-2", 1000);
    play.wait_for_events(40);
    // From the very port that was asked, but to ports that never asked.
    answer(&play.net, 1, "-2", 3000);
    let alert = play.alert_of(&attacker_v4(1).to_string());
    assert_eq!((alert.kind.as_str(), alert.port_count), ("udp-scan", 40));
}

#[test]
fn conntrack_tools_beside_the_helper_see_the_same() {
    require_root!();
    let play = Play::new(Firewall::None, "off");
    let rival = Rival::start(&play.net.victim);
    // More at once do not fit into the rival's socket.
    play.flood(100, 1000);
    wait_until("the flows are there", LIMIT, || play.flows() == 100);
    play.net.victim.shell("conntrack -F");
    let health = play.wait_for_events(200);
    std::thread::sleep(Duration::from_millis(200));
    let printed = rival.end();
    let count = |word: &str| printed.lines().filter(|line| line.contains(word)).count();
    assert_eq!(
        (count("[NEW]"), count("[DESTROY]")),
        (100, 100),
        "{printed}"
    );
    assert_eq!((health.events, health.lost), (200, 0));
}

#[test]
fn fifty_thousand_flows_a_second_are_all_told() {
    require_root!();
    let play = Play::new(Firewall::None, "off");
    play.net
        .victim
        .shell("sysctl -qw net.ipv4.icmp_ratelimit=1000");
    play.flood(60_000, 50_000);
    let flows = play.flows();
    let health = play.wait_for_events(flows);
    assert_eq!((health.events, health.lost), (flows, 0));
    assert!(flows >= 59_000, "{flows}");
}

#[test]
fn what_is_lost_while_the_helper_stands_still_is_counted_exactly_and_said_once() {
    require_root!();
    let mut play = Play::new(Firewall::None, "off");
    play.net
        .victim
        .shell("sysctl -qw net.ipv4.icmp_ratelimit=1000");
    play.helper.process().signal("STOP");
    play.flood(120_000, 0);
    let flows = play.flows();
    play.helper.process().signal("CONT");
    let health = play.wait_for_events(flows);
    assert_eq!(health.events + health.lost, flows);
    assert!(health.lost > 0, "the flood was too small to lose anything");
    assert_eq!(health.state, "working");
    assert!(
        health.reason.contains("More flows began or ended at once"),
        "{health:?}"
    );
    play.flood(1000, 0);
    play.wait_for_events(flows + 1);
    let said = play.helper.process().log();
    assert_eq!(said.matches("More flows began").count(), 1, "{said}");
}

#[test]
fn what_this_machine_says_to_itself_is_not_told() {
    require_root!();
    let play = Play::new(Firewall::None, "off");
    hping(&play.net.victim, "-2 -s 1000 -p 9 127.0.0.1");
    assert!(play.flows() >= 40, "the kernel follows them");
    ask(&play.net, 1, "-2", 1000);
    play.wait_for_events(40);
    std::thread::sleep(SILENCE);
    assert_eq!(play.health().events, 40);
}

#[test]
fn it_is_said_what_hides_flows_and_what_would_mend_it() {
    require_root!();
    let (bus, net) = (SystemBus::start(), TestNet::new(Firewall::None));
    net.victim
        .shell("sysctl -qw net.netfilter.nf_conntrack_events=0");
    let config = ["--capture", "off"];
    let helper = Helper::start_with(&bus, &net.victim, &config);
    let told = |part: &str, mend: &str| {
        wait_until(part, LIMIT, || {
            let health = source(&bus, "conntrack");
            health.reason.contains(part) && health.mend.contains(mend)
        });
    };
    told("switched off", "nf_conntrack_events=1");
    drop(helper);

    net.victim
        .shell("sysctl -qw net.netfilter.nf_conntrack_events=1");
    let helper = Helper::start_with(&bus, &net.victim, &config);
    told("follows no connection now", "wallwatchctl capture on");
    net.victim.shell(
        "nft 'add table inet users_own; add chain inet users_own input { type filter hook input priority 0; }
        add rule inet users_own input ct state established accept'",
    );
    ask(&net, 1, "-2", 1000);
    wait_until("nothing is hidden any more", LIMIT, || {
        source(&bus, "conntrack").reason.is_empty()
    });
    drop(helper);

    let mut helper = Helper::launch(&bus, &net.victim, &RIGHTS[1..], &config);
    helper.wait_for_name(&bus);
    told("CAP_NET_ADMIN", "+net_admin");
    assert_eq!(source(&bus, "conntrack").state, "failed");
    drop(helper);
}
