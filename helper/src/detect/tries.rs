//! Tries: one sender who opens one port again and again, as who guesses passwords does.

use wallwatch_dbus::{Kind, Verdict};

use super::{
    class::Probe,
    origin::{address_halves, folded},
    sets::Sets,
    trace::{Opening, Trace},
    track::decayed,
};
use crate::{event::Timestamp, packet::Protocol};

/// Sets of eight: 1,024 places of about 90 bytes, made when touched.
const SETS: usize = 128;
/// So many of the latest source ports are remembered, to know a packet that is merely sent again.
const LATEST_PORTS: usize = 8;

/// Half-lives, in seconds: of a burst, of a minute's work, and of a night's.
const HALF_LIVES: [u32; 3] = [5, 60, 6 * 3600];

/// Does one log in at this port: FTP, SSH, telnet, SMTP, POP3, IMAP, `NetBIOS`, SMB, LDAP, rsync, submission, IMAPS, POP3S, SOCKS,
/// Docker, MS-SQL, Oracle, `MySQL`, RDP, SVN, `PostgreSQL`, VNC, `CouchDB`, `WinRM`, Redis, X11, Elasticsearch, memcached, `MongoDB`, and the
/// second ports of SSH and telnet?
const fn is_auth_port(port: u16) -> bool {
    matches!(
        port,
        21 | 22
            | 23
            | 25
            | 110
            | 139
            | 143
            | 389
            | 445
            | 465
            | 512..=515
            | 587
            | 636
            | 873
            | 990
            | 992
            | 993
            | 995
            | 1080
            | 1433
            | 1521
            | 2222
            | 2323
            | 2375
            | 3128
            | 3306
            | 3389
            | 3690
            | 5060
            | 5432
            | 5900..=5903
            | 5984
            | 5985
            | 6379
            | 8291
            | 27017
    )
}

/// Does this open a port where one logs in, by a stack, as one must who wants to?
pub(crate) fn is_log_in(told: &Trace) -> bool {
    told.opening == Opening::Stack
        && told.protocol == Protocol::TCP
        && told.dport.is_some_and(is_auth_port)
}

/// How many tries make an attack: in a burst, in a minute, in a night. What comes from far away needs fewer, as machines of one
/// network open each other's ports for good reasons: backups, mounts, automation.
fn bounds(told: &Trace, near: bool) -> [f32; 3] {
    let shut = told.verdict == Verdict::Dropped;
    match (is_log_in(told), told.opening == Opening::Raw, near) {
        (true, _, false) => [7.0, 6.0, 20.0],
        (true, _, true) => [14.0, 45.0, 120.0],
        // Nobody gets a connection so.
        (false, true, false) if shut => [9.0, 60.0, 1000.0],
        (false, true, true) if shut => [14.0, 90.0, 1000.0],
        // Programs that find a port shut go on trying.
        (false, _, _) if shut => [60.0, 150.0, 2000.0],
        (false, _, false) => [200.0, 200.0, 4000.0],
        (false, _, true) => [400.0, 400.0, 4000.0],
    }
}

/// One sender's tries at one port.
#[derive(Debug)]
struct Port {
    scores: [f32; 3],
    sports: [u16; LATEST_PORTS],
    tries: u32,
    first: Timestamp,
    last: Timestamp,
}

impl Port {
    /// Counts one more try; false where it is an earlier one sent again.
    fn add(&mut self, sport: u16, now: Timestamp) -> bool {
        if self.tries > 0 && self.sports.contains(&sport) {
            return false;
        }
        let at = usize::try_from(self.tries).unwrap_or(0) % LATEST_PORTS;
        self.sports[at] = sport;
        self.tries = self.tries.saturating_add(1);
        let elapsed = now.since(self.last);
        for (score, half_life) in self.scores.iter_mut().zip(HALF_LIVES) {
            *score = decayed(*score, elapsed, half_life) + 1.0;
        }
        self.last = self.last.max(now);
        true
    }
}

/// What somebody does who tries a port too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trying {
    /// Log-ins, or connections without end.
    pub kind: Kind,
    /// Since when.
    pub since: Timestamp,
    /// How often so far.
    pub tries: u32,
    /// Was it only the long memory that saw it?
    pub slow: bool,
}

/// All senders' tries.
#[derive(Debug)]
pub struct Tries {
    seed: u64,
    ports: Sets<Port>,
}

impl Tries {
    /// None so far; the seed is a number that no stranger knows.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ports: Sets::new(SETS),
        }
    }

    /// Takes in one opening; tells whether the sender has tried too often by now.
    pub fn observe(&mut self, tag: u64, told: &Trace, probe: &Probe, near: bool) -> Option<Trying> {
        let (Some(sport), Some(dport)) = (told.sport, told.dport) else {
            return None;
        };
        if told.protocol != Protocol::TCP || probe.kind == Kind::Worm {
            return None;
        }
        let (high, low) = address_halves(told.dst);
        let key = folded(folded(tag ^ self.seed, high ^ low), u64::from(dport)).max(1);
        if self.ports.get(key).is_none() {
            let port = Port {
                scores: [0.0; 3],
                sports: [0; LATEST_PORTS],
                tries: 0,
                first: told.time,
                last: told.time,
            };
            self.ports.insert(key, port, |port| port.last);
        }
        let port = self.ports.get(key)?;
        if !port.add(sport, told.time) {
            return None;
        }
        let bounds = bounds(told, near);
        let over = |at: usize| port.scores[at] >= bounds[at];
        let soon = over(0) || over(1);
        // Where time has stood still all along, nobody knows how fast they came.
        let found = told.time > port.first && (soon || over(2));
        found.then_some(Trying {
            kind: if is_log_in(told) {
                Kind::BruteForce
            } else {
                Kind::SynFlood
            },
            since: port.first,
            tries: port.tries,
            slow: !soon,
        })
    }
}
