//! Says what single lines are, and why they are nothing or something to fear.

use std::{
    ffi::OsString,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    process::ExitCode,
};

use serde::Serialize;
use wallwatch::text;
use wallwatch_helper::{
    clock,
    decode::{Lines, Report, dress::Reference},
    explain::{self, Explanation, Fields, Outlook},
    neighbourhood::Neighbourhood,
};

use crate::{error::Error, print::Printer, zone::system_zone};

/// A line is read up to so many bytes; a record of the journal is the longest, with a line of the kernel's
/// (`LOG_LINE_MAX`, kernel/printk/printk.c: 1024) and some thirty fields.
const MAX_LINE: usize = 64 * 1024;

/// What stands for standard input, as in `analyze`.
const STANDARD_INPUT: &str = "-";

/// The byte order mark that some editors set before the first line (RFC 3629 section 6).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Which lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without LINE, or where it is a lone -, lines are read from standard input. A line may wear any dress: syslog, journal (also JSON), dmesg, ulogd or none.
What is asked with --json has one object a line: packet, error, class, reason, trusted, signatures.
Exit code: 0 where every line was read, 1 where one was refused, 2 for a wrong option.")]
pub(crate) struct Args {
    /// Lines of a firewall's log, each in quotes; - for standard input
    #[arg(value_name = "LINE")]
    lines: Vec<OsString>,
}

/// Explains the lines.
pub(crate) fn run(args: &Args, printer: &mut Printer) -> Result<ExitCode, Error> {
    let now = clock::now();
    let mut explainer = Explainer {
        lines: Lines::new(Reference {
            now,
            zone: system_zone(),
        }),
        neighbourhood: Neighbourhood::default(),
        printer,
        shown: 0,
        numbered: !matches!(args.lines.as_slice(), [line] if line != STANDARD_INPUT),
        refused: false,
    };
    if args.lines.is_empty() {
        explainer.standard_input()?;
    } else {
        for line in &args.lines {
            if line == STANDARD_INPUT {
                explainer.standard_input()?;
            } else {
                explainer.line(unmarked(line.as_bytes()))?;
            }
        }
    }
    Ok(if explainer.refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The text behind the mark that may stand where an input starts.
fn unmarked(start: &[u8]) -> &[u8] {
    start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start)
}

/// The answer for a line, as JSON shows it.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    packet: Option<Fields<'a>>,
    error: Option<String>,
    class: Option<&'static str>,
    reason: &'a str,
    trusted: bool,
    /// No signatures are known yet.
    signatures: [u32; 0],
}

/// Explains one line after the other.
struct Explainer<'a> {
    lines: Lines,
    neighbourhood: Neighbourhood,
    printer: &'a mut Printer,
    /// Lines so far.
    shown: u64,
    /// Has each line its number?
    numbered: bool,
    /// Was a line refused?
    refused: bool,
}

