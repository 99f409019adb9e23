//! What the firewall did with a packet: pairs its record from before every filter with the one from behind them.
//!
//! The own table logs a packet twice: `ww:seen` before the user's firewall and `ww:pass` behind it (`ww:nat` where NAT changed the destination). The second follows in the same
//! run of the kernel's receive path, so a seen record that has waited for a moment without its pass was dropped or rejected,
//! by whatever firewall there is. Where records may be missing nothing is claimed: the verdict is unknown. Events leave in
//! the order they came. A pass record that comes after its packet was told as dropped (the kernel's processor had been taken
//! away in between) corrects what was told. Pure: the moment is an argument.

use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::{
    event::{Event, Verdict},
    packet::{Packet, Protocol, Transport},
};

/// So many records wait at most; at the 20,000/s that the table lets through, 60 ms of patience hold 1,200.
const MOST_PENDING: usize = 4096;
/// So many may wait without that memory is given back behind a flood.
const USUAL_PENDING: usize = 256;
/// So many packets that were told as dropped are remembered, in case their pass record comes yet.
const MOST_TOLD: usize = 256;
/// For so long they are.
const TOLD_FOR: Duration = Duration::from_secs(1);
/// For so long after the table said that it left out `pass` records, none that is missing proves anything.
const UNSURE_FOR: Duration = Duration::from_millis(200);

/// What two records of one packet have in common, whichever chain they were written in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    src: IpAddr,
    protocol: Protocol,
    len: u32,
    ip_id: Option<u32>,
    sport: Option<u16>,
    /// TCP's sequence number, or the identifier and number of an ICMP message with its type.
    detail: (Option<u32>, u32),
}

impl Key {
    fn of(packet: &Packet) -> Self {
        let detail = match &packet.transport {
            Transport::Tcp(tcp) => (tcp.seq, u32::from(tcp.flags.0)),
            Transport::Icmp(icmp) => {
                let echo = icmp
                    .id
                    .zip(icmp.seq)
                    .map(|(id, seq)| u32::from(id) << 16 | u32::from(seq));
                (echo, u32::from(icmp.kind) << 8 | u32::from(icmp.code))
            }
            _ => (None, 0),
        };
        Self {
            src: packet.src,
            protocol: packet.protocol,
            len: packet.len,
            ip_id: packet.ip_id,
            sport: packet.sport(),
            detail,
        }
    }
}

#[derive(Debug)]
struct Pending {
    event: Event,
    key: Key,
    since: Instant,
    passed: bool,
    /// Would a missing pass record prove that the packet was stopped?
    sure: bool,
}

/// A packet that was told as dropped.
#[derive(Debug)]
struct Told {
    event: Event,
    key: Key,
    at: Instant,
}

/// Records that wait for their second half.
#[derive(Debug, Default)]
pub struct Pairing {
    pending: VecDeque<Pending>,
    told: VecDeque<Told>,
    unsure_until: Option<Instant>,
    /// Are records missing behind those that are still being read?
    overrun: bool,
}

impl Pairing {
    /// Nothing waits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A packet was seen before every filter.
    pub fn seen(&mut self, event: Event, now: Instant) {
        let key = Key::of(&event.packet);
        let sure = !self.overrun && self.unsure_until.is_none_or(|until| until < now);
        self.pending.push_back(Pending {
            event,
            key,
            since: now,
            passed: false,
            sure,
        });
    }

    /// A packet came out behind every filter; `rewritten` where NAT gave it another destination, as for a container's port or a
    /// port that is redirected to another. Returns the packet if it has been told as dropped before.
    pub fn pass(&mut self, packet: &Packet, rewritten: bool, now: Instant) -> Option<Event> {
        let key = Key::of(packet);
        let same_place = |event: &Event| {
            event.packet.dst == packet.dst && event.packet.dport() == packet.dport()
        };
        // From the newest on: a pass follows its seen closely, so this search is short.
        let found = self.pending.iter_mut().rev().find(|pending| {
            !pending.passed && pending.key == key && (rewritten || same_place(&pending.event))
        });
        if let Some(pending) = found {
            pending.passed = true;
            return None;
        }
        let late = self.told.iter().rposition(|told| {
            told.key == key
                && (rewritten || same_place(&told.event))
                && now.saturating_duration_since(told.at) <= TOLD_FOR
        })?;
        let Told { mut event, .. } = self.told.remove(late)?;
        event.verdict = Verdict::Passed;
        Some(event)
    }

    /// Records were lost: of those that wait none is known to have been stopped.
    pub fn gap(&mut self) {
        for pending in &mut self.pending {
            pending.sure = false;
        }
    }

