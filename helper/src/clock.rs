//! The only place that reads the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::event::Timestamp;

/// The present time of the system's clock, which may be set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where time enters")]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The present moment of a clock that never goes back, for measuring how long something takes.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where time enters")]
pub fn moment() -> Instant {
    Instant::now()
}
