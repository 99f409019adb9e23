//! The own table: whatever comes is in a record or in a counter.

use wallwatch_test_support::{Firewall, SystemBus, TestNet};

use crate::{
    contest::MAXIMUM,
    readers::{Reader as _, Wallwatch},
    stage::{Stage, cpu_time, pin, wait_for_rest},
    table::{Table, demand, number},
};

/// The table of the helper, and its counters of what it logged not.
const TABLE: &str = "wallwatch";
/// Floods: their name, and the options of pktsend's that make them.
const FLOODS: [(&str, &[&str]); 4] = [
    ("200 sources, SYN", &[]),
    ("one source, SYN", &["--sources", "1", "--ports", "rising"]),
    ("16,384 sources, SYN", &["--sources", "16384"]),
    ("200 sources, UDP", &["--udp"]),
];

/// Measures it.
pub(crate) fn measure(rounds: usize) -> bool {
    let heads = [
        "flood",
        "packets/s",
        "seen",
        "events",
        "told lost",
        "counted",
        "nowhere",
        "ns/packet seen",
    ];
    let mut table = Table::new(
        "The own table: each packet is in a record or in a counter",
        &heads,
    );
    let mut holds = true;
    for (name, options) in FLOODS {
        for rate in [20_000, MAXIMUM] {
            for _ in 0..rounds {
                let nowhere = flood(&mut table, name, options, rate);
                holds &= nowhere == 0;
            }
        }
    }
    demand("nothing is nowhere", holds)
}

/// One flood; returns how many packets are nowhere, or are there twice.
fn flood(table: &mut Table, name: &str, options: &[&str], rate: u32) -> u64 {
    let stage = Stage {
        bus: SystemBus::start(),
        net: TestNet::new(Firewall::DropInput),
    };
    let mut reader = Wallwatch::start(&stage, "capture = true\n", "nflog");
    pin(reader.pid());
    wait_for_rest(reader.pid());
    let cpu = cpu_time(reader.pid());
    let pace = rate.to_string();
    stage.flood(&[&["--rate", &pace], options].concat());
    wait_for_rest(reader.pid());
    let cpu = cpu_time(reader.pid()).saturating_sub(cpu);
    let count = |counter| stage.net.victim.counter(TABLE, counter);
    let (seen, counted) = (count("seen"), count("source_over") + count("all_over"));
    let taken = reader.taken(&stage);
    let nowhere = seen.abs_diff(taken.records + taken.lost + counted);
    let pace = if rate == MAXIMUM {
        "maximum".to_owned()
    } else {
        number(rate.into())
    };
    let per_packet = cpu.as_nanos() as f64 / seen.max(1) as f64;
    table.row(&[
        name.to_owned(),
        pace,
        number(seen),
        number(taken.records),
        number(taken.lost),
        number(counted),
        number(nowhere),
        format!("{per_packet:.0}"),
    ]);
    nowhere
}
