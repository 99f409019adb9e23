//! What this process may do (capabilities(7)).

use std::{fs, io};

/// A capability, by its number in linux/capability.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Listen to the firewall and hold a table in it.
    NetAdmin = 12,
    /// Read the kernel's log.
    Syslog = 34,
}

/// The capabilities that are in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective(u64);

impl Effective {
    /// Those of this process.
    pub fn of_this_process() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        from_status(&status).ok_or_else(|| io::Error::other("/proc/self/status has no CapEff line"))
    }

    /// Is this one among them?
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u64) != 0
    }
}

/// Reads the `CapEff` line of a `/proc/PID/status` (`proc_pid_status(5)`).
fn from_status(status: &str) -> Option<Effective> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok().map(Effective)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_read_bit_by_bit() {
        let both =
            from_status("Name:\tx\nCapInh:\t0\nCapEff:\t0000000400001000\nCapBnd:\t0\n").unwrap();
        assert!(both.has(Capability::NetAdmin) && both.has(Capability::Syslog));
        let one = from_status("CapEff:\t0000000000001000\n").unwrap();
        assert!(one.has(Capability::NetAdmin) && !one.has(Capability::Syslog));
        assert_eq!(from_status("Name:\tx\n"), None);
    }
}
