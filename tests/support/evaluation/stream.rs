//! What of a case is told, and the alerts that come of it.

use std::{
    error::Error,
    fs::{self, File},
    io::BufReader,
};

use wallwatch_dbus::Alert;
use wallwatch_helper::{
    decode::{Capture, Lines, Report, Stamp, dress::Reference},
    detect,
    event::Timestamp,
    neighbourhood::Neighbourhood,
    replay::{Counts, Replay, Unit},
};

use super::case::{Case, Label};

/// A way in which a firewall tells of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Every line of its log.
    Full,
    /// What is left of the lines about dropped packets by the limit of ufw's rules.
    Ufw,
    /// Lines without numbers of TCP and without its options, which rules tell where they are asked to.
    Stripped,
    /// A capture.
    Pcap,
}

impl Stream {
    /// Each.
    pub const ALL: [Self; 4] = [Self::Full, Self::Ufw, Self::Stripped, Self::Pcap];

    /// A word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ufw => "ufw",
            Self::Stripped => "stripped",
            Self::Pcap => "pcap",
        }
    }
}

/// The logs of a case; the first tells of dropped packets, and the limit is on it.
const LOGS: [&str; 3] = ["kernel.log", "accept.log", "other.log"];
/// The capture of a case.
const CAPTURE: &str = "packets.pcap";
/// Microseconds of a day.
const DAY: i64 = 86_400 * Timestamp::SECOND;

/// The limit of ufw's rules: `-m limit --limit 3/min --limit-burst 10`, as ufw writes it (`src/backend_iptables.py`). Every packet
/// costs 20 seconds of credit, of which there is at most ten times as much (iptables-extensions(8), `limit`).
#[derive(Debug)]
pub struct UfwLimit {
    credit: i64,
    last: Option<Timestamp>,
}

impl UfwLimit {
    const COST: i64 = 20 * Timestamp::SECOND;
    const MOST: i64 = 10 * Self::COST;

    /// A limit that nothing was taken from.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            credit: Self::MOST,
            last: None,
        }
    }

    /// Does a line of this time get through?
    pub fn lets_pass(&mut self, time: Timestamp) -> bool {
        let gained = self.last.map_or(0, |last| time.since(last).max(0));
        self.credit = self.credit.saturating_add(gained).min(Self::MOST);
        self.last = Some(time);
        let is_enough = self.credit >= Self::COST;
        if is_enough {
            self.credit -= Self::COST;
        }
        is_enough
    }
}

impl Default for UfwLimit {
    fn default() -> Self {
        Self::new()
    }
}

/// A line without TCP's numbers and options, as rules write it that were not asked for them.
#[must_use]
pub fn stripped(line: &str) -> String {
    let mut words = Vec::new();
    let mut in_options = false;
    // ICMP's sequence number has the same name, and every rule tells it.
    let is_tcp = line.contains(" PROTO=TCP ");
    for word in line.split(' ') {
        let is_number = word.starts_with("SEQ=") || word.starts_with("ACK=");
        in_options |= is_tcp && word == "OPT" && words.contains(&"PROTO=TCP");
        if !(in_options || is_tcp && is_number) {
            words.push(word);
        }
        in_options &= !word.ends_with(')');
    }
    words.join(" ")
}

/// How lines without a year are read: a day behind the last packet.
fn reference(case: &Case) -> Reference {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time of this century in microseconds fits"
    )]
    let end = Timestamp((case.end * 1e6) as i64);
    Reference {
        now: end.plus(DAY),
        ..Reference::default()
    }
}

/// The lines of a stream, merged by their times as `wallwatchctl analyze` does.
///
/// # Errors
/// Where a log cannot be read.
pub fn lines(case: &Case, stream: Stream) -> Result<Vec<String>, Box<dyn Error>> {
    let mut placed: Vec<(Timestamp, String)> = Vec::new();
    for name in LOGS {
        let path = case.folder.join(name);
        if !path.is_file() {
            continue;
        }
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut reader = Lines::new(reference(case));
        let mut limit = UfwLimit::new();
        let mut latest = Timestamp(i64::MIN);
        for line in String::from_utf8_lossy(&text).lines() {
            let told = match reader.read(line.as_bytes()).map(|report| report.stamp) {
                Ok(Stamp::Wall(time)) => Some(time),
                Ok(Stamp::Boot(micros)) => Some(Timestamp(micros)),
                _ => None,
            };
            latest = latest.max(told.unwrap_or(latest));
            if stream == Stream::Ufw && name == LOGS[0] && !limit.lets_pass(told.unwrap_or(latest))
            {
                continue;
            }
            let line = match stream {
                Stream::Stripped => stripped(line),
                _ => line.to_owned(),
            };
            placed.push((latest, line));
        }
    }
    // Stable, so that of one moment a file's lines stay in their order, and files in theirs.
    placed.sort_by_key(|(time, _)| *time);
    Ok(placed.into_iter().map(|(_, line)| line).collect())
}

/// A replay of what was told up to a day before this time.
fn replay(reference: &Reference) -> Replay {
    Replay::new(
        detect::Config::default(),
        Neighbourhood::default(),
        reference.now,
        reference.now,
    )
}

/// The alerts that these lines raise, and what became of the lines.
fn replayed_lines<S: AsRef<[u8]>>(
    reference: Reference,
    lines: impl Iterator<Item = S>,
) -> (Vec<Alert>, Counts) {
    let mut replay = replay(&reference);
    let mut reader = Lines::new(reference);
    for line in lines {
        replay.feed(reader.read(line.as_ref()));
    }
    let counts = replay.counts().clone();
    (replay.finish().collect(), counts)
}

/// The alerts that a log of November 2026 raises, and what became of its lines.
#[must_use]
pub fn replayed_log(text: &str) -> (Vec<Alert>, Counts) {
    /// 2026-12-01 00:00 UTC.
    const NOW: Timestamp = Timestamp(1_796_083_200_000_000);
    let reference = Reference {
        now: NOW,
        ..Reference::default()
    };
    replayed_lines(reference, text.lines())
}

/// The alerts that a stream of a case raises; `None` where the case has no such stream, or nothing of the attack in it.
///
/// # Errors
/// Where a file cannot be read.
pub fn replayed(case: &Case, stream: Stream) -> Result<Option<Vec<Alert>>, Box<dyn Error>> {
    let reference = reference(case);
    if stream != Stream::Pcap {
        let lines = lines(case, stream)?;
        let (alerts, _) = replayed_lines(reference, lines.iter());
        return Ok((!lines.is_empty()).then_some(alerts));
    }
    let path = case.folder.join(CAPTURE);
    if !path.is_file() {
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(&path).map_err(|error| failed(&error))?;
    let mut capture = Capture::new(BufReader::new(file)).map_err(|error| failed(&error))?;
    let mut replay = replay(&reference);
    // A capture that was cut may end before the attacker comes.
    let mut is_in = case.truth.label != Label::Attack || case.truth.covered;
    while let Some(frame) = capture.next().map_err(|error| failed(&error))? {
        let packet = frame.as_ref().ok().and_then(Report::packet);
        is_in |= packet.is_some_and(|packet| case.truth.sources.contains(&packet.src));
        replay.feed_unit(Unit::Frame, &frame);
    }
    Ok(is_in.then(|| replay.finish().collect()))
}