impl Explainer<'_> {
    /// Explains the lines of standard input, each as it comes.
    fn standard_input(&mut self) -> Result<(), Error> {
        let mut reader = io::stdin().lock();
        if reader.is_terminal() {
            // Whoever closed standard error wants to hear nothing.
            _ = writeln!(
                io::stderr(),
                "Waiting for lines of a firewall's log; Ctrl+D ends."
            );
        }
        let fail = |error| Error::File(format!("cannot read standard input: {error}"));
        let mut line = Vec::new();
        let mut is_first = true;
        loop {
            line.clear();
            let limit = MAX_LINE as u64 + 1;
            let mut limited = reader.by_ref().take(limit);
            if limited.read_until(b'\n', &mut line).map_err(fail)? == 0 {
                return Ok(());
            }
            if line.last() != Some(&b'\n') {
                reader.skip_until(b'\n').map_err(fail)?;
            }
            self.line(if is_first { unmarked(&line) } else { &line })?;
            is_first = false;
        }
    }

    /// Explains a line, with or without the mark of its end.
    fn line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.shown += 1;
        if line.len() > MAX_LINE {
            let reason = "This line is far longer than any that a firewall writes.";
            return self.refuse(&format!("longer than {MAX_LINE} bytes"), reason);
        }
        match self.lines.read(line) {
            Ok(report) => self.report(&report),
            Err(error) => self.refuse(&error.to_string(), &explain::refused(error, line)),
        }
    }

    fn refuse(&mut self, error: &str, reason: &str) -> Result<(), Error> {
        self.refused = true;
        if self.printer.json() {
            return self.json(&Answer {
                packet: None,
                error: Some(error.to_owned()),
                class: None,
                reason,
                trusted: false,
                signatures: [],
            });
        }
        if self.printer.quiet() {
            return self.printer.line("refused");
        }
        self.block("2", "refused", reason, &format!("refused: {error}"))
    }

    fn report(&mut self, report: &Report) -> Result<(), Error> {
        let Explanation {
            class,
            outlook,
            reason,
        } = explain::explain(report, &self.neighbourhood);
        if self.printer.json() {
            return self.json(&Answer {
                packet: Some(Fields::of(report)),
                error: None,
                class: Some(class.as_str()),
                reason: &reason,
                trusted: report.trusted,
                signatures: [],
            });
        }
        if self.printer.quiet() {
            return self.printer.line(class.as_str());
        }
        let colour = match outlook {
            Outlook::Probe => "33",
            Outlook::Odd => "35",
            Outlook::Void => "36",
            Outlook::Fine | Outlook::Likely => "32",
        };
        self.block(
            colour,
            &format!("{outlook}: {class}"),
            &reason,
            &facts(report),
        )
    }

    fn json(&mut self, answer: &Answer<'_>) -> Result<(), Error> {
        let json = serde_json::to_string(answer)
            .map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))?;
        self.printer.line(&text::escape_json(&json))
    }

    /// Prints the verdict, the sentence and the facts.
    fn block(&mut self, sgr: &str, head: &str, reason: &str, facts: &str) -> Result<(), Error> {
        if self.shown > 1 {
            self.printer.line("")?;
        }
        let head = self.printer.painted(sgr, &text::sanitize(head));
        let head = if self.numbered {
            format!("{}. {head}", self.shown)
        } else {
            head
        };
        self.printer.line(&head)?;
        self.printer
            .line(&format!("   {}", text::sanitize_sentences(reason)))?;
        let facts = format!("   {}", text::sanitize_sentences(facts));
        self.printer.line(&self.printer.painted("2", &facts))
    }
}

/// What the line tells, in one line.
fn facts(report: &Report) -> String {
    let fields = Fields::of(report);
    let end = |address: &str, port: Option<u16>| match port {
        Some(port) if address.contains(':') => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    };
    let mut parts = Vec::new();
    if !fields.src.is_empty() {
        let (src, dst) = (
            end(&fields.src, fields.sport),
            end(&fields.dst, fields.dport),
        );
        parts.push(
            format!("{} {src} > {dst}", fields.proto)
                .trim_start()
                .to_owned(),
        );
    }
    if let Some(flags) = &fields.flags {
        parts.push(match flags.as_slice() {
            [] => "no flags".to_owned(),
            flags => flags.join(" "),
        });
    }
    if let (Some(kind), Some(code)) = (fields.icmp_type, fields.icmp_code) {
        parts.push(format!("type {kind} code {code}"));
    }
    parts.extend(fields.len.map(|len| format!("{len} bytes")));
    parts.extend(fields.ttl.map(|ttl| format!("TTL {ttl}")));
    for (label, value) in [("in", fields.input), ("out", fields.output)] {
        if !value.is_empty() {
            parts.push(format!("{label} by {value}"));
        }
    }
    if !fields.prefix.is_empty() {
        parts.push(format!("rule \"{}\"", fields.prefix));
    }
    parts.extend(fields.time.map(text::date_time));
    if !report.trusted {
        parts.push("could be forged by a local user".to_owned());
    }
    parts.join(", ")
}
