//! The records of the own table, paired to events with a verdict.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::Instant as Deadline;

use super::{
    DATAGRAMS_A_TURN,
    counters::Counters,
    group::{self, Group, Read},
    names::Names,
    pulse::{Found, Pulse},
};
use crate::{
    clock,
    config::Config,
    decode::{self, nflog::Record},
    event::{Event, Extra, Feed, Prefix, Timestamp, Verdict, bounded},
    source::{
        Sink, Source, Trouble,
        health::Health,
        pairing::Pairing,
        table::{News, Table},
    },
    sys::alarm::Alarm,
};

/// After so long a table that was taken out is put in again: whoever reloads the firewall may not be done yet.
const SETTLE: Duration = Duration::from_millis(100);

/// The own table, put in and listened to.
#[derive(Debug)]
pub struct Nflog {
    group: Group,
    table: Table,
    inbox: Inbox,
    /// Rings when the counters are to be read.
    alarm: Alarm,
    /// Everything that came before this moment has been read.
    caught_up: Instant,
    /// Was reading given up before all was read?
    unread: bool,
    /// Was the table, or a part of it, taken out?
    taken_out: bool,
    /// Is the table to be put in again?
    gone: bool,
}

/// What becomes of the records.
#[derive(Debug)]
struct Inbox {
    pairing: Pairing,
    names: Names,
    pulse: Pulse,
    /// Did a second record come after its packet was told as dropped?
    too_late: bool,
    health: Arc<Health>,
}

impl Nflog {
    /// Becomes the group's listener, then puts the table in that feeds it.
    pub async fn open(config: Config, health: Arc<Health>) -> Result<Self, Trouble> {
        let number = config.group;
        let group = Group::listen(number, Arc::clone(&health)).map_err(|error| {
            group::refusal(number, &error, |free| {
                (
                    "Choose another one and start the helper anew.",
                    config.set_group_command(free),
                )
            })
        })?;
        let alarm = Alarm::open().map_err(|error| broken(&error))?;
        let table = Table::install(number).await?;
        let now = clock::moment();
        Ok(Self {
            group,
            table,
            inbox: Inbox {
                pairing: Pairing::new(),
                names: Names::default(),
                pulse: Pulse::new(now),
                too_late: false,
                health,
            },
            alarm,
            caught_up: now,
            unread: false,
            taken_out: false,
            gone: false,
        })
    }

    /// Hands on those whose fate is known.
    fn hand_on<S: Sink>(&mut self, now: Instant, sink: &mut S) {
        let patience = self.group.pace.patience(now);
        while let Some(event) = self.inbox.pairing.next(self.caught_up, patience) {
            sink.packet(&event);
        }
    }

    /// Reads the named counters, after all records have been read.
    fn look(&mut self, now: Instant) -> Result<(), Trouble> {
        self.group.settle_pace(0, now)?;
        match Counters::read() {
            Ok(counters) if self.table.is_plain() && (self.taken_out || counters.is_none()) => {
                if let Some(counters) = counters {
                    self.inbox.counters(counters, now);
                }
                self.taken_out = false;
                self.gone = true;
                self.inbox.pairing.gap();
                self.inbox.health.blind(&Trouble::new(
                    "The firewall was reloaded, which took the table \"inet wallwatch\" along: it is put in again.",
                    "",
                ));
                Ok(())
            }
            Ok(Some(counters)) => {
                self.inbox.counters(counters, now);
                Ok(())
            }
            Ok(None) => Err(Trouble::new(
                "The table \"inet wallwatch\" has vanished from the firewall.",
                "",
            )),
            // Somebody changes the tables again and again just now.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.inbox.pulse.again(now);
                Ok(())
            }
            Err(error) => Err(Trouble::new(
                format!("The counters of the table \"inet wallwatch\" cannot be read: {error}."),
                "",
            )),
        }
    }
}

impl Inbox {
    /// Takes in what the counters say.
    fn counters(&mut self, counters: Counters, now: Instant) {
        let Found { counted, lost } = self.pulse.look(counters, now);
        self.health.counted(counted);
        self.health.lost(lost);
    }

