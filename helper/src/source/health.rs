//! How a source fares: the record that `GetStatus` shows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use wallwatch_dbus::{SourceHealth, SourceState};

use super::Trouble;
use crate::{event::Timestamp, journal};

/// The rate is counted over so many microseconds.
const MINUTE: i64 = 60 * Timestamp::SECOND;

/// A source's state, and the number of the wish that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The number of the last wish that was worked on.
    pub wish: u64,
    /// The state; `None` while the source is being opened.
    pub state: Option<SourceState>,
}

/// The health record of one source, shared by the source, its keeper and the service.
#[derive(Debug)]
pub struct Health {
    name: String,
    // A std mutex, because nothing is awaited while it is held.
    record: Mutex<Record>,
    report: watch::Sender<Report>,
}

/// What is known of a source.
#[derive(Debug)]
struct Record {
    told: SourceHealth,
    rate: Rate,
    /// What the source says of itself.
    own: Opinion,
    /// What is said of it by whoever knows what feeds it.
    advice: Opinion,
}

/// What a source does not show although it is open. But for a source's own blindness it outlives that it is closed and opened.
#[derive(Debug)]
struct Opinion {
    /// Does it show nothing at all?
    blind: bool,
    /// Empty where it shows everything.
    trouble: Trouble,
    /// Was it said to the journal?
    said: bool,
}

impl Opinion {
    /// Everything is well.
    const fn none() -> Self {
        Self {
            blind: false,
            trouble: Trouble {
                reason: String::new(),
                mend: String::new(),
            },
            said: true,
        }
    }

    fn set(&mut self, blind: bool, trouble: &Trouble) {
        if self.blind != blind || self.trouble != *trouble {
            *self = Self {
                blind,
                trouble: trouble.clone(),
                said: trouble.reason.is_empty(),
            };
        }
    }
}

impl Record {
    /// How an open source fares, by both opinions.
    fn open(&self) -> (SourceState, Trouble) {
        let both = [&self.own, &self.advice].map(|opinion| &opinion.trouble);
        let reasons = both.map(|trouble| trouble.reason.as_str());
        let mend = both.map(|trouble| trouble.mend.as_str());
        let state = if self.own.blind || self.advice.blind {
            SourceState::Blind
        } else {
            SourceState::Working
        };
        let mend = mend.into_iter().find(|mend| !mend.is_empty());
        (
            state,
            Trouble::new(reasons.join(" ").trim(), mend.unwrap_or_default()),
        )
    }
}

/// Events by the minute, without a timer.
#[derive(Debug, Default)]
struct Rate {
    since: Timestamp,
    events: u64,
    /// Those of the whole minute before.
    before: u64,
}

impl Rate {
    /// Begins another minute where this one is over, or where the clock was set.
    fn turn(&mut self, now: Timestamp) {
        let passed = now.since(self.since);
        if !(0..MINUTE).contains(&passed) {
            self.before = if (MINUTE..2 * MINUTE).contains(&passed) {
                self.events
            } else {
                0
            };
            (self.since, self.events) = (now, 0);
        }
    }

    /// Events a minute: of the whole minute before only the share that the present one has not reached yet.
    fn a_minute(&mut self, now: Timestamp) -> u64 {
        self.turn(now);
        let left = u64::try_from(MINUTE - now.since(self.since)).unwrap_or(0);
        let minute = MINUTE.unsigned_abs();
        let share = u128::from(self.before) * u128::from(left) / u128::from(minute);
        self.events + u64::try_from(share).unwrap_or(0)
    }
}

