//! A flood as fast as the attacker's end can: this program once more, in the attacker's namespace, sending from many addresses.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use wallwatch_test_support::{Program, TestNet, netns::VICTIM_V4};

/// Tells this program that it is the sender: how many packets, from how many addresses.
const SENDER: &str = "WALLWATCH_TEST_SENDER";

/// The `n`-th address of a flood.
pub(crate) fn flooder(n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(10, 99, 8 + high, low)
}

/// Sends so many datagrams from so many addresses by turns, to ports that change.
pub(crate) fn flood(net: &TestNet, packets: u32, sources: u16) {
    let there = net.attacker.shell("ip -o -4 addr show");
    let is_new = |address: &Ipv4Addr| !there.contains(&format!(" {address}/"));
    net.add_attackers((1..=sources).map(flooder).filter(is_new));
    let this = std::env::current_exe().expect("a test knows its own program");
    let program = Program::new(this)
        .args(["--exact", "sender::sender", "--nocapture"])
        .env(SENDER, format!("{packets} {sources}"));
    net.attacker.inside(program).succeed();
}

#[test]
fn sender() {
    let Ok(words) = std::env::var(SENDER) else {
        return;
    };
    let (packets, sources) = words.split_once(' ').expect("two numbers");
    let packets: u32 = packets.parse().expect("a number");
    let sources: u16 = sources.parse().expect("a number");
    let sockets: Vec<UdpSocket> = (1..=sources)
        .map(|n| UdpSocket::bind((flooder(n), 40_000)).expect("the address is the attacker's"))
        .collect();
    for (n, socket) in (0..packets).zip(sockets.iter().cycle()) {
        let port = 1000 + u16::try_from(n % 50_000).expect("a port");
        // A firewall that rejects would be an error of the next packet; the cable takes every one.
        let sent = socket.send_to(b"?", SocketAddr::from((VICTIM_V4, port)));
        assert!(matches!(sent, Ok(1)), "{sent:?}");
    }
}
