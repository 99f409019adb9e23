//! The command line of the helper and the way it ends.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use crate::{
    config::Config,
    failure::Failure,
    journal,
    pipeline::{self, Setup},
    sys::capability::{Capability, Effective},
};

/// Watches the firewall, detects attacks and serves alerts on the system bus.
#[derive(Debug, Parser)]
#[command(name = "wallwatch-helper", version)]
struct Arguments {
    /// The configuration; /etc/wallwatch/config.toml where not given
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where it is remembered whether packets are captured
    #[arg(long, value_name = "DIR", default_value = "/var/lib/wallwatch")]
    state_dir: PathBuf,
    /// Capture packets by the own nftables table in this run, or not, whatever was remembered
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    capture: Option<Switch>,
    /// Say more of what happens
    #[arg(short, long)]
    verbose: bool,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// The helper from its command line to its end.
#[must_use]
pub fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            journal::say(&failure);
            ExitCode::from(failure.code)
        }
    }
}

fn start(arguments: Arguments) -> Result<(), Failure> {
    if arguments.verbose {
        journal::be_verbose();
    }
    let config =
        Config::load(arguments.config.as_deref()).map_err(|error| Failure::config(&error))?;
    let rights = Effective::of_this_process().map_err(|error| Failure::other(&error))?;
    if !rights.has(Capability::NetAdmin) && !rights.has(Capability::Syslog) {
        return Err(Failure::no_permission());
    }
    let setup = Setup {
        config,
        state_dir: arguments.state_dir,
        capture: arguments.capture.map(|switch| switch == Switch::On),
    };
    // One thread: what the helper does in a second fits into a few milliseconds, and an idle thread less is memory less.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .map_err(|error| Failure::other(&error))?
        .block_on(pipeline::run(setup))
}
