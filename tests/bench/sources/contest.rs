//! Readers that take turns at the same floods, and what came of it.

use std::time::Duration;

use crate::{
    readers::{Reader, Taken},
    stage::{Stage, cpu_time, pin, wait_for_rest},
    table::{Table, median, number},
};

/// Packets a second, where the pace is the sender's own.
pub(crate) const MAXIMUM: u32 = 0;

/// A reader that can be started.
pub(crate) struct Entrant {
    pub(crate) name: &'static str,
    pub(crate) start: fn(&Stage) -> Box<dyn Reader>,
}

/// One flood before one reader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// What the rule counted.
    pub(crate) offered: u64,
    pub(crate) taken: Taken,
    cpu: Duration,
}

impl Run {
    /// The share of the packets that are in no record, in percent.
    pub(crate) fn missing(&self) -> f64 {
        let missing = self.offered.saturating_sub(self.taken.records);
        100.0 * missing as f64 / self.offered.max(1) as f64
    }

    /// Packets that are in no record and were not told to be lost either.
    pub(crate) fn unaccounted(&self) -> u64 {
        self.offered
            .saturating_sub(self.taken.records + self.taken.lost)
    }

    /// Processor time a record, in nanoseconds.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.taken.records.max(1) as f64
    }
}

/// Floods of some rates before each of the entrants, some rounds long.
pub(crate) struct Contest<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) entrants: &'a [Entrant],
    /// Options of pktsend's besides the rate and the time.
    pub(crate) options: &'a [&'a str],
    /// How long a flood lasts, in seconds.
    pub(crate) seconds: u32,
    /// The table and the counter that tell what came.
    pub(crate) counter: (&'a str, &'a str),
    pub(crate) rounds: usize,
}

/// All runs of one entrant at one rate.
pub(crate) type Runs = Vec<Run>;

impl Contest<'_> {
    /// The runs at this rate, for each entrant.
    pub(crate) fn at(&self, rate: u32) -> Vec<Runs> {
        let mut all: Vec<Runs> = self.entrants.iter().map(|_| Runs::new()).collect();
        for round in 0..self.rounds {
            // Each round begins with another one.
            for turn in 0..self.entrants.len() {
                let which = (round + turn) % self.entrants.len();
                all[which].push(self.run(&self.entrants[which], rate));
            }
        }
        all
    }

    fn run(&self, entrant: &Entrant, rate: u32) -> Run {
        let mut reader = (entrant.start)(self.stage);
        let pids = reader.pids();
        let cpu_of_all = || pids.iter().map(|pid| cpu_time(*pid)).sum::<Duration>();
        let wait_for_all = || pids.iter().for_each(|pid| wait_for_rest(*pid));
        for pid in &pids {
            pin(*pid);
        }
        wait_for_all();
        let (table, counter) = self.counter;
        let (before, cpu) = (self.stage.net.victim.counter(table, counter), cpu_of_all());
        let (seconds, rate) = (self.seconds.to_string(), rate.to_string());
        let options = ["--seconds", &seconds, "--rate", &rate];
        self.stage.flood(&[&options[..], self.options].concat());
        wait_for_all();
        let cpu = cpu_of_all().saturating_sub(cpu);
        let offered = self.stage.net.victim.counter(table, counter) - before;
        Run {
            offered,
            taken: reader.taken(self.stage),
            cpu,
        }
    }

    /// Prints the runs at a rate, a line for each entrant; the ratio is that of the cost to the first one's.
    pub(crate) fn print(&self, table: &mut Table, rate: u32, all: &[Runs]) {
        let pace = if rate == MAXIMUM {
            "maximum".to_owned()
        } else {
            number(u64::from(rate))
        };
        let cost = |runs: &Runs| median(runs.iter().map(Run::cost));
        let first = all.first().map_or(0.0, cost);
        for (entrant, runs) in self.entrants.iter().zip(all) {
            let offered = median(runs.iter().map(|run| run.offered as f64));
            let worst = runs.iter().map(Run::missing).fold(0.0, f64::max);
            let (least, most) = range(runs.iter().map(Run::cost));
            table.row(&[
                pace.clone(),
                entrant.name.to_owned(),
                format!("{:.0}", offered / f64::from(self.seconds)),
                format!("{:.2} %", median(runs.iter().map(Run::missing))),
                format!("{worst:.2} %"),
                number(runs.iter().map(|run| run.taken.lost).max().unwrap_or(0)),
                number(runs.iter().map(Run::unaccounted).max().unwrap_or(0)),
                format!("{:.0}", cost(runs)),
                format!("{least:.0}-{most:.0}"),
                format!("{:.1}", cost(runs) / first),
            ]);
        }
    }
}

/// The heads of what [`Contest::print`] prints.
pub(crate) const HEADS: [&str; 10] = [
    "packets/s",
    "reader",
    "came/s",
    "missing",
    "worst",
    "told lost",
    "untold",
    "ns/packet",
    "range",
    "ratio",
];

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(least, most), value| {
        (value.min(least), value.max(most))
    })
}
