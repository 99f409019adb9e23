//! The whole path: packets of nmap in, popups, menu entry, history and terminal lines out.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use wallwatch_dbus::{Alert, Kind, Verdict};
use wallwatch_test_support::{
    Firewall, Popup, Program, World,
    netns::{VICTIM_V4, attacker_v4, attacker_v6},
    process::{holds_within, wait_until},
    require_root,
    system_bus::{ALICE, MALLORY},
};

/// How long a popup may take on a busy machine; the benchmark measures how long it takes.
const LIMIT: Duration = Duration::from_secs(10);
/// Longer than any delay between an alert's raise and its popup: what did not pop up by now does not.
const SETTLED: Duration = Duration::from_secs(3);
/// Words that claim that something kept the packets away.
const CLAIMS: [&str; 7] = ["stop", "block", "drop", "reject", "denied", "refus", "kept"];

/// A scan that nmap can do.
struct Scan {
    option: &'static str,
    kind: Kind,
    /// What the popup's title says.
    title: &'static str,
}

const SYN: Scan = Scan {
    option: "-sS",
    kind: Kind::TcpSynScan,
    title: "Port scan (SYN)",
};
const CONNECT: Scan = Scan {
    option: "-sT",
    kind: Kind::TcpConnectScan,
    title: "Port scan (connect)",
};
const XMAS: Scan = Scan {
    option: "-sX",
    kind: Kind::TcpXmasScan,
    title: "Stealth scan (XMAS)",
};
const UDP: Scan = Scan {
    option: "-sU",
    kind: Kind::UdpScan,
    title: "UDP port scan",
};

/// Runs nmap from `source` over the first `ports` ports.
fn nmap(world: &World, source: IpAddr, scan: &Scan, ports: u32) {
    let net = &world.scene.net;
    // None of the ports that the firewall lets through.
    let range = format!("100-{}", 99 + ports);
    match source {
        // A connect scan goes out by the kernel's own sockets, so -S is not for it.
        IpAddr::V4(source) if scan.option == CONNECT.option => {
            net.prefer_source(source);
            let words = [
                "-n",
                "-Pn",
                "-T4",
                "--max-retries",
                "0",
                "--min-rate",
                "300",
                "-sT",
                "-p",
                &range,
            ];
            net.attacker
                .inside(Program::new("nmap").args(words).arg(VICTIM_V4.to_string()))
                .succeed();
        }
        _ => {
            net.nmap(source).args([scan.option, "-p", &range]).succeed();
        }
    }
}

/// The popups about `source`, as they came.
fn popups_of(world: &World, source: IpAddr) -> Vec<Popup> {
    let name = format!("{source} ");
    world
        .popups()
        .into_iter()
        .filter(|popup| popup.body.contains(&name))
        .collect()
}

/// The incidents of `source`.
fn incidents_of(world: &World, source: IpAddr) -> Vec<Alert> {
    world
        .scene
        .bus
        .alerts()
        .into_iter()
        .filter(|alert| alert.sources == [source.to_string()])
        .collect()
}

/// What must hold for the popups of one incident: one on the screen, replaced in place.
fn assert_one_popup(popups: &[Popup], title: &str) {
    let ids: BTreeSet<u32> = popups.iter().map(|popup| popup.id).collect();
    assert_eq!(ids.len(), 1, "one popup for one incident: {popups:?}");
    assert_eq!(popups[0].replaces, 0, "the first is new: {popups:?}");
    assert!(
        popups[1..].iter().all(|popup| popup.replaces == popup.id),
        "the others take its place: {popups:?}"
    );
    assert!(
        popups.iter().all(|popup| popup.summary.starts_with(title)),
        "each says '{title}': {popups:?}"
    );
}

