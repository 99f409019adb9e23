//! What a packet of a flood costs from the kernel's datagram to detection: netlink, IP, event, watcher.
//!
//!     watch                         by criterion, in time
//!     watch --packets N FLOOD       N packets and no more, for a program that counts instructions (scripts/instructions.sh)
//!
//! FLOOD is one of those below, or 1000-fast: SYNs of 1000 senders in turn; with -slow they make no flood, and each is watched.

use std::{env, hint::black_box};

use criterion::{Criterion, Throughput};
use wallwatch_helper::{
    alert::Change,
    decode::{
        self,
        nflog::{Message, Messages},
        verdict_of,
    },
    detect::Config,
    event::{Event, Feed, Prefix, Timestamp, bounded},
    neighbourhood::Neighbourhood,
    packet::Packet,
    watcher::Watcher,
};

/// 2026-11-22 12:00 UTC.
const NOW: Timestamp = Timestamp(1_795_348_800_000_000);
/// From one packet to the next, in microseconds: 250,000 a second.
const GAP: i64 = 4;
/// The same for senders who make no flood: 20 a second.
const SLOW_GAP: i64 = 50_000;
/// Records of a datagram.
const RECORDS: u32 = 64;
/// So many different datagrams: more packets than any table remembers, and as many as the sender of `make bench-sources` makes.
const DATAGRAMS: u32 = 256;

/// Whose packets come: the name of a flood, and the address and port of its `n`-th packet.
type Flood = (&'static str, fn(u32) -> (u32, u16));

/// 10.99.16.0, where the sender of `make bench-sources` begins.
const FLOODERS: u32 = 0x0a63_1000;
/// Knuth's factor, 2^32 over the golden ratio: numbers without a visible order.
const SCATTER: u32 = 2_654_435_761;
const FLOODS: [Flood; 4] = [
    ("scan", |n| (0xc633_6409, low(n))),
    ("many-scans", |n| {
        (FLOODERS + n % 200, low(n.wrapping_mul(SCATTER) >> 16))
    }),
    ("one-port", |n| (FLOODERS + n % 200, 80)),
    ("spoofed", |n| {
        (n.wrapping_mul(SCATTER) & 0x7fff_ffff | 0x0100_0000, 80)
    }),
];

fn low(number: u32) -> u16 {
    u16::try_from(number & 0xffff).unwrap_or_default()
}

/// A message of `nfnetlink_log` with the attributes that the kernel writes for a veth pair.
fn message(n: u32, (src, dport): (u32, u16)) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40];
    packet.extend(low(n).to_be_bytes());
    packet.extend([0x40, 0, 64, 6, 0, 0]);
    packet.extend(src.to_be_bytes());
    packet.extend([10, 99, 0, 2]);
    packet.extend((32_768 | low(n)).to_be_bytes());
    packet.extend(dport.to_be_bytes());
    packet.extend(n.to_be_bytes());
    packet.extend([0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0]);
    let ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    let attributes: [(u16, &[u8]); 9] = [
        (1, &[8, 0, 1, 0]),
        (10, b"BENCH-DROP\0"),
        (4, &2_u32.to_be_bytes()),
        (8, &[0, 6, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0]),
        (15, &1_u16.to_be_bytes()),
        (17, &14_u16.to_be_bytes()),
        (16, &ethernet),
        (12, &n.to_be_bytes()),
        (9, &packet),
    ];
    let mut body = vec![2, 0, 0, 7];
    for (kind, value) in attributes {
        let len = u16::try_from(value.len() + 4).unwrap_or_default();
        body.extend(len.to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let len = u32::try_from(body.len() + 16).unwrap_or_default();
    [
        &len.to_ne_bytes()[..],
        &0x0400_u16.to_ne_bytes(),
        &[0; 10],
        &body,
    ]
    .concat()
}

fn datagrams((_, packet): Flood) -> Vec<Vec<u8>> {
    let datagram = |first: u32| {
        (first..first + RECORDS)
            .flat_map(|n| message(n, packet(n)))
            .collect()
    };
    (0..DATAGRAMS)
        .map(|number| datagram(number * RECORDS))
        .collect()
}

/// What stands behind the socket.
struct Helper {
    watcher: Watcher,
    /// The one that every record is written into, as the source of the user's own rules has one.
    event: Event,
    /// From one packet to the next, in microseconds.
    gap: i64,
    changes: Vec<Change>,
}

impl Helper {
    fn new(gap: i64) -> Self {
        Self {
            watcher: Watcher::new(Config::default(), Neighbourhood::default(), 1),
            event: Event {
                time: NOW,
                packet: Packet::BLANK,
                verdict: verdict_of("BENCH-DROP"),
                feed: Feed::Nflog,
                trusted: true,
                interface: bounded("victim0"),
                prefix: Prefix::new(),
                group: false,
            },
            gap,
            changes: Vec::new(),
        }
    }

    fn take(&mut self, datagram: &[u8]) {
        for message in Messages(datagram) {
            let Message::Record(record) = message else {
                continue;
            };
            let event = &mut self.event;
            if decode::ip_packet_into(record.payload(), &mut event.packet).is_err() {
                continue;
            }
            event.time = event.time.plus(self.gap);
            event.group = record.is_to_group() || event.packet.is_to_group();
            self.watcher.observe(event, &mut self.changes);
        }
        black_box(&self.changes);
        self.changes.clear();
    }
}

/// Sends SYNs of so many senders in turn, each to one port after the other: so many packets.
fn crowd(senders: u32, gap: i64, packets: usize) {
    let mut datagrams = datagrams(FLOODS[0]);
    let mut helper = Helper::new(gap);
    let mut n = 0_u32;
    for number in 0..packets / RECORDS as usize {
        let datagram = &mut datagrams[number % DATAGRAMS as usize];
        let length = datagram.len() / RECORDS as usize;
        for record in datagram.chunks_mut(length) {
            // The packet ends the record: 20 bytes of IP, the source at the 13th, and 20 of TCP, the destination port at the 3rd.
            let src = (n % senders).wrapping_mul(SCATTER) & 0x3fff_ffff | 0x4000_0000;
            record[length - 28..length - 24].copy_from_slice(&src.to_be_bytes());
            record[length - 18..length - 16].copy_from_slice(&low(n / senders).to_be_bytes());
            n += 1;
        }
        helper.take(datagram);
    }
}

fn main() {
    let words: Vec<String> = env::args().collect();
    if let [_, option, packets, name, ..] = words.as_slice()
        && option == "--packets"
    {
        let packets: usize = packets.parse().expect("a number");
        if let Some((senders, speed)) = name.split_once('-')
            && let Ok(senders) = senders.parse()
        {
            crowd(
                senders,
                if speed == "slow" { SLOW_GAP } else { GAP },
                packets,
            );
            return;
        }
        let flood = FLOODS.into_iter().find(|(known, _)| known == name);
        let datagrams = datagrams(flood.expect("scan, many-scans, one-port or spoofed"));
        let mut helper = Helper::new(GAP);
        for datagram in datagrams.iter().cycle().take(packets / RECORDS as usize) {
            helper.take(datagram);
        }
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("watch");
    group.throughput(Throughput::Elements(u64::from(RECORDS * DATAGRAMS)));
    for flood in FLOODS {
        let datagrams = datagrams(flood);
        let mut helper = Helper::new(GAP);
        group.bench_function(flood.0, |bencher| {
            bencher.iter(|| {
                for datagram in &datagrams {
                    helper.take(black_box(datagram));
                }
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
