//! Rules that come and go while attacks go on.

use super::*;
use crate::neighbourhood::{Gateway, Network};

const MUTE: &str = "[[rule]]\ntype = \"mute\"\nsource = \"203.0.113.9\"\n";
const GATEWAY: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn network_rule(place: &str) -> Rules {
    rules(&format!(
        "[[rule]]\ntype = \"network\"\ngateway = \"02:00:00:00:00:01\"\nplace = \"{place}\"\n"
    ))
}

fn noise_off(class: &str) -> Rules {
    rules(&format!(
        "[[rule]]\ntype = \"noise\"\nclass = \"{class}\"\non = false\n"
    ))
}

/// A machine in the network 203.0.113.0/24 behind the gateway that the rules know.
fn at(place: Option<&str>) -> Scene {
    let mut scene = Scene::new();
    let interface = Interface::from("eth0").unwrap();
    scene.watcher.set_neighbourhood(Neighbourhood {
        addresses: vec!["198.51.100.1".parse().unwrap()],
        networks: vec![Network {
            address: "203.0.113.1".parse().unwrap(),
            prefix_len: 24,
            interface,
        }],
        gateways: vec![Gateway {
            address: "203.0.113.1".parse().unwrap(),
            interface,
            mac: Some(GATEWAY),
        }],
        ..Neighbourhood::default()
    });
    if let Some(place) = place {
        scene.watcher = scene.watcher.with_rules(network_rule(place));
    }
    scene
}

/// The changes as they are told.
fn finished(scene: &mut Scene, mut changes: Vec<Change>) -> Vec<Alert> {
    scene.watcher.mute(&mut changes);
    changes
        .into_iter()
        .map(|change| change.alert().clone())
        .collect()
}

/// What is told of SYNs to so many ports, a second each.
fn scan(scene: &mut Scene, src: &str, ports: std::ops::RangeInclusive<u16>) -> Vec<Alert> {
    let mut told = Vec::new();
    for dport in ports {
        let changes = scene.syn(START.plus(i64::from(dport) * Timestamp::SECOND), src, dport);
        told.extend(finished(scene, changes));
    }
    told
}

#[test]
fn an_open_incident_is_told_again_when_it_is_muted_and_when_it_is_not_any_more() {
    let mut scene = Scene::new();
    let first = scan(&mut scene, "203.0.113.9", 1..=3);
    let other = scan(&mut scene, "203.0.113.10", 101..=103);
    assert!(first[0].popup && other[0].popup);
    let set = |scene: &mut Scene, text: &str| {
        let mut changes = Vec::new();
        scene.watcher.set_rules(rules(text), &mut changes);
        finished(scene, changes)
    };
    let told = set(&mut scene, MUTE);
    let [muted] = told.as_slice() else {
        panic!("one of two: {told:?}")
    };
    assert_eq!((muted.id, muted.popup), (first[0].id, false));
    assert!(muted.seq > other[0].seq);
    assert_eq!(set(&mut scene, MUTE), [], "nothing is new");
    let told = set(&mut scene, "");
    assert_eq!(
        (told.len(), told[0].id, told[0].popup),
        (1, first[0].id, true)
    );
    assert_eq!(scene.watcher.open_incidents(), 2, "what was detected stays");
}

#[test]
fn who_is_trusted_from_now_on_adds_nothing_to_what_is_known_of_him() {
    let mut scene = Scene::new();
    let raised = scan(&mut scene, "203.0.113.9", 1..=3);
    let mut changes = Vec::new();
    let trust = rules("[[rule]]\ntype = \"trust\"\nsource = \"203.0.113.9\"\n");
    scene.watcher.set_rules(trust, &mut changes);
    assert_eq!(scan(&mut scene, "203.0.113.9", 4..=400), []);
    let closed = scene.tick(START.plus(24 * HOUR));
    assert_eq!(closed[0].alert().packets, raised[0].packets);
}

#[test]
fn at_home_devices_may_look_around_without_a_popup() {
    let mut home = at(Some("home"));
    let told = scan(&mut home, "203.0.113.9", 1..=14);
    assert!(!told.is_empty() && told.iter().all(|alert| !alert.popup));
    // More than a look around is told.
    let told = scan(&mut home, "203.0.113.9", 15..=20);
    assert_eq!(
        told.last().map(|alert| (alert.popup, alert.severity)),
        Some((true, 3))
    );
    let told = scan(&mut home, "192.0.2.9", 101..=103);
    assert!(told[0].popup, "who is not of this network");
    let told = scan(&mut at(None), "203.0.113.9", 1..=3);
    assert!(told[0].popup, "of a network of which nobody said anything");
}

#[test]
fn on_a_public_network_a_neighbour_s_scan_is_one_level_worse() {
    let mut public = at(Some("public"));
    let told = scan(&mut public, "203.0.113.9", 1..=20);
    assert_eq!(told[0].severity, 3, "low by itself");
    assert!(
        told[0].reason.ends_with("which a rule calls public."),
        "{}",
        told[0].reason
    );
    assert_eq!(
        told.last().map(|alert| alert.severity),
        Some(4),
        "and medium"
    );
    let told = scan(&mut public, "192.0.2.9", 101..=103);
    assert_eq!(told[0].severity, 2, "who is not of this network");
    let told = scan(&mut at(Some("home")), "203.0.113.9", 1..=3);
    assert_eq!(told[0].severity, 2);
}

