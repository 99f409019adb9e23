//! A victim whose rules hand packets to a queue, and the helper that listens to it.

use std::{fs, path::PathBuf, rc::Rc, time::Duration};

use wallwatch_dbus::{SourceHealth, names::HELPER_BUS_NAME};
use wallwatch_test_support::{
    Firewall, Helper, Program, SystemBus, TempDir, TestNet,
    helper::{RIGHTS, built},
    process::{children, kill, wait_until},
};

/// How long anything may take that takes next to no time.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);
/// The queue.
pub(crate) const QUEUE: &str = "5370";
/// The name of its source.
const SOURCE: &str = "nfqueue:5370";

/// Counts packets in front of the queue and behind it, beside the rules of iptables: the table mangle is at -150.
const COUNTERS: &str = "nft -f - <<'END'
table inet counted {
    counter before { }
    counter behind { }
    chain before { type filter hook prerouting priority -160; meta nfproto ipv4 iif victim0 counter name before; }
    chain behind { type filter hook prerouting priority -140; meta nfproto ipv4 iif victim0 counter name behind; }
}
END";

/// The stage.
pub(crate) struct Stage {
    pub(crate) helper: Helper,
    pub(crate) net: Rc<TestNet>,
    pub(crate) bus: SystemBus,
    _config: TempDir,
}

impl Stage {
    /// A victim without a firewall, all of whose IPv4 packets go through the queue.
    pub(crate) fn new() -> Self {
        Self::with(&format!(
            "iptables -t mangle -A PREROUTING -i victim0 -j NFQUEUE --queue-num {QUEUE} --queue-bypass\n{COUNTERS}"
        ))
    }

    /// A victim with these rules; the helper listens to the queue.
    pub(crate) fn with(rules: &str) -> Self {
        let net = Rc::new(TestNet::new(Firewall::None));
        net.victim.shell(rules);
        let stage = Self::on(&net, &RIGHTS);
        stage.wait_for("working");
        stage
    }

    /// A helper with these capabilities on a net.
    pub(crate) fn on(net: &Rc<TestNet>, rights: &[&str]) -> Self {
        let (bus, dir) = (SystemBus::start(), TempDir::new());
        let config = format!(
            "capture = false\nkmsg.read = \"off\"\njournal.read = \"off\"\nfile.read = \"off\"\nconntrack.read = \"off\"\n\
             nfqueue.queues = [{QUEUE}]\n"
        );
        let file = dir.write("config.toml", &config);
        let file = file.to_str().expect("a temporary path is text");
        let helper = Helper::launch(&bus, &net.victim, rights, &["--config", file]);
        wait_until("the helper serves", LIMIT, || bus.has_name(HELPER_BUS_NAME));
        Self {
            helper,
            net: Rc::clone(net),
            bus,
            _config: dir,
        }
    }

    /// The source's record.
    pub(crate) fn health(&self) -> SourceHealth {
        let sources = self.bus.status().sources;
        let found = sources.into_iter().find(|source| source.name == SOURCE);
        found.expect("a source that is configured is listed")
    }

    /// Waits until the source is in this state.
    #[track_caller]
    pub(crate) fn wait_for(&self, state: &str) {
        wait_until(&format!("the source is {state}"), LIMIT, || {
            self.health().state == state
        });
    }

    /// The process that watches.
    pub(crate) fn watchdog(&mut self) -> u32 {
        named("nfqueue-watch", &children(self.helper.process().pid())).expect("a watchdog runs")
    }

    /// The process that reads.
    pub(crate) fn reader(&mut self) -> u32 {
        let watchdog = self.watchdog();
        let find = || named("nfqueue-read", &children(watchdog));
        wait_until("a reader runs", LIMIT, || find().is_some());
        find().expect("it runs")
    }

    /// Packets in front of the queue and behind it.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let count = |name| self.net.victim.counter("counted", name);
        (count("before"), count("behind"))
    }

    /// How many packets wait in the queue: the third number of its line (`seq_show` in `net/netfilter/nfnetlink_queue.c`).
    pub(crate) fn waiting(&self) -> u64 {
        let list = self
            .net
            .victim
            .shell("cat /proc/net/netfilter/nfnetlink_queue");
        let words: Vec<&str> = list.split_whitespace().collect();
        words.get(2).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    /// Does somebody listen to the queue?
    pub(crate) fn is_held(&self) -> bool {
        !self
            .net
            .victim
            .shell("cat /proc/net/netfilter/nfnetlink_queue")
            .trim()
            .is_empty()
    }

    /// How many packets became events, and how many are known to be lost.
    fn told(&self) -> (u64, u64) {
        let health = self.health();
        (health.events, health.lost)
    }

    /// Is every packet an event, or known to be lost?
    pub(crate) fn is_told(&self) -> bool {
        let (events, lost) = self.told();
        events + lost >= self.counted().0
    }

    /// Waits until [`Self::is_told`]; returns the events and the losses.
    #[track_caller]
    pub(crate) fn wait_for_all(&self) -> (u64, u64) {
        wait_until("every packet is told or known to be lost", LIMIT, || {
            self.is_told()
        });
        self.told()
    }
}

/// The process of that name among these.
fn named(name: &str, pids: &[u32]) -> Option<u32> {
    let is = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
    };
    pids.iter().copied().find(is)
}

/// Does this process live? One that only waits to be waited for does not.
pub(crate) fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}

/// Stops processes, each until it is seen to stand.
pub(crate) fn stop(pids: &[u32]) {
    for pid in pids {
        kill(*pid, "STOP");
        wait_until("the process stands", LIMIT, || {
            fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
                stat.rsplit(')')
                    .next()
                    .unwrap_or_default()
                    .starts_with(" T")
            })
        });
    }
}

/// The program that sends and receives by TCP (tests/support/bin/transfer.rs).
pub(crate) fn transfer(arguments: &[&str]) -> Program {
    let program = built("transfer").expect("transfer is built: cargo build --bin transfer");
    Program::new(program).args(arguments)
}

/// A file of the shipped examples.
pub(crate) fn example(name: &str) -> PathBuf {
    wallwatch_test_support::process::project()
        .join("assets/examples")
        .join(name)
}
