//! LOG lines in the kernel's log: the helper beside `dmesg -W`.

use wallwatch_test_support::{Firewall, LogAllNamespaces, SystemBus, TestNet};

use crate::{
    contest::{Contest, Entrant, HEADS, Run},
    readers::{Wallwatch, Writer},
    stage::Stage,
    table::{Table, demand, median},
};

/// Lines a second; the last is more than the kernel's log, of 128 KiB here, holds between two looks of any reader.
const RATES: [u32; 4] = [5_000, 20_000, 50_000, 100_000];
/// The rate that something is demanded of.
const DEMANDED: u32 = 50_000;
/// At most this share of what `dmesg -W` loses.
const SHARE: f64 = 5.0;

const ENTRANTS: [Entrant; 2] = [
    Entrant {
        name: "wallwatch",
        start: |stage| Box::new(Wallwatch::start(stage, "capture = false\n", "kmsg")),
    },
    Entrant {
        name: "dmesg -W",
        start: |_| Box::new(Writer::dmesg("TEST-DROP")),
    },
];

/// Measures it.
pub(crate) fn measure(rounds: usize) -> bool {
    let _sysctl = LogAllNamespaces::set();
    let stage = Stage {
        bus: SystemBus::start(),
        net: TestNet::new(Firewall::None),
    };
    stage.net.victim.shell(
        "nft -f - <<'END'
        table inet users_own {
            counter logged { }
            chain input {
                type filter hook input priority filter;
                iifname victim0 counter name logged log prefix \"TEST-DROP \" flags all drop
            }
        }
END",
    );
    let contest = Contest {
        stage: &stage,
        entrants: &ENTRANTS,
        options: &[],
        seconds: 2,
        counter: ("users_own", "logged"),
        rounds,
    };
    let mut table = Table::new(
        "/dev/kmsg: LOG lines of SYNs from 200 addresses to any port",
        &HEADS,
    );
    let mut holds = true;
    for rate in RATES {
        let all = contest.at(rate);
        contest.print(&mut table, rate, &all);
        let missing = |which: usize| median(all[which].iter().map(Run::missing));
        let told = all[0].iter().all(|run| run.unaccounted() == 0);
        holds &= demand(
            "every line that the helper has not read is told as lost",
            told,
        );
        if rate == DEMANDED {
            let (ours, theirs) = (missing(0), missing(1));
            let what = format!(
                "of what dmesg -W loses ({theirs:.2} %) the helper loses at most a fifth ({ours:.2} %)"
            );
            holds &= demand(&what, ours * SHARE <= theirs);
        }
    }
    holds
}
