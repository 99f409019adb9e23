//! What every guarded call passes before polkit is asked, so that nobody can drown the helper, polkit or another user in calls.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use zbus::{
    fdo,
    message::{Flags, Header},
    names::{OwnedUniqueName, UniqueName},
};

use super::callers::{Callers, DialogPlace, Place, gone, limit};
use crate::authority::Authority;

/// So many questions are asked of polkit at a time; the bus allows us 128 calls without an answer (`max_replies_per_connection`).
const MOST_QUESTIONS: usize = 32;
/// So many more may wait for a person, so that open dialogs never hold up those who need none.
const MOST_DIALOGS: usize = 8;
/// So many times at a time the bus is asked whose a connection is.
const MOST_LOOKUPS: usize = 16;

/// A longer call is none of ours, in bytes: it would lie in memory for as long as its sender is being judged.
const MOST_BYTES: u32 = 64 * 1024;

/// Counts the calls that are being worked on.
#[derive(Debug)]
pub(super) struct Gate {
    callers: Callers,
    lookups: Semaphore,
    questions: Semaphore,
    dialogs: Semaphore,
}

/// The right to be worked on, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    place: Place<'a>,
    uid: u32,
    questions_of_user: Arc<Semaphore>,
    /// May a person be asked for a password?
    pub(super) dialog: bool,
    /// Was one asked, and gave it?
    pub(super) by_password: bool,
}

/// A turn to ask polkit, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _of_user: OwnedSemaphorePermit,
    _of_all: SemaphorePermit<'a>,
}

/// The right to have a dialog open, until it is dropped.
#[derive(Debug)]
pub(super) struct Dialog<'a> {
    _place: DialogPlace<'a>,
    _of_all: SemaphorePermit<'a>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            callers: Callers::default(),
            lookups: Semaphore::new(MOST_LOOKUPS),
            questions: Semaphore::new(MOST_QUESTIONS),
            dialogs: Semaphore::new(MOST_DIALOGS),
        }
    }

    /// Lets a call in, or says why not. Only the first call of a connection waits, for the bus to say whose it is.
    pub(super) async fn enter(
        &self,
        header: &Header<'_>,
        authority: &dyn Authority,
    ) -> Result<Pass<'_>, fdo::Error> {
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
        let mut place = self
            .callers
            .place(OwnedUniqueName::from(sender.to_owned()))?;
        let ask_bus = async || {
            let _turn = self.lookups.acquire().await.map_err(|_| ends())?;
            authority.user_of(sender).await
        };
        let uid = *place.peer.user.get_or_try_init(ask_bus).await?;
        let questions_of_user = place.count_for(uid)?;
        Ok(Pass {
            gate: self,
            place,
            uid,
            questions_of_user,
            dialog: flags.contains(Flags::ALLOW_INTERACTIVE_AUTH),
            by_password: false,
        })
    }

    /// Forgets a connection that left the bus: what was begun for it ends.
    pub(super) fn left(&self, name: &str) {
        self.callers.left(name);
    }
}

impl<'a> Pass<'a> {
    /// The connection.
    pub(super) fn name(&self) -> &UniqueName<'static> {
        self.place.name.inner()
    }

    /// Its user.
    pub(super) const fn uid(&self) -> u32 {
        self.uid
    }

    /// Has it left the bus?
    pub(super) fn has_left(&self) -> bool {
        self.place.peer.has_left()
    }

    /// Does `work` for as long as the caller is there.
    pub(super) async fn unless_left<T>(
        &self,
        work: impl Future<Output = Result<T, fdo::Error>>,
    ) -> Result<T, fdo::Error> {
        tokio::select! {
            biased;
            () = self.place.peer.left() => Err(gone()),
            done = work => done,
        }
    }

    /// Waits for a turn to ask polkit: first behind the user's own questions, then behind those of all users. So a user who asks very much
    /// takes a quarter of the turns at most, and another waits for that quarter at the longest.
    pub(super) async fn turn(&self) -> Result<Turn<'a>, fdo::Error> {
        let of_user = Arc::clone(&self.questions_of_user).acquire_owned();
        let of_user = of_user.await.map_err(|_| ends())?;
        let of_all = self.gate.questions.acquire().await.map_err(|_| ends())?;
        Ok(Turn {
            _of_user: of_user,
            _of_all: of_all,
        })
    }

    /// The right to open a dialog, or why there may be none now.
    pub(super) fn open_dialog(&self) -> Result<Dialog<'a>, fdo::Error> {
        let place = self.place.dialog(self.uid)?;
        let of_all = self.gate.dialogs.try_acquire().map_err(|_| {
            limit("Too many people are being asked for a password: try again later.")
        })?;
        Ok(Dialog {
            _place: place,
            _of_all: of_all,
        })
    }
}

