//! What may go wrong around the helper while it runs: it goes on, and says once what happened.

use std::{fs, time::Duration};

use wallwatch_test_support::{
    Firewall, Helper, SystemBus, TempDir, TestNet, helper::RIGHTS, netns::attacker_v4,
    process::wait_until, require_root,
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);
/// Gives a program another time of day (faketime(1)), as a file says it.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[test]
fn a_clock_that_is_set_back_an_hour_hides_no_attack() {
    require_root!();
    let (bus, net, dir) = (
        SystemBus::start(),
        TestNet::new(Firewall::DropInput),
        TempDir::new(),
    );
    let offset = dir.write("offset", "+0\n");
    let mut helper = Helper::launch_altered(
        &bus,
        &net.victim,
        &RIGHTS,
        &["--capture", "on", "-v"],
        |program| {
            // Not set for setpriv, which would make what they share as root.
            program.by([
                "env".to_owned(),
                format!("LD_PRELOAD={FAKETIME}"),
                format!("FAKETIME_TIMESTAMP_FILE={}", offset.display()),
                "FAKETIME_NO_CACHE=1".to_owned(),
                "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            ])
        },
    );
    helper.wait_for_name(&bus);
    let capturing = || {
        let sources = bus.status().sources;
        sources
            .iter()
            .any(|source| source.name == "nflog" && source.state == "working")
    };
    wait_until("capture works", LIMIT, capturing);
    let started_at = bus.status().started_at;
    let scan = |n: u8| {
        let source = attacker_v4(n);
        net.nmap(source.into())
            .args(["-sS", "-p", "100-120"])
            .succeed();
        let word = source.to_string();
        wait_until("the scan is told", LIMIT, || {
            bus.alerts()
                .iter()
                .any(|alert| alert.sources.contains(&word))
        });
    };
    scan(1);
    fs::write(&offset, "-3600\n").expect("a file can be written in the temporary directory");
    scan(2);
    // The second start of the same scan belongs to the first incident.
    scan(1);
    let alerts = bus.alerts();
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    assert!(alerts.iter().all(|alert| alert.verdict == "dropped"));
    fs::write(&offset, "+0\n").expect("a file can be written in the temporary directory");
    scan(3);
    assert_eq!(bus.alerts().len(), 3);
    assert_eq!(bus.status().started_at, started_at);
    assert!(helper.process().is_running());
}
