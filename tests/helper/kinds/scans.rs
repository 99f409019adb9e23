//! Scans of one host by one, each with an address of its own.

use std::time::Duration;

use wallwatch_dbus::Kind;
use wallwatch_test_support::{
    Program,
    netns::{ATTACKER_IF, VICTIM_IF, VICTIM_V4, VICTIM_V6, attacker_v4, attacker_v6},
    require_root,
};

use crate::range::{MORE, Range, Told};

/// The ports that each scan asks for: the same, or many scanners would be taken for one scan that is shared.
const PORTS: &str = "101-120";
/// How long the slow scan takes, and then some.
const SLOW_LIMIT: Duration = Duration::from_secs(60);

/// Scans with nmap: its options, the kind, the tool where headers tell.
const NMAP: [(&str, Kind, Option<&'static str>); 10] = [
    ("-sS", Kind::TcpSynScan, Some("nmap")),
    ("-sF", Kind::TcpFinScan, Some("nmap")),
    ("-sN", Kind::TcpNullScan, Some("nmap")),
    ("-sX", Kind::TcpXmasScan, Some("nmap")),
    ("-sM", Kind::TcpMaimonScan, Some("nmap")),
    ("-sA", Kind::TcpAckScan, Some("nmap")),
    ("-sS --scanflags SYNFIN", Kind::TcpBadFlags, Some("nmap")),
    ("-sU", Kind::UdpScan, None),
    ("-sY", Kind::SctpScan, None),
    ("-sO", Kind::IpProtocolScan, None),
];

#[test]
fn each_kind_of_scan_is_raised_once_by_its_name() {
    require_root!();
    let range = Range::new();
    let net = &range.net;
    let mut attacks = Vec::new();
    let nmap = "nmap -n -Pn -T4 --max-retries 0";

    // One probe in two and a half seconds, while the others go on.
    let slow = attacker_v4(20);
    let program =
        net.attacker
            .inside(Program::new("nmap").args(["-n", "-Pn", "-sS", "--max-retries", "0"]));
    let program = program.args(["--scan-delay", "2500ms", "-p", "101-108"]);
    let mut slow_scan = program
        .args(["-e", ATTACKER_IF, "-S", &slow.to_string()])
        .arg(VICTIM_V4.to_string())
        .start();
    attacks.push(Told {
        tool: Some("nmap"),
        ..Told::of(Kind::TcpSynScan, &slow)
    });

    for ((options, kind, tool), n) in NMAP.into_iter().zip(1..) {
        let source = attacker_v4(n);
        let speed = "--min-rate 100";
        range.attack(&format!(
            "{nmap} {speed} {options} -p {PORTS} -e {ATTACKER_IF} -S {source} {VICTIM_V4}"
        ));
        attacks.push(Told {
            tool,
            ..Told::of(kind, &source)
        });
    }

    // One machine that takes three of the addresses that its network gives it.
    for source in [1, 2, 3].map(attacker_v6) {
        range.attack(&format!(
            "{nmap} -6 -sS -p {PORTS} -e {ATTACKER_IF} -S {source} {VICTIM_V6}"
        ));
    }
    attacks.push(Told {
        tool: Some("nmap"),
        tags: &["rotating-source"],
        ..Told::of(Kind::TcpSynScan, &"fd99::/64")
    });

    // By the sockets of the attacker's own kernel.
    let source = attacker_v4(11);
    net.prefer_source(source);
    range.attack(&format!("{nmap} -sT -p {PORTS} {VICTIM_V4}"));
    attacks.push(Told::of(Kind::TcpConnectScan, &source));

    let (source, router) = (attacker_v4(12), net.victim.mac(VICTIM_IF));
    range.attack(&format!(
        "masscan {VICTIM_V4} -p{PORTS} --rate 100 --wait 0 --adapter {ATTACKER_IF} --adapter-ip {source} --router-mac {router}"
    ));
    attacks.push(Told {
        tool: Some("masscan"),
        ..Told::of(Kind::TcpSynScan, &source)
    });

    let source = attacker_v4(13);
    range.attack(&format!(
        "hping3 -q -a {source} -S -p ++101 -c 20 -i u5000 {VICTIM_V4}"
    ));
    attacks.push(Told {
        tool: Some("hping"),
        ..Told::of(Kind::TcpSynScan, &source)
    });

    // Past firewalls without memory: in pieces, of which the first do not tell their flags, and as if a name server answered.
    let scan = |n, options, tag| {
        let source = attacker_v4(n);
        range.attack(&format!(
            "{nmap} -sS {options} -p {PORTS} -e {ATTACKER_IF} -S {source} {VICTIM_V4}"
        ));
        Told {
            tags: tag,
            ..Told::of(Kind::TcpSynScan, &source)
        }
    };
    attacks.push(Told {
        first: None,
        verdict: None,
        ..scan(14, "-f", &["fragmented"])
    });
    attacks.push(scan(15, "-g 53", &["source-port"]));

    assert!(slow_scan.wait(SLOW_LIMIT).is_some_and(|end| end.success()));
    range.all_are_told(&attacks);
}

#[test]
fn what_finds_hosts_and_their_systems_is_raised_once_by_its_name() {
    require_root!();
    let range = Range::new();
    let net = &range.net;
    let every = MORE.map(|address| address.to_string()).join(" ");
    let mut attacks = Vec::new();

    let source = attacker_v4(1);
    range.attack(&format!(
        "nmap -n -sn -PE --disable-arp-ping -e {ATTACKER_IF} -S {source} {VICTIM_V4} {every}"
    ));
    attacks.push(Told::of(Kind::PingSweep, &source));

    let source = attacker_v4(2);
    range.attack(&format!(
        "nmap -n -Pn -sS -T4 --max-retries 0 -p 445 -e {ATTACKER_IF} -S {source} {VICTIM_V4} {every}"
    ));
    attacks.push(Told {
        tool: Some("nmap"),
        ..Told::of(Kind::HostSweep, &source)
    });

    // It needs a port that is open and one that is closed: both pass the victim's firewall.
    let words = ["-m", "http.server", "--bind", "10.99.0.2", "22"];
    let mut listener = net
        .victim
        .inside(Program::new("/usr/bin/python3").arg("-u").args(words))
        .start();
    listener.wait_for("Serving", SLOW_LIMIT);
    let source = attacker_v4(3);
    range.attack(&format!(
        "nmap -n -Pn -O --max-os-tries 1 -p 22,80 -e {ATTACKER_IF} -S {source} {VICTIM_V4}"
    ));
    attacks.push(Told {
        tool: Some("nmap"),
        verdict: None,
        severity: 3,
        ..Told::of(Kind::OsFingerprint, &source)
    });

    // Of three who send the same one scans.
    let [one, two, three] = [4, 5, 6].map(attacker_v4);
    range.attack(&format!(
        "nmap -n -Pn -sS -T4 --max-retries 0 --min-rate 100 -p {PORTS} -D {two},ME,{three} -e {ATTACKER_IF} -S {one} {VICTIM_V4}"
    ));
    for source in [one, two, three] {
        attacks.push(Told {
            tool: Some("nmap"),
            tags: &["decoy"],
            ..Told::of(Kind::TcpSynScan, &source)
        });
    }
    range.all_are_told(&attacks);
}
