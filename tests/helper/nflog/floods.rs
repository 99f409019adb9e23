//! Floods on the own table: evidence is sampled, and each packet is in a record or in a counter.

use std::time::Duration;

use wallwatch_test_support::{Firewall, TestNet, process::holds_within, require_root};

use crate::{reader::Reader, sender::flood};

/// How long the counters may need to be told: they are read twice a second.
const LIMIT: Duration = Duration::from_secs(20);

/// A named counter of the own table.
pub(crate) fn counter(net: &TestNet, name: &str) -> u64 {
    let listing = net.victim.shell("nft list counters table inet wallwatch");
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