#[test]
fn each_kind_of_scan_from_an_address_of_its_own_pops_up_once_with_its_name_and_source() {
    require_root!();
    let world = World::new(Firewall::DropInput);
    let scans: [(IpAddr, &Scan); 5] = [
        (attacker_v4(3).into(), &SYN),
        (attacker_v4(4).into(), &XMAS),
        (attacker_v4(5).into(), &UDP),
        (attacker_v4(6).into(), &CONNECT),
        (attacker_v6(7).into(), &SYN),
    ];
    for (source, scan) in &scans {
        nmap(&world, *source, scan, 300);
        wait_until(&format!("a popup about {source}"), LIMIT, || {
            !popups_of(&world, *source).is_empty()
        });
    }
    std::thread::sleep(SETTLED);
    for (source, scan) in &scans {
        let incidents = incidents_of(&world, *source);
        assert_eq!(
            incidents.len(),
            1,
            "{source} is one incident: {incidents:?}"
        );
        assert_eq!(
            (incidents[0].kind(), incidents[0].verdict()),
            (Some(scan.kind), Verdict::Dropped),
            "{:?}",
            incidents[0]
        );
        let popups = popups_of(&world, *source);
        assert_one_popup(&popups, scan.title);
        let last = popups.last().expect("there is one");
        assert!(
            last.body.contains("Your firewall stopped all of them."),
            "{last:?}"
        );
        assert!(
            world
                .menu()
                .iter()
                .any(|line| line.contains(&source.to_string())),
            "{:?}",
            world.menu()
        );
    }
    assert_eq!(
        world
            .popups()
            .iter()
            .map(|popup| popup.id)
            .collect::<BTreeSet<_>>()
            .len(),
        scans.len(),
        "and no other"
    );
}

#[test]
fn all_kinds_from_one_address_pop_up_by_family_and_each_is_named() {
    require_root!();
    let world = World::new(Firewall::DropInput);
    let source = IpAddr::V4(attacker_v4(8));
    for scan in [&SYN, &XMAS, &UDP, &CONNECT] {
        nmap(&world, source, scan, 200);
    }
    nmap(&world, attacker_v6(8).into(), &SYN, 200);
    wait_until("a popup for each family", LIMIT, || {
        let titles: BTreeSet<String> = popups_of(&world, source)
            .into_iter()
            .map(|popup| popup.summary)
            .collect();
        ["Port scan", "Stealth scan (XMAS)", "UDP port scan"]
            .iter()
            .all(|name| titles.iter().any(|t| t.starts_with(name)))
    });
    wait_until("a popup for IPv6", LIMIT, || {
        !popups_of(&world, attacker_v6(8).into()).is_empty()
    });
    std::thread::sleep(SETTLED);
    let ids: BTreeSet<u32> = popups_of(&world, source)
        .iter()
        .map(|popup| popup.id)
        .collect();
    assert_eq!(
        ids.len(),
        3,
        "one popup for each family: {:?}",
        popups_of(&world, source)
    );
    let kinds: BTreeSet<String> = incidents_of(&world, source)
        .into_iter()
        .map(|alert| alert.kind)
        .collect();
    assert_eq!(kinds.len(), 3, "one incident for each family: {kinds:?}");
}

#[test]
fn while_a_scan_goes_on_its_popup_is_replaced_in_place() {
    require_root!();
    let world = World::new(Firewall::DropInput);
    let source = IpAddr::V4(attacker_v4(9));
    // A hundred packets a second for five seconds.
    world
        .scene
        .net
        .nmap(source)
        .args([
            "-sS",
            "-p",
            "1-500",
            "--max-rate",
            "100",
            "--min-rate",
            "100",
        ])
        .succeed();
    wait_until("the last port is counted", LIMIT, || {
        incidents_of(&world, source)
            .iter()
            .any(|alert| alert.port_count >= 490)
    });
    std::thread::sleep(SETTLED);
    let popups = popups_of(&world, source);
    assert!(popups.len() >= 3, "it is brought up to date: {popups:?}");
    assert_one_popup(&popups, SYN.title);
    let severities = |popup: &Popup| popup.summary.clone();
    assert_ne!(
        severities(&popups[0]),
        severities(&popups[popups.len() - 1]),
        "its severity rises with the ports: {popups:?}"
    );
}

