//! What the own table logs besides, made by real programs: router advertisements, DHCP, pings to everybody, fragments.

use std::time::Duration;

use wallwatch_test_support::{
    Firewall, Process, Program, TempDir, TestNet,
    netns::{ATTACKER_IF, VICTIM_IF, VICTIM_V4, attacker_v4},
    require_root, wait_until,
};

use crate::{
    floods::counter,
    reader::{Reader, Told},
};

/// How long dnsmasq may need.
const LIMIT: Duration = Duration::from_secs(20);

/// A dnsmasq(8) on the attacker's end that gives out addresses and says that it is a router.
fn dnsmasq(net: &TestNet, dir: &TempDir) -> Process {
    let lease = dir.write("leases", "");
    let program = Program::new("dnsmasq")
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--user=root",
            "--bind-interfaces",
        ])
        .args([
            "--dhcp-range=10.99.7.10,10.99.7.20",
            "--dhcp-range=fd99::700,fd99::720,ra-names",
            "--enable-ra",
        ])
        .args([
            &format!("--interface={ATTACKER_IF}"),
            &format!("--ra-param={ATTACKER_IF},4,1800"),
        ])
        .args(["--log-facility=-", "--no-ping", "--dhcp-authoritative"])
        .arg(format!("--dhcp-leasefile={}", lease.display()));
    net.attacker.inside(program).start()
}

#[test]
fn a_server_of_addresses_and_a_router_are_told_as_such() {
    require_root!();
    let (net, dir) = (TestNet::new(Firewall::DropInput), TempDir::new());
    let reader = Reader::start(&net.victim);
    let _dnsmasq = dnsmasq(&net, &dir);
    let of = |told: &[Told], prefix: &str| -> Vec<Told> {
        told.iter()
            .filter(|told| told.prefix == prefix)
            .cloned()
            .collect()
    };
    wait_until("a router advertisement is told", LIMIT, || {
        !of(&reader.told(), "ww:ra").is_empty()
    });
    // A client without an address asks, and asks the server that offers one.
    let client = "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, 25, b'VICTIM\\0')
s.bind(('0.0.0.0', 68))
magic = bytes([99, 130, 83, 99])
head = bytes([1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 128, 0]) + bytes(16) + bytes([2, 0, 0, 0, 9, 9]) + bytes(10 + 192)
s.sendto(head + magic + bytes([53, 1, 1, 255]), ('255.255.255.255', 67))";
    let client = client.replace("VICTIM", VICTIM_IF);
    let client = Program::new("/usr/bin/python3").args(["-c", &client]);
    net.victim.inside(client).succeed();
    wait_until("the offer is told", LIMIT, || {
        !of(&reader.told(), "ww:dhcp").is_empty()
    });
    let told = reader.told();
    let advertisement = &of(&told, "ww:ra")[0];
    assert_eq!(
        (
            advertisement.protocol.as_str(),
            advertisement.verdict.as_str(),
            advertisement.group
        ),
        ("icmpv6", "unknown", true)
    );
    let offer = &of(&told, "ww:dhcp")[0];
    assert_eq!(
        (
            offer.protocol.as_str(),
            offer.dport,
            offer.interface.as_str()
        ),
        ("udp", 68, VICTIM_IF)
    );
    // Nothing of it is told as a packet for this machine besides.
    assert_eq!(of(&told, "").len(), 0, "{told:#?}");
}

#[test]
fn pings_to_everybody_and_fragments_are_told_and_what_is_over_the_limit_is_counted() {
    require_root!();
    let net = TestNet::new(Firewall::DropInput);
    let reader = Reader::start(&net.victim);
    let hping = |words: &str| {
        let source = attacker_v4(1);
        let words = format!("hping3 -q -a {source} {words}");
        let output = net.attacker.run(words.split(' '));
        assert!(
            output.text().contains("packets transmitted"),
            "{}",
            output.text()
        );
    };
    hping("--icmp -c 3 -i u20000 10.99.255.255");
    let told = reader.wait_for(3, |told| told.prefix == "ww:smurf");
    assert_eq!(told.len(), 3);
    assert!(
        told.iter()
            .all(|told| told.protocol == "icmp" && told.dst.to_string() == "10.99.255.255")
    );
    // Each datagram in four pieces of 16 bytes: four records of pieces, and one of the whole.
    hping(&format!("-2 -f -d 50 -p 7777 -c 2 {VICTIM_V4}"));
    let whole = reader.wait_for(2, |told| told.prefix.is_empty());
    assert_eq!(whole.len(), 2);
    assert!(
        whole
            .iter()
            .all(|told| told.dport == 7777 && told.verdict == "dropped")
    );
    let pieces = reader.wait_for(8, |told| told.prefix == "ww:frag");
    assert_eq!(pieces.len(), 8);
    assert!(pieces.iter().all(|told| told.verdict == "unknown"));
    // Ten a second and no more, but each counted.
    let before = reader.state();
    hping(&format!("-2 -f -d 50 -p 7777 -c 100 -i u2000 {VICTIM_V4}"));
    std::thread::sleep(Duration::from_millis(300));
    let pieces = reader
        .told()
        .iter()
        .filter(|told| told.prefix == "ww:frag")
        .count();
    assert!((10..=40).contains(&pieces), "{pieces}");
    assert_eq!(counter(&net, "fragment"), 408);
    assert_eq!(
        counter(&net, "fragment_over") + u64::try_from(pieces).expect("a few"),
        408
    );
    assert_eq!(before.lost, 0);
}
