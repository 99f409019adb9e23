//! `clear-history`: has the helper forget.

use clap::Args as ClapArgs;
use wallwatch::{bus, text};
use wallwatch_helper::clock;

use crate::{error::Error, helper, print::Printer};

/// How much is forgotten.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct Args {
    /// Everything
    #[arg(long)]
    all: bool,
    /// All but the last time, as 7d or 12h
    #[arg(long, value_name = "TIME", value_parser = time)]
    keep: Option<i64>,
}

/// Reads a time, in microseconds.
fn time(text: &str) -> Result<i64, String> {
    const USAGE: &str = "write a number with m, h or d, as 12h or 7d";
    let (number, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let seconds: i64 = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(USAGE.to_owned()),
    };
    let number = number.parse::<i64>().ok().filter(|number| *number > 0);
    number
        .and_then(|number| number.checked_mul(seconds * 1_000_000))
        .ok_or_else(|| USAGE.to_owned())
}

/// Forgets, for everybody and for good.
pub(crate) async fn run(args: &Args, printer: &mut Printer) -> Result<(), Error> {
    let before = args
        .keep
        .map_or(0, |keep| clock::now().0.saturating_sub(keep).max(1));
    let helper = helper::connect(bus::DIALOG_TIMEOUT).await?;
    helper.clear_history(before).await.map_err(helper::failed)?;
    if printer.json() {
        return printer.line(&serde_json::json!({ "before": before }).to_string());
    }
    printer.note(&match before {
        0 => "The history is empty now.".to_owned(),
        before => format!("What was before {} is forgotten.", text::date_time(before)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_keep_is_read_as_people_write_it() {
        assert_eq!(time("7d"), Ok(7 * 86_400_000_000));
        assert_eq!(time("90m"), Ok(90 * 60_000_000));
        for wrong in ["", "7", "d", "0d", "-1d", "7w", "99999999999999999d"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
