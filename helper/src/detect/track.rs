//! What is remembered of one origin and family: two decaying scores, the latest units, and what an alert will tell.

use std::net::IpAddr;

use arrayvec::ArrayVec;
use wallwatch_dbus::Kind;

use super::{
    Config, Fact, Fates,
    class::{Nature, Probe},
};
use crate::event::Timestamp;

/// Units that are remembered to tell a new one from a repetition.
const RECENT_UNITS: usize = 64;
/// The ports of the first probes that are kept for the alert.
pub const MAX_FIRST_PORTS: usize = 64;
/// Packets that are kept for the alert.
const MAX_FACTS: usize = 4;
/// Addresses of ours that are kept for the alert.
const MAX_FIRST_TARGETS: usize = 4;
/// An origin that was silent for so long begins anew: a day, as an incident does.
const FORGOTTEN_AFTER: i64 = 24 * 3600 * Timestamp::SECOND;
/// A slow scan's probes weigh so much in its score.
const SLOW_GAIN: f32 = 0.8;
/// A probe of the third and each further address of ours weighs so much more: nobody needs us at all of them.
const SWEEP_FACTOR: f32 = 2.0;

/// A probe that shares port and sequence number with another weighs so much at least.
const RAW: f32 = 1.4;

/// How many packets of each kind, as weights: which kind an incident is named by.
pub type Tally = ArrayVec<(Kind, f32), 8>;

/// Adds a probe to a tally; a kind beyond the eighth is not counted.
pub(crate) fn tally(tally: &mut Tally, kind: Kind, weight: f32) {
    if let Some((_, sum)) = tally.iter_mut().find(|(known, _)| *known == kind) {
        *sum += weight;
    } else if !tally.is_full() {
        tally.push((kind, weight));
    }
}

/// Adds what is new to a short list while there is room.
fn remember<T: PartialEq, const N: usize>(list: &mut ArrayVec<T, N>, value: T) {
    if !list.is_full() && !list.contains(&value) {
        list.push(value);
    }
}

/// One origin's probes of one family.
#[derive(Debug, Clone)]
pub struct Track {
    /// The first packet.
    pub first: Timestamp,
    /// Packets.
    pub packets: u64,
    /// Different units.
    pub units: u32,
    /// What became of all of them.
    pub fates: Fates,
    /// Could only the kernel have told all of them?
    pub trusted: bool,
    /// Weights by kind.
    pub tally: Tally,
    /// Ports of the first units.
    pub ports: ArrayVec<u16, MAX_FIRST_PORTS>,
    /// Our addresses, the first few.
    pub targets: ArrayVec<IpAddr, MAX_FIRST_TARGETS>,
    /// Did it open several ports from one port under one sequence number, as no stack does?
    pub raw: bool,
    start: Option<(u16, u32)>,
    /// The first packets that ask for something.
    pub facts: ArrayVec<Fact, MAX_FACTS>,
    /// Packets that no honest program sends.
    impossible: u32,
    fast: f32,
    slow: f32,
    scored_at: Timestamp,
    last: Timestamp,
    recent: [u32; RECENT_UNITS],
}

/// The verdict of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Not an attack, so far.
    Below,
    /// An attack in short time.
    Fast,
    /// An attack that only the long memory sees.
    Slow,
}

