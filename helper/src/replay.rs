//! Log files looked at afterwards: the very decoders and detectors of live watching, fed line by line.
//!
//! [`Replay`] takes lines and gives alerts in the order in which they were raised, each once, in its final state. What it
//! holds is bounded, however long the files are.

use std::collections::BTreeMap;

use wallwatch_dbus::Alert;

use crate::{
    alert::{Change, REOPEN_WITHIN, UPDATE_INTERVAL},
    decode::{self, Report, Stamp},
    detect,
    event::{Event, Timestamp},
    neighbourhood::Neighbourhood,
    watcher::Watcher,
};

/// At most so many alerts wait for an earlier one that goes on; then that one is given as it is.
const MAX_WAITING: usize = 4096;

/// What became of the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Packets that came in.
    pub events: u64,
    /// Packets that this machine sent or asked for, and what is no IP packet: no attack is made of them.
    pub outbound: u64,
    /// Lines that are no firewall events, by the reason.
    pub refused: BTreeMap<decode::Error, u64>,
}

impl Counts {
    /// Lines that are no firewall events.
    #[must_use]
    pub fn refused_lines(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Looks for attacks in lines.
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
    /// Alerts by number, which is the order of their raising.
    waiting: BTreeMap<u64, Alert>,
    /// Alerts below this number have been given.
    given: u64,
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
            waiting: BTreeMap::new(),
            given: 0,
            counts: Counts::default(),
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

    /// Takes one more line, record or frame, as it was read.
    pub fn feed(&mut self, read: Result<Report, decode::Error>) {
        self.counts.lines += 1;
        match read {
            Ok(report) => {
                let time = self.time_of(report.stamp);
                if let Some(event) = report.into_event(time) {
                    self.counts.events += 1;
                    self.observe(&event);
                } else {
                    self.counts.outbound += 1;
                }
            }
            Err(reason) => *self.counts.refused.entry(reason).or_default() += 1,
        }
    }

    /// Looks at one more event.
    pub fn observe(&mut self, event: &Event) {
        self.now = self.now.max(event.time);
        self.watcher.observe(event, &mut self.changes);
        for change in self.changes.drain(..) {
            let (Change::Raised(alert) | Change::Updated(alert) | Change::Closed(alert)) = change;
            if alert.id >= self.given {
                self.waiting.insert(alert.id, alert);
            }
        }
    }

    /// The next alert, in the order of raising, where it will not change any more.
    pub fn next_final(&mut self) -> Option<Alert> {
        let (_, first) = self.waiting.first_key_value()?;
        let over = first.closed && self.now.since(Timestamp(first.last_seen)) >= REOPEN_WITHIN;
        if !over && self.waiting.len() <= MAX_WAITING {
            return None;
        }
        let (id, alert) = self.waiting.pop_first()?;
        self.given = id + 1;
        Some(alert)
    }

    /// What became of the lines so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The alerts that were not given yet, when no line is left.
    pub fn finish(mut self) -> impl Iterator<Item = Alert> {
        // What is held back for clients that cannot read so fast.
        let flushed = self.now.plus(UPDATE_INTERVAL);
        self.watcher.tick(flushed, &mut self.changes);
        for change in self.changes.drain(..) {
            let (Change::Raised(alert) | Change::Updated(alert) | Change::Closed(alert)) = change;
            if alert.id >= self.given {
                self.waiting.insert(alert.id, alert);
            }
        }
        self.waiting.into_values()
    }
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
    fn an_alert_is_given_when_it_cannot_change_any_more() {
        let mut replay = replay();
        attack(&mut replay, "22 01:00:00", "203.0.113.1");
        attack(&mut replay, "22 23:00:00", "203.0.113.2");
        assert_eq!(replay.next_final(), None, "it may begin again");
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
                counts.lines,
                counts.events,
                counts.outbound,
                counts.refused_lines()
            ),
            (5, 3, 1, 1)
        );
        assert_eq!(counts.refused.get(&decode::Error::NotKernel), Some(&1));
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
