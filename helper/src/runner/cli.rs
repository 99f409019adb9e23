//! The command line of `wallwatch-hook` and the way it begins and ends.

use std::{
    ffi::{CString, OsStr, OsString},
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use super::{
    account,
    book::Book,
    pool::Pool,
    serve::Server,
    socket::Socket,
    words::{clean, reason},
};
use crate::{
    config,
    failure::{EXIT_FAILURE, EXIT_NO_PERMISSION, EXIT_USAGE},
    hook::call::Place,
    sys::privilege,
};

/// The user that the helper runs as, if the command line does not say.
const HELPER_USER: &str = "wallwatch";
/// So many seconds without work end a program that systemd starts again, if the command line does not say.
const LINGER: u64 = 60;

/// The command line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arguments {
    listen: Option<PathBuf>,
    config: Option<PathBuf>,
    helper: String,
    user: Option<String>,
    linger: Duration,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Serve(Arguments),
    Help,
    Version,
}

/// Why it ends by itself: the exit code and a sentence.
#[derive(Debug)]
struct Failure(u8, String);

/// The program from its command line to its end.
#[must_use]
pub fn main() -> ExitCode {
    let ended = match parse(std::env::args_os().skip(1)) {
        Ok(Wanted::Serve(arguments)) => begin(&arguments),
        Ok(Wanted::Help) => {
            print(&help());
            Ok(())
        }
        Ok(Wanted::Version) => {
            print(concat!("wallwatch-hook ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        Err(mistake) => Err(Failure(
            EXIT_USAGE,
            format!("{mistake}; see 'wallwatch-hook --help'."),
        )),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, sentence)) => {
            say(&sentence);
            ExitCode::from(code)
        }
    }
}

/// Makes the socket, gives up every right, and serves.
fn begin(arguments: &Arguments) -> Result<(), Failure> {
    let failure = |sentence| Failure(EXIT_FAILURE, sentence);
    let helper = account::find(&arguments.helper).ok_or_else(|| {
        failure(format!(
            "There is no user {}, whom the helper runs as: make it (systemd-sysusers), or name another by --helper-user.",
            clean(&arguments.helper)
        ))
    })?;
    let socket = match (&arguments.listen, Socket::of_systemd().map_err(failure)?) {
        (Some(_), Some(_)) => {
            return Err(Failure(
                EXIT_USAGE,
                "systemd handed over a socket, so leave --listen out.".to_owned(),
            ));
        }
        (None, Some(socket)) => socket,
        (Some(path), None) => {
            refuse_root(arguments)?;
            Socket::make(path, helper.uid).map_err(failure)?
        }
        (None, None) => {
            return Err(Failure(
                EXIT_USAGE,
                "There is no socket to listen at: start the socket unit (sudo systemctl enable --now wallwatch-hook.socket), or name a path by --listen."
                    .to_owned(),
            ));
        }
    };
    become_nobody(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failure(format!("The runner cannot start: {error}.")))?;
    let linger = socket.is_systemds().then_some(arguments.linger);
    runtime.block_on(async {
        let pool = Pool::new(Place::System, privilege::user(), Arc::new(say));
        let server = Server::new(
            socket,
            vec![0, helper.uid],
            Book::new(arguments.config.clone()),
            pool,
        );
        match server {
            Ok(server) => {
                server.serve(linger).await;
                Ok(())
            }
            Err(error) => Err(failure(format!(
                "The runner cannot start: {}.",
                reason(&error)
            ))),
        }
    })
}

/// Scripts are not run with root's rights.
fn refuse_root(arguments: &Arguments) -> Result<(), Failure> {
    let user = match &arguments.user {
        None => privilege::user(),
        Some(word) => user_named(word)?.uid,
    };
    if user == 0 {
        return Err(Failure(
            EXIT_NO_PERMISSION,
            "Scripts are not run as root. Name the user that they shall run as by --user, for example --user wallwatch-hook, or by User= in the unit."
                .to_owned(),
        ));
    }
    Ok(())
}

fn user_named(word: &str) -> Result<account::Account, Failure> {
    account::find(word).ok_or_else(|| {
        Failure(
            EXIT_FAILURE,
            format!(
                "There is no user {}: make it (systemd-sysusers), or name another by --user.",
                clean(word)
            ),
        )
    })
}