fn ends() -> fdo::Error {
    fdo::Error::Failed("The helper ends: try again when it is there again.".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Mutex};

    use tokio::task::yield_now;
    use zbus::message::Message;

    use super::*;
    use crate::{
        authority::{Answer, Judgement},
        service::callers::{MOST_DIALOGS_OF_USER, MOST_OF_SENDER, MOST_OF_USER},
    };

    /// A bus that says whose a connection is; one that it does not know has left.
    #[derive(Debug, Default)]
    struct Users {
        users: HashMap<String, u32>,
        asked: Mutex<Vec<String>>,
    }

    impl Users {
        /// Each of these connections with its user.
        fn new(users: &[(&str, u32)]) -> Self {
            let users = users.iter().map(|(name, uid)| ((*name).to_owned(), *uid));
            Self {
                users: users.collect(),
                asked: Mutex::default(),
            }
        }
    }

    impl Authority for Users {
        fn user_of<'a>(&'a self, name: &'a UniqueName<'a>) -> Answer<'a, u32> {
            Box::pin(async {
                self.asked.lock().unwrap().push(name.to_string());
                yield_now().await;
                self.users.get(name.as_str()).copied().ok_or_else(gone)
            })
        }

        fn judge<'a>(
            &'a self,
            _: &'a UniqueName<'a>,
            _: &'static str,
            _: bool,
        ) -> Answer<'a, Judgement> {
            Box::pin(async { Ok(Judgement::Allowed) })
        }
    }

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

    /// A call of `sender` that is let in, or not.
    async fn enter<'a>(
        gate: &'a Gate,
        users: &Users,
        sender: &str,
    ) -> Result<Pass<'a>, fdo::Error> {
        let call = call(sender, Flags::empty());
        gate.enter(&call.header(), users).await
    }

    fn assert_limit<T>(answer: Result<T, fdo::Error>) {
        let Err(error) = answer else {
            panic!("it is let in")
        };
        assert!(matches!(error, fdo::Error::LimitsExceeded(_)), "{error}");
    }

    #[tokio::test]
    async fn a_call_that_wants_no_answer_is_refused_before_anybody_is_asked() {
        let (gate, users) = (Gate::new(), Users::new(&[(":1.7", 1000)]));
        let call = call(":1.7", Flags::NO_REPLY_EXPECTED);
        let refused = gate.enter(&call.header(), &users).await.unwrap_err();
        assert!(matches!(refused, fdo::Error::AccessDenied(_)), "{refused}");
        assert!(users.asked.lock().unwrap().is_empty());
        assert!(gate.callers.is_empty());
    }

    #[tokio::test]
    async fn a_call_that_fills_the_memory_is_refused_before_anybody_is_asked() {
        let (gate, users) = (Gate::new(), Users::new(&[(":1.7", 1000)]));
        let call = Message::method_call("/org/wallwatch/Helper1", "GetAlerts");
        let call = call.sender(":1.7").build(&"x".repeat(1 << 20)).unwrap();
        let refused = gate.enter(&call.header(), &users).await.unwrap_err();
        assert!(matches!(refused, fdo::Error::InvalidArgs(_)), "{refused}");
        assert!(users.asked.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_connection_is_held_to_four_calls_and_another_is_not_hindered() {
        let gate = Gate::new();
        let users = Users::new(&[(":1.7", 1000), (":1.8", 1001)]);
        let mut passes = Vec::new();
        for _ in 0..MOST_OF_SENDER {
            passes.push(enter(&gate, &users, ":1.7").await.unwrap());
        }
        assert_limit(enter(&gate, &users, ":1.7").await);
        assert!(enter(&gate, &users, ":1.8").await.is_ok());
        passes.pop();
        assert!(enter(&gate, &users, ":1.7").await.is_ok());
        assert_eq!(*users.asked.lock().unwrap(), [":1.7", ":1.8"], "once each");
        drop(passes);
        for name in [":1.7", ":1.8"] {
            gate.left(name);
        }
        assert!(gate.callers.is_empty());
    }

    #[tokio::test]
    async fn one_user_is_held_to_sixteen_calls_however_many_connections_make_them() {
        let gate = Gate::new();
        let names: Vec<String> = (0..100).map(|n| format!(":1.{n}")).collect();
        let mut list: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1000)).collect();
        list.push((":2.1", 1001));
        let users = Users::new(&list);
        let mut passes = Vec::new();
        for name in &names[..usize::from(MOST_OF_USER)] {
            passes.push(enter(&gate, &users, name).await.unwrap());
        }
        for name in &names[usize::from(MOST_OF_USER)..] {
            assert_limit(enter(&gate, &users, name).await);
        }
        assert!(enter(&gate, &users, ":2.1").await.is_ok(), "another user");
        passes.pop();
        assert!(enter(&gate, &users, ":1.99").await.is_ok());
    }

    #[tokio::test]
    async fn a_user_takes_a_quarter_of_the_turns_and_another_has_his_at_once() {
        let (gate, users) = (
            Gate::new(),
            Users::new(&[(":1.1", 1), (":1.2", 1), (":1.9", 2)]),
        );
        let mut passes = Vec::new();
        for name in [":1.1", ":1.2"] {
            for _ in 0..MOST_OF_SENDER {
                passes.push(enter(&gate, &users, name).await.unwrap());
            }
        }
        let mut turns = Vec::new();
        for pass in &passes {
            turns.push(pass.turn().await.unwrap());
        }
        gate.left(":1.1");
        let third = Users::new(&[(":1.3", 1)]);
        let ninth = enter(&gate, &third, ":1.3").await.unwrap();
        let mut waiting = Box::pin(ninth.turn());
        assert!(
            futures_lite::future::poll_once(&mut waiting)
                .await
                .is_none()
        );
        let other = enter(&gate, &users, ":1.9").await.unwrap();
        let turn = Box::pin(other.turn());
        assert!(futures_lite::future::poll_once(turn).await.is_some());
        turns.pop();
        assert!(
            futures_lite::future::poll_once(&mut waiting)
                .await
                .is_some()
        );
    }

    #[tokio::test]
    async fn one_connection_opens_one_dialog_and_one_user_two() {
        let gate = Gate::new();
        let users = Users::new(&[(":1.1", 1), (":1.2", 1), (":1.3", 1)]);
        let mut passes = Vec::new();
        for name in [":1.1", ":1.1", ":1.2", ":1.3"] {
            passes.push(enter(&gate, &users, name).await.unwrap());
        }
        let first = passes[0].open_dialog().unwrap();
        assert_limit(passes[1].open_dialog());
        let second = passes[2].open_dialog().unwrap();
        assert_eq!(MOST_DIALOGS_OF_USER, 2);
        assert_limit(passes[3].open_dialog());
        drop(first);
        let third = passes[3].open_dialog().unwrap();
        drop((second, third));
        assert!(passes[1].open_dialog().is_ok());
    }

    #[tokio::test]
    async fn the_dialogs_of_all_users_are_eight() {
        let gate = Gate::new();
        let names: Vec<String> = (1..=9).map(|n| format!(":1.{n}")).collect();
        let list: Vec<(&str, u32)> = names.iter().map(String::as_str).zip(1..).collect();
        let users = Users::new(&list);
        let mut passes = Vec::new();
        for name in &names {
            passes.push(enter(&gate, &users, name).await.unwrap());
        }
        let mut dialogs = Vec::new();
        for pass in &passes[..MOST_DIALOGS] {
            dialogs.push(pass.open_dialog().unwrap());
        }
        assert_limit(passes[MOST_DIALOGS].open_dialog());
        // A dialog that there was no room for leaves its user free to try again.
        dialogs.pop();
        assert!(passes[MOST_DIALOGS].open_dialog().is_ok());
    }

    #[tokio::test]
    async fn what_is_done_for_a_caller_ends_when_he_leaves_and_his_places_are_free() {
        let (gate, users) = (Gate::new(), Users::new(&[(":1.7", 1000)]));
        let pass = enter(&gate, &users, ":1.7").await.unwrap();
        let dialog = pass.open_dialog().unwrap();
        let mut work = Box::pin(pass.unless_left(std::future::pending::<Result<(), _>>()));
        assert!(futures_lite::future::poll_once(&mut work).await.is_none());
        gate.left(":1.7");
        let ended = futures_lite::future::poll_once(&mut work).await;
        assert!(matches!(ended, Some(Err(fdo::Error::AccessDenied(_)))));
        drop(work);
        drop((dialog, pass));
        assert!(gate.callers.is_empty());
        assert_eq!(gate.dialogs.available_permits(), MOST_DIALOGS);
    }

    #[tokio::test]
    async fn a_connection_that_the_bus_does_not_know_is_not_let_in() {
        let (gate, users) = (Gate::new(), Users::default());
        assert!(enter(&gate, &users, ":1.7").await.is_err());
        assert!(gate.callers.is_empty());
    }
}
