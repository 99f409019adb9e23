//! NFLOG on a group of the user's own rules: the helper with decoding and detection, beside ulogd.

use wallwatch_test_support::{Firewall, SystemBus, TestNet};

use crate::{
    contest::{Contest, Entrant, HEADS, MAXIMUM, Run},
    readers::{Wallwatch, Writer},
    stage::Stage,
    table::{Table, demand, median},
};

/// The group that the user's rule logs to.
const GROUP: u16 = 7;
/// What the rule's prefix is, and so a part of each of ulogd's lines.
const PREFIX: &str = "BENCH-DROP";
/// The group alone: with a second source of packets the helper would look for what both tell of.
const CONFIG: &str = "capture = false\nnflog.groups = [7]\nkmsg.read = \"off\"\njournal.read = \"off\"\nfile.read = \"off\"\nconntrack.read = \"off\"\n";
const RATES: [u32; 5] = [20_000, 60_000, 120_000, 250_000, MAXIMUM];
/// The helper may cost at most this share of ulogd with LOGEMU.
const SHARE: f64 = 30.0;

const ENTRANTS: [Entrant; 3] = [
    Entrant {
        name: "wallwatch",
        start: |stage| Box::new(Wallwatch::start(stage, CONFIG, "nflog:7")),
    },
    Entrant {
        name: "ulogd LOGEMU",
        start: |stage| Box::new(Writer::ulogd(stage, GROUP, "LOGEMU", PREFIX)),
    },
    Entrant {
        name: "ulogd JSON",
        start: |stage| Box::new(Writer::ulogd(stage, GROUP, "JSON", PREFIX)),
    },
];

/// A victim whose rule counts what it logs and drops.
fn stage() -> Stage {
    let (bus, net) = (SystemBus::start(), TestNet::new(Firewall::None));
    net.victim.shell(&format!(
        "nft -f - <<'END'
        table inet users_own {{
            counter logged {{ }}
            chain input {{
                type filter hook input priority filter;
                iifname victim0 counter name logged log prefix \"{PREFIX} \" group {GROUP} drop
            }}
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
        seconds: 2,
        counter: ("users_own", "logged"),
        rounds,
    };
    let mut table = Table::new(
        "NFLOG, a group of the user's own: SYNs of 40 bytes from 200 addresses to any port",
        &HEADS,
    );
    let mut demands = Vec::new();
    for rate in RATES {
        let all = contest.at(rate);
        contest.print(&mut table, rate, &all);
        let cost = |which: usize| median(all[which].iter().map(Run::cost));
        let lossless = all[0]
            .iter()
            .all(|run| run.missing() == 0.0 && run.taken.lost == 0);
        demands.push((rate, lossless, cost(1) / cost(0)));
    }
    let mut holds = true;
    for (rate, lossless, ratio) in demands {
        let pace = if rate == MAXIMUM {
            "the maximum".to_owned()
        } else {
            format!("{rate}/s")
        };
        holds &= demand(&format!("nothing is lost at {pace}"), lossless);
        holds &= demand(
            &format!("at {pace} ulogd LOGEMU costs {ratio:.1} times as much (at least {SHARE})"),
            ratio >= SHARE,
        );
    }
    holds
}
