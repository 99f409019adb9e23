//! The sources with a real kernel: what they see, what they say became of it, and what they leave alone.

use std::{fs, io::Write as _, net::IpAddr, time::Duration};

use wallwatch_dbus::{Alert, SourceHealth};
use wallwatch_test_support::{
    Firewall, Helper, LogAllNamespaces, NetNs, Program, Scene, SystemBus, TempDir, TestNet,
    netns::{VICTIM_V4, attacker_v4, attacker_v6},
    process::{children, kill, wait_until},
    require_root,
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);
/// How long is waited for what must not come.
const SILENCE: Duration = Duration::from_secs(2);

fn source(bus: &SystemBus, name: &str) -> SourceHealth {
    let found = bus
        .status()
        .sources
        .into_iter()
        .find(|source| source.name == name);
    found.expect("both sources are always listed")
}

/// Scans the victim from the attacker's `n`-th address and returns the alert about it in its latest state.
fn scan(scene: &Scene, n: u8, arguments: &[&str]) -> Alert {
    scan_from(scene, attacker_v4(n).into(), arguments)
}

fn scan_from(scene: &Scene, source: IpAddr, arguments: &[&str]) -> Alert {
    scene.net.nmap(source).args(arguments).succeed();
    let word = source.to_string();
    let find = || {
        scene
            .bus
            .alerts()
            .into_iter()
            .find(|alert| alert.sources.contains(&word))
    };
    wait_until("the scan is told", LIMIT, || find().is_some());
    // Updates are told twice a second at most.
    std::thread::sleep(Duration::from_secs(1));
    find().expect("an alert does not vanish")
}

fn has_table(ns: &NetNs) -> bool {
    ns.tables()
        .iter()
        .any(|table| table == "table inet wallwatch")
}

#[test]
fn every_probe_of_every_kind_of_scan_reaches_the_helper() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let mut events = 0;
    // An SCTP probe and a probe of an IP protocol are no TCP or UDP, and are seen all the same.
    for (kind, probes) in [
        ("-sS", 50),
        ("-sX", 50),
        ("-sN", 50),
        ("-sF", 50),
        ("-sM", 50),
        ("-sA", 50),
        ("-sU", 50),
        ("-sY", 50),
        ("-sO", 20),
    ] {
        let ports = format!("1-{probes}");
        scene
            .net
            .nmap(attacker_v4(1).into())
            .args([kind, "-p", &ports])
            .succeed();
        let seen = || source(&scene.bus, "nflog").events - events;
        wait_until(&format!("all probes of {kind} are seen"), LIMIT, || {
            seen() >= probes
        });
        events += seen();
    }
    assert_eq!(source(&scene.bus, "nflog").lost, 0);
}

#[test]
fn what_the_firewall_drops_is_dropped_and_what_it_lets_in_has_passed() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let dropped = scan(&scene, 1, &["-sS", "-p", "100-140"]);
    assert_eq!(
        (dropped.verdict.as_str(), dropped.port_count),
        ("dropped", 41)
    );
    let mixed = scan(&scene, 2, &["-sS", "-p", "22,80,100-140"]);
    assert_eq!(mixed.verdict, "mixed");
    let v6 = scan_from(&scene, attacker_v6(3).into(), &["-sS", "-p", "100-140"]);
    assert_eq!((v6.verdict.as_str(), v6.port_count), ("dropped", 41));
    assert_eq!(scene.bus.status().firewall, "yes");
}

