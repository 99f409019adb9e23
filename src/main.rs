//! The desktop program: tray icon, popups and window.

use std::process::ExitCode;

use clap::Parser;
use wallwatch::{
    app::{self, Options},
    config::Config,
    paths, say,
};

/// Shows the attacks on this computer: a popup when one happens, an icon in the panel, a window with all of them.
#[derive(Debug, Parser)]
#[command(name = "wallwatch", version, about)]
struct Args {
    /// Show no window at the start
    #[arg(long)]
    hidden: bool,
    /// Show no icon in the panel
    #[arg(long)]
    no_tray: bool,
    /// Tell each step on standard error
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.verbose {
        say::verbose();
    }
    app::run(
        Options {
            hidden: args.hidden,
            no_tray: args.no_tray,
        },
        config(),
    )
}

/// The user's configuration; what is wrong in it is told and left at its default.
fn config() -> Config {
    let Some(path) = paths::config_file() else {
        return Config::default();
    };
    match Config::load(&path) {
        Ok((config, warnings)) => {
            for warning in warnings {
                say::warn(format_args!("{}, {warning}", path.display()));
            }
            config
        }
        Err(error) => {
            say::warn(format_args!(
                "{} is not readable ({error}); the defaults hold",
                path.display()
            ));
            Config::default()
        }
    }
}
