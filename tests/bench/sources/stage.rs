//! Where the contests play: attacker, victim, bus, and the processors that programs are pinned to.

use std::{fs, path::PathBuf, thread, time::Duration};

use wallwatch_test_support::{
    Program, SystemBus, TestNet,
    process::{holds_within, wait_until},
};

/// The processor of the sender and of the kernel's receive path.
const SENDER_CPU: &str = "0";
/// The processor of the readers.
const READER_CPU: &str = "1";
/// Sender and readers go before whatever else the machine does, by so much (nice(1)).
const NICE: &str = "-10";
/// How long a reader may take until it listens.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(15);
/// How long a reader may need for what it has not read yet.
const REST_LIMIT: Duration = Duration::from_secs(60);
/// A reader that used less than [`IDLE`] of so long is done.
const PAUSE: Duration = Duration::from_millis(300);
const IDLE: Duration = Duration::from_millis(1);

/// The stage.
pub(crate) struct Stage {
    pub(crate) net: TestNet,
    pub(crate) bus: SystemBus,
}

impl Stage {
    /// Sends a flood, with these options of pktsend's, to its end.
    pub(crate) fn flood(&self, options: &[&str]) {
        let program = self.net.flood(options);
        program
            .wrapped(["nice", "-n", NICE, "taskset", "-c", SENDER_CPU])
            .succeed();
    }

    /// Waits until somebody listens to the NFLOG group.
    pub(crate) fn wait_for_listener(&self, group: u16) {
        let group = group.to_string();
        let listed = || {
            let list = self
                .net
                .victim
                .run(["cat", "/proc/net/netfilter/nfnetlink_log"]);
            list.stdout
                .lines()
                .any(|line| line.split_whitespace().next() == Some(&group))
        };
        wait_until("somebody listens to the group", START_LIMIT, listed);
    }
}

/// Puts all threads of a reader on its processor.
pub(crate) fn pin(pid: u32) {
    let pid = pid.to_string();
    Program::new("taskset")
        .args(["-a", "-p", "-c", READER_CPU, &pid])
        .succeed();
    Program::new("renice")
        .args(["-n", NICE, "-p", &pid])
        .succeed();
}

/// The processor time of all threads of a process until now: the first number of `/proc/PID/task/*/schedstat`
/// (Documentation/scheduler/sched-stats.rst), in nanoseconds.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.expect("the process runs").flatten();
    let nanos = threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    Duration::from_nanos(nanos.sum())
}

/// Does no thread of a process want the processor: is the state in `/proc/PID/task/*/stat` (proc(5)) not `R`?
fn is_asleep(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.expect("the process runs").flatten();
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats
        .filter_map(|stat| Some(stat.rsplit_once(") ")?.1.starts_with('R')))
        .all(|runs| !runs)
}

/// Waits until a process has nothing more to do. One that merely gets no processor wants it.
pub(crate) fn wait_for_rest(pid: u32) {
    let is_idle = || {
        let (asleep, before) = (is_asleep(pid), cpu_time(pid));
        thread::sleep(PAUSE);
        asleep && is_asleep(pid) && cpu_time(pid).saturating_sub(before) < IDLE
    };
    if !holds_within(REST_LIMIT, is_idle) {
        println!("process {pid} is still busy {REST_LIMIT:?} after the flood");
    }
}

/// How many lines of a file contain this; the file may be larger than the memory.
pub(crate) fn count_lines(path: &PathBuf, text: &str) -> u64 {
    let counted = Program::new("grep")
        .args(["-c", "-F", "-e", text])
        .arg(path)
        .output();
    counted.stdout.trim().parse().unwrap_or(0)
}
