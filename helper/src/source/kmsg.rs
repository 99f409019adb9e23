//! LOG lines in the kernel's own log: what the rules of the user's firewall write, by whatever front end they were made.
//!
//! Any process of root's can write a line into the log that looks like a firewall's. The kernel gives such a line another facility
//! than its own, so facility 0 alone is believed.

use std::{io, sync::Arc};

use super::{Sink, Source, Trouble, health::Health, start_command};
use crate::{
    clock, decode,
    event::{Event, Feed},
    sys::kmsg::{Kmsg as File, PATH},
};

/// One record is read at a time; the kernel's are shorter (`CONSOLE_EXT_LOG_MAX` in kernel/printk/internal.h).
const BUFFER: usize = 8192;
/// So many records are read before others have their turn.
const RECORDS_A_TURN: usize = 512;

/// The kernel's log from now on.
#[derive(Debug)]
pub struct Kmsg {
    file: File,
    buffer: Vec<u8>,
    expected: Option<u64>,
    health: Arc<Health>,
}

impl Kmsg {
    /// Opens the log.
    #[expect(clippy::unused_async, reason = "every source is opened alike")]
    pub async fn open(health: Arc<Health>) -> Result<Self, Trouble> {
        let file = File::open().map_err(|error| refusal(&error))?;
        Ok(Self {
            file,
            buffer: vec![0; BUFFER],
            expected: None,
            health,
        })
    }

    /// Takes in one record.
    fn take<S: Sink>(&mut self, len: usize, sink: &mut S) {
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
        if let Some(event) = event(&record) {
            sink.packet(&event);
        }
    }
}

impl Source for Kmsg {
    async fn ready(&mut self) -> Result<(), Trouble> {
        self.file.readable().await.map_err(|error| refusal(&error))
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        for _ in 0..RECORDS_A_TURN {
            match self.file.try_receive(&mut self.buffer) {
                Ok(0) => return Err(Trouble::new("The kernel's log ended.", "")),
                Ok(len) => self.take(len, sink),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Records were overwritten: the gap in their numbers will tell how many. EINVAL: one was too long to read.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EPIPE | libc::EINVAL)) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(refusal(&error)),
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
    text: &'a str,
}

fn parse(bytes: &[u8]) -> Option<Record<'_>> {
    // Text that is no UTF-8 is no line of the firewall's: it writes ASCII, and the kernel escapes the rest.
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, text) = text.split_once(';')?;
    let mut fields = head.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let sequence = fields.next()?.parse().ok()?;
    // Lines behind the first hold the names of devices.
    Some(Record {
        facility: priority >> 3,
        sequence,
        text: text.lines().next().unwrap_or_default(),
    })
}

/// The event of a record that the kernel's firewall wrote about a packet that came in.
fn event(record: &Record<'_>) -> Option<Event> {
    if record.facility != 0 {
        return None;
    }
    let mut report = decode::log_line(&decode::kmsg::unescaped(record.text.as_bytes())).ok()?;
    report.feed = Feed::Kmsg;
    report.trusted = true;
    report.into_event(clock::now())
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
        event(&parse(record.as_bytes())?)
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
    fn rubbish_is_left_out() {
        for record in [
            "",
            ";",
            "4;",
            "x,1,2,-;text",
            "4,1,2,-;",
            "4,x,2,-;text",
            "4,1,2,-;IN=",
            "99999999999,1,2,-;x",
        ] {
            assert_eq!(read(record), None, "{record}");
        }
        assert_eq!(parse(&[0xff, b';']), None);
    }
}
