//! Looks for attacks in log files.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use wallwatch::text;
use wallwatch_dbus::Alert;
use wallwatch_helper::{
    clock,
    decode::{self, Lines, Report, Stamp, dress::Reference},
    detect,
    event::Timestamp,
    neighbourhood::Neighbourhood,
    replay::Replay,
};

use crate::{error::Error, print::Printer, zone};

/// A line is looked at up to so many bytes; the kernel writes at most 1024 (`LOG_LINE_MAX`, kernel/printk/printk.c).
const MAX_LINE: u64 = 8192;

/// Which files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Log files with lines of the kernel's LOG rules, in syslog or dmesg dress; - is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Prints the attacks that the files tell of.
pub(crate) fn run(args: Args, printer: &mut Printer) -> Result<ExitCode, Error> {
    let now = clock::now();
    let reference = Reference {
        now,
        zone: zone::system_zone(),
    };
    let mut replay = Replay::new(
        detect::Config::default(),
        Neighbourhood::default(),
        now,
        now.plus(-uptime()),
    );
    let mut inputs = Inputs::open(args.files, &reference, &replay)?;
    let mut table = Table { printer, shown: 0 };
    while let Some(read) = inputs.next(&replay)? {
        replay.feed(read);
        while let Some(alert) = replay.next_final() {
            table.row(&alert)?;
        }
    }
    let counts = replay.counts().clone();
    replay.finish().try_for_each(|alert| table.row(&alert))?;
    let (refused, total) = (
        text::number(counts.refused_lines()),
        text::number(counts.lines),
    );
    table.end()?;
    printer.note(&format!(
        "{refused} of {total} lines were not firewall events."
    ))?;
    Ok(ExitCode::SUCCESS)
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

/// What was read of a line.
type Read = Result<Report, decode::Error>;

/// The lines of several files, merged by their times.
struct Inputs {
    files: Vec<LogFile>,
}

impl Inputs {
    fn open(paths: Vec<PathBuf>, reference: &Reference, replay: &Replay) -> Result<Self, Error> {
        // Two readers would tear its lines apart, or wait for each other.
        if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Error::File(
                "standard input (-) can be read once only".to_owned(),
            ));
        }
        let mut files = paths
            .into_iter()
            .map(|path| LogFile::open(path, reference.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        files.iter_mut().try_for_each(|file| file.advance(replay))?;
        Ok(Self { files })
    }

    /// What was written first among the next of each file.
    fn next(&mut self, replay: &Replay) -> Result<Option<Read>, Error> {
        let pending = self.files.iter_mut().filter(|file| file.next.is_some());
        let Some(file) = pending.min_by_key(|file| file.time) else {
            return Ok(None);
        };
        let read = file.next.take();
        file.advance(replay)?;
        Ok(read)
    }
}

/// A file and its next line.
struct LogFile {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    lines: Lines,
    line: Vec<u8>,
    next: Option<Read>,
    /// The time of the line, or of the last one that told its time.
    time: Option<Timestamp>,
}

impl LogFile {
    fn open(path: PathBuf, reference: Reference) -> Result<Self, Error> {
        let reader: Box<dyn BufRead> = if is_stdin(&path) {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
            Box::new(BufReader::with_capacity(1 << 16, file))
        };
        Ok(Self {
            path,
            reader,
            lines: Lines::new(reference),
            line: Vec::new(),
            next: None,
            time: None,
        })
    }

    /// Reads the next line; what is longer than any line of the kernel's is left out.
    fn advance(&mut self, replay: &Replay) -> Result<(), Error> {
        self.line.clear();
        let fail = |error| unreadable(&self.path, &error);
        self.reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut self.line)
            .map_err(fail)?;
        if self.line.is_empty() {
            self.next = None;
            return Ok(());
        }
        if self.line.last() != Some(&b'\n') {
            skip_line(&mut self.reader).map_err(fail)?;
        }
        let read = self.lines.read(&self.line);
        if let Ok(report) = &read
            && report.stamp != Stamp::None
        {
            self.time = Some(replay.time_of(report.stamp));
        }
        self.next = Some(read);
        Ok(())
    }
}

/// Does the path stand for standard input?
fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads up to the end of the line and forgets it.
fn skip_line(reader: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |at| at + 1);
        reader.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// Why a file cannot be read.
fn unreadable(path: &Path, error: &io::Error) -> Error {
    let hint = if error.kind() == io::ErrorKind::PermissionDenied {
        ". Try again with sudo"
    } else {
        ""
    };
    Error::File(format!("cannot read {}: {error}{hint}", path.display()))
}

/// Alerts as they are printed: a table with a head, or JSON lines.
struct Table<'a> {
    printer: &'a mut Printer,
    shown: u64,
}

impl Table<'_> {
    fn row(&mut self, alert: &Alert) -> Result<(), Error> {
        self.shown += 1;
        if self.printer.json() {
            return self.printer.alert(alert);
        }
        if self.shown == 1 {
            self.printer.note(&format!(
                "{:<19}  {:<8}  {:<24}  {:<15}  {:>8}  {:<8}  {}",
                "FIRST SEEN", "SEVERITY", "ATTACK", "SOURCE", "PACKETS", "VERDICT", "PORTS"
            ))?;
        }
        let severity = alert.severity();
        let ports = text::sanitize(&alert.ports);
        let (first_seen, what, who) = (
            text::date_time(alert.first_seen),
            text::what(alert),
            text::who(alert),
        );
        let (packets, verdict) = (text::number(alert.packets), text::sanitize(&alert.verdict));
        let row = format!(
            "{first_seen:<19}  {severity:<8}  {what:<24}  {who:<15}  {packets:>8}  {verdict:<8}  {ports}"
        );
        self.printer.line(
            &self
                .printer
                .painted(text::terminal_colour(severity), row.trim_end()),
        )
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.shown == 0 {
            self.printer.note("No attacks found.")
        } else {
            Ok(())
        }
    }
}
