//! A group that rules of the user log to, with prefixes of the user's choice: each packet is an event, as it comes.

use std::sync::Arc;

use super::{
    DATAGRAMS_A_TURN,
    group::{self, Group, Read},
    names::Names,
};
use crate::{
    clock,
    config::Config,
    decode::{
        self,
        nflog::{Hook, Record},
        verdict_of,
    },
    event::{Event, Feed, Interface, Prefix, Timestamp, Verdict, bounded},
    packet::Packet,
    source::{Sink, Source, Trouble, health::Health},
};

/// One group of the user's rules.
#[derive(Debug)]
pub struct Foreign {
    group: Group,
    names: Names,
    /// The event that every record is written into.
    event: Event,
    /// The prefix of the latest event as it came.
    prefix: Vec<u8>,
    /// Was reading given up before all was read?
    unread: bool,
    health: Arc<Health>,
}

impl Foreign {
    /// Becomes the listener of group `number`.
    pub fn open(number: u16, config: &Config, health: Arc<Health>) -> Result<Self, Trouble> {
        if number == config.group {
            return Err(Trouble::new(
                format!(
                    "NFLOG group {number} is the own table's: have your rules log to another, and name that in 'nflog.groups' in {}.",
                    config.path.display()
                ),
                "",
            ));
        }
        let group = Group::listen(number, Arc::clone(&health)).map_err(|error| {
            group::refusal(number, &error, |_| {
                (
                    "End that one, or let it log to a file and read that.",
                    String::new(),
                )
            })
        })?;
        Ok(Self {
            group,
            names: Names::default(),
            event: blank(),
            prefix: Vec::with_capacity(Prefix::new().capacity()),
            unread: false,
            health,
        })
    }
}

/// An event that is written over before anybody sees it.
fn blank() -> Event {
    Event {
        time: Timestamp::default(),
        packet: Packet::BLANK,
        verdict: Verdict::Unknown,
        feed: Feed::Nflog,
        trusted: true,
        interface: Interface::new(),
        prefix: Prefix::new(),
        group: false,
    }
}

/// Did the packet come to this machine, and is not on its way out?
fn has_come(record: &Record<'_>) -> bool {
    !record.is_outbound() && record.hook() != Some(Hook::POSTROUTING)
}

impl Source for Foreign {
    async fn ready(&mut self) -> Result<(), Trouble> {
        if self.unread {
            return Ok(());
        }
        self.group.readable().await
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        self.unread = true;
        for _ in 0..DATAGRAMS_A_TURN {
            let now = clock::moment();
            let Self {
                group,
                names,
                event,
                prefix,
                health,
                ..
            } = &mut *self;
            let read = group.read(now, |missing, time, record| {
                if missing > 0 {
                    health.lost(u64::from(missing));
                }
                if !has_come(record) {
                    return;
                }
                if decode::ip_packet_into(record.payload(), &mut event.packet).is_err() {
                    return;
                }
                event.time = time;
                event.group = record.is_to_group() || event.packet.is_to_group();
                event.interface = record
                    .input()
                    .map_or_else(Interface::new, |index| names.of(index, now));
                // Most records are of one rule.
                let of_rule = record.prefix();
                if prefix.as_slice() != of_rule {
                    prefix.clear();
                    prefix.extend_from_slice(of_rule);
                    let text = String::from_utf8_lossy(of_rule);
                    event.prefix = bounded(text.trim());
                    event.verdict = verdict_of(&text);
                }
                sink.packet(event);
            })?;
            if read == Read::Nothing {
                self.unread = false;
                break;
            }
        }
        Ok(())
    }

    async fn close(self) {}
}
