//! A table of fixed size: sets of eight places, each made when first touched.

use arrayvec::ArrayVec;

/// Places of one set.
const WAYS: usize = 8;

/// A table of at most eight times `sets` entries, found by their tags.
#[derive(Debug)]
pub(crate) struct Sets<T> {
    /// As many as a power of two.
    sets: Vec<Option<Box<Set<T>>>>,
}

/// The tags stand together, apart from the entries: looking for one touches one line of the processor's cache.
#[derive(Debug)]
struct Set<T> {
    tags: ArrayVec<u64, WAYS>,
    entries: ArrayVec<T, WAYS>,
}

/// Where an entry stands, until the next one is put in or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    set: usize,
    way: usize,
}

impl<T> Set<T> {
    const EMPTY: Self = Self {
        tags: ArrayVec::new_const(),
        entries: ArrayVec::new_const(),
    };

    fn way_of(&self, tag: u64) -> Option<usize> {
        self.tags.iter().position(|known| *known == tag)
    }
}

impl<T> Sets<T> {
    /// An empty table of so many sets, or as many more as make a power of two.
    pub(crate) fn new(sets: usize) -> Self {
        let sets = sets.next_power_of_two();
        Self {
            sets: std::iter::repeat_with(|| None).take(sets).collect(),
        }
    }

    fn set_of(&self, tag: u64) -> usize {
        // The upper bits: the product spreads into them best.
        usize::try_from(tag >> 32).unwrap_or(0) & (self.sets.len() - 1)
    }

    /// Where the entry of a tag stands.
    pub(crate) fn place(&self, tag: u64) -> Option<Place> {
        let set = self.set_of(tag);
        let way = self.sets[set].as_ref()?.way_of(tag)?;
        Some(Place { set, way })
    }

    /// The entry at a place.
    pub(crate) fn at(&mut self, place: Place) -> Option<&mut T> {
        self.sets[place.set].as_mut()?.entries.get_mut(place.way)
    }

    /// The entry of a tag, to be looked at alone.
    pub(crate) fn find(&self, tag: u64) -> Option<&T> {
        let set = self.sets[self.set_of(tag)].as_ref()?;
        set.entries.get(set.way_of(tag)?)
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sets.iter().flatten().map(|set| set.tags.len()).sum()
    }

    /// The entry of a tag.
    pub(crate) fn get(&mut self, tag: u64) -> Option<&mut T> {
        self.place(tag).and_then(|place| self.at(place))
    }

    /// Takes the entry of a tag out.
    pub(crate) fn remove(&mut self, tag: u64) -> Option<T> {
        let Place { set, way } = self.place(tag)?;
        let set = self.sets[set].as_mut()?;
        set.tags.swap_remove(way);
        Some(set.entries.swap_remove(way))
    }

    /// Puts a new entry in; where its set is full, the entry of least worth goes.
    pub(crate) fn insert<K: PartialOrd>(
        &mut self,
        tag: u64,
        entry: T,
        worth: impl Fn(&T) -> K,
    ) -> Place {
        let place = self.set_of(tag);
        let set = self.sets[place].get_or_insert_with(|| Box::new(Set::EMPTY));
        let way = set.tags.len();
        if way < WAYS {
            set.tags.push(tag);
            set.entries.push(entry);
            return Place { set: place, way };
        }
        let (mut weakest, mut least) = (0, worth(&set.entries[0]));
        for (way, entry) in set.entries.iter().enumerate().skip(1) {
            let worth = worth(entry);
            if worth < least {
                (weakest, least) = (way, worth);
            }
        }
        set.tags[weakest] = tag;
        set.entries[weakest] = entry;
        Place {
            set: place,
            way: weakest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_set_gives_up_what_is_worth_least() {
        let mut table = Sets::new(1);
        for tag in 1..=8_u64 {
            table.insert(tag, tag * 10, |worth| *worth);
        }
        table.insert(9, 5, |worth| *worth);
        assert_eq!(table.get(1), None);
        assert_eq!(table.get(9), Some(&mut 5));
        table.insert(10, 99, |worth| *worth);
        assert_eq!(table.get(9), None);
        assert_eq!(table.get(10), Some(&mut 99));
        assert_eq!((2..=8).filter(|tag| table.get(*tag).is_some()).count(), 7);
    }

    #[test]
    fn what_is_taken_out_is_gone() {
        let mut table = Sets::new(4);
        table.insert(7, 'a', |_| 0);
        assert_eq!(
            (table.remove(7), table.remove(7), table.get(7)),
            (Some('a'), None, None)
        );
    }
}
