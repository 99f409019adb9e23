//! A second DHCP server and a second router on the victim's network, both real.

use std::{net::Ipv4Addr, thread, time::Duration};

use wallwatch_dbus::Kind;
use wallwatch_test_support::{
    NetNs, Process, Program, TempDir,
    netns::{ATTACKER_IF, VICTIM_IF},
    require_root, wait_until,
};

use crate::range::{Range, Told};

/// How long a server may need until it is heard.
const LIMIT: Duration = Duration::from_secs(20);
/// The routers of a network answer within a second; who comes later was not there.
const LATER: Duration = Duration::from_secs(2);
/// Where the second of each is.
const INTRUDER: Ipv4Addr = Ipv4Addr::new(10, 99, 3, 3);

/// A dnsmasq(8) that gives out addresses and says that it is a router, as a box that somebody plugged in.
fn dnsmasq(host: &NetNs, dir: &TempDir, name: &str, third: u8, prefix: &str) -> Process {
    let lease = dir.write(name, "");
    host.shell(&format!(
        "ip addr replace {prefix}::1/64 dev {ATTACKER_IF} nodad"
    ));
    let program = Program::new("dnsmasq")
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--user=root",
            "--bind-interfaces",
            "--log-facility=-",
            "--no-ping",
            "--dhcp-authoritative",
            "--enable-ra",
        ])
        .arg(format!("--dhcp-range=10.99.{third}.10,10.99.{third}.20"))
        .arg(format!("--dhcp-range={prefix}::700,{prefix}::720,ra-names"))
        .arg(format!("--interface={ATTACKER_IF}"))
        .arg(format!("--ra-param={ATTACKER_IF},4,1800"))
        .arg(format!("--dhcp-leasefile={}", lease.display()))
        .arg(format!("--pid-file={}.pid", lease.display()));
    host.inside(program).start()
}

/// The victim asks for an address, which it then does not use; says what it was told.
fn ask(range: &Range) -> String {
    let words = ["udhcpc", "-i", VICTIM_IF, "-f", "-q", "-n", "-s"];
    let client = Program::new("busybox").args(words).arg("/bin/true");
    range.net.victim.inside(client).output().text()
}

#[test]
fn a_second_router_and_a_second_dhcp_server_are_raised_and_the_first_are_not() {
    require_root!();
    let (range, dir) = (Range::new(), TempDir::new());
    let victim = &range.net.victim;
    let heard = |counter: &str| victim.counter("wallwatch", counter);
    let own = dnsmasq(&range.net.attacker, &dir, "own", 7, "fd99");
    wait_until("the network's own router is heard", LIMIT, || {
        heard("advert") > 0
    });
    wait_until("the network's own server is heard", LIMIT, || {
        ask(&range);
        heard("dhcp") > 0
    });
    thread::sleep(LATER);
    assert!(range.bus.alerts().is_empty(), "{:#?}", range.bus.alerts());

    let host = range.net.another_host(INTRUDER);
    let _intruder = dnsmasq(&host, &dir, "intruder", 8, "fd98");
    let router = Told {
        severity: 3,
        tags: &["on-link"],
        verdict: None,
        ..Told::of_anybody(Kind::RogueRa)
    };
    range.is_raised(&router);
    let server = Told {
        kind: Kind::RogueDhcp,
        first: Some(Kind::RogueDhcp),
        ..router.clone()
    };
    // The one who answers first is asked; either way both offer.
    ask(&range);
    range.is_raised(&server);
    drop(own);
    let link = host.shell(&format!("ip -6 -br addr show dev {ATTACKER_IF} scope link"));
    range.all_are_told(&[router, server]);
    for alert in range.bus.alerts() {
        let [source] = alert.sources.as_slice() else {
            panic!("{alert:#?}")
        };
        let is_intruder = match alert.kind() {
            Some(Kind::RogueRa) => link.contains(&format!(" {source}/")),
            _ => *source == INTRUDER.to_string(),
        };
        assert!(is_intruder, "{alert:#?} {link}");
    }
}
