//! The command line of the helper and the way it ends. Read by hand: five options are not worth a library in a program with
//! capabilities, whose every page of code lies in memory for as long as the machine runs.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use crate::{
    config::{self, Config},
    failure::Failure,
    journal,
    pipeline::{self, Setup},
    source::nfqueue,
    sys::capability::{Capability, Effective},
};

/// Where it is remembered whether packets are captured, if the command line does not say.
const DEFAULT_STATE_DIR: &str = "/var/lib/wallwatch";

/// The command line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arguments {
    config: Option<PathBuf>,
    state_dir: PathBuf,
    capture: Option<bool>,
    verbose: bool,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Serve(Arguments),
    /// For the helper itself, which starts this program once more; see [`nfqueue`].
    HoldQueue(u16),
    Help,
    Version,
}

/// The helper from its command line to its end.
#[must_use]
pub fn main() -> ExitCode {
    let ended = parse(std::env::args_os().skip(1))
        .map_err(|sentence| Failure::usage(&sentence))
        .and_then(|wanted| {
            match wanted {
                Wanted::Serve(arguments) => return serve(arguments),
                Wanted::HoldQueue(number) => {
                    return nfqueue::watchdog::run(number).map_err(|error| Failure::other(&error));
                }
                Wanted::Help => print(&help()),
                Wanted::Version => print(concat!("wallwatch-helper ", env!("CARGO_PKG_VERSION"))),
            }
            Ok(())
        });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            journal::say(&failure);
            ExitCode::from(failure.code)
        }
    }
}

fn serve(arguments: Arguments) -> Result<(), Failure> {
    if arguments.verbose {
        journal::be_verbose();
    }
    let config =
        Config::load(arguments.config.as_deref()).map_err(|error| Failure::config(&error))?;
    let rights = Effective::of_this_process().map_err(|error| Failure::other(&error))?;
    if !rights.has(Capability::NetAdmin) && !rights.has(Capability::Syslog) {
        return Err(Failure::no_permission());
    }
    let setup = Setup {
        path: arguments.config,
        config,
        state_dir: arguments.state_dir,
        capture: arguments.capture,
    };
    // One thread: what the helper does in a second fits into a few milliseconds, and an idle thread less is memory less.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .map_err(|error| Failure::other(&error))?
        .block_on(pipeline::run(setup))
}

/// Reads the command line, without the program's name. The last of an option that is given twice counts.
fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Wanted, String> {
    let mut arguments = Arguments {
        config: None,
        state_dir: PathBuf::from(DEFAULT_STATE_DIR),
        capture: None,
        verbose: false,
    };
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (name, attached) = split(&word);
        let mut value = || {
            attached
                .clone()
                .or_else(|| words.next())
                .ok_or_else(|| format!("{name} needs a value"))
        };
        match name.as_str() {
            "--config" => arguments.config = Some(value()?.into()),
            "--state-dir" => arguments.state_dir = value()?.into(),
            "--capture" => arguments.capture = Some(switch(&value()?)?),
            nfqueue::OPTION => return queue(&value()?).map(Wanted::HoldQueue),
            "-v" | "--verbose" if attached.is_none() => arguments.verbose = true,
            "-h" | "--help" if attached.is_none() => return Ok(Wanted::Help),
            "-V" | "--version" if attached.is_none() => return Ok(Wanted::Version),
            _ => {
                return Err(format!(
                    "'{}' is no option",
                    word.to_string_lossy().escape_debug()
                ));
            }
        }
    }
    Ok(Wanted::Serve(arguments))
}

/// An option's name, and the value that is attached to it as in `--config=FILE`.
fn split(word: &OsStr) -> (String, Option<OsString>) {
    match word.to_str().and_then(|text| text.split_once('=')) {
        Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.into())),
        _ => (word.to_string_lossy().into_owned(), None),
    }
}

fn switch(value: &OsStr) -> Result<bool, String> {
    match value.to_str() {
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        _ => Err(format!(
            "--capture is on or off, not '{}'",
            value.to_string_lossy().escape_debug()
        )),
    }
}

fn queue(value: &OsStr) -> Result<u16, String> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        format!(
            "{} takes the number of a queue, not '{}'",
            nfqueue::OPTION,
            value.to_string_lossy().escape_debug()
        )
    })
}

fn help() -> String {
    format!(
        "Watches the firewall, detects attacks and serves alerts on the system bus.

Usage: wallwatch-helper [OPTION...]

  --config FILE      the configuration (default: {})
  --state-dir DIR    where it is remembered whether packets are captured (default: {DEFAULT_STATE_DIR})
  --capture on|off   capture packets by the own nftables table in this run, or not, whatever was remembered
  -v, --verbose      say more of what happens
  -h, --help         show this
  -V, --version      show the version",
        config::DEFAULT_PATH
    )
}

/// Says what was asked for; whoever asked may be gone.
fn print(text: &str) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Wanted, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn served(line: &str) -> Arguments {
        match words(line) {
            Ok(Wanted::Serve(arguments)) => arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn without_options_everything_has_its_default() {
        let arguments = served("");
        assert_eq!(arguments.state_dir, PathBuf::from(DEFAULT_STATE_DIR));
        assert_eq!(
            (arguments.config, arguments.capture, arguments.verbose),
            (None, None, false)
        );
    }

    #[test]
    fn every_option_is_read_and_the_last_counts() {
        let arguments =
            served("--config a --config=b --state-dir /s --capture on --capture=off -v");
        assert_eq!(arguments.config, Some(PathBuf::from("b")));
        assert_eq!(arguments.state_dir, PathBuf::from("/s"));
        assert_eq!((arguments.capture, arguments.verbose), (Some(false), true));
        assert_eq!(words("-v --help --nonsense"), Ok(Wanted::Help));
        assert_eq!(words("-V"), Ok(Wanted::Version));
        assert_eq!(words("--nfqueue 5370"), Ok(Wanted::HoldQueue(5370)));
    }

    #[test]
    fn a_mistake_is_named() {
        for (line, part) in [
            ("--capture", "--capture needs a value"),
            ("--capture maybe", "'maybe'"),
            ("--nonsense", "'--nonsense' is no option"),
            ("--nfqueue 65536", "'65536'"),
            ("-v=1", "is no option"),
            ("serve", "'serve' is no option"),
            ("\u{1b}[31m", "is no option"),
        ] {
            let error = words(line).unwrap_err();
            assert!(
                error.contains(part) && !error.contains('\u{1b}'),
                "{line}: {error}"
            );
        }
    }
}
