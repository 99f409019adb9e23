//! What Wallwatch knows, in a terminal.
//!
//! [`args`] says what can be asked, [`helper`] asks the helper and [`desktop`] the desktop program, [`hooks`] lists scripts and tries them, [`print`] shows the answers;
//! [`error`] turns what went wrong into one sentence and an exit code. [`zone`] knows this machine's clocks.

mod analyze;
mod args;
mod configuration;
mod csv;
mod desktop;
mod error;
mod explain;
mod export;
mod forget;
mod helper;
mod hooks;
mod moment;
mod print;
mod rules;
mod statistics;
mod wanted;
mod watch;
mod zone;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command, Switch};
use error::Error;
use print::Printer;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut printer = Printer::new(&args.output);
    match run(args, &mut printer) {
        Ok(code) => code,
        Err(error) => error::report(&error),
    }
}

/// Carries the command out.
fn run(args: Args, printer: &mut Printer) -> Result<ExitCode, Error> {
    match args.command {
        Command::Analyze(analyze) => return analyze::run(&analyze, printer),
        Command::Explain(explain) => return explain::run(&explain, printer),
        Command::Config(config) => {
            return configuration::run(&config, printer).map(|()| ExitCode::SUCCESS);
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    if let Command::Hooks(wanted) = &args.command {
        return runtime.block_on(hooks::run(wanted, printer));
    }
    runtime.block_on(ask(args.command, printer))?;
    Ok(ExitCode::SUCCESS)
}

/// Asks the helper or the desktop program.
async fn ask(command: Command, printer: &mut Printer) -> Result<(), Error> {
    match command {
        Command::Status => helper::status(printer).await,
        Command::Alerts(wanted) => helper::alerts(&wanted, printer).await,
        Command::Show { id } => helper::show(id, printer).await,
        Command::Stats(stretch) => statistics::stats(&stretch, printer).await,
        Command::Noise(since) => statistics::noise(&since, printer).await,
        Command::Export(args) => export::run(&args, printer).await,
        Command::Watch => watch::run(printer).await,
        Command::TestAlert => helper::test_alert(printer).await,
        Command::Capture { switch } => helper::capture(matches!(switch, Switch::On), printer).await,
        Command::Pause { time } => desktop::pause(time, printer).await,
        Command::Resume => desktop::resume(printer).await,
        Command::Trust(wanted) => rules::trust(&wanted, printer).await,
        Command::Untrust(wanted) => rules::untrust(&wanted, printer).await,
        Command::Mute(wanted) => rules::mute(&wanted, printer).await,
        Command::Unmute(wanted) => rules::unmute(&wanted, printer).await,
        Command::Rules(wanted) => rules::run(wanted, printer).await,
        Command::Reload => configuration::reload(printer).await,
        Command::ClearHistory(wanted) => forget::run(&wanted, printer).await,
        Command::Analyze(_) | Command::Explain(_) | Command::Hooks(_) | Command::Config(_) => {
            unreachable!("it needs no bus and was carried out before")
        }
    }
}
