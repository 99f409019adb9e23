//! `clear-history`: has the helper forget.

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args as ClapArgs;
use wallwatch::{bus, text};

use crate::{
    error::Error,
    helper,
    moment::{self, Moment},
    print::Printer,
};

/// How much is forgotten.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    what: What,
    /// Do not ask first, which is done on a terminal alone
    #[arg(short, long)]
    yes: bool,
}

/// Which alerts.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
struct What {
    /// All of them
    #[arg(long)]
    all: bool,
    /// Those from before this time: 12h, 7d, or as 2026-11-22 14:05
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    before: Option<Moment>,
}

/// Forgets, for everybody and for good.
pub(crate) async fn run(args: &Args, printer: &mut Printer) -> Result<(), Error> {
    let (before, _) = moment::stretch(args.what.before, None)?;
    if !args.yes && !is_meant(before)? {
        return printer.note("Nothing was forgotten.");
    }
    let helper = helper::connect(bus::DIALOG_TIMEOUT).await?;
    helper.clear_history(before).await.map_err(helper::failed)?;
    if printer.json() {
        return printer.json_line(&serde_json::json!({ "before": before }));
    }
    printer.note(&match before {
        0 => "The history is empty now.".to_owned(),
        before => format!("What was before {} is forgotten.", text::date_time(before)),
    })
}

/// Asks whoever sits at the terminal; where nobody does, it is meant.
fn is_meant(before: i64) -> Result<bool, Error> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    let mut terminal = io::stderr().lock();
    terminal.write_all(text::forget_question(before).as_bytes())?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
