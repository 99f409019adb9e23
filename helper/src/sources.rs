//! All sources: which there are, what keeps each open, and which are wanted.

use std::{
    future::ready,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{sync::watch, task::JoinSet};

use crate::{
    capture::Capture,
    config::{Choice, Config, Ulogd as UlogdConfig},
    intake::Intake,
    source::{
        Source, Trouble, auto,
        conntrack::Conntrack,
        file::Files,
        health::Health,
        journal::Journal,
        keeper::{Wish, keep},
        kmsg::Kmsg,
        nflog::{Foreign, Nflog},
        nfqueue::Nfqueue,
        ulogd::Ulogd,
    },
};

/// The health record of each source.
#[derive(Debug, Clone)]
pub struct Healths {
    /// The own table.
    pub nflog: Arc<Health>,
    kmsg: Arc<Health>,
    journal: Arc<Health>,
    file: Arc<Health>,
    ulogd: Arc<Health>,
    conntrack: Arc<Health>,
    /// Those of the groups that the user's own rules log to.
    groups: Vec<(u16, Arc<Health>)>,
    /// Those of the queues that the user's own rules fill.
    queues: Vec<(u16, Arc<Health>)>,
}

impl Healths {
    /// Those of the sources that there are by this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let health = |name: &str| Arc::new(Health::new(name));
        Self {
            nflog: health("nflog"),
            kmsg: health("kmsg"),
            journal: health("journal"),
            file: health("file"),
            ulogd: health("ulogd"),
            conntrack: health("conntrack"),
            groups: numbered("nflog", &config.groups, &[]),
            queues: numbered("nfqueue", &config.queues, &[]),
        }
    }

    /// Follows another configuration: sources that there are no more are left out, and new ones come in.
    fn follow(&mut self, config: &Config) {
        self.groups = numbered("nflog", &config.groups, &self.groups);
        self.queues = numbered("nfqueue", &config.queues, &self.queues);
    }

    /// All, in the order in which they are shown.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Health>> {
        [
            &self.nflog,
            &self.kmsg,
            &self.journal,
            &self.file,
            &self.ulogd,
            &self.conntrack,
        ]
        .into_iter()
        .chain(
            self.groups
                .iter()
                .chain(&self.queues)
                .map(|(_, health)| health),
        )
        .cloned()
        .collect()
    }

    /// Those of the sources that show what the firewall itself logs.
    #[must_use]
    pub fn logs(&self) -> [Arc<Health>; 3] {
        [&self.kmsg, &self.journal, &self.file].map(Arc::clone)
    }
}

/// The health records of numbered sources of one kind; those that are known stay.
fn numbered(kind: &str, numbers: &[u16], known: &[(u16, Arc<Health>)]) -> Vec<(u16, Arc<Health>)> {
    let record = |number: &u16| {
        let known = known.iter().find(|(old, _)| old == number);
        let health = known.map(|(_, health)| Arc::clone(health));
        health.unwrap_or_else(|| Arc::new(Health::new(&format!("{kind}:{number}"))))
    };
    numbers
        .iter()
        .map(|number| (*number, record(number)))
        .collect()
}

/// The sources that are kept open, and what decides which of them are wanted.
#[derive(Debug)]
pub struct Sources {
    intake: Arc<Intake>,
    healths: Healths,
    /// Where it is remembered how far they are.
    state_dir: PathBuf,
    capture: Arc<Capture>,
    /// What the own table is opened with.
    config: watch::Sender<Config>,
    /// Does the own table serve?
    table_serves: watch::Receiver<bool>,
    table: Open,
    logs: Open,
    ulogd: Open,
    conntrack: Open,
    groups: Vec<(u16, Open)>,
    queues: Vec<(u16, Open)>,
}

/// Sources that are ended together.
#[derive(Debug, Default)]
struct Open {
    /// Those that decide; they end first, so that no source is opened in the place of one that ends.
    choosing: JoinSet<()>,
    /// Those that keep a source open, until nobody can wish any more.
    keeping: JoinSet<()>,
}

