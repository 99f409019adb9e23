//! `config` and `reload`: what is written, what holds, and what is wrong in it.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use wallwatch::{bus, config::Config as UserConfig, paths, text};
use wallwatch_helper::config;

use crate::{error::Error, helper, print::Printer};

/// `config`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What is done with the configuration.
#[derive(Debug, Subcommand)]
enum Command {
    /// Tell every mistake with its file and line
    Check {
        /// Only this file, and where it is the helper's the config.d beside it; else the helper's and your own
        file: Option<PathBuf>,
        /// This file is one of a user, not the helper's
        #[arg(long, requires = "file")]
        user: bool,
    },
    /// Print what holds for the helper, each value with the file that says so
    Show {
        /// Of this file and the config.d beside it, not of the helper's own
        file: Option<PathBuf>,
    },
    /// Print where the files lie
    Path,
}

/// A mistake and where it is.
#[derive(Debug)]
struct Mistake {
    file: PathBuf,
    /// From 1 on; 0 where it is in no line.
    line: usize,
    words: String,
}

impl Mistake {
    fn of(error: &config::Error) -> Self {
        let words = error.to_string();
        let (file, line) = match error {
            config::Error::Parse { path, line, .. } => (path, *line),
            config::Error::Read { path, .. } | config::Error::Together { path, .. } => (path, 0),
        };
        // The line as compilers tell it, so that editors find it.
        let before = format!("{}, line {line}: ", file.display());
        Self {
            file: file.clone(),
            line,
            words: words.strip_prefix(&before).unwrap_or(&words).to_owned(),
        }
    }

    fn to_line(&self) -> String {
        let words = text::sanitize_sentences(&self.words);
        let file = self.file.display().to_string();
        let file = text::sanitize_sentences(&file);
        match self.line {
            0 => words.into_owned(),
            line => format!("{file}:{line}: {words}"),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "file": self.file.display().to_string(),
            "line": self.line,
            "error": self.words,
        })
    }
}

/// Carries it out.
pub(crate) fn run(args: &Args, printer: &mut Printer) -> Result<(), Error> {
    match &args.command {
        Command::Check { file, user } => check(file.as_deref(), *user, printer),
        Command::Show { file } => show(file.as_deref(), printer),
        Command::Path => path(printer),
    }
}

fn check(file: Option<&Path>, user: bool, printer: &mut Printer) -> Result<(), Error> {
    let own = paths::config_file();
    let (files, mistakes) = match file {
        Some(file) if user || own.as_deref() == Some(file) => {
            std::fs::metadata(file).map_err(|error| {
                Error::File(format!("{} cannot be read: {error}", file.display()))
            })?;
            (vec![file.to_owned()], mistakes_of_user(file))
        }
        Some(file) => (
            config::files(Some(file)).unwrap_or_default(),
            mistakes_of_helper(Some(file)),
        ),
        None => {
            let mut files = config::files(None).unwrap_or_default();
            let mut mistakes = mistakes_of_helper(None);
            if let Some(own) = own {
                mistakes.extend(mistakes_of_user(&own));
                files.push(own);
            }
            files.retain(|file| file.exists());
            (files, mistakes)
        }
    };
    for mistake in &mistakes {
        let line = if printer.json() {
            mistake.to_json().to_string()
        } else {
            mistake.to_line()
        };
        printer.line(&line)?;
    }
    match mistakes.len() {
        0 if files.is_empty() => printer.note("There is no configuration: all is at its default."),
        0 => files
            .iter()
            .try_for_each(|file| printer.note(&format!("{} is right.", file.display()))),
        1 => Err(Error::Failed(
            "there is a mistake: mend it, and check again".to_owned(),
        )),
        count => Err(Error::Failed(format!(
            "there are {count} mistakes: mend them, and check again"
        ))),
    }
}

fn mistakes_of_helper(file: Option<&Path>) -> Vec<Mistake> {
    config::mistakes(file).iter().map(Mistake::of).collect()
}

fn mistakes_of_user(file: &Path) -> Vec<Mistake> {
    let mistake = |line, words| Mistake {
        file: file.to_owned(),
        line,
        words,
    };
    match UserConfig::load(file) {
        Ok((_, warnings)) => warnings
            .into_iter()
            .map(|warning| mistake(warning.line, warning.words))
            .collect(),
        Err(error) => {
            let words = format!("{} cannot be read: {error}", file.display());
            vec![mistake(0, words)]
        }
    }
}

fn show(file: Option<&Path>, printer: &mut Printer) -> Result<(), Error> {
    let effective = config::show(file).map_err(|error| Error::File(error.to_string()))?;
    if printer.json() {
        let table = serde_json::to_value(&effective.table).unwrap_or_default();
        return printer.line(&table.to_string());
    }
    printer.line(effective.to_toml().trim_end())
}

fn path(printer: &mut Printer) -> Result<(), Error> {
    let helper = config::files(None).map_err(|error| Error::File(error.to_string()))?;
    let user = paths::config_file();
    if printer.json() {
        let shown = |path: &PathBuf| path.display().to_string();
        let object = serde_json::json!({
            "helper": helper.iter().map(shown).collect::<Vec<_>>(),
            "user": user.as_ref().map(shown),
        });
        return printer.line(&object.to_string());
    }
    for file in helper.iter().chain(&user) {
        let missing = if file.exists() { "" } else { "  (not there)" };
        printer.line(&format!("{}{missing}", file.display()))?;
    }
    Ok(())
}

/// `reload`: the helper reads its configuration again.
pub(crate) async fn reload(printer: &mut Printer) -> Result<(), Error> {
    let helper = helper::connect(bus::DIALOG_TIMEOUT).await?;
    helper.reload().await.map_err(helper::failed)?;
    printer.note("The configuration was read again, and holds.")
}
