//! How many packets met which fate, so that one that was told wrongly can be put right.

use wallwatch_dbus::Verdict;

/// Packets by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fates {
    dropped: u32,
    passed: u32,
    unknown: u32,
}

impl Fates {
    /// One packet with this verdict.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        let mut fates = Self::default();
        *fates.of_verdict(verdict) = 1;
        fates
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            dropped: self.dropped.saturating_add(other.dropped),
            passed: self.passed.saturating_add(other.passed),
            unknown: self.unknown.saturating_add(other.unknown),
        }
    }

    /// What became of one that was told otherwise; says whether there is one.
    pub fn put_right(&mut self, told: Verdict, is: Verdict) -> bool {
        let count = self.of_verdict(told);
        let Some(less) = count.checked_sub(1) else {
            return false;
        };
        *count = less;
        let count = self.of_verdict(is);
        *count = count.saturating_add(1);
        true
    }

    const fn of_verdict(&mut self, verdict: Verdict) -> &mut u32 {
        match verdict {
            Verdict::Dropped => &mut self.dropped,
            Verdict::Passed => &mut self.passed,
            Verdict::Mixed | Verdict::Unknown => &mut self.unknown,
        }
    }

    /// What became of all of them: where nothing is known of one, nothing is claimed.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match (self.dropped, self.passed, self.unknown) {
            (_, _, 1..) | (0, 0, 0) => Verdict::Unknown,
            (0, _, 0) => Verdict::Passed,
            (_, 0, 0) => Verdict::Dropped,
            (_, _, 0) => Verdict::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Dropped, Mixed, Passed, Unknown};

    #[test]
    fn the_verdict_on_many_is_that_on_all_of_them() {
        for (verdicts, all) in [
            (&[Dropped, Dropped][..], Dropped),
            (&[Passed], Passed),
            (&[Dropped, Passed, Dropped], Mixed),
            (&[Dropped, Unknown], Unknown),
            (&[], Unknown),
        ] {
            let fates = verdicts.iter().copied().map(Fates::of);
            let fates = fates.fold(Fates::default(), Fates::and);
            assert_eq!(fates.verdict(), all, "{verdicts:?}");
        }
    }

    #[test]
    fn one_that_passed_after_all_makes_the_rest_mixed_and_the_last_makes_them_passed() {
        let mut fates = Fates::of(Dropped).and(Fates::of(Dropped));
        assert!(fates.put_right(Dropped, Passed));
        assert_eq!(fates.verdict(), Mixed);
        assert!(fates.put_right(Dropped, Passed));
        assert_eq!(fates.verdict(), Passed);
        assert!(!fates.put_right(Dropped, Passed));
        assert_eq!(fates.verdict(), Passed);
    }
}
