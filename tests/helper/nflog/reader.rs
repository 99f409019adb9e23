//! The helper's own source without the rest of the helper: this program once more, in a namespace, writing each event as a line.

use std::{
    collections::HashMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use wallwatch_helper::{
    config::Config,
    event::{Event, Timestamp},
    flow::Flow,
    packet::TcpFlags,
    source::{
        Sink, Source, Trouble,
        health::Health,
        nflog::{Foreign, Nflog},
    },
};
use wallwatch_test_support::{
    NetNs, Program, TempDir,
    process::{Process, holds_within},
};

/// Tells this program that it is the reader.
const READER: &str = "WALLWATCH_TEST_READER";
/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);

/// The arguments by which this program is the reader and nothing else.
const ARGUMENTS: [&str; 3] = ["--exact", "reader::reader", "--nocapture"];

/// This program.
fn this() -> PathBuf {
    std::env::current_exe().expect("a test knows its own program")
}

/// A reader that runs.
#[derive(Debug)]
pub(crate) struct Reader {
    process: Process,
}

/// What the reader wrote of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// What became of it.
    pub(crate) verdict: String,
    /// The prefix of the rule.
    pub(crate) prefix: String,
    /// The interface that it came by.
    pub(crate) interface: String,
    /// Was it sent to everybody?
    pub(crate) group: bool,
    /// The protocol's name or number.
    pub(crate) protocol: String,
    /// The sender.
    pub(crate) src: IpAddr,
    /// The receiver.
    pub(crate) dst: IpAddr,
    /// The port that it is for, or 0.
    pub(crate) dport: u16,
    /// TCP's flags, or 0.
    pub(crate) flags: u8,
}

impl Reader {
    /// Starts it inside `ns` with the own table, and waits until it hears.
    pub(crate) fn start(ns: &NetNs) -> Self {
        Self::start_as(ns, "own")
    }

    /// As [`Self::start`], to listen to a group of the user's rules.
    pub(crate) fn start_foreign(ns: &NetNs, group: u16) -> Self {
        Self::start_as(ns, &format!("foreign:{group}"))
    }

    /// As [`Self::start`], but events are only counted.
    pub(crate) fn start_counting(ns: &NetNs) -> Self {
        Self::start_as(ns, "count")
    }

    /// As [`Self::start_foreign`], but events are only counted.
    pub(crate) fn start_counting_foreign(ns: &NetNs, group: u16) -> Self {
        Self::start_as(ns, &format!("count-foreign:{group}"))
    }

    /// As [`Self::start`], with an nft that knows no owned tables.
    pub(crate) fn start_with_old_nft(ns: &NetNs, dir: &TempDir) -> Self {
        let new = dir.path().join("nft.new");
        let old = dir.write(
            "nft",
            format!(
                "#!/bin/sh\n[ \"$1\" = -i ] && {{ echo 'Error: syntax error, unexpected owner' >&2; exit 1; }}\nexec {} \"$@\"\n",
                new.display()
            ),
        );
        let hide = "cp /usr/sbin/nft \"$2\"; chmod 755 \"$1\"; mount --bind \"$1\" /usr/sbin/nft; shift 2; exec \"$@\"";
        let program = Program::shell(hide).arg("sh").arg(old).arg(new);
        let program = program.arg(this()).args(ARGUMENTS);
        Self::run(
            ns,
            program.wrapped(["unshare", "--mount"]).env(READER, "own"),
        )
    }

    fn start_as(ns: &NetNs, what: &str) -> Self {
        Self::run(ns, Program::new(this()).args(ARGUMENTS).env(READER, what))
    }

    fn run(ns: &NetNs, program: Program) -> Self {
        let mut process = ns.inside(program).start();
        process.wait_for("listening", LIMIT);
        Self { process }
    }

    /// Everything that was told so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        let mut told = Vec::new();
        for line in self.process.log().lines() {
            if let Some(line) = line.strip_prefix("event ") {
                told.push(Told::read(line));
            } else if let Some(line) = line.strip_prefix("after-all ") {
                let corrected = Told::read(line);
                assert_eq!(corrected.verdict, "passed");
                let is_it = |told: &Told| {
                    told.verdict == "dropped"
                        && Told {
                            verdict: "passed".to_owned(),
                            ..told.clone()
                        } == corrected
                };
                let place = told
                    .iter()
                    .rposition(is_it)
                    .expect("only what was told is corrected");
                told[place] = corrected;
            }
        }
        told
    }

    /// What the health record said last.
    pub(crate) fn state(&self) -> State {
        State::of(&self.process.log())
    }

    /// Sends it a signal by name, as `STOP`.
    pub(crate) fn signal(&mut self, name: &str) {
        self.process.signal(name);
    }

    /// Everything that it wrote.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until so many packets were told that `wanted` holds for, and a moment more for those that should not come.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize, wanted: impl Fn(&Told) -> bool) -> Vec<Told> {
        let found = || -> Vec<Told> {
            let told = self.told().into_iter();
            told.filter(|told| wanted(told)).collect()
        };
        let enough = holds_within(LIMIT, || found().len() >= count);
        std::thread::sleep(Duration::from_millis(150));
        let found = found();
        assert!(
            enough,
            "{} of {count} packets were told: {found:#?}",
            found.len()
        );
        found
    }
}

