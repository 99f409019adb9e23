//! One run of a script, from its start to its end.

use std::{ffi::OsStr, io, os::unix::process::ExitStatusExt as _, path::Path, time::Duration};

use tokio::{sync::watch, time};

use super::{
    check::check,
    input::Input,
    output::Output,
    told::Told,
    words::{quoted, reason},
};
use crate::{
    clock,
    hook::{
        Hook,
        call::{Call, Place},
    },
    sys::script::{Script, Start},
};

/// Who was asked to end has so long to do it.
pub const GRACE: Duration = Duration::from_secs(2);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; 128 and the signal's number where a signal ended it, as shells have it.
    pub code: i32,
    /// Did a signal end it?
    pub by_signal: bool,
    /// Why it was asked to end, if it was.
    pub asked: Option<Asked>,
    /// How long it took.
    pub took: Duration,
}

impl Ended {
    /// How it ended, as a sentence; `timeout` is what it was given.
    #[must_use]
    pub fn words(&self, timeout: Duration) -> String {
        let how = if self.by_signal {
            format!("by signal {}", self.code - 128)
        } else {
            format!("with exit code {}", self.code)
        };
        match self.asked {
            None => format!("It ended {how} after {:.1} s.", self.took.as_secs_f32()),
            Some(Asked::TimedOut) => format!(
                "It took longer than its {} s and was ended; it went {how}. Let it end sooner, or raise timeout in its [[hook]].",
                timeout.as_secs()
            ),
            Some(Asked::Leaving) => {
                format!("It was ended with the program that ran it; it went {how}.")
            }
        }
    }
}

/// Why a script was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Its time was over.
    TimedOut,
    /// The program that runs it ends.
    Leaving,
}

/// A run that was started.
#[derive(Debug)]
pub(crate) struct Run<F> {
    script: Script,
    input: Input,
    output: Output<F>,
    started: std::time::Instant,
}

/// Looks at the script of a hook and starts it for what was told, as the user that this process acts as. An error is a sentence.
pub(crate) fn start<F: FnMut(&str)>(
    hook: &Hook,
    told: &Told,
    place: Place,
    user: u32,
    tell: F,
) -> Result<Run<F>, String> {
    let program = hook.run.first().map_or("", String::as_str);
    let file = check(Path::new(program), user).map_err(|refusal| refusal.0)?;
    Run::start(&file, Call::new(hook, told, place), tell)
}

/// Runs a hook once, for whoever wants to see what it does: hands each line of its output to `tell` and waits for its end. An error is a
/// sentence.
pub async fn once(
    hook: &Hook,
    told: &Told,
    place: Place,
    user: u32,
    tell: impl FnMut(&str),
) -> Result<Ended, String> {
    let run = start(hook, told, place, user, tell)?;
    let (_keep, leave) = watch::channel(false);
    run.end(hook.timeout, leave)
        .await
        .map_err(|error| format!("How it ended is not known: {}.", reason(&error)))
}

impl<F: FnMut(&str)> Run<F> {
    /// Starts the file, which was looked at, and hands each line that it writes to `tell`. An error is a sentence.
    pub(crate) fn start(file: &Path, call: Call, tell: F) -> Result<Self, String> {
        begin(file, call, tell).map_err(|error| refusal(file, &error))
    }

    /// Waits for the end of the script, and ends it where it takes longer than `timeout` or `leave` becomes true. Nothing of its group
    /// is left then.
    pub(crate) async fn end(
        mut self,
        timeout: Duration,
        leave: watch::Receiver<bool>,
    ) -> io::Result<Ended> {
        let mut asked = None;
        let (mut closed, mut killed) = (false, false);
        {
            let left = leaving(leave);
            let timer = time::sleep(timeout);
            tokio::pin!(left, timer);
            let talk = async {
                tokio::join!(self.input.write(), self.output.read());
            };
            tokio::pin!(talk);
            loop {
                let why = tokio::select! {
                    biased;
                    ended = self.script.ended() => {
                        ended?;
                        break;
                    }
                    () = &mut talk, if !closed => {
                        closed = true;
                        continue;
                    }
                    () = &mut left, if asked.is_none() => Asked::Leaving,
                    () = &mut timer => Asked::TimedOut,
                };
                if asked.is_some() {
                    killed = true;
                    self.script.kill();
                    // Only a system call that hangs goes on now; it is waited for, because nothing else can be done.
                    timer
                        .as_mut()
                        .reset(time::Instant::now() + timeout.max(GRACE));
                    continue;
                }
                asked = Some(why);
                self.script.ask_to_end();
                timer.as_mut().reset(time::Instant::now() + GRACE);
            }
            if asked.is_some() && !killed && !closed {
                // What it started was asked to end too, and holds the output until it has.
                tokio::select! {
                    () = &mut talk => {}
                    () = &mut timer => {}
                }
            }
        }
        let status = self.script.finish()?;
        self.output.end();
        Ok(Ended {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            by_signal: status.code().is_none(),
            asked,
            took: clock::moment().saturating_duration_since(self.started),
        })
    }
}

fn begin<F: FnMut(&str)>(file: &Path, call: Call, tell: F) -> io::Result<Run<F>> {
    let (input, feed) = io::pipe()?;
    let (listen, output) = io::pipe()?;
    let error = output.try_clone()?;
    let environment: Vec<(&OsStr, &OsStr)> = call
        .environment
        .iter()
        .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
        .collect();
    let input_pipe = Input::new(feed, call.input)?;
    let output_pipe = Output::new(listen, tell)?;
    let script = Script::start(Start {
        file,
        words: &call.words,
        environment: &environment,
        input: input.into(),
        output: output.into(),
        error: error.into(),
    })?;
    Ok(Run {
        script,
        input: input_pipe,
        output: output_pipe,
        started: clock::moment(),
    })
}

/// Waits until it becomes true.
async fn leaving(mut leave: watch::Receiver<bool>) {
    if leave.wait_for(|leave| *leave).await.is_err() {
        // Nobody can ask any more.
        std::future::pending::<()>().await;
    }
}

/// Why it could not be started, and what to do.
fn refusal(file: &Path, error: &io::Error) -> String {
    let shown = quoted(file);
    match error.kind() {
        io::ErrorKind::NotFound => format!(
            "{shown} cannot be run, because the program that its first line names is missing: correct that line, or install the program."
        ),
        io::ErrorKind::PermissionDenied => format!(
            "{shown} cannot be run by the user of this hook: give it chmod +rx, look whether its file system is mounted with noexec, and whether its first line names a program."
        ),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => format!(
            "{shown} cannot be run now ({}): end other programs, or raise the limits (TasksMax, ulimit -u).",
            reason(error)
        ),
        _ => format!("{shown} cannot be run: {}.", reason(error)),
    }
}
