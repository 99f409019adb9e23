//! A table of fixed size: sets of eight places, each made when first touched.

/// Places of one set.
const WAYS: usize = 8;

/// A table of at most eight times `sets` entries, found by their tags.
#[derive(Debug)]
pub(crate) struct Sets<T> {
    sets: Vec<Vec<(u64, T)>>,
}

impl<T> Sets<T> {
    /// An empty table.
    pub(crate) fn new(sets: usize) -> Self {
        Self {
            sets: std::iter::repeat_with(Vec::new).take(sets.max(1)).collect(),
        }
    }

    fn set_of(&self, tag: u64) -> usize {
        // The upper bits: the product spreads into them best.
        usize::try_from(tag >> 32).unwrap_or(0) % self.sets.len()
    }

    /// The entry of a tag, to be looked at alone.
    pub(crate) fn find(&self, tag: u64) -> Option<&T> {
        let set = self.set_of(tag);
        self.sets[set]
            .iter()
            .find(|(known, _)| *known == tag)
            .map(|(_, entry)| entry)
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// The entry of a tag.
    pub(crate) fn get(&mut self, tag: u64) -> Option<&mut T> {
        let set = self.set_of(tag);
        self.sets[set]
            .iter_mut()
            .find(|(known, _)| *known == tag)
            .map(|(_, entry)| entry)
    }

    /// Takes the entry of a tag out.
    pub(crate) fn remove(&mut self, tag: u64) -> Option<T> {
        let set = self.set_of(tag);
        let at = self.sets[set].iter().position(|(known, _)| *known == tag)?;
        Some(self.sets[set].swap_remove(at).1)
    }

    /// Puts a new entry in; where its set is full, the entry of least worth goes.
    pub(crate) fn insert<K: PartialOrd>(
        &mut self,
        tag: u64,
        entry: T,
        worth: impl Fn(&T) -> K,
    ) -> &mut T {
        let set = self.set_of(tag);
        let set = &mut self.sets[set];
        if set.capacity() == 0 {
            set.reserve_exact(WAYS);
        }
        if set.len() < WAYS {
            set.push((tag, entry));
            let last = set.len() - 1;
            return &mut set[last].1;
        }
        let mut weakest = 0;
        for at in 1..set.len() {
            if worth(&set[at].1) < worth(&set[weakest].1) {
                weakest = at;
            }
        }
        set[weakest] = (tag, entry);
        &mut set[weakest].1
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