    /// What waited to be read ran over: records are missing behind those that are still to be read.
    pub fn overrun(&mut self) {
        self.gap();
        self.overrun = true;
    }

    /// All that waited to be read has been read.
    pub fn caught_up(&mut self) {
        self.overrun = false;
        if self.pending.is_empty() && self.pending.capacity() > USUAL_PENDING {
            self.pending.shrink_to(USUAL_PENDING);
        }
    }

    /// The table left out `pass` records: for a while a missing one proves nothing.
    pub fn over(&mut self, now: Instant) {
        self.gap();
        self.unsure_until = Some(now + UNSURE_FOR);
    }

    /// The next event whose fate is known, or has been waited for long enough.
    pub fn next(&mut self, now: Instant, patience: Duration) -> Option<Event> {
        let first = self.pending.front()?;
        let waited = now.saturating_duration_since(first.since) >= patience;
        let crowded = self.pending.len() > MOST_PENDING;
        if !first.passed && !waited && !crowded {
            return None;
        }
        let Pending {
            mut event,
            key,
            passed,
            sure,
            ..
        } = self.pending.pop_front()?;
        event.verdict = match (passed, waited && sure) {
            (true, _) => Verdict::Passed,
            (false, true) => Verdict::Dropped,
            (false, false) => Verdict::Unknown,
        };
        if event.verdict == Verdict::Dropped {
            if self.told.len() >= MOST_TOLD {
                self.told.pop_front();
            }
            self.told.push_back(Told {
                event: event.clone(),
                key,
                at: now,
            });
        }
        Some(event)
    }

    /// When the first of those that wait will have waited long enough; `None` where none waits.
    #[must_use]
    pub fn deadline(&self, patience: Duration) -> Option<Instant> {
        self.pending.front().map(|pending| pending.since + patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock,
        event::{Feed, Interface, Prefix, Timestamp},
        packet::{IpOptions, Tcp, TcpFlags},
    };

    const PATIENCE: Duration = Duration::from_millis(20);

    fn packet(dport: u16) -> Packet {
        Packet {
            src: "192.0.2.7".parse().unwrap(),
            dst: "192.0.2.1".parse().unwrap(),
            protocol: Protocol::TCP,
            len: 44,
            ttl: 50,
            tos: 0,
            ip_id: Some(u32::from(dport) + 1),
            df: false,
            fragment: None,
            has_options: false,
            ip_options: IpOptions::new(),
            transport: Transport::Tcp(Tcp {
                sport: 40000,
                dport,
                seq: Some(1),
                ack: Some(0),
                flags: TcpFlags::SYN,
                window: 1024,
                urgp: 0,
                options: None,
            }),
        }
    }

    fn event(dport: u16) -> Event {
        Event {
            time: Timestamp(i64::from(dport)),
            packet: packet(dport),
            verdict: Verdict::Unknown,
            feed: Feed::Nflog,
            trusted: true,
            interface: Interface::default(),
            prefix: Prefix::default(),
            group: false,
        }
    }

    fn drain(pairing: &mut Pairing, now: Instant) -> Vec<(u16, Verdict)> {
        std::iter::from_fn(|| pairing.next(now, PATIENCE))
            .map(|event| (event.packet.dport().unwrap(), event.verdict))
            .collect()
    }

    /// A pass record in time.
    fn pass(pairing: &mut Pairing, packet: &Packet, rewritten: bool, now: Instant) {
        assert_eq!(pairing.pass(packet, rewritten, now), None);
    }

    #[test]
    fn a_packet_with_both_records_has_passed_and_one_without_pass_was_dropped() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        for dport in [22, 23, 80] {
            pairing.seen(event(dport), start);
        }
        pass(&mut pairing, &packet(22), false, start);
        pass(&mut pairing, &packet(80), false, start);
        assert_eq!(drain(&mut pairing, start), [(22, Verdict::Passed)]);
        assert_eq!(pairing.deadline(PATIENCE), Some(start + PATIENCE));
        let late = start + PATIENCE;
        assert_eq!(
            drain(&mut pairing, late),
            [(23, Verdict::Dropped), (80, Verdict::Passed)]
        );
        assert_eq!(pairing.deadline(PATIENCE), None);
    }

