//! Floods on the own table: evidence is sampled, and each packet is in a record or in a counter.

use std::time::Duration;

use wallwatch_test_support::{Firewall, TestNet, process::holds_within, require_root};

use crate::{reader::Reader, sender::flood};

/// How long the counters may need to be told: they are read twice a second.
const LIMIT: Duration = Duration::from_secs(20);

/// A named counter of the own table.
pub(crate) fn counter(net: &TestNet, name: &str) -> u64 {
    counter_of(net, "wallwatch", name)
}

/// A named counter of this table.
fn counter_of(net: &TestNet, table: &str, name: &str) -> u64 {
    let listing = net
        .victim
        .shell(&format!("nft list counters table inet {table}"));
    let rest = listing.split(&format!("counter {name} ")).nth(1);
    let number = rest
        .expect("the counter is there")
        .split_whitespace()
        .nth(2);
    number
        .expect("a number stands there")
        .parse()
        .expect("a number")
}

/// Waits until events, lost records and packets that were only counted are as many as came.
#[track_caller]
fn all_are_told(net: &TestNet, reader: &Reader, at_least: u64) {
    let sum = || {
        let state = reader.state();
        state.events + state.lost + state.counted
    };
    let told = holds_within(LIMIT, || sum() == counter(net, "seen"));
    let (seen, state) = (counter(net, "seen"), reader.state());
    println!("seen {seen} = {state:?}");
    assert!(told, "seen {seen}, told {state:?}");
    assert!(seen >= at_least, "the flood was {seen} packets");
    // How much depends on how fast this machine sends; 20,000 a second are let through, and 2,000 of one source.
    assert!(
        state.counted > 0,
        "the flood was within the limits: {state:?}"
    );
}

#[test]
fn of_a_flood_from_one_source_each_packet_is_in_a_record_or_counted() {
    require_root!();
    let net = TestNet::new(Firewall::DropInput);
    let reader = Reader::start_counting(&net.victim);
    flood(&net, 300_000, 1);
    all_are_told(&net, &reader, 300_000);
}

#[test]
fn of_a_flood_from_hundreds_each_packet_is_in_a_record_or_counted() {
    require_root!();
    let net = TestNet::new(Firewall::DropInput);
    let reader = Reader::start_counting(&net.victim);
    flood(&net, 400_000, 300);
    all_are_told(&net, &reader, 400_000);
}

#[test]
fn of_a_group_whose_listener_stands_still_each_lost_record_is_counted() {
    require_root!();
    let net = TestNet::new(Firewall::None);
    net.victim.shell(
        "nft -f - <<'END'
        table inet users_own {
            counter logged { }
            chain input { type filter hook input priority filter; udp dport >= 1000 counter name logged log prefix \"DROP\" group 7 drop; }
        }
END",
    );
    let mut reader = Reader::start_counting_foreign(&net.victim, 7);
    reader.signal("STOP");
    flood(&net, 300_000, 3);
    reader.signal("CONT");
    // The gap shows when the next packet comes, and the socket takes that when it has been read empty.
    let logged = || {
        flood(&net, 1, 1);
        counter_of(&net, "users_own", "logged")
    };
    let told = holds_within(LIMIT, || {
        let logged = logged();
        std::thread::sleep(Duration::from_millis(50));
        let state = reader.state();
        state.events + state.lost == logged && state.lost > 0
    });
    assert!(told, "{} logged, told {:?}", logged(), reader.state());
    println!(
        "{} logged, told {:?}",
        counter_of(&net, "users_own", "logged"),
        reader.state()
    );
}
