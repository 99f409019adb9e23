//! What waits for the runner: of each hook a few, and behind them the latest, which stands for all before it.
//!
//! Whoever has something for a hook leaves it here and goes on; the [`outlet`](super::outlet) takes it. So detection never waits,
//! and whatever the runner does, what waits is bounded.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use wallwatch_dbus::{HookHealth, SourceHealth, SourceState};

use super::{
    Hooks, Wants,
    limit::Limit,
    line::{self, What},
};
use crate::{
    event::{Feed, Timestamp},
    journal,
    runner::answer::{Answer, State},
};

/// So many of one hook wait one by one, within its limit.
const MOST_QUEUED: usize = 64;
/// So many lines of one hook may be without an answer.
const MOST_SENT: usize = 64;
/// The runner answers a line at once, but for the latest of a hook whose scripts run still. One that lets two of a hook wait for so
/// long does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The place where things wait for the runner.
#[derive(Debug)]
pub struct Desk {
    // A std mutex, because nothing is awaited while it is held.
    state: Mutex<Desks>,
    /// Rings when there may be something to send.
    wanted: Notify,
}

#[derive(Debug)]
struct Desks {
    slots: Vec<Slot>,
    /// Why nothing can be sent, as a sentence; empty while it can, or nobody tried.
    away: String,
    /// What was said of that last, until the runner answers again.
    said: String,
    /// The slot that is asked first, so that each has its turn.
    turn: usize,
}

/// One hook.
#[derive(Debug)]
struct Slot {
    name: String,
    /// The feeds that it names; empty where any will do.
    feeds: Vec<Feed>,
    limit: Limit,
    /// What the limit lets run.
    queue: VecDeque<What>,
    /// What came over the limit: the latest, and for how many earlier ones it stands.
    latest: Option<(What, u64)>,
    /// For how many each line stands that was sent and not answered, the oldest first,
    sent: VecDeque<u64>,
    /// and what the last of them told.
    last_sent: Option<What>,
    /// When the runner answered last, or had several lines to answer from then on.
    moved_at: Instant,
    told: HookHealth,
}

/// What there is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A line was written.
    Line,
    /// Nothing before this moment.
    At(Instant),
    /// Nothing before something new comes.
    Nothing,
}

impl Slot {
    /// Takes in one more. Says whether there is something new to send.
    fn offer(&mut self, what: What, away: bool, now: Instant) -> bool {
        if let Some((latest, folded)) = &mut self.latest {
            *latest = what;
            *folded += 1;
            return false;
        }
        let has_room = !away && self.queue.len() < MOST_QUEUED;
        if has_room && self.limit.take(now) {
            self.queue.push_back(what);
        } else {
            self.latest = Some((what, 0));
        }
        true
    }

    /// Takes out what may be sent now, and for how many earlier ones it stands.
    fn take(&mut self, now: Instant) -> Option<(What, u64)> {
        if self.sent.len() >= MOST_SENT {
            return None;
        }
        if let Some(what) = self.queue.pop_front() {
            return Some((what, 0));
        }
        if self.latest.is_some() && self.limit.take(now) {
            return self.latest.take();
        }
        None
    }

    /// When there is something to send, if nothing new comes.
    fn next_at(&self, now: Instant) -> Option<Instant> {
        let may = self.latest.is_some() && self.sent.len() < MOST_SENT;
        may.then(|| self.limit.next_at(now))
    }

    /// Puts back what did not reach the runner, or has no answer: the latest stands for all.
    fn put_back(&mut self) {
        let waiting = self.latest.as_ref().map_or(0, |(_, folded)| folded + 1);
        let unsent = u64::try_from(self.queue.len()).unwrap_or(u64::MAX);
        let unanswered: u64 = self.sent.drain(..).sum();
        let latest = self.latest.take().map(|(what, _)| what);
        let queued = self.queue.drain(..).next_back();
        let sent = self.last_sent.take().filter(|_| unanswered > 0);
        let all = waiting + unsent + unanswered;
        self.latest = latest
            .or(queued)
            .or(sent)
            .map(|what| (what, all.saturating_sub(1)));
    }