impl Track {
    /// A track that has seen nothing.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            first: now,
            packets: 0,
            units: 0,
            fates: Fates::default(),
            trusted: true,
            tally: Tally::new(),
            ports: ArrayVec::new(),
            targets: ArrayVec::new(),
            facts: ArrayVec::new(),
            raw: false,
            start: None,
            impossible: 0,
            fast: 0.0,
            slow: 0.0,
            scored_at: now,
            last: now,
            recent: [0; RECENT_UNITS],
        }
    }

    /// Takes one more packet in; says whether its unit is new.
    pub(super) fn add(&mut self, probe: &Probe, sample: &Sample, config: &Config) -> bool {
        if sample.time.since(self.last) >= FORGOTTEN_AFTER {
            *self = Self::new(sample.time);
        }
        self.last = self.last.max(sample.time);
        self.packets += sample.packets;
        self.fates = self.fates.and(sample.fates);
        self.trusted &= sample.trusted;
        if probe.nature != Nature::ReplyLike {
            tally(&mut self.tally, probe.kind, probe.weight);
            if !self.facts.is_full() {
                self.facts.push(sample.fact);
            }
        }
        self.impossible = self
            .impossible
            .saturating_add(u32::from(probe.nature == Nature::Impossible));
        if self.units > 0 && self.recent.contains(&sample.mark) {
            return false;
        }
        let at = usize::try_from(self.units).unwrap_or(0) % RECENT_UNITS;
        self.recent[at] = sample.mark;
        self.units = self.units.saturating_add(1);
        if sample.start.is_some() {
            self.raw |= self.start == sample.start;
            self.start = sample.start;
        }
        self.score(probe, sample, config);
        if probe.nature != Nature::ReplyLike {
            if let Some(port) = sample.port {
                remember(&mut self.ports, port);
            }
            remember(&mut self.targets, sample.target);
        }
        true
    }

    fn score(&mut self, probe: &Probe, sample: &Sample, config: &Config) {
        let elapsed = sample.time.since(self.scored_at);
        let another = self.targets.len() >= 2 && !self.targets.contains(&sample.target);
        let reply = probe.nature == Nature::ReplyLike;
        let weight = if another && !reply {
            probe.weight * SWEEP_FACTOR
        } else if self.raw && !reply {
            // Whatever lightened it does not count: no neighbour's program does this.
            probe.weight.max(RAW)
        } else {
            probe.weight
        };
        // A day's late answers are no slow scan.
        let slow_gain = if reply { 0.0 } else { SLOW_GAIN };
        self.fast = decayed(self.fast, elapsed, config.fast_half_life.get()) + weight;
        self.slow = decayed(self.slow, elapsed, config.slow_half_life.get()) + weight * slow_gain;
        self.scored_at = self.scored_at.max(sample.time);
    }

    /// Is the sum an attack, seen from the packet that came just now?
    pub(super) fn mark(&self, probe: &Probe, near: bool, config: &Config) -> Mark {
        let enough_units = match probe.nature {
            Nature::ReplyLike => 40,
            _ if self.impossible >= 3 => 2,
            _ if near && probe.tool.is_none() && !self.raw && probe.kind != Kind::PingSweep => 4,
            _ => 3,
        };
        if self.units < enough_units {
            Mark::Below
        } else if self.fast >= config.threshold {
            Mark::Fast
        } else if self.slow >= config.threshold {
            Mark::Slow
        } else {
            Mark::Below
        }
    }

    /// The greater score at a time: what the track is worth keeping for.
    pub(super) fn worth(&self, now: Timestamp, config: &Config) -> f32 {
        let elapsed = now.since(self.scored_at);
        decayed(self.fast, elapsed, config.fast_half_life.get()).max(decayed(
            self.slow,
            elapsed,
            config.slow_half_life.get(),
        ))
    }
}

/// What a track takes of a packet besides the probe that it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) time: Timestamp,
    pub(super) mark: u32,
    pub(super) packets: u64,
    pub(super) port: Option<u16>,
    pub(super) target: IpAddr,
    /// Source port and sequence number of what opens a connection by a program's own making.
    pub(super) start: Option<(u16, u32)>,
    pub(super) fates: Fates,
    pub(super) trusted: bool,
    pub(super) fact: Fact,
}

/// What is left of a score; time that went back takes nothing.
pub(super) fn decayed(score: f32, elapsed: i64, half_life: u32) -> f32 {
    if elapsed <= 0 || score == 0.0 {
        return score;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "seven digits are plenty for a decay"
    )]
    let half_lives = elapsed as f32 / (half_life as f32 * 1e6);
    score * libm::exp2f(-half_lives)
}
