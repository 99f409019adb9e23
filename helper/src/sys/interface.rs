//! The names of network interfaces, and when those that are remembered are to be asked for again.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    ffi::CStr,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::event::{Interface, bounded};

/// So many names are remembered.
const MOST_NAMES: usize = 64;

/// How often a name of this process's network was given, changed or taken away. The numbers of interfaces belong to the network
/// of the process, so there is one for the process.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Interfaces came, went or have other names: what is remembered of them is to be asked for again.
pub fn names_changed() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Names that were asked for, until [`names_changed`] is called.
#[derive(Debug, Default)]
pub struct Names {
    known: Vec<(u32, Interface)>,
    generation: u32,
}

impl Names {
    /// None is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the interface with this number; empty where there is none.
    pub fn of(&mut self, index: u32) -> Interface {
        let generation = GENERATION.load(Ordering::Relaxed);
        if self.generation != generation || self.known.len() >= MOST_NAMES {
            self.known.clear();
            self.generation = generation;
        }
        if let Some((_, name)) = self.known.iter().find(|(known, _)| *known == index) {
            return *name;
        }
        let name = name_of(index).unwrap_or_default();
        self.known.push((index, name));
        name
    }
}

/// The present name of the interface with this number, where there is one.
#[must_use]
pub fn name_of(index: u32) -> Option<Interface> {
    let mut name = [0_u8; libc::IF_NAMESIZE];
    // SAFETY: if_indextoname(3) writes at most IF_NAMESIZE bytes, its end included, and the buffer is as large.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) };
    if found.is_null() {
        return None;
    }
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    Some(bounded(&name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interface_is_the_loopback_and_the_last_number_is_none() {
        assert_eq!(name_of(1).as_deref(), Some("lo"));
        assert_eq!(name_of(u32::MAX), None);
    }

    #[test]
    fn names_are_remembered_until_they_change() {
        let mut names = Names::new();
        assert_eq!(
            (names.of(1).as_str(), names.of(u32::MAX).as_str()),
            ("lo", "")
        );
        names.known.push((7, bounded("old0")));
        assert_eq!(names.of(7), *"old0");
        names_changed();
        assert_ne!(names.of(7), *"old0");
        for index in 1000..2000 {
            names.of(index);
            assert!(names.known.len() <= MOST_NAMES);
        }
    }
}
