//! The clock of stamps that tell no zone.

/// Offsets from UTC of a place's clocks, as a plain value: whoever knows the place's rules fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Seconds by which the clocks were ahead of UTC before the first change.
    first: i32,
    /// What the clocks show (seconds since 1970) when an offset begins to hold, and that offset, in order.
    changes: Vec<(i64, i32)>,
}

/// A while in which the clocks had one offset; the times are those that the clocks showed, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// From then on.
    pub(super) from: i64,
    /// Until before then.
    pub(super) until: i64,
    /// Seconds ahead of UTC.
    pub(super) offset: i64,
}

impl Default for Zone {
    fn default() -> Self {
        Self::fixed(0)
    }
}

impl Zone {
    /// Clocks that are always so many seconds ahead of UTC.
    #[must_use]
    pub const fn fixed(offset: i32) -> Self {
        Self {
            first: offset,
            changes: Vec::new(),
        }
    }

    /// Clocks that are `first` seconds ahead of UTC, and from each of the moments (seconds since 1970, UTC) on by another
    /// offset.
    #[must_use]
    pub fn changing(first: i32, mut changes: Vec<(i64, i32)>) -> Self {
        changes.sort_by_key(|(from, _)| *from);
        let mut before = first;
        for (from, offset) in &mut changes {
            // The clocks skip the time between the two offsets, or show it twice: until they are past it the offset before
            // holds.
            *from = from.saturating_add(i64::from(before.max(*offset)));
            before = *offset;
        }
        Self { first, changes }
    }

    /// Seconds by which the clocks were ahead of UTC when they showed `local` (seconds since 1970 by those clocks).
    ///
    /// Of an hour that the clocks showed twice the first is meant; one that they skipped is read by the offset before.
    #[must_use]
    pub fn offset_at(&self, local: i64) -> i64 {
        self.span_at(local).offset
    }

    /// The while around `local` in which one offset held.
    pub(super) fn span_at(&self, local: i64) -> Span {
        let mut span = Span {
            from: i64::MIN,
            until: i64::MAX,
            offset: self.first.into(),
        };
        for (from, offset) in &self.changes {
            if *from > local {
                span.until = *from;
                break;
            }
            span.from = *from;
            span.offset = (*offset).into();
        }
        span
    }
}
