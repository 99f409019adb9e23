//! The whole way from an event to alerts, as one value without clock or sources.

use std::net::{IpAddr, Ipv4Addr};

use wallwatch_dbus::Verdict;

use crate::{
    alert::{Change, Incidents},
    detect::{self, Class, Scan, classify},
    event::{Event, Feed, Interface, Prefix, Timestamp},
    neighbourhood::Neighbourhood,
    packet::{Packet, Protocol, Tcp, TcpFlags, Transport},
};

/// Takes events and times, gives changes of incidents.
#[derive(Debug)]
pub struct Watcher {
    neighbourhood: Neighbourhood,
    scan: Scan,
    incidents: Incidents,
}

impl Watcher {
    /// A watcher that has seen nothing. The first change is numbered `next_seq`.
    #[must_use]
    pub fn new(config: detect::Config, neighbourhood: Neighbourhood, next_seq: u64) -> Self {
        // The number of the first change is the time of the start to the microsecond, which no stranger knows.
        Self {
            neighbourhood,
            scan: Scan::new(config, next_seq),
            incidents: Incidents::new(config, next_seq),
        }
    }

    /// Takes over what is newly known of this machine.
    pub fn set_neighbourhood(&mut self, neighbourhood: Neighbourhood) {
        self.neighbourhood = neighbourhood;
    }

    /// Looks at one event of a packet that came to this machine; what this machine sends is no event.
    pub fn observe(&mut self, event: &Event, changes: &mut Vec<Change>) {
        if self.incidents.due().is_some_and(|due| due <= event.time) {
            self.incidents.tick(event.time, changes);
        }
        if let Class::Probe(probe) = classify(event, &self.neighbourhood) {
            let sighting = self.scan.observe(event, &probe, &self.neighbourhood);
            self.incidents.observe(event, &probe, &sighting, changes);
        }
    }

    /// Does what time alone asks for: holds back no update longer than due, closes what is over.
    pub fn tick(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        self.incidents.tick(now, changes);
    }

    /// When [`Self::tick`] is due; `None` where nothing waits.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Timestamp> {
        self.incidents.due()
    }

    /// Raises a test alert and says which incident it is.
    pub fn test_alert(&mut self, now: Timestamp, changes: &mut Vec<Change>) -> u64 {
        self.incidents.test(&test_event(now), changes)
    }

    /// How many incidents are open.
    #[must_use]
    pub fn open_incidents(&self) -> usize {
        self.incidents.open()
    }

    /// The number of the latest change.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.incidents.last_seq()
    }
}

/// The packet that a test alert tells of: both addresses are kept for documentation (RFC 5737).
fn test_event(now: Timestamp) -> Event {
    let tcp = Tcp {
        sport: 40000,
        dport: 22,
        seq: None,
        ack: None,
        flags: TcpFlags::SYN,
        window: 64240,
        urgp: 0,
        options: None,
    };
    let packet = Packet {
        src: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        dst: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
        protocol: Protocol::TCP,
        len: 60,
        ttl: 64,
        tos: 0,
        ip_id: None,
        df: true,
        fragment: None,
        has_options: false,
        transport: Transport::Tcp(tcp),
    };
    Event {
        time: now,
        packet,
        verdict: Verdict::Unknown,
        feed: Feed::Test,
        trusted: true,
        interface: Interface::new(),
        prefix: Prefix::new(),
        group: false,
    }
}