#[test]
fn pause_holds_popups_back_while_the_history_goes_on() {
    require_root!();
    let world = World::new(Firewall::DropInput);
    let (first, second, third) = (
        IpAddr::V4(attacker_v4(10)),
        IpAddr::V4(attacker_v4(11)),
        IpAddr::V4(attacker_v4(12)),
    );
    nmap(&world, first, &SYN, 100);
    wait_until("a popup", LIMIT, || !popups_of(&world, first).is_empty());
    world.click("for 1 hour");
    wait_until("the tray is paused", LIMIT, || {
        world.menu().iter().any(|line| line.contains("Resume"))
    });
    nmap(&world, second, &SYN, 100);
    wait_until("the history has it", LIMIT, || {
        !incidents_of(&world, second).is_empty()
    });
    assert!(
        !holds_within(SETTLED, || !popups_of(&world, second).is_empty()),
        "no popup during the pause"
    );
    assert!(
        world
            .menu()
            .iter()
            .any(|line| line.contains(&second.to_string())),
        "but the menu lists it: {:?}",
        world.menu()
    );

    let resume = world
        .menu()
        .into_iter()
        .find(|line| line.contains("Resume"))
        .expect("it is in the menu");
    world.click(&resume);
    nmap(&world, third, &SYN, 100);
    wait_until("popups come again", LIMIT, || {
        !popups_of(&world, third).is_empty()
    });
}

#[test]
fn who_is_not_authorised_gets_an_error_and_not_one_signal() {
    require_root!();
    let world = World::new(Firewall::DropInput);
    let bus = &world.scene.bus;
    let monitor = bus
        .inside(
            Program::new("dbus-monitor")
                .arg("--system")
                .as_user(MALLORY, &[]),
        )
        .start();
    let alerts = bus
        .program("wallwatchctl")
        .arg("alerts")
        .as_user(MALLORY, &[])
        .output();
    assert_eq!(alerts.code, Some(4), "{}", alerts.text());
    let watch = bus
        .program("wallwatchctl")
        .arg("watch")
        .as_user(MALLORY, &[])
        .output_within(LIMIT);
    assert_eq!(watch.code, Some(4), "{}", watch.text());
    for (method, arguments) in [
        ("Subscribe", &[][..]),
        ("GetStatus", &[]),
        ("SendTestAlert", &[]),
        ("SetCapture", &["boolean:false"]),
    ] {
        let answer = bus.call_as(MALLORY, method, arguments);
        let refused = ["InteractiveAuthorizationRequired", "AccessDenied"]
            .iter()
            .any(|name| answer.stderr.contains(name));
        assert!(refused && !answer.ok(), "{method}: {}", answer.text());
    }

    let source = IpAddr::V4(attacker_v4(13));
    let mut watch = bus
        .program("wallwatchctl")
        .arg("watch")
        .as_user(ALICE, &[])
        .start();
    nmap(&world, source, &SYN, 100);
    watch.wait_for(&source.to_string(), LIMIT);
    wait_until("the authorised user's popup", LIMIT, || {
        !popups_of(&world, source).is_empty()
    });
    std::thread::sleep(SETTLED);
    let heard = monitor.log();
    assert!(
        !heard.contains(&source.to_string()) && !heard.contains("AlertRaised"),
        "mallory heard of it: {heard}"
    );
}

#[test]
fn where_there_is_no_firewall_nothing_is_said_to_be_stopped() {
    require_root!();
    let world = World::new(Firewall::None);
    let scans: [(IpAddr, &Scan); 4] = [
        (attacker_v4(14).into(), &SYN),
        (attacker_v4(15).into(), &XMAS),
        (attacker_v4(16).into(), &UDP),
        (attacker_v4(17).into(), &CONNECT),
    ];
    let mut watch = world
        .scene
        .bus
        .program("wallwatchctl")
        .arg("watch")
        .as_user(ALICE, &[])
        .start();
    for (source, scan) in &scans {
        nmap(&world, *source, scan, 200);
        wait_until(&format!("a popup about {source}"), LIMIT, || {
            !popups_of(&world, *source).is_empty()
        });
        watch.wait_for(&source.to_string(), LIMIT);
    }
    std::thread::sleep(SETTLED);
    for (source, scan) in &scans {
        for alert in incidents_of(&world, *source) {
            assert_eq!(
                (alert.kind(), alert.verdict()),
                (Some(scan.kind), Verdict::Passed),
                "{alert:?}"
            );
        }
    }
    let listed = world
        .scene
        .bus
        .program("wallwatchctl")
        .arg("alerts")
        .as_user(ALICE, &[])
        .succeed();
    let popups = world
        .popups()
        .into_iter()
        .map(|popup| format!("{} {}", popup.summary, popup.body));
    let said = popups.chain(world.menu()).chain([watch.log(), listed]);
    for sentence in said {
        let lower = sentence.to_lowercase();
        assert!(
            !CLAIMS.iter().any(|word| lower.contains(word)),
            "it claims what nobody did: {sentence}"
        );
    }
}
