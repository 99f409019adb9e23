//! The scan detector: who asks for more different things than an honest host would?

use wallwatch_dbus::Family;

use super::{
    Config, Fates, Origin,
    class::{Nature, Probe},
    origin,
    sets::Sets,
    trace::Trace,
    track::{Mark, Sample, Track},
};
use crate::{event::Timestamp, neighbourhood::Neighbourhood};

/// Sets of eight of origins that asked for one thing: 16,384 places of 104 bytes, made when touched.
const PROBATION_SETS: usize = 2048;
/// Sets of eight of origins that asked for more: 1,024 places of about 700 bytes, made when touched.
const TRACK_SETS: usize = 128;

/// An origin's only unit so far. Spoofed sources of a flood stay here, so that they cannot push a patient scanner out.
#[derive(Debug)]
struct Novice {
    probe: Probe,
    sample: Sample,
    last: Timestamp,
}

/// The scan detector.
#[derive(Debug)]
pub struct Scan {
    config: Config,
    /// Makes places in the tables unforeseeable.
    seed: u64,
    probation: Sets<Novice>,
    tracks: Sets<Track>,
}

/// What the detector thinks of one probe.
#[derive(Debug, Default)]
pub struct Sighting<'a> {
    /// Do the origin's probes of this family make an attack, as of this packet?
    pub alarm: bool,
    /// Was it only the long memory that saw it?
    pub slow: bool,
    /// What is remembered of the origin; `None` where this is its only unit.
    pub track: Option<&'a Track>,
}

impl Scan {
    /// A detector that has seen nothing.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            seed,
            probation: Sets::new(PROBATION_SETS),
            tracks: Sets::new(TRACK_SETS),
        }
    }

    /// Takes one probe in.
    pub fn observe(
        &mut self,
        trace: &Trace,
        probe: &Probe,
        neighbourhood: &Neighbourhood,
    ) -> Sighting<'_> {
        let family: Family = probe.kind.family();
        let tag = Origin::of(trace.src).tag(family, self.seed);
        let sample = Sample {
            time: trace.time,
            mark: origin::unit_mark(trace.dst, trace.protocol.0, probe.unit),
            packets: 1,
            port: trace.dport,
            target: trace.dst,
            fates: Fates::of(trace.verdict),
            trusted: trace.trusted,
        };
        // Two look-ups instead of one: a reference that is returned must not be held over the insertion.
        if self.tracks.get(tag).is_none() && !self.promote(tag, probe, sample) {
            return Sighting::default();
        }
        let Some(track) = self.tracks.get(tag) else {
            return Sighting::default();
        };
        let new_unit = track.add(probe, &sample, &self.config);
        let mark = if new_unit {
            track.mark(probe, neighbourhood.is_near(trace.src), &self.config)
        } else {
            Mark::Below
        };
        Sighting {
            alarm: mark != Mark::Below,
            slow: mark == Mark::Slow,
            track: Some(track),
        }
    }

    /// Takes back that this probe was stopped.
    pub fn passed_after_all(&mut self, trace: &Trace, probe: &Probe) {
        let tag = Origin::of(trace.src).tag(probe.kind.family(), self.seed);
        if let Some(known) = self.tracks.get(tag) {
            known.fates.passed_after_all();
        } else if let Some(novice) = self.probation.get(tag) {
            novice.sample.fates.passed_after_all();
        }
    }

    /// Moves an origin from probation to the tracks at its second unit; false where it stays or is new.
    fn promote(&mut self, tag: u64, probe: &Probe, sample: Sample) -> bool {
        match self.probation.get(tag) {
            Some(novice) if novice.sample.mark == sample.mark => {
                novice.sample.packets += 1;
                novice.sample.fates = novice.sample.fates.and(sample.fates);
                novice.sample.trusted &= sample.trusted;
                novice.last = novice.last.max(sample.time);
                false
            }
            Some(_) => {
                let Some(novice) = self.probation.remove(tag) else {
                    return false;
                };
                let mut track = Track::new(novice.sample.time);
                track.add(&novice.probe, &novice.sample, &self.config);
                let config = self.config;
                self.tracks
                    .insert(tag, track, |track| track.worth(sample.time, &config));
                true
            }
            None => {
                // What looks like an answer gives way first, then what is oldest.
                let worth =
                    |novice: &Novice| (novice.probe.nature != Nature::ReplyLike, novice.last);
                self.probation.insert(
                    tag,
                    Novice {
                        probe: *probe,
                        sample,
                        last: sample.time,
                    },
                    worth,
                );
                false
            }
        }
    }
}
