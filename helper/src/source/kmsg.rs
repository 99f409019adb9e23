//! LOG lines in the kernel's own log: what the rules of the user's firewall write, by whatever front end they were made.
//!
//! Any process of root's can write a line into the log that looks like a firewall's. The kernel gives such a line another facility
//! than its own, so facility 0 alone is believed.

use std::{io, sync::Arc};

use super::{Sink, Source, Trouble, health::Health, start_command};
use crate::{
    clock, decode,
    event::{Event, Feed, Timestamp},
    sys::kmsg::{Kmsg as File, PATH},
};

/// One record is read at a time; the kernel's are shorter (`CONSOLE_EXT_LOG_MAX` and `PRINTK_MESSAGE_MAX` in
/// kernel/printk/internal.h).
const BUFFER: usize = 8192;
/// Should they become longer some day, so much room is made for one: otherwise it would be in the way of all behind it.
const LARGEST_BUFFER: usize = 1024 * 1024;
/// So many records are read before others have their turn.
const RECORDS_A_TURN: usize = 512;

/// The kernel's log from now on.
#[derive(Debug)]
pub struct Kmsg {
    file: File,
    buffer: Vec<u8>,
    expected: Option<u64>,
    clock: WallClock,
    health: Arc<Health>,
}

/// Tells the time of records, which are stamped by a clock of the kernel's that began with the machine.
///
/// That clock stands still during suspend and is not corrected by NTP, so over weeks it goes wrong by seconds and by whole nights.
/// But a record that is read when nothing had to be read before was written just now: it tells by how much the two clocks differ,
/// and those behind it are told by that. None is later than the moment at which it is read, so the error is never larger than
/// that of taking that moment, and none is earlier than the one before while the wall clock is not set back.
#[derive(Debug, Default)]
struct WallClock {
    /// By how many microseconds the wall clock is ahead of the kernel's; `None` when the next record is a fresh one.
    ahead: Option<i64>,
    last: Timestamp,
}

impl WallClock {
    /// Everything was read: the next record is a fresh one.
    const fn caught_up(&mut self) {
        self.ahead = None;
    }

    /// The time of a record that was stamped so many microseconds after the start, and is read now.
    fn time(&mut self, micros: i64, now: Timestamp) -> Timestamp {
        let ahead = *self.ahead.get_or_insert(now.0.saturating_sub(micros));
        let mut time = Timestamp(micros.saturating_add(ahead)).min(now);
        if self.last <= now {
            time = time.max(self.last);
        }
        self.last = time;
        time
    }
}

impl Kmsg {
    /// Opens the log.
    #[expect(clippy::unused_async, reason = "every source is opened alike")]
    pub async fn open(health: Arc<Health>) -> Result<Self, Trouble> {
        Self::with_room(BUFFER, health)
    }

    /// Opens the log and makes so much room for a record.
    fn with_room(room: usize, health: Arc<Health>) -> Result<Self, Trouble> {
        // Only the newest record tells which number comes next, and without it nobody would know how many were overwritten before the
        // first one was read.
        let mut expected = None;
        let passed = |record: &[u8]| {
            if let Some(record) = parse(record) {
                expected = Some(record.sequence.saturating_add(1));
            }
        };
        let file = File::open(passed).map_err(|error| refusal(&error))?;
        Ok(Self {
            file,
            buffer: vec![0; room],
            expected,
            clock: WallClock::default(),
            health,
        })
    }

