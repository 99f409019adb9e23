//! The programs that are compared, each started alike and asked alike what it got.

use std::{path::PathBuf, thread, time::Duration};

use wallwatch_dbus::SourceHealth;
use wallwatch_test_support::{
    Helper, Process, Program, TempDir,
    process::{children, wait_until},
};

use crate::stage::{START_LIMIT, Stage, count_lines};

/// What a reader makes of a flood.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    /// What it has read,
    pub(crate) records: u64,
    /// and what it says that it has not.
    pub(crate) lost: u64,
}

/// A running reader.
pub(crate) trait Reader {
    fn pid(&self) -> u32;

    /// All of its processes.
    fn pids(&self) -> Vec<u32> {
        let mut pids = children(self.pid());
        pids.push(self.pid());
        pids
    }

    /// What it took in since it was started, once it has nothing more to do.
    fn taken(&mut self, stage: &Stage) -> Taken;
}

/// The real helper, with one source that matters.
pub(crate) struct Wallwatch {
    helper: Helper,
    source: &'static str,
    _config: TempDir,
}

impl Wallwatch {
    /// Starts it with this configuration and waits until the source works.
    pub(crate) fn start(stage: &Stage, config: &str, source: &'static str) -> Self {
        let dir = TempDir::new();
        let file = dir.write("config.toml", config);
        let file = file.to_str().expect("a temporary path is text");
        let helper = Helper::start_with(&stage.bus, &stage.net.victim, &["--config", file]);
        let reader = Self {
            helper,
            source,
            _config: dir,
        };
        wait_until("the source works", START_LIMIT, || {
            reader
                .health(stage)
                .is_some_and(|health| health.state == "working")
        });
        reader
    }

    /// The health record of its source.
    pub(crate) fn health(&self, stage: &Stage) -> Option<SourceHealth> {
        let sources = stage.bus.status().sources;
        sources
            .into_iter()
            .find(|health| health.name == self.source)
    }

    /// The helper.
    pub(crate) fn helper(&mut self) -> &mut Process {
        self.helper.process()
    }
}

impl Reader for Wallwatch {
    fn pid(&self) -> u32 {
        self.helper.pid()
    }

    /// The helper's child only holds a table.
    fn pids(&self) -> Vec<u32> {
        vec![self.helper.pid()]
    }

    fn taken(&mut self, stage: &Stage) -> Taken {
        let health = self.health(stage).expect("a source does not vanish");
        Taken {
            records: health.events,
            lost: health.lost,
        }
    }
}

/// A program that writes a line a record into a file.
pub(crate) struct Writer {
    process: Process,
    file: PathBuf,
    /// What each of the lines contains.
    mark: &'static str,
    _dir: TempDir,
}

impl Writer {
    /// ulogd for one NFLOG group, with the output plugin and the settings of Debian's ulogd.conf.
    pub(crate) fn ulogd(stage: &Stage, group: u16, output: &str, mark: &'static str) -> Self {
        let dir = TempDir::new();
        let file = dir.path().join("log");
        let filters = if output == "LOGEMU" {
            "base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,print1:PRINTPKT"
        } else {
            "base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,mac1:HWHDR"
        };
        let config = format!(
            "[global]\nlogfile=\"{dir}/messages\"\nloglevel=5\nstack=log1:NFLOG,{filters},out1:{output}\n\
             [log1]\ngroup={group}\n[out1]\nfile=\"{file}\"\nsync=1\n",
            dir = dir.path().display(),
            file = file.display(),
        );
        let config = dir.write("ulogd.conf", config);
        let program = Program::new("ulogd").arg("-c").arg(config);
        let process = stage.net.victim.inside(program).start();
        stage.wait_for_listener(group);
        Self {
            process,
            file,
            mark,
            _dir: dir,
        }
    }

    /// `dmesg -W`, which prints the kernel's new lines.
    pub(crate) fn dmesg(mark: &'static str) -> Self {
        let dir = TempDir::new();
        let file = dir.path().join("log");
        // As it runs in a script that looks at each line: flushed at each.
        let process = Program::shell("exec dmesg -W >\"$0\"").arg(&file).start();
        // It says nothing when it is ready.
        thread::sleep(Duration::from_millis(300));
        Self {
            process,
            file,
            mark,
            _dir: dir,
        }
    }

    /// `conntrack -E`, which prints flows that begin; `script` runs it, and the file's name is its word.
    pub(crate) fn conntrack(stage: &Stage, script: &str) -> Self {
        let dir = TempDir::new();
        let file = dir.path().join("log");
        let program = Program::shell(script).arg(&file);
        let process = stage.net.victim.inside(program).start();
        // It says nothing when it is ready.
        thread::sleep(Duration::from_millis(300));
        Self {
            process,
            file,
            mark: "[NEW]",
            _dir: dir,
        }
    }
}

impl Reader for Writer {
    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn taken(&mut self, _stage: &Stage) -> Taken {
        // What it has not written yet it writes at its end.
        self.process.stop();
        Taken {
            records: count_lines(&self.file, self.mark),
            lost: 0,
        }
    }
}