impl Sources {
    /// Keeps the sources open that the configuration and the switch `capture` want, and remembers in `state_dir` how far they are.
    #[must_use]
    pub fn start(
        intake: Arc<Intake>,
        healths: Healths,
        config: &Config,
        state_dir: &Path,
        capture: &Arc<Capture>,
    ) -> Self {
        let (next, table_serves) = watch::channel(capture.is_on());
        let mut sources = Self {
            intake,
            healths,
            state_dir: state_dir.to_owned(),
            capture: Arc::clone(capture),
            config: watch::Sender::new(config.clone()),
            table_serves,
            table: Open::default(),
            logs: Open::default(),
            ulogd: Open::default(),
            conntrack: Open::default(),
            groups: Vec::new(),
            queues: Vec::new(),
        };
        sources.keep_table(next);
        sources.logs = sources.read_logs(config);
        sources.ulogd = sources.read_ulogd(config);
        sources.conntrack = sources.follow_flows(config);
        let numbers = config.groups.iter();
        sources.groups = numbers
            .map(|number| (*number, sources.hear_group(*number, config)))
            .collect();
        let numbers = config.queues.iter();
        sources.queues = numbers
            .map(|number| (*number, sources.empty_queue(*number)))
            .collect();
        sources
    }

    /// Follows another configuration: what it changes is ended and started again, the rest goes on. Says whether there are others now.
    pub async fn follow(&mut self, old: &Config, new: &Config) -> bool {
        self.healths.follow(new);
        self.config.send_replace(new.clone());
        let is_other_group = old.group != new.group;
        if is_other_group {
            self.capture.open_again().await;
        }
        let logs = |config: &Config| {
            (
                config.kmsg,
                config.journal,
                config.file,
                config.file_paths.clone(),
            )
        };
        if logs(old) != logs(new) {
            std::mem::take(&mut self.logs).end().await;
            self.logs = self.read_logs(new);
        }
        if old.ulogd != new.ulogd {
            std::mem::take(&mut self.ulogd).end().await;
            self.healths.ulogd.off(0);
            self.ulogd = self.read_ulogd(new);
        }
        if old.conntrack != new.conntrack {
            std::mem::take(&mut self.conntrack).end().await;
            self.healths.conntrack.off(0);
            self.conntrack = self.follow_flows(new);
        }
        let kept = |number: u16| !is_other_group && new.groups.contains(&number);
        let mut groups = end_others(std::mem::take(&mut self.groups), kept).await;
        for number in &new.groups {
            if groups.iter().all(|(known, _)| known != number) {
                groups.push((*number, self.hear_group(*number, new)));
            }
        }
        self.groups = groups;
        let queues = std::mem::take(&mut self.queues);
        let mut queues = end_others(queues, |number| new.queues.contains(&number)).await;
        for number in &new.queues {
            if queues.iter().all(|(known, _)| known != number) {
                queues.push((*number, self.empty_queue(*number)));
            }
        }
        self.queues = queues;
        old.groups != new.groups || old.queues != new.queues
    }

    /// The health record of each, in the order in which they are shown.
    #[must_use]
    pub fn healths(&self) -> Vec<Arc<Health>> {
        self.healths.all()
    }

    /// Has every source closed but the own table, which its switch closes.
    pub async fn end(self) {
        let Self {
            mut table,
            mut logs,
            mut ulogd,
            mut conntrack,
            mut groups,
            mut queues,
            ..
        } = self;
        let numbered = groups.iter_mut().chain(&mut queues);
        let mut all: Vec<&mut Open> = numbered.map(|(_, open)| open).collect();
        all.extend([&mut table, &mut logs, &mut ulogd, &mut conntrack]);
        for open in &mut all {
            open.choosing.shutdown().await;
        }
        for open in all {
            open.closed().await;
        }
    }

    /// Keeps the own table, which has a switch of its own that outlives the sources; `next` is told whether it serves.
    fn keep_table(&mut self, next: watch::Sender<bool>) {
        let health = Arc::clone(&self.healths.nflog);
        let choosing = auto::capture(self.capture.watch(), Arc::clone(&health), next);
        self.table.choosing.spawn(choosing);
        let (config, kept) = (self.config.subscribe(), Arc::clone(&health));
        let open = move || Nflog::open(config.borrow().clone(), Arc::clone(&kept));
        let intake = Arc::clone(&self.intake);
        tokio::spawn(keep(open, self.capture.watch(), health, intake));
    }

    /// Reads what others write of the firewall, each log in the place of those before it.
    fn read_logs(&self, config: &Config) -> Open {
        let mut logs = Open::default();
        let Healths {
            kmsg,
            journal,
            file,
            ..
        } = &self.healths;
        let (intake, behind) = (&self.intake, self.table_serves.clone());
        let health = Arc::clone(kmsg);
        let behind = logs.stand_in(intake, behind, config.kmsg, kmsg, move || {
            Kmsg::open(Arc::clone(&health))
        });
        let (health, dir) = (Arc::clone(journal), self.state_dir.clone());
        let behind = logs.stand_in(intake, behind, config.journal, journal, move || {
            Journal::open(dir.clone(), Arc::clone(&health))
        });
        let (health, dir) = (Arc::clone(file), self.state_dir.clone());
        let paths = config.file_paths.clone();
        logs.stand_in(intake, behind, config.file, file, move || {
            Files::open(paths.clone(), dir.clone(), Arc::clone(&health))
        });
        logs
    }