#[test]
fn who_is_trusted_raises_no_alert_and_who_is_muted_raises_one_without_a_popup() {
    require_root!();
    let dir = TempDir::new();
    let config = dir.write(
        "config.toml",
        format!(
            "[[rule]]\ntype = \"mute\"\nsource = \"{}\"\n\n[[rule]]\ntype = \"trust\"\nsource = \"{}\"\ncomment = \"our own \
             scanner\"\n",
            attacker_v4(1),
            attacker_v4(2)
        ),
    );
    let (bus, net) = (SystemBus::start(), TestNet::new(Firewall::DropInput));
    let config = config.to_str().unwrap();
    let words = ["--capture", "on", "--config", config];
    let helper = Helper::start_with(&bus, &net.victim, &words);
    wait_until("packets are captured", LIMIT, || {
        source(&bus, "nflog").state == "working"
    });
    let scene = Scene { helper, net, bus };
    let ports = ["-sS", "-p", "100-140"];
    scene.net.nmap(attacker_v4(2).into()).args(ports).succeed();
    let muted = scan(&scene, 1, &ports);
    assert_eq!((muted.popup, muted.port_count), (false, 41));
    let told = scan(&scene, 3, &ports);
    assert_eq!((told.popup, told.port_count), (true, 41));
    let trusted = attacker_v4(2).to_string();
    let alerts = scene.bus.alerts();
    assert!(
        alerts.iter().all(|alert| !alert.sources.contains(&trusted)),
        "{alerts:?}"
    );
    assert!(source(&scene.bus, "nflog").events >= 3 * 41);
}

#[test]
fn where_there_is_no_firewall_everything_has_passed() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    for (n, kind) in [(1, "-sS"), (2, "-sU"), (3, "-sX")] {
        assert_eq!(
            scan(&scene, n, &[kind, "-p", "100-140"]).verdict,
            "passed",
            "{kind}"
        );
    }
    let v6 = scan_from(&scene, attacker_v6(4).into(), &["-sS", "-p", "100-140"]);
    assert_eq!(v6.verdict, "passed");
    assert_ne!(scene.bus.status().firewall, "yes", "nothing was stopped");
}

#[test]
fn what_the_firewall_rejects_did_not_pass() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    scene.net.victim.shell(
        "nft add table inet users_own
        nft 'add chain inet users_own input { type filter hook input priority filter; }'
        nft 'add rule inet users_own input ip saddr 10.99.0.0/16 ct state new reject'",
    );
    assert_eq!(
        scan(&scene, 1, &["-sS", "-p", "100-140"]).verdict,
        "dropped"
    );
}

#[test]
fn a_port_that_is_handed_on_to_a_container_has_passed() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    // A "container" behind the victim, with its ports published as docker does it; one of them is closed by a rule.
    scene.net.victim.shell(
        "ip link add ctr0 type veth peer name ctr1 && ip link set ctr0 up && ip link set ctr1 up && ip addr add 172.18.0.1/24 dev ctr0
        ip neigh add 172.18.0.2 lladdr 02:00:00:00:00:99 dev ctr0
        sysctl -qw net.ipv4.ip_forward=1
        nft -f - <<'END'
        table ip users_own {
            chain nat { type nat hook prerouting priority dstnat; tcp dport 8000-8040 dnat to 172.18.0.2; }
            chain forward { type filter hook forward priority filter; tcp dport 8030-8040 drop; }
        }
END",
    );
    assert_eq!(
        scan(&scene, 1, &["-sS", "-p", "8000-8020"]).verdict,
        "passed"
    );
    assert_eq!(
        scan(&scene, 2, &["-sS", "-p", "8030-8040"]).verdict,
        "dropped"
    );
}

#[test]
fn a_port_that_is_redirected_to_another_of_this_machine_has_passed() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    scene.net.victim.shell(
        "nft -f - <<'END'
        table ip users_own {
            chain nat { type nat hook prerouting priority dstnat; tcp dport 8000-8020 redirect to :9; }
        }
END",
    );
    assert_eq!(
        scan(&scene, 1, &["-sS", "-p", "8000-8020"]).verdict,
        "passed"
    );
}

