//! Logs and captures looked at afterwards: the very decoders and detectors of live watching, fed line by line.
//!
//! [`Replay`] takes what was read and gives alerts in the order in which they were raised, each once, in its final state. What
//! it holds is bounded, however long the files are.

mod counts;

use std::collections::BTreeMap;

use wallwatch_dbus::{Alert, Verdict};

use crate::{
    alert::{Change, REOPEN_WITHIN},
    decode::{self, Report, Stamp, verdict_of},
    detect::{self, Fact},
    event::{Event, Prefix, Timestamp},
    explain::Ledger,
    neighbourhood::Neighbourhood,
    rules::Rules,
    watcher::Watcher,
};
use counts::is_flagless;
pub use counts::{Counts, Tally, Unit};

/// At most so many alerts wait for an earlier one that goes on; then that one is given as it is.
const MAX_WAITING: usize = 4096;
/// No update is held back longer: not even that of the last of very many incidents, of which some are told ten times a second.
const HELD_BACK: i64 = 8 * Timestamp::SECOND;
/// At most so many bytes of them.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// Looks for attacks in lines and frames.
#[derive(Debug)]
pub struct Replay {
    watcher: Watcher,
    /// The time of what tells none, before anything told one.
    start: Timestamp,
    /// When the machine started that wrote the lines, for stamps that count from there.
    boot: Timestamp,
    /// The latest time that any line told.
    now: Timestamp,
    changes: Vec<Change>,
    verdicts: Verdicts,
    waiting: Waiting,
    counts: Counts,
}

impl Replay {
    /// A replay that has seen nothing. What tells no time before anything told one is of `start`; stamps that count from the
    /// start of the machine count from `boot`.
    #[must_use]
    pub fn new(
        config: detect::Config,
        neighbourhood: Neighbourhood,
        start: Timestamp,
        boot: Timestamp,
    ) -> Self {
        Self {
            watcher: Watcher::new(config, neighbourhood, 1),
            start,
            boot,
            now: Timestamp(i64::MIN),
            changes: Vec::new(),
            verdicts: Verdicts::default(),
            waiting: Waiting::default(),
            counts: Counts::default(),
        }
    }

