//! Subscribers that do not read: nobody else is held up by them, and nothing grows without bound.

use std::{thread, time::Duration};

use wallwatch_test_support::{
    Caller, Firewall, Helper, Login, SystemBus, TestNet,
    netns::attacker_v4,
    process::{figures, now, wait_until},
    require_root,
    system_bus::BOB,
};

use crate::LIMIT;

#[test]
fn experiment() {
    require_root!();
    for narrow in [false, true] {
        let bus = if narrow {
            SystemBus::narrow(64 * 1024)
        } else {
            SystemBus::start()
        };
        let net = TestNet::new(Firewall::DropInput);
        let helper = Helper::start(&bus, &net.victim);
        wait_until("packets are captured", LIMIT * 2, || {
            bus.status()
                .sources
                .iter()
                .any(|source| source.name == "nflog" && source.state == "working")
        });
        let login = Login::start(&bus, BOB);
        let mut bob = Caller::in_session(&bus, &login);
        let mut root = Caller::start(&bus, 0);
        assert_eq!(bob.call("Subscribe"), "");
        assert_eq!(root.call("Subscribe"), "");
        bob.process().signal("STOP");
        let before = figures(helper.pid()).rss_kib;
        let start = now();
        let scans: Vec<_> = (1..=15)
            .map(|n| {
                net.nmap(attacker_v4(n).into())
                    .args(["-sS", "-p", "1-3000", "--max-rate", "300"])
                    .start()
            })
            .collect();
        for _ in 0..12 {
            thread::sleep(Duration::from_secs(1));
            let asked = now();
            let told = root.call("GetStatus");
            println!(
                "narrow {narrow} at {:?}: root heard {:?}, {told:?} in {:?}",
                start.elapsed(),
                root.heard(),
                asked.elapsed()
            );
        }
        drop(scans);
        println!(
            "seq at helper {} RSS {before} -> {}",
            bus.status().last_seq,
            figures(helper.pid()).rss_kib
        );
        bob.process().signal("CONT");
        println!("bob heard {:?} root {:?}", bob.heard(), root.heard());
    }
}
