//! What the sources lose and cost, beside the programs that people use today; `make bench-sources` runs it.
//!
//!     sources [--rounds N] [PART...]      nflog own kmsg conntrack nfqueue memory; all of them, 3 rounds
//!
//! An attacker floods a victim in namespaces of their own, and a counter of the victim's nftables tells how many packets came. Within
//! a round the readers take turns, so that a change of the machine's mood meets all of them. Readers run on processor 1, the
//! sender and the kernel's receive path on processor 0. Floods last 2 seconds, 20 at most.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to whoever runs it"
)]
#![expect(
    clippy::cast_precision_loss,
    reason = "what is measured is read by people"
)]

mod conntrack;
mod contest;
mod kmsg;
mod memory;
mod nflog;
mod nfqueue;
mod own;
mod readers;
mod stage;
mod table;

use std::{env, fs, process::ExitCode};

use wallwatch_test_support::netns;

/// Measures in so many rounds, and says whether what is demanded holds.
type Measure = fn(usize) -> bool;

/// Each part's name, and what measures it.
const PARTS: [(&str, Measure); 6] = [
    ("nflog", nflog::measure),
    ("own", own::measure),
    ("kmsg", kmsg::measure),
    ("conntrack", conntrack::measure),
    ("nfqueue", nfqueue::measure),
    ("memory", memory::measure),
];
/// Fewer rounds have no median.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    // `cargo bench` adds this.
    let mut words = env::args().skip(1).filter(|word| word != "--bench");
    let (mut rounds, mut wanted) = (ROUNDS, Vec::new());
    while let Some(word) = words.next() {
        if word == "--rounds" {
            let number = words.next().and_then(|number| number.parse().ok());
            rounds = number.unwrap_or(ROUNDS).max(1);
        } else if PARTS.iter().any(|(name, _)| *name == word) {
            wanted.push(word);
        } else {
            let names = PARTS.map(|(name, _)| name).join(", ");
            eprintln!("sources: '{word}' is none of {names}");
            return ExitCode::from(2);
        }
    }
    if !netns::is_root() {
        eprintln!("sources: this needs root: it makes network namespaces");
        return ExitCode::FAILURE;
    }
    println!("{}", machine());
    let mut all_hold = true;
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            all_hold &= measure(rounds);
        }
    }
    println!("\n{}", machine());
    if all_hold {
        ExitCode::SUCCESS
    } else {
        println!("What is marked FAILED does not hold in this run.");
        ExitCode::FAILURE
    }
}

/// What the figures were measured on, and what else it did.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "kernel {}, {processors} processors, load {}",
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").trim()
    )
}