    /// The same with these rules.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self {
            watcher: self.watcher.with_rules(rules),
            ..self
        }
    }

    /// When something was written: by its own stamp, else when the last thing before it was.
    #[must_use]
    pub fn time_of(&self, stamp: Stamp) -> Timestamp {
        match stamp {
            Stamp::Wall(time) => time,
            Stamp::Boot(micros) => self.boot.plus(micros),
            Stamp::None if self.counts.events > 0 => self.now,
            Stamp::None => self.start,
        }
    }

    /// Takes one more line as it was read.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is read is handed on and needed no more"
    )]
    pub fn feed(&mut self, read: Result<Report, decode::Error>) {
        self.feed_unit(Unit::Line, &read);
    }

    /// Takes one more line or frame as it was read.
    pub fn feed_unit(&mut self, unit: Unit, read: &Result<Report, decode::Error>) {
        let tally = self.counts.tally(unit);
        tally.total += 1;
        let report = match read {
            Ok(report) => report,
            Err(reason) => {
                *tally.refused.entry(*reason).or_default() += 1;
                return;
            }
        };
        let time = self.time_of(report.stamp);
        self.counts.stamp(unit, report.stamp, time);
        if unit == Unit::Frame {
            self.counts.flagless += u64::from(report.packet().is_some_and(is_flagless));
        }
        let verdict = self.verdicts.of(&report.prefix);
        match report.event(time, verdict) {
            Some(event) => self.look(&event, report.stamp != Stamp::None),
            None if report.packet().is_none() => self.counts.others += 1,
            None if report.outbound => self.counts.outbound += 1,
            None => self.counts.answers += 1,
        }
    }

    /// Looks at one more event.
    pub fn observe(&mut self, event: &Event) {
        self.look(event, true);
    }

    /// Looks at an event whose time was told, or not.
    fn look(&mut self, event: &Event, is_told: bool) {
        self.now = self.now.max(event.time);
        let suspect = self.watcher.observe(event, &mut self.changes);
        self.counts.event(is_told.then_some(event.time), !suspect);
        self.take_changes();
    }

    fn take_changes(&mut self) {
        self.watcher.mute(&mut self.changes);
        for change in self.changes.drain(..) {
            let (Change::Raised(alert) | Change::Updated(alert) | Change::Closed(alert)) = change;
            let facts = self.watcher.evidence(alert.id).into();
            self.waiting.put(alert, facts);
        }
    }

    /// The next alert, in the order of raising, where it will not change any more.
    pub fn next_final(&mut self) -> Option<Alert> {
        let first = self.waiting.first()?;
        let over = first.closed && self.now.since(Timestamp(first.last_seen)) >= REOPEN_WITHIN;
        if over || self.waiting.is_full() {
            self.waiting.give()
        } else {
            None
        }
    }

    /// What became of the lines and frames so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What was harmless so far, by its classes.
    #[must_use]
    pub const fn noise(&self) -> &Ledger {
        self.watcher.noise()
    }

    /// How many alerts were raised so far, given or not.
    #[must_use]
    pub const fn raised(&self) -> u64 {
        self.waiting.raised
    }

    /// The alerts that were not given yet, when nothing is left to read.
    pub fn finish(mut self) -> impl Iterator<Item = Alert> {
        // What is held back for clients that cannot read so fast.
        let end = self.now.plus(HELD_BACK);
        while let Some(due) = self.watcher.next_deadline().filter(|due| *due <= end) {
            self.watcher.tick(due, &mut self.changes);
            self.take_changes();
        }
        let waiting = self.waiting.alerts.into_values();
        waiting.map(|(alert, facts)| with_evidence(alert, &facts))
    }
}

/// What the last prefix told: most lines of a log are of one rule.
#[derive(Debug)]
struct Verdicts {
    prefix: Prefix,
    verdict: Verdict,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self {
            prefix: Prefix::new(),
            verdict: verdict_of(""),
        }
    }
}

impl Verdicts {
    /// What the prefix tells of the packet's fate.
    fn of(&mut self, prefix: &Prefix) -> Verdict {
        if self.prefix != *prefix {
            self.prefix = *prefix;
            self.verdict = verdict_of(prefix);
        }
        self.verdict
    }
}

/// Alerts that may change, and those behind them; bounded.
#[derive(Debug, Default)]
struct Waiting {
    /// By number, which is the order of their raising.
    alerts: BTreeMap<u64, (Alert, Box<[Fact]>)>,
    /// Alerts below this number have been given.
    given: u64,
    /// How many there were so far; they are numbered from 1 on.
    raised: u64,
    /// What they hold, in bytes.
    bytes: usize,
}

impl Waiting {
    /// Keeps an alert's latest state, unless it was given already.
    fn put(&mut self, alert: Alert, facts: Box<[Fact]>) {
        if alert.id < self.given {
            return;
        }
        self.bytes += size(&alert, &facts);
        self.raised = self.raised.max(alert.id);
        if let Some((old, facts)) = self.alerts.insert(alert.id, (alert, facts)) {
            self.bytes -= size(&old, &facts);
        }
    }

    fn first(&self) -> Option<&Alert> {
        self.alerts.first_key_value().map(|(_, (alert, _))| alert)
    }

    fn is_full(&self) -> bool {
        self.alerts.len() > MAX_WAITING || self.bytes > MAX_WAITING_BYTES
    }

    fn give(&mut self) -> Option<Alert> {
        let (id, (alert, facts)) = self.alerts.pop_first()?;
        self.given = id + 1;
        self.bytes -= size(&alert, &facts);
        Some(with_evidence(alert, &facts))
    }
}

/// The alert with its first packets.
fn with_evidence(alert: Alert, facts: &[Fact]) -> Alert {
    Alert {
        evidence: facts.iter().map(Fact::told).collect(),
        ..alert
    }
}

