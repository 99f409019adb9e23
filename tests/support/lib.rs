//! What the tests stand on: network namespaces, a real system bus, a fake desktop.
//!
//! [`process`] starts every program of the tests and ends it. [`netns`] holds an attacker and a victim on a
//! cable of their own, [`system_bus`] a real dbus-daemon and a real polkitd with the shipped policy files, and
//! [`helper`] the real helper between the two. Everything is taken down by `Drop`, and by the kernel where a
//! test is killed. Where no real part is needed, [`private_bus`] is a bus with nobody on it, [`fake_helper`] the helper's contract
//! without a firewall, [`fake_polkit`] polkit's signal without a judge, [`mallory`] a stranger, and [`fake_desktop`] a panel and a notification server without pixels. [`stage`] puts the tray among those;
//! [`caller`] is somebody on the system bus who does what he is told, in a [`login`] session and with a polkit [`agent`].
//! [`flood`] is what the attacker sends where nmap is too slow; [`firewalld`] is a real one. [`scene`] is attacker, victim and helper, and [`world`] adds the tray and the fake desktop to it. [`xfce`] is a real desktop.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::print_stderr,
    clippy::unwrap_in_result,
    reason = "what a test stands on panics when it breaks, is called for its effect, and speaks to whoever runs the test"
)]

pub mod agent;
pub mod background;
pub mod caller;
pub mod fake_desktop;
pub mod fake_helper;
pub mod fake_polkit;
pub mod firewalld;
pub mod flood;
pub mod helper;
pub mod log_all;
pub mod login;
pub mod mallory;
pub mod memory;
pub mod netns;
pub mod private_bus;
pub mod probe;
pub mod process;
pub mod raised;
pub mod scene;
pub mod session;
pub mod stage;
pub mod system_bus;
pub mod temp;
pub mod world;
pub mod xfce;

pub use agent::{Agent, Answer};
pub use caller::Caller;
pub use fake_desktop::{Notifier, Panel};
pub use fake_helper::FakeHelper;
pub use fake_polkit::FakePolkit;
pub use firewalld::Firewalld;
pub use helper::Helper;
pub use log_all::LogAllNamespaces;
pub use login::Login;
pub use mallory::Mallory;
pub use netns::{Firewall, NetNs, TestNet};
pub use private_bus::{PrivateBus, Screen};
pub use process::{Figures, Output, Process, Program, figures, wait_until};
pub use raised::Raised;
pub use scene::Scene;
pub use session::Session;
pub use stage::Stage;
pub use system_bus::SystemBus;
pub use temp::TempDir;
pub use world::{Popup, World};
pub use xfce::Xfce;
