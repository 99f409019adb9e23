//! The clocks of this place, for log lines that tell no zone.
#![expect(unsafe_code, reason = "system calls")]

use std::mem;

use crate::{decode::Zone, event::Timestamp};

/// A day, in seconds: no place changes its clocks twice within it.
const DAY: i64 = 86_400;
/// Lines that are followed are of the last days; a year bears a file that was left alone for long, in days.
const BACK: i64 = 366;
/// And as far ahead, for a helper that runs for long.
const AHEAD: i64 = 366;

/// The changes of this place's clocks around `now`. The system's time zone is read once in the life of the program.
#[must_use]
pub fn zone(now: Timestamp) -> Zone {
    let today = now.0.div_euclid(Timestamp::SECOND);
    let first = today - BACK * DAY;
    let mut before = offset_at(first);
    let start = before;
    let mut changes = Vec::new();
    for day in 1..=BACK + AHEAD {
        let (mut same, mut other) = (first + (day - 1) * DAY, first + day * DAY);
        let after = offset_at(other);
        if after == before {
            continue;
        }
        while other - same > 1 {
            let middle = i64::midpoint(same, other);
            if offset_at(middle) == before {
                same = middle;
            } else {
                other = middle;
            }
        }
        changes.push((other, after));
        before = after;
    }
    Zone::changing(start, changes)
}

/// Seconds by which this place's clocks are ahead of UTC at that second since 1970.
fn offset_at(second: i64) -> i32 {
    // SAFETY: a tm is made of integers and a pointer to a constant string, for all of which zero is a value.
    let mut broken: libc::tm = unsafe { mem::zeroed() };
    // SAFETY: localtime_r(3) reads one number and writes one tm; both live over the call.
    let told = unsafe { libc::localtime_r(&raw const second, &raw mut broken) };
    if told.is_null() {
        return 0;
    }
    i32::try_from(broken.tm_gmtoff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_shows_what_the_c_library_shows() {
        let now = Timestamp(1_795_564_800 * Timestamp::SECOND);
        let zone = zone(now);
        for hour in -360 * 24..360 * 24 {
            let utc = 1_795_564_800 + hour * 3600;
            let offset = i64::from(offset_at(utc));
            // An hour that the clocks show twice is read as the first.
            let shown = zone.offset_at(utc + offset);
            assert!(
                shown == offset || shown == i64::from(offset_at(utc - 7200)),
                "at {utc}: {shown} in place of {offset}"
            );
        }
    }
}
