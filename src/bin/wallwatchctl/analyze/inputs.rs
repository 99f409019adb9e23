//! Several inputs as one, merged by the times that they tell.

use std::path::PathBuf;

use wallwatch_helper::{event::Timestamp, replay::Unit};

use super::{
    input::{Circumstances, Input, Outcome, is_stdin},
    trouble::Trouble,
};

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
}

impl Inputs {
    /// Opens what can be opened; says of the rest why not.
    pub(super) fn open(paths: &[PathBuf], circumstances: &Circumstances) -> (Self, Vec<Trouble>) {
        let mut troubles = Vec::new();
        let mut inputs = Vec::new();
        let mut has_stdin = false;
        for path in paths {
            // Two readers would tear its lines apart, or wait for each other.
            if is_stdin(path) && std::mem::replace(&mut has_stdin, true) {
                troubles.push(Trouble::twice());
                continue;
            }
            match Input::open(path, circumstances) {
                Ok(input) => inputs.push(input),
                Err(trouble) => troubles.push(trouble),
            }
        }
        // One alone is read straight away; the current one of several is chosen by their first lines.
        let is_alone = inputs.len() == 1;
        if !is_alone {
            for input in &mut inputs {
                input.advance();
            }
        }
        let inputs = Self {
            each: inputs,
            current: is_alone.then_some(0),
            bound: None,
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
        let current = self.step()?;
        self.each.get(current)?.item()
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

    /// Why some could not be read to their ends.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.each.iter().filter_map(|input| input.trouble.as_ref())
    }
}
