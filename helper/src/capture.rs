//! The switch of the own table: who may turn it, what it is remembered as, and whether turning it worked.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};
use wallwatch_dbus::SourceState;

use crate::{
    clock,
    source::{health::Health, keeper::Wish},
};

/// The file in the state directory.
const FILE: &str = "capture";
/// So long is waited for the table to be there, or gone.
const SWITCH_LIMIT: Duration = Duration::from_secs(20);

/// Why capture was not switched. Each is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration decides it.
    #[error("Capture is fixed by 'capture' in {}: change it there, then: wallwatchctl reload.", .0.display())]
    Fixed(PathBuf),
    /// The source does not work.
    #[error("{0}")]
    Source(String),
    /// It works for now, but the next start will not know.
    #[error("Capture is switched, but cannot be remembered in {}: {cause}.", path.display())]
    Remember {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// The switch.
#[derive(Debug)]
pub struct Capture {
    // A std mutex, because nothing is awaited while it is held.
    fixed_by: StdMutex<Option<PathBuf>>,
    /// What the command line says for this run.
    command_line: Option<bool>,
    file: PathBuf,
    wishes: watch::Sender<Wish>,
    nflog: Arc<Health>,
    // One turn at a time; held while the source is waited for.
    turn: Mutex<()>,
}

impl Capture {
    /// The switch as the command line, the configuration (with its path), or the last run left it; off where none says.
    #[must_use]
    pub fn new(
        state_dir: &Path,
        fixed: Option<(bool, &Path)>,
        command_line: Option<bool>,
        nflog: Arc<Health>,
    ) -> Self {
        let file = state_dir.join(FILE);
        let on = command_line
            .or(fixed.map(|(on, _)| on))
            .unwrap_or_else(|| remembered(&file));
        Self {
            fixed_by: StdMutex::new(fixed.map(|(_, path)| path.to_owned())),
            command_line,
            file,
            wishes: watch::Sender::new(Wish { on, number: 1 }),
            nflog,
            turn: Mutex::new(()),
        }
    }

    /// Is it switched on? Whether the source works is another question.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.wishes.borrow().on
    }

    /// Tells when it is switched.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Wish> {
        self.wishes.subscribe()
    }

    /// Switches it, waits until that worked, and remembers it. What could not be switched on is off again.
    pub async fn set(&self, on: bool) -> Result<(), Error> {
        if let Some(path) = self.fixed_by() {
            return Err(Error::Fixed(path));
        }
        let _turn = self.turn.lock().await;
        let before = self.is_on();
        let number = self.wish(on);
        if let Err(error) = self.reached(number, on).await {
            if on && !before {
                self.wish(false);
            }
            return Err(error);
        }
        let text = if on { "on\n" } else { "off\n" };
        remember(&self.file, text).map_err(|cause| Error::Remember {
            path: self.file.clone(),
            cause,
        })
    }

    /// Has the configuration (with its path) fix it from now on, or nothing: then it is as it was remembered. The command line goes
    /// before both. Does not wait for it.
    pub fn fix(&self, fixed: Option<(bool, &Path)>) {
        let path = fixed.map(|(_, path)| path.to_owned());
        let was_fixed = std::mem::replace(
            &mut *self.fixed_by.lock().unwrap_or_else(PoisonError::into_inner),
            path,
        )
        .is_some();
        let on = match fixed {
            Some((on, _)) => self.command_line.unwrap_or(on),
            None if was_fixed => self.command_line.unwrap_or_else(|| remembered(&self.file)),
            None => return,
        };
        if on != self.is_on() {
            self.wish(on);
        }
    }

    /// Closes it and opens it again where it is on, so that it goes by what it is opened with now.
    pub async fn open_again(&self) {
        let _turn = self.turn.lock().await;
        if self.is_on() {
            let number = self.wish(false);
            // One that cannot be closed is not opened any sooner.
            drop(self.reached(number, false).await);
            self.wish(true);
        }
    }

    fn fixed_by(&self) -> Option<PathBuf> {
        let fixed_by = self.fixed_by.lock().unwrap_or_else(PoisonError::into_inner);
        fixed_by.clone()
    }

    /// Switches it off because the helper ends; nothing is remembered.
    pub async fn end(&self) {
        let number = self.wish(false);
        // A table that cannot be taken out in time vanishes with its holder.
        drop(self.reached(number, false).await);
    }

    fn wish(&self, on: bool) -> u64 {
        let mut number = 0;
        self.wishes.send_modify(|wish| {
            *wish = Wish {
                on,
                number: wish.number + 1,
            };
            number = wish.number;
        });
        number
    }

    /// Waits until the source has done what wish `number` asks for.
    async fn reached(&self, number: u64, on: bool) -> Result<(), Error> {
        let mut reports = self.nflog.watch();
        let done = reports.wait_for(|report| report.wish >= number && report.state.is_some());
        let state = match timeout(SWITCH_LIMIT, done).await {
            Ok(report) => report.ok().and_then(|report| report.state),
            Err(_) => None,
        };
        match state {
            Some(SourceState::Working) if on => Ok(()),
            Some(SourceState::Off) if !on => Ok(()),
            Some(_) => {
                let record = self.nflog.record(clock::now());
                let mend = if record.mend.is_empty() {
                    String::new()
                } else {
                    format!(" To mend it: {}", record.mend)
                };
                Err(Error::Source(format!("{}{mend}", record.reason)))
            }
            None => Err(Error::Source(
                "The firewall did not answer in time: try again.".to_owned(),
            )),
        }
    }
}

fn remembered(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.trim() == "on")
}

/// Writes the file as a whole or not at all.
fn remember(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(&new, file)
}