    /// Reads a record; `None` when there is none, and no bytes where it was overwritten or had no room.
    fn record(&mut self) -> Result<Option<usize>, Trouble> {
        match self.file.try_receive(&mut self.buffer) {
            Ok(0) => Err(Trouble::new("The kernel's log ended.", "")),
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            // Records were overwritten: the gap in their numbers will tell how many.
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => Ok(Some(0)),
            // The kernel leaves a record out for which there is no room (`devkmsg_read`, kernel/printk/printk.c); the gap
            // tells of it, and the next one of its length finds room.
            Err(error)
                if error.raw_os_error() == Some(libc::EINVAL)
                    && self.buffer.len() < LARGEST_BUFFER =>
            {
                self.buffer.resize(self.buffer.len() * 2, 0);
                Ok(Some(0))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Some(0)),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// Takes in one record.
    fn take<S: Sink>(&mut self, len: usize, now: Timestamp, sink: &mut S) {
        let Some(record) = parse(&self.buffer[..len]) else {
            return;
        };
        let missing = self
            .expected
            .map_or(0, |expected| record.sequence.saturating_sub(expected));
        if missing > 0 {
            self.health.lost(missing);
        }
        self.expected = Some(record.sequence.saturating_add(1));
        let time = self.clock.time(record.micros, now);
        if let Some(event) = event(&record, time) {
            sink.packet(&event);
        }
    }
}

impl Source for Kmsg {
    async fn ready(&mut self) -> Result<(), Trouble> {
        self.file.readable().await.map_err(|error| refusal(&error))
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        let now = clock::now();
        for _ in 0..RECORDS_A_TURN {
            match self.record()? {
                Some(0) => {}
                Some(len) => self.take(len, now, sink),
                None => {
                    self.clock.caught_up();
                    break;
                }
            }
        }
        Ok(())
    }

    async fn close(self) {}
}

/// One record of the log: `priority,sequence,microseconds,flags;text` (Documentation/ABI/testing/dev-kmsg).
#[derive(Debug, PartialEq, Eq)]
struct Record<'a> {
    facility: u32,
    sequence: u64,
    /// Microseconds after the start.
    micros: i64,
    text: &'a str,
}

fn parse(bytes: &[u8]) -> Option<Record<'_>> {
    // Text that is no UTF-8 is no line of the firewall's: it writes ASCII, and the kernel escapes the rest.
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, text) = text.split_once(';')?;
    let mut fields = head.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let sequence = fields.next()?.parse().ok()?;
    let micros = fields.next()?.parse().ok()?;
    // Lines behind the first hold the names of devices.
    Some(Record {
        facility: priority >> 3,
        sequence,
        micros,
        text: text.lines().next().unwrap_or_default(),
    })
}

/// The event of a record that the kernel's firewall wrote about a packet that came in.
fn event(record: &Record<'_>, time: Timestamp) -> Option<Event> {
    if record.facility != 0 {
        return None;
    }
    let mut report = decode::log_line(&decode::kmsg::unescaped(record.text.as_bytes())).ok()?;
    report.feed = Feed::Kmsg;
    report.trusted = true;
    report.into_event(time)
}

fn refusal(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Trouble::new(
            format!(
                "The helper may not read {PATH}: it was started without the capability CAP_SYSLOG."
            ),
            start_command(),
        ),
        io::ErrorKind::NotFound => Trouble::new(
            format!(
                "There is no {PATH} here, as in many containers, so LOG lines of the firewall cannot be read."
            ),
            "wallwatchctl capture on",
        ),
        _ => Trouble::new(format!("{PATH} cannot be read: {error}."), ""),
    }
}

#[cfg(test)]
mod tests {
    use wallwatch_dbus::Verdict;

    use super::*;

    const LINE: &str = "[UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:02:02:00:00:00:00:01:08:00 SRC=192.0.2.7 DST=192.0.2.1 LEN=44 \
                        TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=TCP SPT=40000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0";

    fn read(record: &str) -> Option<Event> {
        event(&parse(record.as_bytes())?, Timestamp(0))
    }

    #[test]
    fn a_line_of_the_kernels_becomes_an_event() {
        let event = read(&format!("4,1234,5678,-;{LINE}\n SUBSYSTEM=net\n")).unwrap();
        assert_eq!(event.verdict, Verdict::Dropped);
        assert_eq!(event.packet.dport(), Some(22));
        assert_eq!(&*event.interface, "eth0");
        assert!(event.trusted);
    }

