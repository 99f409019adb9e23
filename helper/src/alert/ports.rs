//! The set of attacked ports, and how it is written.

use std::fmt::Write as _;

/// Up to so many ports are kept as a sorted list; more become a bitmap of 8 KiB.
const LISTED: usize = 256;
/// At most so many bytes of text; what does not fit is left out behind an ellipsis, as the number of ports is told besides.
pub const MAX_PORTS_TEXT: usize = 256;

/// Different ports.
#[derive(Debug, Clone)]
pub enum PortSet {
    /// A few, in ascending order.
    List(Vec<u16>),
    /// Many: one bit for each port, and how many are set.
    Map(Box<[u64; 1024]>, u32),
}

impl Default for PortSet {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl PortSet {
    /// Adds a port; says whether it is new.
    pub fn insert(&mut self, port: u16) -> bool {
        match self {
            Self::List(list) => {
                // Without a branch for each: most ports come again, and then the processor goes through a whole list faster than it
                // jumps about in it.
                #[expect(clippy::needless_bitwise_bool, reason = "a lazy one is a branch")]
                let is_known = |known, listed: &u16| known | (*listed == port);
                if list.iter().fold(false, is_known) {
                    return false;
                }
                let at = list.partition_point(|listed| *listed < port);
                list.insert(at, port);
                if list.len() > LISTED {
                    self.spread();
                }
                true
            }
            Self::Map(map, count) => {
                let word = &mut map[usize::from(port / 64)];
                let bit = 1 << (port % 64);
                let new = *word & bit == 0;
                *word |= bit;
                *count += u32::from(new);
                new
            }
        }
    }

    /// Makes a bitmap of the list.
    fn spread(&mut self) {
        if let Self::List(list) = self {
            let mut map = Box::new([0; 1024]);
            for port in list.iter() {
                map[usize::from(port / 64)] |= 1 << (port % 64);
            }
            *self = Self::Map(map, u32::try_from(list.len()).unwrap_or(u32::MAX));
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        match self {
            Self::List(list) => u32::try_from(list.len()).unwrap_or(u32::MAX),
            Self::Map(_, count) => *count,
        }
    }

    /// Is this port among them?
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        match self {
            Self::List(list) => list.binary_search(&port).is_ok(),
            Self::Map(map, _) => map[usize::from(port / 64)] & (1 << (port % 64)) != 0,
        }
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The least port that is not below `from`.
    fn next(&self, from: u16) -> Option<u16> {
        match self {
            Self::List(list) => list.get(list.partition_point(|port| *port < from)).copied(),
            Self::Map(map, _) => {
                let first = usize::from(from / 64);
                let rest = map[first] & (u64::MAX << (from % 64));
                let words = std::iter::once(rest).chain(map[first + 1..].iter().copied());
                let (word, bits) = (first..).zip(words).find(|(_, bits)| *bits != 0)?;
                u16::try_from(word * 64 + usize::try_from(bits.trailing_zeros()).ok()?).ok()
            }
        }
    }

    /// The last port of the run that `from`, which is in the set, stands in.
    fn end_of_run(&self, from: u16) -> u16 {
        let mut last = from;
        while let Some(next) = last.checked_add(1) {
            if self.next(next) != Some(next) {
                break;
            }
            last = next;
        }
        last
    }

    /// The ports as `22,80,1000-1500`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut from = Some(0);
        while let Some(first) = from.and_then(|from| self.next(from)) {
            let last = self.end_of_run(first);
            let mut run = String::new();
            // A string takes whatever is written.
            let written = match last - first {
                0 => write!(run, "{first}"),
                1 => write!(run, "{first},{last}"),
                _ => write!(run, "{first}-{last}"),
            };
            if written.is_err() || text.len() + run.len() + 2 > MAX_PORTS_TEXT - "...".len() {
                text.push_str(",...");
                break;
            }
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&run);
            from = last.checked_add(1);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ports: impl IntoIterator<Item = u16>) -> PortSet {
        let mut set = PortSet::default();
        for port in ports {
            set.insert(port);
        }
        set
    }

    #[test]
    fn runs_are_written_as_ranges() {
        for (ports, text) in [
            (vec![], ""),
            (vec![80, 22], "22,80"),
            (vec![1, 2], "1,2"),
            (vec![3, 1, 2, 80], "1-3,80"),
            (vec![0, 65535, 65534, 65533], "0,65533-65535"),
        ] {
            assert_eq!(set(ports).text(), text);
        }
    }

    #[test]
    fn many_ports_are_counted_and_written_alike() {
        for ports in [1..=1000, 0..=65535_u16] {
            let all = set(ports.clone());
            assert_eq!(all.len(), u32::from(*ports.end() - ports.start()) + 1);
            assert_eq!(all.text(), format!("{}-{}", ports.start(), ports.end()));
        }
    }

    #[test]
    fn a_port_counts_once() {
        let mut odd = set((0..2000).map(|port| port * 2 + 1));
        assert!(!odd.insert(1));
        assert!(odd.insert(2));
        assert_eq!(odd.len(), 2001);
    }

    #[test]
    fn the_text_is_bounded() {
        let text = set((0..2000).map(|port| port * 3)).text();
        assert!(text.len() <= MAX_PORTS_TEXT, "{}", text.len());
        assert!(text.starts_with("0,3,6,") && text.ends_with(",..."));
    }
}
