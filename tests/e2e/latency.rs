//! How long it takes from the packet that decides to the alert on the bus, and to the popup, over 200 alerts; `make bench`
//! prints it.
//!
//! Two hundred attackers one after another send a UDP packet each to a few ports, and note the time of each packet. The
//! alert says which of them decided (`packets_to_alert`), a subscriber of the helper when it was told, and the fake desktop when
//! its popup was asked for.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use wallwatch_dbus::Alert;
use wallwatch_test_support::{
    Firewall, Popup, Program, Raised, Scene, World,
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
/// To the alert on the bus: the median, and what one of a hundred may exceed.
const ALERT_LIMITS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(60)];
/// To the popup.
const POPUP_LIMITS: [Duration; 2] = [Duration::from_millis(40), Duration::from_millis(150)];
/// Tells this program that it is the sender, in the attacker's namespace.
const SENDER: &str = "WALLWATCH_BENCH_SENDER";

/// The address of an attacker.
const fn attacker(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 2, n)
}

#[test]
fn from_the_deciding_packet_to_the_alert_it_takes_a_hundredth_of_a_second() {
    if std::env::var_os(SENDER).is_some() {
        return;
    }
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let raised = Raised::watch(&scene.bus);
    let sent = attack(&scene);
    holds_within(Duration::from_secs(10), || {
        raised.alerts().len() >= usize::from(ALERTS)
    });
    let alerts = raised.alerts();
    let latencies = alerts
        .iter()
        .filter_map(|(alert, at)| at.duration_since(decided(alert, &sent)?).ok());
    judge("alert on the bus", latencies.collect(), ALERT_LIMITS);
}

#[test]
fn from_the_deciding_packet_to_the_popup_it_takes_a_tenth_of_a_second() {
    if std::env::var_os(SENDER).is_some() {
        return send();
    }
    require_root!();
    let world = World::new(Firewall::DropInput);
    let sent = attack(&world.scene);
    holds_within(Duration::from_secs(10), || {
        world.popups().len() >= usize::from(ALERTS)
    });
    let popups = world.popups();
    let alerts = world.scene.bus.alerts();
    let latencies = alerts.iter().filter_map(|alert| {
        let source = alert.sources.first()?;
        let of_source = |popup: &&Popup| popup.body.contains(&format!("{source} "));
        let popup = popups.iter().find(of_source)?;
        popup.at.duration_since(decided(alert, &sent)?).ok()
    });
    judge("popup", latencies.collect(), POPUP_LIMITS);
}

/// Has every attacker send his packets, and returns when.
fn attack(scene: &Scene) -> Sent {
    scene.net.add_attackers((1..=ALERTS).map(attacker));
    let this = std::env::current_exe().expect("a test knows its own program");
    let sender = Program::new(this)
        .args(["--nocapture", "--test-threads=1"])
        .env(SENDER, "1");
    let sent = sent_times(&scene.net.attacker.inside(sender).succeed());
    assert_eq!(sent.len(), usize::from(ALERTS));
    sent
}

/// Prints the figures and holds them against the limits for the median and the 99th of a hundred.
#[expect(clippy::print_stdout, reason = "`make bench` shows the figures")]
fn judge(what: &str, mut latencies: Vec<Duration>, [median_limit, p99_limit]: [Duration; 2]) {
    assert_eq!(
        latencies.len(),
        usize::from(ALERTS),
        "every attacker had one {what}"
    );
    latencies.sort_unstable();
    let median = latencies[latencies.len() / 2];
    let p99 = latencies[latencies.len() * 99 / 100];
    let longest = latencies[latencies.len() - 1];
    println!(
        "from the deciding packet to the {what}, {ALERTS} times: median {median:.1?}, p99 {p99:.1?}, longest {longest:.1?}"
    );
    assert!(median <= median_limit, "median {median:?}");
    assert!(p99 <= p99_limit, "p99 {p99:?}");
}

/// The time of every packet of each attacker.
type Sent = HashMap<IpAddr, Vec<SystemTime>>;

/// When the packet was sent that decided.
fn decided(alert: &Alert, sent: &Sent) -> Option<SystemTime> {
    let source = alert.sources.first()?.parse().ok()?;
    let nth = usize::try_from(alert.packets_to_alert)
        .ok()?
        .checked_sub(1)?;
    sent.get(&source)?.get(nth).copied()
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
    // Both tests start this program; it is the sender once. Each attacker has a port of his own: those who send the same from the same
    // port within seconds are one scanner with his decoys.
    for n in 1..=ALERTS {
        let socket = UdpSocket::bind((attacker(n), 40_000 + u16::from(n)))
            .expect("the address is the attacker's");
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
