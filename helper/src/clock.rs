//! The only place that reads the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{event::Timestamp, sys::clock_change};

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

/// How long the machine has slept since it started. It grows in sleep alone.
#[must_use]
pub fn asleep() -> Duration {
    clock_change::asleep()
}
