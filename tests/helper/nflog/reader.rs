//! The helper's own source without the rest of the helper: this program once more, in a namespace, writing each event as a line.

use std::{collections::HashMap, net::IpAddr, path::Path, sync::Arc, time::Duration};

use wallwatch_helper::{
    config::Config,
    event::Event,
    flow::Flow,
    packet::TcpFlags,
    source::{Sink, Source as _, Trouble, health::Health, nflog::Nflog},
};
use wallwatch_test_support::{
    NetNs, Program,
    process::{Process, holds_within},
};

/// Tells this program that it is the reader.
const READER: &str = "WALLWATCH_TEST_READER";
/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);

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
    /// Starts it inside `ns` and waits until it hears.
    pub(crate) fn start(ns: &NetNs) -> Self {
        let this = std::env::current_exe().expect("a test knows its own program");
        let program = Program::new(this)
            .args(["--exact", "reader::reader", "--nocapture"])
            .env(READER, "1");
        let mut process = ns.inside(program).start();
        process.wait_for("listening", LIMIT);
        Self { process }
    }

    /// Everything that was told so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        let log = self.process.log();
        log.lines()
            .filter_map(|line| line.strip_prefix("event "))
            .map(Told::read)
            .collect()
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

impl Told {
    fn read(line: &str) -> Self {
        let fields: HashMap<&str, &str> = line
            .split(' ')
            .filter_map(|word| word.split_once('='))
            .collect();
        Self {
            verdict: fields["verdict"].to_owned(),
            prefix: fields["prefix"].to_owned(),
            protocol: fields["protocol"].to_owned(),
            src: fields["src"].parse().expect("the reader writes addresses"),
            dst: fields["dst"].parse().expect("the reader writes addresses"),
            dport: fields["dport"].parse().expect("the reader writes ports"),
            flags: fields["flags"].parse().expect("the reader writes flags"),
        }
    }
}

/// Writes one event as [`Told::read`] reads it.
fn tell(event: &Event) {
    let packet = &event.packet;
    println!(
        "event verdict={} prefix={} protocol={} src={} dst={} dport={} flags={}",
        event.verdict,
        event.prefix,
        packet.protocol,
        packet.src,
        packet.dst,
        packet.dport().unwrap_or_default(),
        packet.tcp().map_or(TcpFlags(0), |tcp| tcp.flags).0,
    );
}

/// Writes what comes.
struct Out;

impl Sink for Out {
    fn packet(&mut self, event: &Event) {
        tell(event);
    }

    fn passed_after_all(&mut self, _: &Event) {}

    fn flow(&mut self, _: &Flow) {}
}

#[test]
fn reader() {
    if std::env::var_os(READER).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let ended = runtime.block_on(read());
    println!("ended: {ended:?}");
}

async fn read() -> Result<(), Trouble> {
    let config = Config::parse(Path::new("/nonexistent"), "").expect("nothing is a configuration");
    let mut source = Nflog::open(config, Arc::new(Health::new("nflog"))).await?;
    println!("listening");
    loop {
        source.ready().await?;
        source.drain(&mut Out)?;
    }
}
