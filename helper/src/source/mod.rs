//! Where events come from: one file each, all with the same verbs.
//!
//! [`nflog`] is the primary source: packets that the own nftables [`table`] logs, paired by [`pairing`]. [`kmsg`] reads the LOG
//! lines of rules that the user has, [`journal`] and [`mod@file`] read the same lines where others copied them to, and [`ulogd`] what
//! that program writes; [`tail`] follows files for them, and a [`reader`] makes events of lines. [`nfqueue`] takes the packets that the
//! user's rules hand to a queue. A [`keeper`] holds a source open as long as it is wanted, tries again when it fails, and writes its
//! [`health`]; [`auto`] decides which are wanted where nobody said so. What a source hears it hands to a [`Sink`], one
//! by one and by reference, so that nothing is copied and nothing waits between the kernel and detection.

pub mod advice;
pub mod auto;
pub mod conntrack;
pub mod file;
pub mod health;
pub mod journal;
pub mod keeper;
pub mod kmsg;
pub mod nflog;
pub mod nfqueue;
pub mod pairing;
pub mod reader;
mod request;
pub mod table;
pub mod tail;
pub mod ulogd;

use std::{fmt, path::Path};

use crate::{event::Event, flow::Flow};

/// Who takes what a source hears.
pub trait Sink {
    /// A packet came.
    fn packet(&mut self, event: &Event);

    /// A packet that was told as stopped had passed: its second record came late.
    fn passed_after_all(&mut self, event: &Event);

    /// A flow began or ended.
    fn flow(&mut self, flow: &Flow);
}

/// A source of events that is open.
pub trait Source: Sized + Send {
    /// Does it tell of packets, which another source may tell of too?
    const PACKETS: bool = true;

    /// Does it tell of every packet that asks this machine for something, be it stopped or not? Then flows that begin are no news.
    const EVERY: bool = false;

    /// Waits, without a timer where it can, until [`Self::drain`] has something to do. It may be given up at any time and asked
    /// again. An error ends the source.
    fn ready(&mut self) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Hands on what there is, without waiting; a bounded share of it where there is much, and then [`Self::ready`] returns at
    /// once. What it cannot take on stays where the kernel numbers it, so that a loss is counted exactly where it happens.
    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble>;

    /// Takes back whatever the source put into the system.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Why a source does not work, and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// A sentence.
    pub reason: String,
    /// A command, or empty where none is known.
    pub mend: String,
}

impl Trouble {
    /// A trouble that this command mends.
    #[must_use]
    pub fn new(reason: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if self.mend.is_empty() {
            Ok(())
        } else {
            write!(f, " To mend it: {}", self.mend)
        }
    }
}

impl std::error::Error for Trouble {}

/// The command that installs a package here, by the package manager that is present.
#[must_use]
pub fn install_command(package: &str) -> String {
    const MANAGERS: [(&str, &str); 5] = [
        ("/usr/bin/apt-get", "apt install"),
        ("/usr/bin/dnf", "dnf install"),
        ("/usr/bin/pacman", "pacman -S"),
        ("/usr/bin/zypper", "zypper install"),
        ("/sbin/apk", "apk add"),
    ];
    let found = MANAGERS.iter().find(|(path, _)| Path::new(path).exists());
    found.map_or_else(String::new, |(_, command)| {
        format!("sudo {command} {package}")
    })
}

/// The command that starts the helper with the rights that it needs.
#[must_use]
pub fn start_command() -> String {
    if Path::new("/run/systemd/system").is_dir() {
        return "sudo systemctl restart wallwatch-helper".to_owned();
    }
    let program = std::env::current_exe().unwrap_or_else(|_| "wallwatch-helper".into());
    format!(
        "sudo setpriv --reuid wallwatch --regid wallwatch --clear-groups --inh-caps +net_admin,+syslog \
         --ambient-caps +net_admin,+syslog --bounding-set -all,+net_admin,+syslog --no-new-privs {}",
        program.display()
    )
}
