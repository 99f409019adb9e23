//! The names of interfaces by their numbers, for as long as they surely hold.

use std::time::{Duration, Instant};

use crate::{event::Interface, sys::interface};

/// A name is believed for so long: an interface can be renamed, or removed and its number given to another.
const HOLDS_FOR: Duration = Duration::from_secs(1);
/// So many names are remembered.
const MOST: usize = 64;

/// The names that were asked for lately.
#[derive(Debug, Default)]
pub(in crate::source) struct Names {
    known: Vec<(u32, Interface, Instant)>,
}

impl Names {
    /// The present name of this interface; empty where it is gone.
    pub(in crate::source) fn of(&mut self, index: u32, now: Instant) -> Interface {
        self.of_by(index, now, interface::name_of)
    }

    fn of_by(
        &mut self,
        index: u32,
        now: Instant,
        ask: impl FnOnce(u32) -> Option<Interface>,
    ) -> Interface {
        let place = self.known.iter().position(|(known, ..)| *known == index);
        if let Some(place) = place {
            let (_, name, asked) = &mut self.known[place];
            if now.saturating_duration_since(*asked) >= HOLDS_FOR {
                (*name, *asked) = (ask(index).unwrap_or_default(), now);
            }
            return *name;
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let name = ask(index).unwrap_or_default();
        self.known.push((index, name, now));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, event::bounded};

    #[test]
    fn a_number_that_another_interface_has_now_is_named_anew_within_a_second() {
        let (mut names, start) = (Names::default(), clock::moment());
        let mut name = |after: Duration, present: &str| {
            let ask = |_| (!present.is_empty()).then(|| bounded(present));
            names.of_by(7, start + after, ask).to_string()
        };
        assert_eq!(name(Duration::ZERO, "wlan0"), "wlan0");
        assert_eq!(name(HOLDS_FOR / 2, "tun0"), "wlan0", "not asked again");
        assert_eq!(name(HOLDS_FOR, "tun0"), "tun0");
        assert_eq!(name(HOLDS_FOR * 2, ""), "");
    }

    #[test]
    fn the_memory_is_bounded() {
        let (mut names, now) = (Names::default(), clock::moment());
        for index in 0..1000 {
            assert_eq!(names.of_by(index, now, |_| None).as_str(), "");
        }
        assert!(names.known.len() <= MOST);
    }
}
