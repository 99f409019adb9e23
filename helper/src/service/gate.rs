//! What every guarded call passes before polkit is asked, so that nobody can drown the helper, polkit or another user in calls.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};
use zbus::{
    fdo,
    message::{Flags, Header},
};

/// So many calls of one connection are worked on at a time.
const MOST_OF_SENDER: u8 = 4;
/// So many questions are asked of polkit at a time; the bus allows us 128 calls without an answer.
const MOST_QUESTIONS: usize = 32;
/// So many of them may wait for a person, so that open dialogs never hold up those who need none.
const MOST_DIALOGS: usize = 8;

/// A longer call is none of ours, in bytes: it would lie in memory for as long as its sender is being judged.
const MOST_BYTES: u32 = 64 * 1024;

/// Counts the calls that are being worked on.
#[derive(Debug)]
pub(super) struct Gate {
    // A std mutex, because nothing is awaited while it is held.
    senders: Mutex<HashMap<String, Calls>>,
    questions: Semaphore,
    dialogs: Semaphore,
}

/// The calls of one connection.
#[derive(Debug, Default)]
struct Calls {
    all: u8,
    dialog: bool,
}

/// The right to be worked on, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    _sender: Place<'a>,
    _slot: SemaphorePermit<'a>,
    /// May a person be asked for a password?
    pub(super) dialog: bool,
}

/// A place among the calls of one connection.
#[derive(Debug)]
struct Place<'a> {
    gate: &'a Gate,
    sender: String,
    dialog: bool,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            senders: Mutex::default(),
            questions: Semaphore::new(MOST_QUESTIONS),
            dialogs: Semaphore::new(MOST_DIALOGS),
        }
    }

    /// Lets a call in, or says why not.
    pub(super) async fn enter(&self, header: &Header<'_>) -> Result<Pass<'_>, fdo::Error> {
        let flags = header.primary().flags();
        // The bus limits how many answers somebody may wait for, but not how many calls are made that want none.
        if flags.contains(Flags::NO_REPLY_EXPECTED) {
            return Err(fdo::Error::AccessDenied(
                "A call that wants no answer is refused: ask for the answer.".to_owned(),
            ));
        }
        if header.primary().body_len() > MOST_BYTES {
            return Err(fdo::Error::InvalidArgs(format!(
                "The call is longer than {MOST_BYTES} bytes: use a shorter one."
            )));
        }
        let sender = header
            .sender()
            .ok_or_else(|| fdo::Error::AccessDenied("The call has no sender.".to_owned()))?;
        let dialog = flags.contains(Flags::ALLOW_INTERACTIVE_AUTH);
        let place = self.place(sender.as_str(), dialog)?;
        let slot = if dialog {
            self.dialogs.try_acquire().map_err(|_| {
                limit("Too many people are being asked for a password: try again later.")
            })?
        } else {
            self.questions
                .acquire()
                .await
                .map_err(|_| fdo::Error::Failed("The helper ends.".to_owned()))?
        };
        Ok(Pass {
            _sender: place,
            _slot: slot,
            dialog,
        })
    }

    fn place(&self, sender: &str, dialog: bool) -> Result<Place<'_>, fdo::Error> {
        let mut senders = self.lock();
        let calls = senders.entry(sender.to_owned()).or_default();
        if calls.all >= MOST_OF_SENDER || (dialog && calls.dialog) {
            return Err(limit(
                "Too many calls at a time: wait for the answers to the earlier ones.",
            ));
        }
        calls.all += 1;
        calls.dialog |= dialog;
        Ok(Place {
            gate: self,
            sender: sender.to_owned(),
            dialog,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Calls>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut senders = self.gate.lock();
        if let Some(calls) = senders.get_mut(&self.sender) {
            calls.all = calls.all.saturating_sub(1);
            calls.dialog &= !self.dialog;
            if calls.all == 0 {
                senders.remove(&self.sender);
            }
        }
    }
}

fn limit(sentence: &str) -> fdo::Error {
    fdo::Error::LimitsExceeded(sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use zbus::message::Message;

    use super::*;

    fn call(sender: &str, flags: Flags) -> Message {
        let builder = Message::method_call("/org/wallwatch/Helper1", "GetStatus");
        let builder = builder.sender(sender);
        let builder = if flags.is_empty() {
            builder
        } else {
            builder.with_flags(flags)
        };
        builder.build(&()).unwrap()
    }

    #[tokio::test]
    async fn a_call_that_wants_no_answer_is_refused() {
        let gate = Gate::new();
        let call = call(":1.7", Flags::NO_REPLY_EXPECTED);
        let refused = gate.enter(&call.header()).await.unwrap_err();
        assert!(matches!(refused, fdo::Error::AccessDenied(_)), "{refused}");
    }

    #[tokio::test]
    async fn a_call_that_fills_the_memory_is_refused_before_anybody_is_asked() {
        let gate = Gate::new();
        let call = Message::method_call("/org/wallwatch/Helper1", "GetAlerts");
        let call = call.sender(":1.7").build(&"x".repeat(1 << 20)).unwrap();
        let refused = gate.enter(&call.header()).await.unwrap_err();
        assert!(matches!(refused, fdo::Error::InvalidArgs(_)), "{refused}");
    }

    #[tokio::test]
    async fn one_connection_is_held_to_four_calls_and_another_is_not_hindered() {
        let gate = Gate::new();
        let (loud, calm) = (call(":1.7", Flags::empty()), call(":1.8", Flags::empty()));
        let header = loud.header();
        let mut passes = Vec::new();
        for _ in 0..MOST_OF_SENDER {
            passes.push(gate.enter(&header).await.unwrap());
        }
        let refused = gate.enter(&header).await.unwrap_err();
        assert!(
            matches!(refused, fdo::Error::LimitsExceeded(_)),
            "{refused}"
        );
        assert!(gate.enter(&calm.header()).await.is_ok());
        passes.pop();
        assert!(gate.enter(&header).await.is_ok());
        drop(passes);
        assert!(
            gate.lock().is_empty(),
            "nothing is remembered of who has no call open"
        );
    }

    #[tokio::test]
    async fn one_connection_opens_one_dialog() {
        let gate = Gate::new();
        let call = call(":1.7", Flags::ALLOW_INTERACTIVE_AUTH);
        let first = gate.enter(&call.header()).await.unwrap();
        assert!(first.dialog);
        assert!(gate.enter(&call.header()).await.is_err());
        drop(first);
        assert!(gate.enter(&call.header()).await.is_ok());
    }
}