    /// Takes in one record, and that so many are missing before it.
    fn record<S: Sink>(
        &mut self,
        missing: u32,
        time: Timestamp,
        record: &Record<'_>,
        now: Instant,
        sink: &mut S,
    ) {
        self.pulse.received();
        if missing > 0 {
            self.health.lost(self.pulse.missing(missing));
            self.pairing.gap();
        }
        let prefix = record.prefix();
        if prefix == b"ww:over" {
            self.pairing.over(now);
            self.pulse.loud(now);
            return;
        }
        let extra = Extra::of_prefix(prefix).map(|(_, prefix)| prefix);
        let is_second = matches!(prefix, b"ww:pass" | b"ww:nat");
        if prefix != b"ww:seen" && !is_second && extra.is_none() {
            return;
        }
        let Ok(packet) = decode::ip_packet(record.payload()) else {
            return;
        };
        if is_second {
            let rewritten = prefix == b"ww:nat";
            if let Some(event) = self.pairing.pass(&packet, rewritten, now) {
                self.too_late = true;
                sink.passed_after_all(&event);
            }
            return;
        }
        let interface = record.input().map(|index| self.names.of(index, now));
        let event = Event {
            time,
            group: record.is_to_group() || packet.is_to_group(),
            packet,
            verdict: Verdict::Unknown,
            feed: Feed::Nflog,
            trusted: true,
            interface: interface.unwrap_or_default(),
            prefix: extra.map_or_else(Prefix::new, bounded),
        };
        if extra.is_some() {
            sink.packet(&event);
        } else {
            self.pairing.seen(event, now);
        }
    }
}

/// Waits for the deadline, or for ever where there is none.
async fn until(deadline: Option<Deadline>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The timer does not work.
fn broken(error: &io::Error) -> Trouble {
    Trouble::new(format!("The kernel gives no timer: {error}."), "")
}

impl Source for Nflog {
    const EVERY: bool = true;

    async fn ready(&mut self) -> Result<(), Trouble> {
        if self.unread {
            return Ok(());
        }
        if self.gone {
            self.table.put_in().await?;
            self.gone = false;
            self.inbox.pulse.begin_again(clock::moment());
            self.inbox.health.sees_all();
        }
        let now = clock::moment();
        let deadline = self.inbox.pairing.deadline(self.group.pace.patience(now));
        self.alarm
            .set(self.inbox.pulse.due(), now)
            .map_err(|error| broken(&error))?;
        tokio::select! {
            readable = self.group.readable() => readable,
            () = until(deadline.map(Deadline::from_std)) => Ok(()),
            rang = self.alarm.rang() => rang.map_err(|error| broken(&error)),
            news = self.table.news() => match news {
                News::Lost(trouble) => Err(trouble),
                News::TakenOut => {
                    self.taken_out = true;
                    self.inbox.pulse.hurry(clock::moment() + SETTLE);
                    Ok(())
                }
            },
        }
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        self.unread = true;
        for _ in 0..DATAGRAMS_A_TURN {
            // Patience only counts once all that came in the meantime has been read.
            let before = clock::moment();
            let Self { group, inbox, .. } = &mut *self;
            let read = group.read(before, |missing, time, record| {
                inbox.record(missing, time, record, before, sink);
            })?;
            match read {
                Read::Records { cut: false } => {}
                Read::Records { cut: true } => self.inbox.pairing.gap(),
                // The gap in the numbers will tell how many, but stands behind all that the socket still holds.
                Read::Overrun => {
                    self.inbox.pairing.overrun();
                    self.inbox.pulse.loud(before);
                }
                Read::Nothing => {
                    self.inbox.pairing.caught_up();
                    self.caught_up = before;
                    self.unread = false;
                    break;
                }
            }
            self.hand_on(before, sink);
        }
        let now = clock::moment();
        self.hand_on(now, sink);
        if std::mem::take(&mut self.inbox.too_late) {
            self.group.pace.too_late(now);
        }
        if self.group.pace.is_loud() {
            self.inbox.pulse.loud(now);
        }
        if !self.unread && self.inbox.pulse.due() <= now {
            self.look(now)?;
        }
        Ok(())
    }

    async fn close(self) {
        // What was only counted since the last look; a counter that cannot be read now is no trouble any more.
        let Self {
            table, mut inbox, ..
        } = self;
        if let Ok(Some(counters)) = Counters::read() {
            let Found { counted, .. } = inbox.pulse.look(counters, clock::moment());
            inbox.health.counted(counted);
        }
        table.remove().await;
    }
}
