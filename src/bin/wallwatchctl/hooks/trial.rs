//! One run of a hook for something made up: the user's right here, the system's by the program that runs those.

use std::{io, path::Path, process::ExitCode, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    time,
};
use wallwatch::text;
use wallwatch_helper::{
    hook::{Hook, call::Place},
    runner::{
        answer::{Answer, State},
        run,
        told::Told,
    },
    sys::privilege,
};

use super::made_up;
use crate::{error::Error, print::Printer};

/// The runner may take so long beyond the time of the script, and of one that runs before it.
const BEYOND: Duration = Duration::from_secs(10);
/// Answers are read up to so many bytes in all.
const MOST_ANSWERS: u64 = 1024 * 1024;

fn told(hook: &Hook) -> Result<Told, Error> {
    Told::of(&hook.name, 0, &made_up::what(hook))
        .ok_or_else(|| Error::Failed("nothing can be made up that is short enough".to_owned()))
}

/// Runs a hook of the user's, as the desktop program would.
pub(super) async fn of_user(hook: &Hook, printer: &mut Printer) -> Result<ExitCode, Error> {
    let told = told(hook)?;
    let mut output = Vec::new();
    let mut written = Ok(());
    let shown = !printer.json();
    let tell = |line: &str| {
        if shown {
            let line = printer.line(&format!("  {line}"));
            if written.is_ok() {
                written = line;
            }
        } else {
            output.push(line.to_owned());
        }
    };
    let ended = run::once(hook, &told, Place::Session, privilege::user(), tell)
        .await
        .map_err(Error::Failed)?;
    written?;
    let words = ended.words(hook.timeout);
    let state = if ended.asked.is_some() {
        State::TimedOut
    } else {
        State::Ended
    };
    if printer.json() {
        let object = json!({
            "hook": hook.name, "side": "user", "state": state, "code": ended.code, "words": words, "output": output,
        });
        printer.line(&text::escape_json(&object.to_string()))?;
    } else {
        printer.note(&words)?;
    }
    Ok(exit_code(state, ended.code))
}

/// Has a hook of the system's run, by the socket that the helper uses.
pub(super) async fn of_system(
    hook: &Hook,
    socket: &Path,
    printer: &mut Printer,
) -> Result<ExitCode, Error> {
    let told = told(hook)?;
    let mut stream = UnixStream::connect(socket)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => only_root(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                Error::RunnerNotRunning(socket.display().to_string())
            }
            _ => Error::Failed(format!(
                "the socket {} cannot be used: {error}",
                socket.display()
            )),
        })?;
    // Who is not let in is hung up on; then there is no answer, which the end shows.
    drop(stream.write_all(&told.input()).await);
    let mut answers = BufReader::new(stream.take(MOST_ANSWERS));
    let limit = hook.timeout * 2 + BEYOND;
    let mut line = String::new();
    loop {
        line.clear();
        match time::timeout(limit, answers.read_line(&mut line)).await {
            Err(_) => return Err(Error::NoAnswer),
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) if privilege::user() != 0 => return Err(only_root()),
            Ok(Ok(0) | Err(_)) => {
                return Err(Error::Failed(
                    "wallwatch-hook hung up. What it says: journalctl -u wallwatch-hook".to_owned(),
                ));
            }
        }
        let answer: Answer = serde_json::from_str(&line).map_err(|error| {
            Error::Failed(format!("wallwatch-hook answers what is no answer: {error}"))
        })?;
        if printer.json() {
            printer.line(&text::escape_json(line.trim_end()))?;
        } else if answer.state != State::Refused {
            printer.note(&text::sanitize_sentences(&answer.words))?;
        }
        match answer.state {
            State::Started => {}
            State::Refused => return Err(Error::Failed(answer.words)),
            State::Ended | State::TimedOut | State::Folded => {
                printer.note("What it wrote is in the journal: journalctl -u wallwatch-hook")?;
                return Ok(exit_code(answer.state, answer.code));
            }
        }
    }
}

fn only_root() -> Error {
    Error::NotAuthorised(
        "only root and the helper tell wallwatch-hook what happened. Try again with sudo"
            .to_owned(),
    )
}

/// 0 where the script was content.
fn exit_code(state: State, code: i32) -> ExitCode {
    ExitCode::from(u8::from(state == State::TimedOut || code != 0))
}
