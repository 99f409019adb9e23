//! How long it takes from the packet that decides to the popup, over 200 alerts; `make bench` prints it.
//!
//! Two hundred attackers one after another send a UDP packet each to a few ports, and note the time of each packet. The
//! alert says which of them decided (`packets_to_alert`), the fake desktop says when its popup was asked for.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use wallwatch_test_support::{
    Firewall, Program, World,
    netns::VICTIM_V4,
    process::{holds_within, wall_clock},
    require_root,
};

/// How many attackers there are.
const ALERTS: u8 = 200;
/// The ports that each tries; none of them is one that answers come from or that neighbours ask for.
const PORTS: [u16; 8] = [7, 9, 13, 17, 19, 37, 79, 109];
/// From one packet of an attacker to the next.
const BETWEEN_PACKETS: Duration = Duration::from_millis(10);
/// From one attacker to the next.
const BETWEEN_ATTACKERS: Duration = Duration::from_millis(120);
/// The median may be so long at most.
const MEDIAN_LIMIT: Duration = Duration::from_millis(100);
/// Of a hundred popups one may take longer than this.
const P99_LIMIT: Duration = Duration::from_millis(250);
/// Tells this program that it is the sender, in the attacker's namespace.
const SENDER: &str = "WALLWATCH_BENCH_SENDER";

/// The address of an attacker.
const fn attacker(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 2, n)
}

#[test]
fn from_the_deciding_packet_to_the_popup_it_takes_a_tenth_of_a_second() {
    if std::env::var_os(SENDER).is_some() {
        return send();
    }
    require_root!();
    let world = World::new(Firewall::DropInput);
    world.scene.net.add_attackers((1..=ALERTS).map(attacker));

    let this = std::env::current_exe().expect("a test knows its own program");
    let sender = Program::new(this)
        .args(["--nocapture", "--test-threads=1"])
        .env(SENDER, "1");
    let sent = sent_times(&world.scene.net.attacker.inside(sender).succeed());
    assert_eq!(sent.len(), usize::from(ALERTS));
    let count = || world.popups().len();
    holds_within(Duration::from_secs(10), || count() >= usize::from(ALERTS));

    let mut latencies = latencies(&world, &sent);
    assert_eq!(
        latencies.len(),
        usize::from(ALERTS),
        "every attacker had a popup of its own"
    );
    latencies.sort_unstable();
    let median = latencies[latencies.len() / 2];
    let p99 = latencies[latencies.len() * 99 / 100];
    let longest = latencies[latencies.len() - 1];
    println!(
        "from the deciding packet to the popup, {ALERTS} alerts: median {median:.1?}, p99 {p99:.1?}, longest {longest:.1?}"
    );
    assert!(median <= MEDIAN_LIMIT, "median {median:?}");
    assert!(p99 <= P99_LIMIT, "p99 {p99:?}");
}

/// The time of every packet of each attacker.
type Sent = HashMap<IpAddr, Vec<SystemTime>>;

/// From the deciding packet to the popup, for each attacker who had one.
fn latencies(world: &World, sent: &Sent) -> Vec<Duration> {
    let popups = world.popups();
    let alerts = world.scene.bus.alerts();
    let one = |alert: &wallwatch_dbus::Alert| {
        let source = alert.sources.first()?;
        let nth = usize::try_from(alert.packets_to_alert)
            .ok()?
            .checked_sub(1)?;
        let decided = *sent.get(&source.parse().ok()?)?.get(nth)?;
        let popup = popups
            .iter()
            .find(|popup| popup.body.contains(&format!("{source} ")))?;
        popup.at.duration_since(decided).ok()
    };
    alerts.iter().filter_map(one).collect()
}

/// Reads what [`send`] wrote: address and microseconds since 1970.
fn sent_times(text: &str) -> Sent {
    let mut sent = Sent::new();
    for line in text.lines().filter_map(|line| line.split("sent ").nth(1)) {
        let (address, time) = line
            .split_once(' ')
            .expect("the sender writes address and time");
        let time = UNIX_EPOCH
            + Duration::from_micros(time.parse().expect("the sender writes microseconds"));
        sent.entry(address.parse().expect("the sender writes addresses"))
            .or_default()
            .push(time);
    }
    sent
}

/// Sends the packets, in the attacker's namespace, and writes the time of each.
#[expect(
    clippy::print_stdout,
    reason = "the benchmark reads the times from there"
)]
fn send() {
    for n in 1..=ALERTS {
        let socket = UdpSocket::bind((attacker(n), 40_000)).expect("the address is the attacker's");
        for port in PORTS {
            let time = wall_clock();
            socket
                .send_to(b"?", SocketAddr::from((VICTIM_V4, port)))
                .expect("the cable takes every packet");
            let since = time
                .duration_since(UNIX_EPOCH)
                .expect("it is later than 1970");
            println!("\nsent {} {}", attacker(n), since.as_micros());
            thread::sleep(BETWEEN_PACKETS);
        }
        thread::sleep(BETWEEN_ATTACKERS);
    }
}
