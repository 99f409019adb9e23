//! Floods, each of about a second, and packets that no honest sender makes.

use wallwatch_dbus::Kind;
use wallwatch_test_support::{
    netns::{VICTIM_V4, attacker_v4},
    require_root,
};

use crate::range::{Range, Told};

#[test]
fn each_flood_is_raised_once_by_its_name() {
    require_root!();
    let range = Range::new();
    let mut attacks = Vec::new();
    // hping3 makes about 1,500 packets a second of this pace.
    let flood = |source: &str, what: &str| {
        range.attack(&format!(
            "hping3 -q -a {source} {what} -c 2000 -i u500 {VICTIM_V4}"
        ));
    };
    let source = attacker_v4(1).to_string();
    flood(&source, "-S -p 9000");
    attacks.push(Told {
        severity: 4,
        ..Told::of(Kind::SynFlood, &source)
    });
    let source = attacker_v4(2).to_string();
    flood(&source, "--udp -p 9999");
    attacks.push(Told {
        severity: 4,
        ..Told::of(Kind::UdpFlood, &source)
    });
    let source = attacker_v4(3).to_string();
    flood(&source, "--icmp");
    attacks.push(Told {
        severity: 4,
        ..Told::of(Kind::IcmpFlood, &source)
    });
    let options = "--udp --sport 53 --ports random --sources 200 --rate 2000 --count 2000";
    let options: Vec<&str> = options.split(' ').collect();
    range.net.flood(&options).succeed();
    attacks.push(Told {
        severity: 4,
        tags: &["spoofable"],
        ..Told::of_anybody(Kind::ReplyFlood)
    });
    range.all_are_told(&attacks);
}

#[test]
fn a_flood_by_senders_that_are_made_up_is_one_alert() {
    require_root!();
    let range = Range::new();
    range.attack(&format!(
        "hping3 -q --rand-source -S -p 80 -c 3000 -i u500 {VICTIM_V4}"
    ));
    let flood = Told {
        severity: 4,
        tags: &["spoofable"],
        verdict: None,
        ..Told::of_anybody(Kind::SynFlood)
    };
    // One of eight of the names is nobody's, which the flood has not hidden before it was one.
    range.is_raised(&flood);
    let is_bogon = |alert: &wallwatch_dbus::Alert| alert.kind() == Some(Kind::Bogon);
    let mut attacks = vec![flood];
    if range.bus.alerts().iter().any(is_bogon) {
        attacks.push(Told {
            tags: &["spoofable"],
            verdict: None,
            ..Told::of_anybody(Kind::Bogon)
        });
    }
    range.all_are_told(&attacks);
    let alerts = range.bus.alerts();
    let flood = alerts.iter().find(|alert| !is_bogon(alert));
    assert!(
        flood.is_some_and(|alert| alert.source_count > 500),
        "{flood:#?}"
    );
}

#[test]
fn what_no_honest_sender_makes_is_raised_once_by_its_name() {
    require_root!();
    let range = Range::new();
    let mut attacks = Vec::new();
    let send = |words: &str| range.attack(&format!("hping3 -q -i u20000 {words}"));
    // From the victim's own address.
    send(&format!("-S -a {VICTIM_V4} -s 80 -p 80 -c 5 {VICTIM_V4}"));
    attacks.push(Told {
        tags: &["spoofable"],
        ..Told::of_anybody(Kind::Land)
    });
    // Whoever is named here gets the answers of the whole network.
    let source = attacker_v4(2);
    send(&format!("--icmp -a {source} -c 8 10.99.255.255"));
    attacks.push(Told {
        tags: &["spoofable"],
        verdict: None,
        ..Told::of(Kind::Smurf, &source)
    });
    for nobody in ["240.1.2.3", "0.1.2.3"] {
        send(&format!("-S -a {nobody} -p 445 -c 5 {VICTIM_V4}"));
    }
    attacks.push(Told {
        tags: &["spoofable"],
        ..Told::of_anybody(Kind::Bogon)
    });
    range.all_are_told(&attacks);
}
