//! The clocks of this machine, for log lines that tell no zone.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use wallwatch_helper::{clock, decode::Zone};

/// Log files reach back so far: ten years of 365 days.
const REACH_BACK: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// A stamp is at most a day ahead of the clock; a year bears a clock that was set wrong.
const REACH_AHEAD: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The system's time zone.
pub(crate) fn system_zone() -> Zone {
    let now = Timestamp::from_microsecond(clock::now().0).unwrap_or_default();
    zone_of(&TimeZone::system(), now)
}

/// The changes of a time zone's clocks around `now`.
fn zone_of(rules: &TimeZone, now: Timestamp) -> Zone {
    let first = now.checked_sub(REACH_BACK).unwrap_or(Timestamp::MIN);
    let last = now.checked_add(REACH_AHEAD).unwrap_or(Timestamp::MAX);
    let changes = rules
        .following(first)
        .take_while(|change| change.timestamp() <= last)
        .map(|change| (change.timestamp().as_second(), change.offset().seconds()))
        .collect();
    Zone::changing(rules.to_offset(first).seconds(), changes)
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;

    use super::*;

    /// 2026-11-25 00:00 UTC.
    const NOW: i64 = 1_795_564_800;

    #[test]
    fn each_quarter_of_an_hour_of_eleven_years_is_read_as_the_time_zone_data_say() {
        let now = Timestamp::from_second(NOW).unwrap();
        for name in [
            "UTC",
            "Europe/Berlin",
            "Europe/London",
            "America/New_York",
            "America/St_Johns",
            "America/Sao_Paulo",
            // Half an hour of daylight saving.
            "Australia/Lord_Howe",
            // Clocks that go back for Ramadan.
            "Africa/Casablanca",
            // New rules in 2016, 2018 and 2019.
            "Asia/Pyongyang",
            "Africa/Sao_Tome",
            "Asia/Kathmandu",
            "Pacific/Kiritimati",
        ] {
            let rules = TimeZone::get(name).unwrap();
            let zone = zone_of(&rules, now);
            let mut local = NOW - 10 * 364 * 86_400;
            while local < NOW + 360 * 86_400 {
                let shown = Timestamp::from_second(local).unwrap();
                let shown: DateTime = TimeZone::UTC.to_datetime(shown);
                let utc = rules.to_ambiguous_timestamp(shown).compatible().unwrap();
                assert_eq!(
                    zone.offset_at(local),
                    local - utc.as_second(),
                    "{name} {shown}"
                );
                local += 900;
            }
        }
    }
}