#[test]
fn the_table_outlives_a_flush_and_nobody_else_can_take_it_out() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let delete = scene
        .net
        .victim
        .run(["nft", "delete", "table", "inet", "wallwatch"]);
    assert!(
        delete.stderr.contains("Operation not permitted"),
        "{}",
        delete.text()
    );
    scene.net.victim.shell("nft flush ruleset");
    assert!(has_table(&scene.net.victim));
    assert_eq!(
        scan(&scene, 1, &["-sS", "-p", "100-140"]).verdict,
        "passed",
        "the firewall is gone, and that is told"
    );
}

#[test]
fn the_table_vanishes_with_a_helper_that_is_killed() {
    require_root!();
    let mut scene = Scene::new(Firewall::DropInput);
    scene.helper.process().signal("KILL");
    wait_until("the table is gone", LIMIT, || !has_table(&scene.net.victim));
}

#[test]
fn a_holder_that_is_killed_is_replaced() {
    require_root!();
    let mut scene = Scene::new(Firewall::DropInput);
    wait_until("capture works", LIMIT, || {
        source(&scene.bus, "nflog").state == "working"
    });
    let holder = children(scene.helper.process().pid())[0];
    kill(holder, "KILL");
    wait_until("the table is lost", LIMIT, || {
        source(&scene.bus, "nflog").state == "failed"
    });
    wait_until("the table is back", LIMIT, || {
        source(&scene.bus, "nflog").state == "working"
    });
    assert_eq!(
        scan(&scene, 1, &["-sS", "-p", "100-140"]).verdict,
        "dropped"
    );
}

#[test]
fn what_a_killed_helper_left_behind_is_replaced() {
    require_root!();
    let (bus, net) = (SystemBus::start(), TestNet::new(Firewall::DropInput));
    net.victim
        .shell("nft add table inet wallwatch; nft add chain inet wallwatch left_behind");
    let _helper = Helper::start(&bus, &net.victim);
    wait_until("capture works", LIMIT, || {
        source(&bus, "nflog").state == "working"
    });
    assert!(!net.victim.ruleset().contains("left_behind"));
}

#[test]
fn where_nobody_knows_owned_tables_a_plain_one_is_used_and_taken_out() {
    require_root!();
    let (bus, net, dir) = (
        SystemBus::start(),
        TestNet::new(Firewall::DropInput),
        TempDir::new(),
    );
    let before = net.victim.ruleset();
    // An nft that knows no owner, seen inside the bus's mount namespace only.
    let old = dir.write("nft", "#!/bin/sh\n[ \"$1\" = -i ] && { echo 'Error: syntax error, unexpected owner' >&2; exit 1; }\nexec /usr/sbin/nft.new \"$@\"\n");
    let hide = "chmod 755 \"$1\" && cp -a /usr/sbin \"$2\" && mv \"$2/sbin/nft\" \"$2/sbin/nft.new\" &&
        cp \"$1\" \"$2/sbin/nft\" && chmod 755 \"$2/sbin/nft\" && mount --bind \"$2/sbin\" /usr/sbin";
    bus.inside(Program::shell(hide).arg("sh").arg(old).arg(dir.path()))
        .succeed();
    let mut helper = Helper::start(&bus, &net.victim);
    wait_until("capture works", LIMIT, || {
        source(&bus, "nflog").state == "working"
    });
    let ruleset = net.victim.ruleset();
    assert!(
        ruleset.contains("table inet wallwatch") && !ruleset.contains("flags owner"),
        "{ruleset}"
    );
    net.nmap(attacker_v4(1).into())
        .args(["-sS", "-p", "100-140"])
        .succeed();
    wait_until("the scan is told", LIMIT, || !bus.alerts().is_empty());
    helper.process().stop();
    assert_eq!(
        net.victim.ruleset(),
        before,
        "the plain table is taken out, and nothing else was touched"
    );
}