    /// Takes in what the runner says. Returns what the journal should know of it.
    fn answered(&mut self, answer: Answer, now: Instant, time: Timestamp) -> Option<String> {
        let told = &mut self.told;
        self.moved_at = now;
        match answer.state {
            State::Started => {
                let stood_for = self.sent.pop_front().unwrap_or(1);
                told.runs += 1;
                told.folded += stood_for.saturating_sub(1);
                told.last_run = time.0;
                return None;
            }
            State::Folded => {
                // Those that it stood for are now behind the next.
                let stood_for = self.sent.pop_front().unwrap_or(0);
                if let Some(next) = self.sent.front_mut() {
                    *next += stood_for;
                }
                return None;
            }
            State::Ended if answer.code == 0 => {
                told.words.clear();
                return None;
            }
            State::Refused => {
                let stood_for = self.sent.pop_front().unwrap_or(1);
                told.folded += stood_for.saturating_sub(1);
            }
            State::Ended | State::TimedOut => {}
        }
        told.failed += 1;
        let is_news = told.words != answer.words;
        told.words = answer.words;
        is_news.then(|| format!("hook {}: {}", self.name, told.words))
    }

    /// When the runner will have been too slow with this hook.
    fn patience_ends(&self) -> Option<Instant> {
        (self.sent.len() > 1).then(|| self.moved_at + PATIENCE)
    }

    /// Its record; `away` says why nothing can be sent.
    fn record(&self, away: &str, sources: &[SourceHealth]) -> HookHealth {
        let mut record = self.told.clone();
        if !away.is_empty() {
            away.clone_into(&mut record.words);
        } else if record.words.is_empty() {
            record.words = self.advice(sources);
        }
        record
    }

    /// Why it may never run: the sources that it names are off.
    fn advice(&self, sources: &[SourceHealth]) -> String {
        let is_on = |source: &SourceHealth| {
            let name = source.name.split(':').next().unwrap_or_default();
            source.state != SourceState::Off.as_str()
                && self.feeds.iter().any(|feed| feed.as_str() == name)
        };
        if self.feeds.is_empty() || sources.iter().any(is_on) {
            return String::new();
        }
        let names: Vec<_> = self.feeds.iter().map(|feed| feed.as_str()).collect();
        format!(
            "It waits for events of {}, which is not read now: see the configuration.",
            names.join(" or ")
        )
    }
}

impl Desk {
    /// A place for these hooks, where nothing waits.
    #[must_use]
    pub fn new(hooks: &Hooks, now: Instant) -> Self {
        let slots = hooks.iter().map(|hook| Slot {
            name: hook.name.clone(),
            feeds: match &hook.wants {
                Wants::Event(filter) => filter.feeds(),
                Wants::Alert(..) => Vec::new(),
            },
            limit: Limit::new(hook.per_minute),
            queue: VecDeque::new(),
            latest: None,
            sent: VecDeque::new(),
            last_sent: None,
            moved_at: now,
            told: HookHealth {
                name: hook.name.clone(),
                ..HookHealth::default()
            },
        });
        Self {
            state: Mutex::new(Desks {
                slots: slots.collect(),
                away: String::new(),
                said: String::new(),
                turn: 0,
            }),
            wanted: Notify::new(),
        }
    }

    /// Leaves something for the hook of this place in the configuration.
    pub fn offer(&self, place: usize, what: What, now: Instant) {
        let mut state = self.lock();
        let away = !state.away.is_empty();
        let Some(slot) = state.slots.get_mut(place) else {
            return;
        };
        if slot.offer(what, away, now) {
            self.wanted.notify_one();
        }
    }

    /// Waits until there may be something new to send. It may be given up at any time and asked again.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Appends the next line to `out`, where one may be sent now.
    pub(super) fn next_line(&self, out: &mut Vec<u8>, now: Instant) -> Next {
        let mut state = self.lock();
        let Desks { slots, turn, .. } = &mut *state;
        for _ in 0..slots.len() {
            *turn = (*turn + 1) % slots.len();
            let Some(slot) = slots.get_mut(*turn) else {
                continue;
            };
            while let Some((what, folded)) = slot.take(now) {
                if line::write(out, &slot.name, folded, &what) {
                    slot.sent.push_back(folded + 1);
                    slot.last_sent = Some(what);
                    if slot.sent.len() <= 2 {
                        slot.moved_at = now;
                    }
                    return Next::Line;
                }
                slot.told.failed += 1;
                slot.told.folded += folded;
                "What it should run for is too long to be told.".clone_into(&mut slot.told.words);
            }
        }
        let next = slots.iter().filter_map(|slot| slot.next_at(now)).min();
        next.map_or(Next::Nothing, Next::At)
    }