impl Health {
    /// A source that is not wanted yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let state = SourceState::Off;
        let told = SourceHealth {
            name: name.to_owned(),
            state: state.to_string(),
            ..SourceHealth::default()
        };
        Self {
            name: name.to_owned(),
            record: Mutex::new(Record {
                told,
                rate: Rate::default(),
                own: Opinion::none(),
                advice: Opinion::none(),
            }),
            report: watch::Sender::new(Report {
                wish: 0,
                state: Some(state),
            }),
        }
    }

    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// So many events were delivered, the last of them at this time.
    pub fn events(&self, count: u64, last: Timestamp, now: Timestamp) {
        let mut record = self.lock();
        record.told.events = record.told.events.saturating_add(count);
        record.told.last_event = last.0;
        record.rate.turn(now);
        record.rate.events = record.rate.events.saturating_add(count);
    }

    /// So many records are known to be lost.
    pub fn lost(&self, records: u64) {
        let told = &mut self.lock().told;
        told.lost = told.lost.saturating_add(records);
    }

    /// So many packets were counted without a record each.
    pub fn counted(&self, packets: u64) {
        let told = &mut self.lock().told;
        told.counted = told.counted.saturating_add(packets);
    }

    /// The source is being opened.
    pub fn opening(&self, wish: u64) {
        self.tell(Report { wish, state: None });
    }

    /// The source works.
    pub fn working(&self, wish: u64) {
        let mut record = self.lock();
        // A source that was opened is not blind by its own account yet.
        if record.own.blind {
            record.own = Opinion::none();
        }
        self.describe_open(wish, &mut record);
    }

    /// The source stays as it is, which is what this wish asks for too.
    pub fn again(&self, wish: u64) {
        let state = self.report.borrow().state;
        self.tell(Report { wish, state });
    }

    /// The source is not wanted.
    pub fn off(&self, wish: u64) {
        self.set(wish, SourceState::Off, &Trouble::new("", ""));
    }

    /// The source is wanted and does not work.
    pub fn failed(&self, wish: u64, trouble: &Trouble) {
        self.set(wish, SourceState::Failed, trouble);
    }

    /// The source does not show everything although it works. It is said once, and stays until [`Self::sees_all`].
    pub fn note(&self, trouble: &Trouble) {
        self.think(false, trouble, |record| &mut record.own);
    }

    /// The source is open, but what fed it is gone. It is said once, and stays until [`Self::sees_all`].
    pub fn blind(&self, trouble: &Trouble) {
        self.think(true, trouble, |record| &mut record.own);
    }

    /// What fed the source is back, and it shows everything.
    pub fn sees_all(&self) {
        self.think(false, &Trouble::new("", ""), |record| &mut record.own);
    }

    /// Somebody else than the source knows what it does not show, or that it shows nothing; an empty trouble takes that back.
    pub fn advise(&self, blind: bool, trouble: &Trouble) {
        self.think(blind, trouble, |record| &mut record.advice);
    }

    /// The record as it stands now.
    #[must_use]
    pub fn record(&self, now: Timestamp) -> SourceHealth {
        let mut record = self.lock();
        record.told.rate = record.rate.a_minute(now);
        record.told.clone()
    }

    /// Tells when the state changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Report> {
        self.report.subscribe()
    }

    /// Takes over an opinion. It shows when the source is open; of any other it would be wrong.
    fn think(
        &self,
        blind: bool,
        trouble: &Trouble,
        which: impl FnOnce(&mut Record) -> &mut Opinion,
    ) {
        let mut record = self.lock();
        which(&mut record).set(blind, trouble);
        let open = [SourceState::Working, SourceState::Blind]
            .iter()
            .any(|state| state.as_str() == record.told.state);
        if open {
            let wish = self.report.borrow().wish;
            self.describe_open(wish, &mut record);
        }
    }

    /// Shows what both opinions say of an open source, and says to the journal what was not said yet.
    fn describe_open(&self, wish: u64, record: &mut Record) {
        let (state, trouble) = record.open();
        describe(&mut record.told, state, &trouble);
        for opinion in [&mut record.own, &mut record.advice] {
            if !std::mem::replace(&mut opinion.said, true) {
                journal::say(&format_args!("{}: {}", self.name, opinion.trouble));
            }
        }
        self.tell(Report {
            wish,
            state: Some(state),
        });
    }

    fn set(&self, wish: u64, state: SourceState, trouble: &Trouble) {
        describe(&mut self.lock().told, state, trouble);
        self.tell(Report {
            wish,
            state: Some(state),
        });
    }

    fn tell(&self, report: Report) {
        self.report
            .send_if_modified(|old| std::mem::replace(old, report) != report);
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(told: &mut SourceHealth, state: SourceState, trouble: &Trouble) {
    state.as_str().clone_into(&mut told.state);
    trouble.reason.clone_into(&mut told.reason);
    trouble.mend.clone_into(&mut told.mend);
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000_000);

    #[test]
    fn the_rate_is_of_a_minute_and_fades_when_nothing_comes() {
        let health = Health::new("kmsg");
        health.events(600, START, START);
        let rate = |seconds: i64| health.record(START.plus(seconds * Timestamp::SECOND)).rate;
        assert_eq!(rate(30), 600);
        assert_eq!(rate(60), 600, "a whole minute of them");
        assert_eq!(rate(90), 300);
        assert_eq!(rate(121), 0);
    }

    #[test]
    fn a_clock_that_was_set_back_begins_another_minute() {
        let health = Health::new("kmsg");
        health.events(600, START, START);
        let earlier = START.plus(-3600 * Timestamp::SECOND);
        health.events(5, earlier, earlier);
        assert_eq!(health.record(earlier).rate, 5);
    }

    #[test]
    fn only_a_source_that_is_open_can_be_blind() {
        let health = Health::new("kmsg");
        let trouble = Trouble::new("No rule logs.", "wallwatchctl capture on");
        health.blind(&trouble);
        assert_eq!(health.record(START).state, "off");
        health.working(1);
        health.blind(&trouble);
        let record = health.record(START);
        assert_eq!(
            (record.state.as_str(), record.reason.as_str()),
            ("blind", "No rule logs.")
        );
        health.sees_all();
        let record = health.record(START);
        assert_eq!(
            (record.state.as_str(), record.reason.as_str()),
            ("working", "")
        );
    }

    #[test]
    fn what_others_know_of_a_source_and_what_it_says_of_itself_stand_beside_each_other() {
        let health = Health::new("file");
        let told = || {
            let record = health.record(START);
            (record.state, record.reason, record.mend)
        };
        let words = |state: &str, reason: &str, mend: &str| {
            (state.to_owned(), reason.to_owned(), mend.to_owned())
        };
        health.advise(
            false,
            &Trouble::new("ufw logs three packets a minute.", "ufw logging on"),
        );
        health.working(1);
        let advice = ("ufw logs three packets a minute.", "ufw logging on");
        assert_eq!(told(), words("working", advice.0, advice.1));
        health.blind(&Trouble::new("The file is not there.", ""));
        let both = "The file is not there. ufw logs three packets a minute.";
        assert_eq!(told(), words("blind", both, advice.1));
        health.advise(false, &Trouble::new("", ""));
        assert_eq!(told(), words("blind", "The file is not there.", ""));
        health.advise(true, &Trouble::new("No rule logs.", ""));
        health.sees_all();
        assert_eq!(told(), words("blind", "No rule logs.", ""));
        health.advise(false, &Trouble::new("", ""));
        assert_eq!(told(), words("working", "", ""));
    }

    #[test]
    fn a_note_outlives_a_source_that_is_closed_and_opened() {
        let health = Health::new("kmsg");
        health.note(&Trouble::new("ufw logs three packets a minute.", ""));
        assert_eq!(health.record(START).reason, "", "it is not open");
        for wish in 1..3 {
            health.working(wish);
            assert_eq!(
                health.record(START).reason,
                "ufw logs three packets a minute."
            );
            health.off(wish);
        }
        health.sees_all();
        health.working(3);
        assert_eq!(health.record(START).reason, "");
    }
}
