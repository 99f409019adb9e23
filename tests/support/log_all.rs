//! The sysctl that lets the kernel log what the rules of other namespaces than the first say.

use std::{
    fs,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The sysctl, set for as long as this lives and then put back. Tests of one program that need it run one after the other.
#[derive(Debug)]
pub struct LogAllNamespaces {
    old: String,
    _alone: MutexGuard<'static, ()>,
}

impl LogAllNamespaces {
    const PATH: &str = "/proc/sys/net/netfilter/nf_log_all_netns";

    /// Sets it.
    #[must_use]
    pub fn set() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let old = fs::read_to_string(Self::PATH).expect("the kernel has nf_log_all_netns");
        fs::write(Self::PATH, "1").expect("root may set it");
        Self { old, _alone: alone }
    }
}

impl Drop for LogAllNamespaces {
    fn drop(&mut self) {
        fs::write(Self::PATH, self.old.trim()).expect("root may set it back");
    }
}
