//! Several inputs as one, merged by the times that they tell.

use std::path::PathBuf;

use wallwatch_helper::{event::Timestamp, replay::Unit, twins::Twins};

use super::{
    input::{Circumstances, Input, Outcome, identity, is_stdin},
    trouble::Trouble,
};

/// So many lines are remembered, which takes a megabyte. Lines that stand in several files (rsyslog writes those of the kernel into
/// two) are known by their hashes.
const REMEMBERED: usize = 1 << 14;

/// An input's place in the order: the time of its next line, then its place among the arguments. What has told no time yet is first.
type Place = (Option<Timestamp>, usize);

/// Inputs that are read as one.
///
/// Of each but one a single line is held. The one is read on for as long as its lines are not later than that of any other, so
/// that rotated files cost no more than one file.
pub(super) struct Inputs {
    each: Vec<Input>,
    /// The one that is read; none before the first of several is chosen.
    current: Option<usize>,
    /// The first of the others.
    bound: Option<Place>,
    /// What several files tell alike; none where there is one alone.
    twins: Option<Twins>,
    /// How many lines were left out because another file told the same.
    repeated: u64,
}

impl Inputs {
    /// Opens what can be opened; says of the rest why not.
    pub(super) fn open(paths: &[PathBuf], circumstances: &Circumstances) -> (Self, Vec<Trouble>) {
        let mut troubles = Vec::new();
        let mut inputs = Vec::new();
        let mut named: Vec<(&PathBuf, Option<(u64, u64)>)> = Vec::new();
        for path in paths {
            let identity = identity(path);
            // Two readers would tear lines apart, wait for each other or count every packet twice.
            let same = named.iter().find(|(other, known)| {
                (is_stdin(path) && is_stdin(other)) || (identity.is_some() && identity == *known)
            });
            if let Some((other, _)) = same {
                troubles.push(Trouble::twice(path, other));
                continue;
            }
            named.push((path, identity));
            match Input::open(path, circumstances) {
                Ok(input) => inputs.push(input),
                Err(trouble) => troubles.push(trouble),
            }
        }
        // One alone is read straight away; the current one of several is chosen by their first lines.
        let is_alone = inputs.len() == 1;
        let twins = (!is_alone).then(|| Twins::new(REMEMBERED));
        if let Some(twins) = &twins {
            for input in &mut inputs {
                input.hasher = Some(twins.hasher().clone());
                input.advance();
            }
        }
        let inputs = Self {
            each: inputs,
            current: is_alone.then_some(0),
            bound: None,
            twins,
            repeated: 0,
        };
        (inputs, troubles)
    }

    /// Is there none?
    pub(super) const fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// How long they are together, where that is known of each.
    pub(super) fn length(&self) -> Option<u64> {
        self.each.iter().map(|input| input.length).sum()
    }

    /// What was written first among the next of each.
    pub(super) fn next(&mut self) -> Option<(Unit, &Outcome)> {
        let mut current = self.step()?;
        while self.is_repeated(current) {
            self.repeated += 1;
            current = self.step()?;
        }
        self.each.get(current)?.item()
    }

    /// Was the line that was read last told by another file already?
    fn is_repeated(&mut self, current: usize) -> bool {
        let Some(twins) = &mut self.twins else {
            return false;
        };
        let hash = self.each.get(current).and_then(|input| input.hash);
        hash.is_some_and(|hash| twins.is_known(hash, current))
    }

    /// How many lines were left out because another file told the same, and how many files there are.
    pub(super) const fn twins(&self) -> (u64, usize) {
        (self.repeated, self.each.len())
    }

    /// Goes on by one; says whose line is the next.
    fn step(&mut self) -> Option<usize> {
        if let Some(current) = self.current
            && let Some(input) = self.each.get_mut(current)
            && input.advance()
            && self
                .bound
                .is_none_or(|bound| (input.time, current) <= bound)
        {
            return self.current;
        }
        self.switch()
    }

    /// Goes over to the input whose next line is the first.
    fn switch(&mut self) -> Option<usize> {
        let mut places: (Option<Place>, Option<Place>) = (None, None);
        for (index, input) in self.each.iter().enumerate() {
            if input.item().is_some() {
                let place = (input.time, index);
                if places.0.is_none_or(|first| place < first) {
                    places = (Some(place), places.0);
                } else if places.1.is_none_or(|second| place < second) {
                    places.1 = Some(place);
                }
            }
        }
        self.current = places.0.map(|(_, first)| first);
        self.bound = places.1;
        self.current
    }

    /// Lines that were cut.
    pub(super) fn cut(&self) -> u64 {
        self.each.iter().map(|input| input.cut).sum()
    }

    /// Packets of which nobody knows whether the machine that recorded them sent them.
    pub(super) fn undirected(&self) -> u64 {
        self.each.iter().map(|input| input.undirected).sum()
    }

    /// Why some could not be read to their ends.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.each.iter().filter_map(|input| input.trouble.as_ref())
    }
}
