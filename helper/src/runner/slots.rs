//! Who may run now, and who waits: a pure value.
//!
//! Each hook runs at most so often at a time, and what is over waits, one of each hook: the latest, which stands for those before. One
//! run of a hook waits for no other hook, so that scripts that hang delay their own hooks alone; of further runs there are a few in all.

use std::collections::{BTreeMap, VecDeque};

/// So many runs go on at a time beside the first of each hook.
pub const MOST_FURTHER: usize = 16;

/// Where a run goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Place<T> {
    /// It may start now; its end has to be told.
    Now(T),
    /// It waits.
    Waits,
}

#[derive(Debug)]
struct Waiting<T> {
    hook: String,
    at_once: usize,
    job: T,
}

/// What runs, and what waits.
#[derive(Debug)]
pub struct Slots<T> {
    /// How many of each hook run; no entry is 0.
    running: BTreeMap<String, usize>,
    /// In the order in which their hooks began to wait; at most one of each hook.
    waiting: VecDeque<Waiting<T>>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            running: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }
}

impl<T> Slots<T> {
    /// A run of this hook, of which at most so many run at a time. Where it has to wait and one waits already, `fold` has both, the
    /// older first, and the older is gone.
    pub fn offer(
        &mut self,
        hook: &str,
        at_once: usize,
        mut job: T,
        fold: impl FnOnce(T, &mut T),
    ) -> Place<T> {
        if let Some(older) = self.waiting.iter_mut().find(|one| one.hook == hook) {
            std::mem::swap(&mut older.job, &mut job);
            older.at_once = at_once;
            fold(job, &mut older.job);
            return Place::Waits;
        }
        if self.is_free(hook, at_once) {
            self.take(hook);
            return Place::Now(job);
        }
        self.waiting.push_back(Waiting {
            hook: hook.to_owned(),
            at_once,
            job,
        });
        Place::Waits
    }

    /// A run of this hook has ended. Returns what may start in its place; its end has to be told as well.
    pub fn ended(&mut self, hook: &str) -> Option<T> {
        if let Some(count) = self.running.get_mut(hook) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.running.remove(hook);
            }
        }
        let next = self
            .waiting
            .iter()
            .position(|one| self.is_free(&one.hook, one.at_once))?;
        let next = self.waiting.remove(next)?;
        self.take(&next.hook);
        Some(next.job)
    }

    /// Takes out all that wait.
    pub fn give_up(&mut self) -> impl Iterator<Item = T> {
        self.waiting.drain(..).map(|one| one.job)
    }

    /// Does nothing run and nothing wait?
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    fn is_free(&self, hook: &str, at_once: usize) -> bool {
        let further: usize = self.running.values().map(|count| count - 1).sum();
        match self.running.get(hook) {
            None => true,
            Some(count) => *count < at_once && further < MOST_FURTHER,
        }
    }

    fn take(&mut self, hook: &str) {
        *self.running.entry(hook.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(older: u32, latest: &mut u32) {
        *latest += older;
    }

    #[test]
    fn what_is_over_waits_as_the_latest_that_stands_for_those_before() {
        let mut slots = Slots::default();
        assert_eq!(slots.offer("a", 2, 1, add), Place::Now(1));
        assert_eq!(slots.offer("a", 2, 10, add), Place::Now(10));
        for job in [100, 1000, 10_000] {
            assert_eq!(slots.offer("a", 2, job, add), Place::Waits);
        }
        assert_eq!(slots.offer("b", 1, 5, add), Place::Now(5));
        assert_eq!(slots.ended("b"), None, "the place was another hook's");
        assert_eq!(slots.ended("a"), Some(11_100));
        assert_eq!(slots.ended("a"), None);
        assert_eq!(slots.ended("a"), None);
        assert!(slots.is_idle());
    }

    #[test]
    fn one_run_of_a_hook_waits_for_no_other_hook() {
        let mut slots = Slots::default();
        let started = (0..40).filter(|job| slots.offer("greedy", 16, *job, add) != Place::Waits);
        assert_eq!(started.count(), 16, "as many as it may");
        let started = (0..40).filter(|job| slots.offer("other", 16, *job, add) != Place::Waits);
        assert_eq!(started.count(), 2, "and so many in all beside the first");
        for hook in ["c", "d", "e"] {
            assert_eq!(slots.offer(hook, 2, 0, add), Place::Now(0));
            assert_eq!(slots.offer(hook, 2, 0, add), Place::Waits);
        }
        // Who waits first is at its own bound, so that the next has the place.
        assert_eq!(slots.ended("other"), Some((2..40).sum()));
        assert_eq!(slots.ended("greedy"), Some((16..40).sum()));
    }

    #[test]
    fn an_end_that_nobody_knows_changes_nothing() {
        let mut slots = Slots::<u32>::default();
        assert_eq!(slots.ended("a"), None);
        assert!(slots.is_idle());
    }
}
