//! Counts the bytes of the heap that are held.

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static COUNTING: PeakAlloc = PeakAlloc;

/// What all threads hold is counted together, so one looks at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A count that has begun.
pub(super) struct Count {
    before: usize,
    _alone: MutexGuard<'static, ()>,
}

/// Counts from here on.
pub(super) fn begin() -> Count {
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    COUNTING.reset_peak_usage();
    Count {
        before: COUNTING.current_usage(),
        _alone: alone,
    }
}

impl Count {
    /// The most that was held at a time since it began, in bytes.
    pub(super) fn most(&self) -> usize {
        COUNTING.peak_usage().saturating_sub(self.before)
    }
}