    #[test]
    fn a_prefix_that_the_kernel_had_to_escape_is_the_rules_own() {
        let line = LINE.replace("[UFW BLOCK]", r"\xc2\xab drop \x5c");
        let event = read(&format!("4,1234,5678,-;{line}\n")).unwrap();
        assert_eq!(&*event.prefix, "\u{ab} drop \\");
    }

    #[test]
    fn a_line_that_a_process_wrote_never_becomes_an_event() {
        for priority in [8 + 4, 12, 14, 16, 30, 191] {
            assert_eq!(
                read(&format!("{priority},1234,5678,-;{LINE}\n")),
                None,
                "priority {priority}"
            );
        }
    }

    #[test]
    fn a_line_about_our_own_packets_is_left_out() {
        let outbound = LINE.replace("IN=eth0 OUT=", "IN= OUT=eth0");
        assert_eq!(read(&format!("4,1234,5678,-;{outbound}\n")), None);
    }

    #[test]
    fn records_have_the_time_at_which_they_were_written_and_none_is_of_the_future() {
        const START: i64 = 1_800_000_000_000_000;
        let mut clock = WallClock::default();
        let mut time = |micros, now| clock.time(micros, Timestamp(START + now)).0 - START;
        // The first is fresh; those that waited behind it keep their distance.
        assert_eq!(time(1_000_000, 0), 0);
        assert_eq!(time(1_000_500, 9_000), 500);
        assert_eq!(time(1_000_400, 9_000), 500, "none goes back");
        assert_eq!(time(1_020_000, 9_000), 9_000, "none is later than now");
        // The machine slept for an hour, in which the kernel's clock stood still.
        clock.caught_up();
        let hour = 3_600_000_000;
        let mut time = |micros, now| clock.time(micros, Timestamp(START + now)).0 - START;
        assert_eq!(time(1_030_000, hour), hour);
        assert_eq!(time(1_030_700, hour + 800), hour + 700);
        // The wall clock is set back an hour.
        assert_eq!(time(1_030_900, 900), 900);
        assert_eq!(time(1_031_000, 1_000), 1_000);
    }

    /// Hands in nothing.
    struct Nobody;

    impl Sink for Nobody {
        fn packet(&mut self, _: &Event) {}
        fn passed_after_all(&mut self, _: &Event) {}
        fn flow(&mut self, _: &crate::flow::Flow) {}
    }

    #[tokio::test]
    async fn a_record_that_is_longer_than_the_buffer_makes_room_for_the_next() {
        use std::io::Write as _;
        let log = std::fs::OpenOptions::new().write(true).open(PATH);
        let Ok(mut log) = log else {
            eprintln!("skipped: only root may write to {PATH}");
            return;
        };
        let mut kmsg = Kmsg::with_room(16, Arc::new(Health::new("kmsg"))).unwrap();
        // 16 bytes, 32, 64: three are left out at most.
        let before = kmsg.expected;
        for number in 1..=4 {
            log.write_all(format!("wallwatch test: record {number}\n").as_bytes())
                .unwrap();
        }
        while kmsg.expected == before {
            kmsg.ready().await.unwrap();
            kmsg.drain(&mut Nobody).unwrap();
        }
        assert!((64..=BUFFER).contains(&kmsg.buffer.len()));
    }

    #[test]
    fn rubbish_is_left_out() {
        for record in [
            "",
            ";",
            "4;",
            "x,1,2,-;text",
            "4,1,2,-;",
            "4,x,2,-;text",
            "4,1,x,-;text",
            "4,1,2,-;IN=",
            "99999999999,1,2,-;x",
        ] {
            assert_eq!(read(record), None, "{record}");
        }
        assert_eq!(parse(&[0xff, b';']), None);
    }
}
