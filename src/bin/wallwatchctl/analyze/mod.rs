//! `analyze`: looks for attacks in logs and captures.
//!
//! [`inputs`] merges what several files tell, each read as an [`input`] whose [`kind`] its first bytes say, without the twins of
//! lines; [`trouble`] is what can be wrong with one. What is found goes to the [`sheet`] as a [`table`], as JSON or as [`csv`](crate::csv), with a [`summary`] at its end that
//! tells the [`fates`] of all lines too, past the [`progress`] of the work.

mod columns;
mod fates;
mod gzip;
mod input;
mod inputs;
mod kind;
mod lines;
mod progress;
mod sheet;
mod summary;
mod table;
mod trouble;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use wallwatch_dbus::Severity;
use wallwatch_helper::{
    clock,
    config::Config,
    decode::dress::Reference,
    detect,
    event::Timestamp,
    explain::Entry,
    neighbourhood::Neighbourhood,
    replay::{Replay, Unit},
    rules::Rules,
};

use self::{
    fates::Facts,
    input::{Circumstances, Outcome},
    inputs::Inputs,
    progress::{Meter, Progress},
    sheet::{Form, Sheet},
    table::Look,
};
use crate::{error::Error, print::Printer, wanted, zone};

/// The exit code where an alert was found of the severity that was asked for.
const FOUND: u8 = 10;

/// Which files, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is looked for: scans of ports by TCP, UDP and SCTP and of IP protocols, stealth scans and impossible flags,
sweeps over addresses and pings, probes that tell systems apart, floods, log-ins tried again and again, worms, scans by
many sources, impossible addresses, and routers and DHCP servers that came to the network. Signatures are not known yet.

In JSON and CSV the ports end in ',...' where there are too many to list; port_count tells how many there are.")]
pub(crate) struct Args {
    /// Logs in syslog, journal, dmesg or ulogd dress and captures (pcap, pcapng), each as it is or compressed by gzip; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print comma separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Show of each alert why it is so severe, and its first packets
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    details: bool,
    /// Try the settings and rules of this file, as the helper would
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Exit with 10 when an alert is at least so severe: info, low, medium, high, critical or 1 to 5
    #[arg(long, value_name = "LEVEL", value_parser = wanted::level)]
    fail_on: Option<Severity>,
}

/// Prints the attacks that the files tell of.
pub(crate) fn run(args: &Args, printer: &Printer) -> Result<ExitCode, Error> {
    let settings = settings(args.config.as_deref())?;
    let now = clock::now();
    let circumstances = Circumstances {
        reference: Reference {
            now,
            zone: zone::system_zone(),
        },
        boot: now.plus(-uptime()),
        meter: Meter::default(),
    };
    let replay = |config| Replay::new(config, Neighbourhood::default(), now, circumstances.boot);
    let is_typed = progress::await_terminal(&args.files, !printer.quiet());
    let progress = Progress::new(&circumstances.meter, !printer.quiet() && !is_typed);
    let (inputs, troubles) = Inputs::open(&args.files, &circumstances);
    let form = match (args.csv, printer.json()) {
        (true, _) => Form::Csv,
        (_, true) => Form::Json,
        _ if args.details => Form::Details(Look::of(printer)),
        _ => Form::table(printer),
    };
    progress.set_length(inputs.length());
    let mut work = Work {
        beside: settings
            .as_ref()
            .filter(|_| form.has_summary())
            .map(|_| Beside::new(replay(detect::Config::default()))),
        replay: {
            let (thresholds, rules) = settings.unwrap_or_default();
            replay(thresholds).with_rules(rules)
        },
        sheet: Sheet::new(form, progress),
        inputs,
    };
    for trouble in &troubles {
        work.sheet.tell(&trouble.sentence);
    }
    if work.inputs.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    work.read(&circumstances.meter)?;
    let (unread, worst) = work.end()?;
    let is_found = args
        .fail_on
        .is_some_and(|level| worst.is_some_and(|worst| worst >= level));
    Ok(match (is_found, troubles.is_empty() && !unread) {
        (true, _) => ExitCode::from(FOUND),
        (_, true) => ExitCode::SUCCESS,
        (_, false) => ExitCode::FAILURE,
    })
}

/// The thresholds and rules of the file, where one is to be tried.
fn settings(path: Option<&Path>) -> Result<Option<(detect::Config, Rules)>, Error> {
    path.map(|path| Config::load(Some(path)))
        .transpose()
        .map(|config| config.map(|config| (config.detect, Rules::of(&config.rules))))
        .map_err(|error| Error::File(error.to_string()))
}

/// Microseconds since this machine started (`/proc/uptime`); 0 where it does not tell.
fn uptime() -> i64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let (seconds, hundredths) = text
        .split_whitespace()
        .next()
        .and_then(|word| word.split_once('.'))
        .unwrap_or_default();
    let part = |text: &str| text.parse::<i64>().unwrap_or(0);
    part(seconds) * Timestamp::SECOND + part(hundredths) * (Timestamp::SECOND / 100)
}

/// The way of the lines from the files to what is printed.
struct Work {
    inputs: Inputs,
    replay: Replay,
    beside: Option<Beside>,
    sheet: Sheet,
}

impl Work {
    /// Reads everything that there is.
    fn read(&mut self, meter: &Meter) -> Result<(), Error> {
        let mut units = 0;
        while let Some((unit, read)) = self.inputs.next() {
            self.replay.feed_unit(unit, read);
            if let Some(beside) = &mut self.beside {
                beside.feed(unit, read);
            }
            while let Some(alert) = self.replay.next_final() {
                self.sheet.add(&alert)?;
            }
            units += 1;
            meter.set(units, self.replay.raised());
            if meter.is_due() {
                self.sheet.write()?;
            }
        }
        Ok(())
    }

    /// Prints what is left. Says whether something could not be read, and how severe the worst alert is.
    fn end(mut self) -> Result<(bool, Option<Severity>), Error> {
        let counts = self.replay.counts().clone();
        let noise: Vec<Entry> = self.replay.noise().entries().cloned().collect();
        for alert in self.replay.finish() {
            self.sheet.add(&alert)?;
        }
        let facts = Facts {
            counts: &counts,
            noise: &noise,
            cut: self.inputs.cut(),
            twins: self.inputs.twins(),
            undirected: self.inputs.undirected(),
            with_defaults: self.beside.map(Beside::alerts),
            now: clock::now(),
        };
        let worst = self.sheet.end(&facts)?;
        let mut unread = false;
        for trouble in self.inputs.troubles() {
            self.sheet.tell(&trouble.sentence);
            unread |= !trouble.harmless;
        }
        Ok((unread, worst))
    }
}

/// The same lines under the default settings, of which only the number of alerts is told.
struct Beside {
    replay: Replay,
    alerts: u64,
}

impl Beside {
    const fn new(replay: Replay) -> Self {
        Self { replay, alerts: 0 }
    }

    fn feed(&mut self, unit: Unit, read: &Outcome) {
        self.replay.feed_unit(unit, read);
        while self.replay.next_final().is_some() {
            self.alerts += 1;
        }
    }

    fn alerts(self) -> u64 {
        self.alerts + self.replay.finish().count() as u64
    }
}