    /// Reads what ulogd writes, where somebody said what that is.
    fn read_ulogd(&self, config: &Config) -> Open {
        let mut open = Open::default();
        if config.ulogd != UlogdConfig::default() {
            let (health, dir) = (Arc::clone(&self.healths.ulogd), self.state_dir.clone());
            let settings = config.ulogd.clone();
            open.keep_always(&self.intake, &self.healths.ulogd, move || {
                Ulogd::open(settings.clone(), dir.clone(), Arc::clone(&health))
            });
        }
        open
    }

    /// Follows flows, where that is wanted.
    fn follow_flows(&self, config: &Config) -> Open {
        let mut open = Open::default();
        if config.conntrack != Choice::Off {
            let health = Arc::clone(&self.healths.conntrack);
            open.keep_always(&self.intake, &self.healths.conntrack, move || {
                Conntrack::open(Arc::clone(&health))
            });
        }
        open
    }

    /// Hears a group that the user's own rules log to.
    fn hear_group(&self, number: u16, config: &Config) -> Open {
        let mut open = Open::default();
        if let Some((_, health)) = self
            .healths
            .groups
            .iter()
            .find(|(known, _)| *known == number)
        {
            let (config, kept) = (config.clone(), Arc::clone(health));
            open.keep_always(&self.intake, health, move || {
                ready(Foreign::open(number, &config, Arc::clone(&kept)))
            });
        }
        open
    }

    /// Lets pass what the user's own rules put into a queue.
    fn empty_queue(&self, number: u16) -> Open {
        let mut open = Open::default();
        if let Some((_, health)) = self
            .healths
            .queues
            .iter()
            .find(|(known, _)| *known == number)
        {
            let kept = Arc::clone(health);
            open.keep_always(&self.intake, health, move || {
                Nfqueue::open(number, Arc::clone(&kept))
            });
        }
        open
    }
}

/// Ends those of numbered sources that are not kept; returns the others.
async fn end_others(all: Vec<(u16, Open)>, is_kept: impl Fn(u16) -> bool) -> Vec<(u16, Open)> {
    let mut kept = Vec::with_capacity(all.len());
    for (number, open) in all {
        if is_kept(number) {
            kept.push((number, open));
        } else {
            open.end().await;
        }
    }
    kept
}

impl Open {
    /// Has them closed.
    async fn end(mut self) {
        self.choosing.shutdown().await;
        self.closed().await;
    }

    /// Waits until all are closed, which they are once nobody can wish.
    async fn closed(&mut self) {
        while self.keeping.join_next().await.is_some() {}
    }

    /// Keeps the source that `open` opens as these wishes want it.
    fn keep<S, F>(
        &mut self,
        intake: &Arc<Intake>,
        wishes: watch::Receiver<Wish>,
        health: &Arc<Health>,
        open: impl FnMut() -> F + Send + 'static,
    ) where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let (health, intake) = (Arc::clone(health), Arc::clone(intake));
        self.keeping.spawn(keep(open, wishes, health, intake));
    }

    /// Keeps a source open until the end.
    fn keep_always<S, F>(
        &mut self,
        intake: &Arc<Intake>,
        health: &Arc<Health>,
        open: impl FnMut() -> F + Send + 'static,
    ) where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let wish = watch::Sender::new(Wish {
            on: true,
            number: 1,
        });
        self.keep(intake, wish.subscribe(), health, open);
        self.choosing.spawn(async move { wish.closed().await });
    }

    /// Keeps a source open that stands in for those before it, of which `before` tells; returns what tells of it and them.
    fn stand_in<S, F>(
        &mut self,
        intake: &Arc<Intake>,
        before: watch::Receiver<bool>,
        choice: Choice,
        health: &Arc<Health>,
        open: impl FnMut() -> F + Send + 'static,
    ) -> watch::Receiver<bool>
    where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let (wish, wishes) = watch::channel(Wish::default());
        // Until it is known otherwise; what stands behind is not opened for a moment.
        let (next, behind) = watch::channel(true);
        self.keep(intake, wishes, health, open);
        let health = Arc::clone(health);
        self.choosing
            .spawn(auto::stand_in(before, choice, wish, health, next));
        behind
    }
}
