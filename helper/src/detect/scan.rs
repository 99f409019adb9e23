//! The scan detector: who asks for more different things than an honest host would?

use std::net::IpAddr;

use wallwatch_dbus::{Family, Kind, Verdict};

use super::{
    Config, Fact, Fates, Origin,
    class::{Nature, Probe},
    origin,
    sets::{Place, Sets},
    trace::{Opening, Trace},
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

/// Where an origin stands.
enum Promoted {
    /// Among the tracks.
    To(Place),
    /// In probation.
    No { is_new: bool },
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
    /// Did the origin ask for this for the first time, as far as is remembered?
    pub is_new: bool,
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

    /// Goes by other thresholds from now on.
    pub const fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// The number by which an origin's probes of one family are found, here and elsewhere. Nobody can foresee it.
    ///
    /// Senders that nobody can be are many names for one, and what tells nothing but that it is in pieces belongs to what the
    /// pieces are put together to.
    #[must_use]
    pub fn tag(&self, told: &Trace, probe: &Probe) -> u64 {
        match probe.kind {
            Kind::Bogon | Kind::Land => self.group_tag(probe.kind),
            Kind::TcpBadFlags if told.fragmented => self.tag_of(told.src, Family::TcpProbe),
            kind => self.tag_of(told.src, kind.family()),
        }
    }

    /// The number for another family of the same origin.
    #[inline]
    #[must_use]
    pub fn tag_of(&self, src: IpAddr, family: Family) -> u64 {
        self.tags(src)(family)
    }

    /// The numbers for all families of that origin, each made when it is asked for.
    pub fn tags(&self, src: IpAddr) -> impl Fn(Family) -> u64 + use<> {
        let (origin, seed) = (Origin::of(src), self.seed);
        move |family| origin.tag(family, seed)
    }

    /// The number of what is nobody's in particular: one for each kind.
    #[must_use]
    pub fn group_tag(&self, kind: Kind) -> u64 {
        Origin::shared_tag(kind, self.seed)
    }

    /// Takes in one probe of this tag.
    pub fn observe(
        &mut self,
        tag: u64,
        told: &Trace,
        probe: &Probe,
        neighbourhood: &Neighbourhood,
    ) -> Sighting<'_> {
        let sample = Sample {
            time: told.time,
            mark: origin::unit_mark(told.dst, told.protocol.0, probe.unit),
            packets: 1,
            port: told.dport,
            target: told.dst,
            start: (told.opening == Opening::Raw)
                .then_some(())
                .and_then(|()| Some((told.sport?, told.seq?))),
            fates: Fates::of(told.verdict),
            trusted: told.trusted,
            fact: Fact::of(told),
        };
        let promoted = match self.tracks.place(tag) {
            Some(place) => Promoted::To(place),
            None => self.promote(tag, probe, sample),
        };
        let found = match promoted {
            Promoted::To(place) => self.tracks.at(place),
            Promoted::No { is_new } => {
                return Sighting {
                    is_new,
                    ..Sighting::default()
                };
            }
        };
        let Some(found) = found else {
            return Sighting::default();
        };
        let new_unit = found.add(probe, &sample, &self.config);
        let mark = if new_unit {
            found.mark(probe, neighbourhood.is_near(told.src), &self.config)
        } else {
            Mark::Below
        };
        Sighting {
            alarm: mark != Mark::Below,
            slow: mark == Mark::Slow,
            is_new: new_unit,
            track: Some(found),
        }
    }

    /// Puts right what was told of a probe of this tag, of which the trace tells what became of it.
    pub fn put_right(&mut self, tag: u64, trace: &Trace, told: Verdict) {
        let is = trace.verdict;
        if let Some(known) = self.tracks.get(tag) {
            known.fates.put_right(told, is);
            Fact::put_right(&mut known.facts, trace);
        } else if let Some(novice) = self.probation.get(tag) {
            novice.sample.fates.put_right(told, is);
            Fact::put_right(std::slice::from_mut(&mut novice.sample.fact), trace);
        }
    }

    /// Moves an origin from probation to the tracks at its second unit.
    fn promote(&mut self, tag: u64, probe: &Probe, sample: Sample) -> Promoted {
        let Some(place) = self.probation.place(tag) else {
            let novice = Novice {
                probe: *probe,
                sample,
                last: sample.time,
            };
            // What looks like an answer gives way first, then what is oldest.
            let worth = |novice: &Novice| (novice.probe.nature != Nature::ReplyLike, novice.last);
            self.probation.insert(tag, novice, worth);
            return Promoted::No { is_new: true };
        };
        let Some(novice) = self.probation.at(place) else {
            return Promoted::No { is_new: false };
        };
        if novice.sample.mark == sample.mark {
            novice.sample.packets += 1;
            novice.sample.fates = novice.sample.fates.and(sample.fates);
            novice.sample.trusted &= sample.trusted;
            novice.last = novice.last.max(sample.time);
            return Promoted::No { is_new: false };
        }
        let Some(novice) = self.probation.remove(tag) else {
            return Promoted::No { is_new: false };
        };
        let mut track = Track::new(novice.sample.time);
        track.add(&novice.probe, &novice.sample, &self.config);
        let config = self.config;
        let worth = |track: &Track| track.worth(sample.time, &config);
        Promoted::To(self.tracks.insert(tag, track, worth))
    }
}
