//! `export`: all past alerts for other programs, page by page, so that memory does not grow with the history.

use std::io::{self, BufWriter, Write as _};

use wallwatch::{bus, text};
use wallwatch_dbus::Alert;

use crate::{
    csv,
    error::Error,
    helper,
    print::Printer,
    wanted::{PAGE, Wanted},
};

/// Which alerts, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The alerts come in the order of their last changes. One that changes while they are printed may come twice, the later
state last. Its first packets are not among it: wallwatchctl show ID has those.")]
pub(crate) struct Args {
    #[command(flatten)]
    wanted: Wanted,
    /// Print comma separated values below a row of names, which is also what is printed without --json
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Prints every alert that is wanted.
pub(crate) async fn run(args: &Args, printer: &Printer) -> Result<(), Error> {
    let filter = args.wanted.filter()?;
    let helper = helper::connect(bus::CALL_TIMEOUT).await?;
    let count = u32::try_from(PAGE).unwrap_or(u32::MAX);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut block = Vec::new();
    let mut last_seq = 0;
    let mut is_first = true;
    loop {
        let asked = helper.get_alerts(last_seq, count, filter.clone());
        let page = asked.await.map_err(helper::failed)?;
        if std::mem::take(&mut is_first) && !printer.json() {
            // Not before it is known that there will be an answer.
            csv::head(&mut block)?;
        }
        for alert in &page {
            write(alert, printer.json(), &mut block)?;
        }
        out.write_all(&block)?;
        block.clear();
        match page.last() {
            Some(alert) if page.len() >= PAGE && alert.seq > last_seq => last_seq = alert.seq,
            _ => break,
        }
    }
    out.flush()?;
    Ok(())
}

fn write(alert: &Alert, json: bool, block: &mut Vec<u8>) -> io::Result<()> {
    if json {
        let line = alert.to_json().to_string();
        writeln!(block, "{}", text::escape_json(&line))
    } else {
        csv::row(alert, block)
    }
}
