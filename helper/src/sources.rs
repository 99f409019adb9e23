//! All sources: which there are, what keeps each open, and which are wanted.

use std::{future::ready, path::Path, sync::Arc};

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
#[derive(Debug)]
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
        let numbered = |kind: &str, numbers: &[u16]| {
            let each = numbers.iter();
            each.map(|number| (*number, health(&format!("{kind}:{number}"))))
                .collect()
        };
        Self {
            nflog: health("nflog"),
            kmsg: health("kmsg"),
            journal: health("journal"),
            file: health("file"),
            ulogd: health("ulogd"),
            conntrack: health("conntrack"),
            groups: numbered("nflog", &config.groups),
            queues: numbered("nfqueue", &config.queues),
        }
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

/// The sources that are kept open, and what decides which of them are wanted.
#[derive(Debug)]
pub struct Sources {
    intake: Arc<Intake>,
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
        capture: &Capture,
    ) -> Self {
        let mut sources = Self {
            intake,
            choosing: JoinSet::new(),
            keeping: JoinSet::new(),
        };
        let behind = sources.keep_table(&healths.nflog, config, capture);
        sources.read_logs(behind, &healths, config, state_dir);
        if config.ulogd != UlogdConfig::default() {
            let (health, dir) = (Arc::clone(&healths.ulogd), state_dir.to_owned());
            let settings = config.ulogd.clone();
            sources.keep_always(&healths.ulogd, move || {
                Ulogd::open(settings.clone(), dir.clone(), Arc::clone(&health))
            });
        }
        if config.conntrack != Choice::Off {
            let health = Arc::clone(&healths.conntrack);
            sources.keep_always(&healths.conntrack, move || {
                Conntrack::open(Arc::clone(&health))
            });
        }
        for (number, health) in healths.groups {
            let (config, kept) = (config.clone(), Arc::clone(&health));
            sources.keep_always(&health, move || {
                ready(Foreign::open(number, &config, Arc::clone(&kept)))
            });
        }
        for (number, health) in healths.queues {
            let kept = Arc::clone(&health);
            sources.keep_always(&health, move || Nfqueue::open(number, Arc::clone(&kept)));
        }
        sources
    }

    /// Has every source closed but the own table, which its switch closes.
    pub async fn end(mut self) {
        self.choosing.shutdown().await;
        while self.keeping.join_next().await.is_some() {}
    }

    /// Keeps the own table, which has a switch of its own that outlives the sources; returns what tells whether it serves.
    fn keep_table(
        &mut self,
        health: &Arc<Health>,
        config: &Config,
        capture: &Capture,
    ) -> watch::Receiver<bool> {
        let (next, behind) = watch::channel(capture.is_on());
        let choosing = auto::capture(capture.watch(), Arc::clone(health), next);
        self.choosing.spawn(choosing);
        let (config, kept) = (config.clone(), Arc::clone(health));
        let open = move || Nflog::open(config.clone(), Arc::clone(&kept));
        let (health, intake) = (Arc::clone(health), Arc::clone(&self.intake));
        tokio::spawn(keep(open, capture.watch(), health, intake));
        behind
    }

    /// Reads what others write of the firewall, each log in the place of those before it.
    fn read_logs(
        &mut self,
        behind: watch::Receiver<bool>,
        healths: &Healths,
        config: &Config,
        state_dir: &Path,
    ) {
        let health = Arc::clone(&healths.kmsg);
        let behind = self.stand_in(behind, config.kmsg, &healths.kmsg, move || {
            Kmsg::open(Arc::clone(&health))
        });
        let (health, dir) = (Arc::clone(&healths.journal), state_dir.to_owned());
        let behind = self.stand_in(behind, config.journal, &healths.journal, move || {
            Journal::open(dir.clone(), Arc::clone(&health))
        });
        let (health, dir) = (Arc::clone(&healths.file), state_dir.to_owned());
        let paths = config.file_paths.clone();
        self.stand_in(behind, config.file, &healths.file, move || {
            Files::open(paths.clone(), dir.clone(), Arc::clone(&health))
        });
    }

    /// Keeps the source that `open` opens as these wishes want it.
    fn keep<S, F>(
        &mut self,
        wishes: watch::Receiver<Wish>,
        health: &Arc<Health>,
        open: impl FnMut() -> F + Send + 'static,
    ) where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let (health, intake) = (Arc::clone(health), Arc::clone(&self.intake));
        self.keeping.spawn(keep(open, wishes, health, intake));
    }

    /// Keeps a source open until the end.
    fn keep_always<S, F>(&mut self, health: &Arc<Health>, open: impl FnMut() -> F + Send + 'static)
    where
        S: Source + 'static,
        F: Future<Output = Result<S, Trouble>> + Send + 'static,
    {
        let wish = watch::Sender::new(Wish {
            on: true,
            number: 1,
        });
        self.keep(wish.subscribe(), health, open);
        self.choosing.spawn(async move { wish.closed().await });
    }

    /// Keeps a source open that stands in for those before it, of which `before` tells; returns what tells of it and them.
    fn stand_in<S, F>(
        &mut self,
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
        self.keep(wishes, health, open);
        let health = Arc::clone(health);
        self.choosing
            .spawn(auto::stand_in(before, choice, wish, health, next));
        behind
    }
}
