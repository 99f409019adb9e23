//! All runs together: starts what may start, lets the rest wait, and tells what becomes of each.

use std::{collections::BTreeMap, fmt, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    answer::{Answer, State},
    run::{self, Run},
    slots::{Place, Slots},
    told::Told,
};
use crate::hook::{Hook, call};

/// Takes a sentence or a line of output, with the hook's name in front.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Who wants to know what becomes of a run. One who does not listen is not waited for.
pub type Listener = mpsc::Sender<Answer>;

/// A run that was asked for.
#[derive(Debug)]
struct Job {
    hook: Arc<Hook>,
    told: Told,
    run: u64,
    listener: Option<Listener>,
}

impl Job {
    fn answer(&self, state: State, code: i32, words: &str) {
        answer(
            self.listener.as_ref(),
            Answer::new(&self.hook.name, self.run, state, code, words),
        );
    }
}

/// Tells somebody, if there is somebody and he listens.
pub(crate) fn answer(listener: Option<&Listener>, answer: Answer) {
    if let Some(listener) = listener {
        drop(listener.try_send(answer));
    }
}

/// The runs. Only its owner drives it: what waits is started by [`Self::next`].
pub struct Pool {
    place: call::Place,
    user: u32,
    say: Say,
    slots: Slots<Job>,
    running: JoinSet<String>,
    leave: watch::Sender<bool>,
    last_run: u64,
    /// Why a hook was refused last, so that the same is said once.
    refused: BTreeMap<String, String>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("user", &self.user)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// No run yet. Scripts run as this user, who is the one that this process acts as.
    #[must_use]
    pub fn new(place: call::Place, user: u32, say: Say) -> Self {
        Self {
            place,
            user,
            say,
            slots: Slots::default(),
            running: JoinSet::new(),
            leave: watch::Sender::new(false),
            last_run: 0,
            refused: BTreeMap::new(),
        }
    }

    /// Runs a hook for what was told, now or when it may.
    pub fn run(&mut self, hook: &Arc<Hook>, told: Told, listener: Option<Listener>) {
        self.last_run += 1;
        let job = Job {
            hook: Arc::clone(hook),
            told,
            run: self.last_run,
            listener,
        };
        let fold = |older: Job, latest: &mut Job| {
            latest.told.fold(&older.told);
            let words = format!(
                "Run {} waits in its place, and stands for {} earlier ones.",
                latest.run, latest.told.folded
            );
            older.answer(State::Folded, 0, &words);
        };
        match self.slots.offer(&hook.name, hook.at_once, job, fold) {
            Place::Now(job) => self.start(job),
            Place::Waits => {}
        }
    }

    /// Says something where the output of scripts goes.
    pub fn say(&self, sentence: &str) {
        (self.say)(sentence);
    }

    /// Does nothing run and nothing wait?
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.slots.is_idle()
    }

    /// Waits until a run has ended, and starts what waited for that. It may be given up at any time and asked again; where nothing runs
    /// it waits for ever.
    pub async fn next(&mut self) {
        match self.running.join_next().await {
            None => std::future::pending().await,
            // A run that panicked would hold its place for ever; nothing in it can panic, and where it does all the same, this ends.
            Some(Err(error)) => (self.say)(&format!("a run broke: {error}")),
            Some(Ok(hook)) => self.ended(&hook),
        }
    }

    /// Asks all that run to end, forgets what waits, and waits until nothing runs.
    pub async fn leave(&mut self) {
        for job in self.slots.give_up() {
            job.answer(State::Refused, 0, "The runner ends; tell it again later.");
        }
        self.leave.send_replace(true);
        while self.running.join_next().await.is_some() {}
    }

    fn ended(&mut self, hook: &str) {
        if let Some(job) = self.slots.ended(hook) {
            self.start(job);
        }
    }

    /// Starts a run that has its place, and where that fails the next one.
    fn start(&mut self, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next.take() {
            match self.try_start(&job) {
                Ok(run) => {
                    self.refused.remove(&job.hook.name);
                    let words = match job.told.folded {
                        0 => "It runs.".to_owned(),
                        folded => format!("It runs, and stands for {folded} earlier ones."),
                    };
                    job.answer(State::Started, 0, &words);
                    let (leave, say) = (self.leave.subscribe(), Arc::clone(&self.say));
                    self.running.spawn(follow(job, run, leave, say));
                }
                Err(sentence) => {
                    job.answer(State::Refused, 0, &sentence);
                    self.refuse(&job.hook.name, sentence);
                    next = self.slots.ended(&job.hook.name);
                }
            }
        }
    }

    fn try_start(&self, job: &Job) -> Result<Run<impl FnMut(&str) + Send + use<>>, String> {
        let (say, head) = (
            Arc::clone(&self.say),
            format!("{}[{}]", job.hook.name, job.run),
        );
        let tell = move |line: &str| say(&format!("{head}: {line}"));
        run::start(&job.hook, &job.told, self.place, self.user, tell)
    }

    /// Says why a hook was refused, where that is news.
    fn refuse(&mut self, hook: &str, sentence: String) {
        if self.refused.get(hook) != Some(&sentence) {
            (self.say)(&format!("{hook}: {sentence}"));
            self.refused.insert(hook.to_owned(), sentence);
        }
    }
}

/// Follows a run to its end, and tells how it ended. Returns the hook's name.
async fn follow<F: FnMut(&str)>(
    job: Job,
    run: Run<F>,
    leave: watch::Receiver<bool>,
    say: Say,
) -> String {
    match run.end(job.hook.timeout, leave).await {
        Ok(ended) => {
            let words = ended.words(job.hook.timeout);
            let state = if ended.asked.is_some() {
                State::TimedOut
            } else {
                State::Ended
            };
            if ended.code != 0 || ended.asked.is_some() {
                say(&format!("{}[{}]: {words}", job.hook.name, job.run));
            }
            job.answer(state, ended.code, &words);
        }
        Err(error) => {
            say(&format!("{}[{}] was lost: {error}", job.hook.name, job.run));
            job.answer(State::Ended, 0, "How it ended is not known.");
        }
    }
    job.hook.name.clone()
}
