//! The clock of stamps that tell no zone.

/// Offsets from UTC of a place's clocks, as a plain value: whoever knows the place's rules fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// From which second since 1970 (UTC) on the clocks are so many seconds ahead of UTC, in order.
    changes: Vec<(i64, i32)>,
}

impl Default for Zone {
    fn default() -> Self {
        Self::fixed(0)
    }
}

impl Zone {
    /// Clocks that are always so many seconds ahead of UTC.
    #[must_use]
    pub fn fixed(offset: i32) -> Self {
        Self {
            changes: vec![(i64::MIN, offset)],
        }
    }

    /// Clocks that are `first` seconds ahead of UTC, and from each of the moments on by another offset.
    #[must_use]
    pub fn changing(first: i32, mut changes: Vec<(i64, i32)>) -> Self {
        changes.insert(0, (i64::MIN, first));
        changes.sort_by_key(|(from, _)| *from);
        Self { changes }
    }

    /// Seconds by which the clocks were ahead of UTC when they showed `local` (seconds since 1970 by those clocks).
    ///
    /// Of an hour that the clocks showed twice the first is meant; one that they skipped is read by the offset before.
    #[must_use]
    pub fn offset_at(&self, local: i64) -> i64 {
        let mut offset = 0;
        let mut before = 0;
        for (at, (from, ahead)) in self.changes.iter().enumerate() {
            let ahead = i64::from(*ahead);
            // While the clocks go back, the old offset holds until they showed the change's hour.
            let previous = if at == 0 { ahead } else { before };
            if from.saturating_add(previous.max(ahead)) > local {
                break;
            }
            offset = ahead;
            before = ahead;
        }
        offset
    }
}