/// About the bytes that an alert holds: itself and its texts and lists, each with the allocator's share of 16 bytes, and its first
/// packets.
fn size(alert: &Alert, facts: &[Fact]) -> usize {
    let text = |text: &String| text.capacity() + 16;
    let list = |list: &Vec<String>| {
        let texts: usize = list.iter().map(text).sum();
        texts + list.capacity() * size_of::<String>() + 16
    };
    let texts = [
        &alert.kind,
        &alert.ports,
        &alert.protocol,
        &alert.interface,
        &alert.verdict,
        &alert.tool,
        &alert.feed,
        &alert.reason,
    ];
    let lists = [&alert.sources, &alert.targets, &alert.tags];
    size_of::<Alert>()
        + size_of_val(facts)
        + texts.into_iter().map(text).sum::<usize>()
        + lists.into_iter().map(list).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Lines, dress::Reference};

    /// 2026-11-25 00:00 UTC.
    const NOW: Timestamp = Timestamp(1_795_564_800_000_000);

    fn replay() -> Replay {
        Replay::new(
            detect::Config::default(),
            Neighbourhood::default(),
            NOW,
            NOW,
        )
    }

    fn feed(replay: &mut Replay, line: &str) {
        let reference = Reference {
            now: NOW,
            ..Reference::default()
        };
        replay.feed(Lines::new(reference).read(line.as_bytes()));
    }

    /// Three impossible packets of a source at a time of November.
    fn attack(replay: &mut Replay, when: &str, src: &str) {
        for port in 1..=3 {
            feed(
                replay,
                &format!(
                    "Nov {when} host kernel: DROP IN=eth0 OUT= MAC= SRC={src} DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=52 ID=1 \
                 PROTO=TCP SPT=50000 DPT={port} WINDOW=1024 RES=0x00 URGP=0 "
                ),
            );
        }
    }

    #[test]
    fn the_last_state_of_every_alert_is_given_at_the_end() {
        let mut replay = replay();
        // More than are told at a beat, at moments that no beat of a tenth of a second falls on.
        for port in 1..=9 {
            for host in 1..=6_u16 {
                let micros = i64::from(port) * 1013 + i64::from(host);
                let line = format!(
                    "IN=eth0 OUT= MAC= SRC=203.0.113.{host} DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=52 ID=1 PROTO=TCP SPT={} \
                     DPT={port} WINDOW=1024 RES=0x00 URGP=0 ",
                    50000 + host
                );
                let read = decode::log_line(line.as_bytes()).unwrap();
                replay.observe(&read.into_event(NOW.plus(micros)).unwrap());
            }
        }
        let alerts: Vec<Alert> = replay.finish().collect();
        assert_eq!(alerts.len(), 6);
        for alert in &alerts {
            assert_eq!((alert.packets, alert.port_count), (9, 9), "{alert:?}");
            assert_eq!(alert.evidence.len(), 8);
        }
    }

    #[test]
    fn an_alert_is_given_when_it_cannot_change_any_more() {
        let mut replay = replay();
        attack(&mut replay, "22 01:00:00", "203.0.113.1");
        attack(&mut replay, "22 23:00:00", "203.0.113.2");
        assert_eq!(replay.next_final(), None, "it may begin again");
        assert_eq!(replay.raised(), 2);
        attack(&mut replay, "23 02:00:00", "203.0.113.3");
        let first = replay.next_final().unwrap();
        assert_eq!(
            (first.sources, first.closed),
            (vec!["203.0.113.1".to_owned()], true)
        );
        assert_eq!(replay.next_final(), None);
        let rest: Vec<Alert> = replay.finish().collect();
        let sources: Vec<&str> = rest.iter().map(|alert| alert.sources[0].as_str()).collect();
        assert_eq!(sources, ["203.0.113.2", "203.0.113.3"]);
    }

    #[test]
    fn what_was_held_back_is_told_at_the_end() {
        let mut replay = replay();
        for port in 1..=9 {
            feed(
                &mut replay,
                &format!(
                    "2026-11-22T01:00:00.0{port}2345+00:00 host kernel: DROP IN=eth0 OUT= MAC= SRC=203.0.113.1 DST=192.0.2.2 LEN=40 \
                     TOS=0x00 PREC=0x00 TTL=52 ID=1 PROTO=TCP SPT=50000 DPT={port} WINDOW=1024 RES=0x00 FIN URGP=0 "
                ),
            );
        }
        let told: Vec<u64> = replay.finish().map(|alert| alert.packets).collect();
        assert_eq!(told, [9]);
    }

    #[test]
    fn what_waits_is_bounded_and_given_in_the_order_of_raising() {
        let mut replay = replay();
        let mut given = Vec::new();
        let attackers = MAX_WAITING + 100;
        for n in 0..attackers {
            // Those who send the same within three seconds are one scanner with his decoys.
            let t = n * 4;
            let when = format!("22 {:02}:{:02}:{:02}", t / 3600, t / 60 % 60, t % 60);
            attack(
                &mut replay,
                &when,
                &format!("203.{}.{}.9", n / 250, n % 250),
            );
            while let Some(alert) = replay.next_final() {
                given.push(alert.id);
            }
            assert!(replay.waiting.alerts.len() <= MAX_WAITING);
            if n % 500 == 0 {
                let waiting = replay.waiting.alerts.values();
                let bytes: usize = waiting.map(|(alert, facts)| size(alert, facts)).sum();
                assert_eq!(replay.waiting.bytes, bytes);
                assert!(bytes <= MAX_WAITING_BYTES);
            }
        }
        assert!(given.len() >= 100, "{}", given.len());
        assert_eq!(replay.raised(), attackers as u64);
        given.extend(replay.finish().map(|alert| alert.id));
        assert!(given.into_iter().eq(1..=attackers as u64));
    }

    #[test]
    fn what_no_attack_is_made_of_is_counted() {
        let mut replay = replay();
        attack(&mut replay, "22 01:00:00", "203.0.113.1");
        feed(
            &mut replay,
            "IN= OUT=eth0 SRC=192.0.2.2 DST=203.0.113.1 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=UDP SPT=1 DPT=2 LEN=8 ",
        );
        feed(
            &mut replay,
            "Nov 22 01:10:00 host sshd[7]: Invalid user admin",
        );
        let counts = replay.counts();
        assert_eq!(
            (
                counts.lines.total,
                counts.events,
                counts.outbound,
                counts.lines.refused_total()
            ),
            (5, 3, 1, 1)
        );
        assert_eq!(
            counts.lines.refused.get(&decode::Error::NotKernel),
            Some(&1)
        );
    }

    #[test]
    fn times_that_are_not_told_are_counted_and_no_span_is_made_of_them() {
        let line = "IN=eth0 OUT= MAC= SRC=203.0.113.1 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=52 ID=1 PROTO=TCP SPT=50000 \
                    DPT=1 WINDOW=1024 RES=0x00 URGP=0 ";
        let mut replay = replay();
        feed(&mut replay, line);
        let counts = replay.counts();
        assert_eq!((counts.events, counts.lines.timeless), (1, 1));
        assert_eq!(counts.span, None);
        feed(&mut replay, &format!("[9000000.000000] DROP {line}"));
        let counts = replay.counts();
        assert_eq!((counts.lines.timeless, counts.lines.from_boot), (1, 1));
        let future = NOW.plus(9_000_000 * Timestamp::SECOND);
        assert_eq!(counts.latest_from_boot, Some(future));
        assert_eq!(counts.span, Some((future, future)));
    }

    #[test]
    fn a_stamp_from_the_start_of_the_machine_is_placed_on_the_clock() {
        assert_eq!(
            replay().time_of(Stamp::Boot(12_500_000)),
            NOW.plus(12_500_000)
        );
        assert_eq!(replay().time_of(Stamp::None), NOW);
    }
}
