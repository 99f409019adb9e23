//! Where most end-to-end tests play: attacker, victim, system bus, and the helper that watches the victim.

use std::time::Duration;

use crate::{
    helper::Helper,
    netns::{Firewall, TestNet},
    process::wait_until,
    system_bus::SystemBus,
};

/// How long nft(8) may need to take the table over, on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// The stage and the helper on it.
#[derive(Debug)]
pub struct Scene {
    // In the order in which they are taken down.
    /// The real helper, in the victim's namespace.
    pub helper: Helper,
    /// Attacker and victim.
    pub net: TestNet,
    /// The system bus with polkitd.
    pub bus: SystemBus,
}

impl Scene {
    /// A victim with this firewall, watched by a helper with `--capture on`.
    #[must_use]
    pub fn new(firewall: Firewall) -> Self {
        let bus = SystemBus::start();
        let net = TestNet::new(firewall);
        let helper = Helper::start(&bus, &net.victim);
        wait_until("packets are captured", LIMIT, || {
            let mut sources = bus.status().sources.into_iter();
            sources.any(|source| source.name == "nflog" && source.state == "working")
        });
        Self { helper, net, bus }
    }
}