/// Becomes the user that was named, who may do nothing that others may not.
fn become_nobody(arguments: &Arguments) -> Result<(), Failure> {
    refuse_root(arguments)?;
    // While that is allowed, which it is not any more for another user.
    privilege::narrow();
    if let Some(word) = &arguments.user {
        let account = user_named(word)?;
        if privilege::user() != account.uid {
            let name = account.name.and_then(|name| CString::new(name).ok());
            privilege::become_user(account.uid, account.gid, name.as_deref()).map_err(|error| {
                Failure(
                    EXIT_NO_PERMISSION,
                    format!(
                        "Only root can run scripts as {} ({}): leave --user out, or use sudo.",
                        clean(word),
                        reason(&error)
                    ),
                )
            })?;
        }
    }
    privilege::give_up_all().map_err(|error| {
        Failure(
            EXIT_FAILURE,
            format!(
                "The rights that are not needed cannot be given up: {}.",
                reason(&error)
            ),
        )
    })
}

/// Reads the command line, without the program's name. The last of an option that is given twice counts.
fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Wanted, String> {
    let mut arguments = Arguments {
        listen: None,
        config: None,
        helper: HELPER_USER.to_owned(),
        user: None,
        linger: Duration::from_secs(LINGER),
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
            "--listen" => arguments.listen = Some(value()?.into()),
            "--config" => arguments.config = Some(value()?.into()),
            "--helper-user" => arguments.helper = value()?.to_string_lossy().into_owned(),
            "--user" => arguments.user = Some(value()?.to_string_lossy().into_owned()),
            "--linger" => arguments.linger = seconds(&value()?)?,
            "-h" | "--help" if attached.is_none() => return Ok(Wanted::Help),
            "-V" | "--version" if attached.is_none() => return Ok(Wanted::Version),
            _ => return Err(format!("'{}' is no option", clean(&word.to_string_lossy()))),
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

fn seconds(value: &OsStr) -> Result<Duration, String> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number
        .filter(|seconds| (1..=86_400).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            format!(
                "--linger takes seconds, from 1 to 86400, not '{}'",
                clean(&value.to_string_lossy())
            )
        })
}

fn help() -> String {
    format!(
        "Runs the scripts of system hooks, as the helper tells by a socket.

Usage: wallwatch-hook [OPTION...]

  --listen PATH         make the socket there; without it systemd hands one over
  --config FILE         the configuration that names the hooks (default: {})
  --user USER           started as root: run scripts as this user
  --helper-user USER    the user besides root who may tell what happened (default: {HELPER_USER})
  --linger SECONDS      end after so long without work, if systemd handed over the socket (default: {LINGER})
  -h, --help            show this
  -V, --version         show the version",
        config::DEFAULT_PATH
    )
}

/// Says what was asked for; whoever asked may be gone.
fn print(text: &str) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Says to the journal, by standard error, what an administrator should know. Whoever listened may be gone, which is no reason to end.
fn say(sentence: &str) {
    drop(writeln!(io::stderr().lock(), "wallwatch-hook: {sentence}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Wanted, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_option_is_read_and_a_mistake_is_named() {
        let Ok(Wanted::Serve(read)) = words(
            "--listen /s --config=/c --helper-user 990 --user wallwatch-hook --linger 5 --listen=/t",
        ) else {
            panic!("it is right")
        };
        assert_eq!(read.listen, Some(PathBuf::from("/t")));
        assert_eq!(read.config, Some(PathBuf::from("/c")));
        assert_eq!(
            (read.helper.as_str(), read.user.as_deref()),
            ("990", Some("wallwatch-hook"))
        );
        assert_eq!(read.linger, Duration::from_secs(5));
        assert_eq!(words("--help --nonsense"), Ok(Wanted::Help));
        assert_eq!(words("-V"), Ok(Wanted::Version));
        for (line, part) in [
            ("--listen", "--listen needs a value"),
            ("--linger 0", "from 1 to 86400"),
            ("--linger soon", "'soon'"),
            ("beep", "'beep' is no option"),
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