#[test]
fn losses_in_a_flood_are_counted_exactly_and_the_helper_stays_small() {
    require_root!();
    let mut scene = Scene::new(Firewall::DropInput);
    let pid = scene.helper.process().pid();
    wait_until("capture works", LIMIT, || {
        source(&scene.bus, "nflog").state == "working"
    });
    // Bounded: 240,000 datagrams from twelve addresses to ports that are not open, while the helper cannot read.
    scene.helper.process().signal("STOP");
    for n in 1..=12 {
        let words = format!(
            "hping3 -q -2 -c 20000 -i u20 -p ++1000 -a {} {VICTIM_V4}",
            attacker_v4(n)
        );
        let output = scene.net.attacker.run(words.split(' '));
        assert!(output.text().contains("20000 packets"), "{}", output.text());
    }
    scene.helper.process().signal("CONT");
    let counters = || {
        scene
            .net
            .victim
            .shell("nft list counters table inet wallwatch")
    };
    let count = |name: &str| -> u64 {
        let counters = counters();
        let rest = counters
            .split(&format!("counter {name} "))
            .nth(1)
            .expect("the counter is there");
        rest.split_whitespace()
            .nth(2)
            .expect("a number stands there")
            .parse()
            .expect("a number")
    };
    let seen = count("seen");
    let told = || {
        let health = source(&scene.bus, "nflog");
        (health.events, health.lost, health.counted)
    };
    // Also what was lost last of all, behind which no further record shows a gap: the counters tell it.
    wait_until("all is read, lost or counted", LIMIT, || {
        let (events, lost, counted) = told();
        events + lost + counted >= seen
    });
    let (events, lost, counted) = told();
    let rss = wallwatch_test_support::figures(pid).rss_kib;
    println!("seen {seen} = {events} read + {lost} lost + {counted} only counted; RSS {rss} KiB");
    assert_eq!(events + lost + counted, seen);
    assert!(lost > 0, "the flood was too small to lose anything");
    assert!(rss < 24 * 1024, "the helper has {rss} KiB after a flood");
}

#[test]
fn lines_of_the_firewall_are_heard_while_capture_is_off_and_forged_ones_never() {
    require_root!();
    let _sysctl = LogAllNamespaces::set();
    let (bus, net) = (SystemBus::start(), TestNet::new(Firewall::DropAndLog));
    let _helper = Helper::start_with(&bus, &net.victim, &["--capture", "off"]);
    wait_until("the log is read", LIMIT, || {
        source(&bus, "kmsg").state == "working"
    });
    assert!(!has_table(&net.victim));

    let mut log = fs::OpenOptions::new()
        .write(true)
        .open("/dev/kmsg")
        .expect("root may write");
    for (n, priority) in (200..220).zip(["<4>", "<0>", "<12>", ""].into_iter().cycle()) {
        let line = format!(
            "{priority}[UFW BLOCK] IN=victim0 OUT= MAC=02:00:00:00:00:02:02:00:00:00:00:01:08:00 SRC=192.0.2.66 DST=10.99.0.2 LEN=44 \
             TOS=0x00 PREC=0x00 TTL=50 ID={n} PROTO=TCP SPT=40000 DPT={n} WINDOW=1024 RES=0x00 SYN URGP=0\n"
        );
        log.write_all(line.as_bytes())
            .expect("the kernel takes a line");
    }
    std::thread::sleep(SILENCE);
    assert_eq!(
        source(&bus, "kmsg").events,
        0,
        "no forged line became an event"
    );
    assert_eq!(bus.alerts(), []);

    net.nmap(attacker_v4(1).into())
        .args(["-sS", "-p", "100-120"])
        .succeed();
    wait_until("the scan is told", LIMIT, || !bus.alerts().is_empty());
    let alerts = bus.alerts();
    assert_eq!(
        (alerts[0].feed.as_str(), alerts[0].verdict.as_str()),
        ("kmsg", "dropped")
    );
    assert_eq!(alerts[0].sources, ["10.99.1.1"]);
    assert!(alerts[0].trusted);
}
