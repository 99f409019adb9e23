//! One run of a script, from its start to its end.

use std::{ffi::OsStr, io, os::unix::process::ExitStatusExt as _, path::Path, time::Duration};

use tokio::{sync::watch, time};

use super::{
    input::Input,
    output::Output,
    words::{quoted, reason},
};
use crate::{
    clock,
    hook::call::Call,
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
        let mut closed = false;
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
            if asked.is_some() && !closed {
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
        std::future::pending().await
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