/// What the reader wrote last of how it fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// Events, where they are counted.
    pub(crate) events: u64,
    /// Records that are known to be lost.
    pub(crate) lost: u64,
    /// Packets that were only counted.
    pub(crate) counted: u64,
}

impl State {
    fn of(log: &str) -> Self {
        let line = log
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("health "));
        let fields = fields(line.unwrap_or("events=0 lost=0 counted=0"));
        let number = |name: &str| fields[name].parse().expect("the reader writes numbers");
        Self {
            events: number("events"),
            lost: number("lost"),
            counted: number("counted"),
        }
    }
}

fn fields(line: &str) -> HashMap<&str, &str> {
    let words = line.split(' ');
    words.filter_map(|word| word.split_once('=')).collect()
}

impl Told {
    fn read(line: &str) -> Self {
        let (fields, prefix) = (fields(line), line.split_once(" prefix="));
        Self {
            verdict: fields["verdict"].to_owned(),
            interface: fields["interface"].to_owned(),
            group: fields["group"] == "true",
            prefix: prefix.expect("the prefix stands last").1.to_owned(),
            protocol: fields["protocol"].to_owned(),
            src: fields["src"].parse().expect("the reader writes addresses"),
            dst: fields["dst"].parse().expect("the reader writes addresses"),
            dport: fields["dport"].parse().expect("the reader writes ports"),
            flags: fields["flags"].parse().expect("the reader writes flags"),
        }
    }
}

/// Writes what it hears, a line each.
struct Writer;

impl Writer {
    /// Writes one event as [`Told::read`] reads it.
    fn write(word: &str, event: &Event) {
        let packet = &event.packet;
        println!(
            "{word} verdict={} interface={} protocol={} src={} dst={} dport={} flags={} group={} prefix={}",
            event.verdict,
            event.interface,
            packet.protocol,
            packet.src,
            packet.dst,
            packet.dport().unwrap_or_default(),
            packet.tcp().map_or(TcpFlags(0), |tcp| tcp.flags).0,
            event.group,
            event.prefix,
        );
    }
}

impl Sink for Writer {
    fn packet(&mut self, event: &Event) {
        Self::write("event", event);
    }

    fn passed_after_all(&mut self, event: &Event) {
        Self::write("after-all", event);
    }

    fn flow(&mut self, _: &Flow) {
        panic!("the firewall's groups know no flows");
    }
}

/// Counts what it hears.
#[derive(Default)]
struct Counter(u64);

impl Sink for Counter {
    fn packet(&mut self, _: &Event) {
        self.0 += 1;
    }

    fn passed_after_all(&mut self, _: &Event) {}

    fn flow(&mut self, _: &Flow) {}
}

#[test]
fn reader() {
    let Ok(what) = std::env::var(READER) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let ended = runtime.block_on(read(&what));
    println!("ended: {ended:?}");
}

async fn read(what: &str) -> Result<(), Trouble> {
    let config = Config::parse(Path::new("/nonexistent"), "").expect("nothing is a configuration");
    let health = Arc::new(Health::new("nflog"));
    if let Some((how, group)) = what.split_once(':') {
        let group = group.parse().expect("a group is a number");
        let source = Foreign::open(group, &config, Arc::clone(&health))?;
        return match how {
            "foreign" => listen(source, Writer, &health).await,
            _ => count(source, &health).await,
        };
    }
    let source = Nflog::open(config, Arc::clone(&health)).await?;
    if what == "count" {
        count(source, &health).await
    } else {
        listen(source, Writer, &health).await
    }
}

async fn listen(
    mut source: impl Source,
    mut sink: impl Sink,
    health: &Health,
) -> Result<(), Trouble> {
    health.working(1);
    println!("listening");
    loop {
        source.ready().await?;
        source.drain(&mut sink)?;
        tell(health, 0);
    }
}

async fn count(mut source: impl Source, health: &Health) -> Result<(), Trouble> {
    let mut counter = Counter::default();
    health.working(1);
    println!("listening");
    loop {
        source.ready().await?;
        source.drain(&mut counter)?;
        tell(health, counter.0);
    }
}

/// Writes what the health record says.
fn tell(health: &Health, events: u64) {
    let record = health.record(Timestamp::default());
    println!(
        "health events={events} lost={} counted={} state={} {}",
        record.lost, record.counted, record.state, record.reason
    );
}
