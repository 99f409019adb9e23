//! A scan that many share.

use wallwatch_dbus::Kind;
use wallwatch_test_support::{
    netns::{VICTIM_V4, attacker_v4},
    require_root,
};

use crate::range::{Range, Told};

#[test]
fn a_scan_by_many_of_whom_each_asks_for_little_is_one_alert() {
    require_root!();
    let range = Range::new();
    // Sixteen, each with two ports that nobody else asks for.
    let each = (1..=16).map(|n| {
        let (source, port) = (attacker_v4(n), 200 + 10 * u16::from(n));
        format!("hping3 -q -a {source} -S -p ++{port} -c 2 -i u20000 {VICTIM_V4} & ")
    });
    let script: String = each.chain(["wait".to_owned()]).collect();
    range.net.attacker.shell(&script);
    range.all_are_told(&[Told {
        severity: 3,
        ..Told::of_anybody(Kind::DistributedScan)
    }]);
    let alert = &range.bus.alerts()[0];
    assert!(alert.source_count >= 12, "{alert:#?}");
}
