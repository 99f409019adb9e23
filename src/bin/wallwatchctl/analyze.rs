//! Looks for attacks in log files.
use crate::{error::Error, print::Printer};
use std::process::ExitCode;
/// Which files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    files: Vec<String>,
}
/// x
pub(crate) fn run(_: Args, _: &mut Printer) -> Result<ExitCode, Error> {
    Ok(ExitCode::SUCCESS)
}
