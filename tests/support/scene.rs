//! Where most end-to-end tests play: attacker, victim, system bus, and the helper that watches the victim.

use crate::{
    helper::Helper,
    netns::{Firewall, TestNet},
    system_bus::SystemBus,
};

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
        Self { helper, net, bus }
    }
}