    #[test]
    fn after_a_gap_nothing_is_called_dropped() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        pairing.seen(event(22), start);
        pairing.gap();
        pairing.seen(event(23), start);
        let late = start + PATIENCE;
        assert_eq!(
            drain(&mut pairing, late),
            [(22, Verdict::Unknown), (23, Verdict::Dropped)]
        );
    }

    #[test]
    fn of_what_is_read_after_an_overrun_nothing_is_called_dropped() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        pairing.seen(event(22), start);
        pairing.overrun();
        // It waited in the socket; its pass was the first record that found no place there.
        pairing.seen(event(23), start);
        pairing.caught_up();
        pairing.seen(event(80), start);
        assert_eq!(
            drain(&mut pairing, start + PATIENCE),
            [
                (22, Verdict::Unknown),
                (23, Verdict::Unknown),
                (80, Verdict::Dropped)
            ]
        );
    }

    #[test]
    fn where_pass_records_are_left_out_nothing_is_called_dropped_for_a_while() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        pairing.over(start);
        pairing.seen(event(22), start);
        pairing.seen(event(23), start + UNSURE_FOR + Duration::from_millis(1));
        let late = start + UNSURE_FOR + PATIENCE * 2;
        assert_eq!(
            drain(&mut pairing, late),
            [(22, Verdict::Unknown), (23, Verdict::Dropped)]
        );
    }

    #[test]
    fn a_pass_behind_a_rewritten_destination_is_found_by_the_rest_of_the_packet() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        pairing.seen(event(8080), start);
        let mut rewritten = packet(8080);
        rewritten.dst = "172.17.0.2".parse().unwrap();
        pass(&mut pairing, &rewritten, false, start);
        assert_eq!(
            drain(&mut pairing, start),
            [],
            "without NAT the destination is the same"
        );
        pass(&mut pairing, &rewritten, true, start);
        assert_eq!(drain(&mut pairing, start), [(8080, Verdict::Passed)]);
    }

    #[test]
    fn two_like_packets_need_two_passes() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        pairing.seen(event(22), start);
        pairing.seen(event(22), start);
        pass(&mut pairing, &packet(22), false, start);
        let verdicts = drain(&mut pairing, start + PATIENCE);
        assert_eq!(verdicts.len(), 2);
        assert_eq!(
            verdicts
                .iter()
                .filter(|(_, verdict)| *verdict == Verdict::Passed)
                .count(),
            1
        );
    }

    #[test]
    fn a_crowd_is_let_go_without_a_claim_and_its_memory_too() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        for _ in 0..MOST_PENDING + 3 {
            pairing.seen(event(22), start);
        }
        assert_eq!(drain(&mut pairing, start), [(22, Verdict::Unknown); 3]);
        pairing.caught_up();
        assert_eq!(drain(&mut pairing, start + PATIENCE).len(), MOST_PENDING);
        pairing.caught_up();
        assert!(pairing.pending.capacity() < MOST_PENDING / 4);
    }

    #[test]
    fn a_pass_that_comes_too_late_corrects_what_was_told_once() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        pairing.seen(event(22), start);
        pairing.seen(event(23), start);
        let told = drain(&mut pairing, start + PATIENCE);
        assert_eq!(told, [(22, Verdict::Dropped), (23, Verdict::Dropped)]);
        let late = start + PATIENCE * 2;
        let corrected = pairing.pass(&packet(22), false, late).unwrap();
        assert_eq!(corrected.verdict, Verdict::Passed);
        assert_eq!(corrected.packet, packet(22));
        assert_eq!(pairing.pass(&packet(22), false, late), None, "but once");
        let much_later = start + TOLD_FOR + PATIENCE * 2;
        assert_eq!(pairing.pass(&packet(23), false, much_later), None);
    }

    #[test]
    fn a_pass_belongs_to_the_packet_that_waits_before_it_belongs_to_one_that_was_told() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        pairing.seen(event(22), start);
        let late = start + PATIENCE;
        assert_eq!(drain(&mut pairing, late), [(22, Verdict::Dropped)]);
        pairing.seen(event(22), late);
        pass(&mut pairing, &packet(22), false, late);
        assert_eq!(drain(&mut pairing, late), [(22, Verdict::Passed)]);
    }

    #[test]
    fn what_was_told_is_remembered_within_bounds() {
        let (mut pairing, start) = (Pairing::new(), clock::moment());
        let ports = 1..=u16::try_from(MOST_TOLD).unwrap() + 1;
        for dport in ports.clone() {
            pairing.seen(event(dport), start);
        }
        let late = start + PATIENCE;
        assert_eq!(drain(&mut pairing, late).len(), ports.len());
        assert_eq!(pairing.pass(&packet(1), false, late), None);
        assert!(pairing.pass(&packet(2), false, late).is_some());
        assert_eq!(pairing.told.len(), MOST_TOLD - 1);
    }
}
