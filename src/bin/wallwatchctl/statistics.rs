//! `stats` and `noise`: what the helper counted.

use std::io::{self, IsTerminal as _};

use wallwatch::{bus, text};

use crate::{
    error::Error,
    helper,
    moment::{self, Moment},
    print::Printer,
};

/// How wide lines are that do not go to a terminal.
const USUAL_WIDTH: usize = 80;
/// Of one alert's time this many buckets may be asked for, as the contract has it.
const MAX_BUCKETS: i64 = wallwatch_dbus::MAX_BUCKETS as i64;

/// A stretch of time, and in how many pieces.
#[derive(Debug, clap::Args)]
pub(crate) struct Stretch {
    /// From this time on: 2h, 7d, or as 2026-11-22 14:05; else from the oldest alert
    #[arg(long, visible_alias = "since", value_name = "TIME", value_parser = moment::read)]
    from: Option<Moment>,
    /// Before this time; else until now
    #[arg(long, visible_alias = "until", value_name = "TIME", value_parser = moment::read)]
    to: Option<Moment>,
    /// In so many pieces
    #[arg(long, value_name = "COUNT", default_value_t = wallwatch_dbus::DEFAULT_BUCKETS, value_parser = clap::value_parser!(u32).range(1..=MAX_BUCKETS))]
    buckets: u32,
}

/// From when on.
#[derive(Debug, clap::Args)]
pub(crate) struct Since {
    /// From this time on: 2h, 7d, or as 2026-11-22 14:05
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    since: Option<Moment>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    until: Option<Moment>,
}

/// `stats`: alerts, counted.
pub(crate) async fn stats(stretch: &Stretch, printer: &mut Printer) -> Result<(), Error> {
    let (from, to) = moment::stretch(stretch.from, stretch.to)?;
    let helper = helper::connect(bus::CALL_TIMEOUT).await?;
    let asked = helper.get_statistics(from, to, stretch.buckets);
    let statistics = asked.await.map_err(helper::failed)?;
    if printer.json() {
        return printer.json_line(&statistics.to_json());
    }
    let lines = text::statistics(&statistics, width());
    lines.iter().try_for_each(|line| printer.line(line))
}

/// `noise`: what was harmless.
pub(crate) async fn noise(since: &Since, printer: &mut Printer) -> Result<(), Error> {
    let (from, to) = moment::stretch(since.since, since.until)?;
    let helper = helper::connect(bus::CALL_TIMEOUT).await?;
    let counts = helper.get_noise(from, to).await.map_err(helper::failed)?;
    if printer.json() {
        return counts
            .iter()
            .try_for_each(|count| printer.json_line(&count.to_json()));
    }
    if counts.is_empty() {
        return printer.note("Nothing harmless was counted.");
    }
    let lines = counts.iter().flat_map(text::noise_lines);
    lines.into_iter().try_for_each(|line| printer.line(&line))
}

/// How wide the terminal is.
fn width() -> usize {
    let terminal = console::Term::stdout().size_checked();
    terminal
        .filter(|_| io::stdout().is_terminal())
        .map_or(USUAL_WIDTH, |(_, columns)| columns.into())
}
