//! `hooks`: the scripts that run on alerts and events, the user's and the system's.
//!
//! [`list`] shows them with what each [`wants`], and [`trial`] runs one for something [`made_up`].

mod list;
mod made_up;
mod trial;
mod wants;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args as ClapArgs, Subcommand};
use wallwatch::{config as user, paths};
use wallwatch_helper::{
    config::{self as system, Config},
    hook::Hook,
};

use crate::{error::Error, print::Printer};

/// Which hooks, and what to do with them.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The administrator's configuration
    #[arg(long, global = true, value_name = "FILE", default_value = system::DEFAULT_PATH)]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a hook now, for something made up, and show what it does
    Test {
        /// The hook's name; yours, if both have one of that name
        name: String,
        /// The system's, even if you have one of that name
        #[arg(long)]
        system: bool,
    },
}

/// The user's hooks: where they stand, and what was not taken.
#[derive(Debug, Default)]
struct Own {
    path: Option<PathBuf>,
    hooks: Vec<Hook>,
    troubles: Vec<String>,
}

impl Own {
    fn load() -> Self {
        let Some(path) = paths::config_file() else {
            return Self::default();
        };
        match user::Config::load(&path) {
            Ok((config, warnings)) => Self {
                path: Some(path),
                hooks: config.hooks,
                troubles: warnings.iter().map(ToString::to_string).collect(),
            },
            Err(error) => Self {
                troubles: vec![format!("it is not readable: {error}")],
                path: Some(path),
                hooks: Vec::new(),
            },
        }
    }
}

/// The system's configuration; one that nobody wrote is empty.
fn system(path: &Path) -> Result<Config, String> {
    let named = path != Path::new(system::DEFAULT_PATH);
    Config::load(named.then_some(path)).map_err(|error| error.to_string())
}

/// Carries the command out.
pub(crate) async fn run(args: &Args, printer: &mut Printer) -> Result<ExitCode, Error> {
    let own = Own::load();
    let systems = system(&args.config);
    match &args.command {
        None => {
            list::show(&own, &args.config, systems.as_ref(), printer).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Test { name, system }) => {
            let of_user = own.hooks.iter().find(|hook| hook.name == *name);
            if let Some(hook) = of_user.filter(|_| !system) {
                return trial::of_user(hook, printer).await;
            }
            let config = systems.map_err(Error::File)?;
            match config.hooks.get(name) {
                Some(hook) => trial::of_system(hook, &config.hook_socket, printer).await,
                None => Err(not_found(name, &own, &config)),
            }
        }
    }
}

fn not_found(name: &str, own: &Own, config: &Config) -> Error {
    let names: Vec<&str> = own
        .hooks
        .iter()
        .chain(config.hooks.iter())
        .map(|hook| hook.name.as_str())
        .collect();
    let there_are = if names.is_empty() {
        "There is none.".to_owned()
    } else {
        format!("There are: {}.", names.join(", "))
    };
    Error::NotFound(format!(
        "no hook has the name '{}'. {there_are}",
        name.escape_debug()
    ))
}
