//! What holds for whatever comes: who came first, and what the clock says, changes nothing.

use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr};

use wallwatch_dbus::Alert;
use wallwatch_helper::{event::Timestamp, packet::TcpFlags};

use crate::{
    attacks,
    check::{self, again, in_order, scene, seed},
    evaluation::score::pops_up,
    form::{Form, alerts},
    noise,
    packets::Nmap,
    scene::{Scene, Sent},
};

/// So many sources come in one test of their order.
const SOURCES: u16 = 6;
/// Attacks by one source, over within minutes, so that no incident is over while others go on.
const SINGLE: [&str; 10] = [
    "syn_scan_by_nmap",
    "syn_scan_by_masscan",
    "syn_scan_by_hping",
    "connect_scan",
    "fin_scan_by_nmap",
    "null_scan_by_hping",
    "xmas_scan_by_nmap",
    "ack_scan_by_nmap",
    "udp_scan_by_nmap",
    "syn_scan_by_ipv6",
];

/// An alert as told to people, without what counts alerts and changes.
fn bare(alert: &Alert) -> Alert {
    Alert {
        id: 0,
        seq: 0,
        ..alert.clone()
    }
}

fn sorted(alerts: &[Alert]) -> Vec<String> {
    let mut texts: Vec<String> = alerts
        .iter()
        .map(|alert| bare(alert).to_json().to_string())
        .collect();
    texts.sort();
    texts
}

/// What each of several sources sends, at the same place and in the same minutes.
fn sources(scene: &mut Scene) -> Vec<Vec<Sent>> {
    let start = scene.now;
    let mut known = Vec::new();
    let mut each = Vec::new();
    while each.len() < usize::from(SOURCES) {
        scene.now = start;
        scene.lane = (u16::try_from(each.len()).expect("few"), SOURCES);
        let name = scene.dice.pick(&SINGLE);
        let source = (attacks::named(name).make)(scene);
        let sent = std::mem::take(&mut scene.sent);
        // Two neighbours may have got the same address, and would be one.
        if !known.contains(&source) {
            known.push(source);
            each.push(sent);
        }
    }
    each
}

/// Lays streams into one another at random; each stays in its own order.
fn interleaved(scene: &mut Scene, streams: &[Vec<Sent>]) -> Vec<Sent> {
    let mut turns: Vec<usize> = streams
        .iter()
        .enumerate()
        .flat_map(|(index, stream)| std::iter::repeat_n(index, stream.len()))
        .collect();
    scene.dice.shuffle(&mut turns);
    let mut iterators: Vec<_> = streams.iter().map(|stream| stream.iter()).collect();
    let next = |index: usize| iterators[index].next().expect("a turn for each").clone();
    turns.into_iter().map(next).collect()
}

#[test]
fn the_order_of_independent_sources_changes_no_alert() {
    let seed = seed();
    let name = "the_order_of_independent_sources_changes_no_alert";
    for round in 0..6 {
        let mut scene = scene(seed, name, round);
        let streams = sources(&mut scene);
        let by_time = alerts(&scene.place, &in_order(streams.concat()), Form::Records);
        assert!(!by_time.is_empty(), "{}", again(seed, name));
        let expected = sorted(&by_time);
        let one_by_one = streams.concat();
        let mut backwards = streams.clone();
        backwards.reverse();
        let others = [
            one_by_one,
            backwards.concat(),
            interleaved(&mut scene, &streams),
            interleaved(&mut scene, &streams),
        ];
        for (order, sent) in others.iter().enumerate() {
            let told = sorted(&alerts(&scene.place, sent, Form::Records));
            let differs: Vec<_> = expected
                .iter()
                .filter(|alert| !told.contains(alert))
                .map(|alert| format!("- {alert}"))
                .chain(
                    told.iter()
                        .filter(|alert| !expected.contains(alert))
                        .map(|alert| format!("+ {alert}")),
                )
                .collect();
            assert!(
                differs.is_empty(),
                "{}\nround {round}, order {order}:\n{}",
                again(seed, name),
                differs.join("\n")
            );
        }
    }
}