    /// Is there something to send, now or later?
    pub(super) fn has_work(&self) -> bool {
        let state = self.lock();
        let mut slots = state.slots.iter();
        slots.any(|slot| slot.latest.is_some() || !slot.queue.is_empty())
    }

    /// The connection is gone, or could not be made for this reason: what has no answer waits again.
    pub(super) fn lost(&self, reason: &str) {
        self.lock().slots.iter_mut().for_each(Slot::put_back);
        self.stuck(reason);
    }

    /// Nothing is sent, for this reason, which is said once; or nothing is in the way where it is empty.
    pub(super) fn stuck(&self, reason: &str) {
        let mut state = self.lock();
        reason.clone_into(&mut state.away);
        if !reason.is_empty() && state.said != reason {
            reason.clone_into(&mut state.said);
            journal::say(&format_args!("{reason}"));
        }
    }

    /// When the runner will have been silent for too long.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        let state = self.lock();
        if !state.away.is_empty() {
            return None;
        }
        state.slots.iter().filter_map(Slot::patience_ends).min()
    }

    /// Takes in an answer; whoever is not known is passed over.
    pub(super) fn answered(&self, answer: Answer, now: Instant, time: Timestamp) {
        let mut state = self.lock();
        state.away.clear();
        state.said.clear();
        let mut slots = state.slots.iter_mut();
        let Some(slot) = slots.find(|slot| slot.name == answer.hook) else {
            return;
        };
        if let Some(words) = slot.answered(answer, now, time) {
            journal::say(&words);
        }
    }

    /// The record of each hook, where the sources fare as told.
    #[must_use]
    pub fn records(&self, sources: &[SourceHealth]) -> Vec<HookHealth> {
        let state = self.lock();
        let slots = state.slots.iter();
        slots
            .map(|slot| slot.record(&state.away, sources))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Desks> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{
        ProptestConfig, Strategy as _, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };
    use wallwatch_dbus::Alert;

    use super::*;
    use crate::clock;

    /// Hooks on alerts of these limits, named by their place.
    fn hooks(limits: &[u32]) -> Hooks {
        #[derive(serde::Deserialize)]
        struct File {
            hook: Hooks,
        }
        let hooks: Vec<String> = limits
            .iter()
            .enumerate()
            .map(|(place, per_minute)| {
                format!("[[hook]]\nname = \"h{place}\"\non = \"alert\"\nrun = [\"/bin/true\"]\nper-minute = {per_minute}\n")
            })
            .collect();
        let text = hooks.concat();
        toml::from_str::<File>(&text).unwrap().hook
    }

    fn alert(id: u64) -> What {
        What::Alert(Box::new(Alert {
            id,
            ..Alert::default()
        }))
    }

    fn answer(hook: &str, state: State, code: i32, words: &str) -> Answer {
        Answer::new(hook, 1, state, code, words)
    }

    /// The next line: hook, incident, and how many are folded into it.
    fn next(desk: &Desk, now: Instant) -> Result<(String, u64, u64), Next> {
        let mut out = Vec::new();
        match desk.next_line(&mut out, now) {
            Next::Line => Ok(read(&out)),
            other => Err(other),
        }
    }

    fn read(line: &[u8]) -> (String, u64, u64) {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        let number = |value: &serde_json::Value| value.as_u64().unwrap();
        let hook = line["hook"].as_str().unwrap().to_owned();
        (hook, number(&line["alert"]["id"]), number(&line["folded"]))
    }

    #[test]
    fn what_is_over_the_limit_is_folded_and_the_latest_is_told_when_there_is_room() {
        let now = clock::moment();
        let desk = Desk::new(&hooks(&[10]), now);
        for id in 1..=10_000 {
            desk.offer(0, alert(id), now);
        }
        for id in 1..=10 {
            assert_eq!(next(&desk, now), Ok(("h0".to_owned(), id, 0)));
            desk.answered(answer("h0", State::Started, 0, ""), now, Timestamp(5));
        }
        let then = now + Duration::from_secs(6);
        assert_eq!(next(&desk, now), Err(Next::At(then)));
        assert!(desk.has_work());
        assert_eq!(next(&desk, then), Ok(("h0".to_owned(), 10_000, 9989)));
        assert_eq!(next(&desk, then), Err(Next::Nothing));
        assert!(!desk.has_work());
        desk.answered(answer("h0", State::Started, 0, ""), then, Timestamp(7));
        let record = &desk.records(&[])[0];
        assert_eq!((record.runs, record.folded, record.last_run), (11, 9989, 7));
    }

    #[test]
    fn while_the_runner_is_away_the_latest_waits_and_nothing_is_lost() {
        let now = clock::moment();
        let desk = Desk::new(&hooks(&[600]), now);
        for id in 1..=3 {
            desk.offer(0, alert(id), now);
        }
        // Two reach the runner, which starts the first and dies.
        assert_eq!(next(&desk, now), Ok(("h0".to_owned(), 1, 0)));
        assert_eq!(next(&desk, now), Ok(("h0".to_owned(), 2, 0)));
        desk.answered(answer("h0", State::Started, 0, ""), now, Timestamp(1));
        desk.lost("It is gone.");
        assert_eq!(desk.records(&[])[0].words, "It is gone.");
        for id in 4..=1000 {
            desk.offer(0, alert(id), now);
        }
        desk.stuck("");
        assert_eq!(next(&desk, now), Ok(("h0".to_owned(), 1000, 998)));
        desk.answered(answer("h0", State::Started, 0, ""), now, Timestamp(1));
        let record = &desk.records(&[])[0];
        assert_eq!((record.runs, record.folded), (2, 998));
        // The last line has no answer either: it is told again.
        desk.offer(0, alert(1001), now);
        assert_eq!(next(&desk, now), Ok(("h0".to_owned(), 1001, 0)));
        desk.lost("");
        assert_eq!(next(&desk, now), Ok(("h0".to_owned(), 1001, 0)));
    }

    #[test]
    fn what_the_runner_folds_is_behind_its_next_run() {
        let now = clock::moment();
        let desk = Desk::new(&hooks(&[600]), now);
        for id in 1..=4 {
            desk.offer(0, alert(id), now);
            assert!(next(&desk, now).is_ok());
        }
        for state in [State::Started, State::Folded, State::Folded] {
            desk.answered(answer("h0", state, 0, ""), now, Timestamp(1));
        }
        // It dies: the one that waits there stands for three.
        desk.lost("");
        assert_eq!(next(&desk, now), Ok(("h0".to_owned(), 4, 2)));
    }

    #[test]
    fn a_runner_that_answers_nothing_gets_a_bounded_number_of_lines_and_is_noticed() {
        let now = clock::moment();
        let desk = Desk::new(&hooks(&[600, 600]), now);
        for id in 1..=600 {
            desk.offer(0, alert(id), now);
            drop(next(&desk, now));
        }
        assert_eq!(next(&desk, now), Err(Next::Nothing));
        assert_eq!(desk.patience_ends(), Some(now + PATIENCE));
        desk.offer(1, alert(7), now);
        assert_eq!(
            next(&desk, now),
            Ok(("h1".to_owned(), 7, 0)),
            "the others go on"
        );
        desk.answered(answer("h0", State::Started, 0, ""), now, Timestamp(1));
        assert_eq!(next(&desk, now).map(|(hook, ..)| hook), Ok("h0".to_owned()));
    }

    #[test]
    fn the_record_says_what_is_wrong() {
        let now = clock::moment();
        let desk = Desk::new(&hooks(&[600]), now);
        let words = || {
            let records = desk.records(&[]);
            (records[0].failed, records[0].words.clone())
        };
        desk.answered(
            answer("h0", State::Ended, 3, "it ended with 3"),
            now,
            Timestamp(1),
        );
        assert_eq!(words(), (1, "it ended with 3".to_owned()));
        desk.answered(answer("h0", State::Ended, 0, ""), now, Timestamp(1));
        assert_eq!(words(), (1, String::new()));
        desk.answered(
            answer("h0", State::Refused, 0, "it is writable by others"),
            now,
            Timestamp(1),
        );
        desk.answered(
            answer("h0", State::TimedOut, 143, "it took too long"),
            now,
            Timestamp(1),
        );
        desk.answered(answer("nobody", State::Refused, 0, "x"), now, Timestamp(1));
        assert_eq!(words(), (3, "it took too long".to_owned()));
    }

    #[test]
    fn a_hook_whose_source_is_off_says_so() {
        #[derive(serde::Deserialize)]
        struct File {
            hook: Hooks,
        }
        let hook = |lines: &str| {
            let text =
                format!("[[hook]]\nname = \"a\"\non = \"event\"\nrun = [\"/bin/true\"]\n{lines}\n");
            toml::from_str::<File>(&text).unwrap().hook
        };
        let source = |name: &str, state: SourceState| SourceHealth {
            name: name.to_owned(),
            state: state.to_string(),
            ..SourceHealth::default()
        };
        let sources = [
            source("nflog", SourceState::Off),
            source("nflog:5", SourceState::Working),
            source("kmsg", SourceState::Off),
            source("conntrack", SourceState::Failed),
        ];
        for (lines, words) in [
            ("", ""),
            ("feed = \"nflog\"", ""),
            ("conntrack = \"new\"", ""),
            ("feed = \"kmsg\"", "events of kmsg, which is not read"),
            (
                "feed = [\"kmsg\", \"nfqueue\"]",
                "events of kmsg or nfqueue, which",
            ),
        ] {
            let desk = Desk::new(&hook(lines), clock::moment());
            let told = &desk.records(&sources)[0].words;
            assert!(
                told.contains(words) && told.is_empty() == words.is_empty(),
                "{lines}: {told}"
            );
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Offer(u16),
        Send,
        Answer(State),
        Lost,
        Back,
        Wait(u16),
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]
        #[test]
        fn each_is_run_or_stands_behind_one_that_is_whatever_happens(
            per_minute in 1_u32..=600,
            steps in proptest::collection::vec(prop_oneof![
                (1_u16..300).prop_map(Step::Offer),
                (0..1_u8).prop_map(|_| Step::Send),
                (0..1_u8).prop_map(|_| Step::Send),
                (0..3_usize).prop_map(|n| Step::Answer([State::Started, State::Folded, State::Refused][n])),
                (0..1_u8).prop_map(|_| Step::Lost),
                (0..1_u8).prop_map(|_| Step::Back),
                (0..5000_u16).prop_map(Step::Wait),
            ], 0..200),
        ) {
            let mut now = clock::moment();
            let desk = Desk::new(&hooks(&[per_minute]), now);
            let (mut offered, mut unanswered) = (0_u64, 0_u64);
            for step in steps {
                match step {
                    Step::Offer(count) => for _ in 0..count {
                        offered += 1;
                        desk.offer(0, alert(offered), now);
                    },
                    Step::Send => unanswered += u64::from(next(&desk, now).is_ok()),
                    // The runner folds a line into a later one alone.
                    Step::Answer(State::Folded) if unanswered < 2 => {}
                    Step::Answer(state) if unanswered > 0 => {
                        unanswered -= 1;
                        desk.answered(answer("h0", state, 0, ""), now, Timestamp(1));
                    }
                    Step::Answer(_) => {}
                    Step::Lost => {
                        unanswered = 0;
                        desk.lost("away");
                    }
                    Step::Back => desk.stuck(""),
                    Step::Wait(millis) => now += Duration::from_millis(millis.into()),
                }
                let state = desk.lock();
                let slot = &state.slots[0];
                prop_assert!(slot.queue.len() <= MOST_QUEUED && slot.sent.len() <= MOST_SENT);
            }
            // The runner comes back and starts all that it is told.
            desk.lost("");
            let mut last = 0;
            while desk.has_work() {
                now += Duration::from_secs(60);
                while let Ok((_, id, _)) = next(&desk, now) {
                    last = id;
                    desk.answered(answer("h0", State::Started, 0, ""), now, Timestamp(1));
                }
            }
            let record = &desk.records(&[])[0];
            prop_assert_eq!(record.runs + record.folded + record.failed, offered);
            prop_assert!(last == 0 || last == offered, "the latest is told last");
        }
    }
}
