//! Flows that begin: the helper beside `conntrack -E`, with its lines in a file and in a shell's loop.

use wallwatch_test_support::{Firewall, SystemBus, TestNet};

use crate::{
    contest::{Contest, Entrant, HEADS, Run},
    readers::{Wallwatch, Writer},
    stage::Stage,
    table::{Table, demand, median},
};

/// Flows a second; each is one datagram of 28 bytes, from an address and a port of its own.
const RATES: [u32; 2] = [20_000, 50_000];
/// How long a flood lasts, in seconds: shorter than the kernel remembers a flow that nobody answered, which is 30.
const SECONDS: u32 = 2;

const ENTRANTS: [Entrant; 3] = [
    Entrant {
        name: "wallwatch",
        start: |stage| {
            forget(stage);
            // The kernel's log is that of all namespaces, whatever else runs in them.
            let config = "capture = false\nkmsg.read = \"off\"\njournal.read = \"off\"\nfile.read = \"off\"\n";
            Box::new(Wallwatch::start(stage, config, "conntrack"))
        },
    },
    Entrant {
        name: "conntrack -E",
        start: |stage| {
            forget(stage);
            Box::new(Writer::conntrack(
                stage,
                "exec conntrack -E -e NEW >\"$0\" 2>\"$0.err\"",
            ))
        },
    },
    Entrant {
        name: "| while read",
        start: |stage| {
            forget(stage);
            // Both ends of the pipe end with the shell between them.
            let script = "setpriv --pdeathsig KILL conntrack -E -e NEW 2>\"$0.err\" |
                setpriv --pdeathsig KILL sh -c 'while read -r line; do echo \"$line\"; done' >\"$0\"";
            Box::new(Writer::conntrack(stage, script))
        },
    },
];

/// Has the kernel forget the flows of the flood before, so that nobody is told in the midst of the next one that they ended.
fn forget(stage: &Stage) {
    drop(stage.net.victim.run(["conntrack", "-F"]));
}

/// Measures it.
pub(crate) fn measure(rounds: usize) -> bool {
    let stage = Stage {
        bus: SystemBus::start(),
        net: TestNet::new(Firewall::None),
    };
    // The counter lets the kernel follow connections, as any firewall with a memory does. Nothing listens: refusals are limited.
    stage.net.victim.shell(
        "sysctl -qw net.ipv4.icmp_ratelimit=1000
        nft -f - <<'END'
        table inet users_own {
            counter new { }
            chain input {
                type filter hook input priority filter;
                iifname victim0 ct state new counter name new
            }
        }
END",
    );
    let mut table = Table::new(
        "conntrack: UDP flows from 200 addresses to one port",
        &HEADS,
    );
    let mut holds = true;
    for rate in RATES {
        let flows = (rate * SECONDS).to_string();
        let contest = Contest {
            stage: &stage,
            entrants: &ENTRANTS,
            options: &[
                "--udp",
                "--ports",
                "53",
                "--distinct",
                &flows,
                "--count",
                &flows,
            ],
            seconds: SECONDS,
            counter: ("users_own", "new"),
            rounds,
        };
        let all = contest.at(rate);
        contest.print(&mut table, rate, &all);
        let theirs = median(all[1].iter().map(Run::missing));
        let complete = all[0].iter().all(|run| run.taken.records == run.offered);
        holds &= demand(
            &format!("the helper is told of every flow ({theirs:.0} % are lost by conntrack -E)"),
            complete,
        );
    }
    holds
}
