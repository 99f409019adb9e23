//! NFQUEUE: the helper with its watchdog and its reader, beside a reader in C as most are written.

use std::time::Duration;

use wallwatch_test_support::{
    Firewall, Process, Program, SystemBus, TestNet, helper, process::children, process::wait_until,
};

use crate::{
    contest::{Contest, Entrant, HEADS, MAXIMUM, Run},
    readers::{Reader, Taken, Wallwatch},
    stage::{START_LIMIT, Stage, cpu_time, pin, wait_for_rest},
    table::{Table, demand, median, number},
};

/// The queue of the victim's rule.
const QUEUE: &str = "7";
const RATES: [u32; 3] = [20_000, 60_000, MAXIMUM];
/// How long a flood lasts, in seconds.
const SECONDS: u32 = 2;
/// What a figure of ours may be worse than the rival's and still count as the same: what two runs of one program differ by.
const NOISE: f64 = 1.05;

const ENTRANTS: [Entrant; 2] = [
    Entrant {
        name: "wallwatch",
        start: |stage| Box::new(Whole::start(stage)),
    },
    Entrant {
        name: "C, libnetfilter_queue",
        start: |stage| Box::new(InC::start(stage)),
    },
];

/// The helper, and those that hold the queue for it. The cost is theirs: they stand in the packets' way, as the reader in C does. What
/// decoding and detection cost besides is printed.
struct Whole {
    helper: Wallwatch,
    holders: Vec<u32>,
    before: Duration,
}

impl Whole {
    fn start(stage: &Stage) -> Self {
        let config = "capture = false\nkmsg.read = \"off\"\njournal.read = \"off\"\nfile.read = \"off\"\n\
            conntrack.read = \"off\"\nnfqueue.queues = [7]\n";
        let helper = Wallwatch::start(stage, config, "nfqueue:7");
        let watchdogs = children(helper.pid());
        let readers = watchdogs.iter().flat_map(|pid| children(*pid)).collect();
        let holders = [watchdogs, readers].concat();
        assert_eq!(holders.len(), 2, "a watchdog and its reader");
        pin(helper.pid());
        wait_for_rest(helper.pid());
        Self {
            before: cpu_time(helper.pid()),
            helper,
            holders,
        }
    }
}

impl Reader for Whole {
    fn pid(&self) -> u32 {
        self.helper.pid()
    }

    fn pids(&self) -> Vec<u32> {
        self.holders.clone()
    }

    fn taken(&mut self, stage: &Stage) -> Taken {
        wait_for_rest(self.helper.pid());
        let used = cpu_time(self.helper.pid()).saturating_sub(self.before);
        let taken = self.helper.taken(stage);
        let each = used.as_nanos() as f64 / taken.records.max(1) as f64;
        println!("    decoding and detection: {each:.0} ns/packet besides");
        taken
    }
}

/// The reader in C (queue.c).
struct InC {
    process: Process,
}

impl InC {
    fn start(stage: &Stage) -> Self {
        let program = helper::built("queue-c").expect("scripts/bench-sources.sh builds it");
        let program = Program::new(program).arg(QUEUE);
        let process = stage.net.victim.inside(program).start();
        wait_until("it listens to the queue", START_LIMIT, || {
            let list = stage
                .net
                .victim
                .run(["cat", "/proc/net/netfilter/nfnetlink_queue"]);
            !list.stdout.trim().is_empty()
        });
        Self { process }
    }
}

impl Reader for InC {
    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn taken(&mut self, _stage: &Stage) -> Taken {
        self.process.stop();
        let log = self.process.log();
        let passed = log.split(' ').next().and_then(|word| word.parse().ok());
        Taken {
            records: passed.unwrap_or_else(|| panic!("it said: {log}")),
            lost: 0,
        }
    }
}

/// A victim whose rule hands all that comes to the queue, between two counters; behind them it is dropped.
fn stage() -> Stage {
    let (bus, net) = (SystemBus::start(), TestNet::new(Firewall::None));
    net.victim.shell(&format!(
        "iptables -t mangle -A PREROUTING -i victim0 -j NFQUEUE --queue-num {QUEUE} --queue-bypass
        nft -f - <<'END'
        table inet users_own {{
            counter before {{ }}
            counter behind {{ }}
            chain before {{ type filter hook prerouting priority -160; meta nfproto ipv4 iif victim0 counter name before; }}
            chain behind {{ type filter hook prerouting priority -140; meta nfproto ipv4 iif victim0 counter name behind drop; }}
        }}
END"
    ));
    Stage { net, bus }
}

/// Measures it.
pub(crate) fn measure(rounds: usize) -> bool {
    let stage = stage();
    let contest = Contest {
        stage: &stage,
        entrants: &ENTRANTS,
        options: &[],
        seconds: SECONDS,
        counter: ("users_own", "before"),
        rounds,
    };
    let mut table = Table::new(
        "NFQUEUE: SYNs of 40 bytes from 200 addresses to any port; the cost is that of those in the packets' way",
        &HEADS,
    );
    let mut holds = true;
    let mut demands = Vec::new();
    for rate in RATES {
        let all = contest.at(rate);
        contest.print(&mut table, rate, &all);
        let taken = |which: usize| {
            median(all[which].iter().map(|run| run.taken.records as f64)) / f64::from(SECONDS)
        };
        let cost = |which: usize| median(all[which].iter().map(Run::cost));
        demands.push((rate, [taken(0), taken(1)], cost(1) / cost(0)));
    }
    for (rate, [ours, rival], ratio) in demands {
        let pace = if rate == MAXIMUM {
            "the maximum".to_owned()
        } else {
            format!("{}/s", number(rate.into()))
        };
        holds &= demand(
            &format!("at {pace} it takes {ours:.0} packets a second, the reader in C {rival:.0}"),
            ours * NOISE >= rival,
        );
        holds &= demand(
            &format!("at {pace} the reader in C costs {ratio:.2} times as much a packet"),
            ratio * NOISE >= 1.0,
        );
    }
    let (before, behind) = ["before", "behind"]
        .map(|name| stage.net.victim.counter("users_own", name))
        .into();
    holds & demand("no packet was dropped on its way", before == behind)
}
