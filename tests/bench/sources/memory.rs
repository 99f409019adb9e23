//! The helper's memory behind ten million packets.

use wallwatch_test_support::{Firewall, SystemBus, TestNet};

use crate::{
    readers::{Reader as _, Wallwatch},
    stage::{Stage, pin, wait_for_rest},
    table::{Table, demand, number},
};

/// So many packets.
const PACKETS: u64 = 10_000_000;
/// The most that the helper may have in memory, in KiB.
const LIMIT: u64 = 12 * 1024;
/// Floods that fill different tables of the detector's, by turns.
const FLOODS: [&[&str]; 4] = [
    &[],
    &["--sources", "16384"],
    &["--sources", "1", "--ports", "rising"],
    &["--sources", "16384", "--udp"],
];

/// Measures it, once: what is kept does not depend on luck.
pub(crate) fn measure(_rounds: usize) -> bool {
    let stage = Stage {
        bus: SystemBus::start(),
        net: TestNet::new(Firewall::DropInput),
    };
    let mut reader = Wallwatch::start(&stage, "capture = true\n", "nflog");
    pin(reader.pid());
    let mut table = Table::new(
        "Memory in a flood of ten million packets",
        &["packets", "VmRSS KiB", "Pss KiB"],
    );
    let mut row = |reader: &mut Wallwatch, seen: u64| {
        let figures = reader.helper().figures();
        table.row(&[
            number(seen),
            number(figures.rss_kib),
            number(figures.pss_kib),
        ]);
        figures.rss_kib
    };
    row(&mut reader, 0);
    let mut seen = 0;
    let mut rss = 0;
    for options in FLOODS.into_iter().cycle() {
        if seen >= PACKETS {
            break;
        }
        stage.flood(&[&["--seconds", "8"], options].concat());
        wait_for_rest(reader.pid());
        seen = stage.net.victim.counter("wallwatch", "seen");
        rss = row(&mut reader, seen);
    }
    demand(
        &format!(
            "the helper has {} KiB, {} at most",
            number(rss),
            number(LIMIT)
        ),
        rss <= LIMIT,
    )
}