#[test]
fn a_scanner_inside_a_flood_of_forged_senders_is_found() {
    let seed = seed();
    let name = "a_scanner_inside_a_flood_of_forged_senders_is_found";
    for round in 0..3 {
        let mut scene = scene(seed, name, round);
        let flood = attacks::named("syn_flood_by_forged_sources");
        let mut forged = Vec::new();
        let start = scene.now;
        for _ in 0..3 {
            (flood.make)(&mut scene);
            forged.append(&mut scene.sent);
        }
        let lasted = scene.now.since(start);
        // Eight probes, the first before the flood and the last behind it.
        let scanner = scene.place.stranger(&mut scene.dice);
        let nmap = Nmap::any(&mut scene.dice);
        scene.now = start.plus(-Timestamp::SECOND);
        for port in scene.ports(8) {
            let dst = scene.place.own[0];
            let probe = nmap.probe(&mut scene.dice, &scanner, dst, port, TcpFlags::SYN);
            scene.comes(&scanner, probe);
            scene.now = scene.now.plus(lasted / 6);
        }
        let mut sent = std::mem::take(&mut scene.sent);
        sent.append(&mut forged);
        let alerts = alerts(&scene.place, &in_order(sent), Form::Records);
        let kinds: Vec<&str> = alerts.iter().map(|alert| alert.kind.as_str()).collect();
        let is_told = alerts.iter().any(|alert| {
            alert.kind == "tcp-syn-scan" && alert.sources == [scanner.address.to_string()]
        });
        let is_right = is_told && kinds.contains(&"syn-flood") && kinds.len() == 2;
        assert!(is_right, "{}\nround {round}: {kinds:?}", again(seed, name));
    }
}

/// Every noise with other times on its packets: raises nothing.
fn is_quiet_with(name: &str, clock: impl Fn(&mut Scene, &mut Vec<Sent>)) {
    let seed = seed();
    let mut wrong = String::new();
    for noise in noise::ALL {
        let mut scene = scene(seed, name, noise.name.len() as u64);
        (noise.make)(&mut scene);
        let mut sent = in_order(std::mem::take(&mut scene.sent));
        clock(&mut scene, &mut sent);
        for form in [Form::Lines, Form::Records] {
            let mut alerts = alerts(&scene.place, &sent, form);
            alerts.retain(pops_up);
            if !alerts.is_empty() {
                write!(wrong, "\n{}, {form:?}", noise.name).expect("a string takes everything");
                check::list(&mut wrong, &alerts);
            }
        }
    }
    assert!(wrong.is_empty(), "{}{wrong}", again(seed, name));
}

#[test]
fn a_clock_that_steps_back_raises_nothing() {
    is_quiet_with("a_clock_that_steps_back_raises_nothing", |scene, sent| {
        let every = scene.dice.count(5..=30);
        let step = scene.dice.pick(&[1, 60, 3600, 86_400]) * Timestamp::SECOND;
        for (n, sent) in sent.iter_mut().enumerate() {
            let steps = i64::try_from(n / every).expect("few");
            sent.time = sent.time.plus(-steps * step);
        }
    });
}

#[test]
fn a_clock_that_goes_to_and_fro_raises_nothing() {
    is_quiet_with(
        "a_clock_that_goes_to_and_fro_raises_nothing",
        |scene, sent| {
            let step = scene.dice.pick(&[1, 60, 3600, 86_400]) * Timestamp::SECOND;
            for (n, sent) in sent.iter_mut().enumerate() {
                sent.time = sent.time.plus(if n % 2 == 0 { 0 } else { -step });
            }
        },
    );
}

/// Whoever sends very much within one moment attacks, so only as much of each is taken as may come at once.
#[test]
fn a_clock_that_stands_still_raises_nothing() {
    const OF_EACH: usize = 5;
    is_quiet_with("a_clock_that_stands_still_raises_nothing", |_, sent| {
        let first = sent.first().map(|sent| sent.time).unwrap_or_default();
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        sent.retain(|sent| {
            let count = counts.entry(sent.packet.src).or_default();
            *count += 1;
            *count <= OF_EACH
        });
        sent.truncate(100);
        for sent in sent.iter_mut() {
            sent.time = first;
        }
    });
}
