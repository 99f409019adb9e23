//! Scores how well attacks are known in a corpus of labelled cases: `make evaluate`.
//!
//!     evaluate [--json] [--psad FOLDER] CORPUS [CASE...]
//!     evaluate --lines FOLDER CORPUS [CASE...]
//!
//! The second form scores nothing: it writes the lines of each case as another program may read them, one file each in a folder a
//! stream. What psad made of those is read by `--psad` from the same folder.
#![expect(clippy::print_stderr, reason = "this is a program for a terminal")]

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use evaluation::{
    case::{Case, corpus},
    stream::{Stream, lines},
};
use report::Report;

#[path = "../support/evaluation/mod.rs"]
pub mod evaluation;
mod psad;
mod report;
mod table;

const USAGE: &str = "usage: evaluate [--json] [--psad FOLDER] [--lines FOLDER] CORPUS [CASE...]";

/// What is asked for.
#[derive(Debug, Default)]
struct Args {
    json: bool,
    psad: Option<PathBuf>,
    lines: Option<PathBuf>,
    corpus: PathBuf,
    cases: Vec<String>,
}

impl Args {
    /// Reads them; `None` where they are none.
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut args = Self::default();
        let mut plain = Vec::new();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => args.json = true,
                "--psad" => args.psad = Some(words.next()?.into()),
                "--lines" => args.lines = Some(words.next()?.into()),
                other if other.starts_with("--") => return None,
                _ => plain.push(word),
            }
        }
        let mut plain = plain.into_iter();
        args.corpus = plain.next()?.into();
        args.cases = plain.collect();
        Some(args)
    }
}

fn main() -> ExitCode {
    let Some(args) = Args::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("evaluate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut cases = corpus(&args.corpus)?;
    cases.retain(|case| args.cases.is_empty() || args.cases.contains(&case.name));
    if cases.is_empty() {
        return Err(format!("there is no such case in {}", args.corpus.display()).into());
    }
    if let Some(folder) = &args.lines {
        return write_lines(&cases, folder);
    }
    let report = Report::of(&cases, args.psad.as_deref())?;
    let text = if args.json {
        format!("{:#}\n", report.to_json())
    } else {
        table::text(&report)
    };
    match io::stdout().write_all(text.as_bytes()) {
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        told => Ok(told?),
    }
}

/// Writes `FOLDER/STREAM/CASE.log`.
fn write_lines(cases: &[Case], folder: &Path) -> Result<(), Box<dyn Error>> {
    for stream in [Stream::Full, Stream::Ufw, Stream::Stripped] {
        let folder = folder.join(stream.as_str());
        fs::create_dir_all(&folder)?;
        for case in cases {
            let mut text = lines(case, stream)?.join("\n");
            text.push('\n');
            fs::write(folder.join(&case.name).with_extension("log"), text)?;
        }
    }
    Ok(())
}