#[test]
fn what_is_open_is_worse_when_the_network_is_called_public_and_never_better_again() {
    let mut scene = at(None);
    let raised = scan(&mut scene, "203.0.113.9", 1..=3);
    assert_eq!(raised[0].severity, 2);
    let mut changes = Vec::new();
    scene
        .watcher
        .set_rules(network_rule("public"), &mut changes);
    let told = finished(&mut scene, changes);
    assert_eq!(told[0].severity, 3);
    let mut changes = Vec::new();
    scene.watcher.set_rules(Rules::default(), &mut changes);
    assert_eq!(finished(&mut scene, changes), []);
    let told = scan(&mut scene, "203.0.113.9", 10..=11);
    assert_eq!(told.last().map(|alert| alert.severity), Some(3));
}

#[test]
fn the_present_network_is_the_one_of_its_gateway() {
    let home = network_rule("home");
    let scene = at(None);
    let (mac, place) = home.present(&scene.watcher.neighbourhood);
    assert_eq!(
        (mac.unwrap().to_string(), place.unwrap().as_str()),
        ("02:00:00:00:00:01".to_owned(), "home")
    );
    let (mac, place) = Rules::default().present(&scene.watcher.neighbourhood);
    assert!(mac.is_some() && place.is_none());
    assert_eq!(home.present(&Neighbourhood::default()), (None, None));
}

/// Discovery by one device of the network: mDNS, SSDP, LLMNR, `NetBIOS`.
fn discover(scene: &mut Scene) -> Vec<Change> {
    for (n, (dst, dport)) in [
        ("224.0.0.251", 5353),
        ("239.255.255.250", 1900),
        ("224.0.0.252", 5355),
        ("203.0.113.255", 137),
    ]
    .into_iter()
    .enumerate()
    {
        let rest = format!(
            "SRC=203.0.113.20 DST={dst} LEN=100 TOS=0x00 PREC=0x00 TTL=1 ID=7 PROTO=UDP SPT={dport} DPT={dport} LEN=80 "
        );
        let time = START.plus(i64::try_from(n).unwrap() * Timestamp::SECOND);
        let mut event = line(time, &rest);
        event.group = true;
        scene.watcher.observe(&event, &mut scene.changes);
    }
    scene.told()
}

#[test]
fn a_class_that_is_switched_off_excuses_nothing() {
    let classes = |scene: &Scene| -> Vec<Noise> {
        let entries = scene.watcher.noise().entries();
        entries.map(|entry| entry.noise).collect()
    };
    let mut scene = at(None);
    assert_eq!(discover(&mut scene), []);
    assert_eq!(
        classes(&scene),
        [Noise::Mdns, Noise::Ssdp, Noise::Llmnr, Noise::Netbios]
    );
    let mut scene = at(None);
    scene.watcher = scene.watcher.with_rules(noise_off("mdns"));
    assert_eq!(discover(&mut scene), [], "one port is no attack");
    assert_eq!(classes(&scene), [Noise::Ssdp, Noise::Llmnr, Noise::Netbios]);
}

#[test]
fn late_ends_that_nobody_wants_to_excuse_are_a_scan() {
    let late = |scene: &mut Scene| -> Vec<Change> {
        (0..8_u16)
            .flat_map(|n| {
                let rest = format!(
                    "SRC=192.0.2.80 DST=198.51.100.1 LEN=52 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=TCP SPT=443 DPT={} \
                     WINDOW=501 RES=0x00 ACK FIN URGP=0 ",
                    40_000 + n
                );
                let time = START.plus(i64::from(n) * Timestamp::SECOND);
                scene.watcher.observe(&line(time, &rest), &mut scene.changes);
                scene.told()
            })
            .collect()
    };
    assert_eq!(late(&mut at(None)), []);
    let mut scene = at(None);
    scene.watcher = scene.watcher.with_rules(noise_off("late-tcp"));
    let told = late(&mut scene);
    let Some(Change::Raised(alert)) = told.first() else {
        panic!("{told:?}")
    };
    assert_eq!(alert.sources, ["192.0.2.80"]);
    assert_eq!(scene.watcher.noise().packets(), 0);
}

#[test]
fn other_thresholds_hold_from_the_next_packet_on() {
    let mut scene = Scene::new();
    assert_eq!(scan(&mut scene, "203.0.113.9", 1..=2), []);
    let strict = detect::Config {
        threshold: 2.0,
        medium_ports: 3,
        ..detect::Config::default()
    };
    scene.watcher.set_config(strict);
    let told = scan(&mut scene, "203.0.113.9", 3..=3);
    assert_eq!((told.len(), told[0].severity), (1, 3), "{told:?}");
    scene.watcher.set_config(detect::Config {
        threshold: 30.0,
        ..strict
    });
    let later = scan(&mut scene, "192.0.2.9", 101..=110);
    let new = later.iter().filter(|alert| alert.sources == ["192.0.2.9"]);
    assert_eq!(new.count(), 0, "{later:?}");
}
